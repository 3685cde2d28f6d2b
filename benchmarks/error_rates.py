"""How often a verdict is wrong, an interval right and a caution shown: the one script that writes docs/error-rates.md.

`uv run python benchmarks/error_rates.py FOLDER -n 1000 --workers 2` simulates and answers the studies of every row,
keeps them in FOLDER as they are done, goes on where it stopped, and writes the page from all that FOLDER holds;
`--only WORD` takes the rows whose name holds a word, `--index 1` those without an interaction, `-n 0` writes the page.
Each study is answered by the cards that a report would fit to it and that answer, drawn by importance sampling (one
study in ten by NUTS too); beside it stands what a linear mixed model (statsmodels) says.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from error_rate_rows import UNITS, Row, new_animals_of, rows, study_of
from scipy import stats

from xenograft.answers.averaging import AVERAGED, average, interaction_of
from xenograft.answers.new_animals import new_animal_readings
from xenograft.answers.ranking import Comparison, compare
from xenograft.answers.verdicts import no_conclusion, verdicts
from xenograft.evidence.cautions import carrying, cautions_about, concludes, owed_to_priors
from xenograft.evidence.predictive_check import predictive_check
from xenograft.evidence.sensitivity import without_each_animal
from xenograft.files import write_text
from xenograft.fitting.curves import curves
from xenograft.fitting.fit import Fit, versions
from xenograft.fitting.sampling import Method, SamplerSettings, fit_all
from xenograft.model.card import read_cards
from xenograft.model.choice import LASTING, default_cards
from xenograft.planning.trials import Outcome, read_store, run_trials
from xenograft.printing import listed
from xenograft.quantities.estimands import interval
from xenograft.quantities.interaction_tests import interaction_contrasts
from xenograft.study.study import Study

DOCUMENT = Path(__file__).parents[1] / "docs" / "error-rates.md"
INTRO, BEFORE = "error_rates.md", "error_rates_before.md"
PANELS = Path(__file__).parent / "panel_error_rates.md"
"""The page's section of panels, written by `panel_error_rates`."""

SEED = 1
NONE = "No study of these rows has been run with today's models yet."
BOTH_WAYS_EVERY = 10
"""Of so many studies one is fitted by NUTS too, unless told otherwise."""

NEW_ANIMALS = 200
"""Simulated in each arm beside each study, to be found inside what is predicted."""

OURS, MIXED = "averaged", "mixed linear model"
METHODS = (OURS, MIXED)


def answer(asked: tuple[Row, int, int]) -> Outcome:
    """The averaged verdict of one study against Bliss, its cautions, and what a mixed linear model says.

    Asked are the row, the number of the study, and of how many studies one is fitted by NUTS too (0: of none).
    """
    row, number, both_ways = asked
    study, true = study_of(row, number, SEED)
    fits, ranking = _fitted(study, number, "importance")
    averaged = _averaged(fits, ranking)
    found: Outcome = {
        "true": true,
        "day": study.horizon,
        "cards": {name: round(weight, 3) for name, weight in ranking.answer_weights.items()},
        "answers": {OURS: averaged, MIXED: mixed_model(study)},
        "by_nuts": sum(one.method == "nuts" for one in fits.values()),
        "new_animals": new_animals_inside(row, study, number, fits, ranking),
    }
    lasting = {name: one for name, one in fits.items() if name in LASTING}
    alone = averaged if len(lasting) == len(fits) else _averaged(lasting, compare(lasting, exact=False), cautions=False)
    if "upper" in averaged and "upper" in alone:
        found["wider"] = (averaged["upper"] - averaged["lower"]) / (alone["upper"] - alone["lower"])
    if both_ways and number % both_ways == 0:
        other = _averaged(*_fitted(study, number, "nuts"), cautions=False)
        ours = found["answers"][OURS]
        if "probability" in other and "probability" in ours:
            found["difference"] = abs(other["probability"] - ours["probability"])
    return found


def _fitted(study: Study, number: int, method: Method) -> tuple[dict[str, Fit], Comparison]:
    chosen, _ = default_cards(study, read_cards())
    cards = {name: card for name, card in chosen.items() if card.answers}
    settings = SamplerSettings(draws=1000, tune=500, cores=1)  # as many draws as a report: fewer are in doubt sooner
    fits = fit_all(study, cards, seed=number, settings=settings, progress=False, method=method)
    return fits, compare(fits, exact=False)


