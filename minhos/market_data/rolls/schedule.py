"""What a roll is, the schedule of them that is recorded with every result, and its JSON file."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from minhos.errors import BadInputError
from minhos.files import read_json, write_json
from minhos.market_data.instruments import RollRule

__all__ = ["Roll", "RollPrices", "RollSchedule", "read_schedule", "roll_dates", "write_schedule"]


class RollPrices(BaseModel):
    """Both contracts' closes at the end of the last bar that both have before the roll, in the quote currency.

    `at_us`: that bar's end, UTC us.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    at_us: int
    price_from: float = Field(allow_inf_nan=False)
    price_to: float = Field(allow_inf_nan=False)

    @property
    def difference(self) -> float:
        """What the new contract costs more than the old one, in price units."""
        return self.price_to - self.price_from

    @property
    def ratio(self) -> float:
        """The new contract's price as a multiple of the old one's; `BadInputError` where one is not positive."""
        if self.price_from <= 0 or self.price_to <= 0:
            raise BadInputError(
                f"closes {self.price_from:g} and {self.price_to:g} at a roll have no ratio, both must be positive; "
                'use adjustment="difference"'
            )
        return self.price_to / self.price_from


class Roll(BaseModel):
    """The move from one expiry to a later one.

    `effective_us`: UTC us, when trading in `to_contract` begins: the open of the session of trading date
    `first_session`, or `decided_us` where the bars that decided were known only after that open (daily bars).
    `decided_us`: UTC us, when all that decided was known; never after `effective_us`. `reason`: in words.
    `prices`: known by `decided_us`; None where the two contracts had no bar in common, so that the price step between
    them is not known.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    from_contract: str
    to_contract: str
    first_session: date
    effective_us: int
    decided_us: int
    reason: str
    prices: RollPrices | None


class RollSchedule(BaseModel):
    """The contracts that a continuous series holds, in order, and the rolls between them.

    `instrument`: the root's symbol; `rule`: what decided; `contracts`: all that could be held, in the order of their
    expiry; `first_contract`: held until the first roll. `as_of_us`: UTC us, what was known by then is in `rolls`: the
    schedule of a later moment has the same rolls and perhaps more. `last_days`: contract -> the latest trading date to
    hold it, where one is known.
    Raises `ValidationError` where rolls do not follow one another, or take effect before they are decided.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    instrument: str
    rule: RollRule
    contracts: tuple[str, ...]
    first_contract: str
    rolls: tuple[Roll, ...]
    as_of_us: int
    last_days: dict[str, date] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _in_order(self) -> RollSchedule:
        places = [self.contracts.index(code) if code in self.contracts else -1 for code in self.held]
        if -1 in places or any(before >= after for before, after in pairwise(places)):
            raise ValueError(f"the contracts held, {self.held}, must be of {self.contracts}, in that order")
        for number, roll in enumerate(self.rolls):
            if roll.from_contract != self.held[number]:
                raise ValueError(f"roll {number} leaves {roll.from_contract}, held is {self.held[number]}")
            if roll.decided_us > roll.effective_us:
                raise ValueError(
                    f"roll {number} takes effect at {roll.effective_us}, before {roll.decided_us}, its decision"
                )
        if any(before.effective_us >= after.effective_us for before, after in pairwise(self.rolls)):
            raise ValueError("rolls must take effect one after the other")
        return self

    @property
    def held(self) -> tuple[str, ...]:
        """The contracts that are held, in order: one more than there are rolls."""
        return (self.first_contract, *(roll.to_contract for roll in self.rolls))

    @property
    def overdue(self) -> date | None:
        """The latest day to hold the contract that is held last, where that day has passed; else None."""
        last = self.last_days.get(self.held[-1])
        today = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=self.as_of_us - 1)).date()
        return last if last is not None and last < today else None

    @property
    def words(self) -> tuple[str, ...]:
        """For people: the rolls, and a warning where the last contract is held for too long."""
        said = [roll_dates(self.rolls) or f"no roll, all of {self.first_contract}"]
        if self.overdue is not None:
            said.append(
                f"WARNING: {self.held[-1]} is held for too long: the latest day to hold it was {self.overdue}, and no later "
                f"expiry of {self.instrument} is there; take its bars in"
            )
        return tuple(said)

    def contract_at(self, us: int) -> str:
        """The contract that is traded at `us`, UTC us."""
        return self.held[sum(roll.effective_us <= us for roll in self.rolls)]

    def rolls_between(self, start_us: int, end_us: int) -> tuple[Roll, ...]:
        """The rolls that a position pays for which is opened at `start_us` and closed at `end_us` (both UTC us).

        Those with `start_us < effective_us <= end_us`: none where the contract is the same at both moments.
        """
        return tuple(roll for roll in self.rolls if start_us < roll.effective_us <= end_us)


def roll_dates(rolls: Iterable[Roll]) -> str:
    """Rolls as people read them: `NQZ25 to NQH26 on 2025-12-16, ...`; empty where there are none."""
    return ", ".join(f"{roll.from_contract} to {roll.to_contract} on {roll.first_session}" for roll in rolls)


def write_schedule(path: Path, schedule: RollSchedule) -> Path:
    """Write one JSON file. Atomic: a reader sees the old file or the new one."""
    return write_json(path, schedule.model_dump(mode="json"))


def read_schedule(path: Path) -> RollSchedule:
    """Read a file of `write_schedule`; `BadInputError` for any other JSON, `NightError` where there is none."""
    try:
        return RollSchedule.model_validate(read_json(path))
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "schedule"
        raise BadInputError(f"{path}: not a roll schedule: {field}: {first['msg']}; make it again") from error
