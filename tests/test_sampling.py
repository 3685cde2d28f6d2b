"""Fitting: the same numbers from the same seed, retries by the rules."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import nutpie
import pandas as pd
import pytest
import xarray as xr

from xenograft.fitting import sampling
from xenograft.fitting.fit import Fit
from xenograft.fitting.health import Health, judge
from xenograft.fitting.judged import judged_quantities
from xenograft.fitting.sampling import SamplerSettings, fit, fit_all, sampler_seed
from xenograft.model.card import ModelCard
from xenograft.simulation.simulate import Truth, simulate
from xenograft.study.study import Arm, Study

CARD = "exponential-bliss-departure"
SHORT = SamplerSettings(draws=50, tune=100, chains=2, retries=0)
TRUTH = Truth(
    baseline=150.0, growth=0.09, sd_baseline=0.25, sd_growth=0.01, correlation=0.1, error=0.12,
    kill={"T-DM1": 0.05, "pertuzumab": 0.01}, departure={"T-DM1 + pertuzumab": -0.02},
)  # fmt: skip


@pytest.fixture
def card(cards: Mapping[str, ModelCard]) -> ModelCard:
    return cards[CARD]


def posterior(study: Study, card: ModelCard, **changes: Any) -> xr.Dataset:
    settings = replace(SHORT, **{name: changes.pop(name) for name in list(changes) if hasattr(SHORT, name)})
    return fit(study, card, settings=settings, progress=False, **{"seed": 1, **changes}).posterior


# Seeds


def test_the_same_seed_gives_the_same_numbers_on_one_core_and_on_two(study: Study, card: ModelCard) -> None:
    two = posterior(study, card, cores=2)
    xr.testing.assert_equal(posterior(study, card, cores=1), two)
    xr.testing.assert_equal(posterior(study, card, cores=2), two)


def test_the_stored_predictions_have_the_same_seed(study: Study, card: ModelCard) -> None:
    first, second = (fit(study, card, seed=3, settings=SHORT, progress=False) for _ in range(2))
    for group in first.draws.groups:
        xr.testing.assert_equal(first.draws[group].to_dataset(), second.draws[group].to_dataset())


def test_another_seed_gives_other_numbers_throughout(study: Study, card: ModelCard) -> None:
    first, second = (fit(study, card, seed=seed, settings=SHORT, progress=False) for seed in (1, 2))
    for group in ("posterior", "prior", "posterior_predictive", "prior_predictive"):
        for name, values in first.draws[group].to_dataset().items():
            assert not np.array_equal(values, second.draws[group][name], equal_nan=True), (group, name)


def test_chains_differ(study: Study, card: ModelCard) -> None:
    growth = posterior(study, card)["growth"]
    assert not np.intersect1d(growth[0], growth[1]).size


def test_every_card_draws_its_own_stream_which_its_name_does_not_change(cards: Mapping[str, ModelCard]) -> None:
    seeds = {sampler_seed(seed, card) for seed in (0, 1) for card in cards.values()}
    assert len(seeds) == 2 * len(cards)
    card = cards[CARD]
    assert sampler_seed(1, card.model_copy(update={"name": "other", "claim": "other"})) == sampler_seed(1, card)


def test_a_fit_does_not_depend_on_the_cards_fitted_before_it(
    study: Study, cards: Mapping[str, ModelCard], card: ModelCard
) -> None:
    both = fit_all(study, [cards["exponential-hsa"], card], seed=1, settings=SHORT, progress=False)
    assert list(both) == ["exponential-hsa", CARD]
    xr.testing.assert_equal(both[CARD].posterior, posterior(study, card))


# Another study


def test_the_truth_of_a_new_study_is_found(study: Study, cards: Mapping[str, ModelCard]) -> None:
    days = (-4.0, 1.0, 5.0, 9.0, 12.0, 16.0, 20.0, 25.0)
    other = simulate(study.arms, TRUTH, animals=14, days=days, seed=3)
    settings = SamplerSettings(draws=500, tune=500)
    found = fit(other, cards[CARD], seed=2, settings=settings, progress=False).posterior
    expected = {
        "baseline": np.log(TRUTH.baseline / 100),
        "growth": TRUTH.growth,
        "kill": list(TRUTH.kill.values()),
        "departure": list(TRUTH.departure.values()),
        "sd_baseline": TRUTH.sd_baseline,
        "sd_growth": TRUTH.sd_growth,
        "correlation": TRUTH.correlation,
        "error": TRUTH.error,
    }
    assert set(found.data_vars) == set(expected)
    for name, value in expected.items():
        score = (found[name].mean(("chain", "draw")) - value) / found[name].std(("chain", "draw"))
        assert (np.abs(score) < 4).all(), (name, score.values)  # 4 posterior sds: 1 in 16,000 for each of ten


def test_the_labels_of_a_posterior_are_those_of_its_own_study(study: Study, card: ModelCard) -> None:
    renamed = {"T-DM1 + pertuzumab": "both", "vehicle": "saline"}
    arms = tuple(
        Arm(
            renamed.get(arm.name, arm.name),
            arm.control,
            tuple(replace(dosing, agent=f"my {dosing.agent}") for dosing in arm.dosings),
        )
        for arm in study.arms
    )
    readings = study.readings.assign(
        arm=study.readings["arm"].replace(renamed), animal="mouse " + study.readings["animal"]
    )
    other = replace(study, arms=arms, readings=readings)
    found = fit(other, card, seed=1, settings=SHORT, progress=False)
    assert list(found.posterior["agent"].values) == ["my T-DM1", "my pertuzumab"]
    assert list(found.posterior["combination"].values) == ["both"]
    for group in ("log_likelihood", "posterior_predictive", "observed_data"):
        assert list(found.draws[group]["animal"].values) == list(other.animals.index)


def test_names_change_no_number(study: Study, card: ModelCard) -> None:
    readings = study.readings.assign(animal="mouse " + study.readings["animal"])
    other = posterior(replace(study, readings=readings, name="other"), card)
    xr.testing.assert_equal(other, posterior(study, card))


def test_another_prior_of_the_departure_changes_the_answer(study: Study, card: ModelCard) -> None:
    narrow = card.prior_of("departure").model_copy(update={"sigma": 0.001})
    tight = card.model_copy(update={"priors": card.priors | {"departure": narrow}})
    assert float(np.abs(posterior(study, tight)["departure"]).max()) < 0.006
    assert float(posterior(study, card)["departure"].mean()) > 0.01


# What a card fixes


def test_a_card_that_fixes_the_departure_has_none_in_its_posterior(fits: Mapping[str, Fit]) -> None:
    for name, one in fits.items():
        assert ("departure" in one.posterior) == (one.card.departure == "estimated"), name
        assert not {"departure_standard", "correlation_unit"} & set(one.posterior.data_vars)
        assert ("slowing" in one.posterior) == (one.card.growth == "gompertz")


def test_the_bliss_and_hsa_nulls_are_different_hypotheses(fits: Mapping[str, Fit]) -> None:
    for law in ("exponential", "gompertz"):
        bliss, hsa = (fits[f"{law}-{reference}"].posterior["kill"] for reference in ("bliss", "hsa"))
        # HSA leaves the combination's effect to the better agent alone, which then kills more
        assert float(hsa.max("agent").mean()) > float(bliss.max("agent").mean())


def test_health_is_judged_on_the_excess_at_the_horizon_too(fits: Mapping[str, Fit], study: Study) -> None:
    judged = {
        name: set(judged_quantities(one.posterior, study, one.card)) - set(one.posterior) for name, one in fits.items()
    }
    assert judged == {name: {"excess"} if one.card.departure == "estimated" else set() for name, one in fits.items()}
    excess = judged_quantities(fits[CARD].posterior, study, fits[CARD].card)["excess"]
    np.testing.assert_allclose(
        excess.transpose("chain", "draw", "judged_combination"),
        fits[CARD].posterior["departure"] * study.horizon,
        rtol=1e-9,
    )


def test_the_stored_health_is_that_of_the_stored_draws(fits: Mapping[str, Fit], study: Study) -> None:
    for one in fits.values():
        if one.method != "nuts":
            continue
        judged = judge(judged_quantities(one.posterior, study, one.card), one.draws["sample_stats"].to_dataset())
        if "above_0" in one.draws["sample_stats"]:  # drawn anew after it was judged
            assert (judged.status, judged.divergences, judged.min_bfmi) == (
                one.health.status, one.health.divergences, one.health.min_bfmi,
            )  # fmt: skip
        else:
            assert judged == one.health


# Retries

RUNS: Sequence[str] = ("draws", "tune", "target_accept", "adaptation")
DIVERGENT = ("share of divergences 0.02 (8 draws)",)
STUCK = ("R-hat 1.2 (growth)", "bulk ESS 12 (growth)")


def health(status: Any, failures: Sequence[str] = ()) -> Health:
    return Health(status, 1.0, 1000.0, 1000.0, 0, 0.0, 1.0, tuple(failures))


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let the runs of the next fit be judged as told, one after the other."""

    def tell(*verdicts: Health) -> None:
        told = iter(verdicts)
        monkeypatch.setattr(sampling, "judge", lambda *_: next(told))

    return tell


