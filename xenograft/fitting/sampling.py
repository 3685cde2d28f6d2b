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
from xenograft.fitting.curves import curves_of, log_likelihood, new_readings, prior_draws, reference_names
from xenograft.fitting.density import Density, density_of
from xenograft.fitting.fit import Fit
from xenograft.fitting.health import Attempt, Health, Status, judge
from xenograft.fitting.nutpie_adapter import sample
from xenograft.fitting.progress import FitProgress
from xenograft.model.card import ModelCard
from xenograft.model.choice import why_not
from xenograft.model.likelihood import panel
from xenograft.quantities.estimands import excess
from xenograft.study.study import Study

STATUSES: Sequence[Status] = ("pass", "caution", "fail")
MANY = ("bend", "cohort_growth")
"""Parameters of which there are many; judged as latent variables are."""

LOW_RANK_UP_TO = 100
"""Dimensions up to which the low-rank mass matrix is used; its adaptation costs the cube of them (522: 30 s a fit)."""

PREDICTIVE_DRAWS = 250
"""Draws per chain of the stored predictive distributions."""


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
        "likelihood" makes no predictive distributions, "posterior" no log likelihood either: for thousands of fits.

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
        kept, attempts = _attempted(density, study, card, run, settings, sampler_seed(seed, card), bar, again)
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
) -> dict[str, Fit]:
    """Fit several cards to one study.

    Returns
    -------
    dict of str to Fit
        By the card's name, in the order given.
    """
    listed = cards.values() if isinstance(cards, Mapping) else cards
    return {card.name: fit(study, card, seed=seed, settings=settings, progress=progress) for card in listed}


def refit_without(fit: Fit, animals: Sequence[str]) -> Fit:
    """The same card fitted again without some animals.

    Parameters
    ----------
    fit : Fit
        Of the whole study.
    animals : sequence of str
        Animals whose readings get weight 0; every label stays.

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
        kept, attempts = _attempted(density, study, card, run, settings, seed, bar, lambda h: h.status == "fail")
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


def judged_quantities(posterior: xr.Dataset, study: Study, card: ModelCard) -> xr.Dataset:
    """What a fit's health is judged on: the card's parameters and the Bliss excess at the horizon."""
    judged = posterior.drop_vars(MANY, errors="ignore")
    if study.combinations and card.departure == "estimated":
        curve = curves_of(posterior, study, card, [study.horizon])
        found = [
            excess(curve, arm.name, reference_names(study, arm), study.control.name).isel(day=0, drop=True)
            for arm in study.combinations
        ]
        judged = judged.assign(excess=xr.concat(found, dim=judged["combination"]))
    return judged


@dataclass(frozen=True)
class _Run:
    draws: int
    tune: int
    target_accept: float = 0.8
    adaptation: Literal["diag", "low_rank"] = "low_rank"

    def more_careful(self, health: Health, retry: int) -> _Run:
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


def _first_run(density: Density, card: ModelCard, settings: SamplerSettings) -> _Run:
    small = density.n_dim <= LOW_RANK_UP_TO
    accept = 0.9 if card.growth == "spline" else 0.8  # bends of a scale that is itself uncertain: shorter steps
    return _Run(settings.draws, settings.tune, target_accept=accept, adaptation="low_rank" if small else "diag")


def _attempted(
    density: Density,
    study: Study,
    card: ModelCard,
    run: _Run,
    settings: SamplerSettings,
    seed: int,
    bar: FitProgress,
    worth_more: Callable[[Health], bool],
) -> tuple[_Sampled, tuple[Attempt, ...]]:
    """Sample, and again more carefully while that is worth it; the best attempt and all of them."""
    attempts: list[Attempt] = []
    kept: _Sampled | None = None
    while kept is None or (worth_more(kept.health) and len(attempts) <= settings.retries):
        found = _sample(density, study, card, run, settings, seed + len(attempts), bar)
        attempts.append(Attempt(**asdict(run), status=found.health.status, failures=found.health.failures))
        if kept is None or STATUSES.index(found.health.status) < STATUSES.index(kept.health.status):
            kept = found
        run = run.more_careful(found.health, retry=len(attempts))
    return kept, tuple(attempts)


def _worth_more(card: ModelCard, health: Health) -> bool:
    """Whether to sample again: an answer should pass; a null that may be ranked with caution is good enough."""
    return health.status == "fail" or (health.status == "caution" and card.answers)


def _sample(
    density: Density, study: Study, card: ModelCard, run: _Run, settings: SamplerSettings, seed: int, bar: FitProgress
) -> _Sampled:
    positions, stats = sample(
        density, **asdict(run), chains=settings.chains, cores=settings.cores, seed=seed,
        progress=bar.sampling(settings.chains * (run.draws + run.tune)),
    )  # fmt: skip
    posterior, latent = density.parameters(positions), density.latents(positions)
    many = xr.merge([latent, posterior[[name for name in MANY if name in posterior]]])
    return _Sampled(posterior, latent, stats, judge(judged_quantities(posterior, study, card), stats, many))


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
