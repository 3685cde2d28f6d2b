"""Importance sampling beside NUTS, on simulated studies and on those of a folder: verdicts, probabilities, intervals.

    uv run python benchmarks/both_ways.py -n 200 --workers 2 [--studies FOLDER] [--against-itself 0.02]

Each study is fitted both ways by the two growth laws that estimate the departure. Simulated are the rows of
docs/error-rates.md whose truth is a model that is fitted to every study, with and without an interaction, in turn.

How often two runs of NUTS differ is told by `--against-itself`: studies whose probability by importance sampling is so
near a limit are fitted by NUTS with two seeds; two runs of the others would have to be five errors apart.
"""

from __future__ import annotations

import argparse
import multiprocessing
from pathlib import Path

import arviz as az
import numpy as np
import pandas as pd
import xarray as xr
from error_rate_rows import rows, study_of
from scipy import stats

from xenograft.answers.averaging import AVERAGED, average, interaction_of
from xenograft.answers.precision import ENHANCED, LESS
from xenograft.answers.ranking import compare
from xenograft.answers.verdicts import verdicts
from xenograft.errors import StudyError
from xenograft.fitting.curves import curves
from xenograft.fitting.fit import Fit
from xenograft.fitting.sampling import Method, SamplerSettings, fit_all
from xenograft.model.card import read_cards
from xenograft.model.choice import LASTING
from xenograft.reading.read import read_study
from xenograft.study.study import Study
from xenograft.study.tested import judged_combinations

ENDS = (0.025, 0.975)


def simulated(number: int) -> tuple[str, Study]:
    """One study of every well-specified row in turn."""
    kinds = [row for row in rows() if row.as_modelled]
    row = kinds[number % len(kinds)]
    return f"{row.name}, {row.index:g}", study_of(row, number, 2)[0]


def of_folder(folder: Path) -> list[Path]:
    """Every study below a folder that has a combination to judge."""
    found: list[Path] = []
    for place in sorted(folder.glob("*/study.toml")):
        try:
            study = read_study(place)
        except StudyError:
            continue
        if judged_combinations(study):
            found.append(place)
    return found


def ends_of(one: Fit, draws: xr.DataArray) -> dict[float, tuple[float, float]]:
    """Each end of the 95 % interval of an excess, with its Monte-Carlo error (as ArviZ's, of the effective draws)."""
    found: dict[float, tuple[float, float]] = {}
    for at in ENDS:
        # draws of equal weight repeat the points that weigh more: their number says nothing
        known = one.health.effective_draws
        effective = known or float(az.ess(draws.to_dataset(name="excess"), method="quantile", prob=at)["excess"])
        within = stats.beta.ppf(stats.norm.cdf([-1, 1]), at * effective + 1, (1 - at) * effective + 1)
        lower, end, upper = draws.quantile([within[0], at, within[1]]).to_numpy()
        found[at] = float(end), float(upper - lower) / 2
    return found


def answers(
    study: Study, method: Method, seed: int
) -> tuple[dict[str, tuple[str, float]], dict[tuple[str, str, float], tuple[float, float]], int]:
    """Verdicts and probabilities by combination, interval ends by card, and how many fits were by NUTS."""
    cards = read_cards(*LASTING)
    settings = SamplerSettings(cores=1)  # draws as a report has them
    fits = fit_all(study, cards, seed=seed, settings=settings, progress=False, method=method)
    ranking = compare(fits, exact=False)
    days = [study.first_dose, study.horizon]
    own = {name: curves(fits[name], day=days) for name in ranking.answer_weights}
    drawn = {AVERAGED: average(own, ranking.answer_weights)} | own if own else {}
    said = {
        one.combination: (one.words, float(one.probability or 0.0))
        for one in verdicts(fits, ranking, drawn)
        if one.reference == "bliss"
    }
    ends = {
        (name, str(which), at): end
        for name, course in own.items()
        for which, draws in interaction_of(study, course.sel(day=[study.horizon]), name, "bliss").draws.groupby(
            "combination"
        )
        for at, end in ends_of(fits[name], draws.squeeze(drop=True)).items()
    }
    return said, ends, sum(one.method == "nuts" for one in fits.values())


