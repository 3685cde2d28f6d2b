"""The assembled PyMC models: what is in them, and that integrating the animals out leaves the posterior."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import arviz as az
import numpy as np
import nutpie
import pymc as pm
import pytest
from pytensor.graph.traversal import ancestors

from xenograft.fitting.coordinates import labels_of
from xenograft.fitting.curves import prior_draws
from xenograft.fitting.integrated import log_likelihood
from xenograft.fitting.pymc_model import build, data
from xenograft.fitting.sampling import SamplerSettings, fit
from xenograft.model.card import ModelCard, read_cards
from xenograft.model.curve import Parameters
from xenograft.model.exposure import schedule
from xenograft.model.latents import capacity
from xenograft.model.likelihood import moments, panel
from xenograft.model.vocabulary import SHARED_BY
from xenograft.simulation.simulate import Truth, simulate
from xenograft.study.study import Arm, Dosing, Study

SNAPSHOTS = Path(__file__).parent / "snapshots"
NAMES = sorted(read_cards())


def _points(study: Study, card: ModelCard, number: int) -> list[dict[str, Any]]:
    draws = prior_draws(study, card, number, seed=3).isel(chain=0, drop=True)
    points = [{str(name): draws[name].isel(draw=i).to_numpy() for name in draws} for i in range(number)]
    for point in points:
        if "bend" in point:
            point["bend_scaled"] = point["bend"] / np.sqrt(point["smoothness"])
        if "departure_mean" in point:
            own = point["departure"] - point["departure_mean"]
            point["departure_standard"] = own / point["sd_departure"]
        if card.error == "student":
            point["spread"] = np.random.default_rng(4).standard_normal(capacity(study, card).spreads)
    return points


def _transformed(model: pm.Model, values: dict[str, Any]) -> dict[str, Any]:
    """A point of the model's own (transformed) variables."""
    values = values | {"correlation_unit": (values["correlation"] + 1) / 2}
    point = {}
    for variable in model.free_RVs:
        value = np.asarray(values[variable.name], dtype=float)
        transform = model.rvs_to_transforms[variable]
        if transform is not None:
            value = transform.forward(value, *variable.owner.inputs).eval(mode="FAST_COMPILE")
        point[model.rvs_to_values[variable].name] = value
    return point


# the robust card has latent variables, and the study has no cohorts: both cards' densities are in test_density
@pytest.mark.parametrize("name", [name for name in NAMES if "robust" not in name and "cohort" not in name])
def test_the_models_likelihood_of_each_animal_is_the_one_stored(
    study: Study, cards: dict[str, ModelCard], name: str
) -> None:
    card = cards[name]
    model = build(study, card)
    elementwise = model.compile_logp(vars=model["volume_readings"], sum=False, mode="FAST_COMPILE")
    expected = log_likelihood(prior_draws(study, card, 3, seed=3), study, card).isel(chain=0)
    for i, values in enumerate(_points(study, card, 3)):
        (found,) = elementwise(_transformed(model, values))
        assert found.shape == (len(study.animals),)
        assert np.allclose(found, expected.isel(draw=i))


@pytest.mark.parametrize("name", NAMES)
def test_the_assembled_model_is_the_one_on_record(study: Study, cards: dict[str, ModelCard], name: str) -> None:
    found = _described(build(study, cards[name]))
    file = SNAPSHOTS / f"{name}.txt"
    if os.environ.get("XENOGRAFT_UPDATE_SNAPSHOTS"):
        file.write_text(found, encoding="utf-8")
    assert found == file.read_text(encoding="utf-8")


def test_a_weight_of_zero_takes_out_exactly_one_animal(study: Study, cards: dict[str, ModelCard]) -> None:
    card = cards["gompertz-bliss-departure"]
    model = build(study, card)
    elementwise = model.compile_logp(vars=model["volume_readings"], sum=False, mode="FAST_COMPILE")
    point = _transformed(model, _points(study, card, 1)[0])
    (before,) = elementwise(point)
    weight = model["weight"].get_value().copy()
    weight[3] = 0
    with model:
        pm.set_data({"weight": weight})
    (after,) = elementwise(point)
    assert after[3] == 0
    assert np.array_equal(np.delete(after, 3), np.delete(before, 3))


def test_an_agent_can_have_its_own_kill_prior(study: Study, cards: dict[str, ModelCard]) -> None:
    card = cards["exponential-bliss-departure"]
    own = card.priors["kill"].model_copy(update={"distribution": "HalfNormal", "mu": None, "sigma": 0.07})
    changed = card.model_copy(update={"priors": card.priors | {"kill.pertuzumab": own}})
    names = [variable.name for variable in build(study, changed).free_RVs]
    assert {"kill_T-DM1", "kill_pertuzumab"} <= set(names)


