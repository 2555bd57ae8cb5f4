from __future__ import annotations

import numpy as np
import pytest

from minhos.capabilities.position_sizing.api import correlation_section


def closes(seed: int, count: int, *, rho: float) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    rng = np.random.default_rng(seed)
    common, own = rng.normal(size=count), rng.normal(size=count)
    times = np.arange(count, dtype=np.int64) * 60
    return {
        "AAA": (times, 100 * np.exp(np.cumsum(0.001 * common))),
        "BBB": (times, 9 * np.exp(np.cumsum(0.01 * (rho * common + np.sqrt(1 - rho**2) * own)))),
    }


def test_a_planted_correlation_is_found_and_shrunk_towards_none() -> None:
    matrix = np.array(correlation_section(closes(1, 5000, rho=0.8))["matrix"])
    assert 0.76 < matrix[0, 1] < 0.82
    assert np.array_equal(matrix, matrix.T) and np.diag(matrix).tolist() == [1.0, 1.0]
    assert (np.linalg.eigvalsh(matrix) > 0).all()


def test_only_bars_that_all_share_count() -> None:
    both = closes(2, 3000, rho=0.7)
    shifted = {"AAA": both["AAA"], "BBB": (both["BBB"][0][500:], both["BBB"][1][500:])}
    section = correlation_section(shifted)
    assert section["symbols"] == ["AAA", "BBB"]
    assert section["matrix"][0][1] == pytest.approx(0.7, abs=0.05)


def test_a_bar_at_a_price_below_zero_is_none_that_they_share() -> None:
    both = closes(6, 3000, rho=0.7)
    times, below = both["BBB"][0], both["BBB"][1].copy()
    below[1000] = -37.63
    matrix = np.array(correlation_section(both | {"BBB": (times, below)})["matrix"])
    assert matrix[0, 1] == pytest.approx(np.array(correlation_section(both)["matrix"])[0, 1], abs=0.01)


def test_too_little_in_common_counts_as_half() -> None:
    both = closes(3, 3000, rho=0.0)
    apart = {"AAA": both["AAA"], "BBB": (both["BBB"][0] + 7, both["BBB"][1])}
    assert correlation_section(apart)["matrix"] == [[1.0, 0.5], [0.5, 1.0]]


def test_one_instrument_or_a_frozen_one() -> None:
    both = closes(4, 1000, rho=0.5)
    assert correlation_section({"AAA": both["AAA"]}) == {"symbols": ["AAA"], "matrix": [[1.0]]}
    frozen = {"AAA": both["AAA"], "BBB": (both["BBB"][0], np.full(1000, 5.0))}
    assert correlation_section(frozen)["matrix"][0][1] == pytest.approx(0.0, abs=1e-9)