def attempted(study: Study, card: ModelCard, **changes: Any) -> tuple[Fit, list[tuple[Any, ...]]]:
    found = fit(study, card, seed=1, settings=replace(SHORT, retries=2, **changes), progress=False)
    return found, [tuple(getattr(attempt, name) for name in RUNS) for attempt in found.attempts]


def test_a_healthy_fit_is_sampled_once(study: Study, card: ModelCard, judged: Callable[..., None]) -> None:
    judged(health("pass"))
    found, runs = attempted(study, card)
    assert runs == [(50, 100, 0.8, "low_rank")]
    assert found.health.status == "pass"


@pytest.mark.parametrize("failures", [DIVERGENT, ("E-BFMI 0.1 (chain 0)",)])
def test_divergences_are_met_with_smaller_steps_and_then_more_tuning(
    study: Study, card: ModelCard, judged: Callable[..., None], failures: Sequence[str]
) -> None:
    judged(*[health("fail", failures)] * 3)
    found, runs = attempted(study, card)
    assert runs == [(50, 100, 0.8, "low_rank"), (50, 100, 0.95, "low_rank"), (50, 200, 0.99, "low_rank")]
    assert [attempt.failures for attempt in found.attempts] == [tuple(failures)] * 3


@pytest.mark.parametrize("failures", [STUCK, ("tail ESS 50 (error)",), ("share at maximum tree depth 0.2 (9 draws)",)])
def test_slow_mixing_is_met_with_longer_runs_and_then_the_other_mass_matrix(
    study: Study, card: ModelCard, judged: Callable[..., None], failures: Sequence[str]
) -> None:
    judged(*[health("fail", failures)] * 3)
    _, runs = attempted(study, card)
    assert runs == [(50, 100, 0.8, "low_rank"), (100, 200, 0.8, "low_rank"), (100, 200, 0.8, "diag")]


