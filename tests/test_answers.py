"""Averages, interactions and verdicts: the words follow from the numbers and from nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from xenograft.answers.averaging import (
    AVERAGED,
    animal_table,
    average,
    curve_table,
    interaction,
    interaction_of,
    model_curves,
    whole_days,
)
from xenograft.answers.ranking import Comparison, compare
from xenograft.answers.verdicts import Verdict, no_conclusion, verdict_words, verdicts
from xenograft.errors import NoHealthyFitError
from xenograft.fitting.curves import animal_curves, curves
from xenograft.fitting.fit import Fit
from xenograft.quantities.catalogue import arm_estimands
from xenograft.quantities.estimands import excess, probability_positive
from xenograft.study.study import Study

EXPONENTIAL, GOMPERTZ = "exponential-bliss-departure", "gompertz-bliss-departure"
COMBINATION = "T-DM1 + pertuzumab"


@pytest.fixture(scope="module")
def typical(fits: Mapping[str, Fit], ranking: Comparison) -> dict[str, xr.DataArray]:
    return model_curves(fits, ranking)


def weighted(ranking: Comparison, **weights: float) -> Comparison:
    """The ranking with answer weights chosen here ("exponential", "gompertz")."""
    chosen = {f"{law}-bliss-departure": weight for law, weight in weights.items()}
    return replace(ranking, table=ranking.table.assign(answer_weight=pd.Series(chosen)))


def with_status(fits: Mapping[str, Fit], status: Any, *names: str) -> dict[str, Fit]:
    def told(fit: Fit) -> Fit:
        return replace(fit, health=replace(fit.health, status=status, failures=("R-hat 1.3 (growth)",)))

    return {name: told(fit) if name in names else fit for name, fit in fits.items()}


# Averages


def numbered(offset: float, draws: int = 1000) -> xr.DataArray:
    values = offset + np.arange(draws, dtype=float) + np.zeros((4, 1))
    return xr.DataArray(values, dims=("chain", "draw"), coords={"chain": range(4), "draw": range(draws)})


def test_draws_are_mixed_in_proportion_to_the_weights(subtests: pytest.Subtests) -> None:
    for weight in [0.0, 0.001, 0.25, 0.5, 0.8, 1.0]:
        with subtests.test(weight=weight):
            mixed = average({"a": numbered(0), "b": numbered(1e6)}, {"a": weight, "b": 1 - weight})
            size = int(1000 / max(weight, 1 - weight))
            assert mixed.sizes == {"chain": 4, "draw": size}, "every draw of the heavier card"
            assert ((mixed < 1e6).sum("draw") == round(size * weight)).all()  # in every chain


def test_the_draws_of_an_average_are_spread_over_the_whole_chain() -> None:
    mixed = average({"a": numbered(0), "b": numbered(1e6)}, {"a": 0.1, "b": 0.9})
    kept = mixed.isel(chain=0, draw=mixed.isel(chain=0) < 1e6).to_numpy()
    assert (kept.min(), kept.max()) == (0, 999)
    assert np.diff(kept).max() <= 12


def test_an_average_is_the_same_every_time_and_keeps_its_labels(typical: Mapping[str, xr.DataArray]) -> None:
    own = {name: typical[name] for name in (EXPONENTIAL, GOMPERTZ)}
    first, second = (average(own, {EXPONENTIAL: 0.7, GOMPERTZ: 0.3}) for _ in range(2))
    xr.testing.assert_identical(first, second)
    assert first.dims == ("chain", "draw", "arm", "day")
    assert first.attrs == own[EXPONENTIAL].attrs
    assert list(first["draw"].values) == list(range(int(1000 / 0.7)))
    assert "predicted" in first.coords


def test_the_weights_need_not_be_in_the_order_of_the_draws() -> None:
    mixed = average({"a": numbered(0), "b": numbered(1e6)}, {"b": 0.9, "a": 0.1})
    assert ((mixed < 1e6).sum("draw") == 111).all()


def test_no_fit_gives_draws_twice() -> None:
    mixed = average({"a": numbered(0, 2000), "b": numbered(1e6, 500)}, {"a": 0.5, "b": 0.5})
    assert mixed.sizes["draw"] == 1000
    assert sorted(mixed.isel(chain=0).to_numpy()[-500:]) == list(1e6 + np.arange(500))
    assert float(mixed.where(mixed < 1e6).max()) == 1999


def test_three_cards_share_the_draws_without_loss() -> None:
    thirds = dict.fromkeys("abc", 1 / 3)
    mixed = average({name: numbered(1e6 * place) for place, name in enumerate("abc")}, thirds)
    assert np.bincount((mixed.isel(chain=0) // 1e6).astype(int)).tolist() == [667, 666, 667], "twice a card's at most"


def test_cards_that_fix_the_departure_never_enter_the_average(
    fits: Mapping[str, Fit], typical: Mapping[str, xr.DataArray], study: Study
) -> None:
    assert set(typical) == {AVERAGED, *fits}
    found = interaction_of(study, typical[AVERAGED].sel(day=slice(1, None)), AVERAGED, "bliss").draws
    assert (found != 0).all()  # a card that fixes the departure would put exact zeros here
    assert (interaction_of(study, typical["exponential-bliss"], "", "bliss").draws == 0).all()


def test_an_average_of_mean_curves_is_one_of_mean_curves(fits: Mapping[str, Fit], ranking: Comparison) -> None:
    found = model_curves(fits, ranking, of="mean")
    assert {draws.attrs["of"] for draws in found.values()} == {"mean"}


def test_the_answer_weights_decide_the_average(fits: Mapping[str, Fit], ranking: Comparison) -> None:
    one = model_curves(fits, weighted(ranking, exponential=0.0, gompertz=1.0))
    xr.testing.assert_equal(one[AVERAGED], one[GOMPERTZ])


def test_a_failed_fit_has_no_curves_and_no_share(fits: Mapping[str, Fit]) -> None:
    sick = with_status(fits, "fail", EXPONENTIAL)
    found = model_curves(sick, compare(sick, exact=False))
    assert EXPONENTIAL not in found
    xr.testing.assert_equal(found[AVERAGED], found[GOMPERTZ])


# Interaction


@pytest.mark.parametrize("reference", ["bliss", "hsa", "additive"])
def test_the_interaction_is_a_table_by_day_with_its_draws(
    fits: Mapping[str, Fit], ranking: Comparison, reference: Any
) -> None:
    found = interaction(fits, ranking, reference=reference)
    assert list(found.table.columns) == [
        "model", "combination", "reference", "day", "median", "lower", "upper", "probability",
    ]  # fmt: skip
    assert found.draws.dims == ("chain", "draw", "combination", "day")
    assert list(found.draws["combination"].values) == [COMBINATION]
    assert len(found.table) == found.draws.sizes["day"]
    assert set(found.table["model"]) == {AVERAGED}
    assert set(found.table["reference"]) == {reference}
    after = found.table[found.table["day"] > 0]
    assert (after["lower"] < after["median"]).all()
    assert (after["median"] < after["upper"]).all()
    assert "<table" in found._repr_html_()


def test_the_interaction_of_one_card_is_the_excess_of_its_curves(
    fits: Mapping[str, Fit], ranking: Comparison, study: Study
) -> None:
    found = interaction(fits, ranking, model=GOMPERTZ)
    expected = excess(curves(fits[GOMPERTZ]), COMBINATION, ["T-DM1", "pertuzumab"], "vehicle")
    np.testing.assert_allclose(found.draws.sel(combination=COMBINATION), expected)
    row = found.table[found.table["day"] == study.horizon].iloc[0]
    at = expected.sel(day=study.horizon)
    assert row["median"] == pytest.approx(float(at.median()))
    assert (row["lower"], row["upper"]) == pytest.approx(tuple(at.quantile([0.025, 0.975]).to_numpy()))
    assert row["probability"] == pytest.approx(float(probability_positive(at)))


def test_the_interaction_of_a_model_without_a_healthy_fit_is_refused(fits: Mapping[str, Fit]) -> None:
    sick = with_status(fits, "fail", EXPONENTIAL, GOMPERTZ)
    ranking = compare(sick, exact=False)
    with pytest.raises(NoHealthyFitError) as raised:
        interaction(sick, ranking)
    assert str(raised.value) == ("interaction: there is no healthy fit for averaged. Look at the health of the fits.")
    assert raised.value.exit_code == 3
    with pytest.raises(NoHealthyFitError, match=EXPONENTIAL):
        interaction(sick, ranking, model=EXPONENTIAL)


def test_a_study_without_a_combination_has_an_empty_interaction(
    study: Study, typical: Mapping[str, xr.DataArray], fits: Mapping[str, Fit]
) -> None:
    alone = replace(study, arms=study.arms[:3])
    found = interaction_of(alone, typical[EXPONENTIAL].isel(arm=slice(0, 3)), EXPONENTIAL, "bliss")
    assert len(found.table) == 0
    assert found.draws.sizes["combination"] == 0
    assert "probability" in found.table


# Verdicts


def test_the_words_of_a_verdict_change_at_0_975_and_0_025(subtests: pytest.Subtests) -> None:
    for probability, words in [
        (1.0, "enhanced"),
        (0.975, "enhanced"),
        (0.97499, "not distinguishable by these data"),
        (0.5, "not distinguishable by these data"),
        (0.02501, "not distinguishable by these data"),
        (0.025, "less than the reference"),
        (0.0, "less than the reference"),
    ]:
        for agreement in [None, "agree", "differ in strength", "opposite directions"]:
            with subtests.test(probability=probability, words=words):
                assert verdict_words(probability, agreement) == words


@pytest.mark.parametrize("probability", [0.0, 0.5, 1.0])
def test_laws_that_contradict_each_other_allow_no_verdict(probability: float) -> None:
    assert verdict_words(probability, "conflict") == ("not distinguishable by these data: the growth laws disagree")


def curves_with(study: Study, share_positive: float, *, size: float = 0.5) -> xr.DataArray:
    """Curves whose Bliss excess is `size` in a share of the draws, here and there, and `−size` in the others."""
    sign = np.where(np.arange(4000) < round(4000 * share_positive), 1.0, -1.0)
    sign = np.random.default_rng(1).permutation(sign).reshape(4, 1000)
    names = [arm.name for arm in study.arms]
    values = np.zeros((4, 1000, len(names), 1)) + np.log(200.0)
    values[..., names.index("T-DM1"), 0] -= 0.3
    values[..., names.index(COMBINATION), 0] -= 0.3 + size * sign
    return xr.DataArray(
        values,
        dims=("chain", "draw", "arm", "day"),
        coords={
            "chain": range(4), "draw": range(1000), "arm": names, "day": [study.horizon],
            "predicted": ("arm", [False] * 4),
        },
        attrs={"of": "typical", "unit": "ln mm3", "first_dose": 0.0},
    )  # fmt: skip


def verdict_of(
    fits: Mapping[str, Fit], ranking: Comparison, study: Study, shares: Mapping[str, float], **weights: float
) -> Verdict:
    """The Bliss verdict when the laws' excesses are above 0 in these shares of their draws."""
    weights = weights or {"exponential": 0.5, "gompertz": 0.5}
    own = {f"{law}-bliss-departure": curves_with(study, share) for law, share in shares.items()}
    chosen = weighted(ranking, **weights)
    found = verdicts(fits, chosen, own | {AVERAGED: average(own, chosen.answer_weights)})
    return next(verdict for verdict in found if verdict.reference == "bliss")


