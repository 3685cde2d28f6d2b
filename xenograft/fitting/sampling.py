"""Fitting: sample a card's density with nutpie, judge every fit (docs/mathematics.md)."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Literal

import numpy as np
import xarray as xr

from xenograft.errors import InputError
from xenograft.fitting.curves import new_readings, prior_draws
from xenograft.fitting.density import Density, density_of
from xenograft.fitting.fit import Fit
from xenograft.fitting.health import Attempt, Health, Status, judge, judge_weights
from xenograft.fitting.importance import Weighted, clusters, importance_draws, reweighted
from xenograft.fitting.integrated import log_likelihood
from xenograft.fitting.judged import MANY, better_agent, judged_quantities
from xenograft.fitting.nutpie_adapter import sample
from xenograft.fitting.progress import FitProgress
from xenograft.fitting.redrawn import redrawn
from xenograft.model.card import ModelCard
from xenograft.model.choice import why_not
from xenograft.model.likelihood import panel
from xenograft.study.study import Study

type Method = Literal["nuts", "importance"]
type Adaptation = Literal["diag", "low_rank", "importance"]

STATUSES: Sequence[Status] = ("pass", "caution", "fail")

LOW_RANK_UP_TO = 100
"""Dimensions up to which the low-rank mass matrix is used; its adaptation costs the cube of them (522: 30 s a fit)."""

PREDICTIVE_DRAWS = 250
"""Draws per chain of the stored predictive distributions."""


STARTS = 8
"""Draws of the priors from which modes are looked for."""

PROPOSED = 2
"""Draws proposed for every draw that is kept, by importance sampling."""

LEAST_PROPOSED = 4000
"""Draws proposed at least: fewer do not show the tail of their weights."""

ENOUGH = 400
"""Effective draws that importance sampling must give."""

BENT = ("waning", "onset")
"""Rates whose trade-off with the kill bends a posterior so that draws around its modes miss the ends, unnoticed."""


@dataclass(frozen=True)
class SamplerSettings:
    """How to run the sampler.

    Parameters
    ----------
    draws, tune : int
        Per chain, kept and discarded.
    chains : int
        Independent chains.
    cores : int or None
        Chains run at once (the numbers do not depend on it); None uses the machine's.
    retries : int
        How often an unhealthy fit is sampled again, more carefully.
    """

    draws: int = 1000
    tune: int = 1000
    chains: int = 4
    cores: int | None = None
    retries: int = 2


def fit(
    study: Study,
    card: ModelCard,
    *,
    seed: int = 0,
    settings: SamplerSettings | None = None,
    progress: bool = True,
    keep: Literal["everything", "likelihood", "posterior"] = "everything",
    method: Method = "nuts",
) -> Fit:
    """Fit one card to one study.

    Parameters
    ----------
    study : Study
        The arms and readings.
    card : ModelCard
        The hypothesis.
    seed : int
        Same seed, same numbers, on any number of cores; each card draws its own stream from it.
    settings : SamplerSettings, optional
        4 chains × (1000 + 1000) unless given.
    progress : bool
        Show a progress bar on standard error.
    keep : {"everything", "likelihood", "posterior"}
        "likelihood" makes no predictive distributions, "posterior" no log likelihood either: for thousands of fits,
        whose draws are left as the sampler made them (docs/mathematics.md#draws-that-fill-a-distribution).
    method : {"nuts", "importance"}
        "importance" draws around the mode without chains, in a tenth of the time, and turns to NUTS by itself where
        the weights may not be trusted; `attempts` says which draws were kept.

    Returns
    -------
    Fit
        Always; look at `health` before concluding anything.

    Raises
    ------
    InputError
        When the study lacks what the card needs.
    """
    settings = settings or SamplerSettings()
    if problem := why_not(study, card):
        raise InputError(f"{card.name}: it cannot be fitted to {study.name}: {problem}. Choose another card.")
    with FitProgress(card.name, shown=progress) as bar:
        started = time.perf_counter()
        density = density_of(study, card)
        compiled_at = time.perf_counter()
        run = _first_run(density, card, settings)
        again = partial(_worth_more, card)
        kept, attempts = _attempted(density, study, card, run, settings, sampler_seed(seed, card), bar, again, method)
        if keep == "everything" and card.answers:
            kept = _evenly(kept, density, study, card, sampler_seed(seed, card))
        seconds = {"compile": compiled_at - started, "sample": time.perf_counter() - compiled_at}
    if keep == "everything":
        tree = _tree(kept, study, card, sampler_seed(seed, card))
    else:
        groups = {"posterior": kept.posterior, "sample_stats": kept.sample_stats}
        more = (
            {} if keep == "posterior" else {"log_likelihood": log_likelihood(kept.posterior, study, card).to_dataset()}
        )
        tree = xr.DataTree.from_dict(groups | more)
    return Fit(study, card, tree, kept.health, attempts, seed, seconds)


def fit_all(
    study: Study,
    cards: Mapping[str, ModelCard] | Iterable[ModelCard],
    *,
    seed: int = 0,
    settings: SamplerSettings | None = None,
    progress: bool = True,
    method: Method = "nuts",
) -> dict[str, Fit]:
    """Fit several cards to one study; everything else as in `fit`.

    Returns
    -------
    dict of str to Fit
        By the card's name, in the order given.
    """
    listed = cards.values() if isinstance(cards, Mapping) else cards
    return {
        card.name: fit(study, card, seed=seed, settings=settings, progress=progress, method=method) for card in listed
    }


def refit_without(fit: Fit, animals: Sequence[str], *, method: Method = "importance") -> Fit:
    """The same card fitted again without some animals.

    Parameters
    ----------
    fit : Fit
        Of the whole study.
    animals : sequence of str
        Animals, or mice with all their tumours (names of `Study.groups`), whose readings get weight 0; every label
        stays.
    method : {"nuts", "importance"}
        As in `fit`.

    Returns
    -------
    Fit
        Sampled like `fit` with half its draws, from a seed of its own, and judged like it. `draws` has `posterior`,
        `sample_stats` and `log_likelihood`, the last for the animals left out: that of animals never seen.
    """
    study, card = fit.study, fit.card
    names = hashlib.sha256("\n".join([card.digest, *sorted(animals)]).encode()).digest()
    seed = sampler_seed(fit.seed, card) ^ int.from_bytes(names[:4])
    first = fit.attempts[0]
    settings = SamplerSettings(chains=fit.posterior.sizes["chain"], retries=1)
    started = time.perf_counter()
    with FitProgress(card.name, shown=False) as bar:
        density = density_of(study, card, animals)
        half = {"draws": max(100, first.draws // 2), "tune": max(100, first.tune // 2)}
        run = replace(_first_run(density, card, settings), **half)
        by_weights = method == "importance" and density.near_student
        near = density.unconstrained(fit.posterior, fit.latent).reshape(-1, density.n_dim) if by_weights else None
        kept, attempts = _attempted(
            density, study, card, run, settings, seed, bar, lambda h: h.status == "fail", method, near
        )
    groups = {
        "posterior": kept.posterior,
        "sample_stats": kept.sample_stats,
        "log_likelihood": log_likelihood(kept.posterior, study, card, animals).to_dataset(),
    }
    seconds = {"compile": 0.0, "sample": time.perf_counter() - started}
    return Fit(study, card, xr.DataTree.from_dict(groups), kept.health, attempts, fit.seed, seconds)


def sampler_seed(seed: int, card: ModelCard) -> int:
    """The sampler's seed: a function of the seed given and the card's digest."""
    return int.from_bytes(hashlib.sha256(f"{seed}:{card.digest}".encode()).digest()[:4])


@dataclass(frozen=True)
class Run:
    """How the sampler is run once.

    Parameters
    ----------
    draws, tune, target_accept, adaptation
        As of `Attempt`.
    """

    draws: int
    tune: int
    target_accept: float = 0.8
    adaptation: Literal["diag", "low_rank"] = "low_rank"

    def more_careful(self, health: Health, retry: int) -> Run:
        """Smaller steps against divergences, else longer runs, then the diagonal mass matrix.

        See docs/mathematics.md#health-of-a-fit.
        """
        if any(name in failure for name in ("divergences", "E-BFMI") for failure in health.failures):
            if retry == 1:
                return replace(self, target_accept=0.95)
            return replace(self, target_accept=0.99, tune=2 * self.tune)
        if retry == 1:
            return replace(self, draws=2 * self.draws, tune=2 * self.tune)
        return replace(self, adaptation="diag")


@dataclass(frozen=True)
class _Sampled:
    posterior: xr.Dataset
    latent: xr.Dataset
    sample_stats: xr.Dataset
    health: Health


def _first_run(density: Density, card: ModelCard, settings: SamplerSettings) -> Run:
    small = density.n_dim <= LOW_RANK_UP_TO
    accept = 0.9 if card.law.own_curves else 0.8  # bends of a scale that is itself uncertain: shorter steps
    return Run(settings.draws, settings.tune, target_accept=accept, adaptation="low_rank" if small else "diag")


def _attempted(
    density: Density,
    study: Study,
    card: ModelCard,
    run: Run,
    settings: SamplerSettings,
    seed: int,
    bar: FitProgress,
    worth_more: Callable[[Health], bool],
    method: Method,
    near: np.ndarray | None = None,
) -> tuple[_Sampled, tuple[Attempt, ...]]:
    """Sample, and again more carefully while that is worth it; the best attempt and all of them.

    Modes are looked for from draws (draw, coordinate) of a posterior like this one (`near`), or else of the prior.
    """
    attempts: list[Attempt] = []
    kept: _Sampled | None = None
    bent = any(name in density.coordinates.start for name in BENT)

    def keep(found: _Sampled, by: Run, adaptation: Adaptation) -> None:
        nonlocal kept
        health = found.health
        attempts.append(
            Attempt(by.draws, by.tune, by.target_accept, adaptation, status=health.status, failures=health.failures)
        )
        if kept is None or STATUSES.index(found.health.status) < STATUSES.index(kept.health.status):
            kept = found

    if method == "importance" and density.near_student and (near is not None or not bent):
        bar.weighting()
        rng = np.random.default_rng(seed)
        starts = density.prior_draws(STARTS, seed=seed) if near is None else near[rng.choice(len(near), STARTS)]
        sds = None if near is None else 2 * near.std(axis=0)
        size = max(LEAST_PROPOSED, PROPOSED * settings.chains * run.draws)
        weighted = importance_draws(
            density.value_and_gradient, density.values, starts, draws=size, rng=rng, enough=ENOUGH,
            sds=sds, scale=density.coordinates.scale,
        )  # fmt: skip
        if weighted is not None:
            keep(_of_weights(weighted, density, settings.chains, run.draws, rng), run, "importance")
        if kept is not None and kept.health.status == "pass":
            return kept, tuple(attempts)
        attempts_before, kept = len(attempts), None  # NUTS decides from here on
    else:
        attempts_before = 0
    while kept is None or (worth_more(kept.health) and len(attempts) - attempts_before <= settings.retries):
        found, positions = _sample(density, study, card, run, settings, seed + len(attempts), bar)
        keep(found, run, run.adaptation)
        enough = settings.chains * run.draws >= ENOUGH  # fewer show neither where the modes are, nor an interval
        if found.health.status != "pass" and enough and density.near_student:
            # chains go over from one mode, or one order of the agents, to another too seldom
            rng = np.random.default_rng(seed + len(attempts))
            size = max(LEAST_PROPOSED, PROPOSED * settings.chains * run.draws)
            points = positions.reshape(-1, density.n_dim)
            parts = better_agent(found.posterior, study, card) if card.reference == "hsa" else clusters(points, rng)
            search = density.value_and_gradient, density.prior_draws(STARTS, seed=seed)
            weighted = reweighted(points, parts, density.values, draws=size, rng=rng, enough=ENOUGH, search=search)
            keep(_of_weights(weighted, density, settings.chains, run.draws, rng), run, "importance")
        run = run.more_careful(found.health, retry=len(attempts) - attempts_before)
    return kept, tuple(attempts)


def _of_weights(weighted: Weighted, density: Density, chains: int, draws: int, rng: np.random.Generator) -> _Sampled:
    chosen = weighted.resampled((chains, draws), rng)
    positions, values = weighted.points[chosen], weighted.log_density[chosen]
    stats = xr.Dataset({"lp": (("chain", "draw"), values)}, {"chain": range(chains), "draw": range(draws)})
    health = judge_weights(weighted.pareto_k, weighted.effective)
    return _Sampled(density.parameters(positions), density.latents(positions), stats, health)


def _evenly(kept: _Sampled, density: Density, study: Study, card: ModelCard, seed: int) -> _Sampled:
    """The same draws with departures and kills from `redrawn`, most even for the primary combination, where it can."""
    names = [arm.name for arm in study.combinations]
    positions, primary = density.unconstrained(kept.posterior, kept.latent), study.primary_combination
    found = redrawn(density, positions.reshape(-1, density.n_dim), seed, names.index(primary.name) if primary else 0)
    if found is None:
        return kept
    own = density.coordinates.start["departure"]
    above = [found.above[own if card.departure_by == "study" else own + i] for i in range(len(names))]
    shape = positions.shape[:2]
    stats = kept.sample_stats.assign_coords(combination=names).assign(
        lp=(("chain", "draw"), found.log_density.reshape(shape)),
        above_0=(("chain", "draw", "combination"), np.stack(above, axis=-1).reshape(*shape, -1)),
    )
    return replace(kept, posterior=density.parameters(found.positions.reshape(positions.shape)), sample_stats=stats)


def _worth_more(card: ModelCard, health: Health) -> bool:
    """Whether to sample again: an answer should pass; a null that may be ranked with caution is good enough."""
    return health.status == "fail" or (health.status == "caution" and card.answers)


def _sample(
    density: Density, study: Study, card: ModelCard, run: Run, settings: SamplerSettings, seed: int, bar: FitProgress
) -> tuple[_Sampled, np.ndarray]:
    positions, stats = sample(
        density, **asdict(run), chains=settings.chains, cores=settings.cores, seed=seed,
        progress=bar.sampling(settings.chains * (run.draws + run.tune)),
    )  # fmt: skip
    posterior, latent = density.parameters(positions), density.latents(positions)
    many = xr.merge([latent, posterior[[name for name in MANY if name in posterior]]])
    health = judge(judged_quantities(posterior, study, card), stats, many)
    return _Sampled(posterior, latent, stats, health), positions


def _tree(kept: _Sampled, study: Study, card: ModelCard, seed: int) -> xr.DataTree:
    thin = max(1, kept.posterior.sizes["draw"] // PREDICTIVE_DRAWS)
    readings = panel(study)
    animals = {"animal": list(study.animals.index)}
    observed = np.where(readings.weight > 0, readings.log_volume, np.nan)
    elapsed = np.where(readings.weight > 0, readings.elapsed[readings.day_index], np.nan)
    prior = prior_draws(study, card, 2 * PREDICTIVE_DRAWS, seed=seed)
    thinned = kept.posterior.isel(draw=slice(None, None, thin))
    groups = {
        "posterior": kept.posterior,
        "sample_stats": kept.sample_stats,
        "log_likelihood": log_likelihood(kept.posterior, study, card).to_dataset(),
        "posterior_predictive": new_readings(thinned, study, card, seed=seed).to_dataset(),
        "prior": prior,
        "prior_predictive": new_readings(prior, study, card, seed=seed).to_dataset(),
        "observed_data": xr.Dataset({"volume_readings": (("animal", "reading"), observed)}, coords=animals),
        "constant_data": xr.Dataset({"elapsed": (("animal", "reading"), elapsed)}, coords=animals),
    }
    if len(kept.latent):
        groups["latent"] = kept.latent
    return xr.DataTree.from_dict(groups)
