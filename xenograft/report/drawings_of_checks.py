"""A figure of the report with its words; here those of animals, checks and the sampler."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from xenograft.figures.theme import NARROW, WIDE, svg
from xenograft.report.content import ReportContent
from xenograft.study.tables import left_early

if TYPE_CHECKING:
    from matplotlib.figure import Figure


PLACES = ("main", "numbers", "responses", "sensitivity", "animals", "checks", "priors", "health")
"""Places of the page where figures stand."""


@dataclass(frozen=True)
class Drawing:
    """A figure of the report, not drawn yet.

    Parameters
    ----------
    name : str
        File name and anchor.
    place : str
        Where it stands, one of `PLACES`.
    draw : callable
        Width (inches) to Figure.
    alt : str
        What it shows, with the numbers that matter, for those who do not see it.
    caption : str
        What is drawn.
    narrow : bool
        Drawn a second time for telephones; the others are scrolled there.
    """

    name: str
    place: str
    draw: Callable[[float], Figure]
    alt: str
    caption: str
    narrow: bool = False

    def page_svg(self) -> list[tuple[str, str]]:
        """SVG for the page by the class of screen it is for."""
        widths = {"wide": WIDE, "narrow": NARROW} if self.narrow else {"any": WIDE}
        return [(screen, svg(self.draw(width), f"{self.name}-{screen}")) for screen, width in widths.items()]


def animal_drawings(content: ReportContent) -> Iterator[Drawing]:
    """Waterfall, spider, survival, swimmer, body weight: those that there is data for."""
    from xenograft.figures import animals as draw

    study, found = content.study, content.responses
    if found is not None and len(found.best):
        counts = found.best.groupby(["arm", "response"]).size()
        said = [
            f"{arm}: {', '.join(f'{n} {c}' for c, n in part.droplevel(0).items())}"
            for arm, part in counts.groupby("arm")
        ]
        yield Drawing(
            "waterfall", "responses",
            lambda w: draw.waterfall(study, found.best, classes=found.classes, width=w),
            f"Best change of volume of every animal, by arm, filled by class of response. {'; '.join(said)}.",
            f"Each animal's best response, by {found.criterion or 'class'}; dashed: the classes' limits.",
        )  # fmt: skip
    if len(content.changes):
        yield Drawing(
            "spider", "responses", lambda w: draw.spider(study, content.changes, width=w),
            "Volume of every animal relative to its own baseline against day, one panel per arm.",
            "Each animal's volume relative to its own baseline, as measured (log scale, no model); open triangles: at "
            "or below the limit of quantification, which stands for the volume.",
        )  # fmt: skip
    if found is not None and len(found.observed):
        yield Drawing(
            "survival", "responses",
            lambda w: draw.survival(study, found.observed, found.predicted, event=found.event, width=w),
            f"Share of animals without the event ({found.event}) against day: Kaplan–Meier and prediction, by arm.",
            f"Animals without the event ({found.event}): Kaplan–Meier steps as observed, ticks where an animal left "
            "without it"
            + (f"; dashed with band: predicted of groups of {found.group} new animals, 95 %." if found.group else "."),
        )  # fmt: skip
    animals = content.study.animals.reset_index(names="animal").rename(columns={"last_day": "end"})
    animals["start"] = animals["end"].clip(upper=study.first_dose)
    if len(left_early(study)):
        yield Drawing(
            "swimmer", "animals",
            lambda w: draw.swimmer(study, animals, _events(content), width=w),
            f"Time of every animal in the study from the first dose on; {len(left_early(study))} of {len(animals)} "
            "left before the last day.",
            "How long each animal was in the study after the first dose, and why it left.",
        )  # fmt: skip
    if len(content.weights):
        worst = content.weights.groupby("arm")["change"].min()
        said = ", ".join(f"{arm} {change:.0f} %" for arm, change in worst.items())
        yield Drawing(
            "weight", "animals", lambda w: draw.body_weight(study, content.weights, width=w),
            f"Body weight of every animal relative to its first, by arm. Largest loss of an animal: {said}.",
            "Body weight relative to the animal's weight at the first dose; thick: median of the arm; dashed: losses "
            "of 15 % and 20 %.",
        )  # fmt: skip


def _events(content: ReportContent) -> pd.DataFrame:
    """Why animals left, on their last day."""
    study, left = content.study, left_early(content.study)
    rows = [
        {"animal": name, "day": row["last_day"], "event": row["reason_left"] or _reason(study.endpoint_volume, row)}
        for name, row in left.iterrows()
    ]
    return pd.DataFrame(rows, columns=["animal", "day", "event"])


def _reason(endpoint: float | None, row: Any) -> str:
    return "endpoint volume" if endpoint is not None and row["last_volume"] >= endpoint else "left, reason not recorded"


def check_drawings(content: ReportContent) -> Iterator[Drawing]:
    """Residuals, influential animals, priors against posteriors: those that there is data for."""
    from xenograft.figures import checks as draw

    study = content.study
    if len(content.residuals):
        outside = int((content.residuals["residual"].abs() > 3).sum())
        yield Drawing(
            "residuals", "checks", lambda w: draw.residuals(study, content.residuals, width=w),
            f"Residuals against day, against volume and against the normal distribution; {outside} of "
            f"{len(content.residuals)} are beyond 3 standard deviations.",
            "What is left of each reading without its animal's own curve (best model), in the reading error's sd: by "
            "day, by volume, and against what a normal error would give.",
        )  # fmt: skip
    if len(content.pareto_k.columns):
        worst = content.pareto_k.max(axis=1)
        named = worst[~(worst <= content.good_k)]
        said = ", ".join(f"{animal} ({value:.2f})" for animal, value in named.head(12).items()) or "none"
        yield Drawing(
            "influence", "sensitivity",
            lambda w: draw.influence(study, content.pareto_k, content.good_k, width=w),
            f"Pareto k of every animal under every model. Above the limit of {content.good_k:.2f}: {said}.",
            "How much each animal matters: one point per model; animals above the line are named.",
        )  # fmt: skip
    for place, (name, table) in enumerate(content.densities.items()):
        if len(table):
            yield Drawing(
                f"priors{place}", "priors", lambda w, table=table: draw.prior_and_posterior(table, width=w),
                f"Prior and posterior density of {table['parameter'].nunique()} parameters of {name}.",
                f"{name}: what was assumed of each parameter (dashed) and what the data made of it (filled).",
            )  # fmt: skip


def sampler_drawings(content: ReportContent) -> Iterator[Drawing]:
    """Traces and ranks of every model that is not *pass*."""
    from xenograft.figures import checks as draw

    status = {model["name"]: model["health"] for model in content.results["models"]}
    for place, (name, table) in enumerate(content.traces.items()):
        if len(table):
            yield Drawing(
                f"traces{place}", "health", lambda w, table=table: draw.traces(table, width=w),
                f"Traces and rank histograms of {name} ({status[name]['status']}: "
                f"{'; '.join(status[name]['failures'])}).",
                f"{name}, {status[name]['status']}: the parameters on which the chains agree least, their draws in "
                "turn, and how often each chain holds each rank (flat when the chains agree).",
            )  # fmt: skip
