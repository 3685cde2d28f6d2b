"""Bands of the distribution function of uniform numbers hold what they promise."""

from __future__ import annotations

import numpy as np
import pytest

from xenograft.planning.calibration_record import band, counts_below, places


@pytest.mark.parametrize(("number", "level"), [(20, 0.9), (200, 0.95)])
def test_uniform_numbers_stay_within_the_band_as_often_as_promised(number: int, level: float) -> None:
    rng = np.random.default_rng(1)
    lower, upper = band(number, level)
    counts = np.stack([counts_below(rng.uniform(size=number)) for _ in range(4000)])
    inside = ((counts >= lower) & (counts <= upper)).all(axis=1).mean()
    assert level - 3 * np.sqrt(level * (1 - level) / 4000) <= inside <= level + 0.06  # counts are whole numbers


def test_a_surer_band_is_wider() -> None:
    lower, upper = band(200, 0.95)
    surer_lower, surer_upper = band(200, 0.9999)
    assert (surer_lower <= lower).all()
    assert (surer_upper >= upper).all()
    assert (surer_upper - surer_lower).sum() > (upper - lower).sum()


def test_the_exact_band_is_that_of_simulation() -> None:
    from arviz_stats.ecdf_utils import get_pointwise_confidence_band, simulate_confidence_bands

    rng = np.random.default_rng(2)
    pointwise = simulate_confidence_bands(200, 1, places(), 0.99, 20_000, rng)
    lower, upper = get_pointwise_confidence_band(pointwise, 200, places())
    np.testing.assert_allclose(np.array(band(200, 0.99)) / 200, [lower, upper], atol=0.006)


def test_values_are_counted_at_every_twentieth() -> None:
    assert counts_below([0.01, 0.05, 0.5, 0.99])[[0, 8, 9, 18]].tolist() == [2, 2, 3, 3]