@pytest.mark.parametrize(
    ("exponential", "gompertz", "agreement", "words"),
    [
        (1.0, 0.99, "agree", "enhanced"),
        (0.0, 0.01, "agree", "less than the reference"),
        (0.5, 0.6, "agree", "not distinguishable by these data"),
        (1.0, 0.9, "differ in strength", "not distinguishable by these data"),
        (1.0, 0.96, "differ in strength", "enhanced"),
        (0.0, 0.5, "differ in strength", "not distinguishable by these data"),
        (0.99, 0.03, "opposite directions", "not distinguishable by these data"),
        (0.02, 0.9, "opposite directions", "not distinguishable by these data"),
        (1.0, 0.0, "conflict", "not distinguishable by these data: the growth laws disagree"),
        (0.02, 0.98, "conflict", "not distinguishable by these data: the growth laws disagree"),
    ],
)
def test_agreement_is_that_of_the_laws_own_verdicts(
    fits: Mapping[str, Fit], ranking: Comparison, study: Study,
    exponential: float, gompertz: float, agreement: str, words: str,
) -> None:  # fmt: skip
    found = verdict_of(fits, ranking, study, {"exponential": exponential, "gompertz": gompertz})
    assert found.agreement == agreement
    assert found.words == words
    assert found.probability == pytest.approx((exponential + gompertz) / 2, abs=0.03)  # half of 4,000 draws each


