"""Trading under a publish: clients that never stop asking, and what counts as an answer that mixes two releases."""

import threading
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Self

import numpy as np

from minhos_client.client import TradeClient
from minhos_client.decision import Account, Decision
from tests.serving.tiny_release import SYMBOLS

__all__ = ["TOLERANCE", "Traders"]

TOLERANCE = 1e-6


class Traders:
    """Three clients that ask the same question over and over, until the block ends; every failure is kept."""

    def __init__(self, connect: Callable[[], TradeClient], inputs: dict[str, np.ndarray]) -> None:
        self.answers: list[list[list[Decision]]] = [[], [], []]
        self.errors: list[Exception] = []
        self._connect, self._inputs, self._stop = connect, inputs, threading.Event()
        self._threads = [threading.Thread(target=self._trade, args=(mine,)) for mine in self.answers]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _trade(self, mine: list[list[Decision]]) -> None:
        bars, ends, as_of = (self._inputs[name] for name in ("BARS", "BAR_END", "AS_OF"))
        with self._connect() as client:
            while not self._stop.is_set():
                try:
                    mine.append(client.decide(bars, ends, int(as_of[0, 0]), SYMBOLS, Account(equity=1_000_000.0)))
                except Exception as error:  # every kind of failure is what is counted
                    self.errors.append(error)

    def mixed(self, expected: dict[str, dict[str, np.ndarray]]) -> int:
        """Answers that are not, in every row and number, those of one of the releases."""
        return sum(not _is_whole(rows, expected) for mine in self.answers for rows in mine)

    def served(self) -> dict[str, int]:
        """How many answers each release gave."""
        return dict(Counter(rows[0].release for mine in self.answers for rows in mine))


def _is_whole(rows: list[Decision], expected: dict[str, dict[str, np.ndarray]]) -> bool:
    whole = expected[rows[0].release]

    def close(name: str, row: int, values: Iterable[float]) -> bool:
        return np.allclose(list(values), whole[name][row], rtol=0, atol=TOLERANCE)

    return all(
        decision.release == rows[0].release
        and close("P_UP", row, [decision.p_up])
        and close("MEMBER_P_UP", row, decision.member_p_up.values())
        and close("REGIME", row, decision.regime.values())
        and close("WATERFALL", row, decision.waterfall.values())
        and decision.contracts == whole["CONTRACTS"][row, 0]
        for row, decision in enumerate(rows)
    )
