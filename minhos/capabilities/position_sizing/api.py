"""The sizing capability's public door for training and the night; what sizes in a release is ``runtime/``."""

from __future__ import annotations

from minhos.capabilities.position_sizing.kelly.backtester import (
    BacktestResult,
    Decide,
    Opportunities,
    run_backtest,
)
from minhos.capabilities.position_sizing.kelly.covariance import correlation_section
from minhos.capabilities.position_sizing.kelly.probability_estimator import (
    FittedWin,
    WinSettings,
    fit_win_model,
    fit_win_table,
)
from minhos.capabilities.position_sizing.kelly.statistics import bootstrap_means

__all__ = [
    "BacktestResult",
    "Decide",
    "FittedWin",
    "Opportunities",
    "WinSettings",
    "bootstrap_means",
    "correlation_section",
    "fit_win_model",
    "fit_win_table",
    "run_backtest",
]
