"""One continuous series from the expiries of a future, back-adjusted or not, in which no roll looks like a return."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt

from minhos.errors import BadInputError, ConfigError
from minhos.market_data.bars import BarSeries, iso
from minhos.market_data.rolls.adjustment import ADJUSTMENTS, Adjustment, PriceScale, price_scale, why_no_ratio
from minhos.market_data.rolls.candidates import common_prices, newest_bar_us
from minhos.market_data.rolls.schedule import Roll, RollSchedule
from minhos.market_data.timeframes import DAY_SECONDS

__all__ = ["ADJUSTMENTS", "Adjustment", "ContinuousSeries", "continuous"]


@dataclass(frozen=True, eq=False)
class ContinuousSeries:
    """A continuous series of T bars, each of the contract that was held when it ended.

    `series`: prices adjusted, volumes and open interest each contract's own. `unadjusted`: the same bars as traded.
    `contract`: int64 [T], the index into `schedule.held` of the contract that bar t is of. `schedule`: the rolls that
    had taken effect by its `as_of_us`, with the prices at which these bars were joined. `scale`: from traded prices to
    adjusted ones. `words`: what people should know of how it was put together.

    Levels of an adjusted series are not prices at which anything traded: a later roll moves all that lies before it.
    Changes are: the newest contract's bars are as traded, in units of that contract.
    """

    series: BarSeries
    unadjusted: BarSeries
    contract: npt.NDArray[np.int64]
    schedule: RollSchedule
    adjustment: Adjustment
    scale: PriceScale
    words: tuple[str, ...] = ()

    def adjusted_by(self, adjustment: Adjustment) -> ContinuousSeries:
        """The same bars, adjusted in another way. Raises `BadInputError` as `continuous` does."""
        scale = _scale(self.unadjusted, self.contract, self.schedule.rolls, adjustment)
        return replace(self, series=scale.adjusted(self.unadjusted), adjustment=adjustment, scale=scale)

    @property
    def roll_bar(self) -> npt.NDArray[np.bool_]:
        """Bool [T]: bar t is the first one of its contract, and bar t-1 of an earlier contract."""
        return np.diff(self.contract, prepend=self.contract[:1]) > 0

    def log_returns(self) -> npt.NDArray[np.float64]:
        """Log return of bar t's close, float64 [T], known at `bar_end[t]`; NaN in the first row.

        The same for every adjustment: at a roll bar the return of the new contract since the bar at which the two
        were joined, less what the old one moved after it (0 where both traded to the end). NaN where the roll's prices
        are not known. Raises `BadInputError` where a close is not positive: use `price_changes`.
        """
        closes = self.unadjusted.column("close")
        below = np.flatnonzero(closes <= 0)
        if below.size:
            raise BadInputError(
                f"{self.series.symbol}: close {closes[below[0]]:g} at {iso(int(self.series.bar_end[below[0]]))} has no log "
                "return; use price_changes()"
            )
        steps = np.log([np.nan if roll.prices is None else roll.prices.ratio for roll in self.schedule.rolls])
        return self._changes(np.log(closes), steps)

    def returns(self) -> npt.NDArray[np.float64]:
        """Simple return of bar t's close as a fraction, float64 [T]: `log_returns`, compounded over one bar."""
        return np.expm1(self.log_returns())

    def price_changes(self) -> npt.NDArray[np.float64]:
        """Change of bar t's close in price units of the contract held, float64 [T]; rolls as in `log_returns`."""
        steps = [np.nan if roll.prices is None else roll.prices.difference for roll in self.schedule.rolls]
        return self._changes(self.unadjusted.column("close"), np.array(steps))

    def _changes(self, levels: npt.NDArray[np.float64], steps: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Differences of `levels` [T] without the step of each roll (`steps` [R]) that lies between two bars."""
        changes = np.diff(levels, prepend=np.nan)
        for row in np.flatnonzero(self.roll_bar):
            changes[row] -= steps[self.contract[row - 1] : self.contract[row]].sum()
        return changes


def continuous(
    contracts: Mapping[str, BarSeries],
    schedule: RollSchedule,
    *,
    adjustment: Adjustment,
    symbol: str,
    as_of_us: int | None = None,
) -> ContinuousSeries:
    """The continuous series `symbol` of the bars in `contracts` (by the schedule's codes, one timeframe).

    `as_of_us` (UTC us; default: the end of the newest bar): only bars with `bar_end <= as_of_us` and rolls in effect by
    then are used. To adjust an older bar by a roll that had not happened would be a look into the future.

    Back-adjustment leaves the newest contract as it is. "difference" adds to each earlier one what later contracts
    cost more, roll by roll: price changes are right, levels may become negative and returns from them are not right.
    "ratio" multiplies by their price ratios instead: returns are right, price changes and the tick grid are not.
    The prices are those of the last bar before the roll that both contracts have, in this timeframe; the
    schedule's own where there is none.

    Bars shorter than a day change contract at `effective_us`, a bar running over it being of the new one; daily and
    longer bars with the date `first_session`.
    Raises `BadInputError` for a contract that is missing, no bars, mixed timeframes, a roll without prices (unless
    "none"), and with "ratio" for a price that is not positive; `ConfigError` for another adjustment.
    """
    if adjustment not in ADJUSTMENTS:
        raise ConfigError(f"adjustment {adjustment!r} is not known; allowed are {', '.join(ADJUSTMENTS)}")
    given = {code: contracts[code] for code in schedule.held if code in contracts}
    as_of = newest_bar_us(given) if as_of_us is None else as_of_us
    happened = [roll for roll in schedule.rolls if roll.effective_us <= as_of]
    held = schedule.held[: len(happened) + 1]
    missing = [code for code in held if code not in given]
    if missing:
        raise BadInputError(f"{symbol}: no bars of {', '.join(missing)}, which the schedule holds; give them")
    timeframe = _one_timeframe(given)
    pieces = [given[code].up_to(as_of) for code in held]

    rolls: list[Roll] = []
    held_bars: list[BarSeries] = []
    start = 0
    for roll, old, new in zip(happened, pieces[:-1], pieces[1:], strict=True):
        stop, next_start = _first_row(old, roll), _first_row(new, roll)
        held_bars.append(old.slice(start, stop))
        prices = common_prices(old.slice(0, stop), new.slice(0, next_start)) or roll.prices
        rolls.append(roll.model_copy(update={"prices": prices}))
        start = next_start
    held_bars.append(pieces[-1].slice(start, len(pieces[-1])))
    unadjusted = _joined(held_bars, symbol, timeframe)
    contract = np.repeat(np.arange(len(held_bars)), [len(piece) for piece in held_bars])
    scale = _scale(unadjusted, contract, rolls, adjustment)
    return ContinuousSeries(
        series=scale.adjusted(unadjusted),
        unadjusted=unadjusted,
        contract=contract,
        schedule=schedule.model_copy(update={"rolls": tuple(rolls), "as_of_us": as_of}),
        adjustment=adjustment,
        scale=scale,
    )


def _scale(
    traded: BarSeries, contract: npt.NDArray[np.int64], rolls: Sequence[Roll], adjustment: Adjustment
) -> PriceScale:
    why = why_no_ratio(traded, rolls) if adjustment == "ratio" and rolls else None
    if why is not None:
        raise BadInputError(f'{traded.symbol}: {why}, so it cannot be adjusted by one; use adjustment="difference"')
    return price_scale(contract, rolls, adjustment)


def _one_timeframe(contracts: Mapping[str, BarSeries]) -> int:
    """The timeframe of all contracts, seconds; `BadInputError` where they differ."""
    timeframes = {series.timeframe_seconds: code for code, series in contracts.items()}
    if len(timeframes) != 1:
        found = ", ".join(f"{code} {seconds} s" for seconds, code in sorted(timeframes.items()))
        raise BadInputError(f"contracts of different timeframes: {found}; give all expiries in one timeframe")
    return next(iter(timeframes))


def _first_row(series: BarSeries, roll: Roll) -> int:
    """The first bar of `series` that lies after `roll`."""
    if series.timeframe_seconds < DAY_SECONDS:
        return int(np.searchsorted(series.bar_end, roll.effective_us, side="right"))
    day = roll.first_session
    end_of_day = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)
    return int(np.searchsorted(series.bar_end, round(end_of_day.timestamp()) * 1_000_000, side="left"))


def _joined(pieces: Sequence[BarSeries], symbol: str, timeframe_seconds: int) -> BarSeries:
    if not any(len(piece) for piece in pieces):
        raise BadInputError(f"{symbol}: no bars in the time the schedule holds each contract; give bars of that time")
    interests = [piece.open_interest for piece in pieces]
    known = [interest for interest in interests if interest is not None]
    return BarSeries(
        symbol=symbol,
        timeframe_seconds=timeframe_seconds,
        bar_end=np.concatenate([piece.bar_end for piece in pieces]),
        values=np.concatenate([piece.values for piece in pieces]),
        open_interest=np.concatenate(known) if len(known) == len(interests) else None,
    )
