"""The report: one self-contained HTML file, the verdict first. Tables and arrays in; nothing is computed here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import jinja2
import pandas as pd
from markupsafe import Markup

from xenograft import answers
from xenograft.cards import ModelCard
from xenograft.comparison import Comparison
from xenograft.drawing import left_early, unit_in_print
from xenograft.estimands import REFERENCES
from xenograft.files import write_text
from xenograft.fitted import Fit
from xenograft.prediction import animal_curves
from xenograft.priors import Prior
from xenograft.results import collect_results
from xenograft.study import Arm, Study

LEVELS = {
    "good": ("✓", "analysis sound"),
    "doubt": ("!", "read with caution"),
    "bad": ("✕", "no conclusion"),
}
"""Badge of the verdict: symbol and words beside the colour."""


@dataclass(frozen=True)
class ReportContent:
    """Everything a report shows.

    Parameters
    ----------
    title : str
        Heading.
    study : Study
        Arms and readings.
    results : mapping
        The content of results.json.
    curves : DataFrame
        `model`, `of`, `arm`, `predicted`, `day` (as recorded), `median`, `lower`, `upper` (volume of the typical
        animal in the study's unit, 95 %); the model is "averaged" or a card's name.
    interaction : DataFrame
        `model`, `combination`, `reference`, `day`, `median`, `lower`, `upper`, `probability` of an excess above 0.
    animal_curves : DataFrame
        `animal`, `arm`, `day`, `median`: each animal's own curve under the best card; may be empty.
    cards : mapping of str to ModelCard
        The hypotheses by name.
    command : str
        What reproduces the report.
    """

    title: str
    study: Study
    results: Mapping[str, Any]
    curves: pd.DataFrame
    interaction: pd.DataFrame
    animal_curves: pd.DataFrame
    cards: Mapping[str, ModelCard]
    command: str


def write_report(
    path: str | Path,
    study: Study,
    fits: Mapping[str, Fit],
    ranking: Comparison,
    *,
    reference: Literal["bliss", "hsa"] = "bliss",
    command: str = "xenograft.write_report(…)",
) -> None:
    """Write the HTML report of a study.

    Parameters
    ----------
    path : str or Path
        File to write; replaced when the new one is complete.
    study : Study
        What was analysed.
    fits : mapping of str to Fit
        By card name.
    ranking : Comparison
        Of these fits.
    reference : {"bliss", "hsa"}
        Under which the study's verdict is given.
    command : str
        What reproduces the report, printed at its end.

    Raises
    ------
    InputError
        When the file cannot be written.
    """
    content = collect_results(study, fits, ranking, reference=reference)
    write_html(path, report_content(study, fits, ranking, content, command))


def write_html(path: str | Path, content: ReportContent) -> None:
    """Write a rendered report, whole or not at all."""
    write_text(path, render(content))


def report_content(
    study: Study, fits: Mapping[str, Fit], ranking: Comparison, results: Mapping[str, Any], command: str
) -> ReportContent:
    """Gather what a report shows from an analysis."""
    typical = answers.model_curves(fits, ranking)
    excesses = [
        answers.interaction_of(study, draws, model, reference).table
        for model, draws in typical.items()
        for reference in ("bliss", "hsa", "additive")
    ]
    return ReportContent(
        title=study.name,
        study=study,
        results=results,
        curves=answers.curve_table(study, typical),
        interaction=pd.concat(excesses, ignore_index=True) if excesses else pd.DataFrame(columns=["combination"]),
        animal_curves=_animal_curves(study, fits, ranking),
        cards={name: fit.card for name, fit in fits.items()},
        command=command,
    )


def render(content: ReportContent) -> str:
    """The report as HTML text that needs nothing else: no network, no other file."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("xenograft", "."),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= {
        "number": _number,
        "interval": _interval,
        "fixed": _fixed,
        "decimal": _decimal,
        "share": _share,
    }
    results = content.results
    return environment.get_template("report.html.jinja").render(
        content=content,
        study=content.study,
        results=results,
        unit=unit_in_print(content.study.unit),
        level=_level(results),
        levels=LEVELS,
        figures=_figures(content),
        arms=[_arm_row(content.study, arm) for arm in content.study.arms],
        left=left_early(content.study),
        priors=_priors(content.cards),
        references=REFERENCES,
    )


