"""A report for every study of a folder, past those that cannot be analysed, and a page that lists the verdicts."""

from __future__ import annotations

import base64
import hashlib
import traceback
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd

from xenograft.analysis import analyse
from xenograft.errors import InputError, XenograftError
from xenograft.files import write_text
from xenograft.fitting.sampling import Method
from xenograft.model.card import read_cards
from xenograft.printing import fixed, markdown_table, markdown_text, percent_interval, share
from xenograft.quantities.estimands import JudgedReference
from xenograft.reading.folder import studies_in
from xenograft.report.content import ReportContent
from xenograft.report.markdown import MARKS
from xenograft.report.outputs import written
from xenograft.report.page import check_layout
from xenograft.report.words import LEVELS, Level, compared_with, headline, level_of, lights, subject

PAGE, NUMBERS, INDEX, LOG = "report.html", "results.json", "index.html", "xenograft.log"

EXIT_CODES = (4, 2, 3)
"""Of single studies, the gravest first: what a folder of them ends with (internal error, bad input, no healthy fit)."""


@dataclass(frozen=True)
class StudyReport:
    """The outcome of one study of a folder.

    Parameters
    ----------
    folder : str
        The study's folder, relative to the folder of studies; also that of its report.
    title : str
        The study's name; its folder where it could not be read.
    level : {"good", "doubt", "bad"}
        How far to trust the answer.
    verdict : mapping or None
        The primary verdict of results.json; None where there is none.
    reason : str
        Why there is no verdict, or no report; else empty.
    doubts : tuple of str
        What asks for caution, as the lamps of the report name it.
    excess, combination_index, tgi : mapping or None
        Median and interval of the primary combination, or of the arm of the verdict, at the horizon.
    animals : int or None
        In the study.
    written : bool
        Whether there is a report.
    exit_code : int
        Of this study alone: 0, 2 (bad input), 3 (no healthy fit) or 4 (internal error).
    """

    folder: str
    title: str
    level: Level = "bad"
    verdict: Mapping[str, Any] | None = None
    reason: str = ""
    doubts: tuple[str, ...] = ()
    excess: Mapping[str, Any] | None = None
    combination_index: Mapping[str, Any] | None = None
    tgi: Mapping[str, Any] | None = None
    animals: int | None = None
    written: bool = False
    exit_code: int = 0

    @property
    def line(self) -> str:
        """What became of it, in a line."""
        if not self.written:
            return f"{self.folder}: not analysed: {self.words}"
        return f"{self.folder}: {headline(self.verdict) if self.verdict else self.words}"

    @property
    def words(self) -> str:
        """The verdict, with why none is on the interaction; or why there is none."""
        if not self.verdict:
            return self.reason
        asked = self.verdict.get("independence")
        return f"{self.verdict['words']}; {asked}" if asked else str(self.verdict["words"])


def write_reports(
    output: str | Path,
    folder: str | Path,
    *,
    cards: Sequence[str] | None = None,
    reference: JudgedReference = "bliss",
    title: str | None = None,
    logo: str | Path | None = None,
    template: str | Path | None = None,
    figures: str | Path | None = None,
    markdown: str | Path | None = None,
    cache: str | Path | None = None,
    seed: int = 1,
    draws: int = 1000,
    chains: int = 4,
    quiet: bool = False,
    method: Method = "nuts",
    command: str = "xenograft.write_reports(…)",
    say: Callable[[StudyReport], None] | None = None,
) -> list[StudyReport]:
    """Fit and report every study of a folder; list one that cannot be analysed with its reason, and go on.

    Parameters
    ----------
    output : str or Path
        Folder for the reports: of each study a folder of the same name with report.html and results.json, and
        index.html, a table of the verdicts that can be sorted.
    folder : str or Path
        Folder below which the studies are (each a folder with a study.toml).
    cards : sequence of str, optional
        Names, files or folders of cards; the shipped ones by default.
    reference : {"bliss", "hsa"}
        Under which the verdicts are given.
    title : str, optional
        Heading of the index.
    logo, template
        Of each report, as in `write_report`.
    figures : str or Path, optional
        Folder for the figures of every study, in a folder of its own.
    markdown : str or Path, optional
        Where to write the verdicts as Markdown.
    cache : str or Path, optional
        Folder of stored fits to reuse and to add to.
    seed, draws, chains : int
        Of the sampler.
    quiet : bool
        Say nothing on standard error.
    method : {"nuts", "importance"}
        As in `fit`.
    command : str
        What reproduces the reports, printed in each.
    say : callable, optional
        Told of every study when it is done.

    Returns
    -------
    list of StudyReport
        In the order of the folders' names.

    Raises
    ------
    InputError
        When no study is found, or when something that all studies share cannot be used.
    """
    places = studies_in(folder)
    if not places:
        raise InputError(f"{folder}: no folder below it holds a study.toml. Name a folder of studies.")
    check_layout(logo, template)
    read_cards(*(cards or ()))
    found: list[StudyReport] = []
    for place in places:
        name = place.relative_to(folder).as_posix()
        own = Path(output) / name
        try:
            analysis = analyse(
                place, cards, seed=seed, draws=draws, chains=chains, quiet=quiet,
                cache=None if cache is None else Path(cache), method=method,
            )  # fmt: skip
            content = written(
                analysis, own / PAGE, reference=reference, logo=logo, template=template, json=own / NUMBERS,
                figures=None if figures is None else Path(figures) / name, command=command,
            )  # fmt: skip
            done = replace(_done(name, content), exit_code=3 if analysis.has_no_answer else 0)
        except XenograftError as error:
            done = StudyReport(name, name, reason=str(error), exit_code=error.exit_code)
        except Exception as error:
            write_text(own / LOG, traceback.format_exc())
            reason = f"internal error ({type(error).__name__}: {error}). Please report it with {name}/{LOG}."
            done = StudyReport(name, name, reason=reason, exit_code=4)
        found.append(done)
        if say:
            say(done)
        write_text(Path(output) / INDEX, index_page(found, title=title or "Studies", waiting=len(places) - len(found)))
    if markdown is not None:
        write_text(markdown, reports_markdown(found, title=title or "Studies"))
    return found


