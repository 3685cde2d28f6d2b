"""Ranking: who predicts the next animal, who may answer, who is refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import arviz as az
import numpy as np
import pandas as pd
import pytest
import xarray as xr

from xenograft.answers import ranking as comparison
from xenograft.answers.ranking import COLUMNS, Comparison, cards_alike, compare
from xenograft.errors import InputError
from xenograft.fitting.fit import Fit
from xenograft.fitting.sampling import refit_without
from xenograft.model.card import ModelCard

ANSWERING = ("exponential-bliss-departure", "gompertz-bliss-departure")
FAILURES = ("R-hat 1.3 (kill[pertuzumab])", "share of divergences 0.02 (80 draws)")


def sick(fit: Fit, status: Any = "fail") -> Fit:
    return replace(fit, health=replace(fit.health, status=status, failures=FAILURES))


# The table


def test_every_healthy_card_has_a_row_the_best_one_first(ranking: Comparison, fits: Mapping[str, Fit]) -> None:
    table = ranking.table
    assert sorted(table.index) == sorted(fits)
    assert tuple(table.columns) == COLUMNS
    assert table["elpd"].is_monotonic_decreasing
    assert table["elpd_diff"].iloc[0] == 0
    assert (table["elpd_diff"] <= 0).all()
    np.testing.assert_allclose(table["elpd_diff"], table["elpd"] - table["elpd"].iloc[0])


def test_the_numbers_are_those_of_arviz(fits: Mapping[str, Fit]) -> None:
    good = {name: with_good_animals(fits[name]) for name in ANSWERING}
    ranking = compare(good)
    estimates = {name: az.loo(fit.draws, pointwise=True) for name, fit in good.items()}
    for name, estimate in estimates.items():
        row = ranking.table.loc[name]
        assert (row["elpd"], row["elpd_se"], row["p_loo"]) == pytest.approx((estimate.elpd, estimate.se, estimate.p))
    expected = az.compare(estimates, round_to="none")
    found = ranking.table.loc[list(ANSWERING), "answer_weight"]
    np.testing.assert_allclose(found, expected["weight"][list(ANSWERING)], atol=1e-6)


def test_weights_sum_to_1_over_all_cards_and_over_the_answering_ones(ranking: Comparison) -> None:
    assert ranking.table["weight"].sum() == pytest.approx(1)
    assert ranking.table["answer_weight"].sum() == pytest.approx(1)
    assert (ranking.table["weight"] >= 0).all()


def test_only_cards_that_leave_the_combination_free_answer(ranking: Comparison) -> None:
    assert set(ranking.answer_weights) == set(ANSWERING)
    table = ranking.table
    assert table.index[table["answers"].astype(bool)].sort_values().tolist() == sorted(ANSWERING)
    assert table.loc[~table["answers"].astype(bool), "answer_weight"].isna().all()


def test_the_animals_elpds_add_up_to_the_elpd(ranking: Comparison, fits: Mapping[str, Fit]) -> None:
    animals = list(next(iter(fits.values())).study.animals.index)
    assert list(ranking.pointwise.index) == animals
    np.testing.assert_allclose(ranking.pointwise.sum()[ranking.table.index], ranking.table["elpd"].astype(float))
    assert ranking.pareto_k.shape == ranking.pointwise.shape


def test_the_departure_that_is_there_is_found_by_the_ranking(ranking: Comparison) -> None:
    assert ranking.table["answers"].tolist()[:2] == [True, True]
    assert (ranking.nulls["elpd_diff"] < 0).all()


# Nulls


def test_each_null_is_held_against_the_answering_card_of_its_own_growth_law(ranking: Comparison) -> None:
    pairs = set(zip(ranking.nulls["null"], ranking.nulls["answering"], strict=True))
    assert pairs == {
        (f"{law}-{reference}", f"{law}-bliss-departure")
        for law in ("exponential", "gompertz")
        for reference in ("bliss", "hsa")
    }


def test_the_difference_to_a_null_is_paired_by_animal(ranking: Comparison) -> None:
    for _, row in ranking.nulls.iterrows():
        difference = ranking.pointwise[row["null"]] - ranking.pointwise[row["answering"]]
        assert row["elpd_diff"] == pytest.approx(difference.sum())
        assert row["elpd_diff_se"] == pytest.approx(np.sqrt(len(difference)) * np.std(difference))


def test_a_null_without_its_answering_card_has_no_pair(fits: Mapping[str, Fit]) -> None:
    found = compare({name: fits[name] for name in ("exponential-bliss", "gompertz-bliss-departure")})
    assert found.nulls.empty
    assert list(found.nulls.columns) == ["null", "answering", "elpd_diff", "elpd_diff_se"]


# Refusals


def test_a_failed_fit_is_refused_by_name_with_the_reason_and_never_ranked(fits: Mapping[str, Fit]) -> None:
    name = "gompertz-bliss-departure"
    found = compare(fits | {name: sick(fits[name])})
    assert found.refused == {
        name: "the sampler did not converge (R-hat 1.3 (kill[pertuzumab]); share of divergences 0.02 (80 draws))"
    }
    for table in (found.table.T, found.pointwise, found.pareto_k):
        assert name not in table.columns
    assert found.answer_weights == {"exponential-bliss-departure": 1.0}
    assert name not in set(found.nulls["answering"])


def test_a_fit_of_caution_is_ranked_and_says_so(fits: Mapping[str, Fit]) -> None:
    name = ANSWERING[0]
    found = compare(fits | {name: sick(fits[name], "caution")})
    assert found.table.loc[name, "health"] == "caution"
    assert name in found.answer_weights
    assert found.refused == {}


def test_without_a_healthy_fit_nothing_is_ranked_and_nobody_answers(fits: Mapping[str, Fit]) -> None:
    found = compare({name: sick(fit) for name, fit in fits.items()})
    assert found.table.empty
    assert tuple(found.table.columns) == COLUMNS
    assert found.answer_weights == {}
    assert found.nulls.empty
    assert sorted(found.refused) == sorted(fits)


def test_without_a_healthy_answering_fit_the_nulls_are_ranked_and_nobody_answers(fits: Mapping[str, Fit]) -> None:
    found = compare({name: sick(fit) if name in ANSWERING else fit for name, fit in fits.items()})
    assert len(found.table) == len(fits) - 2
    assert found.answer_weights == {}


def test_fits_of_two_studies_are_refused_with_their_names(fits: Mapping[str, Fit]) -> None:
    first, second = (fits[name] for name in ANSWERING)
    other = replace(second.study, name="Another", readings=second.study.readings.assign(volume=123.0))
    with pytest.raises(InputError) as raised:
        compare({"a": first, "b": replace(second, study=other)})
    assert str(raised.value) == (
        "compare: the fits are of different studies: a (HER2-positive four-arm study (simulated)), b (Another). "
        "Compare fits of one study."
    )


def test_the_name_of_a_study_does_not_make_it_another(fits: Mapping[str, Fit]) -> None:
    renamed = {name: replace(fit, study=replace(fit.study, name=f"as {name}")) for name, fit in fits.items()}
    assert len(compare(renamed).table) == len(fits)


# Few cards, bad estimates


@pytest.mark.parametrize("name", [ANSWERING[0], "exponential-bliss"])
def test_one_card_alone_is_ranked_first(fits: Mapping[str, Fit], ranking: Comparison, name: str) -> None:
    found = compare({name: fits[name]})
    row = found.table.loc[name]
    assert (row["weight"], row["elpd_diff"], row["elpd_diff_se"]) == (1.0, 0.0, 0.0)
    assert list(found.table.columns) == list(ranking.table.columns)
    for column in ("elpd", "elpd_se", "p_loo"):
        assert row[column] == pytest.approx(ranking.table.loc[name, column])
    assert found.answer_weights == ({name: 1.0} if name in ANSWERING else {})


def test_the_order_of_the_fits_does_not_matter(fits: Mapping[str, Fit], ranking: Comparison) -> None:
    backwards = compare(dict(reversed(fits.items())))
    pd.testing.assert_frame_equal(backwards.table, ranking.table, atol=1e-5)


def with_good_animals(fit: Fit) -> Fit:
    """A fit whose log likelihoods vary so little that importance sampling can leave any animal out."""
    values = fit.draws["log_likelihood"]["volume_readings"]
    mean = values.mean(["chain", "draw"])
    calm = fit.draws.copy()
    calm["log_likelihood"] = xr.DataTree((0.3 * values + 0.7 * mean).to_dataset(name="volume_readings"))
    return replace(fit, draws=calm)


def with_bad_animals(fit: Fit, animals: int = 1) -> Fit:
    """A fit whose first animals have exp(−log likelihood) Pareto distributed with k = 1.2; the others are good."""
    wild = with_good_animals(fit).draws.copy()
    values = wild["log_likelihood"]["volume_readings"].copy()
    size = (*values.shape[:2], animals)
    values[{"animal": slice(animals)}] = -1.2 * np.random.default_rng(1).standard_exponential(size)
    wild["log_likelihood"] = xr.DataTree(values.to_dataset(name="volume_readings"))
    return replace(fit, draws=wild)


class Refitting:
    """Stands for the sampler: every animal left out has log likelihood −1 or −3 in equal shares."""

    def __init__(self, status: Any = "pass") -> None:
        self.asked: list[tuple[str, list[str]]] = []
        self.status = status

    def __call__(self, fit: Fit, animals: Sequence[str]) -> Fit:
        self.asked.append((fit.card.name, list(animals)))
        values = fit.draws["log_likelihood"]["volume_readings"]
        new = xr.where(values["draw"] % 2 == 0, -1.0, -3.0) + 0 * values
        groups = {"posterior": fit.posterior, "log_likelihood": new.to_dataset(name="volume_readings")}
        draws = xr.DataTree.from_dict(groups)
        return replace(fit, draws=draws, health=replace(fit.health, status=self.status))


def test_an_animal_that_importance_sampling_cannot_leave_out_is_left_out_by_fitting_again(
    fits: Mapping[str, Fit],
) -> None:
    bad = with_bad_animals(fits[ANSWERING[0]], 2)
    pair = {ANSWERING[0]: bad, ANSWERING[1]: with_good_animals(fits[ANSWERING[1]])}
    refit = Refitting()
    found, rough = compare(pair, refit=refit), compare(pair, exact=False)
    animals = [str(animal) for animal in bad.study.animals.index[:2]]
    assert refit.asked == [(ANSWERING[0], [animal]) for animal in animals]
    expected = np.log((np.exp(-1) + np.exp(-3)) / 2)
    np.testing.assert_allclose(found.pointwise.loc[animals, ANSWERING[0]], expected)
    row = found.table.loc[ANSWERING[0]]
    assert (row["exact_refits"], row["bad_k"]) == (2, 0)
    assert "k̂" not in row["cautions"]
    own = found.pointwise[ANSWERING[0]]
    assert row["elpd"] == pytest.approx(own.sum())
    assert row["elpd_se"] == pytest.approx(np.sqrt(40 * own.var(ddof=0)))
    seen = bad.draws["log_likelihood"]["volume_readings"].to_numpy().reshape(-1, 40)
    assert row["p_loo"] == pytest.approx((np.logaddexp.reduce(seen, axis=0) - np.log(len(seen))).sum() - own.sum())
    assert found.pareto_k.loc[animals, ANSWERING[0]].min() > 0.7  # of importance sampling, still to be seen
    kept = rough.pointwise.drop(index=animals)
    pd.testing.assert_frame_equal(found.pointwise.drop(index=animals)[kept.columns], kept)


def test_without_exact_refits_bad_estimates_are_counted(fits: Mapping[str, Fit]) -> None:
    pair = {"wild": with_bad_animals(fits[ANSWERING[0]]), ANSWERING[1]: fits[ANSWERING[1]]}
    found = compare(pair, exact=False)
    assert (found.table.loc["wild", "exact_refits"], found.table.loc["wild", "bad_k"]) == (0, 1)
    assert found.pareto_k.loc[found.pareto_k.index[0], "wild"] == pytest.approx(1.2, abs=0.2)
    assert "1 k̂ > 0.70" in found.table.loc["wild", "cautions"]


def test_a_refit_that_fails_leaves_the_estimate_counted_as_bad(fits: Mapping[str, Fit]) -> None:
    pair = {ANSWERING[0]: with_bad_animals(fits[ANSWERING[0]]), ANSWERING[1]: with_good_animals(fits[ANSWERING[1]])}
    refit = Refitting("fail")
    found = compare(pair, refit=refit)
    assert len(refit.asked) == 1
    assert (found.table.loc[ANSWERING[0], "exact_refits"], found.table.loc[ANSWERING[0], "bad_k"]) == (0, 1)


def test_a_card_far_behind_without_weight_is_not_fitted_again(fits: Mapping[str, Fit]) -> None:
    good, bad = with_good_animals(fits[ANSWERING[1]]), with_bad_animals(fits[ANSWERING[0]])
    for behind, asked in ((0.1, 1), (3.0, 0)):  # log units for each of the 40 animals
        values = bad.draws["log_likelihood"]["volume_readings"] - behind
        groups = {"posterior": bad.posterior, "log_likelihood": values.to_dataset(name="volume_readings")}
        refit = Refitting()
        pair = {ANSWERING[0]: replace(bad, draws=xr.DataTree.from_dict(groups)), ANSWERING[1]: good}
        found = compare(pair, refit=refit)
        assert len(refit.asked) == asked
        assert found.table.loc[ANSWERING[0], "bad_k"] == 1 - asked


def test_a_pareto_k_that_is_not_a_number_is_bad(fits: Mapping[str, Fit], monkeypatch: pytest.MonkeyPatch) -> None:
    loo = az.loo

    def with_bad_k(draws: xr.DataTree, **options: Any) -> Any:
        estimate = loo(draws, **options)
        estimate.pareto_k[:3] = [np.nan, 0.95, float(estimate.good_k)]
        estimate.pareto_k[3:] = 0.1
        return estimate

    monkeypatch.setattr(comparison.az, "loo", with_bad_k)
    found = compare({name: fits[name] for name in ANSWERING}, exact=False)
    assert found.table["bad_k"].tolist() == [2, 2]  # one beyond the threshold and one that is not a number
    assert found.good_k == pytest.approx(0.7, abs=0.02)
    refit = Refitting()
    assert compare({name: fits[name] for name in ANSWERING}, refit=refit).table["exact_refits"].tolist() == [2, 2]
    assert len(refit.asked) == 4


def test_the_sampler_itself_leaves_an_animal_out(fits: Mapping[str, Fit]) -> None:
    fit = fits[ANSWERING[0]]
    rough = compare({ANSWERING[0]: fit}, exact=False)
    animal = str(rough.pareto_k[ANSWERING[0]].idxmin())
    again = refit_without(fit, [animal])
    assert again.health.status == "pass"
    assert again.posterior.sizes["draw"] == fit.posterior.sizes["draw"] // 2
    values = again.draws["log_likelihood"]["volume_readings"].sel(animal=animal).to_numpy().ravel()
    exact = np.logaddexp.reduce(values) - np.log(values.size)
    assert exact == pytest.approx(rough.pointwise.loc[animal, ANSWERING[0]], abs=0.1)
    same = refit_without(fit, [animal])
    np.testing.assert_array_equal(same.posterior["growth"], again.posterior["growth"])


def test_leaving_out_most_animals_leaves_the_prior(fits: Mapping[str, Fit]) -> None:
    fit = fits["exponential-bliss"]
    treated = fit.study.animals.index[fit.study.animals["arm"] != "vehicle"]
    kill = refit_without(fit, list(treated)).posterior["kill"]
    np.testing.assert_allclose(kill.mean(("chain", "draw")), 0.03, atol=0.02)  # Normal(0.03, 0.1)
    np.testing.assert_allclose(kill.std(("chain", "draw")), 0.1, atol=0.01)


# Weights


@pytest.mark.filterwarnings("ignore:Estimated shape parameter")
def test_the_weights_are_those_of_arviz(ranking: Comparison, fits: Mapping[str, Fit]) -> None:
    healthy = {name: fits[name] for name in ranking.table.index}
    rough = compare(healthy, exact=False)
    estimates = {name: az.loo(fit.draws, pointwise=True) for name, fit in healthy.items()}
    for method, column in (("stacking", "weight"), ("BB-pseudo-BMA", "pseudo_bma_weight")):
        expected = az.compare(estimates, method=method, round_to="none")["weight"]
        np.testing.assert_allclose(rough.table[column], expected[rough.table.index], atol=1e-6)


# Cards that are nearly the same


def test_cards_that_differ_only_in_the_departure_are_pointed_out(ranking: Comparison) -> None:
    assert set(ranking.alike) == {
        f"{law}-bliss-departure and {law}-bliss differ only in the departure." for law in ("exponential", "gompertz")
    }


def test_cards_that_differ_only_in_priors_or_in_nothing_are_pointed_out(cards: Mapping[str, ModelCard]) -> None:
    card = cards[ANSWERING[0]]
    wide = card.model_copy(update={"priors": card.priors | {
        "kill": card.priors["kill"].model_copy(update={"sigma": 0.2}),
        "error": card.priors["error"].model_copy(update={"why": "In other words."}),
    }})  # fmt: skip
    assert cards_alike({"a": card, "b": wide}) == ("a and b differ only in priors (kill).",)
    renamed = card.model_copy(update={"name": "c", "claim": "In other words."})
    assert cards_alike({"a": card, "c": renamed}) == ("a and c are one hypothesis under two names.",)
    assert cards_alike({"a": wide, "b": cards["exponential-bliss"]}) == ()


def test_the_cautions_of_arviz_are_passed_on(ranking: Comparison) -> None:
    assert ranking.table["cautions"].str.contains("N < 100").any()  # 40 animals


def test_a_ranking_shows_itself_in_a_notebook(ranking: Comparison) -> None:
    assert "exponential-bliss-departure" in ranking._repr_html_()
