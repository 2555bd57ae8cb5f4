"""The command line: a user's mistake is one line and a status, tables fit 100 columns."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from minhos import cli
from minhos.console import WIDTH, EventPrinter, decision_table, utc
from minhos.errors import BadInputError, NightError
from minhos.night.events import Event

DECISION = {
    "instrument": "MNQZ25",
    "direction": -1,
    "contracts": -2,
    "p_up": 0.41,
    "confidence": 0.18,
    "agreement": 0.9,
    "member_p_up": {"lstm": 0.4, "xgboost": 0.42},
    "p_win": 0.58,
    "p_win_low": 0.55,
    "p_win_high": 0.61,
    "stop_ticks": 40,
    "target_ticks": 41,
    "horizon_bars": 6,
    "risk_fraction": -0.0123,
    "regime": {"calm": 0.7, "volatile": 0.3},
    "reason_words": ["capped by the maximum number of contracts"],
    "valid_until": 1_766_095_200_000_000,
    "data_through": 1_766_095_200_000_000,
    "release": "20251218-5m-0123456789ab",
}


def _printed(renderable: object) -> str:
    out = io.StringIO()
    Console(file=out, width=WIDTH, highlight=False).print(renderable)
    return out.getvalue()


def test_a_decision_table_says_everything_and_fits() -> None:
    text = _printed(decision_table([DECISION, DECISION]))
    for words in ("short", "-2", "0.410", "0.580 (0.550 to 0.610)", "40 and 41 ticks", "-0.0123", "calm 0.70"):
        assert words in text
    assert "2025-12-18 22:00 UTC" in text
    assert max(len(line.rstrip()) for line in text.splitlines()) <= WIDTH


def test_utc_is_utc() -> None:
    assert utc(0) == "1970-01-01 00:00 UTC"


def test_progress_is_shown_at_most_every_few_seconds_and_results_always() -> None:
    out, now = io.StringIO(), iter([10.0, 10.0, 11.0, 16.0, 16.0])
    printer = EventPrinter(Console(file=out, width=WIDTH), clock=lambda: next(now))
    for words in ("fold 1", "fold 2", "fold 3"):
        printer(Event("r", "train[lstm]", "progress", (words,)))
    printer(Event("r", "train[lstm]", "finished", ("accuracy 52 %",), 12.34))
    printer(Event("r", "gate", "failed", ("no [brackets] eaten",), 0.1))
    text = out.getvalue()
    assert "fold 1" in text and "fold 2" not in text and "fold 3" in text
    assert "train[lstm]" in text and "12.3 s" in text and "accuracy 52 %" in text
    assert "no [brackets] eaten" in text


@pytest.mark.parametrize(("error", "status"), [(BadInputError("bars: empty folder"), 2), (NightError("torn"), 1)])
def test_a_mistake_is_one_line_and_a_status(
    error: Exception, status: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(**_: object) -> None:
        raise error

    monkeypatch.setattr(cli, "app", fail)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == status
    assert capsys.readouterr().err == f"minhos: {error}\n"


def test_an_unknown_setting_is_an_error_of_the_request(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("MINHOS_GRPC_PRT", "9")
    monkeypatch.setattr("sys.argv", ["minhos", "status"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    assert "unknown environment variable MINHOS_GRPC_PRT" in capsys.readouterr().err