def _averaged(fits: Mapping[str, Fit], ranking: Comparison, *, cautions: bool = True) -> dict[str, Any]:
    """The verdict of a report against Bliss, with what a report says weakens it."""
    weights, study = ranking.answer_weights, next(iter(fits.values())).study
    if not weights:
        return {"words": no_conclusion(fits, ranking)}
    days = [study.first_dose, study.horizon]
    own = {name: curves(fits[name], day=days) for name in weights}
    drawn = {AVERAGED: average(own, weights)} | own
    verdict = next(one for one in verdicts(fits, ranking, drawn) if one.reference == "bliss")
    draws = interaction_of(study, drawn[AVERAGED].sel(day=[study.horizon]), AVERAGED, "bliss").draws
    size = interval(draws).iloc[0]
    found = {"words": verdict.words, "probability": float(verdict.probability or 0.0)}
    found |= {name: float(size[name]) for name in ("median", "lower", "upper")}
    if not cautions:
        return found
    without = (
        without_each_animal(fits, ranking, combination=verdict.combination, reference="bliss")
        if concludes(verdict)
        else None
    )
    checks = {name: predictive_check(fits[name]) for name in carrying(ranking)}
    priors = owed_to_priors(fits, ranking, drawn)
    doubts = cautions_about(verdict, study, fits, ranking, checks, priors, without)
    return found | {"cautions": [one.about for one in doubts]}


def new_animals_inside(
    row: Row, study: Study, number: int, fits: Mapping[str, Fit], ranking: Comparison
) -> dict[str, float]:
    """By arm, the share of new animals that are read inside their 90 % predictive interval at the horizon."""
    weights, size = ranking.answer_weights, UNITS[study.unit]  # a study counts in mm³ where its table has cm³
    read = new_animals_of(row, study.horizon, NEW_ANIMALS, seed=number)
    if read is None or not weights:
        return {}
    at = np.array([study.horizon])
    own = {name: new_animal_readings(fits[name], at, animals=10, seed=number) for name in weights}
    drawn = average(own, weights).isel(day=0)
    found: dict[str, float] = {}
    for arm, volumes in read.groupby("arm", sort=False)["volume"]:
        low, high = np.quantile(drawn.sel(arm=arm), [0.05, 0.95])
        found[str(arm)] = round(float(np.log(volumes * size).between(low, high).mean()), 3)
    return found


def mixed_model(study: Study) -> dict[str, Any]:
    """The Bliss contrast of the arms' slopes by the horizon (log units), a two-sided 5 % Wald test.

    statsmodels' MixedLM in days and in weeks, the better likelihood kept: `quantities.interaction_tests`.
    """
    found = next(one for one in interaction_contrasts(study) if one.method == "linear mixed model")
    if found.reason:
        return {"words": f"no conclusion: {found.reason}"}
    over = study.horizon - study.first_dose
    excess, error = found.estimate * over, found.standard_error * over
    lower, upper = excess - 1.96 * error, excess + 1.96 * error
    words = "enhanced" if lower > 0 else "less than the reference" if upper < 0 else "not distinguishable"
    return {"words": words, "median": float(excess), "lower": float(lower), "upper": float(upper), "time": found.time}


def counts(outcomes: Sequence[Outcome], method: str) -> dict[str, float]:
    """How often a method is wrong, right, and in doubt in the studies of a row.

    Returns
    -------
    dict of str to float
        `studies`; `enhanced` and `less`, verdicts of each kind; `wrong`, those whose direction the true excess does not
        have; `right`, those whose direction it has; `none`, studies without a conclusion; `covered`, intervals that
        hold the truth; `bias` (mean median minus truth) and `width` (mean) in log units; `wrong_in_doubt` and
        `others_in_doubt`, wrong verdicts, and other conclusions, with a caution.
    """
    keys = ("studies", "enhanced", "less", "wrong", "right", "none", "covered", "wrong_in_doubt", "others_in_doubt")
    found = dict.fromkeys(keys, 0.0)
    off: list[float] = []
    width: list[float] = []
    for outcome in outcomes:
        one = outcome.get("answers", {}).get(method, {"words": "no conclusion"})
        true = 0.0 if abs(outcome.get("true", 0.0)) < 1e-6 else outcome["true"]
        found["studies"] += 1
        enhanced, less = one["words"] == "enhanced", one["words"] == "less than the reference"
        wrong = (enhanced and true <= 0) or (less and true >= 0)
        found["enhanced"] += enhanced
        found["less"] += less
        found["wrong"] += wrong
        found["right"] += (enhanced and true > 0) or (less and true < 0)
        if "median" not in one:
            found["none"] += 1
            continue
        found["covered"] += one["lower"] <= true <= one["upper"]
        found["wrong_in_doubt" if wrong else "others_in_doubt"] += bool(one.get("cautions"))
        off.append(one["median"] - true)
        width.append(one["upper"] - one["lower"])
    return found | {"bias": float(np.mean(off or [np.nan])), "width": float(np.mean(width or [np.nan]))}


