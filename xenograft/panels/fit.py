"""Fitting a card to a panel: sample its density, judge the fit, draw what each model has of its own."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np
import xarray as xr

from xenograft.errors import InputError
from xenograft.fitting.density import MOST_DIMENSIONS
from xenograft.fitting.fit import versions
from xenograft.fitting.health import STATUS_MARKS, Attempt, Health, judge, judge_weights
from xenograft.fitting.importance import LARGEST_PARETO_K as LARGEST_OF_FIT
from xenograft.fitting.importance import importance_draws
from xenograft.fitting.nutpie_adapter import sample
from xenograft.fitting.progress import FitProgress
from xenograft.fitting.sampling import (
    BENT,
    ENOUGH,
    LEAST_PROPOSED,
    LOW_RANK_UP_TO,
    PROPOSED,
    STARTS,
    STATUSES,
    Adaptation,
    Method,
    Run,
    SamplerSettings,
    sampler_seed,
)
from xenograft.model.card import ModelCard
from xenograft.panels.better import why_no_better_agent
from xenograft.panels.density import PanelDensity, panel_density
from xenograft.panels.effects import curves_of_effects, draws_of_effects, population_of
from xenograft.panels.left_out import MOST_MIRRORED, ModelsApart, models_apart, with_latents
from xenograft.panels.likelihood import model_log_likelihood
from xenograft.panels.panel import Panel
from xenograft.printing import html_card, html_list, listed
from xenograft.quantities.estimands import excess


@dataclass(frozen=True, eq=False)
class PanelFit:
    """Posterior draws of one card on one panel.

    Parameters
    ----------
    panel : Panel
        What was fitted.
    card : ModelCard
        The hypothesis.
    draws : DataTree
        Groups `posterior` (chain, draw, …; rates in 1/day), `sample_stats`, `latent`, `log_likelihood` (chain, draw,
        model) and `models`, whose `own` (chain, draw, model, effect) is what each model has of its own.
    health, attempts, seed, seconds
        As of a `Fit`.
    """

    panel: Panel
    card: ModelCard
    draws: xr.DataTree
    health: Health
    attempts: tuple[Attempt, ...]
    seed: int
    seconds: Mapping[str, float]

    def __repr__(self) -> str:
        chains, draws = self.posterior.sizes["chain"], self.posterior.sizes["draw"]
        return f"<PanelFit {self.card.name} of {self.panel.name!r}: {self.health.status}, {chains} × {draws} draws>"

    def _repr_html_(self) -> str:
        facts = [repr(self.panel).strip("<>"), f"seed {self.seed}", f"xenograft {versions()['xenograft']}"]
        kind = f"Fit of a panel, {STATUS_MARKS[self.health.status]}"
        return html_card(self.card.name, kind, facts, [html_list(self.health.failures)])

    @property
    def method(self) -> Literal["nuts", "importance"]:
        """How the draws that were kept were made: by chains, or by importance sampling."""
        return "nuts" if self.health.effective_draws is None else "importance"

    @property
    def study(self) -> Panel:
        """The panel, where a comparison asks what was fitted."""
        return self.panel

    @property
    def posterior(self) -> xr.Dataset:
        """Posterior draws of the parameters (chain, draw, …), rates in 1/day."""
        return self.draws["posterior"].to_dataset()

    @cached_property
    def models_apart(self) -> ModelsApart | None:
        """Weighted draws from which posteriors without some models follow; None where they may not be used."""
        density, seed = panel_density(self.panel, self.card), sampler_seed(self.seed, self.card)
        likelihood = self.draws["log_likelihood"].to_dataset()["volume_readings"]
        return models_apart(density, self.posterior, likelihood, seed)

    @property
    def effects(self) -> xr.DataArray:
        """What each model has of its own (chain, draw, model, effect)."""
        return self.draws["models"].to_dataset()["own"]


def fit_panel(
    panel: Panel,
    card: ModelCard,
    *,
    seed: int = 0,
    settings: SamplerSettings | None = None,
    progress: bool = True,
    without: Sequence[str] = (),
    keep: Literal["everything", "likelihood", "posterior"] = "everything",
    method: Method = "nuts",
) -> PanelFit:
    """Fit one card to a panel.

    Parameters
    ----------
    panel : Panel
        Models and readings.
    card : ModelCard
        With `panel = true`.
    seed, settings, progress
        As in `fit`.
    without : sequence of str
        Models left out; `log_likelihood` is then theirs alone, of models never seen.
    keep : {"everything", "likelihood", "posterior"}
        "likelihood" draws nothing that models have of their own, "posterior" has no log likelihood either: for
        thousands of fits.
    method : {"nuts", "importance"}
        "importance" draws around the mode without chains, and turns to NUTS by itself where the weights may not be
        trusted.

    Raises
    ------
    InputError
        When the card is not for a panel, or asks for what the panel does not have.
    """
    if problem := why_not(panel, card):
        raise InputError(f"{card.name}: it cannot be fitted to {panel.name}: {problem}. Choose another card.")
    settings = settings or SamplerSettings()
    own_seed = sampler_seed(seed, card)
    if without:
        own_seed = _seed_without(own_seed, without)
    began = time.perf_counter()
    attempts: list[Attempt] = []
    kept: _Sampled | None = None
    with FitProgress(card.name, shown=progress) as bar:
        density = panel_density(panel, card, without)
        compiled = time.perf_counter()
        run = Run(settings.draws, settings.tune, adaptation="low_rank" if density.n_dim <= LOW_RANK_UP_TO else "diag")
        if method == "importance" and _may_be_weighted(density):
            bar.weighting()
            weighted = _weighted(density, settings, own_seed)
            if weighted is not None:
                attempts.append(_attempt(run, "importance", weighted.health))
                kept = weighted if weighted.health.status == "pass" else None
        first = len(attempts)
        while kept is None or (kept.health.status != "pass" and len(attempts) - first <= settings.retries):
            positions, stats = sample(
                density, draws=run.draws, tune=run.tune, target_accept=run.target_accept, adaptation=run.adaptation,
                chains=settings.chains, cores=settings.cores, seed=own_seed + len(attempts),
                progress=bar.sampling(settings.chains * (run.draws + run.tune)),
            )  # fmt: skip
            health = judge(_judged(density, positions), stats, density.latents(positions))
            attempts.append(_attempt(run, run.adaptation, health))
            if kept is None or STATUSES.index(health.status) < STATUSES.index(kept.health.status):
                kept = _Sampled(positions, stats, health)
            run = run.more_careful(health, retry=len(attempts) - first)
    groups = {"posterior": density.parameters(kept.positions), "sample_stats": kept.stats}
    if keep != "posterior":
        whole = panel_density(panel, card) if without else density
        likelihood = model_log_likelihood(whole, kept.positions, without or None)
        groups["log_likelihood"] = likelihood.to_dataset(name="volume_readings")
    if keep == "everything" and not without:
        effects = draws_of_effects(density, kept.positions, np.random.default_rng(own_seed))
        groups |= {"models": effects.to_dataset(name="own"), "latent": density.latents(kept.positions)}
    seconds = {"compile": compiled - began, "sample": time.perf_counter() - compiled}
    return PanelFit(panel, card, xr.DataTree.from_dict(groups), kept.health, tuple(attempts), seed, seconds)


@dataclass(frozen=True)
class _Sampled:
    positions: np.ndarray
    stats: xr.Dataset
    health: Health


def _attempt(run: Run, adaptation: Adaptation, health: Health) -> Attempt:
    return Attempt(run.draws, run.tune, run.target_accept, adaptation, health.status, health.failures)


def _may_be_weighted(density: PanelDensity) -> bool:
    """Whether a Student t may be close to the posterior, so that it is worth a try."""
    start = density.coordinates.start
    few = density.n_dim <= MOST_DIMENSIONS and len(density.coordinates.mirrored) <= MOST_MIRRORED
    return few and not any(name in start for name in BENT)


def _weighted(density: PanelDensity, settings: SamplerSettings, seed: int) -> _Sampled | None:
    """Draws around the mode, weighted; None where no mode was found."""
    rng = np.random.default_rng(seed)
    starts = density.prior_draws(STARTS, seed=seed)
    size = max(LEAST_PROPOSED, PROPOSED * settings.chains * settings.draws)
    found = importance_draws(
        density.value_and_gradient, density.values, starts, draws=size, rng=rng, enough=ENOUGH,
        mirrored=density.coordinates.mirrored,
    )  # fmt: skip
    if found is None:
        return None
    shape = settings.chains, settings.draws
    chosen = found.resampled(shape, rng)
    dims = {"chain": range(shape[0]), "draw": range(shape[1])}
    stats = xr.Dataset({"lp": (("chain", "draw"), found.log_density[chosen])}, dims)
    return _Sampled(found.points[chosen], stats, judge_weights(found.pareto_k, found.effective))


def refit_without_models(fit: PanelFit, models: Sequence[str], *, say: Callable[[str], None] | None = None) -> PanelFit:
    """The same card without some models.

    By weighted draws around the whole posterior's; where the weights may not be used, by chains of half the draws, and
    more carefully only where that fails.

    Parameters
    ----------
    fit : PanelFit
        Of the whole panel.
    models : sequence of str
        Which are left out.
    say : callable, optional
        Told before chains are run.
    """
    began, apart = time.perf_counter(), fit.models_apart
    rng = np.random.default_rng(_seed_without(sampler_seed(fit.seed, fit.card), models))
    weighted = None if apart is None else apart.without(models)
    if apart is not None and weighted is not None:
        chosen = weighted.resampled((fit.posterior.sizes["chain"], fit.posterior.sizes["draw"] // 2 or 1), rng)
        positions = with_latents(apart.density, weighted.points[chosen.ravel()]).reshape(*chosen.shape, -1)
        density, k = apart.density, weighted.pareto_k
        health = replace(
            judge_weights(min(k, LARGEST_OF_FIT), weighted.effective), pareto_k=k
        )  # trusted for one number
        groups = {
            "posterior": density.parameters(positions),
            "log_likelihood": model_log_likelihood(density, positions, models).to_dataset(name="volume_readings"),
        }
        done = Attempt(chosen.shape[1], 0, 0.0, "importance", health.status, health.failures)
        seconds = {"compile": 0.0, "sample": time.perf_counter() - began}
        return PanelFit(fit.panel, fit.card, xr.DataTree.from_dict(groups), health, (done,), fit.seed, seconds)
    if say:
        say(f"{fit.card.name}: fitting again without {listed(list(models))}")
    first = fit.attempts[0]
    half = SamplerSettings(
        draws=max(100, first.draws // 2), tune=max(100, first.tune // 2), chains=fit.posterior.sizes["chain"], retries=0
    )

    def again(settings: SamplerSettings) -> PanelFit:
        return fit_panel(fit.panel, fit.card, seed=fit.seed, settings=settings, progress=False, without=models)

    found = again(half)
    return again(replace(half, retries=2)) if found.health.status == "fail" else found


def _seed_without(seed: int, models: Sequence[str]) -> int:
    return seed ^ int.from_bytes(hashlib.sha256("\n".join(sorted(models)).encode()).digest()[:4])


def why_not(panel: Panel, card: ModelCard) -> str | None:
    """What a panel lacks for a card, in words; None where it can be fitted."""
    if not card.panel:
        return "it is for one study, and does not say how models differ (panel = true)"
    if card.moderators and not panel.moderators.shape[1]:
        return "its moderators change how models respond, and the panel has none (moderators.csv)"
    agents = {agent for agent, _ in panel.levels}
    named = {name.partition(".")[2] for name in card.priors} - {""}
    named |= set() if isinstance(card.exposure, str) else set(card.exposure) - {"default"}
    if unknown := sorted(named - agents):
        return f"it names {unknown[0]}, and the panel has no such agent ({', '.join(sorted(agents))})"
    if card.reference == "hsa" and (problem := why_no_better_agent(panel)):
        return problem
    if not isinstance(card.exposure, str) and "default" not in card.exposure and agents - set(card.exposure):
        return f'it says no exposure for {sorted(agents - set(card.exposure))[0]}; add "default" to its exposure'
    return None


def _judged(density: PanelDensity, positions: np.ndarray) -> xr.Dataset:
    """What a fit's health is judged on: the parameters and the Bliss excess of the typical model at the horizon."""
    coordinates = density.coordinates
    panel, posterior = coordinates.panel, density.parameters(positions)
    if not panel.judged or "departure" not in posterior:
        return posterior
    typical = population_of(posterior, coordinates.effects).mean
    curves = curves_of_effects(typical, posterior, panel, coordinates.card, [panel.horizon])
    found = [
        excess(curves, arm.name, [one.name for one in panel.singles(arm)], panel.control.name).isel(day=0, drop=True)
        for arm in panel.judged
    ]
    names = xr.DataArray([arm.name for arm in panel.judged], dims="judged_combination")
    return posterior.assign(excess=xr.concat(found, dim="judged_combination").assign_coords(judged_combination=names))
