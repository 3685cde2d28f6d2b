"""The fixture's posterior: it holds the truth, and it is that of the model with explicit animal effects."""

from __future__ import annotations

import arviz as az
import numpy as np
import nutpie
from explicit import explicit_model

from xenograft.fitting.fit import Fit

CARD = "exponential-bliss-departure"


def test_every_answering_fit_of_the_fixture_passes(fits: dict[str, Fit]) -> None:
    assert {one.health.status for one in fits.values() if one.card.answers} == {"pass"}


def test_the_true_interaction_of_the_fixture_is_found(fits: dict[str, Fit]) -> None:
    draws = fits[CARD].posterior["departure"].isel(combination=0)
    assert abs(float(draws.mean()) - 0.021) < 3 * float(draws.std())


def test_the_posterior_is_that_of_the_model_with_explicit_animal_effects(fits: dict[str, Fit]) -> None:
    compiled = nutpie.compile_pymc_model(explicit_model(fits[CARD].study, fits[CARD].card))
    explicit = nutpie.sample(compiled, draws=1000, tune=1000, chains=4, seed=1, progress_bar=False, save_warmup=False)
    theirs, ours = explicit["posterior"].to_dataset(), fits[CARD].posterior
    over = ("chain", "draw")
    for name in ("baseline", "growth", "kill", "departure", "sd_baseline", "sd_growth", "error"):
        means, sds, errors = (
            [np.asarray(reduced).ravel() for reduced in pair]
            for pair in (
                [data[name].mean(over) for data in (ours, theirs)],
                [data[name].std(over) for data in (ours, theirs)],
                [az.mcse(data[[name]], method="mean")[name] for data in (ours, theirs)],
            )
        )
        assert (abs(means[0] - means[1]) < 4.5 * np.hypot(*errors)).all(), name
        assert np.allclose(*sds, rtol=0.12), name
