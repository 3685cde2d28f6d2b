"""The assembled PyMC models: what is in them, and that the compiled graph has the same posterior."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pymc as pm
import pytest

from xenograft.cards import ModelCard, read_cards
from xenograft.model import build, build_for_sampler
from xenograft.prediction import log_likelihood, prior_draws
from xenograft.simulation import Truth, simulate
from xenograft.study import Arm, Dosing, Study

SNAPSHOTS = Path(__file__).parent / "snapshots"
NAMES = sorted(read_cards())


def _points(study: Study, card: ModelCard, number: int) -> list[dict[str, Any]]:
    draws = prior_draws(study, card, number, seed=3).isel(chain=0, drop=True)
    return [{name: draws[name].isel(draw=i).to_numpy() for name in draws} for i in range(number)]


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


@pytest.mark.parametrize("name", NAMES)
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
def test_the_compiled_graph_has_the_cards_posterior(study: Study, cards: dict[str, ModelCard], name: str) -> None:
    card = cards[name]
    plain, compiled = build(study, card), build_for_sampler(study, card)
    of_plain = plain.compile_logp(mode="FAST_COMPILE")
    of_compiled = compiled.compile_logp(mode="FAST_COMPILE")
    prior = card.prior_of("departure").arguments if card.departure == "estimated" else None
    differences = []
    for values in _points(study, card, 3):
        standard = (values["departure"] - prior["mu"]) / prior["sigma"] if prior else np.array([0.4])
        extra = 0.0 if prior else -0.5 * 0.4**2  # its own standard normal, which nothing else depends on
        at_plain = float(of_plain(_transformed(plain, values)))
        at_compiled = float(of_compiled(_transformed(compiled, values | {"departure_standard": standard})))
        differences.append(at_compiled - extra - at_plain)
    assert np.ptp(differences) < 1e-6 * (1 + np.abs(at_plain))  # the same but for a constant


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


def _described(model: pm.Model) -> str:
    lines = ["free variables"]
    for variable in model.free_RVs:
        dims = ", ".join(model.named_vars_to_dims.get(variable.name, ()))
        op = variable.owner.op
        numbers = [
            np.round(np.asarray(p.eval(mode="FAST_COMPILE")), 6).tolist() for p in op.dist_params(variable.owner)
        ]
        lines.append(f"  {variable.name} [{dims}] ~ {op.name} {numbers}")
    lines.append("fixed functions of them")
    lines += [f"  {variable.name}" for variable in model.deterministics]
    lines.append("data")
    for data in model.data_vars:
        dims = ", ".join(model.named_vars_to_dims.get(data.name, ()))
        lines.append(f"  {data.name} [{dims}] {data.get_value().shape}")
    lines.append("observed")
    for variable in model.observed_RVs:
        lines.append(f"  {variable.name} [{', '.join(model.named_vars_to_dims[variable.name])}]")
    return "\n".join(lines) + "\n"
