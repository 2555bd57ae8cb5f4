"""The document shows the features and signals as they are declared."""

from minhos.capabilities.prediction.feature_table import DOCUMENT, tables, with_tables
from minhos.capabilities.prediction.runtime.catalogue import CATALOGUE
from minhos.capabilities.prediction.runtime.traditional import TRADITIONAL


def test_the_document_is_what_the_declarations_say() -> None:
    document = DOCUMENT.read_text(encoding="utf-8")
    assert with_tables(document) == document, "run: .venv/bin/python -m minhos.capabilities.prediction.feature_table"


def test_every_feature_and_every_signal_has_its_line_and_no_other_cell() -> None:
    lines = tables().splitlines()
    names = [line.split("`")[1] for line in lines if line.startswith("| `")]
    assert names == [*CATALOGUE, *(signal.name for signal in TRADITIONAL)]
    for line in lines:
        if line.startswith("| `"):
            assert line.replace("\\|", "").count("|") == (4 if line.split("`")[1] not in CATALOGUE else 6)


def test_what_stood_between_the_marks_is_replaced() -> None:
    document = "before\n<!-- declarations: begin -->\nold\n<!-- declarations: end -->\nafter\n"
    assert with_tables(document) == with_tables(with_tables(document))
    assert "old" not in with_tables(document)
    assert with_tables(document).endswith("<!-- declarations: end -->\nafter\n")
