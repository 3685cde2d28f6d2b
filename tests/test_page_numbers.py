"""Every number on the page comes from results.json or the report's tables, and pairs of numbers do not contradict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pandas as pd
import pytest
from invented_report import content_for
from page_text import text_of, tokens, unexplained

from xenograft.analysis import Analysis
from xenograft.answers.as_measured import measured_days
from xenograft.answers.ranking import compare
from xenograft.answers.results import contrast_record, measured_record
from xenograft.fitting.fit import Fit
from xenograft.quantities.interaction_tests import interaction_contrasts
from xenograft.report.content import ReportContent, report_content
from xenograft.report.content_of_responses import Responses
from xenograft.report.explained import class_tables, close_calls, elpd_says, odd_weights, void_additivity
from xenograft.report.page import render
from xenograft.study.study import Study

pytestmark = pytest.mark.usefixtures("quick_figures")


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
