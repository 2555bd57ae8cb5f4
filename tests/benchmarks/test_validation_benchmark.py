"""The proof of validation counts what was caught, warned of and missed, and puts it where the document says."""

from __future__ import annotations

from benchmarks.validation import Trial, report, with_proof


def trial(kind: str | None, strength: int, *, found: tuple[str, ...] = (), warned: tuple[str, ...] = ()) -> Trial:
    return Trial(
        series="MNQZ25 5m",
        window="all",
        bars=4000,
        kind=kind,
        strength=strength,
        passed=True,
        found=found,
        warned=warned,
        wrong=2,
        held=len(found),
        hit=len(found),
        seconds=1.0,
    )


def test_caught_warned_and_missed_are_told_apart() -> None:
    clean = [trial(None, 0, warned=("no_session_gap (1)",))]
    dirty = [
        trial("outlier_spike", 0, warned=("no_session_gap (1)",)),  # what the clean bars had warned of is nothing new
        trial("outlier_spike", 1, warned=("no_session_gap (1)", "no_lost_bars (1)")),
        trial("outlier_spike", 2, found=("no_spike",)),
    ]
    text = report(clean, dirty, ["MNQZ25"])
    (row,) = [line for line in text.splitlines() if "outlier_spike" in line]
    assert "| 0 / 0 / 1 | 0 / 1 / 0 | 1 / 0 / 0 | no_spike |" in row
    assert "0 windows with a finding" in text


def test_the_proof_replaces_what_stood_between_its_marks() -> None:
    document = "before\n<!-- proof: begin -->\nold\n<!-- proof: end -->\nafter\n"
    assert with_proof(document, "new") == "before\n<!-- proof: begin -->\n\nnew\n\n<!-- proof: end -->\nafter\n"
    assert with_proof(with_proof(document, "new"), "new") == with_proof(document, "new")
