"""The page of real studies: its numbers are in its content, what seems to contradict is said, nothing is empty."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from page_text import tables_of, text_of, unexplained

from xenograft.analysis import Analysis
from xenograft.answers.as_measured import MOST, NAMED, NOTABLE
from xenograft.answers.averaging import AVERAGED
from xenograft.answers.ranking import compare
from xenograft.fitting.sampling import fit
from xenograft.model.card import read_cards
from xenograft.reading.read import read_study
from xenograft.report.content import ReportContent, report_content
from xenograft.report.explained import CARRIES, class_tables, close_calls, elpd_says, odd_weights, void_additivity
from xenograft.report.page import render

pytestmark = pytest.mark.usefixtures("quick_figures")

CARDS = ("exponential-bliss-departure", "gompertz-bliss-departure", "exponential-bliss")
QUICK = ("ls1034-rabusertib-irinotecan", "pdx-p12-pf299-pf384")
SLOW = (
    "a375-vemurafenib-bso", "gdc0084-temozolomide-grid", "palbociclib-temozolomide", "pdx-p10-cisplatin-pf384",
    "pdx-p20-bgj398-crizotinib", "pdx-p6-paclitaxel-pf502", "squeak-drugx-drugy", "vismodegib-dose-ladder",
)  # fmt: skip


def content_of(folder: Path) -> ReportContent:
    """A report's content from a few cards, drawn by importance sampling."""
    study, cards = read_study(folder), read_cards()
    fits = {name: fit(study, cards[name], seed=1, method="importance", progress=False) for name in CARDS}
    analysis = Analysis(study, fits, compare(fits, exact=False))
    return report_content(analysis, analysis.results("bliss"), f"xenograft report {folder.name} --seed 1")


@pytest.mark.parametrize("name", [*QUICK, *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW)])
def test_the_page_of_a_real_study_says_what_its_content_has_and_contradicts_itself_nowhere(
    shared_data: Path, name: str
) -> None:
    content = content_of(shared_data / name)
    page = render(content)
    assert unexplained(content, page) == set()
    nothing_is_empty(page)
    measured_and_modelled(content, page)
    weights_and_elpd(content, page)
    responses_and_events(content, page)
    void_references(content, page)


def nothing_is_empty(page: str) -> None:
    assert not re.search(r"`|\bnan\b|\bNone\b(?!\.|:| of)|\binf\b|\{\{|\(\)", text_of(page))
    for caption, (headings, *rows) in tables_of(page).items():
        assert caption
        assert rows, caption
        for place, heading in enumerate(headings[1:], start=1):
            cells = [row[place] for row in rows if len(row) == len(headings)]
            assert any(cell not in ("", "–") for cell in cells), (caption, heading)
    linked, listed = set(re.findall(r'href="#term-([\w-]+)"', page)), re.findall(r'<dt id="term-([\w-]+)">', page)
    assert sorted(listed) == sorted(linked)


def measured_and_modelled(content: ReportContent, page: str) -> None:
    """Where TGI as measured and as modelled differ, or order two arms otherwise, sentences name the arms."""
    for day in content.results["as_measured"]:
        why = " ".join(day["why"])
        tgi = {row["arm"]: row["numbers"]["tgi"] for row in day["arms"] if row["arm"] != content.study.control.name}
        both = {a: (n["measured"], n["modelled"]) for a, n in tgi.items() if None not in (n["measured"], n["modelled"])}
        apart = {arm: abs(one - two) for arm, (one, two) in both.items() if abs(one - two) >= NOTABLE}
        most = sorted(apart, key=lambda arm: -apart[arm])[:MOST]
        assert all(f"{arm}, day" in why for arm in most), (day["day"], most)
        assert ("more arms differ" in why) == (len(apart) > MOST)
        for one, other in ((one, other) for one in both for other in both if one < other):
            seen, modelled = (both[one][k] - both[other][k] for k in (0, 1))
            if seen * modelled < 0 and min(abs(seen), abs(modelled)) >= NAMED:
                assert "turns round" in why, (one, other)
        assert all(line in text_of(page) for line in day["why"])


def weights_and_elpd(content: ReportContent, page: str) -> None:
    """A weight against the order of elpd, and elpd against the probability, are explained; bad k is what is left."""
    results, text = content.results, re.sub(r"\s+", " ", text_of(page))
    answering = [model for model in results["models"] if model["answer_weight"] is not None]
    best = max((model["elpd"] for model in answering), default=0.0)
    odd = [
        model
        for model in answering
        if model["answer_weight"] >= CARRIES and best - model["elpd"] > max(4.0, 2 * model["elpd_diff_se"])
    ]
    assert bool(odd) == bool(odd_weights(results))
    assert odd_weights(results) in text
    verdict = results["verdict"]
    sure = verdict and verdict["probability"] is not None and not 0.025 < verdict["probability"] < 0.975
    unsure = any(elpd_says(row["elpd_diff"], row["elpd_diff_se"]) == "too close to tell" for row in results["nulls"])
    assert bool(close_calls(results)) == bool(sure and unsure)
    assert close_calls(results) in text
    for model in results["models"]:
        above = int((~(content.pareto_k[model["name"]] <= content.good_k)).sum())
        assert model["bad_k"] <= above
    assert content.command.endswith("--seed 1")
    assert "--seed 1" in text


def responses_and_events(content: ReportContent, page: str) -> None:
    """Classes add up with those not classed; left-early counts beside events, and both TGI tables, are explained."""
    text = re.sub(r"\s+", " ", text_of(page))
    sizes = content.study.animals.groupby("arm").size()
    for table in class_tables(content):
        for arm, cells in table["rows"]:
            seen = [cell["seen"].split(" of ") for cell in cells if " of " in cell["seen"]]
            assert sum(int(count) for count, _ in seen) == sizes[arm], (table["name"], arm)
            predicted = [float(cell["predicted"].split()[0]) for cell in cells if cell["predicted"]]
            assert not predicted or sum(predicted) == pytest.approx(1, abs=0.035), (table["name"], arm)
    left = content.study.animals["last_day"] < content.study.fitted_readings["day"].max()
    by_arm = left.groupby(content.study.animals["arm"]).sum()
    times = next((rows for caption, rows in tables_of(page).items() if caption.startswith("Times from")), [])
    if any(int(row[1].split(" of ")[0]) != by_arm[row[0].replace("+ ", "+ ")] for row in times[1:]):
        assert "Not the same count as the animals that left" in text
    if any(row["of"] == "mean" and row["model"] == AVERAGED for row in content.results["arms"]):
        assert "Mean volumes follow the fastest animals" in text
    if "would be the same on each of these days" in text:
        assert "nearly automatic" in text


def void_references(content: ReportContent, page: str) -> None:
    """Response additivity is said to be no reference, and grey, from the day on which it predicts no volume."""
    void = {name: day for name, day in void_additivity(content.expected).items() if day <= content.study.horizon}
    rows = [
        row for row in content.results["interaction"] if row["model"] == AVERAGED and row["reference"] == "additive"
    ]
    grey = [row for row in rows if row["combination"] in void]
    assert page.count('class="void"') >= len(grey)
    assert (page.count('class="void"') > 0) == bool(grey)
    assert all(np.isfinite(row["excess"]["median"]) for row in rows)
