"""The report's page: one self-contained HTML file, the answer first. Tables in; nothing is computed here."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from xenograft import printing as printed
from xenograft.errors import InputError, missing_file, unknown_choice
from xenograft.figures.theme import THEME_COLOURS, WIDE, save_figures
from xenograft.files import write_text
from xenograft.fitting.processes import Worker
from xenograft.model.card import ModelCard
from xenograft.model.choice import by_reason
from xenograft.model.prior import Prior
from xenograft.model.vocabulary import SHARED_BY
from xenograft.quantities.catalogue import shown
from xenograft.report import sentences
from xenograft.report import words as words
from xenograft.report.columns import health_rows, without_empty_columns
from xenograft.report.content import ReportContent
from xenograft.report.content_of_measured import (
    arrive_rows,
    at_risk_table,
    bridge,
    measured_tables,
    measured_tgi,
    time_table,
    usual_tests,
)
from xenograft.report.drawings import combinations_shown, drawings, svg_by_name
from xenograft.report.drawings_of_checks import PLACES
from xenograft.report.explained import class_tables, close_calls, elpd_says, odd_weights, void_additivity
from xenograft.report.sections import PAGE, SECTIONS, TEMPLATES, Section, page_templates
from xenograft.study.follow_up import follow_up
from xenograft.study.groups import counted
from xenograft.study.study import Arm, Study
from xenograft.study.tables import excluded, left_early, unit_in_print
from xenograft.study.tested import judged_combinations

LOGO_TYPES = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".svg": "image/svg+xml"}
_LIGHT = {name.removeprefix("var(").removesuffix(")"): colour for colour, name in THEME_COLOURS.items()}
LARGEST_LOGO = 1_000_000
"""Bytes: the report must stay light enough to mail."""


def write_html(
    path: str | Path,
    content: ReportContent,
    *,
    logo: str | Path | None = None,
    template: str | Path | None = None,
    second: Worker | None = None,
) -> None:
    """Write a rendered report, whole or not at all; what is given is as in `render`."""
    write_text(path, render(content, logo=logo, template=template, second=second))


def check_layout(logo: str | Path | None, template: str | Path | None) -> None:
    """Refuse a logo or a template that cannot be used, before time is spent.

    Raises
    ------
    InputError
        As `render`.
    """
    if logo is not None:
        _data_uri(Path(logo))
    environment, name = _environment(template, SECTIONS)
    try:
        environment.get_template(name)
    except jinja2.TemplateSyntaxError as error:
        raise InputError(f"{template}, line {error.lineno}: {error.message}. Mend the template.") from None


def write_figures(folder: str | Path, content: ReportContent) -> list[Path]:
    """Write every figure of a report as PNG, SVG and PDF.

    Parameters
    ----------
    folder : str or Path
        Made if needed.
    content : ReportContent
        What the report shows.

    Returns
    -------
    list of Path
        Files written.
    """
    return save_figures(folder, {one.name: one.draw(WIDE) for one in drawings(content)})


def render(
    content: ReportContent,
    *,
    logo: str | Path | None = None,
    template: str | Path | None = None,
    second: Worker | None = None,
    sections: Sequence[Section] = SECTIONS,
) -> str:
    """The report as HTML text that needs nothing else: no network, no other file.

    Parameters
    ----------
    content : ReportContent
        What it shows.
    logo, template : str or Path, optional
        As in `write_report`.
    second : Worker, optional
        A process that draws half of the figures.
    sections : sequence of Section
        Below the answer, in this order; those whose needs are not met are left out.

    Raises
    ------
    InputError
        When the logo or the template cannot be used.
    """
    picture = None if logo is None else _data_uri(Path(logo))
    environment, name = _environment(template, sections)
    results, study = content.results, content.study
    script = environment.get_template("report.js").render(light=_LIGHT)
    try:
        page = environment.get_template(name).render(
            content=content,
            sections=[one for one in sections if one.needs(content)],
            study=study,
            counted=counted(study.animals),
            results=results,
            logo=picture,
            unit=unit_in_print(study.unit),
            level=words.level_of(content),
            levels=words.LEVELS,
            lights=words.lights(content),
            question=words.question(content),
            answer=words.answer(content),
            terms=words.TERMS,
            short=printed.SHORT_REFERENCES,
            figures=_figures(content, second),
            shown=combinations_shown(content),
            judged=judged_combinations(study),
            printed=shown("printed"),
            arms=[_arm_row(study, arm) for arm in study.arms],
            shares=class_tables(content),
            elpd_says=lambda row: elpd_says(row["elpd_diff"], row["elpd_diff_se"]),
            close=close_calls(results),
            odd_weights=odd_weights(results),
            void=void_additivity(content.expected),
            told=without_empty_columns,
            health=health_rows(results),
            measured=measured_tables(study, results),
            seen=measured_tgi(study, results),
            times=time_table(study, results, content.responses),
            at_risk=at_risk_table(study, results, content.responses),
            tests=usual_tests(results),
            bridge=bridge(results),
            arrive=arrive_rows(study),
            smallest=words.smallest(content),
            headline=words.headline,
            left=left_early(study),
            excluded=study.readings[excluded(study)],
            priors=_priors(content.cards, study),
            model_words=words.model_in_words(content.cards),
            claim=lambda said: sentences.claim_of(said, study),
            left_out=by_reason(content.left_out),
            version=_version(results),
            sentences={
                "slide": sentences.slide_sentence(content),
                "allowed": sentences.may_be_written(content),
                "results": sentences.results_sentences(content),
                "methods": sentences.methods(content),
            },
            script=script,
            digest=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        )
        return _with_used_terms(page)
    except jinja2.TemplateSyntaxError as error:
        raise InputError(f"{template}, line {error.lineno}: {error.message}. Mend the template.") from None
    except jinja2.TemplateNotFound as error:
        raise InputError(f'{template}: it asks for "{error.name}", which is not there. Mend the template.') from None
    except jinja2.UndefinedError as error:
        if template is None:
            raise
        raise InputError(f"{template}: {error.message}. Use the names of the shipped report.html.jinja.") from None


def _with_used_terms(page: str) -> str:
    """The page with those entries of the glossary that it links to."""
    used = set(re.findall(r'href="#term-([\w-]+)"', page))

    def kept(entry: re.Match[str]) -> str:
        return entry.group() if entry.group(1) in used else ""

    return re.sub(r'<dt id="term-([\w-]+)">.*?</dt><dd>.*?</dd>\n', kept, page)


def _environment(template: str | Path | None, sections: Sequence[Section]) -> tuple[jinja2.Environment, str]:
    """Jinja with the shipped templates, a team's own folder before them, and the name of the template to render."""
    loaders: list[jinja2.BaseLoader] = [
        jinja2.DictLoader(page_templates(sections)), jinja2.FileSystemLoader(TEMPLATES),
    ]  # fmt: skip
    name = PAGE
    if template is not None:
        path = Path(template)
        if not path.is_file():
            raise InputError(missing_file(path))
        if path.name == name:
            raise InputError(f"{path}: a template of this name hides the shipped one it extends. Rename the file.")
        loaders.insert(0, jinja2.FileSystemLoader(path.parent))
        name = path.name
    environment = jinja2.Environment(
        loader=jinja2.ChoiceLoader(loaders),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= {
        "number": printed.number,
        "interval": printed.interval_in_words,
        "percents": printed.percent_interval,
        "fixed": printed.fixed,
        "decimal": printed.decimal,
        "share": printed.share,
        "percent": printed.percent,
        "breakable": printed.breakable,
    }
    return environment, name


def _data_uri(path: Path) -> str:
    """An image file as text that stands inside a page."""
    kind = LOGO_TYPES.get(path.suffix.lower())
    if not path.is_file():
        raise InputError(missing_file(path))
    if kind is None:
        raise InputError(unknown_choice(path.name, "the logo's ending", path.suffix, LOGO_TYPES))
    content = path.read_bytes()
    if len(content) > LARGEST_LOGO:
        raise InputError(f"{path.name}: the logo has {len(content):,} bytes; it must be {LARGEST_LOGO:,} or less.")
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def _figures(content: ReportContent, second: Worker | None) -> dict[str, list[dict[str, Any]]]:
    """Every figure as inline SVG with its words, by section of the page; every other one drawn by a second process."""
    listed = drawings(content)
    there = [one.name for one in listed[1::2]] if second else []
    if second and there:
        second.begin(svg_by_name, content, there)
    drawn = svg_by_name(content, [one.name for one in listed if one.name not in there])
    if second and there:
        drawn |= second.answer() or svg_by_name(content, there)
    found: dict[str, list[dict[str, Any]]] = {place: [] for place in PLACES}
    for one in listed:
        # our own SVG: the strings from the data in it were escaped by matplotlib's XML writer
        screens = [Markup('<div class="{}">{}</div>').format(kind, Markup(text)) for kind, text in drawn[one.name]]
        body = Markup("").join(screens)
        found[one.place].append(
            {"name": one.name, "body": body, "alt": one.alt, "caption": one.caption, "narrow": one.narrow}
        )
    return found


def _arm_row(study: Study, arm: Arm) -> dict[str, Any]:
    animals = study.animals[study.animals["arm"] == arm.name]
    early = left_early(study)
    return {
        "name": arm.name,
        "control": arm.control,
        "treatment": [dosing.in_words() for dosing in arm.dosings],
        "animals": len(animals),
        "readings": int(animals["readings"].sum()),
        "censored": int(animals["censored"].sum()),
        "baseline": float(animals["baseline"].median()),
        "left": int((early["arm"] == arm.name).sum()),
    }


def _priors(cards: Mapping[str, ModelCard], study: Study) -> list[dict[str, Any]]:
    """Each distinct prior with the cards that use it, and what it is in days on this study."""
    users: dict[tuple[str, Prior], list[str]] = {}
    for name, card in cards.items():
        for parameter, prior in card.priors.items():
            if SHARED_BY.get(parameter, study.group) != study.group:  # of groups that the study does not have
                continue
            if parameter in ("departure", "sd_departure") and not study.combinations:
                continue
            users.setdefault((parameter, prior), []).append(name)
    return [
        {
            "parameter": parameter,
            "prior": prior,
            "in_days": prior.on_follow_up(follow_up(study)).in_words() if prior.relative else "",
            "cards": "all" if len(names) == len(cards) else ", ".join(names),
        }
        for (parameter, prior), names in users.items()
    ]


def _version(results: Mapping[str, Any]) -> str:
    return str(results["provenance"]["versions"].get("xenograft", ""))
