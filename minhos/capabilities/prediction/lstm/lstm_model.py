"""The network: scaler -> LSTM 200 -> LSTM 100 -> attention over time -> dense, dropout -> P(up).

The scaler is part of the model, so a fold's artifact carries the scale of the fold's own training rows and nothing
else can. Attention is additive over the LSTM's states (Bahdanau, Cho and Bengio 2015) with the newest state h_T as
the query: score_t = v' tanh(W h_t + U h_T), softmax over the steps, weighted sum of the states, beside it h_T itself.
Without the query and h_T the sum starts as a plain mean over the steps, and the newest bar is lost in it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt

from minhos.capabilities.prediction.lstm.settings import LstmSettings

__all__ = ["build_network", "keras_on_cpu", "scale_of"]

Float32 = npt.NDArray[np.float32]
_CLIP = 8.0  # in standard deviations: one bad tick must not saturate the recurrent state


def keras_on_cpu(*, seed: int, threads: int) -> Any:
    """Import Keras with the TensorFlow backend, deterministic and within ``threads`` CPU threads.

    Import happens once per process; the seed is set every time. Thread counts hold from the first call on.
    """
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    # TensorFlow's C++ log: 2.21 prints harmless graph notes as errors; real failures arrive as exceptions.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with _without_first_words():
        import keras
        import tensorflow as tf

    if tf.config.threading.get_intra_op_parallelism_threads() == 0:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    tf.get_logger().setLevel("ERROR")  # one model per fold looks like needless retracing to its warnings
    tf.config.experimental.enable_op_determinism()
    keras.utils.set_random_seed(seed % 2**31)
    return keras


@contextmanager
def _without_first_words() -> Iterator[None]:
    """TensorFlow's library writes about oneDNN while it is loaded, before it reads any log level; errors are exceptions."""
    if "tensorflow" in sys.modules:
        yield
        return
    sys.stderr.flush()
    kept = os.dup(2)
    with open(os.devnull, "wb") as nowhere:  # noqa: PTH123  a file descriptor is wanted
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def scale_of(x: Float32) -> tuple[Float32, Float32]:
    """Mean and standard deviation of each feature over rows and steps of ``x`` float32 [N, steps, C]; std >= 1e-8."""
    flat = x.reshape(-1, x.shape[-1]).astype(np.float64)
    return flat.mean(axis=0).astype(np.float32), np.maximum(flat.std(axis=0), 1e-8).astype(np.float32)


def build_network(keras: Any, *, steps: int, mean: Float32, std: Float32, settings: LstmSettings, seed: int) -> Any:
    """The Keras model: input ``x`` float32 [N, steps, C] in raw features, output P(up) float32 [N, 1].

    The scaler is a Rescaling layer with constants: Keras's Normalization layer exports its mean and variance as
    two further ONNX inputs (Keras 3.15 with tf2onnx 1.17).
    """
    layers, ops = keras.layers, keras.ops
    first, second = settings.units
    inputs = keras.Input((steps, len(mean)), name="x", dtype="float32")
    scaled = layers.Rescaling(scale=(1.0 / std).tolist(), offset=(-mean / std).tolist(), name="scaler")(inputs)
    states = ops.clip(scaled, -_CLIP, _CLIP)
    states = layers.LSTM(first, return_sequences=True, use_cudnn=False, name="lstm_first")(states)
    states = layers.LSTM(second, return_sequences=True, use_cudnn=False, name="lstm_second")(states)
    newest = layers.Flatten(name="newest")(states[:, -1:, :])
    query = layers.Dense(settings.attention_units, use_bias=False, name="attention_query")(newest)
    keys = layers.Dense(settings.attention_units, name="attention_keys")(states)
    scores = ops.tanh(keys + ops.expand_dims(query, 1))
    weights = layers.Softmax(axis=1, name="attention")(layers.Dense(1, name="attention_score")(scores))
    context = layers.Flatten(name="context")(layers.Dot(axes=1, name="weighted_sum")([weights, states]))
    seen = layers.Concatenate(name="seen")([context, newest])
    hidden = layers.Dense(settings.dense_units, activation="relu", name="dense")(seen)
    hidden = layers.Dropout(settings.dropout, seed=seed % 2**31, name="dropout")(hidden)
    return keras.Model(inputs, layers.Dense(1, activation="sigmoid", name="p_up")(hidden), name="lstm")
