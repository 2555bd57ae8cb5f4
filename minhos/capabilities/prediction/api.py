"""The prediction capability's public door: the LSTM family. Features are runtime code, see ``runtime/``."""

from __future__ import annotations

from minhos.capabilities.prediction.lstm.trainer import Lstm

__all__ = ["Lstm"]
