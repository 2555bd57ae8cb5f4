"""Validation: which bars may reach training and trading, by a Great Expectations suite, with every outcome in words.

`validate` judges one instrument: facts of single rows (prices, volumes, ticks), moves against the local noise, levels,
repeats, the calendar and the clock. Thresholds are learned from the instrument's own history (`tails`).
May import bars, instruments, sessions and rolls; the night, the command line and the benchmarks may import it.
"""

from minhos.market_data.validation.bar_arrays import BarArrays, RawBars
from minhos.market_data.validation.judge import EARLIER, Released, validate
from minhos.market_data.validation.measure import FALSE_ALARMS
from minhos.market_data.validation.page import write_page
from minhos.market_data.validation.result import BadRow, Check, HeldRow, Severity, ValidationResult

__all__ = [
    "EARLIER",
    "FALSE_ALARMS",
    "BadRow",
    "BarArrays",
    "Check",
    "HeldRow",
    "RawBars",
    "Released",
    "Severity",
    "ValidationResult",
    "validate",
    "write_page",
]
