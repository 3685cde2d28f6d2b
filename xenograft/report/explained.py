"""Numbers that seem to contradict each other, and the sentences that say why they do not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from xenograft.printing import decimal, few, listed
from xenograft.quantities.criteria import CRITERION_WORDS
from xenograft.report.content import ReportContent
from xenograft.report.content_of_responses import CRITERION_NAMES

LITTLE = 4.0
"""Difference of elpd that says little whatever its standard error (Sivula et al. 2020)."""

CARRIES = 0.01
"""Answer weight from which a model has a say."""

END = 0.025
"""Share of the draws beyond each end of a 95 % interval."""


def elpd_says(difference: float, error: float) -> str:
    """What a difference of elpd between a model without interaction and one with it says.

    Parameters
    ----------
    difference, error : float
        Without minus with, and its standard error.
    """
    if abs(difference) < max(LITTLE, 2 * error):
        return "too close to tell"
    return "favours interaction" if difference < 0 else "favours no interaction"


def close_calls(results: Mapping[str, Any]) -> str:
    """Why differences of elpd may be too close to tell beside a probability near 0 or 1; empty where none is."""
    verdict = results["verdict"]
    if not verdict or verdict["probability"] is None or 0.025 < verdict["probability"] < 0.975:
        return ""
    if all(elpd_says(row["elpd_diff"], row["elpd_diff_se"]) != "too close to tell" for row in results["nulls"]):
        return ""
    return (
        f"Too close to tell (below {LITTLE:g}, or below twice the standard error) does not contradict the probability: "
        "elpd asks whether animals that were not seen would be predicted better, for which few animals say little; the "
        "probability asks whether the departure is above 0, for which all readings count."
    )


def odd_weights(results: Mapping[str, Any]) -> str:
    """Why a model that predicts clearly worse has a say in the average; empty where none has."""
    answering = [model for model in results["models"] if model["answer_weight"] is not None]
    best = max((model["elpd"] for model in answering), default=0.0)
    behind = {model["name"]: best - model["elpd"] for model in answering}
    worse = [
        model
        for model in answering
        if model["answer_weight"] >= CARRIES and behind[model["name"]] > max(LITTLE, 2 * model["elpd_diff_se"])
    ]
    if not worse:
        return ""
    one = max(worse, key=lambda model: behind[model["name"]])
    closer = [
        model["name"]
        for model in answering
        if model["answer_weight"] < CARRIES and behind[model["name"]] < behind[one["name"]]
    ]
    beside = f", and {few(closer, 3)}, which predict{'s' if len(closer) == 1 else ''} better, none" if closer else ""
    return (
        f"{one['name']} has a say ({one['answer_weight']:.2f}) although its elpd is {decimal(behind[one['name']])} "
        f"below the best{beside}. That is how stacking works: a model is weighed by what it adds to the mixture. One "
        "that predicts the same animals as the best, a little worse, adds nothing; one that is worse on most animals "
        "and better on some does."
        + (" Where the two disagree, an end of a 95 % interval may be its alone." if one["answer_weight"] > END else "")
    )


def bends(content: ReportContent) -> str:
    """Why averaged curves and bands bend at doses; empty where they do not."""
    exposed = {
        model["name"]: model["answer_weight"]
        for model in content.results["models"]
        if (model["answer_weight"] or 0.0) >= CARRIES and "decaying" in content.cards[model["name"]].words("exposure")
    }
    if not exposed:
        return ""
    return (
        f" Bends at doses: in {few(list(exposed), 2)} (answer weight {sum(exposed.values()):.2f}) the effect of every "
        "dose wanes."
    )


def void_additivity(expected: pd.DataFrame) -> dict[str, float]:
    """From which day on response additivity predicts no volume (median 0 or less), by combination.

    Parameters
    ----------
    expected : DataFrame
        As `ReportContent.expected`, its volumes at least 0.
    """
    if not len(expected):
        return {}
    none = expected[(expected["reference"] == "additive") & (expected["median"] <= 0)]
    return {str(name): float(day) for name, day in none.groupby("combination")["day"].min().items()}


def class_tables(content: ReportContent) -> list[dict[str, Any]]:
    """Response classes seen and predicted, a table per criterion; what is not classed has a column of its own."""
    responses = content.responses
    if responses is None or not len(responses.shares):
        return []
    animals = content.study.animals.groupby("arm").size()
    found: list[dict[str, Any]] = []
    for criterion, rows in responses.shares.groupby("criterion", sort=False):
        arms = {str(arm): _class_cells(own, int(animals[arm])) for arm, own in rows.groupby("arm", sort=False)}
        classes = list(dict.fromkeys(rows["response"]))
        if any(cells[-1]["seen"] or cells[-1]["predicted"] for cells in arms.values()):
            classes.append("not classed")
        else:
            arms = {arm: cells[:-1] for arm, cells in arms.items()}
        found.append(
            {
                "name": CRITERION_NAMES[str(criterion)],
                "meaning": CRITERION_WORDS[str(criterion)].replace(" -", " −"),  # a minus as people print it
                "classes": classes,
                "predicted": bool(rows["probability"].notna().any()),
                "rows": list(arms.items()),
                "unclassed": _unclassed(content.results, str(criterion)),
            }
        )
    return found


def _class_cells(rows: pd.DataFrame, animals: int) -> list[dict[str, str]]:
    """Cells of an arm's classes, then of what is not classed, empty where nothing is left."""
    cells = [{"seen": str(row["seen"]), "predicted": _predicted(row)} for _, row in rows.iterrows()]
    counted = [str(seen).split(" of ") for seen in rows["seen"] if " of " in str(seen)]
    left = animals - int(counted[0][1]) if counted else animals
    unlikely = float(1 - rows["probability"].sum())
    predicted = f"{unlikely:.2f}" if rows["probability"].notna().all() and unlikely >= 0.005 else ""
    return [*cells, {"seen": f"{left} of {animals}" if left else "", "predicted": predicted}]


def _predicted(row: Any) -> str:
    if pd.isna(row["probability"]):
        return ""
    return f"{row['probability']:.2f} ({row['lower']:.2f} to {row['upper']:.2f})"


def _unclassed(results: Mapping[str, Any], criterion: str) -> str:
    """How many animals a criterion does not class, by arm and reason."""
    counts: dict[tuple[str, str], int] = {}
    for row in results.get("readings", {}).get("animals", ()):
        if reason := row["reasons"].get(criterion):
            counts[row["arm"], reason] = counts.get((row["arm"], reason), 0) + 1
    return listed([f"{n} of {arm} ({reason})" for (arm, reason), n in counts.items()]) if counts else ""
