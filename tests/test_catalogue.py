"""One register says which numbers an arm has: one more stands in every table, in results.json and in the report."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from definitions import page

from xenograft.analysis import Analysis
from xenograft.answers.followed import level_curves, quantity_names
from xenograft.answers.ranking import compare
from xenograft.answers.summary import arm_matrix, arm_numbers, summary
from xenograft.fitting.fit import Fit
from xenograft.printing import interval_in_words
from xenograft.quantities.catalogue import ARM_NUMBERS, ArmCurves, ArmNumber, Place, Question, questions, shown
from xenograft.quantities.estimands import REFERENCES
from xenograft.report.content import report_content
from xenograft.report.drawings import drawings
from xenograft.report.markdown import report_markdown
from xenograft.report.page import render
from xenograft.report.words import TERMS
from xenograft.study.study import Study

ESTIMANDS = Path(__file__).parents[1] / "docs" / "estimands.md"
pytestmark = pytest.mark.usefixtures("quick_figures")


def folds(of: ArmCurves) -> xr.DataArray:
    """By how many factors of two a tumour has grown."""
    grown = of.curves.sel(day=of.horizon, drop=True) - of.curves.isel(day=0, drop=True)
    words = {"unit": "doublings", "definition": "Log2 of the volume over that at the first dose", "horizon": of.horizon}
    return (grown / np.log(2)).assign_attrs(of.curves.attrs | words)


FOLDS = ArmNumber("folds", folds, Question(0, "below", 1), said="folds of growth", shown=get_args(Place), limit="ever")


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    """A number that was registered a moment ago."""
    monkeypatch.setitem(ARM_NUMBERS, "folds", FOLDS)


def doubled(study: Study) -> xr.DataArray:
    """Curves on which every tumour has doubled twice by the horizon, give or take."""
    level = level_curves(study)
    slope = 2 * np.log(2) / (study.horizon - study.first_dose)
    spread = xr.DataArray(np.linspace(0.9, 1.1, 41)[None], dims=("chain", "draw"))
    return (level.isel(chain=0, draw=0) + slope * spread * (level["day"] - study.first_dose)).assign_attrs(level.attrs)


def test_a_number_that_is_registered_is_computed_asked_about_and_tabled(study: Study, registered: None) -> None:
    table = arm_numbers(study, doubled(study), "averaged").set_index(["arm", "quantity"])
    row = table.loc["vehicle", "folds"]
    assert row["median"] == pytest.approx(2.0)
    assert (row["unit"], row["probability"], row["margin"], row["opposite"]) == ("doublings", 0.0, 1.0, 1.0)
    assert questions()["folds"] is FOLDS.question
    assert arm_matrix(table.reset_index()).loc["folds (doublings)", "vehicle"].startswith("2 (")
    assert "folds[vehicle]" in quantity_names(study)
    line = "| `folds` | doublings | Log2 of the volume over that at the first dose | below 0 | 1 |"
    assert line in page(ESTIMANDS.read_text(encoding="utf-8"))


def test_a_number_that_is_registered_stands_in_results_the_csv_and_the_report(
    study: Study, fits: dict[str, Fit], registered: None, tmp_path: Path, drawn: None
) -> None:
    fits = {name: fits[name] for name in ("exponential-bliss-departure", "exponential-bliss")}
    analysis = Analysis(study, fits, compare(fits))
    results = analysis.results("bliss")
    assert results["definitions"]["arms"]["folds"] == {
        "unit": "doublings", "definition": "Log2 of the volume over that at the first dose",
    }  # fmt: skip
    (row,) = (r for r in results["arms"] if (r["model"], r["of"], r["arm"]) == ("averaged", "typical", "vehicle"))
    doublings = row["growth_rate"]["median"] * (study.horizon - study.first_dose) / np.log(2)
    assert row["folds"]["median"] == pytest.approx(doublings)
    assert (row["folds"]["unit"], row["folds"]["margin"]) == ("doublings", 1.0)

    summary(fits, analysis.ranking).to_csv(tmp_path / "numbers.csv")
    written = pd.read_csv(tmp_path / "numbers.csv").query("quantity == 'folds' and arm == 'vehicle'")
    assert written["value"].to_list() == [pytest.approx(doublings)]

    content = report_content(analysis, results, "xenograft report study")
    html = render(content)
    assert '<th scope="col">Folds of growth (doublings)</th>' in html
    assert f'<td class="nowrap">{interval_in_words(row["folds"])}</td>' in html
    assert "folds of growth (doublings)" in report_markdown(content)
    (forest,) = (one for one in drawings(content) if one.name == "forest")
    assert "folds of growth (doublings)" in [axis.get_title(loc="left") for axis in forest.draw(8).axes]


def test_a_report_has_the_numbers_that_the_register_gives_it() -> None:
    assert {place: [number.key for number in shown(place)] for place in get_args(Place)} == {
        "followed": ["tgi", "tgi_baseline", "tgi_auc", "tgi_auc_baseline", "growth_rate", "doubling_time", "time_to_2x",
                     "time_to_4x"],
        "drawn": ["tgi", "growth_rate", "doubling_time"],
        "printed": ["tgi", "tgi_auc", "growth_rate", "doubling_time", "time_to_2x"],
        "summary": ["tgi", "growth_rate", "doubling_time"],
        "priors": ["tgi", "growth_rate"],
    }  # fmt: skip


def test_every_number_has_the_key_it_is_registered_under_and_a_name_where_it_is_shown() -> None:
    for key, number in ARM_NUMBERS.items():
        assert key == number.key
        assert number.said or set(number.shown) <= {"followed"}, key
        assert not number.term or number.term in TERMS, key


def test_the_excess_over_every_reference_is_asked_about() -> None:
    assert set(questions()) - set(ARM_NUMBERS) == {f"excess_{reference}" for reference in REFERENCES}


def test_a_heading_says_the_unit_once() -> None:
    headings = [ARM_NUMBERS[key].heading(unit) for key, unit in
                (("tgi", "%"), ("doubling_time", "day"), ("time_to_2x", "day"), ("growth_rate", "1/day"))]  # fmt: skip
    assert headings == ["TGI (%)", "doubling time (days)", "days to 2 × baseline", "growth rate (1/day)"]