def beside(asked: tuple[int, Path | None]) -> pd.DataFrame:
    """One row for every combination, card and end: what each way says, and how far apart the ends are."""
    number, place = asked
    name, study = simulated(number) if place is None else (place.parent.name, read_study(place))
    quick, ends, by_nuts = answers(study, "importance", number + 1)
    slow, other, _ = answers(study, "nuts", number + 1)
    found: list[dict[str, object]] = []
    for card, combination, at in sorted(ends.keys() & other.keys()):
        (one, first), (two, second) = ends[card, combination, at], other[card, combination, at]
        found.append({
            "number": number, "study": name, "combination": combination, "card": card, "end": at, "apart": one - two,
            "z": (one - two) / np.hypot(first, second), "by_nuts": by_nuts,
            "same": quick[combination][0] == slow[combination][0],
            "difference": abs(quick[combination][1] - slow[combination][1]),
            "probability": slow[combination][1],
        })  # fmt: skip
    return pd.DataFrame(found)


def against_itself(asked: tuple[int, Path | None, float]) -> tuple[str, str, float, float] | None:
    """Name, combination and both probabilities of a study on which two runs of NUTS do not say the same."""
    number, place, near = asked
    name, study = simulated(number) if place is None else (place.parent.name, read_study(place))
    quick, _, _ = answers(study, "importance", number + 1)
    if not any(abs(probability - limit) <= near for _, probability in quick.values() for limit in (ENHANCED, LESS)):
        return None
    one, other = (answers(study, "nuts", number + seed)[0] for seed in (1, 100_001))
    for combination in one:
        if one[combination][0] != other[combination][0]:
            return name, combination, one[combination][1], other[combination][1]
    return name, "", np.nan, np.nan


def summary(table: pd.DataFrame) -> str:
    """What is put into benchmarks/README.md."""
    verdict = table.drop_duplicates(["number", "combination"])
    fits = table.drop_duplicates(["number", "card"])
    other = verdict[~verdict["same"]]
    lines = [
        f"{verdict['number'].nunique()} studies, {len(verdict)} verdicts: {verdict['same'].sum()} the same; "
        f"probabilities differ by {verdict['difference'].median():.4f} in half of them and by "
        f"{verdict['difference'].max():.4f} at most.",
        f"{len(table)} interval ends: {(table['z'].abs() <= 3).mean():.1%} within three Monte-Carlo errors "
        f"(root mean square {np.sqrt((table['z'] ** 2).mean()):.2f} errors, mean {table['z'].mean():+.2f}).",
        f"{table.drop_duplicates('number')['by_nuts'].sum()} of {len(fits)} fits were left to NUTS.",
        *(f"- {row.study}, {row.combination}: probability {row.probability:.4f} by NUTS" for row in other.itertuples()),
    ]
    return "\n".join(lines)


def main() -> None:
    """Fit both ways, print what differs."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("-n", "--number", type=int, default=200)
    asked.add_argument("--studies", type=Path)
    asked.add_argument("--workers", type=int, default=2)
    asked.add_argument("--against-itself", type=float, metavar="NEAR")
    given = asked.parse_args()
    places = of_folder(given.studies) if given.studies else [None] * given.number
    found: list[pd.DataFrame] = []
    with multiprocessing.get_context("spawn").Pool(given.workers) as pool:
        if given.against_itself is not None:
            each = [(number, place, given.against_itself) for number, place in enumerate(places)]
            near = [one for one in pool.imap_unordered(against_itself, each) if one is not None]
            print(f"{len(near)} of {len(places)} studies are near a limit; two runs of NUTS differ in:")
            print("\n".join(f"- {one}: {a:.4f} and {b:.4f}" for one, which, a, b in near if which) or "none")
            return
        for done in pool.imap_unordered(beside, list(enumerate(places))):
            found.append(done)
            if len(found) % 20 == 0:
                print(f"{len(found)} done.\n{summary(pd.concat(found))}", flush=True)
    print(summary(pd.concat(found)))


if __name__ == "__main__":
    main()