def exit_code_of(reports: Sequence[StudyReport]) -> int:
    """What a folder of studies ends with: the gravest end of any of them."""
    return next((code for code in EXIT_CODES if any(one.exit_code == code for one in reports)), 0)


def index_page(reports: Sequence[StudyReport], *, title: str, waiting: int = 0) -> str:
    """The verdicts of many studies as a page with a table that can be sorted, without network.

    Parameters
    ----------
    reports : sequence of StudyReport
        One per study.
    title : str
        Heading.
    waiting : int
        Studies that are still to be analysed.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("xenograft.report", "templates"), autoescape=True, trim_blocks=True,
        lstrip_blocks=True, undefined=jinja2.StrictUndefined,
    )  # fmt: skip
    script = environment.get_template("report_index.js").render()
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return environment.get_template("report_index.html.jinja").render(
        title=title,
        rows=[_row(one) for one in reports],
        levels=LEVELS,
        counted=_counted(reports),
        waiting=waiting,
        page=PAGE,
        numbers=NUMBERS,
        script=script,
        digest=digest,
    )


def reports_markdown(reports: Sequence[StudyReport], *, title: str) -> str:
    """The verdicts of many studies as GitHub-flavoured Markdown."""
    rows = [
        {
            "study": one.title,
            "verdict": f"{MARKS[one.level]} {_named(one)}",
            "excess (log units)": fixed(one.excess),
            "TGI (%)": percent_interval(one.tgi),
            "probability": share(one.verdict["probability"]) if one.verdict else "–",
            "caution": ", ".join(one.doubts) or "–",
        }
        for one in reports
    ]
    head = f"## {markdown_text(title)}\n\n{_counted(reports)}"
    return f"{head}\n\n{markdown_table(pd.DataFrame(rows))}\n"


def _done(name: str, content: ReportContent) -> StudyReport:
    results, verdict = content.results, content.results["verdict"]
    keys = ("combination", "reference")
    own = [
        row
        for row in results["interaction"]
        if verdict and row["model"] == "averaged" and all(row[key] == verdict.get(key) for key in keys)
    ]
    arms = [
        row
        for row in results["arms"]
        if verdict and row["model"] == "averaged" and row["of"] == "typical" and row["arm"] == subject(verdict)
    ]
    inhibition = verdict if verdict and verdict["kind"] == "inhibition" else next(iter(arms), None)
    return StudyReport(
        folder=name,
        title=results["study"]["name"],
        level=level_of(content),
        verdict=verdict,
        reason=results["reason"] or "",
        doubts=tuple(lamp.name for lamp in lights(content) if lamp.level != "good"),
        excess=own[0]["excess"] if own else None,
        combination_index=own[0]["combination_index"] if own else None,
        tgi=inhibition["tgi"] if inhibition else None,
        animals=results["study"]["animals"],
        written=True,
    )


def _named(one: StudyReport) -> str:
    if not one.verdict:
        return one.words
    against = f" against {one.verdict['control']}" if one.verdict.get("independence") else ""
    return f"{subject(one.verdict)}{against}: {one.words}"


def _counted(reports: Sequence[StudyReport]) -> str:
    """How many studies have which verdict, in words."""
    kinds = Counter(
        "not analysed" if not one.written
        else "no conclusion" if one.words.startswith("no conclusion")
        else str(one.verdict["words"] if one.verdict else one.words).partition(":")[0]
        for one in reports
    )  # fmt: skip
    number = len(reports)
    return f"{number} {'study' if number == 1 else 'studies'}: {', '.join(f'{n} {kind}' for kind, n in kinds.items())}."


def _row(one: StudyReport) -> dict[str, Any]:
    """A row of the index: words to be read, and numbers to be sorted by."""
    verdict, probability = one.verdict, one.verdict["probability"] if one.verdict else None
    return {
        "one": one,
        "arm": subject(verdict) if verdict else "–",
        "reference": compared_with(verdict) if verdict else "–",
        "day": f"{verdict['day']:g}" if verdict else "–",
        "agreement": (verdict["agreement"] or "one law") if verdict and probability is not None else "–",
        "excess": fixed(one.excess),
        "tgi": percent_interval(one.tgi),
        "sort_tgi": one.tgi["median"] if one.tgi and one.tgi["median"] is not None else "",
        "index": fixed(one.combination_index),
        "probability": share(probability),
        "sort_excess": one.excess["median"] if one.excess else "",
        "sort_probability": "" if probability is None else probability,
        "sort_level": list(LEVELS).index(one.level) + (not one.written),
        "doubts": ", ".join(one.doubts),
    }
