"""The synthetic exchange: markets whose truth is known, written as files that any Sierra Chart reader reads.

May import the vocabulary of market data and the `.scid` writer; the night, the command line and tests enter here.
"""

from minhos.market_data.synthetic.exchange import DEFAULT_SESSIONS, DEFAULT_SYMBOLS, bayes_accuracy, write_exchange

__all__ = ["DEFAULT_SESSIONS", "DEFAULT_SYMBOLS", "bayes_accuracy", "write_exchange"]
