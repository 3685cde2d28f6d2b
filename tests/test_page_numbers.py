"""Every number on the page comes from results.json or the report's tables, and pairs of numbers do not contradict."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from invented_report import content_for

from xenograft.analysis import Analysis
from xenograft.answers.as_measured import measured_days
from xenograft.answers.ranking import compare
from xenograft.answers.results import contrast_record, measured_record
from xenograft.fitting.fit import Fit
from xenograft.printing import number
from xenograft.quantities.interaction_tests import interaction_contrasts
from xenograft.report.content import ReportContent, report_content
from xenograft.report.content_of_responses import Responses
from xenograft.report.explained import class_tables, close_calls, elpd_says, odd_weights, void_additivity
from xenograft.report.page import render
from xenograft.study.follow_up import follow_up
from xenograft.study.study import Study

pytestmark = pytest.mark.usefixtures("quick_figures")

PACKAGE = Path(__file__).parents[1] / "xenograft"
NUMBER = r"(?<![A-Za-z\d])\d[\d,]*(?:\.\d+)?"  # not the 1 of T-DM1


def tokens(text: str) -> set[str]:
    """Numbers in a text, without their signs."""
    return {found.rstrip(",") for found in re.findall(NUMBER, text)}


def text_of(page: str) -> str:
    """What people read: no figures, no style, no digests, no addresses."""
    for pattern in (r"<style.*?</style>", r"<svg.*?</svg>", r"<math.*?</math>", r'<td class="code">.*?</td>'):
        page = re.sub(pattern, " ", page, flags=re.DOTALL)
    return html.unescape(re.sub(r"<[^>]+>", " ", re.sub(r'<[^>]*title="[^"]*"[^>]*>', " ", page)))


def values_of(content: ReportContent) -> Iterator[float]:
    """Every number of results.json and of the tables, those in sentences too."""

    def walk(value: Any) -> Iterator[float]:
        if isinstance(value, bool) or value is None:
            return
        if isinstance(value, int | float):
            yield float(value)
        elif isinstance(value, str):
            yield from (float(found.replace(",", "")) for found in tokens(value))
        elif isinstance(value, Mapping):
            yield from (found for pair in value.items() for one in pair for found in walk(one))
        elif isinstance(value, pd.DataFrame):
            yield from (float(found) for found in value.select_dtypes("number").to_numpy().ravel())
            yield from (found for name in value.select_dtypes(exclude="number") for one in value[name].astype("str")
                        for found in walk(one))  # fmt: skip
        elif isinstance(value, list | tuple):
            yield from (found for one in value for found in walk(one))
        elif hasattr(value, "__dataclass_fields__"):
            yield from (found for field in fields(value) for found in walk(getattr(value, field.name)))

    study = content.study
    counts = study.animals.groupby("arm")[["readings", "censored"]].sum()
    medians = study.animals.groupby("arm")["baseline"].median().to_frame()
    days = [value - study.first_dose for value in study.fitted_readings["day"]]
    left = (study.animals["last_day"] < study.fitted_readings["day"].max()).groupby(study.animals["arm"]).sum()
    given = [prior for card in content.cards.values() for prior in card.priors.values()]
    priors = [
        one.in_words()
        for prior in given
        for one in (prior, *([prior.on_follow_up(follow_up(study))] if prior.relative else []))
    ]
    for source in (content, priors, study.animals.reset_index(), counts, medians, days, left.astype(int).to_frame()):
        yield from walk(source)


def printed(value: float) -> set[str]:
    """How a number may be printed."""
    size = abs(value)
    if not size < float("inf"):
        return set()
    forms = {f"{size:.{places}f}" for places in range(5)} | {
        f"{size:g}",
        f"{size:,.0f}",
        f"{100 * size:.0f}",
        f"{100 - size:.0f}",
    }
    return forms | {found for digits in (2, 3, 4) for found in tokens(number(size, digits))}


def wording() -> set[str]:
    """Numbers in the report's own words."""
    written = [path for path in PACKAGE.rglob("*") if path.suffix in (".py", ".jinja", ".toml")]
    cards = (PACKAGE.parent / "models").glob("*.toml")
    return {found for path in (*written, *cards) for found in tokens(path.read_text(encoding="utf-8"))}


def unexplained(content: ReportContent) -> set[str]:
    known = {form for value in set(values_of(content)) for form in printed(value)}
    return tokens(text_of(render(content))) - known - wording()


