"""Standardised residuals: each divided by the reading error's standard deviation of its own arm and kind."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
import xarray as xr

from xenograft.fitting.fit import Fit
from xenograft.fitting.health import Health
from xenograft.model.card import ModelCard
from xenograft.report.content_of_checks import reading_error, residual_table
from xenograft.study.study import Study

DAYS = np.array([0.0, 14.0])


def fit_of(study: Study, card: ModelCard, **parameters: object) -> Fit:
    """A fit whose two draws of everything are the same number; of parameters with labels the last dimension varies."""
    known: dict[str, object] = {"baseline": 0.2, "growth": 0.08, "sd_baseline": 0.2, "sd_growth": 0.01,
                                "correlation": 0.0, "error": 0.15}  # fmt: skip
    kill = np.full(len(study.levels), 0.03)
    departure = np.zeros(len(study.combinations))
    values = {"kill": kill, "departure": departure} | known | parameters
    posterior = {
        name: (("chain", "draw", *([f"{name}_label"] if np.ndim(value) else [])), np.stack([[value, value]]))
        for name, value in values.items()
    }
    draws = xr.DataTree.from_dict({"posterior": xr.Dataset(posterior)})
    return Fit(study, card, draws, Health("pass", 1.0, 1e3, 1e3, 0, 0.0, 1.0), (), 1, {})


def test_an_error_by_arm_is_that_of_its_arm(study: Study, cards: Mapping[str, ModelCard]) -> None:
    card = cards["exponential-bliss-departure"].model_copy(update={"spread": "arm"})
    error = np.array([0.1, 0.2, 0.3, 0.4])
    found = reading_error(fit_of(study, card, error=error, sd_growth=np.full(4, 0.01)), DAYS)
    for place, arm in enumerate(study.arms):
        assert found.sel(arm=arm.name).to_numpy() == pytest.approx(error[place])


def test_students_error_is_its_standard_deviation_not_its_scale(study: Study, cards: Mapping[str, ModelCard]) -> None:
    card = cards["robust-bliss-departure"].model_copy(update={"spread": "common"})
    found = reading_error(fit_of(study, card, degrees_of_freedom=5.0), DAYS)
    assert found.to_numpy() == pytest.approx(0.15 * np.sqrt(5 / 3))
    drawn = 0.15 * np.random.default_rng(1).standard_t(5, 400_000)
    assert found.to_numpy().max() == pytest.approx(drawn.std(), rel=0.02)


def test_a_common_normal_error_is_itself(study: Study, cards: Mapping[str, ModelCard]) -> None:
    found = reading_error(fit_of(study, cards["exponential-bliss-departure"]), DAYS)
    assert found.to_numpy() == pytest.approx(0.15)


def test_a_residual_is_divided_by_the_error_of_its_own_arm(study: Study, cards: Mapping[str, ModelCard]) -> None:
    card = cards["exponential-bliss-departure"].model_copy(update={"spread": "arm"})
    error = np.array([0.1, 0.2, 0.3, 0.4])
    fit = fit_of(study, card, error=error, sd_growth=np.full(4, 0.01))
    days = np.unique(study.fitted_readings["day"])
    animals = study.animals.index
    own = xr.DataArray(
        np.full((1, 1, len(animals), len(days)), np.log(300.0)),
        dims=("chain", "draw", "animal", "day"), coords={"animal": animals.to_numpy(), "day": days},
    )  # fmt: skip
    table = residual_table(fit, own)
    readings = study.fitted_readings[~study.fitted_readings["censored"]]
    by_arm = dict(zip((arm.name for arm in study.arms), error, strict=True))
    expected = np.log(readings["volume"].to_numpy() / 300.0) / readings["arm"].map(by_arm).to_numpy()
    assert table["residual"].to_numpy() == pytest.approx(expected)
