"""Which columns and features a release uses: the `FeatureSet`, and what the features step hands on: the `FeatureBlock`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from minhos.capabilities.prediction.runtime.features import SEQUENCE_FEATURES, available, split_lag, window
from minhos.capabilities.prediction.runtime.surroundings import SURROUNDINGS
from minhos_client.contract import BAR_COLUMNS, MAX_WINDOW, SEQUENCE_STEPS

__all__ = ["STATE_COLUMNS", "FeatureBlock", "FeatureSet"]

STATE_COLUMNS: Final = ("close", "atr", "volatility")
"""First columns of STATE; the filtered regime probabilities follow."""


@dataclass(frozen=True)
class FeatureSet:
    """Bar columns in use (contract order, prices always), the trees' ``tabular`` and the LSTM's 8 ``sequence`` names.

    Names of ``tabular`` may have a lag (``log_return_1@2``); the LSTM's steps are lags already.
    ``window`` is W: at least what the features need, at most what the contract allows.
    """

    columns: tuple[str, ...]
    tabular: tuple[str, ...]
    sequence: tuple[str, ...]
    window: int

    def __post_init__(self) -> None:
        for field in ("columns", "tabular", "sequence"):
            names = getattr(self, field)
            if isinstance(names, str) or not all(isinstance(name, str) for name in names):
                raise ValueError(f"{field} must be a list of names, got {names!r}")
            if len(set(names)) != len(names):
                raise ValueError(f"{field} names something twice: {list(names)}")
            object.__setattr__(self, field, tuple(names))
        expected = tuple(name for name in BAR_COLUMNS if name in self.columns)
        if self.columns != expected or not set(BAR_COLUMNS[:4]) <= set(expected):
            raise ValueError(f"columns must hold the prices and follow {list(BAR_COLUMNS)}, got {list(self.columns)}")
        if not self.tabular:
            raise ValueError("tabular must name at least one feature")
        if len(self.sequence) != SEQUENCE_FEATURES:
            raise ValueError(f"sequence must name {SEQUENCE_FEATURES} features, got {len(self.sequence)}")
        allowed = available((*self.columns, *SURROUNDINGS))
        missing = [name for name in self.names if split_lag(name)[0] not in allowed]
        if missing:
            raise ValueError(f"features {missing} are unknown or need columns not in use; allowed: {list(allowed)}")
        lagged = [name for name in self.sequence if split_lag(name)[1]]
        if lagged:
            raise ValueError(f"sequence must name features without a lag, got {lagged}")
        least = window(self.names)
        if isinstance(self.window, bool) or not isinstance(self.window, int) or not least <= self.window <= MAX_WINDOW:
            raise ValueError(f"window must be a whole number in {least}..{MAX_WINDOW}, got {self.window!r}")

    @property
    def names(self) -> tuple[str, ...]:
        """Every feature in use, once."""
        return tuple(dict.fromkeys((*self.tabular, *self.sequence)))


@dataclass(frozen=True, eq=False)
class FeatureBlock:
    """What the features step says of N rows.

    ``sequence`` float32 [N, 20, 8] oldest step first; ``tabular`` float32 [N, F]; ``state`` float64 [N, S]: close and
    atr (price units), volatility (per bar), then the filtered regime probabilities; ``row_reasons`` int64 [N, 1]
    contract bits. A row with bits is refused: zeros in the other three.
    """

    sequence: npt.NDArray[np.float32]
    tabular: npt.NDArray[np.float32]
    state: npt.NDArray[np.float64]
    row_reasons: npt.NDArray[np.int64]

    @classmethod
    def without_sequence(
        cls, tabular: npt.NDArray[np.float32], state: npt.NDArray[np.float64], row_reasons: npt.NDArray[np.int64]
    ) -> FeatureBlock:
        """For a fusion step that stands alone: it does not read the sequence."""
        empty = np.zeros((tabular.shape[0], SEQUENCE_STEPS, 0), dtype=np.float32)
        return cls(sequence=empty, tabular=tabular, state=state, row_reasons=row_reasons)

    @property
    def refused(self) -> npt.NDArray[np.bool_]:
        """Rows with a reason, bool [N]."""
        result: npt.NDArray[np.bool_] = self.row_reasons[:, 0] != 0
        return result
