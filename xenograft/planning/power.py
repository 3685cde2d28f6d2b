"""The chance that a planned study finds what is there: verdicts, widths, bias and coverage over simulated studies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from xenograft.answers.averaging import AVERAGED
from xenograft.errors import InputError
from xenograft.fitting.curves import prior_draws
from xenograft.fitting.fit import Fit, versions
from xenograft.fitting.sampling import Method, SamplerSettings
from xenograft.model.card import ModelCard
from xenograft.model.choice import why_not
from xenograft.panels import fit as of_panel
from xenograft.planning.card_truth import truth_of
from xenograft.planning.cells import DIMENSIONS, Cell, cell_as_json, example_of, with_effect
from xenograft.planning.design import Design
from xenograft.planning.one_panel import AVERAGE, NEW_MODEL, answer_planned_panel, asked_moderators
from xenograft.planning.one_study import SETTINGS, PlannedStudy, answer_planned_study
from xenograft.planning.panel_truths import panel_truth_of, prior_panel_draws
from xenograft.planning.simulated_panel import example_panel
from xenograft.planning.trials import run_trials
from xenograft.quantities.estimands import JudgedReference
from xenograft.simulation.truth import Truth, problems_of_truth
from xenograft.study.tested import why_not_judged

ENHANCED, LESS, UNCLEAR, NONE = "enhanced", "less", "not distinguishable", "no conclusion"
VERDICTS = (ENHANCED, LESS, UNCLEAR, NONE)

ENOUGH = 0.8
"""Chance of the verdict that a design is looked for to give."""

NOTHING = 1e-6
"""A true excess (log units) below which a verdict of either kind is wrong."""

BLOCK = 100
"""Truths drawn from priors at once, so that more studies are the same ones and more."""


def truths_from(source: Fit | ModelCard, design: Design, studies: int, *, seed: int) -> list[Truth]:
    """Truths drawn from what is known: a posterior, or a card's priors; the power over them is the assurance.

    Parameters
    ----------
    source : Fit or ModelCard
        A fit of an earlier study with the agents and arms of the design, or a card.
    design : Design
        The arms.
    studies : int
        How many.
    seed : int
        Same seed, same truths.
    """
    if isinstance(source, Fit):
        posterior = source.posterior.stack(of=("chain", "draw"))
        chosen = np.random.default_rng(seed).integers(posterior.sizes["of"], size=studies)
        drawn = [posterior.isel(of=int(number)).reset_coords(drop=True) for number in chosen]
        return [truth_of(source.card, one, source.study.arms) for one in drawn]
    seeds = np.random.SeedSequence(seed).generate_state(-(-studies // BLOCK))
    if design.panel is not None:
        panel = example_panel(design, None)
        parts = [prior_panel_draws(panel, source, BLOCK, seed=int(one)) for one in seeds]
        return [
            panel_truth_of(source, parts[number // BLOCK].isel(draw=number % BLOCK, drop=True), panel)
            for number in range(studies)
        ]
    example = example_of(design)
    blocks = [prior_draws(example, source, BLOCK, seed=int(one)).squeeze("chain", drop=True) for one in seeds]
    return [
        truth_of(source, blocks[number // BLOCK].isel(draw=number % BLOCK, drop=True), design.arms)
        for number in range(studies)
    ]


def power(
    cells: Sequence[Cell],
    truths: Truth | Sequence[Truth],
    cards: Sequence[ModelCard],
    store: str | Path,
    *,
    studies: int = 500,
    seed: int = 1,
    reference: JudgedReference = "bliss",
    workers: int = 0,
    scheduler: str | None = None,
    settings: SamplerSettings = SETTINGS,
    progress: bool = False,
    method: Method = "importance",
) -> pd.DataFrame:
    """How often the studies of each cell give each verdict, how wide their intervals are, and how often they are right.

    Parameters
    ----------
    cells : sequence of Cell
        From `cells_of`.
    truths : Truth or sequence of Truth
        One for all studies, or one for each.
    cards : sequence of ModelCard
        What is fitted; several that answer are averaged as well.
    store : str or Path
        JSON lines, one per study; a run that was interrupted goes on from there.
    studies : int
        In each cell.
    seed : int
        Same seed, same numbers, in any number of processes.
    reference : {"bliss", "hsa"}
        What no interaction means.
    workers : int
        Processes; 0 is this one.
    scheduler : str, optional
        Address of a running Dask cluster to fit on instead.
    settings : SamplerSettings
        4 chains × (500 + 500) unless given.
    progress : bool
        Show a bar with the time left on standard error.
    method : {"nuts", "importance"}
        "importance" fits without chains, in a tenth of the time, and turns to NUTS by itself where it may not be
        trusted; one study in 25 is fitted both ways.

    Returns
    -------
    DataFrame
        A row per cell and model ("averaged" first): what the cell varies, `model`, `studies`, `true` (mean excess, log
        units); shares of the verdicts `enhanced`, `less`, `not distinguishable`, `no conclusion`; `width` of the 95 %
        interval, `bias` (median minus truth), both log units and means; `covered`, share of the intervals that hold the
        truth. Each with its 95 % Monte-Carlo half-width, `… ±`. `by_nuts`, the share of the cell's fits that importance
        sampling left to NUTS, and `difference`, the largest difference of a probability in the studies that were fitted
        both ways; neither is a number where NUTS was asked for. Of a panel a row per `question` too: the average model,
        a new model (whose `true` excess is that of one more model drawn) and each moderator (log units per unit of it;
        "enhanced" where the excess rises with it).

    Raises
    ------
    InputError
        A truth does not fit the design, a card cannot be fitted, or the store holds another plan.
    """
    own = [truths] * studies if isinstance(truths, Truth) else list(truths)
    _refuse_what_cannot_run(cells, own[0], cards)
    about = {
        "schema": "xenograft-power-trials/1",
        "cells": [cell_as_json(cell) for cell in cells],
        "truth": own[0].model_dump(),
        "drawn": not isinstance(truths, Truth),
        "cards": [card.digest for card in cards],
        "reference": reference,
        "seed": seed,
        "settings": {"draws": settings.draws, "tune": settings.tune, "chains": settings.chains, "method": method},
        "versions": versions(),
    }
    trials = {
        f"{place}:{number}": PlannedStudy(
            cell.design, with_effect(own[number], cell), tuple(cards), reference, seed, number, settings, method
        )
        for place, cell in enumerate(cells)
        for number in range(studies)
    }
    panel = cells[0].design.panel is not None
    found = run_trials(
        answer_planned_panel if panel else answer_planned_study,
        trials,
        Path(store),
        about=about,
        workers=workers,
        scheduler=scheduler,
        progress=progress,
        title="studies",
    )
    asked = asked_moderators(next(iter(trials.values()))) if panel else []
    rows: list[dict[str, Any]] = []
    for place, cell in enumerate(cells):
        outcomes = [found[f"{place}:{number}"] for number in range(studies)]
        for question in [AVERAGE, NEW_MODEL, *asked] if panel else [None]:
            own = outcomes if question is None else [_of_question(one, question) for one in outcomes]
            may = [card for card in cards if question is None or card.answers]
            who = [card for card in may if question not in asked or card.moderators]
            said = {} if question is None else {"question": question}
            rows += [dict(cell.varied) | said | _summary(model, own, len(cards)) for model in _models(cards, who)]
    return pd.DataFrame(rows)


def _of_question(outcome: Mapping[str, Any], question: str) -> dict[str, Any]:
    """The outcome of a panel as far as one question goes."""
    own = {name: one for name, one in outcome.items() if name not in ("true", "answers")}
    if question in outcome.get("true", {}):
        own["true"] = outcome["true"][question]
    return own | {"answers": outcome.get("answers", {}).get(question, {})}


def _models(cards: Sequence[ModelCard], shown: Sequence[ModelCard]) -> list[str]:
    return [*([AVERAGED] if sum(card.answers for card in cards) > 1 else []), *(card.name for card in shown)]


def _summary(model: str, outcomes: Sequence[Mapping[str, Any]], cards: int) -> dict[str, Any]:
    number = len(outcomes)
    answers = [outcome.get("answers", {}).get(model, {"words": NONE}) for outcome in outcomes]
    words = pd.Series([_short(answer["words"]) for answer in answers])
    row: dict[str, Any] = {
        "model": model,
        "studies": number,
        "true": _mean([outcome["true"] for outcome in outcomes if "true" in outcome])[0],
    }
    for verdict in VERDICTS:
        row[verdict], row[f"{verdict} ±"] = _proportion(int((words == verdict).sum()), number)
    fitted = [(a, o["true"]) for a, o in zip(answers, outcomes, strict=True) if "median" in a]
    row["width"], row["width ±"] = _mean([a["upper"] - a["lower"] for a, _ in fitted])
    row["bias"], row["bias ±"] = _mean([a["median"] - true for a, true in fitted])
    inside = sum(a["lower"] <= true <= a["upper"] for a, true in fitted)
    row["covered"], row["covered ±"] = _proportion(inside, len(fitted))
    left = [outcome["by_nuts"] for outcome in outcomes if "by_nuts" in outcome]
    row["by_nuts"] = sum(left) / (cards * len(left)) if left else np.nan
    row["difference"] = max((outcome["difference"] for outcome in outcomes if "difference" in outcome), default=np.nan)
    return row


def _short(words: str) -> str:
    """The verdict's words without what follows them."""
    return next(verdict for verdict in VERDICTS if words.startswith(verdict))


