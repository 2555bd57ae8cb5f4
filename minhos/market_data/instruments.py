"""Instruments: tick, point value, session and costs of everything that may be traded.

The table that is built in is `instruments.toml` beside this file; a user's file of the same shape adds to it.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from minhos.errors import InstrumentError
from minhos.market_data.symbols import contract_code, root_of

__all__ = ["WEEKDAYS", "Instrument", "Instruments", "Session", "load_instruments"]

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_BUILT_IN = Path(__file__).with_name("instruments.toml")
_DAY_MINUTES = 24 * 60


def _minutes(clock: str) -> int:
    hours, _, minutes = clock.partition(":")
    if not (len(clock) == 5 and hours.isdigit() and minutes.isdigit() and int(minutes) < 60):
        raise ValueError(f"{clock!r} is not a time of day: write HH:MM, 00:00 to 24:00")
    total = int(hours) * 60 + int(minutes)
    if total > _DAY_MINUTES:
        raise ValueError(f"{clock!r} is not a time of day: write HH:MM, 00:00 to 24:00")
    return total


class Session(BaseModel):
    """The trading session of one day, in local times of `zone`.

    A session whose `open` is not before its `close` opens on the calendar day before its trading date (Globex:
    17:00 to 16:00 Chicago). A market that never closes has 00:00 to 24:00. `weekdays`: days of trading dates.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    zone: str
    open: str
    close: str
    weekdays: tuple[str, ...] = Field(min_length=1)

    @field_validator("zone")
    @classmethod
    def _known_zone(cls, zone: str) -> str:
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(f"{zone!r} is not an IANA time zone (America/Chicago, UTC ...)") from error
        return zone

    @field_validator("open", "close")
    @classmethod
    def _clock(cls, clock: str) -> str:
        _minutes(clock)
        return clock

    @field_validator("weekdays")
    @classmethod
    def _known_weekdays(cls, weekdays: tuple[str, ...]) -> tuple[str, ...]:
        unknown = [day for day in weekdays if day not in WEEKDAYS]
        if unknown:
            raise ValueError(f"unknown weekdays {unknown}; allowed are {', '.join(WEEKDAYS)}")
        return weekdays

    @property
    def open_minute(self) -> int:
        """Minute of the local day at which the session opens."""
        return _minutes(self.open)

    @property
    def close_minute(self) -> int:
        """Minute of the local day at which the session closes (1440: midnight at the day's end)."""
        return _minutes(self.close)

    @property
    def opens_day_before(self) -> bool:
        """Whether the session opens on the calendar day before its trading date."""
        return self.open_minute >= self.close_minute

    def trades_on(self, weekday: int) -> bool:
        """Whether trading dates fall on `weekday` (0 is Monday)."""
        return WEEKDAYS[weekday] in self.weekdays