def measured_content() -> ReportContent:
    """The invented report with what is measured on its readings."""
    content = content_for()
    more = {
        "as_measured": [measured_record(one) for one in measured_days(content.study, None)],
        "interaction_tests": [contrast_record(one) for one in interaction_contrasts(content.study)],
    }
    return replace(content, results=dict(content.results) | more)


def test_every_number_of_an_invented_page_is_in_its_content() -> None:
    content = measured_content()
    assert "as-measured" in render(content)
    assert unexplained(content) == set()


def test_a_number_from_nowhere_is_found() -> None:
    content = content_for(command="xenograft report 8675309.25")
    own = replace(content, command="xenograft report study")
    assert tokens(text_of(render(content))) - tokens(text_of(render(own))) == {"8675309.25"}


def test_every_number_of_the_fixtures_page_is_in_its_content(fits: Mapping[str, Fit], study: Study) -> None:
    analysis = Analysis(study, fits, compare(fits, exact=False))
    content = report_content(analysis, analysis.results("bliss"), "xenograft report study --seed 1")
    assert unexplained(content) == set()
    page = text_of(render(content))
    assert "57 % as measured" in page or "T-DM1, day 28" in page
    assert "the order of pertuzumab and T-DM1 turns round" in page
    for one in class_tables(content):
        for _, cells in one["rows"]:
            said = [float(cell["predicted"].split()[0]) for cell in cells if cell["predicted"]]
            assert sum(said) == pytest.approx(1, abs=0.03), one["name"]


# Pairs that do not contradict


def test_response_additivity_is_grey_and_ends_from_the_day_on_which_it_predicts_no_volume() -> None:
    content = content_for()
    expected = content.expected.copy()
    expected.loc[(expected["reference"] == "additive") & (expected["day"] >= 14), "median"] = 0.0
    assert void_additivity(content.expected) == {}
    assert void_additivity(expected) == {"A + B": 14.0}
    page, before = render(replace(content, expected=expected)), render(content)
    assert "predicts no volume for A + B from day 14 on" in page
    assert 'class="void"' in page
    assert "predicts no volume" not in before
    assert 'class="void"' not in before


def test_a_difference_of_elpd_within_twice_its_error_or_below_4_says_nothing() -> None:
    assert elpd_says(-5.6, 2.9) == "too close to tell"
    assert elpd_says(-3.9, 0.5) == "too close to tell"
    assert elpd_says(-23.9, 4.8) == "favours interaction"
    assert elpd_says(12.0, 3.0) == "favours no interaction"


def test_a_probability_near_1_beside_elpd_too_close_to_tell_is_explained() -> None:
    results = dict(content_for().results)
    assert "does not contradict" in close_calls(results)
    clear = results | {"nulls": [results["nulls"][0] | {"elpd_diff": -30.0}]}
    assert close_calls(clear) == ""
    assert close_calls(results | {"verdict": results["verdict"] | {"probability": 0.6}}) == ""


def test_a_weight_of_a_model_that_predicts_clearly_worse_is_explained() -> None:
    results = dict(content_for().results)
    best = results["models"][0] | {"name": "best", "elpd": 187.0, "answer_weight": 0.91, "elpd_diff_se": 0.0}
    near = best | {"name": "near", "elpd": 186.0, "answer_weight": 0.0, "elpd_diff_se": 1.5}
    far = best | {"name": "far", "elpd": 167.0, "answer_weight": 0.09, "elpd_diff_se": 6.9}
    told = odd_weights(results | {"models": [best, near, far]})
    assert "far has a say (0.09) although its elpd is 20.0 below the best, and near, which predicts better, none" in (
        told
    )
    assert odd_weights(results | {"models": [best, near]}) == ""


def test_classes_seen_and_predicted_add_up_with_those_not_classed() -> None:
    shares = pd.DataFrame(
        {"criterion": "pptp", "arm": arm, "response": response, "seen": f"{seen} of {of}", "probability": p,
         "lower": 0.0, "upper": 1.0}
        for arm, of, rows in (("A", 3, (("CR", 1, 0.4), ("PD", 2, 0.6))), ("B", 2, (("CR", 0, 0.1), ("PD", 2, 0.86))))
        for response, seen, p in rows
    )  # fmt: skip
    (table,) = class_tables(content_for(responses=Responses(shares=shares, group=10)))
    assert table["classes"] == ["CR", "PD", "not classed"]
    cells = dict(table["rows"])
    assert cells["A"][-1] == {"seen": "", "predicted": ""}
    assert cells["B"][-1] == {"seen": "1 of 3", "predicted": "0.04"}