def test_each_retry_answers_the_last_failure(study: Study, card: ModelCard, judged: Callable[..., None]) -> None:
    judged(health("fail", STUCK), health("fail", DIVERGENT), health("fail", STUCK))
    _, runs = attempted(study, card)
    assert runs == [(50, 100, 0.8, "low_rank"), (100, 200, 0.8, "low_rank"), (100, 400, 0.99, "low_rank")]


def test_a_retry_that_passes_is_the_last(study: Study, card: ModelCard, judged: Callable[..., None]) -> None:
    judged(health("caution", STUCK), health("pass"))
    found, runs = attempted(study, card)
    assert len(runs) == 2
    assert found.health.status == "pass"
    assert found.posterior.sizes["draw"] == 100
    assert [attempt.status for attempt in found.attempts] == ["caution", "pass"]


@pytest.mark.parametrize(
    ("statuses", "kept"),
    [(("fail", "caution", "fail"), 1), (("fail", "fail", "caution"), 2), (("caution", "fail", "caution"), 0)],
)
def test_the_best_attempt_is_kept_and_the_earlier_of_equals(
    study: Study, card: ModelCard, judged: Callable[..., None], statuses: Sequence[str], kept: int
) -> None:
    judged(*[health(status, [f"R-hat 1.{i} (growth)"]) for i, status in enumerate(statuses)])
    found, _ = attempted(study, card)
    assert [attempt.status for attempt in found.attempts] == list(statuses)
    assert found.health.failures == (f"R-hat 1.{kept} (growth)",)
    assert found.posterior.sizes["draw"] == found.attempts[kept].draws
    assert found.draws["log_likelihood"].sizes["draw"] == found.attempts[kept].draws


