"""A market drawn from its law: the path, the limits of every predictor on it, and the trades of each instrument."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from minhos.errors import ConfigError
from minhos.market_data.instruments import Instrument
from minhos.market_data.sierra.scid import Records
from minhos.market_data.synthetic.bayes import accuracy_of, solve_edge
from minhos.market_data.synthetic.bounce import bounce_limit
from minhos.market_data.synthetic.filtering import Measured, visible_accuracy
from minhos.market_data.synthetic.kelly import QUANTILES, ideal_growth
from minhos.market_data.synthetic.law import PlaceboLaw, PlantedLaw
from minhos.market_data.synthetic.paths import Path, placebo_path, planted_path
from minhos.market_data.synthetic.steps import Floats, Steps, windows_of
from minhos.market_data.synthetic.ticks import step_records, step_trades
from minhos.market_data.synthetic.truth import Accuracies, GrowthTruth, Share

__all__ = ["HORIZON_STEPS", "DrawnMarket", "draw_market", "market_law"]

HORIZON_STEPS: Final = 6
"""Of the label whose accuracy is asked for: the horizon of a night's decisions, on bars of one step."""
_START_PRICE: Final = {"SYNA": 5_000.0, "SYNB": 75.0}
_OTHER_START_TICKS: Final = 20_000
_OPEN_SHARE: Final = 0.5  # of the last step that has been traded when the files end
_ACTIVITY_POWER: Final = 0.7
_USUAL_VOLATILITY: Final = 0.0009

Law = PlantedLaw | PlaceboLaw


def market_law(*, accuracy: float | None, steps: Steps, horizon: int = HORIZON_STEPS) -> Law:
    """The law with this accuracy of its best predictor; None: the placebo's."""
    return PlaceboLaw() if accuracy is None else solve_edge(accuracy, regular=steps.regular, horizon=horizon)


@dataclass(frozen=True, eq=False)
class DrawnMarket:
    """One drawn market. `instruments`: one for each column of the path; `seeds`: one for the trades of each.

    `log_close` float64 [T, K]: log of each step's last price, before it is put on bid or ask.
    """

    law: Law
    steps: Steps
    path: Path
    instruments: tuple[Instrument, ...]
    seeds: tuple[np.random.SeedSequence, ...]
    log_close: Floats
    mean_ticks: float
    horizon: int = HORIZON_STEPS

    def records(self, index: int) -> Iterator[Records]:
        """The trades of one instrument, in time order, some thousand steps at a time; the last step is half there."""
        rng = np.random.Generator(np.random.PCG64(self.seeds[index]))
        instrument, path = self.instruments[index], self.path
        activity = self.steps.weight * (path.volatility / (self.steps.weight * _USUAL_VOLATILITY)) ** _ACTIVITY_POWER
        traded = step_trades(rng, path.flow[:, index], activity, mean_ticks=self.mean_ticks)
        blocks = step_records(
            rng,
            self.steps.start,
            self.log_close[:, index],
            log_open=float(self.log_close[0, index] - path.log_return[0, index]),
            noise=path.noise,
            jump=path.jump[:, index],
            trades=traded,
            tick_size=instrument.tick_size,
        )
        whole = len(self.steps.start) - self.steps.open_steps
        block = next(blocks)
        for following in blocks:
            yield block
            block = following
        yield _without_the_future(block, int(traded.bid_trades[whole:].sum() + traded.ask_trades[whole:].sum()))

    def accuracies(self) -> Accuracies:
        """The limit of every predictor, and what the filter on the bars and the sign of the flow reach."""
        if isinstance(self.law, PlaceboLaw):
            return Accuracies(limit=self._bounce_limit(self.law))
        windows, frequency = windows_of(self.steps.weight, self.horizon)
        exact = accuracy_of(self.law, windows, frequency, self.horizon)
        seen = visible_accuracy(self.law, horizon=self.horizon, instruments=len(self.instruments))
        return Accuracies(
            limit=exact,
            exact=exact,
            from_bars=_share(seen.from_bars),
            from_own_bars=_share(seen.from_own_bars),
            from_flow_sign=_share(seen.from_flow_sign),
        )

    def growth(self) -> GrowthTruth | None:
        """The ideal growth per decision; None without an edge."""
        if isinstance(self.law, PlaceboLaw):
            return None
        ideal = ideal_growth(self.law, *windows_of(self.steps.weight, self.horizon), self.horizon)
        quantiles = {f"{quantile:g}": value for quantile, value in zip(QUANTILES, ideal.win_quantiles, strict=True)}
        return GrowthTruth(
            sized=ideal.sized,
            constant=ideal.constant,
            ratio=ideal.ratio,
            on_returns=ideal.on_returns,
            win_quantiles=quantiles,
        )

    def _bounce_limit(self, law: PlaceboLaw) -> float:
        step_variance = self.path.volatility[:, None] ** 2 * (1 + law.jump_size**2 * (self.path.jump != 0))
        ahead = np.cumsum(np.concatenate((np.zeros((1, step_variance.shape[1])), step_variance)), axis=0)
        variance = ahead[1 + self.horizon :] - ahead[1 : -self.horizon]
        sizes = np.array([instrument.tick_size for instrument in self.instruments])
        ticks = np.exp(self.log_close[: len(variance)]) / sizes
        return bounce_limit(variance.ravel(), ticks.ravel())


def draw_market(
    law: Law, steps: Steps, instruments: tuple[Instrument, ...], *, seed: int, mean_ticks: float
) -> DrawnMarket:
    """Draw a market; the same arguments give the same one. Raises `ConfigError` for fewer than 2 ticks a step."""
    if not 2 <= mean_ticks <= 10_000:
        raise ConfigError(f"{mean_ticks:g} ticks a step are asked for; possible are 2 to 10000 (30 is the default)")
    if len(steps.start) <= HORIZON_STEPS + 1:
        raise ConfigError(
            f"{len(steps.start)} steps are too few for a horizon of {HORIZON_STEPS}; ask for more sessions"
        )
    first, *others = np.random.SeedSequence(seed).spawn(1 + len(instruments))
    rng = np.random.Generator(np.random.PCG64(first))
    width = len(instruments)
    if isinstance(law, PlaceboLaw):
        path = placebo_path(law, rng, steps.weight, width)
    else:
        path = planted_path(law, rng, steps.weight, width)
    start = [
        _START_PRICE.get(instrument.symbol, _OTHER_START_TICKS * instrument.tick_size) for instrument in instruments
    ]
    log_close = np.log(start) + np.cumsum(path.log_return, axis=0)
    return DrawnMarket(law, steps, path, instruments, tuple(others), log_close, mean_ticks)


def _without_the_future(block: Records, last_step: int) -> Records:
    """The block without the second half of its last step's trades: that bar is still open."""
    return block[: len(block) - last_step + max(1, round(_OPEN_SHARE * last_step))]


def _share(measured: Measured) -> Share:
    return Share(value=measured.value, error=measured.error)
