"""The kill rate when readings at the limit pass for measured volumes, and when they are censored."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import xarray as xr

from xenograft.fitting.integrated import log_likelihood
from xenograft.model.card import ModelCard
from xenograft.simulation.simulate import Truth, simulate
from xenograft.study.study import Arm, Dosing, Study

KILL = 0.25
TRUTH = Truth(
    baseline=200.0, growth=0.08, kill={"A": KILL}, sd_baseline=0.2, sd_growth=0.02, correlation=0.2, error=0.15
)
ARMS = (Arm("vehicle", control=True), Arm("A", dosings=(Dosing("A", tuple(range(0, 21, 7))),)))
KILLS = np.linspace(0.5 * KILL, 1.3 * KILL, 161)
LIMIT = 30.0


def _estimate(study: Study, card: ModelCard) -> tuple[float, float]:
    """Kill rate of largest likelihood, with its standard error; everything else is at the truth."""
    at = {
        "baseline": np.log(TRUTH.baseline / 100), "growth": TRUTH.growth, "sd_baseline": TRUTH.sd_baseline,
        "sd_growth": TRUTH.sd_growth, "correlation": TRUTH.correlation, "error": TRUTH.error,
    }  # fmt: skip
    draws = xr.Dataset({name: (("chain", "draw"), np.full((1, KILLS.size), value)) for name, value in at.items()})
    draws["kill"] = ("chain", "draw", "agent"), KILLS[None, :, None]
    draws = draws.assign_coords(agent=["A"])
    density = log_likelihood(draws, study, card)
    profile = density.sum([dim for dim in density.dims if dim not in ("chain", "draw")]).to_numpy().ravel()
    a, b, _ = np.polyfit(KILLS[(near := profile > profile.max() - 8)], profile[near], 2)
    return float(-b / (2 * a)), float((-2 * a) ** -0.5)


def test_censoring_removes_the_bias_that_readings_at_the_limit_bring(cards: dict[str, ModelCard]) -> None:
    censored = simulate(
        ARMS, TRUTH, animals=20, days=range(0, 22, 3), seed=5, limit_of_quantification=LIMIT, endpoint_volume=2000.0
    )
    assert censored.readings["censored"].mean() > 0.15
    card = cards["exponential-bliss"]
    kill, error = _estimate(censored, card)
    assert abs(kill - KILL) < 3 * error
    flag_dropped = replace(censored, readings=censored.readings.assign(censored=False))
    assert len(flag_dropped.fitted_readings) == len(censored.fitted_readings)
    biased, error = _estimate(flag_dropped, card)
    assert biased < KILL - 10 * error