def _proportion(count: int, number: int) -> tuple[float, float]:
    """A share and the half-width of its 95 % interval (Wilson, which is not 0 where the share is)."""
    if not number:
        return np.nan, np.nan
    interval = stats.binomtest(count, number).proportion_ci(method="wilson")
    return count / number, (interval.high - interval.low) / 2


def _mean(values: Sequence[float]) -> tuple[float, float]:
    if len(values) < 2:
        return (values[0] if values else np.nan), np.nan
    return float(np.mean(values)), float(1.96 * np.std(values, ddof=1) / np.sqrt(len(values)))


def _refuse_what_cannot_run(cells: Sequence[Cell], truth: Truth, cards: Sequence[ModelCard]) -> None:
    design = cells[0].design
    problems = list(problems_of_truth(design.arms, truth))
    if (design.panel is None) != (truth.panel is None):
        has, lacks = ("truth", "design") if design.panel is None else ("design", "truth")
        problems.append(f"{lacks}: the {has} is of a panel, and this is of one study. Add [panel] to it.")
    if any("slope" in cell.varied for cell in cells) and truth.panel is not None and not truth.panel.moderators:
        problems.append("truth: there is no moderator whose --slope could change. Add [panel.moderators.NAME].")
    if not any(arm.control for arm in design.arms):
        problems.append("design: no arm is the control. Give one control = true.")
    if not any(arm.is_combination for arm in design.arms):
        problems.append("design: no arm is a combination, and its verdict is what is counted. Add one.")
    if any(cell.effect is not None for cell in cells) and truth.reference == "hsa":
        problems.append('truth: reference = "hsa" leaves no departure, so --effect changes nothing. Leave one out.')
    if not problems:
        example = example_of(design)
        combination = example.primary_combination
        if combination is not None and (reason := why_not_judged(example, combination)):
            problems.append(f"design: {combination.name} has no reference: {reason}. Add that arm.")
        panel = None if design.panel is None else example_panel(design, truth)
        problems += [
            f"{card.name}: it cannot be fitted to this design: {reason}. Choose another card."
            for card in cards
            if (reason := why_not(example, card) if panel is None else of_panel.why_not(panel, card))
        ]
        problems += [
            f"{card.name}: it fixes the combination, so it has no verdict. Choose a card that answers."
            for card in cards
            if not any(one.answers for one in cards)
        ]
    if problems:
        raise InputError(problems)