def _another_study() -> Study:
    """Other animals, days, numbers of readings, dosing days and endings than the fixture, the same arms."""
    a, b = Dosing("A", (2.0, 6.0), ends=True), Dosing("B", (5.0, 12.0))
    arms = (Arm("v", control=True), Arm("a", dosings=(a,)), Arm("b", dosings=(b,)), Arm("ab", dosings=(a, b)))
    truth = Truth(
        baseline=250.0, growth=0.13, sd_baseline=0.3, sd_growth=0.02, error=0.1, kill={"A": 0.05, "B": 0.03},
        departure={"ab": 0.02},
    )  # fmt: skip
    days = (0.0, 2.0, 4.0, 5.0, 8.0, 12.0, 15.0, 19.0)
    return simulate(arms, truth, animals=3, days=days, seed=6, endpoint_volume=900.0)


@pytest.mark.parametrize("name", ["exponential-bliss-departure", "gompertz-hsa"])
def test_every_part_of_a_study_can_be_exchanged(study: Study, cards: dict[str, ModelCard], name: str) -> None:
    card, other = cards[name].on(study), _another_study()  # of priors in days: a follow-up is not exchanged
    model, expected = build(study, card), build(other, card)
    logp, of_other = (one.compile_logp(mode="FAST_COMPILE") for one in (model, expected))
    at_first = [float(logp(_transformed(model, values))) for values in _points(study, card, 2)]
    with model:
        pm.set_data(data(other, card), coords={"animal": labels_of(other, card)["animal"]})
    for values, before in zip(_points(other, card, 2), at_first, strict=True):
        right = float(of_other(_transformed(expected, values)))
        assert float(logp(_transformed(model, values))) == pytest.approx(right, rel=1e-10)
        assert abs(right - before) > 1  # it is another study


