"""Dirt: every fault that bars of a real market have been seen with, planted on purpose and labelled.

`CORRUPTIONS[name].apply(series, instrument, strength, rng)` spoils a copy of any clean series, real or synthetic, and says
which rows. Pure functions; imports the vocabulary of market data only. Used by the broken market and by validation's proof.
"""

from minhos.market_data.synthetic.dirt import flow, prices, stretches, times
from minhos.market_data.synthetic.dirt.corruption import STRENGTHS, Corrupted, Corruption, Strength

__all__ = ["CORRUPTIONS", "STRENGTHS", "Corrupted", "Corruption", "Strength"]

CORRUPTIONS: dict[str, Corruption] = {
    one.name: one for one in (*prices.CORRUPTIONS, *stretches.CORRUPTIONS, *flow.CORRUPTIONS, *times.CORRUPTIONS)
}
"""Every kind of dirt by its name."""
