"""Rolling forms over the last axis, exact per window: no cumulative sums and no memory beyond the window.

Every function takes ``x [..., T]`` and returns ``[..., T - n + 1]``: element ``i`` belongs to bar ``i + n - 1``
and reads bars ``i .. i + n - 1`` only. Windows are built by doubling (a window of 20 is one of 16 and one of 4), so a
result depends on its own window alone: the same bits over a whole history and over one served window, in
``log2(n)`` vector operations.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

__all__ = [
    "FloatArray",
    "geometric_mean_weights_sum",
    "rolling_ema",
    "rolling_max",
    "rolling_mean",
    "rolling_min",
    "rolling_std",
    "rolling_sum",
    "tail",
]

FloatArray = npt.NDArray[np.float64]


def tail(x: FloatArray, length: int) -> FloatArray:
    """The last ``length`` elements of the last axis (a view): aligns results of different windows."""
    return x[..., x.shape[-1] - length :]


def _check(x: FloatArray, n: int) -> None:
    if not 1 <= n <= x.shape[-1]:
        raise ValueError(f"a rolling window of {n} needs between 1 and {x.shape[-1]} bars (the last axis)")


def _sum_like(x: FloatArray, n: int, weigh: Callable[[FloatArray, int], FloatArray] | None) -> FloatArray:
    """Sum over the last ``n``; with ``weigh(block, age)`` the block that is ``age`` bars old is discounted."""
    _check(x, n)
    total: FloatArray | None = None
    covered = 0
    block, size = x, 1
    while True:
        if n & size:
            length = x.shape[-1] - covered - size + 1
            older = block[..., :length]
            if weigh is not None and covered:
                older = weigh(older, covered)
            total = older if total is None else tail(total, length) + older
            covered += size
        if covered == n:
            break
        earlier = block[..., :-size]
        block = block[..., size:] + (earlier if weigh is None else weigh(earlier, size))
        size *= 2
    assert total is not None
    return total if n > 1 else x.copy()


def rolling_sum(x: FloatArray, n: int) -> FloatArray:
    """Sum of the last ``n`` values."""
    return _sum_like(x, n, None)


def rolling_mean(x: FloatArray, n: int) -> FloatArray:
    """Mean of the last ``n`` values."""
    return rolling_sum(x, n) / n


def _extreme(x: FloatArray, n: int, pick: Callable[[FloatArray, FloatArray], FloatArray]) -> FloatArray:
    _check(x, n)
    block, size = x, 1
    while size * 2 <= n:
        block = pick(block[..., size:], block[..., :-size])
        size *= 2
    rest = n - size
    return pick(block[..., rest:], block[..., : block.shape[-1] - rest]) if rest else block.copy()


def rolling_max(x: FloatArray, n: int) -> FloatArray:
    """Largest of the last ``n`` values."""
    return _extreme(x, n, np.maximum)


def rolling_min(x: FloatArray, n: int) -> FloatArray:
    """Smallest of the last ``n`` values."""
    return _extreme(x, n, np.minimum)


def rolling_std(x: FloatArray, n: int) -> tuple[FloatArray, FloatArray]:
    """Mean and population standard deviation of the last ``n`` values.

    Blocks are merged by the pairwise update of Chan, Golub and LeVeque (1979), which does not cancel: a constant
    window gives exactly its value and 0.
    """
    _check(x, n)
    mean_block, square_block, size = x, np.zeros_like(x), 1
    mean: FloatArray | None = None
    square = square_block
    covered = 0
    while True:
        if n & size:
            length = x.shape[-1] - covered - size + 1
            older_mean, older_square = mean_block[..., :length], square_block[..., :length]
            if mean is None:
                mean, square = older_mean, older_square
            else:
                newer_mean, newer_square = tail(mean, length), tail(square, length)
                delta = older_mean - newer_mean
                share = size / (size + covered)
                mean = newer_mean + delta * share
                square = newer_square + older_square + delta * delta * (covered * share)
            covered += size
        if covered == n:
            break
        delta = mean_block[..., :-size] - mean_block[..., size:]
        square_block = square_block[..., size:] + square_block[..., :-size] + delta * delta * (size / 2)
        mean_block = mean_block[..., size:] + delta / 2
        size *= 2
    assert mean is not None
    return mean, np.sqrt(square / n)


def geometric_mean_weights_sum(n: int, decay: float) -> float:
    """``1 + decay + ... + decay**(n-1)``: what the weights of `rolling_ema` are divided by."""
    return float((1.0 - decay**n) / (1.0 - decay))


def rolling_ema(x: FloatArray, n: int, span: int) -> FloatArray:
    """Exponentially weighted mean of the last ``n`` values only, weights ``decay**age`` normalised to one.

    ``decay = 1 - 2 / (span + 1)`` as in the usual EMA; the usual one has infinite memory, this one forgets after
    ``n`` bars, so it is a function of its window.
    """
    decay = 1.0 - 2.0 / (span + 1.0)

    def weigh(block: FloatArray, age: int) -> FloatArray:
        return block * decay**age

    return _sum_like(x, n, weigh) / geometric_mean_weights_sum(n, decay)
