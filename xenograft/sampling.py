"""Fitting: compile a card once per shape, sample with nutpie, judge every fit (DESIGN 4 and 6)."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np
import nutpie
import xarray as xr
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from xenograft.cards import ModelCard
from xenograft.estimands import excess
from xenograft.exposure import schedule
from xenograft.fitted import Attempt, Fit, Health, Status, judge
from xenograft.likelihood import panel
from xenograft.model import PACKED, build_for_sampler, coords, data, sampler_data
from xenograft.prediction import curves_of, log_likelihood, new_readings, prior_draws, reference_names
from xenograft.priors import Prior
from xenograft.study import Study

STATUSES: Sequence[Status] = ("pass", "caution", "fail")
OWN = ("departure", "kill")
"""Priors that are data of the compiled model, or looked up by agent."""

SAMPLE_STATS: Mapping[str, str] = {
    "diverging": "diverging",
    "energy": "energy",
    "logp": "lp",
    "depth": "tree_depth",
    "maxdepth_reached": "reached_max_treedepth",
    "mean_tree_accept": "acceptance_rate",
    "n_steps": "n_steps",
    "step_size": "step_size",
}
"""What is kept of nutpie's statistics, under ArviZ's names."""

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

    Returns
    -------
    Fit
        Always; look at `health` before concluding anything.
    """
    settings = settings or SamplerSettings()
    with _Progress(card.name, shown=progress) as bar:
        started = time.perf_counter()
        bound = _compiled(study, card)
        compiled_at = time.perf_counter()
        run = _Run(settings.draws, settings.tune)
        attempts: list[Attempt] = []
        kept: _Sampled | None = None
        while kept is None or (_worth_more(card, kept.health) and len(attempts) <= settings.retries):
            found = _sample(bound, study, card, run, settings, sampler_seed(seed, card) + len(attempts), bar)
            attempts.append(Attempt(**asdict(run), status=found.health.status, failures=found.health.failures))
            if kept is None or STATUSES.index(found.health.status) < STATUSES.index(kept.health.status):
                kept = found
            run = run.more_careful(found.health, retry=len(attempts))
        seconds = {"compile": compiled_at - started, "sample": time.perf_counter() - compiled_at}
    tree = _tree(kept, study, card, sampler_seed(seed, card))
    return Fit(study, card, tree, kept.health, tuple(attempts), seed, seconds)


def fit_all(
    study: Study,
    cards: Mapping[str, ModelCard] | Iterable[ModelCard],
    *,
    seed: int = 0,
    settings: SamplerSettings | None = None,
    progress: bool = True,
) -> dict[str, Fit]:
    """Fit several cards to one study; cards of one growth law share a compiled model.

    Returns
    -------
    dict of str to Fit
        By the card's name, in the order given.
    """
    listed = cards.values() if isinstance(cards, Mapping) else cards
    return {card.name: fit(study, card, seed=seed, settings=settings, progress=progress) for card in listed}


