"""A small futures market with known rolls: NQ expiries whose sessions, prices and volumes the tests choose."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta

import numpy as np

from minhos.market_data.bars import BarSeries
from minhos.market_data.instruments import Instrument, RollRule, Session
from minhos.market_data.sessions import session_bounds

DAY_US = 86_400_000_000
BY_VOLUME = RollRule(by="volume")
BY_OPEN_INTEREST = RollRule(by="open_interest")
BY_DATE = RollRule(by="date", business_days_before_expiry=4)

# Globex hours without a holiday calendar: every weekday is a session and a business day
NQ = Instrument(
    symbol="NQ",
    description="E-mini Nasdaq-100, CME",
    tick_size=0.25,
    point_value=20.0,
    currency="USD",
    session=Session(zone="America/Chicago", open="17:00", close="16:00", weekdays=("mon", "tue", "wed", "thu", "fri")),
    commission_per_side=2.25,
    fee_fraction_per_side=0.0,
    slippage_ticks_per_side=0.5,
    max_contracts=20,
    aliases=("ENQ",),
    contract_months="HMUZ",
    expiry="third_friday",
    roll=BY_VOLUME,
)


def us(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000_000


def weekdays(first: str, count: int) -> list[date]:
    days = [date.fromisoformat(first) + timedelta(days=ahead) for ahead in range(2 * count + 7)]
    return [day for day in days if day.weekday() < 5][:count]


def level(bar_end: int) -> float:
    """The market's own price at a moment: a smooth path, the same for every expiry."""
    days = bar_end / DAY_US
    return 25_000.0 + 300.0 * float(np.sin(days)) + 40.0 * float(np.cos(23.0 * days))


def bars_of(
    code: str,
    volumes: Mapping[date, float],
    *,
    price: Callable[[int], float] = level,
    hours: Sequence[int] = (6, 3, 2, 1, 0),
    open_interest: Mapping[date, float] | None = None,
) -> BarSeries:
    """Hourly bars that end `hours` before each session's close; a session's volume is divided among its bars."""
    ends, volume, interest = [], [], []
    for day, total in volumes.items():
        close = session_bounds(day, NQ)[1]
        ends += [close - hour * 3_600_000_000 for hour in hours]
        volume += [total / len(hours)] * len(hours)
        interest += [np.nan if open_interest is None else open_interest.get(day, np.nan)] * len(hours)
    return _series(code, 3600, ends, volume, interest if open_interest is not None else None, price)


def daily_bars_of(
    code: str,
    volumes: Mapping[date, float],
    *,
    price: Callable[[int], float] = level,
    open_interest: Mapping[date, float] | None = None,
) -> BarSeries:
    """Daily bars as the platform stamps them: known at the midnight (UTC) that ends their date."""
    ends = [us(day.isoformat()) + DAY_US for day in volumes]
    interest = None if open_interest is None else [open_interest.get(day, np.nan) for day in volumes]
    return _series(code, 86_400, ends, list(volumes.values()), interest, price)


def _series(
    code: str,
    seconds: int,
    ends: Sequence[int],
    volume: Sequence[float],
    interest: Sequence[float] | None,
    price: Callable[[int], float],
) -> BarSeries:
    values = np.full((len(ends), 8), np.nan)
    if len(ends):
        close = np.array([price(end) for end in ends])
        values[:, :5] = np.stack([close - 1, close + 3, close - 2, close, np.array(volume)], axis=1)
    return BarSeries(
        symbol=code,
        timeframe_seconds=seconds,
        bar_end=np.array(ends, dtype=np.int64),
        values=values,
        open_interest=None if interest is None else np.array(interest),
    )


def december_roll(make: Callable[..., BarSeries] = bars_of) -> dict[str, BarSeries]:
    """NQZ25 and NQH26 over 2025-12-08 to 12-19: from the session of Monday the 15th on NQH26 is traded more.

    NQH26 costs 1 % more than NQZ25.
    """
    days = weekdays("2025-12-08", 10)
    crossed = [day >= date(2025, 12, 15) for day in days]
    old = {day: 100_000.0 if after else 400_000.0 for day, after in zip(days, crossed, strict=True)}
    new = {day: 450_000.0 if after else 90_000.0 for day, after in zip(days, crossed, strict=True)}
    return {"NQZ25": make("NQZ25", old), "NQH26": make("NQH26", new, price=lambda end: 1.01 * level(end))}
