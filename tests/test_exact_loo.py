"""Importance sampling with exact refits against leaving out every animal by brute force (slow)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from xenograft.answers.ranking import compare, expected_log_density
from xenograft.fitting.fit import Fit
from xenograft.fitting.sampling import refit_without


@pytest.mark.slow
@pytest.mark.parametrize("name", ["exponential-bliss-departure", "exponential-bliss", "gompertz-bliss-departure"])
def test_leaving_out_every_animal_by_brute_force_gives_the_same_elpd(fits: Mapping[str, Fit], name: str) -> None:
    fit = fits[name]
    found = compare({name: fit})
    exact: list[float] = []
    error: list[float] = []
    for animal in fit.study.animals.index:
        again = refit_without(fit, [str(animal)])
        assert again.health.status != "fail"
        values = again.draws["log_likelihood"]["volume_readings"].sel(animal=animal).to_numpy()
        exact.append(float(expected_log_density(values.ravel())))
        error.append(float(np.std([expected_log_density(chain) for chain in values], ddof=1) / np.sqrt(len(values))))
    difference = found.pointwise[name] - np.array(exact)
    assert difference.sum() == pytest.approx(0, abs=0.3)
    fine = found.pareto_k[name] <= found.good_k
    assert fine.sum() >= 35
    allowed = 0.1 + 3 * np.array(error)  # an influential animal is predicted by few draws of the refit: 0.06 for V02
    assert (difference.abs() < allowed)[fine].all()