def _animal_curves(study: Study, fits: Mapping[str, Fit], ranking: Comparison) -> pd.DataFrame:
    columns = ["animal", "arm", "day", "median"]
    if not len(ranking.table):
        return pd.DataFrame(columns=columns)
    best = fits[str(ranking.table.index[0])]
    table = answers.animal_table(animal_curves(best, answers.whole_days(study)), study)
    return table[columns]


def _level(results: Mapping[str, Any]) -> str:
    """good, doubt or bad: what the badge beside the verdict says."""
    verdict = results["verdict"]
    words = verdict["words"] if verdict else results["reason"]
    health = {model["health"]["status"] for model in results["models"] if model["answers"]}
    if words.startswith("no conclusion") or health == {"fail"}:
        return "bad"
    doubts = verdict and (verdict["caution"] or verdict["borderline"] or verdict["agreement"] == "conflict")
    # an answering model that failed is left out of the average, and its growth law of the agreement: never "sound"
    return "doubt" if doubts or health != {"pass"} else "good"


def _figures(content: ReportContent) -> dict[str, Any]:
    """Every figure as inline SVG, wide and narrow; the page shows the one that fits."""
    from xenograft import figures
    from xenograft.drawing import svg

    study, models = content.study, content.curves["model"].unique().tolist()
    main = answers.AVERAGED if answers.AVERAGED in models else models[0] if models else ""
    curves = content.curves[content.curves["model"] == main]
    own = curves[~curves["predicted"].astype(bool)]

    def both(name: str, draw: Callable[[float], Any]) -> Markup:
        wide, narrow = (svg(draw(width), f"{name}-{width:g}") for width in (figures.WIDE, figures.NARROW))
        # our own SVG: the strings from the data in it were escaped by matplotlib's XML writer
        return Markup('<div class="wide">{}</div><div class="narrow">{}</div>').format(Markup(wide), Markup(narrow))

    drawn: dict[str, Any] = {
        "panels": both("panels", lambda w: figures.volume_panels(study, own, content.animal_curves, width=w)),
        "excess": {},
        "grid": None,
    }
    if len(curves):
        drawn["typical"] = both("typical", lambda w: figures.typical_curves(study, curves, width=w))
    # a card that fixes the departure has nothing to say on an excess
    answering = [answers.AVERAGED, *(name for name, card in content.cards.items() if card.answers)]
    shown = [verdict["combination"] for verdict in content.results["verdicts"] if verdict["probability"] is not None]
    for place, name in enumerate(dict.fromkeys(shown) if len(set(shown)) <= 3 else _primary(content)):
        rows = content.interaction[content.interaction["combination"] == name]
        rows = rows[rows["model"].isin(answering)]
        drawn["excess"][name] = both(
            f"excess{place}", lambda w, r=rows: figures.excess_by_day(r, study.horizon, width=w)
        )
    cells = _cells(content)
    if cells is not None:
        agents = [f"{agent} ({unit})" for agent, unit in cells.attrs["agents"]]
        drawn["grid"] = both("grid", lambda w: figures.dose_grid(cells, agents, width=w))
    return drawn


def _primary(content: ReportContent) -> list[str]:
    verdict = content.results["verdict"]
    return [verdict["combination"]] if verdict else []


