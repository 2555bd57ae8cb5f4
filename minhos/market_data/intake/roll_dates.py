"""The roll dates of the futures in a store, recorded beside their bars whenever an intake has changed these."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from minhos.errors import MinhosError
from minhos.market_data.history import History
from minhos.market_data.instruments import Instrument, load_instruments
from minhos.market_data.rolls.schedule import read_schedule, write_schedule
from minhos.market_data.store import BarStore
from minhos.market_data.symbols import root_of

__all__ = ["forget_roll_dates", "record_roll_dates", "roll_dates_path"]


def roll_dates_path(store: Path, root: str) -> Path:
    """Where the roll dates of a root are recorded: JSON of `RollSchedule`."""
    return store / "_rolls" / f"{root}.json"


def record_roll_dates(store: BarStore, symbols: Iterable[str], instruments_file: Path | None) -> tuple[str, ...]:
    """Decide and record the rolls of the futures that `symbols` are contracts of, where there are two or more expiries.

    From all that the store has of each contract; what people should know of them, in words. Rolls that cannot be decided
    are told, and nothing is recorded: bars can be taken in without them.
    """
    instruments = load_instruments(instruments_file)
    changed: dict[str, Instrument] = {}
    for symbol in symbols:
        if root_of(symbol) is not None:
            instrument = instruments.find(symbol)
            changed[instrument.symbol] = instrument
    history = History(store, instruments)
    words = []
    for root in sorted(root for root, instrument in changed.items() if instrument.roll is not None):
        if len(history.contracts(root)) < 2:
            continue
        path = roll_dates_path(store.root, root)
        try:
            schedule = history.roll_schedule(root)
        except MinhosError as error:
            path.unlink(missing_ok=True)
            words.append(f"{root}: no roll dates, {error}")
            continue
        write_schedule(path, schedule)
        words.append(f"{root} rolls: {'; '.join(schedule.words)}")
    return tuple(words)


def forget_roll_dates(store: Path, symbol: str) -> None:
    """Remove the roll dates that bars of `symbol` had a part in; the next intake of its root decides them anew."""
    for path in roll_dates_path(store, symbol).parent.glob("*.json"):
        try:
            concerned = symbol in read_schedule(path).contracts
        except MinhosError:  # it cannot be read, so nothing is lost
            concerned = True
        if concerned:
            path.unlink(missing_ok=True)