@pytest.mark.parametrize(
    ("gompertz", "agreement", "words"),
    [
        (0.0, None, "enhanced"),
        (0.005, None, "enhanced"),
        (0.02, "conflict", "not distinguishable by these data: the growth laws disagree"),
    ],
)
def test_only_laws_that_carry_weight_have_a_say_in_the_agreement(
    fits: Mapping[str, Fit], ranking: Comparison, study: Study, gompertz: float, agreement: str | None, words: str
) -> None:
    shares = {"exponential": 1.0, "gompertz": 0.0}
    found = verdict_of(fits, ranking, study, shares, exponential=1 - gompertz, gompertz=gompertz)
    assert (found.agreement, found.words) == (agreement, words)


def test_one_law_alone_neither_agrees_nor_disagrees(fits: Mapping[str, Fit], study: Study) -> None:
    sick = with_status(fits, "fail", GOMPERTZ)
    ranking = compare(sick, exact=False)
    found = verdicts(sick, ranking, model_curves(sick, ranking))
    assert [verdict.agreement for verdict in found] == [None, None]


@pytest.mark.parametrize(
    ("share", "borderline"), [(0.975, True), (0.025, True), (0.985, False), (0.9, False), (1.0, False)]
)
def test_a_probability_within_its_own_error_of_a_limit_is_borderline(
    fits: Mapping[str, Fit], ranking: Comparison, study: Study, share: float, borderline: bool
) -> None:
    found = verdict_of(fits, ranking, study, {"exponential": share, "gompertz": share})
    assert found.borderline is borderline


