"""Can a card reproduce the data it was fitted to: predictive intervals and probabilities of the readings.

See docs/estimands.md.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from scipy import stats
from scipy.special import ndtr, ndtri, softmax

from xenograft.evidence.spread_check import spread_of_slopes
from xenograft.fitting.fit import Fit, parameters_of
from xenograft.model.card import ModelCard
from xenograft.model.curve import Parameters
from xenograft.model.exposure import schedule
from xenograft.model.groups import Grouping, as_one_animal, by_group, shares_of_groups
from xenograft.model.likelihood import Panel, moments, panel
from xenograft.study.study import Study

ALARM = 0.001
"""Probability, for a card that is right, that one test of one arm raises a warning."""

USED_DRAWS = 400
"""Posterior draws (of all chains) over which predictions are averaged."""

WEIGHTS = 32
"""Draws of the weights of Student readings, per posterior draw."""

CHUNK = 2_000_000
"""Numbers held per array while going through draws (16 MB)."""


@dataclass(frozen=True, eq=False)
class PredictiveCheck:
    """How a card's predictions of the readings compare with the readings.

    Every reading is predicted from its animal's earlier ones, so that animals which leave early, because of a reading
    that was seen, distort nothing.

    Parameters
    ----------
    readings : DataFrame
        Columns `animal`, `arm`, `day` (as recorded), `pit`: predicted probability of a reading below the observed one
        (uniform on 0–1 where the card is right; of a censored reading drawn below that of its limit).
    by_day, by_arm : DataFrame
        Columns `arm`, (`day`,) `readings`, `coverage_50`, `coverage_90` (shares of readings inside their central 50 %
        and 90 % intervals), `mean_pit` (below 0.5: tumours smaller than predicted).
    warnings : tuple of str
        What the card cannot reproduce, in words.
    spread : DataFrame
        From `spread_of_slopes`: how animals of an arm differ, which the readings given their animals' earlier ones do
        not show; empty where only probabilities were at hand.
    """

    readings: pd.DataFrame
    by_day: pd.DataFrame
    by_arm: pd.DataFrame
    warnings: tuple[str, ...]
    spread: pd.DataFrame = field(default_factory=pd.DataFrame)

    def _repr_html_(self) -> str:
        return self.by_arm.round(3).to_html(index=False)


def predictive_check(fit: Fit) -> PredictiveCheck:
    """Compare a card's predictions of the readings with the readings, arm by arm.

    Parameters
    ----------
    fit : Fit
        Posterior draws.
    """
    of_readings = check_of(reading_probabilities(fit.posterior, fit.study, fit.card))
    return replace(of_readings, spread=spread_of_slopes(fit.posterior, fit.study, fit.card))


def check_of(readings: pd.DataFrame) -> PredictiveCheck:
    """As `predictive_check`, from predicted probabilities at hand.

    Parameters
    ----------
    readings : DataFrame
        Columns `animal`, `arm`, `day`, `pit`.
    """
    marked = readings.assign(
        coverage_50=readings["pit"].between(0.25, 0.75), coverage_90=readings["pit"].between(0.05, 0.95)
    )
    what = {
        "readings": ("pit", "size"),
        "coverage_50": ("coverage_50", "mean"),
        "coverage_90": ("coverage_90", "mean"),
        "mean_pit": ("pit", "mean"),
    }
    by_day = marked.groupby(["arm", "day"], sort=False).agg(**what).reset_index().sort_values(["arm", "day"])
    by_arm = marked.groupby("arm", sort=False).agg(**what).reset_index()
    warnings = [w for arm, own in marked.groupby("arm", sort=False) for w in _arm_warnings(str(arm), own)]
    return PredictiveCheck(readings, by_day.reset_index(drop=True), by_arm, tuple(warnings))


def reading_probabilities(posterior: xr.Dataset, study: Study, card: ModelCard) -> pd.DataFrame:
    """Predicted probability of a reading below each observed one, given the animal's earlier readings.

    With the animals' normal effects integrated out, an animal's readings are jointly normal under each draw; the
    Cholesky factor of their covariance turns them, in order of time, into independent standard normal numbers. Student
    errors are normal ones whose precisions have gamma weights: these are drawn, and an animal's earlier readings say
    how much each draw of them counts. Where mice carry several tumours, or cages hold several
    animals, the earlier readings are those of the mouse or cage.

    Parameters
    ----------
    posterior : Dataset (chain, draw, …)
        Draws of the parameters; of a posterior that has not seen an animal, where that animal is to be predicted.
    study : Study
        The readings.
    card : ModelCard
        The hypothesis.

    Returns
    -------
    DataFrame
        Columns `animal`, `arm`, `day` (as recorded), `pit`; one row per fitted reading.
    """
    readings, given = panel(study), schedule(study, exposure=card.exposure)
    present = np.asarray(readings.weight) > 0
    fitted = study.fitted_readings
    place = study.animals.index.get_indexer(pd.Index(fitted["animal"])), fitted.groupby("animal", sort=False).cumcount()
    censored = np.zeros(present.shape, dtype=bool)
    censored[place] = fitted["censored"]
    groups, order = readings.groups, None
    if groups is not None:
        order = _in_time(readings, groups)
        width = present.shape[1]
        position = groups.member_index[place[0]] * width + place[1]
        place = groups.group_index[place[0]], np.argsort(order)[groups.group_index[place[0]], position]
        present = np.zeros((len(groups.members), groups.members.shape[1] * width), dtype=bool)
        present[place] = True
        censored = np.zeros(present.shape, dtype=bool)
        censored[place] = fitted["censored"]
    rng = np.random.default_rng(0)
    chains, draws = posterior.sizes["chain"], posterior.sizes["draw"]
    used = USED_DRAWS // 4 if "degrees_of_freedom" in card.priors else USED_DRAWS
    thinned = posterior.isel(draw=slice(None, None, max(1, chains * draws // used)))
    step = max(1, CHUNK // (chains * present.size * present.shape[1]))
    total = np.zeros(present.shape)
    for start in range(0, thinned.sizes["draw"], step):
        parameters = parameters_of(thinned.isel(draw=slice(start, start + step)), card)
        found_moments = moments(readings, given, parameters)
        volumes, mean, precision, columns = _by_group(readings, *found_moments, parameters, order)
        residual, freedom = volumes - mean, parameters.degrees_of_freedom
        if freedom is None:
            found, _ = _probabilities(residual, precision, columns, censored, rng)
        else:
            found = _student_probabilities(residual, precision, columns, censored, freedom, rng)
        total += found.sum(axis=(0, 1))
    pit = total / (chains * thinned.sizes["draw"])
    pit = np.where(censored, pit * rng.uniform(size=pit.shape), pit)
    return fitted[["animal", "arm", "day"]].reset_index(drop=True).assign(pit=pit[place])


def _in_time(readings: Panel, groups: Grouping) -> np.ndarray:
    """Of each group (group, reading), the positions of its readings, flat by member, in order of time."""
    day = np.where(readings.weight > 0, readings.day_index, len(readings.elapsed))
    day = np.where(groups.present[..., None] > 0, day[groups.members], len(readings.elapsed))
    return np.argsort(day.reshape(len(day), -1), axis=-1, kind="stable")


def _by_group(
    readings: Panel, mean: Any, precision: Any, columns: list[Any], parameters: Parameters, order: np.ndarray | None
) -> tuple[Any, Any, Any, list[Any]]:
    """Readings and their moments, of each group in order of time, as if it were one animal."""
    if readings.groups is None or order is None:
        return readings.log_volume, mean, precision, columns
    grouped = by_group(readings.groups, readings.log_volume, mean, precision, columns)
    flat = as_one_animal(*grouped, shares_of_groups(readings.groups, parameters, len(columns)))
    found = [np.take_along_axis(array, np.broadcast_to(order, array.shape), axis=-1) for array in (*flat[:3], *flat[3])]
    return found[0], found[1], found[2], found[3:]


def _probabilities(
    residual: np.ndarray,
    precision: np.ndarray,
    columns: list[np.ndarray],
    censored: np.ndarray,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities of the residuals (chain, draw, animal, reading), and their log densities given the earlier ones."""
    present = precision > 0
    variance = 1 / np.where(present, precision, 1.0)
    design = np.where(present[..., None], np.stack(columns, axis=-1), 0.0)
    covariance = design @ np.swapaxes(design, -1, -2)
    index = np.arange(residual.shape[-1])
    covariance[..., index, index] += variance
    factor = np.linalg.cholesky(covariance)
    standard = np.zeros_like(residual)
    found, density = np.zeros_like(residual), np.zeros_like(residual)
    for j in index:
        earlier = (factor[..., j, :j] * standard[..., :j]).sum(axis=-1)
        own = (np.where(present[..., j], residual[..., j], 0.0) - earlier) / factor[..., j, j]
        found[..., j] = ndtr(own)
        # a censored reading stands for every value below its limit: one is drawn, on which the later ones depend
        drawn = ndtri(np.maximum(found[..., j] * rng.uniform(size=own.shape), 1e-300)) if censored[:, j].any() else own
        standard[..., j] = np.where(censored[:, j], drawn, own)
        measured = -0.5 * own**2 - np.log(factor[..., j, j])
        density[..., j] = np.where(censored[:, j], np.log(np.maximum(found[..., j], 1e-300)), measured)
    return found, np.where(present, density, 0.0)


