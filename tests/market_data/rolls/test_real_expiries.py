"""Several expiries of ES in October 2013, minute by minute."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from minhos.market_data.bars import BarSeries
from minhos.market_data.instruments import Instruments
from minhos.market_data.resample import resample
from minhos.market_data.rolls.candidates import common_prices
from minhos.market_data.rolls.continuous import ADJUSTMENTS, continuous
from minhos.market_data.rolls.decide import build_schedule
from minhos.market_data.rolls.schedule import Roll
from minhos.market_data.sessions import session_bounds, share_outside_sessions
from minhos.market_data.timeframes import DAY_SECONDS

CODES = {"201312": "ESZ13", "201403": "ESH14", "201406": "ESM14", "201409": "ESU14", "201412": "ESZ14"}


@pytest.fixture
def minutes(real_data: Path) -> dict[str, BarSeries]:
    """Five expiries, trades of 2013-10-06 to 10-11: rows are ms since midnight in UTC, o, h, l, c, volume.

    Its description says New York. By the file's own clock the market rests from 20:15 to 20:30 and from 21:15 to 22:00 and
    its volume jumps at 13:30: in UTC these are the halt, the break and the cash open of Chicago in October 2013.
    """
    folder = real_data / "es_minute_2013" / "cme" / "minute" / "es"
    if not folder.is_dir():
        pytest.skip(f"no minutes of ES: {folder} is absent")
    rows: dict[str, list[list[float]]] = {code: [] for code in CODES.values()}
    for archive in sorted(folder.glob("*_trade.zip")):
        day = datetime.strptime(archive.name[:8], "%Y%m%d").replace(tzinfo=UTC)
        with zipfile.ZipFile(archive) as files:
            for name in files.namelist():
                code = CODES.get(name[-10:-4])
                if code is None:
                    continue
                for line in files.read(name).decode().splitlines():
                    milliseconds, *numbers = (float(cell) for cell in line.split(","))
                    end = day + timedelta(milliseconds=milliseconds, minutes=1)
                    rows[code].append([round(end.timestamp()) * 1_000_000, *numbers])
    series = {}
    for code, found in rows.items():
        table = np.array(found)
        values = np.full((len(table), 8), np.nan)
        values[:, :5] = table[:, 1:]
        series[code] = BarSeries(symbol=code, timeframe_seconds=60, bar_end=table[:, 0].astype(np.int64), values=values)
    return series


def test_no_minute_lies_outside_the_sessions_of_2013_and_days_have_every_one(
    minutes: dict[str, BarSeries], instruments: Instruments
) -> None:
    es = instruments.find("ESZ13")
    front = minutes["ESZ13"]
    assert share_outside_sessions(front, es) == 0.0
    days = resample(front, es, DAY_SECONDS, covers_until=int(front.bar_end[-1]) + 86_400_000_000)
    assert len(days) == 5
    assert days.column("volume").sum() == front.column("volume").sum()
    # read as New York, four hours later, they stand in the breaks
    late = replace(front, bar_end=front.bar_end + 4 * 3_600_000_000)
    assert share_outside_sessions(late, es) > 0.05


def test_ten_weeks_before_expiry_volume_holds_the_front_month(
    minutes: dict[str, BarSeries], instruments: Instruments
) -> None:
    schedule = build_schedule(minutes, instruments.find("ESZ13"))
    assert schedule.contracts == tuple(CODES.values())
    assert (schedule.first_contract, schedule.rolls) == ("ESZ13", ())
    made = continuous(minutes, schedule, adjustment="ratio", symbol="ES")
    np.testing.assert_array_equal(made.series.values, minutes["ESZ13"].values)


def test_a_roll_between_real_expiries_is_no_return(minutes: dict[str, BarSeries], instruments: Instruments) -> None:
    es = instruments.find("ESZ13")
    first_session = date(2013, 10, 10)
    effective_us = session_bounds(first_session, es)[0]
    old, new = minutes["ESZ13"], minutes["ESH14"]
    prices = common_prices(old.up_to(effective_us), new.up_to(effective_us))
    assert prices is not None
    assert -8.0 < prices.difference < -5.5  # dividends of a quarter against its interest, at 1 650
    by_hand = Roll(
        from_contract="ESZ13",
        to_contract="ESH14",
        first_session=first_session,
        effective_us=effective_us,
        decided_us=effective_us,
        reason="by hand",
        prices=prices,
    )
    schedule = build_schedule(minutes, es).model_copy(update={"rolls": (by_hand,)})
    for adjustment in ADJUSTMENTS:
        made = continuous(minutes, schedule, adjustment=adjustment, symbol="ES")
        (row,) = np.flatnonzero(made.roll_bar)
        assert made.schedule.rolls == (by_hand,)
        jump = np.log(made.unadjusted.column("close")[row] / made.unadjusted.column("close")[row - 1])
        # both markets were closed for the break; what is left is what ESH14 did less what ESZ13 did after the join
        assert abs(made.log_returns()[row]) < 0.002 < abs(jump)
        assert np.nansum(made.price_changes()) == pytest.approx(
            new.column("close")[-1] - prices.price_to + prices.price_from - old.column("close")[0]
        )
