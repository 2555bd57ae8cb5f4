"""The rules of a dated contract: when it stops trading, and when a position moves on to the next one."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["ExpiryRule", "RollRule"]

ExpiryRule = Literal[
    "third_friday",
    "third_last_business_day",
    "crude_oil",
    "natural_gas",
    "seventh_last_business_day",
    "last_business_day",
    "fx_third_wednesday",
    "grains_mid_month",
    "last_business_day_prior_month",
    "last_friday",
    "crude_oil_cash",
    "before_third_wednesday",
    "before_second_friday",
    "sofr_quarter_end",
    "tenth_business_day",
    "feeder_cattle",
]
"""The last trading day from the contract's month, as the exchanges word it (`rolls/expiries.py` has the words)."""


class RollRule(BaseModel):
    """When a continuous series leaves one expiry for the next.

    `by`: "volume" or "open_interest": after the close of `confirm_sessions` sessions in a row in which the next expiry
    had more of it; "date": after the session `business_days_before_expiry` business days before the last trading day.
    `business_days_before_first_notice` counts back from the first notice day instead: for what is delivered before it
    stops trading. With volume or open interest that day is the latest one: a series never stays in a contract beyond it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    by: Literal["volume", "open_interest", "date"]
    business_days_before_expiry: int = Field(default=0, ge=0)
    business_days_before_first_notice: int | None = Field(default=None, ge=0)
    confirm_sessions: int = Field(default=1, ge=1)
