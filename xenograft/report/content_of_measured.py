"""What the readings say without a model, as rows of the page: as measured, times, at risk, usual tests."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from xenograft.answers.averaging import AVERAGED
from xenograft.printing import decimal, percent, percent_interval, share, significant, whole
from xenograft.quantities.as_measured import comparison_days
from xenograft.report.content_of_responses import EVENT_WORDS, Responses
from xenograft.study.study import Study
from xenograft.study.tables import unit_in_print

DAYS_AT_RISK = 6
"""Most days below a survival curve at which animals at risk are given."""

COMPARED = {"tgi": "TGI", "tc": "T/C", "tgi_baseline": "ΔTGI"}
"""Numbers given as measured and as modelled."""

Row = Sequence[str]


def measured_tables(study: Study, results: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A table per day of `as_measured`: `caption`, `headings`, `rows` (the arm first), `why`.

    Parameters
    ----------
    study : Study
        Its unit and horizon.
    results : mapping
        The content of results.json.
    """
    unit = unit_in_print(study.unit)
    headings = ["Arm", "Animals measured", f"Mean ± SEM ({unit})", f"Median ({unit})"]
    headings += [f"{name} {how} (%)" for name in COMPARED.values() for how in ("measured", "modelled")]
    whole_day = comparison_days(study)[0]
    found: list[dict[str, Any]] = []
    for one in results.get("as_measured", ()):
        complete = all(row["numbers"]["volume_mean"]["animals"] == results["study"]["arms"][row["arm"]]
                       for row in one["arms"])  # fmt: skip
        said = ", the last with every animal" if complete and one["day"] == whole_day else ""
        found.append({
            "caption": f"Day {one['day']:g}{said}: as measured, and as modelled (median, 95 % interval)",
            "headings": headings,
            "rows": [_measured_row(row, results["study"]["arms"][row["arm"]]) for row in one["arms"]],
            "why": one["why"],
        })  # fmt: skip
    return found


