"""The one composition from bars to a decision: features, fusion, sizing, each drivable alone with plain arrays.

Used by training and backtest (`Chain.history_block`), in process (`Chain.decide`), and by the steps of the Triton
ensemble. NumPy, the standard library, the runtime folders and the contract only; no clock: time is an input.
Arrays that do not fit the contract's shapes raise ValueError (a gRPC error when served); a bad *row* never does: it
gets its reason bits and its neighbours are served.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from minhos.capabilities.ensemble.runtime.calibration import interval_of
from minhos.capabilities.ensemble.runtime.fusion import Fused, fuse_members, side_of
from minhos.capabilities.ensemble.runtime.parameters import Parameters
from minhos.capabilities.ensemble.runtime.regime import regime_of_history, regime_of_windows
from minhos.capabilities.position_sizing.runtime.decision import Policy, Signal, decide_rows
from minhos.capabilities.position_sizing.runtime.outputs import contract_outputs
from minhos.capabilities.position_sizing.runtime.tables import InstrumentTables
from minhos.capabilities.prediction.runtime.catalogue import Frame
from minhos.capabilities.prediction.runtime.feature_set import STATE_COLUMNS, FeatureBlock
from minhos.capabilities.prediction.runtime.features import compute
from minhos.capabilities.prediction.runtime.surroundings import Places, Surroundings
from minhos.capabilities.prediction.runtime.windows import (
    bad_bars,
    column_indices,
    row_reasons,
    time_order_broken,
)
from minhos_client.contract import (
    BAR_COLUMNS,
    MEMBERS,
    PORTFOLIO_FIELDS,
    SEQUENCE_STEPS,
    Reason,
)

__all__ = ["WIN_PROBABILITY", "Chain", "FeatureBlock", "Fused", "Parameters", "Predictor"]

Predictor = Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float32]]
"""An ONNX model: float32 [N, ...] -> float32 [N, 1]."""

WIN_PROBABILITY: Final = "win_probability"
_MICROSECONDS: Final = 1_000_000
_FOREVER_US: Final = 2**62
_ROUNDING: Final = 1e-6

FloatArray = npt.NDArray[np.float64]


def _shaped(name: str, array: npt.NDArray[Any], *shape: int) -> npt.NDArray[Any]:
    if array.shape != shape:
        raise ValueError(f"{name} has the shape {array.shape}, allowed is {shape}")
    return array


def _frame(bars: FloatArray, bad: npt.NDArray[np.bool_], surroundings: Surroundings | None = None) -> Frame:
    """Bad bars are replaced: their rows are refused, and nothing warns or spreads."""
    return Frame(np.where(bad[..., None], 1.0, bars) if bad.any() else bars, surroundings)


class Chain:
    """A release's runtime. Stateless after construction: the same inputs give the same bits."""

    def __init__(self, parameters: Parameters, release_id: str) -> None:
        self.parameters = parameters
        self.release_id = release_id
        self._tables = InstrumentTables(parameters.instruments, parameters.correlation)
        self._places = Places(parameters.surroundings, list(parameters.instruments), self._tables.tick_size)
        chosen = parameters.features
        self._used = column_indices(chosen.columns)
        self._tabular = [chosen.names.index(name) for name in chosen.tabular]
        self._sequence = [chosen.names.index(name) for name in chosen.sequence]
        self._timeframe_us = parameters.timeframe_seconds * _MICROSECONDS
        self._max_staleness_us = min(parameters.max_staleness_seconds * _MICROSECONDS, _FOREVER_US)
        self._expires_us = min(parameters.data_through + parameters.max_age_seconds * _MICROSECONDS, _FOREVER_US)
        self._policy = Policy(
            thresholds=parameters.thresholds,
            barriers=parameters.barriers,
            sizing=parameters.sizing,
            edge_proven=parameters.edge_proven,
            few_samples=parameters.win.few_samples,
            tables=self._tables,
        )

    def features(
        self,
        bars: FloatArray,
        bar_end: npt.NDArray[np.int64],
        as_of: npt.NDArray[np.int64],
        instrument: npt.NDArray[np.generic],
    ) -> FeatureBlock:
        """The features step: ``bars [B, W, 8]``, ``bar_end [B, W]``, ``as_of [B, 1]``, ``instrument`` BYTES [B, 1]."""
        p, rows = self.parameters, bars.shape[0]
        _shaped("BARS", bars, rows, p.window, len(BAR_COLUMNS))
        _shaped("BAR_END", bar_end, rows, p.window)
        now = _shaped("AS_OF", as_of, rows, 1)[:, 0]
        places = self._tables.rows(_shaped("INSTRUMENT", instrument, rows, 1)[:, 0])
        bad = bad_bars(bars, self._used)
        reasons = row_reasons(
            bad,
            bar_end,
            now,
            known=places >= 0,
            timeframe_us=self._timeframe_us,
            max_staleness_us=self._max_staleness_us,
            expires_us=self._expires_us,
        )
        frame, values = self._values(bars, bad, self._places.of_windows(places, bar_end))
        sequence = np.ascontiguousarray(values[:, -SEQUENCE_STEPS:][..., self._sequence])
        tabular = np.ascontiguousarray(values[:, -1][:, self._tabular])
        return self._block(
            sequence=sequence,
            tabular=tabular,
            finite=np.logical_and(np.isfinite(sequence).all(axis=(1, 2)), np.isfinite(tabular).all(axis=1)),
            numbers=[frame.close[:, -1], frame.atr[:, -1], frame.volatility[:, -1]],
            regime=regime_of_windows(frame.log_return, p.regime),
            reasons=reasons,
        )

    def history_block(self, bars: FloatArray, bar_end: npt.NDArray[np.int64], symbol: str) -> FeatureBlock:
        """The features step over an instrument's history: ``bars [T, 8]``, ``bar_end [T]`` -> a row for every bar t >= W-1.

        Row i equals `features` on the window that ends at bar ``i + W - 1``, decided the moment it was known; the
        regime filter starts at that window's first bar. Staleness and expiry do not apply. ``sequence`` is a view.
        """
        p, length, width = self.parameters, bars.shape[0], self.parameters.window
        _shaped("bars", bars, length, len(BAR_COLUMNS))
        _shaped("bar_end", bar_end, length)
        if length < width:
            raise ValueError(f"a history of {length} bars is shorter than the window of {width}")
        bad = bad_bars(bars, self._used)
        windows = np.lib.stride_tricks.sliding_window_view
        broken = windows(bad, width).any(axis=1) | time_order_broken(windows(bar_end, width), self._timeframe_us)
        frame, values = self._values(bars, bad, self._places.of_history(symbol, bar_end))
        rows = length - width + 1
        steps = np.ascontiguousarray(values[:, self._sequence])
        sequence = np.moveaxis(windows(steps, SEQUENCE_STEPS, axis=0), -1, 1)[-rows:]
        tabular = np.ascontiguousarray(values[-rows:][:, self._tabular])
        unfinished = windows(~np.isfinite(steps), SEQUENCE_STEPS, axis=0)[-rows:]
        return self._block(
            sequence=sequence,
            tabular=tabular,
            finite=np.logical_not(unfinished.any(axis=(1, 2)) | ~np.isfinite(tabular).all(axis=1)),
            numbers=[series[-rows:] for series in (frame.close, frame.atr, frame.volatility)],
            regime=regime_of_history(frame.log_return, width - 1, p.regime),
            reasons=np.where(broken, int(Reason.BAD_INPUT), 0).astype(np.int64),
        )

    def history_regime(self, bars: FloatArray) -> FloatArray:
        """REGIME alone over a history: ``bars [T, 8]`` -> [T-W+1, R], the regime columns of `history_block`'s STATE."""
        frame = _frame(bars, bad_bars(bars, self._used))
        return regime_of_history(frame.log_return, self.parameters.window - 1, self.parameters.regime)

    def _values(
        self, bars: FloatArray, bad: npt.NDArray[np.bool_], surroundings: Surroundings
    ) -> tuple[Frame, npt.NDArray[np.float32]]:
        """What several features share, and the features in use [..., F]."""
        frame = _frame(bars, bad, surroundings)
        with np.errstate(over="ignore", invalid="ignore"):
            return frame, compute(bars, self.parameters.features.names, frame=frame).astype(np.float32)

    @staticmethod
    def _block(
        *,
        sequence: npt.NDArray[np.float32],
        tabular: npt.NDArray[np.float32],
        finite: npt.NDArray[np.bool_],
        numbers: list[FloatArray],
        regime: FloatArray,
        reasons: npt.NDArray[np.int64],
    ) -> FeatureBlock:
        reasons = reasons | np.where(finite, 0, int(Reason.BAD_INPUT))
        state = np.concatenate([np.stack(numbers, axis=1), regime], axis=1)
        refused = reasons != 0
        if refused.any():
            sequence = np.where(refused[:, None, None], np.float32(0.0), sequence)
            tabular = np.where(refused[:, None], np.float32(0.0), tabular)
            state = np.where(refused[:, None], 0.0, state)
        return FeatureBlock(sequence=sequence, tabular=tabular, state=state, row_reasons=reasons[:, None])

    def fuse(self, block: FeatureBlock, member_raw: npt.NDArray[np.float32]) -> Fused:
        """The fusion step: ``member_raw [B, 5]`` in the contract's member order; ``block.sequence`` is not read."""
        return fuse_members(
            member_raw=_shaped("MEMBER_RAW", member_raw, block.tabular.shape[0], len(MEMBERS)),
            tabular=_shaped("TABULAR", block.tabular, block.tabular.shape[0], len(self._tabular)),
            regime=block.state[:, len(STATE_COLUMNS) :],
            refused=block.refused,
            stacking=self.parameters.stacking,
            calibration=self.parameters.calibration,
        )

    def size(
        self,
        *,
        p_up: FloatArray,
        confidence: FloatArray,
        agreement: FloatArray,
        member_p_up: FloatArray,
        regime: FloatArray,
        win_raw: npt.NDArray[np.float32],
        state: FloatArray,
        row_reasons: npt.NDArray[np.int64],
        bar_end: npt.NDArray[np.int64],
        instrument: npt.NDArray[np.generic],
        portfolio: FloatArray,
    ) -> dict[str, npt.NDArray[Any]]:
        """The kelly step: the rows of one portfolio -> the contract's outputs.

        ``win_raw`` [B, 1] from the win model; ``bar_end`` [B, W]; ``portfolio`` [B, 6]; the others from the steps
        before. A member or win model that gave no probability refuses its row (BAD_INPUT).
        """
        rows = p_up.shape[0]
        _shaped("PORTFOLIO", portfolio, rows, len(PORTFOLIO_FIELDS))
        raw = _shaped("WIN_RAW", win_raw, rows, 1)[:, 0].astype(np.float64)
        scored = np.isfinite(p_up[:, 0]) & (raw >= -_ROUNDING) & (raw <= 1.0 + _ROUNDING)
        places = self._tables.rows(_shaped("INSTRUMENT", instrument, rows, 1)[:, 0])
        reasons = row_reasons[:, 0] | np.where(places >= 0, 0, int(Reason.UNKNOWN_INSTRUMENT))
        reasons |= np.where(scored | (reasons != 0), 0, int(Reason.BAD_INPUT))
        silent = reasons != 0
        decided = decide_rows(
            Signal(
                side=side_of(p_up[:, 0]),
                confidence=confidence[:, 0],
                agreement=agreement[:, 0],
                p_win=interval_of(np.where(silent, 0.5, raw), self.parameters.win),
                close=state[:, 0],
                atr=state[:, 1],
                volatility=state[:, 2],
            ),
            reasons=reasons,
            instrument_rows=places,
            portfolio=portfolio,
            policy=self._policy,
        )
        return contract_outputs(
            decided,
            silent=silent,
            p_up=p_up,
            confidence=confidence,
            agreement=agreement,
            member_p_up=member_p_up,
            regime=regime,
            horizon_bars=self.parameters.barriers.horizon_bars,
            valid_until=self._valid_until(bar_end[:, -1]),
            release_id=self.release_id,
            data_through=self.parameters.data_through,
        )

    def _valid_until(self, last_end: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """UTC us [B]: until the bars are stale or the release expires; the order of the terms keeps it within int64."""
        return np.minimum(last_end, self._expires_us - self._max_staleness_us) + self._max_staleness_us

    def decide(
        self, inputs: Mapping[str, npt.NDArray[Any]], predictors: Mapping[str, Predictor]
    ) -> dict[str, npt.NDArray[Any]]:
        """The whole chain: the contract's inputs -> the contract's outputs.

        ``predictors``: the five members and `WIN_PROBABILITY`; the LSTM gets SEQUENCE, the trees TABULAR.
        """
        block = self.features(inputs["BARS"], inputs["BAR_END"], inputs["AS_OF"], inputs["INSTRUMENT"])
        rows = block.tabular.shape[0]

        def ask(name: str, x: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
            return _shaped(f"the output of {name}", predictors[name](x), rows, 1).astype(np.float32)

        raw = [ask(name, block.sequence if name == "lstm" else block.tabular) for name in MEMBERS]
        fused = self.fuse(block, np.concatenate(raw, axis=1))
        return self.size(
            p_up=fused.p_up,
            confidence=fused.confidence,
            agreement=fused.agreement,
            member_p_up=fused.member_p_up,
            regime=fused.regime,
            win_raw=ask(WIN_PROBABILITY, fused.win_features),
            state=block.state,
            row_reasons=block.row_reasons,
            bar_end=inputs["BAR_END"],
            instrument=inputs["INSTRUMENT"],
            portfolio=inputs["PORTFOLIO"],
        )
