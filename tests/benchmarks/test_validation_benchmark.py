"""The proof of validation counts what was caught, warned of and missed, and puts it where the document says."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.validation import report, with_proof
from benchmarks.validation_trials import Trial


def trial(
    kind: str | None,
    strength: int,
    *,
    found: tuple[str, ...] = (),
    warned: tuple[str, ...] = (),
    hit: int | None = None,
) -> Trial:
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
        hit=len(found) if hit is None else hit,
        seconds=1.0,
    )


def test_caught_warned_and_missed_are_told_apart() -> None:
    clean = [trial(None, 0, warned=("no_session_gap (1)",))]
    dirty = [
        trial("outlier_spike", 0, warned=("no_session_gap (1)",)),  # what the clean bars had warned of is nothing new
        trial("outlier_spike", 1, warned=("no_session_gap (1)", "no_lost_bars (1)")),
        trial("outlier_spike", 2, found=("no_spike",)),
    ]
    text = report(clean, dirty, [], [("all", 1000, 5e4)])
    (row,) = [line for line in text.splitlines() if "outlier_spike" in line]
    assert "| 0 / 0 / 1 | 0 / 1 / 0 | 1 / 0 / 0 | no_spike |" in row
    assert "0 windows with a finding" in text


def test_rows_that_are_held_in_the_place_of_the_wrong_ones_are_not_caught() -> None:
    dirty = [trial("mixed_price_bases", strength, found=("no_foreign_stretch",), hit=0) for strength in range(3)]
    text = report([trial(None, 0)], dirty, [], [])
    (row,) = [line for line in text.splitlines() if "mixed_price_bases`" in line]
    assert "| 0 / 0 / 1 | 0 / 0 / 1 | 0 / 0 / 1 |" in row
    assert "In 3 of 3 trials rows were held and none of them was wrong (mixed_price_bases)" in text


def test_false_alarms_on_the_placebo_stand_beside_their_budget() -> None:
    placebo = [replace(trial(None, 0), learned=10) for _ in range(58)]
    placebo += [replace(trial(None, 0, found=("no_spike",)), learned=10) for _ in range(2)]
    text = report([trial(None, 0)], [trial("outlier_spike", k) for k in range(3)], placebo, [])
    (words,) = [line for line in text.splitlines() if line.startswith("**Placebo, 5m.**")]
    # Clopper and Pearson's one-sided bound for 2 of 60: 10.14 %
    assert "60 series of 240,000 bars" in words
    assert (
        "2 with a finding that holds rows or excludes (3.3%, at most 10.1% with 95 % confidence; no_spike 2)" in words
    )
    assert "10.0 learned thresholds of 1% each that hold or exclude: together they may have 10.0%" in words


def test_the_proof_replaces_what_stood_between_its_marks() -> None:
    document = "before\n<!-- proof: begin -->\nold\n<!-- proof: end -->\nafter\n"
    assert with_proof(document, "new") == "before\n<!-- proof: begin -->\n\nnew\n\n<!-- proof: end -->\nafter\n"
    assert with_proof(with_proof(document, "new"), "new") == with_proof(document, "new")