class Instrument(BaseModel):
    """One instrument, its units and what trading it costs.

    `tick_size` in price units; `point_value` in `currency` for a price move of 1.0 of one contract;
    `commission_per_side` in `currency` per contract; `fee_fraction_per_side` of the notional;
    `slippage_ticks_per_side` in ticks.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    symbol: str = Field(pattern=r"^[A-Z0-9]+$")
    description: str
    tick_size: float = Field(gt=0, allow_inf_nan=False)
    point_value: float = Field(gt=0, allow_inf_nan=False)
    currency: str = Field(pattern=r"^[A-Z]{3,5}$")
    session: Session
    commission_per_side: float = Field(ge=0, allow_inf_nan=False)
    fee_fraction_per_side: float = Field(ge=0, lt=0.1, allow_inf_nan=False)
    slippage_ticks_per_side: float = Field(ge=0, allow_inf_nan=False)
    max_contracts: int = Field(ge=1)
    aliases: tuple[str, ...] = ()

    @property
    def tick_value(self) -> float:
        """Value of one tick of one contract, in `currency`."""
        return self.tick_size * self.point_value

    @property
    def cost_ticks_round_trip(self) -> float:
        """Commission and slippage of buying and selling again, in ticks; fees on the notional are apart."""
        return 2.0 * (self.commission_per_side / self.tick_value + self.slippage_ticks_per_side)

    @property
    def cost_fraction_round_trip(self) -> float:
        """Fees on the notional of buying and selling again, as a fraction of the price."""
        return 2.0 * self.fee_fraction_per_side

    def cost_ticks_at(self, price: float) -> float:
        """Everything that a round trip costs at `price`, in ticks."""
        return self.cost_ticks_round_trip + self.cost_fraction_round_trip * abs(price) / self.tick_size


@dataclass(frozen=True)
class Instruments:
    """The instruments known to a night, by root symbol, and the files that they came from."""

    by_symbol: Mapping[str, Instrument]
    searched: tuple[str, ...]

    def find(self, symbol: str) -> Instrument:
        """The instrument of a symbol or of a contract name of Sierra Chart, Rithmic or CQG.

        `MNQZ25-CME`, `ESU24_FUT_CME`, `CLM4.NYM`, `F.US.EPZ20`, `BTCUSDT`. `InstrumentError` where none is defined.
        """
        roots = {alias: known for known in self.by_symbol.values() for alias in known.aliases}
        roots |= self.by_symbol
        code = contract_code(symbol)
        for candidate in (code, root_of(code)):
            if candidate is not None and candidate in roots:
                return roots[candidate]
        raise InstrumentError(self._missing(symbol, root_of(code) or code))

    def _missing(self, symbol: str, root: str) -> str:
        return (
            f"{symbol}: no instrument definition, searched {' and '.join(self.searched)}; write one, with the numbers of "
            f"its exchange, into a TOML file and give it with INSTRUMENTS=<file>: "
            f'instruments = [{{ symbol = "{root}", description = "...", tick_size = 0.25, point_value = 50.0, '
            'currency = "USD", session = "cme", commission_per_side = 2.25, fee_fraction_per_side = 0.0, '
            "slippage_ticks_per_side = 0.5, max_contracts = 10 }]"
        )


def _read(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as stream:
            return tomllib.load(stream)
    except OSError as error:
        raise InstrumentError(
            f"{path}: cannot read the instruments file ({error.strerror}); give an existing file"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InstrumentError(f"{path}: not valid TOML ({error}); correct that line") from error


def _invalid(where: str, error: ValidationError) -> InstrumentError:
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"]) or "entry"
    return InstrumentError(f"{where}: {field}: {first['msg']} (got {first['input']!r}); correct it there")


def _sections(path: Path, document: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The session tables by name and the instrument entries, where the file has their shape."""
    sessions, instruments = document.get("sessions", {}), document.get("instruments", [])
    if not isinstance(sessions, dict) or not all(isinstance(entry, dict) for entry in sessions.values()):
        raise InstrumentError(
            f"{path}: sessions is {sessions!r}, it must be tables by name; write each session as [sessions.<name>] with "
            "the lines zone, open, close and weekdays"
        )
    if isinstance(instruments, dict) and instruments:
        name = next(iter(instruments))
        raise InstrumentError(
            f'{path}: [instruments.{name}] is no entry of a list; write [[instruments]] and below it symbol = "{name}", '
            "once for each instrument"
        )
    if not isinstance(instruments, list) or not all(isinstance(entry, dict) for entry in instruments):
        raise InstrumentError(
            f"{path}: instruments is {instruments!r}, it must be a list of tables; write [[instruments]] once for each "
            "instrument and its lines (symbol, tick_size, point_value ...) below it"
        )
    return sessions, instruments


def _parse(path: Path, sessions: dict[str, Session], known: dict[str, Instrument]) -> None:
    """Add the sessions and instruments of one file to `sessions` and `known`."""
    document = _read(path)
    unknown = sorted(set(document) - {"sessions", "instruments"})
    if unknown:
        raise InstrumentError(f"{path}: unknown entries {', '.join(unknown)}; allowed are sessions and instruments")
    sections, entries = _sections(path, document)
    for name, entry in sections.items():
        try:
            sessions[name] = Session.model_validate(entry)
        except ValidationError as error:
            raise _invalid(f"{path}, session {name}", error) from error
    for number, entry in enumerate(entries, start=1):
        session = entry.get("session")
        if isinstance(session, str):
            if session not in sessions:
                raise InstrumentError(
                    f"{path}, instrument {entry.get('symbol', number)}: unknown session {session!r}; "
                    f"allowed are {', '.join(sorted(sessions))} or a table with zone, open, close, weekdays"
                )
            session = sessions[session]
        try:
            instrument = Instrument.model_validate(entry if session is None else entry | {"session": session})
        except ValidationError as error:
            raise _invalid(f"{path}, instrument {entry.get('symbol', number)}", error) from error
        known[instrument.symbol] = instrument


def load_instruments(extra: Path | None) -> Instruments:
    """The built-in instruments, with those of the user's TOML `extra` added or put in their place.

    Raises `InstrumentError` where a file cannot be read or an entry is unknown, missing or out of range.
    """
    sessions: dict[str, Session] = {}
    known: dict[str, Instrument] = {}
    _parse(_BUILT_IN, sessions, known)
    searched = ["the built-in instruments"]
    if extra is not None:
        _parse(extra, sessions, known)
        searched.append(str(extra))
    return Instruments(by_symbol=known, searched=tuple(searched))
