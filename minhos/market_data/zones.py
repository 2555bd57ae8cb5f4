"""The time zone of stamps that do not say it, inferred from the moments at which the market opens and closes.

A chart shows local times and its export does not name the zone. The market does: no bar lies in the hour before an
open, one starts at it. Read in the right zone the breaks of the file are the breaks of the market, on either side of
every clock change; read in another they are not. What fits several zones, or none, is undecided and never guessed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Final

import numpy as np
import numpy.typing as npt

from minhos.market_data.instruments import Instrument, Session
from minhos.market_data.timeframes import DAY_SECONDS
from minhos.market_data.trading_hours import WEEKDAYS
from minhos.market_data.zone_candidates import Clock, candidates

__all__ = ["Inferred", "Undecided", "infer_zone"]

_EPOCH: Final = date(1970, 1, 1)
_MINUTE_US: Final = 60_000_000
_DAY_US: Final = DAY_SECONDS * 1_000_000
_NEAR_US: Final = 15 * _MINUTE_US  # under half of the half hour by which zones differ
_LEAST_OPENS: Final = 2
_LEAST_EDGES: Final = 4
_LEAST_SHARE: Final = 0.3
_MOST_AGAINST: Final = 0.05

_MOST_MISFIT_WEEKS: Final = 8
_DENSE: Final = 0.95
_FEW_EDGES: Final = 4
_LEAST_CHANCE: Final = 1e-3
_HOUR_US: Final = 60 * _MINUTE_US
_LEAST_REPEATED: Final = 2
_MOST_AHEAD_US: Final = 15 * _HOUR_US

Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Inferred:
    """The zone of a file. `words`: the evidence, `41 of 42 session opens (17:00 America/Chicago) fit; next best ...`.

    `given_fits`: how the zone that was given fits, in words, where it is another clock in this file; else None.
    """

    zone: str
    words: str
    given_fits: str | None = None


@dataclass(frozen=True)
class Undecided:
    """No zone can be told from the stamps; `words`: why."""

    words: str


@dataclass(frozen=True)
class _Fit:
    """How one clock fits, for each break of the market (int64 [K]): 1 it does, -1 it cannot be, 0 neither.

    `opens_seen`, `closes_seen` bool [K]: which of them the file could show. `closes_reached`: those up to which there are
    bars, whatever follows.
    """

    clock: Clock
    local: Integers
    opens: Integers
    closes: Integers
    opens_seen: Flags
    closes_seen: Flags
    closes_reached: int

    @property
    def points(self) -> int:
        return int(self.opens.sum() + self.closes.sum())

    @property
    def opens_fit(self) -> int:
        return int(np.count_nonzero(self.opens > 0))

    @property
    def opens_against(self) -> int:
        return int(np.count_nonzero(self.opens < 0))

    @property
    def closes_fit(self) -> int:
        return int(np.count_nonzero(self.closes > 0))

    def __str__(self) -> str:
        return (
            f"{self.clock} {self.opens_fit} of {np.count_nonzero(self.opens_seen)} opens and {self.closes_fit} of "
            f"{np.count_nonzero(self.closes_seen)} closes"
        )

    def beats(self, other: _Fit) -> bool:
        """By more than chance makes: twice the root of the number of edges that tell the two apart.

        Rare clocks differ from a usual one by a day or two in a year (Jerusalem from Athens): where the bars are at nearly
        every edge, one of these days is enough.
        """
        difference = np.concatenate((self.opens - other.opens, self.closes - other.closes))
        points = int(difference.sum())
        edges = np.count_nonzero(self.opens_seen) + np.count_nonzero(self.closes_seen)
        dense = self.opens_fit + self.closes_fit >= _DENSE * edges
        if dense and self.clock.is_usual and not other.clock.is_usual and np.count_nonzero(difference) <= _FEW_EDGES:
            return points >= 1
        return points >= max(2.0, 2.0 * np.count_nonzero(difference) ** 0.5)


def infer_zone(
    naive_starts_us: Integers, instrument: Instrument, *, timeframe_seconds: int, given: str | None = None
) -> Inferred | Undecided:
    """The zone in which bars of `instrument` are stamped.

    `naive_starts_us` int64 [T]: the start of each bar in the unknown local time, as if it were UTC us, in any order.
    `timeframe_seconds`: 1 for bars without a length. `given`: the zone that the user says, a candidate like the others.
    Candidates are UTC, the instrument's own zone, the zones of the large markets, every whole hour (`Etc/GMT+9`), one zone
    for each other rule of summer time; among those that have the same clock all over the file the given one and then
    the first in this order is taken, and the words say so. Clocks of brokers that no zone has (New York + 7 h) are weighed
    too: a file that fits one of them is undecided.

    At each open of the session a zone gains a point where the first bar stands at it (up to 15 minutes late, or the bar
    runs over it, as Sierra's hourly index bars do) after a real gap; it loses one where a bar lies in the second half of
    the break before. At each close likewise, with the first half of the break after it: hours that were longer in old
    years cost closes only. Sessions without bars (holidays) do not count. Decided is a zone that fits two opens and four
    edges or more, with bars at 30 % of the opens and up to 30 % of the closes (a chart of the day session alone fits at a
    wrong place of the day, at one end), before hardly any open (5 %), that beats every other clock, whose misfits do not
    stand together in weeks, as between two clock changes, and that is set back where an hour is there twice.
    """
    starts = np.sort(naive_starts_us)
    closes, opens = _breaks(starts, instrument.session)
    if len(opens) == 0:
        return Undecided(f"the market of {instrument.symbol} never closes, so no session open tells the zone")
    fits = _fits(candidates(given, instrument.session.zone), starts, closes, opens, timeframe_seconds * 1_000_000)
    best = max(fits, key=lambda fit: fit.points)
    within = (best.local > starts[0]) & (best.local < starts[-1])
    same = [fit for fit in fits if fit is not best and np.array_equal(fit.local[within], best.local[within])]
    rivals = [fit for fit in fits if fit is not best and fit not in same]
    doubt = _doubt(best, rivals) or _set_back(best.clock, starts, timeframe_seconds * 1_000_000)
    if doubt is not None:
        return Undecided(doubt)
    next_best = max((rival for rival in rivals if rival.clock.is_zone), key=lambda fit: fit.points)
    session = instrument.session
    hours = session.hours_on(_EPOCH + timedelta(days=int(starts[-1] // _DAY_US)))
    words = (
        f"{best.opens_fit} of {np.count_nonzero(best.opens_seen)} session opens ({hours.open} {session.zone}) and "
        f"{best.closes_fit} of {np.count_nonzero(best.closes_seen)} closes ({hours.close}) fit; next best {next_best}"
    )
    listed = [fit.clock.zone for fit in same if fit.clock.is_usual]
    if listed:
        words += f"; in this file {', '.join(listed)} {'is' if len(listed) == 1 else 'are'} the same clock"
    against = [str(rival) for rival in rivals if rival.clock.zone == given and rival.clock.is_zone]
    return Inferred(zone=best.clock.zone, words=words, given_fits=against[0] if against else None)


def _doubt(best: _Fit, rivals: list[_Fit]) -> str | None:
    """Why the clock that fits best is not sure enough; None where it is."""
    if best.opens_fit < _LEAST_OPENS or best.opens_fit + best.closes_fit < _LEAST_EDGES:
        return (
            f"it shows too few session opens and closes: at best {best} fit, and {_LEAST_OPENS} opens and "
            f"{_LEAST_EDGES} of both are needed"
        )
    opens_seen, closes_seen = np.count_nonzero(best.opens_seen), np.count_nonzero(best.closes_seen)
    if best.opens_fit < _LEAST_SHARE * opens_seen or best.closes_reached < _LEAST_SHARE * closes_seen:
        return (
            f"its bars stand at too few opens or closes of the session, as in a chart of a part of the day: at best "
            f"{best} fit"
        )
    if best.opens_against > _MOST_AGAINST * opens_seen:
        return f"no zone fits the session: at best {best} fit, and bars stand before {best.opens_against} opens"
    if not best.clock.is_zone:
        return f"{best} fit, a broker's clock that no zone has; export the chart in UTC"
    close = [rival for rival in rivals if not best.beats(rival)]
    if close:
        return f"{' and '.join(map(str, [best, *close[:2]]))} fit, which does not tell them apart"
    return _misfits_together(best)


def _misfits_together(best: _Fit) -> str | None:
    """In words, weeks in a row of which nothing fits while nearly all else does: other rules of summer time."""
    weeks, week = np.unique((best.local // _DAY_US + 4) // 7, return_inverse=True)  # from Sunday on, closes and opens
    seen = np.bincount(week, weights=np.concatenate((best.closes_seen, best.opens_seen)))
    fit = np.bincount(week, weights=np.concatenate((best.closes, best.opens)) > 0)
    shown = np.flatnonzero(seen)
    miss = 1.0 - fit.sum() / seen.sum()
    for run in np.split(shown, np.flatnonzero(np.diff((fit[shown] == 0).astype(int))) + 1):
        if len(run) > _MOST_MISFIT_WEEKS or fit[run[0]] or miss ** seen[run].sum() * len(shown) >= _LEAST_CHANCE:
            continue
        first, last = (
            str(np.datetime64(int(weeks[place]) * 7 - 4 + day, "D")) for place, day in ((run[0], 0), (run[-1], 6))
        )
        return f"{best} fit, but none of {int(seen[run].sum())} from {first} to {last}: other rules of summer time?"
    return None


def _set_back(clock: Clock, starts: Integers, step: int) -> str | None:
    """In words, an hour that is there twice, as where a clock is set back, and that this clock does not repeat."""
    stamps, count = np.unique(starts, return_counts=True)
    twice = stamps[count == 2]
    for run in np.split(twice, np.flatnonzero(np.diff(twice) != step) + 1):
        if len(run) < _LEAST_REPEATED or len(run) * step != _HOUR_US:
            continue
        around = run[0] + np.arange(-_MOST_AHEAD_US, _MOST_AHEAD_US + 1, _NEAR_US)
        if np.count_nonzero(clock.local(around) == run[0]) < 2:  # in summer time, and after it
            hour = np.datetime64(int(run[0]), "us").astype("datetime64[m]")
            return f"the hour from {hour} on is there twice, as where a clock is set back; {clock} does not repeat it"
    return None


def _breaks(starts: Integers, session: Session) -> tuple[Integers, Integers]:
    """When the market around these stamps is closed: each break's begin and the open that ends it, int64 [K] UTC us.

    Breaks inside the session count too. Sessions that follow each other without one (FX in the week) are one.
    """
    import pandas as pd

    days = starts // _DAY_US
    days = days[np.flatnonzero(np.diff(days, prepend=days[0] - 1))]
    days = np.unique(days[:, None] + np.arange(-3, 4))  # around the bars only: one wrong year is no thousand sessions
    wall = np.concatenate([np.array([], dtype=np.int64), *_edges(days, session)]) * _MINUTE_US
    moments = pd.DatetimeIndex(wall.astype("datetime64[us]")).tz_localize(
        session.zone, ambiguous=np.ones(len(wall), dtype=bool), nonexistent="shift_forward"
    )
    utc = moments.tz_convert("UTC").tz_localize(None).to_numpy().astype("datetime64[us]").astype(np.int64)
    opens, closes = utc[0::2][1:], utc[1::2][:-1]
    closed = opens > closes
    return closes[closed], opens[closed]


def _edges(days: Integers, session: Session) -> Iterator[Integers]:
    """Opens and closes by turns, minutes after 1970 on the market's clock, of those of the `days` that have sessions.

    A continuous market has none: its weekly halt may be longer than it is said to be, and would then tell a wrong zone.
    """
    first, last = (_EPOCH + timedelta(days=int(day)) for day in (days[0], days[-1]))
    for since, until, hours in session.periods(first, last):
        if not hours.continuous:
            own = days[(days >= (since - _EPOCH).days) & (days <= (until - _EPOCH).days)]
            own = own[[hours.trades_on(int(day + 3) % len(WEEKDAYS)) for day in own]]
            yield (own[:, None] * (24 * 60) + np.array(hours.edge_minutes, dtype=np.int64)).ravel()


def _fits(clocks: list[Clock], starts: Integers, closes: Integers, opens: Integers, step: int) -> list[_Fit]:
    """Each clock's fit; clocks that are the same at all breaks share one."""
    moments = np.concatenate((closes, opens))
    known: dict[bytes, _Fit] = {}
    fits = []
    for clock in clocks:
        local = clock.local(moments)
        key = local.tobytes()
        if key not in known:
            known[key] = _fit(clock, local, starts, step)
        fits.append(replace(known[key], clock=clock))
    return fits


def _fit(clock: Clock, local: Integers, starts: Integers, step: int) -> _Fit:
    """Hold the market's breaks, closes and then opens in local time, against the bars: `starts` int64 [T] ascending,
    `step` us long."""
    closes, opens = np.split(local, 2)
    covered = (closes > starts[0]) & (opens < starts[-1])
    middle = (opens + closes) // 2
    # The bar after a break is the first that ends after the open, the bar before it the last that starts before the
    # close: an hourly bar that is cut nowhere runs over both, and there is no gap to be seen.
    after = np.searchsorted(starts, opens - step, side="right").clip(1, len(starts) - 1)
    before = (np.searchsorted(starts, closes, side="left") - 1).clip(0, len(starts) - 2)
    last_inside, first_inside = starts[after - 1], starts[before + 1]

    early = (last_inside >= closes) & (last_inside + step > middle)
    gap = starts[after] > last_inside + step
    fits = gap & ~early & (starts[after] <= opens + _NEAR_US)
    traded = starts[after] < np.append(closes[1:], np.iinfo(np.int64).max)
    seen = covered & traded & (early | gap)

    late = (first_inside < middle) & (first_inside + step <= opens)
    gap = first_inside > starts[before] + step
    reached = starts[before] + step >= closes - _NEAR_US
    fits_close = gap & ~late & reached
    traded = starts[before] + step > np.append(np.iinfo(np.int64).min, opens[:-1])
    seen_close = covered & traded & (late | gap)

    return _Fit(
        clock=clock,
        local=local,
        opens=np.where(seen, fits.astype(np.int64) - early, 0),
        closes=np.where(seen_close, fits_close.astype(np.int64) - late, 0),
        opens_seen=seen,
        closes_seen=seen_close,
        closes_reached=int(np.count_nonzero(seen_close & reached)),
    )
