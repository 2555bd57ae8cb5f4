"""The synthetic exchange: markets whose truth is known, written as files that any Sierra Chart reader reads.

`write_exchange` writes a folder, `read_truth` says what is true of it; `docs/synthetic.md` has the laws. May import the
vocabulary of market data, the `.scid` reader and writer; the night, the command line and tests enter here (dirt: `dirt`).
"""

from minhos.market_data.synthetic.exchange import (
    DEFAULT_ACCURACY,
    DEFAULT_SESSIONS,
    DEFAULT_SYMBOLS,
    DEFAULT_TICKS,
    Exchange,
    write_exchange,
)
from minhos.market_data.synthetic.law import STEP_SECONDS
from minhos.market_data.synthetic.text_export import export_name, export_text
from minhos.market_data.synthetic.truth import MARKETS, Fault, Market, Truth, market_of, read_truth

__all__ = [
    "DEFAULT_ACCURACY",
    "DEFAULT_SESSIONS",
    "DEFAULT_SYMBOLS",
    "DEFAULT_TICKS",
    "MARKETS",
    "STEP_SECONDS",
    "Exchange",
    "Fault",
    "Market",
    "Truth",
    "export_name",
    "export_text",
    "market_of",
    "read_truth",
    "write_exchange",
]