def measured_tgi(study: Study, results: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """Of the treated arms on the day of the answer: TGI (%) of mean volumes (`tgi`), and of how many `animals`."""
    day = next((one for one in results.get("as_measured", ()) if one["day"] == study.horizon), None)
    return {
        row["arm"]: {"tgi": row["numbers"]["tgi"]["measured"], "animals": row["numbers"]["volume_mean"]["animals"]}
        for row in (day["arms"] if day else ())
        if row["arm"] != study.control.name and row["numbers"]["tgi"]["measured"] is not None
    }


_TO = "\N{NO-BREAK SPACE}to\N{NO-BREAK SPACE}"
"""In narrow columns a line ends before the parenthesis, not in it."""


def _measured_row(row: Mapping[str, Any], animals: int) -> Row:
    numbers = row["numbers"]
    mean, error, median = (numbers[f"volume_{key}"] for key in ("mean", "sem", "median"))
    spread = "" if error["measured"] is None else f" ±\N{NO-BREAK SPACE}{whole(error['measured'])}"
    cells = [f"{mean['animals']} of {animals}"]
    cells.append("–" if mean["measured"] is None else f"{whole(mean['measured'])}{spread}")
    cells.append("–" if median["measured"] is None else whole(median["measured"]))
    for key in COMPARED:
        one = numbers[key]
        modelled = {"median": one["modelled"], "lower": one["lower"], "upper": one["upper"]}
        modelled = {limit: None if value is None else round(value, 9) for limit, value in modelled.items()}
        cells.append(percent(one["measured"]) if one["measured"] is not None else one["reason"] or "–")
        cells.append("–" if one["modelled"] is None else percent_interval(modelled).replace(" to ", _TO))
    return [row["arm"], *cells]


def time_table(study: Study, results: Mapping[str, Any], responses: Responses | None) -> dict[str, Any] | None:
    """Times of the arms to the event of the survival figure: `caption`, `headings`, `rows`, `note`."""
    arms = {row["arm"]: row["numbers"] for row in results.get("readings", {}).get("arms", ())}
    if not arms:
        return None
    event = event_key(study, responses)
    what = "the endpoint volume" if event == "endpoint" else EVENT_WORDS[event]
    had = _events(results, event)
    delays = [
        multiple
        for multiple in (2, 4)
        if any(
            numbers[f"growth_delay_{multiple}x"]["value"] is not None
            for name, numbers in arms.items()
            if name != study.control.name
        )
    ]
    rows = [
        [
            name,
            f"{had.get(name, 0)} of {numbers[f'median_time_to_{event}']['animals']}",
            _time(numbers[f"median_time_to_{event}"]),
            *(_value(numbers[f"growth_delay_{multiple}x"]) for multiple in delays),
            "–" if name == study.control.name else _value(numbers[f"log_rank_{event}"], share),
        ]
        for name, numbers in arms.items()
        if f"median_time_to_{event}" in numbers
    ]
    headings = [
        "Arm", "Animals with the event", f"Median days to {what} (95 %)",
        *(f"Growth delay to {multiple} × baseline (days)" for multiple in delays),
        f"Log-rank p against {study.control.name}",
    ]  # fmt: skip
    return {
        "caption": f"Times from the first dose, from the readings alone; the event is {what} (Kaplan–Meier)",
        "headings": headings, "rows": rows, "note": _left_and_events(study, had, what),
    }  # fmt: skip


ARRIVE = {
    "strain": "Strain",
    "cell_line": "Cell line or PDX",
    "randomisation": "Randomisation",
    "blinding": "Blinding",
    "sample_size": "Sample size, why",
}
"""What a journal asks and study.toml may say."""


def arrive_rows(study: Study) -> list[Row]:
    """What a journal asks of the study (Percie du Sert et al. 2020, ARRIVE 2.0), "not recorded" where nobody says."""
    missing = "not recorded"
    readings = study.readings
    count = int(readings.loc[readings["weight"].notna(), "animal"].nunique()) if "weight" in readings else 0
    left = study.animals[study.animals["last_day"] < study.fitted_readings["day"].max()]
    unknown = int((left["reason_left"] == "").sum())
    return [
        *([name, study.methods.get(key, missing)] for key, name in ARRIVE.items()),
        ["Body weight", f"for {count} of {len(study.animals)} animals" if count else missing],
        ["Why animals left", f"for {len(left) - unknown} of {len(left)} animals" if len(left) else "none left early"],
    ]


def event_key(study: Study, responses: Responses | None) -> str:
    """The event of the survival figure: "endpoint", "4x" or "2x"."""
    if study.endpoint_volume is not None:
        return "endpoint"
    return "4x" if responses is not None and responses.event == EVENT_WORDS["4x"] else "2x"


def _events(results: Mapping[str, Any], event: str) -> dict[str, int]:
    """Animals of each arm that had the event."""
    key = "endpoint_time" if event == "endpoint" else f"time_to_{event}"
    found: dict[str, int] = {}
    for row in results["readings"]["animals"]:
        had = row["numbers"].get(key) is not None and key not in row["at_least"]
        found[row["arm"]] = found.get(row["arm"], 0) + int(had)
    return found


def _left_and_events(study: Study, had: Mapping[str, int], what: str) -> str:
    """Why the animals that left early are not those with the event, where their numbers differ."""
    left = study.animals["last_day"] < study.fitted_readings["day"].max()
    counts = left.groupby(study.animals["arm"]).sum()
    differ = [arm for arm, events in had.items() if events != int(counts.get(arm, 0))]
    if not differ:
        return ""
    told = "; ".join(f"{arm}: {had[arm]} with the event, {int(counts.get(arm, 0))} that left" for arm in differ)
    return (
        f"Not the same count as the animals that left before the last day ({told}): an event is the first reading at "
        f"or above {what}, also of an animal that is measured to the last day; and an animal may leave without it."
    )


def _time(found: Mapping[str, Any]) -> str:
    if found["value"] is None:
        return _without(found)
    lower = "–" if found["lower"] is None else decimal(found["lower"])
    upper = "no limit" if found["upper"] is None else decimal(found["upper"])
    return f"{decimal(found['value'])} ({lower} to {upper})"


def _value(found: Mapping[str, Any], said: Callable[[float], str] = decimal) -> str:
    return _without(found) if found["value"] is None else said(found["value"])


def _without(found: Mapping[str, Any]) -> str:
    """Why a time has no number, in few words where a table has them often."""
    reason = str(found.get("reason", "–"))
    if not reason.startswith("fewer than half the animals "):
        return reason
    other = re.match(r"fewer than half the animals of (.+) reach ", reason)
    return f"not reached by {other.group(1)}" if other else "not reached"


def at_risk_table(study: Study, results: Mapping[str, Any], responses: Responses | None) -> dict[str, Any] | None:
    """Animals at risk below the survival curves: `headings` (days) and `rows`, the arm first."""
    event = event_key(study, responses)
    curves = [row for row in results.get("readings", {}).get("survival", ()) if row["event"] == event]
    if not curves:
        return None
    days = np.unique([study.first_dose, *study.fitted_readings["day"]])
    days = days[days >= study.first_dose]
    picked = days[np.linspace(0, len(days) - 1, min(DAYS_AT_RISK, len(days))).round().astype(int)]
    rows = [
        [arm.name, *(str(_at_risk([row for row in curves if row["arm"] == arm.name], float(day))) for day in picked)]
        for arm in study.arms
        if any(row["arm"] == arm.name for row in curves)
    ]
    return {"headings": ["Animals at risk", *(f"day {day:g}" for day in picked)], "rows": rows}


def _at_risk(curve: Sequence[Mapping[str, Any]], day: float) -> int:
    """Animals of a curve that are followed to a day without the event before it."""
    later = [row["at_risk"] for row in curve if row["day"] >= day - 1e-9]
    return int(later[0]) if later else 0


def usual_tests(results: Mapping[str, Any]) -> list[Row]:
    """The usual tests of each combination beside the probability: combination, test, rate ± SE, p, probability."""
    probability = {
        row["combination"]: row["probability"]
        for row in results["interaction"]
        if row["model"] == AVERAGED and row["reference"] == "bliss"
    }
    return [
        [
            one["combination"], METHODS[one["method"]],
            one["reason"] or f"{significant(one['estimate'], 2)} ± {significant(one['standard_error'], 2)}",
            "–" if one["p"] is None else share(one["p"]), share(probability.get(one["combination"])),
        ]
        for one in results.get("interaction_tests", ())
    ]  # fmt: skip


METHODS = {
    "animals' growth rates": "interaction of a two-way analysis of variance of the animals' growth rates",
    "linear mixed model": "interaction in a linear mixed model of log volume",
}
"""Names of the tests."""


def bridge(results: Mapping[str, Any]) -> str:
    """How the p values and the probability of the first combination relate, in words; empty without a p value."""
    verdict = results["verdict"]
    chosen = verdict["combination"] if verdict and verdict["kind"] == "interaction" else None
    tests = [one for one in results.get("interaction_tests", ()) if one["p"] is not None]
    own = [one for one in tests if one["combination"] == chosen] or tests[:2]
    if not own:
        return ""
    half = [share(one["flat_prior_probability"]) for one in own]
    return (
        "The two answer different questions. A p value says how often readings at least as far from no interaction "
        "would come about if there were none; the probability says how probable an interaction is, given these "
        "readings, models and priors. With flat priors, a straight line per animal and many animals, the probability "
        "that the combination does more would be 1 − p/2 where it does more than expected (p/2 where less): "
        f"{' and '.join(half)} for {own[0]['combination']}."
    )