def power_sentences(table: pd.DataFrame) -> list[str]:
    """What a table of `power` means, for its first model: how many animals suffice, or how often a verdict is wrong.

    Parameters
    ----------
    table : DataFrame
        As of `power`.
    """
    sentences: list[str] = []
    for question, own in table.groupby("question", sort=False) if "question" in table else [("", table)]:
        first = own[own["model"] == own["model"].iloc[0]]
        others = [name for name in DIMENSIONS if name in first and name not in ("animals", "models")]
        groups = [rows for _, rows in first.groupby(others, sort=False)] if others else [first]
        sentences += [_sentence(rows, others, str(question)) for rows in groups]
    if "by_nuts" in table and table["by_nuts"].notna().any():
        what = "panel" if "question" in table else "study"
        sentences.append(
            f"Fitted by importance sampling, {_share_of(table['by_nuts'].mean())} of the fits by NUTS instead; where a "
            f"{what} was fitted both ways, probabilities differ by {table['difference'].max():.3f} at most."
        )
    return sentences


def _share_of(share: float) -> str:
    return "none" if share == 0 else f"{100 * share:.1f} %"


def _sentence(rows: pd.DataFrame, others: Sequence[str], question: str) -> str:
    wording = {
        "every": "visits every {:g} days", "duration": "{:g} days", "effect": "a departure of {:g}/day",
        "spread": "a sd of {:g}/day between models", "slope": "a slope of {:g}/day per unit of the moderator",
    }  # fmt: skip
    where = ", ".join(wording[name].format(rows[name].iloc[0]) for name in others)
    where = f" with {where}" if where else ""
    studies = "panels" if question else "studies"
    head = {"": "", AVERAGE: "The average model: ", NEW_MODEL: "A model that was not tested: "}
    about = head.get(question, f"{question}: ")
    true = float(rows["true"].mean())
    if question == NEW_MODEL:
        row = rows.iloc[int((rows[ENHANCED] + rows[LESS]).argmax())]
        said = f"{_percent(row[ENHANCED], row[f'{ENHANCED} ±'])}, and less in {_percent(row[LESS], row[f'{LESS} ±'])}"
        return f"{about}{_who(row)} the verdict enhanced in {said} of the {studies}{where}."
    if abs(true) < NOTHING:
        row = rows.iloc[int((rows[ENHANCED] + rows[LESS]).argmax())]
        half = float(np.hypot(row[f"{ENHANCED} ±"], row[f"{LESS} ±"]))
        wrong = _percent(row[ENHANCED] + row[LESS], half)
        return f"{about}{_who(row)} a wrong verdict in {wrong} of the {studies}{where}, where nothing is to be found."
    target, words = (ENHANCED, ENHANCED) if true > 0 else (LESS, "less than the reference")
    if question not in head:
        words = "rises" if true > 0 else "falls"
    enough = rows[rows[target] >= ENOUGH]
    row = enough.iloc[0] if len(enough) else rows.iloc[int(rows[target].argmax())]
    found = f'{about}{_who(row)} {_percent(row[target], row[f"{target} ±"])} chance of the verdict "{words}"{where}'
    missed = len(rows) > 1 and not len(enough)
    what = "design" if question else "number of animals"
    return f"{found}; no {what} reaches {100 * ENOUGH:.0f} %." if missed else f"{found}."


def _who(row: pd.Series) -> str:
    if "models" in row:
        return f"{row['models']:g} models × {row['animals']:g} per arm give"
    return f"{row['animals']:g} animals per arm give" if "animals" in row else "The design gives"


def _percent(share: float, half: float) -> str:
    return f"{100 * share:.0f} % (±{100 * half:.0f})"