def _cells(content: ReportContent) -> pd.DataFrame | None:
    """The Bliss excess at the horizon by the doses of two agents, where the study is such a grid."""
    combinations = content.study.combinations
    pairs = {tuple(dosing.agent for dosing in arm.dosings) for arm in combinations}
    if len(combinations) < 4 or len(pairs) != 1 or len(next(iter(pairs))) != 2:
        return None
    found = {
        row["combination"]: row
        for row in content.results["interaction"]
        if row["model"] == answers.AVERAGED and row["reference"] == "bliss"
    }
    said = {v["combination"]: v["words"] for v in content.results["verdicts"] if v["reference"] == "bliss"}
    marks = {"enhanced": "▲", "less than the reference": "▼"}
    rows = [
        {"row": first.level, "column": second.level, "mark": marks.get(said[arm.name], "")} | found[arm.name]["excess"]
        for arm in combinations
        for first, second in [arm.dosings]
        if arm.name in found and first.level is not None and second.level is not None
    ]
    table = pd.DataFrame(rows)
    if len(table) < 4 or table.duplicated(["row", "column"]).any():
        return None
    table.attrs["agents"] = [(dosing.agent, dosing.unit or "dose") for dosing in combinations[0].dosings]
    return table


def _arm_row(study: Study, arm: Arm) -> dict[str, Any]:
    animals = study.animals[study.animals["arm"] == arm.name]
    early = left_early(study)
    return {
        "name": arm.name,
        "control": arm.control,
        "treatment": [_treatment(dosing) for dosing in arm.dosings],
        "animals": len(animals),
        "readings": int(animals["readings"].sum()),
        "baseline": float(animals["baseline"].median()),
        "left": int((early["arm"] == arm.name).sum()),
    }


def _treatment(dosing: Any) -> str:
    days = [f"{day:g}" for day in dosing.days]
    if not dosing.schedule_known:
        return f"{dosing.label()}, from day {days[0]}"
    loading = dosing.doses and dosing.doses[0] != dosing.doses[-1]
    first = f" (first {dosing.doses[0]:g})" if loading else ""
    listed = ", ".join(days) if len(days) <= 8 else f"{', '.join(days[:3])}, … {days[-1]} ({len(days)} doses)"
    return f"{dosing.label()}{first}, day{'s' if len(days) > 1 else ''} {listed}"


def _priors(cards: Mapping[str, ModelCard]) -> list[dict[str, Any]]:
    """Each distinct prior with the cards that use it."""
    users: dict[tuple[str, Prior], list[str]] = {}
    for name, card in cards.items():
        for parameter, prior in card.priors.items():
            users.setdefault((parameter, prior), []).append(name)
    return [
        {
            "parameter": parameter,
            "prior": prior,
            "cards": "all" if len(names) == len(cards) else ", ".join(names),
        }
        for (parameter, prior), names in users.items()
    ]


def _number(value: float | None, digits: int = 3) -> str:
    """A number to so many significant digits, a dash where there is none."""
    if value is None or pd.isna(value):
        return "–"
    text = f"{value:,.{digits}g}"
    return (f"{value:,.0f}" if "e+" in text else text).replace("-", "−")


def _interval(found: Mapping[str, Any] | None, digits: int = 3) -> str:
    """Median and interval in words; what is infinite says why."""
    if found is None:
        return "–"
    if found["median"] is None:
        return str(found.get("reason", "–"))
    upper = "no limit" if found["upper"] is None else _number(found["upper"], digits)
    lower = "no limit" if found["lower"] is None else _number(found["lower"], digits)
    return f"{_number(found['median'], digits)} ({lower} to {upper})"


def _decimal(value: float) -> str:
    """A number to one decimal."""
    return f"{value:.1f}".replace("-", "−")


def _fixed(found: Mapping[str, Any] | None) -> str:
    """Median and interval to two decimals."""
    if found is None:
        return "–"
    median, lower, upper = (f"{found[key]:.2f}".replace("-", "−") for key in ("median", "lower", "upper"))
    return f"{median} ({lower} to {upper})"


def _share(value: float | None) -> str:
    """A probability to three decimals."""
    if value is None:
        return "–"
    return "> 0.999" if value > 0.999 else "< 0.001" if value < 0.001 else f"{value:.3f}"