def refit_without(fit: Fit, animals: Sequence[str]) -> Fit:
    """The same card fitted again without some animals, through the model as it is compiled.

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
        `sample_stats` and `log_likelihood`, the last for every animal: of those left out it is that of animals never
        seen.
    """
    study, card = fit.study, fit.card
    packed = sampler_data(study, card)["packed"].copy()
    given = data(study)
    start = 6 + sum(given[name].size for name in PACKED[: PACKED.index("weight")])
    weight = np.where(study.animals.index.isin(list(animals))[:, None], 0.0, given["weight"])
    packed[start : start + weight.size] = weight.ravel()
    names = hashlib.sha256("\n".join([card.digest, *sorted(animals)]).encode()).digest()
    seed = sampler_seed(fit.seed, card) ^ int.from_bytes(names[:4])
    first = fit.attempts[0]
    run = _Run(max(100, first.draws // 2), max(100, first.tune // 2))
    settings = SamplerSettings(chains=fit.posterior.sizes["chain"], retries=1)
    attempts: list[Attempt] = []
    kept: _Sampled | None = None
    started = time.perf_counter()
    bound = _compiled(study, card).with_data(packed=packed)
    with _Progress(card.name, shown=False) as bar:
        while kept is None or (kept.health.status == "fail" and len(attempts) <= settings.retries):
            found = _sample(bound, study, card, run, settings, seed + len(attempts), bar)
            attempts.append(Attempt(**asdict(run), status=found.health.status, failures=found.health.failures))
            if kept is None or STATUSES.index(found.health.status) < STATUSES.index(kept.health.status):
                kept = found
            run = run.more_careful(found.health, retry=len(attempts))
    groups = {
        "posterior": kept.posterior,
        "sample_stats": kept.sample_stats,
        "log_likelihood": log_likelihood(kept.posterior, study, card).to_dataset(),
    }
    seconds = {"compile": 0.0, "sample": time.perf_counter() - started}
    return Fit(study, card, xr.DataTree.from_dict(groups), kept.health, tuple(attempts), fit.seed, seconds)


def sampler_seed(seed: int, card: ModelCard) -> int:
    """The sampler's seed: a function of the seed given and the card's digest."""
    return int.from_bytes(hashlib.sha256(f"{seed}:{card.digest}".encode()).digest()[:4])


def judged_quantities(posterior: xr.Dataset, study: Study, card: ModelCard) -> xr.Dataset:
    """What a fit's health is judged on: the card's parameters and the Bliss excess at the horizon."""
    judged = posterior
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
        """DESIGN 6: smaller steps against divergences, else longer runs, then the other mass matrix."""
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
    sample_stats: xr.Dataset
    health: Health


def _worth_more(card: ModelCard, health: Health) -> bool:
    """Whether to sample again: an answer should pass; a null that may be ranked with caution is good enough."""
    return health.status == "fail" or (health.status == "caution" and card.answers)


_CACHE: dict[Any, Any] = {}


def _compiled(study: Study, card: ModelCard) -> Any:
    """The compiled model of the card's growth law and the study's shape, with this study's data in it."""
    shared = tuple(sorted((name, *_numbers(p)) for name, p in card.priors.items() if name.split(".")[0] not in OWN))
    kills = tuple(_numbers(card.prior_of("kill", agent)) for agent, _ in study.levels)
    given = schedule(study)
    structure = [given.term_level, given.arm_gets_term, given.arm_is_combination, *given.combination_terms]
    key = (card.growth, shared, kills, *((array.shape, array.tobytes()) for array in structure))
    if key not in _CACHE:
        # chains start from draws of the prior: the default's jitter of ±1 is ten prior sds of a kill rate, and a chain
        # that starts there may never find its step size
        _CACHE[key] = nutpie.compile_pymc_model(build_for_sampler(study, card), default_initialization_strategy="prior")
    return _CACHE[key].with_data(**sampler_data(study, card))


def _numbers(prior: Prior) -> tuple[Any, ...]:
    return prior.distribution, *prior.arguments.values()


def _sample(
    bound: Any, study: Study, card: ModelCard, run: _Run, settings: SamplerSettings, seed: int, bar: _Progress
) -> _Sampled:
    sampled = nutpie.sample(
        bound, **asdict(run), chains=settings.chains, cores=settings.cores, seed=seed, save_warmup=False,
        progress_bar=False, progress_callback=bar.sampling(settings.chains * (run.draws + run.tune)),
    )  # fmt: skip
    posterior = _posterior(sampled["posterior"].to_dataset(), study, card)
    stats = sampled["sample_stats"].to_dataset()[list(SAMPLE_STATS)].rename(SAMPLE_STATS)
    return _Sampled(posterior, stats, judge(judged_quantities(posterior, study, card), stats))


def _posterior(drawn: xr.Dataset, study: Study, card: ModelCard) -> xr.Dataset:
    """The card's own parameters, labelled by this study (the compiled model may have met another)."""
    fixed = {"departure_standard", "correlation_unit", *(() if card.departure == "estimated" else ("departure",))}
    posterior = drawn.drop_vars(fixed, errors="ignore")
    labels = {name: list(values) for name, values in coords(study).items() if name in posterior.dims}
    return posterior.assign_coords(labels)


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
    return xr.DataTree.from_dict(groups)


class _Progress:
    """One line per fit on standard error: compiling, then the share of draws done."""

    def __init__(self, name: str, *, shown: bool) -> None:
        columns = TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[note]}"), TimeElapsedColumn()
        self._bar = Progress(*columns, console=Console(stderr=True), disable=not shown)
        self._task = self._bar.add_task(name, total=None, note="compiling")

    def __enter__(self) -> _Progress:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def sampling(self, total: int) -> Callable[[Sequence[Any]], None]:
        """A callback for the sampler, which tells the draws of each chain so far."""

        def update(chains: Sequence[Any]) -> None:
            done = sum(chain.finished_draws for chain in chains)
            self._bar.update(self._task, total=total, completed=done, note=f"{done:,} of {total:,} draws")

        self._bar.update(self._task, total=total, completed=0, note="sampling")
        return update
