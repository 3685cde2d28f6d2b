"""The animals' responses as a report shows them, from the records of results.json: no model, no drawing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from xenograft.answers.new_animals import Event
from xenograft.quantities.criteria import CRITERIA
from xenograft.study.study import Study
from xenograft.study.tables import unit_in_print

CRITERION_NAMES = {
    "mrecist": "mRECIST (Gao 2015)",
    "genentech": "Genentech's classes",
    "pptp": "PPTP (Houghton 2007)",
}
"""As tables and figures name them."""

EVENT_WORDS = {
    "endpoint": "reading at or above the endpoint volume",
    "2x": "twice the baseline volume",
    "4x": "4 times the baseline volume",
}
"""Events of the survival figure."""

WEIGHT_NUMBERS = {
    "weight_nadir": "Largest loss (%)",
    "days_below_85": "Days below 85 %",
    "days_below_80": "Days below 80 %",
}
"""Numbers of body weight that the report shows, with their column."""


@dataclass(frozen=True)
class Responses:
    """What the animals did, counted without a model, and what is predicted of new ones (docs/estimands.md).

    Parameters
    ----------
    best : DataFrame
        One row per classed animal: `animal`, `arm`, `best` (best change from baseline, %), `response` (class).
    classes : tuple of str
        All classes, the best first.
    criterion : str
        What the classes follow, for example "mRECIST (Gao 2015)".
    observed, predicted : DataFrame
        Kaplan–Meier (`arm`, `day`, `survival`, `censored`) and posterior predictive (`arm`, `day`, `median`, `lower`,
        `upper`) share of animals without the event.
    event : str
        In words; empty without one.
    shares : DataFrame
        `criterion`, `arm`, `response` (class), `seen` ("4 of 10", or why there is no number), `probability`, `lower`,
        `upper` (of a new animal, and 95 % interval of the share in a group of `group`; NaN where nothing is predicted).
    group : int
        Animals in the groups that predicted intervals are about.
    smallest : mapping of str to float
        Probability that the arm's typical tumour is the smallest of all at the horizon; empty where none is known.
    weights : DataFrame
        Of the arms with body weights: `Arm`, `Animals` and the columns of `WEIGHT_NUMBERS`, means over animals.
    """

    best: pd.DataFrame = field(default_factory=pd.DataFrame)
    classes: tuple[str, ...] = ()
    criterion: str = ""
    observed: pd.DataFrame = field(default_factory=pd.DataFrame)
    predicted: pd.DataFrame = field(default_factory=pd.DataFrame)
    event: str = ""
    shares: pd.DataFrame = field(default_factory=pd.DataFrame)
    group: int = 0
    smallest: Mapping[str, float] = field(default_factory=dict)
    weights: pd.DataFrame = field(default_factory=pd.DataFrame)


def event_of(study: Study, results: Mapping[str, Any]) -> Event:
    """The event that the report follows: the study's endpoint, else 4 or 2 times the baseline.

    Parameters
    ----------
    study : Study
        Its endpoint volume.
    results : mapping
        The content of results.json.

    Returns
    -------
    {"endpoint", "4x", "2x"}
        Without an endpoint volume the event of PPTP, 4 times the baseline (Houghton et al. 2007), where half of the
        control animals reach it; else twice the baseline.
    """
    if study.endpoint_volume is not None:
        return "endpoint"
    arms = {row["arm"]: row["numbers"] for row in results["readings"]["arms"]}
    median = arms.get(study.control.name, {}).get("median_time_to_4x", {}).get("value")
    return "2x" if median is None else "4x"


def responses_shown(study: Study, results: Mapping[str, Any], predicted: pd.DataFrame) -> Responses:
    """Gather the responses from the records of results.json.

    Parameters
    ----------
    study : Study
        Order of the arms, first dose, endpoint.
    results : mapping
        The content of results.json.
    predicted : DataFrame
        Of the event of `event_of`: `arm`, `day` (as recorded), `share`, `lower`, `upper`, `animals`; may be empty.
    """
    readings, event = results["readings"], event_of(study, results)
    return Responses(
        best=_best(readings["animals"]),
        classes=CRITERIA["mrecist"],
        criterion=CRITERION_NAMES["mrecist"],
        observed=_observed(study, readings, event),
        predicted=predicted.rename(columns={"share": "median"}),
        event=_event_words(study, event),
        shares=_shares(readings["arms"], results["predictions"]["responses"]),
        group=next((int(row["animals"]) for row in results["predictions"]["responses"]), 0),
        smallest={row["arm"]: row["probability"] for row in results["predictions"]["best"]},
        weights=_weights(readings["arms"]),
    )


def _best(animals: Any) -> pd.DataFrame:
    rows = [
        {"animal": row["animal"], "arm": row["arm"], "best": row["numbers"]["best_response"],
         "response": row["numbers"]["mrecist"]}
        for row in animals
        if row["numbers"].get("mrecist") and row["numbers"].get("best_response") is not None
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["animal", "arm", "best", "response"])


def _observed(study: Study, readings: Mapping[str, Any], event: str) -> pd.DataFrame:
    """Kaplan–Meier steps with the number of animals that left without the event on each day."""
    columns = ["arm", "day", "survival", "censored"]
    quantity = f"{'endpoint_time' if event == 'endpoint' else f'time_to_{event}'}"
    left: dict[tuple[str, float], int] = {}
    for row in readings["animals"]:
        time = row["numbers"].get(quantity)
        if quantity in row["at_least"] and time is not None:
            key = row["arm"], round(time + study.first_dose, 6)
            left[key] = left.get(key, 0) + 1
    rows = [
        {"arm": row["arm"], "day": row["day"], "survival": row["share"],
         "censored": left.get((row["arm"], round(row["day"], 6)), 0)}
        for row in readings["survival"]
        if row["event"] == event
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def _event_words(study: Study, event: str) -> str:
    if event != "endpoint":
        return EVENT_WORDS[event]
    return f"{EVENT_WORDS[event]}, {study.endpoint_volume:,g} {unit_in_print(study.unit)}"


def _shares(arms: Any, predictions: Any) -> pd.DataFrame:
    """Classes seen and predicted, by criterion and arm; a criterion that classes no animal is left out."""
    found = {(row["criterion"], row["arm"], row["response"]): row for row in predictions}
    rows: list[dict[str, Any]] = []
    for criterion, classes in CRITERIA.items():
        for row in arms:
            for response in classes:
                number = row["numbers"].get(f"{criterion}_{response.lower()}")
                if number is None:
                    continue
                predicted = found.get((criterion, row["arm"], response), {})
                rows.append(
                    {"criterion": criterion, "arm": row["arm"], "response": response,
                     "seen": number.get("text") or number.get("reason", "–"), "classed": number["value"] is not None}
                    | {key: predicted.get(key, np.nan) for key in ("probability", "lower", "upper")}
                )  # fmt: skip
    table = pd.DataFrame(
        rows, columns=["criterion", "arm", "response", "seen", "classed", "probability", "lower", "upper"]
    )
    used = table.groupby("criterion")["classed"].transform("any") if len(table) else []
    return table[used].drop(columns="classed").reset_index(drop=True)


def _weights(arms: Any) -> pd.DataFrame:
    rows = [
        {"Arm": row["arm"], "Animals": row["numbers"]["weight_nadir"]["animals"]}
        | {column: row["numbers"][key]["value"] for key, column in WEIGHT_NUMBERS.items()}
        for row in arms
        if "weight_nadir" in row["numbers"] and row["numbers"]["weight_nadir"]["animals"]
    ]
    return pd.DataFrame(rows, columns=["Arm", "Animals", *WEIGHT_NUMBERS.values()])
