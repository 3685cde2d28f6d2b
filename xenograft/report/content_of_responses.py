"""The animals' responses as a report shows them: seen and predicted, no drawing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from xenograft.answers.averaging import AVERAGED
from xenograft.answers.findings import Findings
from xenograft.answers.new_animals import Event, survival_of
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


def event_of(study: Study, arm_readings: pd.DataFrame) -> Event:
    """The event that the report follows: the study's endpoint, else 4 or 2 times the baseline.

    Parameters
    ----------
    study : Study
        Its endpoint volume.
    arm_readings : DataFrame
        From `arm_responses`.

    Returns
    -------
    {"endpoint", "4x", "2x"}
        Without an endpoint volume the event of PPTP, 4 times the baseline (Houghton et al. 2007), where half of the
        control animals reach it; else twice the baseline.
    """
    if study.endpoint_volume is not None:
        return "endpoint"
    of_control = (arm_readings["arm"] == study.control.name) & (arm_readings["quantity"] == "median_time_to_4x")
    return "4x" if np.isfinite(arm_readings.loc[of_control, "value"]).any() else "2x"


def responses_shown(found: Findings) -> Responses:
    """What the report shows of the animals' responses.

    Parameters
    ----------
    found : Findings
        Of the study.
    """
    study, event = found.study, event_of(found.study, found.arm_readings)
    predicted = found.predicted_survival
    if event != "endpoint" and found.new_animals is not None:
        predicted = survival_of(study, found.new_animals, AVERAGED, event)
    return Responses(
        best=_best(found.animal_readings),
        classes=CRITERIA["mrecist"],
        criterion=CRITERION_NAMES["mrecist"],
        observed=_observed(found, event),
        predicted=predicted.rename(columns={"share": "median"}),
        event=_event_words(study, event),
        shares=_shares(found.arm_readings, found.responses),
        group=int(found.responses["animals"].max()) if len(found.responses) else 0,
        smallest=dict(zip(found.best["arm"], found.best["probability"], strict=True)),
        weights=_weights(found.arm_readings),
    )


def _best(animals: pd.DataFrame) -> pd.DataFrame:
    by_quantity = {key: rows.set_index("animal") for key, rows in animals.groupby("quantity", sort=False)}
    best = by_quantity["best_response"]
    table = best[["arm"]].assign(best=best["value"], response=by_quantity["mrecist"]["text"])
    return table[(table["response"] != "") & np.isfinite(table["best"])].reset_index()


def _observed(found: Findings, event: str) -> pd.DataFrame:
    """Kaplan–Meier steps with the number of animals that left without the event on each day."""
    quantity = "endpoint_time" if event == "endpoint" else f"time_to_{event}"
    times = found.animal_readings[(found.animal_readings["quantity"] == quantity) & found.animal_readings["beyond"]]
    days = (times["value"] + found.study.first_dose).round(6)
    left = days.groupby([times["arm"], days.rename("day")]).size()
    steps = found.survival[found.survival["event"] == event].rename(columns={"share": "survival"})
    places = pd.MultiIndex.from_arrays([steps["arm"], steps["day"].round(6)])
    return steps.assign(censored=left.reindex(places, fill_value=0).to_numpy())[["arm", "day", "survival", "censored"]]


def _event_words(study: Study, event: str) -> str:
    if event != "endpoint":
        return EVENT_WORDS[event]
    return f"{EVENT_WORDS[event]}, {study.endpoint_volume:,g} {unit_in_print(study.unit)}"


def _shares(arms: pd.DataFrame, predictions: pd.DataFrame) -> pd.DataFrame:
    """Classes seen and predicted, by criterion and arm; a criterion that classes no animal is left out."""
    classes = [(criterion, response) for criterion, known in CRITERIA.items() for response in known]
    keys = pd.DataFrame(classes, columns=["criterion", "response"])
    keys["quantity"] = [f"{criterion}_{response.lower()}" for criterion, response in classes]
    seen = arms.merge(keys, on="quantity")
    text = seen["text"].where(seen["text"] != "", seen["reason"])
    seen = seen.assign(seen=text.where(text != "", "–"), classed=np.isfinite(seen["value"]))
    seen = seen[["criterion", "arm", "response", "seen", "classed"]]
    of = ["criterion", "arm", "response"]
    predicted = predictions[[*of, "probability", "lower", "upper"]].astype(dict.fromkeys(of, "str"))
    table = seen.merge(predicted.astype(dict.fromkeys(predicted.columns[3:], float)), how="left", on=of)
    order = {name: place for place, name in enumerate(CRITERIA)}
    table = table.sort_values("criterion", key=lambda column: column.map(order), kind="stable")
    used = table.groupby("criterion")["classed"].transform("any")
    return table[used.astype(bool)].drop(columns="classed").reset_index(drop=True)


def _weights(arms: pd.DataFrame) -> pd.DataFrame:
    values = arms.pivot(index="arm", columns="quantity", values="value")
    weighed = arms[(arms["quantity"] == "weight_nadir") & (arms["animals"] > 0)]
    table = values.reindex(index=weighed["arm"], columns=list(WEIGHT_NUMBERS)).rename(columns=WEIGHT_NUMBERS)
    table.insert(0, "Animals", weighed["animals"].astype(int).to_numpy())
    return table.rename_axis(index="Arm", columns=None).reset_index()