def test_a_null_of_caution_is_good_enough_and_a_failed_one_is_not(
    study: Study, cards: Mapping[str, ModelCard], judged: Callable[..., None]
) -> None:
    null = cards["exponential-bliss"]
    judged(health("caution", STUCK))
    assert len(attempted(study, null)[1]) == 1
    judged(health("fail", STUCK), health("caution", STUCK))
    assert len(attempted(study, null)[1]) == 2


@pytest.mark.parametrize("retries", [0, 1, 2])
def test_no_more_retries_than_asked_for(
    study: Study, card: ModelCard, judged: Callable[..., None], retries: int
) -> None:
    judged(*[health("fail", STUCK)] * 3)
    found = fit(study, card, settings=replace(SHORT, retries=retries), progress=False)
    assert len(found.attempts) == retries + 1
    assert found.health.status == "fail"


def test_a_retry_does_not_repeat_the_first_draws(
    study: Study, card: ModelCard, judged: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    seeds: list[int] = []
    sample = nutpie.sample

    def recording(*arguments: Any, **options: Any) -> Any:
        seeds.append(options["seed"])
        return sample(*arguments, **options)

    monkeypatch.setattr(nutpie, "sample", recording)
    judged(*[health("fail", STUCK)] * 3)
    attempted(study, card)
    assert len(set(seeds)) == 3


# Settings and progress


def test_draws_and_chains_are_those_asked_for(study: Study, card: ModelCard) -> None:
    found = posterior(study, card, draws=70, chains=3)
    assert (found.sizes["draw"], found.sizes["chain"]) == (70, 3)


def test_tuning_changes_the_numbers(study: Study, card: ModelCard) -> None:
    assert not np.array_equal(posterior(study, card)["growth"], posterior(study, card, tune=150)["growth"])


def test_cores_reach_the_sampler(study: Study, card: ModelCard, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    sample = nutpie.sample

    def recording(*arguments: Any, **options: Any) -> Any:
        asked.append(options["cores"])
        return sample(*arguments, **options)

    monkeypatch.setattr(nutpie, "sample", recording)
    posterior(study, card, cores=1)
    posterior(study, card)
    assert asked == [1, None]


def test_nothing_is_printed_without_progress(study: Study, card: ModelCard, capfd: pytest.CaptureFixture[str]) -> None:
    fit(study, card, settings=SHORT, progress=False)
    assert capfd.readouterr() == ("", "")


def test_progress_goes_to_standard_error_with_the_name_of_the_card(
    study: Study, card: ModelCard, capfd: pytest.CaptureFixture[str]
) -> None:
    fit(study, card, settings=SHORT)
    printed = capfd.readouterr()
    assert printed.out == ""
    assert CARD in printed.err


def test_a_fit_records_what_it_was_asked_for(study: Study, card: ModelCard) -> None:
    found = fit(study, card, seed=17, settings=SHORT, progress=False)
    assert found.study is study
    assert found.card is card
    assert found.seed == 17
    assert set(found.seconds) == {"compile", "sample"}
    assert all(value >= 0 for value in found.seconds.values())


def test_the_predictions_that_are_stored_are_few_and_evenly_spaced(fits: Mapping[str, Fit]) -> None:
    kept = fits[CARD].draws["posterior_predictive"]["draw"].to_numpy()
    assert len(kept) == 250
    assert pd.unique(np.diff(kept)).tolist() == [4]
