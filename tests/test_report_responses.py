"""What the report says of the animals' responses: as counted from the readings, as predicted for new animals."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest
from invented_report import content_for

from xenograft.analysis import Analysis
from xenograft.answers.findings import Findings
from xenograft.answers.new_animals import best_arms_of, predicted_survival, responses_of, survival_of
from xenograft.answers.ranking import compare
from xenograft.fitting.fit import Fit
from xenograft.quantities.animals import animal_responses
from xenograft.quantities.arms import arm_responses, survival_curves
from xenograft.report.content import report_content
from xenograft.report.content_of_responses import event_of, responses_shown
from xenograft.report.drawings_of_checks import animal_drawings
from xenograft.report.page import render
from xenograft.study.study import Study

pytestmark = pytest.mark.usefixtures("quick_figures")


def found_in(study: Study, **predictions: pd.DataFrame) -> Findings:
    """What is found without a fit: the readings' own numbers, and predictions where given."""
    nothing = {
        "responses": responses_of(study, None, "averaged"),
        "predicted_survival": survival_of(study, None, "averaged"),
        "best": best_arms_of(study, None),
    }
    return Findings(
        study=study, curves={}, interaction=pd.DataFrame(), arms=pd.DataFrame(), verdicts=(), sentences=(),
        animal_readings=animal_responses(study), arm_readings=arm_responses(study), survival=survival_curves(study),
        new_animals=None, **(nothing | predictions),
    )  # fmt: skip


def a_study(**columns: Any) -> Study:
    study = content_for().study
    return replace(study, readings=study.readings.assign(**columns))


def test_every_classed_animal_has_its_bar_and_its_class_of_the_raw_numbers() -> None:
    study = a_study()
    found = responses_shown(found_in(study)).best.set_index("animal")
    raw = animal_responses(study).set_index(["animal", "quantity"])
    assert set(found.index) == {a for a in study.animals.index if raw.loc[(a, "mrecist"), "reason"] == ""}
    assert len(found) == 11  # one control left before day 10
    for animal, row in found.iterrows():
        assert row["response"] == raw.loc[(animal, "mrecist"), "text"]
        assert row["best"] == pytest.approx(raw.loc[(animal, "best_response"), "value"])


def test_survival_counts_who_had_the_event_and_ticks_who_left_without_it() -> None:
    study = a_study()  # the endpoint is 280 mm³: reached on day 14 by all that are still there
    observed = responses_shown(found_in(study)).observed
    assert set(observed["arm"]) == {arm.name for arm in study.arms}
    last = observed.groupby("arm")["survival"].last()
    assert last["A"] == 0
    control = observed[observed["arm"] == "vehicle"].set_index("day")
    assert control["censored"].to_dict()[7.0] == 1  # the animal that left on day 7
    assert observed["censored"].sum() == 1


@pytest.mark.parametrize(
    ("endpoint", "growth", "event"), [(280.0, 1.0, "endpoint"), (None, 1.0, "2x"), (None, 5.0, "4x")]
)
def test_the_event_is_the_endpoint_or_a_multiple_that_control_animals_reach(
    endpoint: float | None, growth: float, event: str
) -> None:
    study = replace(a_study(volume=lambda table: 150 + 10 * growth * table["day"]), endpoint_volume=endpoint)
    assert event_of(study, arm_responses(study)) == event
    words = responses_shown(found_in(study)).event
    assert words.startswith({"endpoint": "reading at or above", "2x": "twice", "4x": "4 times"}[event])
    assert ("280 mm³" in words) == (event == "endpoint")


def test_classes_stand_beside_what_is_predicted_of_a_new_animal() -> None:
    study = a_study()
    predicted = [
        {"model": "averaged", "arm": arm.name, "criterion": "mrecist", "response": response, "probability": 0.25,
         "lower": 0.0, "upper": 0.5, "animals": 10}
        for arm in study.arms for response in ("CR", "PR", "SD", "PD")
    ]  # fmt: skip
    best = [{"arm": arm.name, "probability": 0.1 * place, "day": 14.0} for place, arm in enumerate(study.arms, 1)]
    found = responses_shown(found_in(study, responses=pd.DataFrame(predicted), best=pd.DataFrame(best)))
    page = render(content_for(study=study, responses=found))
    row = re.search(r'<th scope="row">vehicle</th>((?:<td class="estimate">\d of \d<br>.*?</td>)+)</tr>', page)
    assert row
    cells = re.findall(r"<td[^>]*>(.*?)</td>", row.group(1))
    assert cells == [f"{seen} of 2<br>0.25 (0.00 to 0.50)" for seen in (0, 0, 0, 2)] + ["1 of 3"], (
        "and one without a class"
    )
    assert "interval of the share in a group of 10" in page
    assert "BR &lt; −95 %" in page
    assert "on day 14: A + B 0.400, B 0.300, A 0.200 and vehicle 0.100." in page