def test_the_error_of_a_probability_is_that_of_independent_draws_when_they_are(
    fits: Mapping[str, Fit], ranking: Comparison, study: Study, typical: Mapping[str, xr.DataArray]
) -> None:
    rng = np.random.default_rng(1)
    base = curves_with(study, 0.5)
    base.loc[{"arm": COMBINATION}] = np.log(200.0) - 0.3 - rng.normal(0.1, 1.0, (4, 1000, 1))
    chosen = weighted(ranking, exponential=1.0, gompertz=0.0)
    found = verdicts(fits, chosen, {EXPONENTIAL: base, GOMPERTZ: base, AVERAGED: base})[0]
    p = found.probability
    assert p is not None
    # the estimate of the effective number of draws varies by some 10 %
    assert found.mcse == pytest.approx(np.sqrt(p * (1 - p) / 4000), rel=0.2)


def test_a_probability_that_all_draws_agree_on_has_no_error(
    fits: Mapping[str, Fit], ranking: Comparison, study: Study
) -> None:
    found = verdict_of(fits, ranking, study, {"exponential": 1.0, "gompertz": 1.0})
    assert (found.probability, found.borderline) == (1.0, False)
    assert 0 <= (found.mcse or 0) < 1e-3, "each draw tells how probable a departure below 0 would have been"


@pytest.mark.parametrize("name", [EXPONENTIAL, "exponential-hsa"])
def test_an_answering_fit_of_caution_makes_the_verdict_one_of_caution(fits: Mapping[str, Fit], name: str) -> None:
    doubtful = with_status(with_status(fits, "pass", *fits), "caution", name)
    ranking = compare(doubtful, exact=False)
    found = verdicts(doubtful, ranking, model_curves(doubtful, ranking))
    assert [verdict.caution for verdict in found] == [name == EXPONENTIAL] * 2  # nulls do not answer


