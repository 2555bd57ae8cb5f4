import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minhos.errors import BadInputError
from monitoring import drift
from monitoring.drift import MIN_ROWS, PSI_THRESHOLD, drift_report

NAMES = ["still", "moved", "wild"]


def samples(rows: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(rows, len(NAMES)))


def test_too_few_rows_are_undetermined_and_leave_no_report(tmp_path: Path) -> None:
    (tmp_path / "report.html").write_text("of an earlier night")

    result = drift_report(
        reference=samples(500, 0), current=samples(MIN_ROWS - 1, 1), names=NAMES, out=tmp_path, seed=0
    )

    assert result.status == "undetermined"
    assert result.share_drifted is None
    few = f"the current data has {MIN_ROWS - 1} usable rows, under {MIN_ROWS}"
    assert result.undetermined == dict.fromkeys(NAMES, few)
    assert "usable rows" in result.words
    assert list(tmp_path.iterdir()) == []
    json.dumps(result.as_json(), allow_nan=False)


@given(
    reference=st.integers(0, MIN_ROWS - 1),
    current=st.integers(0, 3 * MIN_ROWS),
    bad=st.sampled_from([np.nan, np.inf, -np.inf]),
)
@settings(max_examples=25, deadline=None)
def test_no_small_or_broken_sample_ever_raises_or_alarms(
    tmp_path_factory: pytest.TempPathFactory, reference: int, current: int, bad: float
) -> None:
    rows = samples(current, 1)
    rows[::2] = bad

    result = drift_report(
        reference=samples(reference, 0), current=rows, names=NAMES, out=tmp_path_factory.mktemp("out"), seed=0
    )

    assert result.status == "undetermined"
    assert result.current_rows_with_missing == len(rows[::2])


def test_constant_columns_are_undetermined(tmp_path: Path) -> None:
    constant = np.full((500, 3), 7.0)

    result = drift_report(reference=constant, current=constant, names=NAMES, out=tmp_path, seed=0)

    assert set(result.undetermined.values()) == {"one constant value on both sides"}


@pytest.mark.parametrize(
    ("reference", "current", "names", "message"),
    [
        (samples(5, 0), samples(5, 0)[:, :2], NAMES, r"current \[5, 2\] must be \[rows, 3\]"),
        (samples(5, 0), samples(5, 0), NAMES[:2], r"must be \[rows, 2\]"),
        (samples(5, 0)[0], samples(5, 0), NAMES, r"reference \[3\]"),
        (samples(5, 0), samples(5, 0), ["a", "b", "a"], "names of the columns must differ"),
    ],
)
def test_shapes_that_do_not_fit_are_an_error(
    reference: np.ndarray, current: np.ndarray, names: list[str], message: str, tmp_path: Path
) -> None:
    with pytest.raises(BadInputError, match=message):
        drift_report(reference=reference, current=current, names=names, out=tmp_path, seed=0)


def test_a_cap_under_the_least_rows_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="max_rows is 10"):
        drift_report(reference=samples(5, 0), current=samples(5, 0), names=NAMES, out=tmp_path, seed=0, max_rows=10)


def test_importing_the_module_loads_no_heavy_library() -> None:
    assert not {"evidently", "pandas"} & set(vars(drift))


@pytest.mark.system
def test_evidently_finds_the_shifted_columns_behind_outliers_and_missing_values(tmp_path: Path) -> None:
    reference, current = samples(3000, 0), samples(900, 1)
    current[:, 1] += 1.5
    current[:, 2] += 1.5
    reference[0, 2], current[5, 2] = 1e9, -1e9  # without clipping, two bins and no drift
    current[:50, 0] = np.nan
    current[50, 1] = np.inf

    result = drift_report(reference=reference, current=current, names=NAMES, out=tmp_path, seed=0)

    assert set(result.drifted) == {"moved", "wild"}
    assert result.columns["still"] < PSI_THRESHOLD / 2
    assert result.share_drifted == pytest.approx(2 / 3)
    assert result.status == "drifted"
    assert (result.reference_rows_with_missing, result.current_rows_with_missing) == (0, 51)
    assert "2 of 3 features changed (PSI >= 0.2), most of all" in result.words
    assert {file.name for file in tmp_path.iterdir()} == {"report.html", "report.json"}
    report = json.loads((tmp_path / "report.json").read_text())
    assert {metric["config"].get("method") for metric in report["metrics"][1:]} == {"psi"}
    html = (tmp_path / "report.html").read_text()
    assert "moved" in html and "<html" in html

    again = drift_report(reference=reference, current=current, names=NAMES, out=tmp_path, seed=0)

    assert again == result


@pytest.mark.system
def test_evidently_gives_the_population_stability_index_of_a_hand_made_table(tmp_path: Path) -> None:
    """Two values (few, so Evidently takes them as they are): (0.5 - 0.8) ln(0.5/0.8) + (0.5 - 0.2) ln(0.5/0.2)."""
    reference = np.repeat([[0.0], [1.0]], [500, 500], axis=0)
    current = np.repeat([[0.0], [1.0]], [800, 200], axis=0)

    result = drift_report(reference=reference, current=current, names=["coin"], out=tmp_path, seed=0)

    by_hand = (0.5 - 0.8) * np.log(0.5 / 0.8) + (0.5 - 0.2) * np.log(0.5 / 0.2)
    assert result.columns["coin"] == pytest.approx(by_hand, rel=1e-12)


@pytest.mark.system
def test_large_samples_are_cut_to_the_same_rows_for_the_same_seed(tmp_path: Path) -> None:
    reference, current = samples(3000, 0), samples(3000, 1)

    def run(seed: int) -> drift.DriftResult:
        return drift_report(reference=reference, current=current, names=NAMES, out=tmp_path, seed=seed, max_rows=1000)

    assert run(1).reference_rows == 1000
    assert run(1) == run(1)
    assert run(1).columns != run(2).columns