def test_readings_drawn_by_the_model_have_the_mean_and_spread_of_its_density(
    study: Study, cards: dict[str, ModelCard]
) -> None:
    card, draws = cards["gompertz-bliss-departure"], 4000
    values = _points(study, card, 1)[0] | {
        "sd_baseline": 0.3, "sd_growth": 0.02, "correlation": -0.4, "error": 0.15, "slowing": 0.03,
    }  # fmt: skip
    model = build(study, card)
    fixed = {variable.name: values[variable.name] for variable in model.free_RVs if variable.name in values}
    fixed["correlation_unit"] = (values["correlation"] + 1) / 2
    observed = pm.do(model, fixed)["volume_readings"]
    drawn = np.asarray(pm.draw(observed, draws=draws, random_seed=1, mode="FAST_COMPILE"))
    by_arm = {"error", "sd_growth"}
    parameters = Parameters(**{k: np.atleast_1d(v) if k in by_arm else np.asarray(v) for k, v in values.items()})
    arranged = panel(study)
    mean, precision, columns = moments(arranged, schedule(study), parameters)
    present = arranged.weight > 0
    for animal in (0, len(study.animals) // 2, len(study.animals) - 1):
        seen = present[animal]
        basis = np.stack([column[animal][seen] for column in columns], axis=-1)
        covariance = basis @ basis.T + np.diag(1 / precision[animal][seen])
        own = drawn[:, animal, seen]
        sd = np.sqrt(np.diag(covariance))
        assert (abs(own.mean(axis=0) - mean[animal][seen]) < 4.5 * sd / np.sqrt(draws)).all()
        # a sample covariance of normal numbers has sd √((c_ij² + c_ii c_jj)/n) ≤ √2 sd_i sd_j / √n
        assert (abs(np.cov(own.T) - covariance) < 4.5 * np.sqrt(2 / draws) * np.outer(sd, sd)).all()


def _explicit(study: Study, card: ModelCard) -> pm.Model:
    """The card as one would first write it: two effects per animal, one normal per reading."""
    readings = study.fitted_readings
    animal = study.animals.index.get_indexer(readings["animal"])
    arm_of = {arm.name: arm for arm in study.arms}
    day = readings["day"].to_numpy() - study.first_dose
    gets = np.array([[agent in arm_of[name].agents for agent, _ in study.levels] for name in readings["arm"]])
    priors = card.on(study).priors

    def own(name: str, **shape: Any) -> Any:
        return getattr(pm, priors[name].distribution)(name, **priors[name].arguments, **shape)

    with pm.Model() as model:
        baseline, growth, departure, error = (own(name) for name in ("baseline", "growth", "departure", "error"))
        kill, sd_baseline, sd_growth = own("kill", shape=2), own("sd_baseline"), own("sd_growth")
        correlation = pm.Deterministic("correlation", 2 * pm.Beta("correlation_unit", 2.0, 2.0) - 1)
        first, second = pm.Normal("first", shape=len(study.animals)), pm.Normal("second", shape=len(study.animals))
        own_baseline = baseline + sd_baseline * first
        own_growth = growth + sd_growth * (correlation * first + pm.math.sqrt(1 - correlation**2) * second)
        rate = own_growth[animal] - gets @ kill - gets.all(axis=1) * departure
        if card.growth == "gompertz":
            slowing = own("slowing")
            left = pm.math.exp(-slowing * day)
            curve = own_baseline[animal] * left + rate * (1 - left) / slowing
        else:
            curve = own_baseline[animal] + rate * day
        pm.Normal("log_volume", curve, error, observed=np.log(readings["volume"].to_numpy() / 100))
    return model


def test_integrating_the_animals_out_leaves_the_posterior_of_the_parameters(cards: dict[str, ModelCard]) -> None:
    """The exponential card's is in test_fixture_truth."""
    card = cards["gompertz-bliss-departure"]
    weekly = tuple(range(0, 21, 7))
    a, b = Dosing("A", weekly), Dosing("B", weekly)
    arms = (Arm("v", control=True), Arm("a", dosings=(a,)), Arm("b", dosings=(b,)), Arm("ab", dosings=(a, b)))
    truth = Truth(
        baseline=180.0, growth=0.1, sd_baseline=0.3, sd_growth=0.02, correlation=0.2, error=0.12,
        kill={"A": 0.04, "B": 0.02}, departure={"ab": 0.02},
    )  # fmt: skip
    study = simulate(arms, truth, animals=4, days=[0.0, 3.0, 7.0, 10.0, 14.0, 17.0, 21.0], seed=2)
    settings = SamplerSettings(draws=2000, tune=1000)
    ours = fit(study, card, seed=1, settings=settings, progress=False).posterior
    compiled = nutpie.compile_pymc_model(_explicit(study, card))
    sampled = nutpie.sample(
        compiled, draws=2000, tune=1000, chains=4, seed=1, progress_bar=False, save_warmup=False, target_accept=0.95
    )
    theirs = sampled["posterior"].to_dataset()
    for parameter in set(card.priors) - set(SHARED_BY):  # one tumour in a mouse
        pair = [data[parameter].isel(combination=0) if "combination" in data[parameter].dims else data[parameter]
                for data in (ours, theirs)]  # fmt: skip
        means, sds = ([np.ravel(getattr(one, of)(("chain", "draw"))) for one in pair] for of in ("mean", "std"))
        errors = [np.ravel(az.mcse(one, method="mean")) for one in pair]
        assert (abs(means[0] - means[1]) < 4 * np.hypot(*errors)).all(), parameter
        assert np.allclose(*sds, rtol=0.1), parameter  # five times the Monte-Carlo error of their ratio


@pytest.mark.parametrize("shape", ["grid", "ladder"])
def test_other_shapes_assemble_to_a_finite_density(cards: dict[str, ModelCard], shape: str) -> None:
    doses = (1.0, 2.0, 4.0)
    single = {(x, d): Dosing(x, (0.0,), (d,), "mg/kg") for x in "AB" for d in doses}
    arms = [Arm("vehicle", control=True), *(Arm(f"{x}{d:g}", dosings=(g,)) for (x, d), g in single.items())]
    if shape == "grid":
        arms += [Arm(f"A{a:g}B{b:g}", dosings=(single["A", a], single["B", b])) for a in doses for b in doses]
    kill = {f"{x} {d:g}": 0.01 * d for x, d in single}
    truth = Truth(law="exponential", baseline=150.0, growth=0.09, kill=kill, error=0.1)
    study = simulate(arms, truth, animals=2, days=[0.0, 7.0, 14.0], seed=1)
    model = build(study, cards["gompertz-bliss-departure"])
    assert np.isfinite(model.compile_logp(mode="FAST_COMPILE")(model.initial_point()))
    assert len(model.coords["agent"]) == 6
    assert len(model.coords["combination"]) == (9 if shape == "grid" else 0)
    card = cards["gompertz-bliss-departure"]
    elementwise = model.compile_logp(vars=model["volume_readings"], sum=False, mode="FAST_COMPILE")
    (found,) = elementwise(_transformed(model, _points(study, card, 1)[0]))
    expected = log_likelihood(prior_draws(study, card, 1, seed=3), study, card)
    assert np.allclose(found, expected.isel(chain=0, draw=0))


def _argument(model: pm.Model, argument: Any) -> Any:
    """A prior's number, or the names of the free variables that it is a function of."""
    behind = set(ancestors([argument])) & set(model.free_RVs)
    if behind:
        return f"of {', '.join(sorted(str(variable.name) for variable in behind))}"
    return np.round(np.asarray(argument.eval(mode="FAST_COMPILE")), 6).tolist()


def _described(model: pm.Model) -> str:
    lines = ["free variables"]
    for variable in model.free_RVs:
        dims = ", ".join(model.named_vars_to_dims.get(variable.name, ()))
        op = variable.owner.op
        numbers = [_argument(model, argument) for argument in op.dist_params(variable.owner)]
        lines.append(f"  {variable.name} [{dims}] ~ {op.name} {numbers}")
    lines.append("fixed functions of them")
    lines += [f"  {variable.name}" for variable in model.deterministics]
    lines.append("data")
    for item in model.data_vars:
        dims = ", ".join(model.named_vars_to_dims.get(item.name, ()))
        lines.append(f"  {item.name} [{dims}] {item.get_value().shape}")
    lines.append("observed")
    for variable in model.observed_RVs:
        lines.append(f"  {variable.name} [{', '.join(model.named_vars_to_dims[variable.name])}]")
    return "\n".join(lines) + "\n"
