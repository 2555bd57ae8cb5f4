"""The ensemble capability's public door: train and tune a member family, fit the ensemble, fit the regime model."""

from __future__ import annotations

from minhos.capabilities.ensemble.fusion.nested import (
    Applied,
    EnsembleFit,
    LastFold,
    evaluate_last_fold,
    fit_ensemble,
)
from minhos.capabilities.ensemble.fusion.regime_fit import fit_regime
from minhos.capabilities.ensemble.fusion.settings import EnsembleSettings
from minhos.capabilities.ensemble.models.registry import FAMILIES, family
from minhos.capabilities.ensemble.models.train import train_family
from minhos.capabilities.ensemble.models.tune import Tuned, tune_family

__all__ = [
    "FAMILIES",
    "Applied",
    "EnsembleFit",
    "EnsembleSettings",
    "LastFold",
    "Tuned",
    "evaluate_last_fold",
    "family",
    "fit_ensemble",
    "fit_regime",
    "train_family",
    "tune_family",
]
