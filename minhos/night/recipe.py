"""The recipe of a release: everything that is chosen rather than learned, beside the training profile.

Frozen and strict; its JSON enters the run's key, so a changed recipe is a different run.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from minhos.training.labels import Barriers, LabelKind

__all__ = ["RECIPE", "Inputs", "Recipe", "Sizing", "Thresholds"]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Thresholds(_Frozen):
    """Under either, the decision is 0. ``confidence`` is 2|P_UP - 1/2|, ``agreement`` a weighted share of members."""

    confidence: float = 0.02
    agreement: float = 0.6


class Sizing(_Frozen):
    """Quarter Kelly under caps. Fractions are of equity; ``interval_z`` says what the win interval's width means."""

    kelly_fraction: float = 0.25
    max_risk_fraction: float = 0.02
    max_notional_fraction: float = 3.0
    max_drawdown: float = 0.20
    interval_z: float = 1.645


class Inputs(_Frozen):
    """What the models see. The trees get every feature that the bars allow, and ``lags``: a feature's name and of how many
    earlier bars they get its value too. The LSTM gets the eight of ``sequence``; none named: the default for the columns.

    Lags are of what a bar says by itself, its move and its flow. A feature over a window is nearly the same one bar
    earlier, and the sums over 3, 6 and 12 bars say what is older; more lags cost every tree and tell it little.
    """

    lags: dict[str, int] = {"log_return_1": 3, "order_flow_imbalance_1": 3}
    sequence: tuple[str, ...] = ()


class Recipe(_Frozen):
    """What the direction is (``training.labels``), barriers in multiples of ATR(14), the horizon in bars, ages, seeds.

    ``max_age_days`` is how long after its last bar a release may decide; ``max_staleness_bars`` how old the last bar of a
    request may be. ``min_bars`` is the history an instrument needs. ``start_equity`` is the backtest's account.
    """

    label: LabelKind = "triple_barrier"
    stop_atr: float = 1.0
    target_atr: float = 1.0
    horizon_bars: int = 6
    max_age_days: float = 4.0
    max_staleness_bars: float = 3.0
    min_bars: int = 2000
    seed: int = 7
    start_equity: float = 100_000.0
    thresholds: Thresholds = Thresholds()
    sizing: Sizing = Sizing()
    inputs: Inputs = Inputs()

    @property
    def barriers(self) -> Barriers:
        """The barriers that the decision names and the labels are made of."""
        return Barriers(self.stop_atr, self.target_atr, self.horizon_bars)


RECIPE = Recipe()