def page(found: Mapping[str, Sequence[Outcome]]) -> str:
    """The Markdown page."""
    intro, before = ((Path(__file__).parent / name).read_text(encoding="utf-8").rstrip() for name in (INTRO, BEFORE))
    told = [*table(found), *_together(found), *_both_ways(found), *_new_animals(found)] if found else [NONE]
    return page_with_panels("\n\n".join([intro, "\n".join(told), before]) + "\n")


def page_with_panels(text: str) -> str:
    """The page with its last section, that of panels, as it was written last."""
    own, _, _ = text.partition("\n## Panels")
    section = PANELS.read_text(encoding="utf-8") if PANELS.is_file() else ""
    return "\n".join([own.rstrip(), *(["", section.rstrip()] if section else []), ""])


def _together(found: Mapping[str, Sequence[Outcome]]) -> list[str]:
    """Cautions where the world is a model that is fitted to every study, and wrong verdicts without one elsewhere."""
    modelled = {key_of(row) for row in rows() if row.as_modelled}
    within, beyond = (
        [counts(one, OURS) for key, one in found.items() if (key in modelled) is inside] for inside in (True, False)
    )
    lines: list[str] = []
    if answered := sum(one["studies"] - one["none"] for one in within):
        doubted = sum(one["wrong_in_doubt"] + one["others_in_doubt"] for one in within)
        cautions = Counter(
            about.lower()
            for key in found.keys() & modelled
            for outcome in found[key]
            for about in set(outcome.get("answers", {}).get(OURS, {}).get("cautions", ()))
        )
        told = listed([f"{about} {count}" for about, count in sorted(cautions.items(), key=lambda one: -one[1])])
        lines.append(
            f"Together: where the truth is a model that is fitted to every study, {share_of(doubted, answered)} "
            f"answers carried a caution ({100 * doubted / answered:.1f} %{': ' + told if told else ''}). *Verdict* is "
            "a probability within two Monte-Carlo errors of a limit."
        )
    if wider := [one["wider"] for key, of in found.items() if key in modelled for one in of if "wider" in one]:
        lines.append(
            f"Intervals there are {np.mean(wider):.3f} times as wide, in the mean, as with the two growth laws alone, "
            "which are all that is needed."
        )
    if answered := sum(one["studies"] - one["none"] for one in beyond):
        wrong, told = (sum(one[key] for one in beyond) for key in ("wrong", "wrong_in_doubt"))
        lines.append(
            f"In the other rows {share_of(wrong, answered)} verdicts were wrong, {wrong - told:.0f} of them without a "
            f"caution ({100 * (wrong - told) / answered:.1f} %)."
        )
    return ["", " ".join(lines)] if lines else []


def _both_ways(found: Mapping[str, Sequence[Outcome]]) -> list[str]:
    """What importance sampling left to NUTS, and how much the two differ where both were asked."""
    outcomes = [outcome for one in found.values() for outcome in one if "by_nuts" in outcome]
    both = [one["difference"] for one in outcomes if "difference" in one]
    fits = sum(len(one.get("cards", {})) for one in outcomes)
    left = sum(one["by_nuts"] for one in outcomes)
    if not both:
        return ["", f"Fitted by importance sampling; {left} of {fits} fits were left to NUTS."] if fits else []
    return [
        "",
        f"Fitted by importance sampling; {left} of {fits} fits were left to NUTS. In the {len(both)} studies that were "
        f"fitted both ways, the averaged probability of an excess differs by {max(both):.3f} at most, and by "
        f"{np.median(both):.3f} in half of them.",
    ]


def _new_animals(found: Mapping[str, Sequence[Outcome]]) -> list[str]:
    """Of every kind of study the share of new animals inside their 90 % interval, by arm."""
    inside: dict[str, list[Mapping[str, float]]] = {}
    for key, outcomes in found.items():
        inside.setdefault(key.partition("|")[0], []).extend(
            one["new_animals"] for one in outcomes if "new_animals" in one
        )
    shares = {name: pd.DataFrame([one for one in told if one]) for name, told in inside.items()}
    shares = {name: frame for name, frame in shares.items() if len(frame)}
    if not shares:
        return []
    arms = list(next(iter(shares.values())).columns)
    lines = [
        "",
        "New animals inside their 90 % predictive interval at the horizon, of 200 in each arm beside each study:",
        "",
    ]
    lines += [f"| what was put in | studies | {' | '.join(arms)} |", f"|{'---|' * (len(arms) + 2)}"]
    lines += [
        f"| {name} | {len(frame)} | {' | '.join(f'{100 * frame[arm].mean():.0f} %' for arm in arms)} |"
        for name, frame in shares.items()
    ]
    return lines