def test_there_is_a_verdict_per_combination_and_reference_at_the_horizon(
    fits: Mapping[str, Fit], ranking: Comparison, typical: Mapping[str, xr.DataArray], study: Study
) -> None:
    found = verdicts(fits, ranking, typical)
    assert [(v.combination, v.reference, v.day) for v in found] == [
        (COMBINATION, reference, study.horizon) for reference in ("bliss", "hsa")
    ]
    assert [v.words for v in found] == ["enhanced", "enhanced"]  # as the fixture was simulated
    for verdict in found:
        table = interaction(fits, ranking, reference=verdict.reference).table
        row = table[table["day"] == study.horizon].iloc[0]
        assert verdict.probability == row["probability"]


def test_without_a_healthy_answering_fit_there_is_no_conclusion_but_a_reason(fits: Mapping[str, Fit]) -> None:
    sick = with_status(fits, "fail", EXPONENTIAL, GOMPERTZ)
    ranking = compare(sick, exact=False)
    words = (
        "no conclusion: the sampler did not converge "
        f"({EXPONENTIAL}: the sampler did not converge (R-hat 1.3 (growth)); "
        f"{GOMPERTZ}: the sampler did not converge (R-hat 1.3 (growth)))"
    )
    assert no_conclusion(sick, ranking) == words
    for verdict in verdicts(sick, ranking, model_curves(sick, ranking)):
        assert verdict.words == words
        assert (verdict.probability, verdict.mcse, verdict.agreement) == (None, None, None)
        assert not verdict.borderline


def test_nulls_alone_allow_no_conclusion(fits: Mapping[str, Fit]) -> None:
    nulls = {name: fit for name, fit in fits.items() if not fit.card.answers}
    ranking = compare(nulls, exact=False)
    found = verdicts(nulls, ranking, model_curves(nulls, ranking))
    assert {verdict.words for verdict in found} == {"no conclusion: no fitted card leaves the combination free"}


# Arms and curves


def test_the_numbers_of_an_arm_carry_their_units(typical: Mapping[str, xr.DataArray], study: Study) -> None:
    found = arm_estimands(typical[AVERAGED], study)
    units = {key: values.attrs["unit"] for key, values in found.items()}
    assert units["tgi"] == units["tc"] == "%"
    assert (units["growth_rate"], units["doubling_time"], units["time_to_2x"]) == ("1/day", "day", "day")
    for draws in found.values():
        assert draws.dims == ("chain", "draw", "arm")
    assert (found["tgi"].sel(arm="vehicle") == 0).all()
    rate, time = (found[key].sel(arm="vehicle") for key in ("growth_rate", "doubling_time"))
    np.testing.assert_allclose(time, np.log(2) / rate)


def test_the_table_of_curves_has_volumes_with_intervals(typical: Mapping[str, xr.DataArray], study: Study) -> None:
    table = curve_table(study, {AVERAGED: typical[AVERAGED]})
    assert list(table.columns) == ["model", "of", "arm", "predicted", "day", "median", "lower", "upper"]
    assert len(table) == 4 * typical[AVERAGED].sizes["day"]
    row = table[(table["arm"] == "vehicle") & (table["day"] == 0)].iloc[0]
    assert row["median"] == pytest.approx(170, rel=0.15)  # mm³, as simulated
    assert row["lower"] < row["median"] < row["upper"]
    assert curve_table(study, {}).empty


def test_the_table_of_animals_ends_with_each_animal(fits: Mapping[str, Fit], study: Study) -> None:
    days = whole_days(study)
    assert (days[0], days[-1]) == (study.first_dose, study.fitted_readings["day"].max())
    table = animal_table(animal_curves(fits[EXPONENTIAL], days, thin=100), study)
    assert list(table.columns) == ["animal", "day", "median", "arm"]
    last = table.groupby("animal")["day"].max()
    assert (last == study.animals["last_day"][last.index]).all()
    assert (table["arm"] == table["animal"].map(study.animals["arm"])).all()


def test_a_failed_answering_fit_makes_the_verdict_cautious(fits: Mapping[str, Fit]) -> None:
    sick = with_status(fits, "fail", GOMPERTZ)
    ranking = compare(sick, exact=False)
    assert all(verdict.caution for verdict in verdicts(sick, ranking, model_curves(sick, ranking)))
