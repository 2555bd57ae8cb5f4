"""Instruments: tick, point value, session and costs of everything that may be traded.

The table that is built in is `instruments.toml` beside this file; a user's file of the same shape adds to it.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from minhos.errors import InstrumentError
from minhos.market_data.contract_rules import ExpiryRule, RollRule
from minhos.market_data.symbols import contract_code, root_of
from minhos.market_data.trading_hours import WEEKDAYS, Anchors, Session

__all__ = ["WEEKDAYS", "Anchors", "ExpiryRule", "Instrument", "Instruments", "RollRule", "Session", "load_instruments"]

_BUILT_IN = Path(__file__).with_name("instruments.toml")
_HOURS = {"zone", "open", "close", "weekdays"}


class Instrument(BaseModel):
    """One instrument, its units and what trading it costs.

    `tick_size` in price units; `point_value` in `currency` for a price move of 1.0 of one contract;
    `commission_per_side` in `currency` per contract; `fee_fraction_per_side` of the notional;
    `slippage_ticks_per_side` in ticks. `price_multiplier`: number in a .scid file x this = price (some feeds store
    whole native prices, and the file does not say so). `contract_months`: month codes that a continuous series goes
    through, in any order; empty for what has no expiries. `expiry`, `roll`: None where not known.
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
    exchange: str = ""
    contract_months: str = Field(default="", pattern=r"^[FGHJKMNQUVXZ]*$")
    price_multiplier: float = Field(default=1.0, gt=0, allow_inf_nan=False)
    expiry: ExpiryRule | None = None
    roll: RollRule | None = None

    @property
    def bar_anchors(self) -> Anchors | None:
        """Where charts of this instrument cut intraday bars; None: on the clock."""
        return self.session.anchors

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
            f"its exchange, into a TOML file and give it with --instruments (a night: INSTRUMENTS=<file>): "
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


def _complete(where: str, entry: dict[str, Any], definitions: _Definitions) -> dict[str, Any]:
    """The entry with what it leaves out taken from the one that it is `based_on`, but for that one's other names.

    A session without its hours (`{ anchors = ... }`) is that one's session with these keys changed.
    """
    base = entry.get("based_on")
    if base is None:
        return entry
    entries = definitions.entries
    if base not in entries:
        raise InstrumentError(
            f"{where}: based_on {base!r} is no instrument that is defined before it; write the symbol of one (ES, CL ...)"
        )
    kept = entries[base] if entry.get("symbol") == base else entries[base] | {"aliases": []}
    completed = kept | {key: value for key, value in entry.items() if key != "based_on"}
    session = entry.get("session")
    if isinstance(session, dict) and not _HOURS & session.keys():
        known = kept["session"]
        completed["session"] = (definitions.sessions[known] if isinstance(known, str) else known) | session
    return completed


@dataclass(frozen=True)
class _Definitions:
    """What the files read so far define; `sessions`, `entries`: as they are written, for `based_on`."""

    sessions: dict[str, dict[str, Any]] = field(default_factory=dict)
    entries: dict[str, dict[str, Any]] = field(default_factory=dict)
    instruments: dict[str, Instrument] = field(default_factory=dict)


def _parse(path: Path, definitions: _Definitions) -> None:
    """Add the sessions and instruments of one file to `definitions`."""
    document = _read(path)
    unknown = sorted(set(document) - {"sessions", "instruments"})
    if unknown:
        raise InstrumentError(f"{path}: unknown entries {', '.join(unknown)}; allowed are sessions and instruments")
    sections, entries = _sections(path, document)
    for name, section in sections.items():
        try:
            Session.model_validate(section)
            definitions.sessions[name] = section
        except ValidationError as error:
            raise _invalid(f"{path}, session {name}", error) from error
    for number, written in enumerate(entries, start=1):
        where = f"{path}, instrument {written.get('symbol', number)}"
        entry = _complete(where, written, definitions)
        session = entry.get("session")
        if isinstance(session, str):
            if session not in definitions.sessions:
                raise InstrumentError(
                    f"{where}: unknown session {session!r}; allowed are {', '.join(sorted(definitions.sessions))} "
                    "or a table with zone, open, close, weekdays"
                )
            session = definitions.sessions[session]
        try:
            instrument = Instrument.model_validate(entry if session is None else entry | {"session": session})
        except ValidationError as error:
            raise _invalid(where, error) from error
        definitions.entries[instrument.symbol] = entry
        definitions.instruments[instrument.symbol] = instrument


def load_instruments(extra: Path | None) -> Instruments:
    """The built-in instruments, with those of the user's TOML `extra` added or put in their place.

    Raises `InstrumentError` where a file cannot be read or an entry is unknown, missing or out of range.
    """
    definitions = _Definitions()
    _parse(_BUILT_IN, definitions)
    searched = ["the built-in instruments"]
    if extra is not None:
        _parse(extra, definitions)
        searched.append(str(extra))
    return Instruments(by_symbol=definitions.instruments, searched=tuple(searched))