HEAD = (
    "what was put in", "index", "studies", "true excess", "enhanced / less / wrong", "caution when wrong",
    "caution when not wrong", "bias", "covered", "width", "power", "mixed model: enhanced / less / wrong",
    "mixed model: bias", "mixed model: covered", "mixed model: width", "mixed model: did not converge",
)  # fmt: skip


def table(found: Mapping[str, Sequence[Outcome]]) -> list[str]:
    """Lines of the Markdown table; a row's key is its name and its index, after a bar."""
    lines = [f"| {' | '.join(HEAD)} |", f"|{'---|' * len(HEAD)}"]
    for key, outcomes in found.items():
        name, _, index = key.partition("|")
        ours, mixed = (counts(outcomes, method) for method in METHODS)
        true = np.mean([outcome["true"] for outcome in outcomes if "true" in outcome])
        concluded = ours["studies"] - ours["none"]
        cells = [
            name, "none" if index == "1" else index, f"{len(outcomes)}", decimal(true), counted(ours),
            share_of(ours["wrong_in_doubt"], ours["wrong"]),
            share_of(ours["others_in_doubt"], concluded - ours["wrong"]),
            decimal(ours["bias"]), share(ours["covered"], concluded), decimal(ours["width"]),
            share_of(ours["right"], ours["studies"]) if abs(true) > 1e-6 else "–",
            counted(mixed), decimal(mixed["bias"]), share(mixed["covered"], mixed["studies"] - mixed["none"]),
            decimal(mixed["width"]), f"{mixed['none']:.0f}",
        ]  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def counted(one: Mapping[str, float]) -> str:
    """Counts; bold where more are wrong than chance explains at 5 %, three Monte-Carlo standard errors allowed."""
    allowed = 0.05 + 3 * np.sqrt(0.05 * 0.95 / one["studies"])
    text = f"{one['enhanced']:.0f} / {one['less']:.0f} / {one['wrong']:.0f}"
    text = f"**{text}**" if one["wrong"] / one["studies"] > allowed else text
    return text + (f" ({one['none']:.0f} none)" if one["none"] else "")


def share_of(count: float, number: float) -> str:
    """A count of so many; a dash of none."""
    return f"{count:.0f} of {number:.0f}" if number else "–"


def decimal(value: float) -> str:
    """A number with two decimals; a dash where there is none."""
    return "–" if np.isnan(value) else f"{value:.2f}".replace("-0.00", "0.00").replace("-", "−")


def share(count: float, number: float) -> str:
    """A share in percent; bold where 95 % is not within what chance explains (99.9 %)."""
    if not number:
        return "–"
    low, high = stats.binom.ppf([0.0005, 0.9995], number, 0.95)
    text = f"{100 * count / number:.0f} %"
    return text if low <= count <= high else f"**{text}**"


def about(row: Row, both_ways: int = BOTH_WAYS_EVERY) -> dict[str, Any]:
    """Everything that a row's outcomes depend on."""
    return {
        "schema": "xenograft-error-rates/5",
        "row": asdict(row) | {"truth": row.truth.model_dump(), "animals": dict(row.animals)},
        "cards": {name: card.digest for name, card in read_cards().items() if card.answers},
        "seed": SEED,
        "method": f"importance, one study in {both_ways} by NUTS too" if both_ways else "importance",
        "versions": versions(),
    }


def key_of(row: Row) -> str:
    """Name and index of a row."""
    return f"{row.name}|{row.index:g}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("-n", "--studies", type=int, default=1000)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--only", default="")
    parser.add_argument("--index", type=float)
    parser.add_argument("--both-ways", type=int, default=BOTH_WAYS_EVERY, metavar="N", help="one in N by NUTS too")
    given = parser.parse_args()
    found: dict[str, list[Outcome]] = {}
    for row in rows():
        name = "".join(letter if letter.isalnum() else "-" for letter in key_of(row))
        store, facts = given.folder / f"{name}.jsonl", about(row, given.both_ways)
        if given.studies and given.only in row.name and given.index in (None, row.index):
            trials = {str(number): (row, number, given.both_ways) for number in range(given.studies)}
            run_trials(answer, trials, store, about=facts, workers=given.workers, progress=True, title=key_of(row))
        if stored := read_store(store, facts):
            found[key_of(row)] = [stored[key] for key in sorted(stored, key=int)]
            write_text(DOCUMENT, page(found))
    print(pd.DataFrame({name: {"studies": len(one)} for name, one in found.items()}).T.to_string())


if __name__ == "__main__":
    main()
