"""Which questions a release carries: among a night's own moments, those whose answers go all the way through the sizer."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy.typing as npt

from minhos.serving.golden import Ask, Golden
from minhos_client.contract import PORTFOLIO_FIELDS

__all__ = ["MOST_POSITIONS", "answer_requests"]

MOST_POSITIONS = 3
SMALL_EQUITY = 0.2  # of the start: whole contracts become few, rounding and caps matter
DRAWDOWN = 0.1  # below the peak
EQUITY, START, PEAK = (PORTFOLIO_FIELDS.index(name) for name in ("equity", "start_equity", "peak_equity"))

Array = npt.NDArray[Any]
Request = Mapping[str, Array]


def answer_requests(ask: Ask, requests: Sequence[Request], symbols: Collection[str]) -> list[Golden]:
    """The golden requests of a release with the answers of ``ask``.

    :param ask: the release's chain in process.
    :param requests: requests of the contract. The first is kept whole, as its first row alone, and with its first row
        under a name that no instrument has (refused, its neighbours served). The others are candidates.
    :param symbols: the instruments that the release knows.

    Of the candidates up to ``MOST_POSITIONS`` with a position in the waterfall are kept, one of each side and such
    with whole contracts first; the best of them a second time with a small equity in drawdown.
    """

    def answered(request: Request) -> Golden:
        return Golden(inputs=dict(request), answers=dict(ask(request)))

    whole, *candidates = requests
    fixed = [whole, {name: value[:1] for name, value in whole.items()}, _unknown(whole, symbols)]
    positions = _positions([answered(request) for request in candidates])
    small = [_small_and_in_drawdown(one.inputs) for one in positions[:1]]
    return [*map(answered, fixed), *positions, *map(answered, small)]


def _positions(answered: Sequence[Golden]) -> list[Golden]:
    """The ones to keep, the best first."""
    found = [number for number, one in enumerate(answered) if one.has_position]
    found.sort(key=lambda number: not answered[number].answers["CONTRACTS"].any())
    sides = [
        next((n for n in found if (side * answered[n].answers["WATERFALL"] > 0.0).any()), None) for side in (1, -1)
    ]
    chosen = list(dict.fromkeys(number for number in (*sides, *found) if number is not None))[:MOST_POSITIONS]
    return [answered[number] for number in sorted(chosen, key=found.index)]


def _unknown(request: Request, symbols: Collection[str]) -> dict[str, Array]:
    """The request with its first row under a name longer than any that the release knows."""
    instrument = request["INSTRUMENT"].copy()
    instrument[0, 0] = b"?" * (1 + max(len(symbol.encode()) for symbol in symbols))
    return {**request, "INSTRUMENT": instrument}


def _small_and_in_drawdown(request: Request) -> dict[str, Array]:
    portfolio = request["PORTFOLIO"].copy()
    portfolio[:, EQUITY] = SMALL_EQUITY * portfolio[:, START]
    portfolio[:, PEAK] = portfolio[:, EQUITY] / (1.0 - DRAWDOWN)
    return {**request, "PORTFOLIO": portfolio}
