"""The combination predicted from its parts: right when the agents add, surprised when they do not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from xenograft.answers.ranking import Comparison, compare
from xenograft.evidence.parts import COLUMNS, predict_from_parts
from xenograft.fitting.fit import Fit
from xenograft.fitting.integrated import log_likelihood
from xenograft.fitting.sampling import refit_without

BLISS, HSA = "exponential-bliss", "exponential-hsa"
COMBINATION = "T-DM1 + pertuzumab"


class Recording:
    def __init__(self, fit: Fit | None = None) -> None:
        self.asked: list[tuple[str, list[str]]] = []
        self.fit = fit

    def __call__(self, fit: Fit, animals: Sequence[str]) -> Fit:
        self.asked.append((fit.card.name, list(animals)))
        return self.fit or fit


@pytest.fixture(scope="module")
def chosen(fits: Mapping[str, Fit]) -> dict[str, Fit]:
    return {name: fits[name] for name in ("exponential-bliss-departure", BLISS, HSA)}


@pytest.fixture(scope="module")
def ranking(chosen: Mapping[str, Fit]) -> Comparison:
    return compare(chosen, exact=False)


@pytest.fixture(scope="module")
def parts(chosen: Mapping[str, Fit]) -> Fit:
    study = chosen[BLISS].study
    return refit_without(chosen[BLISS], list(study.animals.index[study.animals["arm"] == COMBINATION]))


def test_every_null_card_is_fitted_once_without_the_combination_for_both_references(
    chosen: Mapping[str, Fit], ranking: Comparison, parts: Fit
) -> None:
    recording = Recording(parts)
    table = predict_from_parts(chosen, ranking, refit=recording)
    ((name, animals),) = recording.asked
    assert name in (BLISS, HSA)
    study = parts.study
    assert sorted(animals) == sorted(study.animals.index[study.animals["arm"] == COMBINATION])
    assert sorted(table["card"]) == [BLISS, HSA]
    assert (table["animals"] == 10).all()


def test_the_fixtures_combination_is_smaller_than_its_parts_let_expect_most_so_under_hsa(
    chosen: Mapping[str, Fit], ranking: Comparison, parts: Fit
) -> None:
    table = predict_from_parts(chosen, ranking, refit=lambda *_: parts).set_index("card")
    assert table.loc[HSA, "mean_pit"] < table.loc[BLISS, "mean_pit"] < 0.4
    assert table.loc[BLISS, "elpd_diff"] == 0.0
    assert table.loc[HSA, "elpd_diff"] < -2 * table.loc[HSA, "elpd_diff_se"]
    assert table.loc[HSA, "coverage_90"] < table.loc[BLISS, "coverage_90"]


def test_the_score_is_the_log_of_the_mean_density_of_each_animal(
    chosen: Mapping[str, Fit], ranking: Comparison, parts: Fit
) -> None:
    row = predict_from_parts(chosen, ranking, refit=lambda *_: parts).set_index("card").loc[HSA]
    study = parts.study
    animals = study.animals.index[study.animals["arm"] == COMBINATION]
    values = log_likelihood(parts.posterior, study, chosen[HSA].card).sel(animal=list(animals))
    density = np.log(np.exp(values).mean(("chain", "draw")))
    assert row["elpd"] == pytest.approx(float(density.sum()))
    assert row["elpd_se"] == pytest.approx(np.sqrt(10 * float(density.var())))


def test_the_combinations_readings_do_not_enter_its_own_prediction(chosen: Mapping[str, Fit], parts: Fit) -> None:
    study = chosen[BLISS].study
    doubled = study.readings.copy()
    doubled.loc[doubled["arm"] == COMBINATION, "volume"] *= 1.5
    changed = replace(chosen[BLISS], study=replace(study, readings=doubled))
    again = refit_without(changed, list(study.animals.index[study.animals["arm"] == COMBINATION]))
    np.testing.assert_array_equal(again.posterior["kill"], parts.posterior["kill"])


def test_a_combination_whose_agent_no_arm_gets_alone_is_not_predicted_and_says_why(
    chosen: Mapping[str, Fit], ranking: Comparison
) -> None:
    study = chosen[BLISS].study
    fewer = replace(
        study,
        arms=tuple(arm for arm in study.arms if arm.name != "pertuzumab"),
        readings=study.readings[study.readings["arm"] != "pertuzumab"],
    )
    without = {name: replace(fit, study=fewer) for name, fit in chosen.items()}
    table = predict_from_parts(without, ranking, refit=Recording())
    assert set(table["reason"]) == {"no arm gets pertuzumab alone as this arm does"}
    assert table["elpd"].isna().all()


def test_a_refit_that_fails_predicts_nothing_and_says_why(chosen: Mapping[str, Fit], ranking: Comparison) -> None:
    fit = chosen[BLISS]
    failed = replace(fit, health=replace(fit.health, status="fail", failures=("R-hat 1.2 (growth)",)))
    table = predict_from_parts(chosen, ranking, refit=Recording(failed))
    assert set(table["reason"]) == {"the sampler did not converge (R-hat 1.2 (growth))"}


def test_without_a_null_card_there_is_nothing_to_predict(chosen: Mapping[str, Fit]) -> None:
    one = {"exponential-bliss-departure": chosen["exponential-bliss-departure"]}
    recording = Recording()
    table = predict_from_parts(one, compare(one, exact=False), refit=recording)
    assert recording.asked == []
    pd.testing.assert_index_equal(table.columns, pd.Index(list(COLUMNS)))
    assert table.empty