def test_without_predictions_only_what_was_seen_is_shown() -> None:
    study = a_study()
    page = render(content_for(study=study, responses=responses_shown(found_in(study))))
    assert ">2 of 2<" in page
    assert "the probability for a new animal" not in page
    assert "Probability that the typical tumour of an arm is" not in page


def test_a_criterion_that_classes_no_animal_is_left_out() -> None:
    study = a_study()
    early = replace(study, readings=study.readings[study.readings["day"] <= 7])
    found = responses_shown(found_in(early))
    assert found.best.empty
    assert set(found.shares["criterion"]) == {"genentech", "pptp"}  # mRECIST needs readings at 10 days or later
    content = content_for(study=early, responses=found)
    assert "waterfall" not in {one.name for one in animal_drawings(content)}
    assert "mRECIST (Gao 2015)" not in render(content)


def test_body_weight_is_a_table_only_where_the_study_has_it() -> None:
    study = a_study(weight=lambda table: 20.0 - 0.25 * table["day"])
    found = responses_shown(found_in(study))
    assert found.weights["Largest loss (%)"].tolist() == pytest.approx([-43.75 / 3, -17.5, -17.5, -17.5])
    page = render(content_for(study=study, responses=found))
    assert re.search(r'<th scope="row">A</th><td>3</td><td>−17.5</td><td>2.0</td><td>0.0</td>', page)
    bare = a_study()
    without = responses_shown(found_in(bare))
    assert "Body weight against" not in render(content_for(responses=without))


def test_a_later_event_is_predicted_to_come_later(fits: Mapping[str, Fit]) -> None:
    ranking = compare(fits)
    shares = {
        event: predicted_survival(fits, ranking, event=event).set_index(["arm", "day"])["share"]
        for event in ("2x", "4x", "5x", "endpoint")
    }
    assert (shares["2x"] <= shares["4x"]).all()
    assert (shares["4x"] <= shares["5x"]).all()
    for share in shares.values():
        assert share.xs(0.0, level="day").tolist() == pytest.approx([1, 1, 1, 1], abs=0.01)
    seen = compare_with_readings(fits["exponential-bliss-departure"].study, "2x")
    vehicle = shares["2x"]["vehicle"]
    assert vehicle[21.0] == pytest.approx(seen, abs=0.3)


def compare_with_readings(study: Study, event: str) -> float:
    """Kaplan–Meier share of the vehicle animals without the event on day 21."""
    rows = survival_curves(study)
    rows = rows[(rows["event"] == event) & (rows["arm"] == "vehicle") & (rows["day"] <= 21)]
    return float(rows["share"].iloc[-1])


def test_a_report_of_fits_has_responses_and_sensitivities(fits: Mapping[str, Fit], study: Study) -> None:
    analysis = Analysis(study, fits, compare(fits))
    content = report_content(analysis, analysis.results("bliss"), "test")
    found = content.responses
    assert found is not None
    assert len(found.best) == 40
    assert found.event == "reading at or above the endpoint volume, 2,000 mm³"
    assert set(found.predicted["arm"]) == set(found.observed["arm"]) == {arm.name for arm in study.arms}
    assert sum(found.smallest.values()) == pytest.approx(1)
    assert {"waterfall", "spider", "survival", "swimmer"} <= {one.name for one in animal_drawings(content)}
    assert [row.title for row in content.sensitivity] == [
        "On the day", "On single animals", "On animals that left", "On cages", "On the weights of the models",
        "On the priors",
    ]  # fmt: skip
    page = render(content)
    for row in content.sensitivity:
        assert row.finding.replace("'", "&#39;").replace(">", "&gt;").replace("<", "&lt;") in page