def _student_probabilities(
    residual: np.ndarray,
    precision: np.ndarray,
    columns: list[np.ndarray],
    censored: np.ndarray,
    freedom: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    """Probabilities of the residuals (chain, draw, animal, reading) when errors are Student: draws of their weights."""
    half = 0.5 * np.broadcast_to(freedom[..., None, None], residual.shape)
    drawn = [
        _probabilities(residual, precision * rng.standard_gamma(half) / half, columns, censored, rng)
        for _ in range(WEIGHTS)
    ]
    found, density = (np.stack(parts) for parts in zip(*drawn, strict=True))
    earlier = np.cumsum(density, axis=-1) - density
    return (softmax(earlier, axis=0) * found).sum(axis=0)


def _arm_warnings(arm: str, own: pd.DataFrame) -> list[str]:
    found: list[str] = []
    size = len(own)
    for share in (50, 90):
        inside = int(own[f"coverage_{share}"].sum())
        if stats.binomtest(inside, size, share / 100).pvalue < ALARM:
            found.append(f"{arm}: {inside} of {size} readings lie inside their {share} % predictive intervals.")
    days = own.groupby("day")["pit"].agg(["mean", "size"])
    shift = (days["mean"] - 0.5) * np.sqrt(12 * days["size"])  # standard normal where predictions are right
    for day in days.index[2 * stats.norm.sf(shift.abs()) < ALARM / len(days)]:
        words = "smaller" if shift[day] < 0 else "larger"
        found.append(
            f"{arm}: on day {day:g} tumours are {words} than predicted "
            f"(mean predicted probability {days['mean'][day]:.2f} instead of 0.5)."
        )
    if not found and stats.kstest(own["pit"], "uniform").pvalue < ALARM:
        found.append(f"{arm}: the predicted probabilities of its {size} readings are not uniform.")
    return found
