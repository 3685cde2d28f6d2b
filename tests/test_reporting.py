"""The HTML report: verdict first, everything escaped, doubts unmistakable, nothing from the network."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

from xenograft.cards import ModelCard, read_cards
from xenograft.errors import InputError
from xenograft.reporting import ReportContent, render, write_html
from xenograft.study import Arm, Dosing, Study

HOSTILE = ("<script>alert(1)</script>", "$\\frac{1}{2}$", "_hidden", "🐭 arm", "x" * 300)


def an_interval(median: float) -> dict[str, Any]:
    return {"median": median, "lower": median - 0.2, "upper": median + 0.2}


def content_for(names: tuple[str, ...] = ("vehicle", "A", "B", "A + B"), **changes: Any) -> ReportContent:
    """A report's content invented without a fit: what the page shows does not depend on the sampler."""
    control, first, second, both = names
    a, b = Dosing("A", (0.0, 7.0), (3.0, 3.0), "mg/kg"), Dosing("B", (0.0,), schedule_known=False)
    arms = (Arm(control, control=True), Arm(first, dosings=(a,)), Arm(second, dosings=(b,)), Arm(both, dosings=(a, b)))
    rows = [
        {"animal": f"{arm.name[:40]}-{a}{i}", "arm": arm.name, "day": day, "volume": 150.0 + 10 * day + i}
        for a, arm in enumerate(arms)
        for i in range(3)
        for day in (0.0, 7.0, 14.0)
        if not (arm.control and i == 0 and day == 14.0)
    ]
    readings = (
        pd.DataFrame(rows).assign(fitted=True, censored=False, reason_left="").astype({"animal": "str", "arm": "str"})
    )
    readings["baseline"] = readings["day"] == 0
    study = Study("A study", "mm3", arms, readings, limit_of_quantification=16.0, endpoint_volume=280.0)
    days = (0.0, 7.0, 14.0)
    curves = pd.DataFrame(
        {"model": "averaged", "of": "typical", "arm": arm.name, "predicted": False, "day": day,
         "median": 150 + 10 * day, "lower": 140 + 9 * day, "upper": 160 + 11 * day}
        for arm in arms for day in days
    )  # fmt: skip
    cards = read_cards("exponential-bliss-departure", "exponential-bliss")
    interaction = pd.DataFrame(
        {"model": model, "combination": both, "reference": reference, "day": day, "median": 0.02 * day,
         "lower": -0.1, "upper": 0.05 * day, "probability": 0.99}
        for model in ("averaged", *cards) for reference in ("bliss", "hsa", "additive") for day in days
    )  # fmt: skip
    content = ReportContent(
        title="A study",
        study=study,
        results=results_for(study, both, cards),
        curves=curves,
        interaction=interaction,
        animal_curves=pd.DataFrame(columns=["animal", "arm", "day", "median"]),
        cards=cards,
        command="xenograft report study",
    )
    return replace(content, **changes)


def results_for(study: Study, combination: str, cards: dict[str, ModelCard]) -> dict[str, Any]:
    health = {"status": "pass", "max_rhat": 1.001, "min_ess_bulk": 2000.0, "min_ess_tail": 1800.0, "divergences": 0,
              "max_treedepth_share": 0.0, "min_bfmi": 0.9, "failures": []}  # fmt: skip
    verdicts = [
        {"combination": combination, "reference": reference, "day": 14.0, "probability": 0.99, "mcse": 0.001,
         "words": "enhanced", "agreement": "agree", "borderline": False, "caution": False,
         "sentence": f"{combination} against {reference}: enhanced."}
        for reference in ("bliss", "hsa")
    ]  # fmt: skip
    numbers = {key: {**an_interval(1.0), "unit": ""} for key in ("tgi", "tgi_auc", "growth_rate", "doubling_time")}
    never = {"median": None, "lower": None, "upper": None, "unit": "day", "reason": "not reached by day 14"}
    return {
        "study": {"name": study.name, "digest": "d" * 64, "animals": 12, "readings": 35, "censored": 0,
                  "arms": {arm.name: 3 for arm in study.arms}, "horizon": 14.0, "first_dose": 0.0, "unit": "mm3"},
        "models": [
            {"name": name, "claim": card.claim, "digest": card.digest, "answers": card.answers,
             "answer_weight": 1.0 if card.answers else None, "weight": 0.5, "health": dict(health), "refused": None,
             "elpd": 10.0, "elpd_se": 2.0, "elpd_diff": -1.0, "elpd_diff_se": 0.5, "p_loo": 3.0, "bad_k": 0,
             "cautions": None, "attempts": 1, "seconds": {"compile": 1.0, "sample": 1.0},
             "parameters": {"growth": {"mean": 0.1, "sd": 0.01, "lower": 0.08, "upper": 0.12, "ess_bulk": 2000.0,
                                       "rhat": 1.0}}}
            for name, card in cards.items()
        ],
        "interaction": [
            {"model": "averaged", "combination": combination, "reference": reference, "day": 14.0,
             "excess": an_interval(0.5), "combination_index": None if reference == "additive" else an_interval(0.6),
             "probability": 0.99}
            for reference in ("bliss", "hsa", "additive")
        ],
        "arms": [
            {"model": "averaged", "arm": arm.name, "of": of, "predicted": False, "day": 14.0, **numbers,
             "time_to_2x": never}
            for of in ("typical", "mean") for arm in study.arms
        ],
        "verdicts": verdicts,
        "verdict": verdicts[0],
        "reason": None,
        "nulls": [{"null": "exponential-bliss", "answering": "exponential-bliss-departure", "elpd_diff": -3.0,
                   "elpd_diff_se": 2.0}],
        "notices": ["A note on the data."],
        "provenance": {"versions": {"xenograft": "0.1.0", "pymc": "6"}, "seed": 1, "data_sha256": "s" * 64,
                       "card_digests": {name: card.digest for name, card in cards.items()}, "seconds_total": 20.0},
    }  # fmt: skip


@pytest.fixture(scope="module")
def page() -> str:
    return render(content_for())


def test_the_verdict_stands_before_the_first_figure(page: str) -> None:
    assert page.index("A + B: enhanced") < page.index("<figure")


@pytest.mark.parametrize(
    "section", ["figures", "numbers", "models", "methods", "animals", "health", "provenance", "terms", "verdict"]
)
def test_every_section_is_there(page: str, section: str) -> None:
    assert f'id="{section}"' in page


def test_the_page_loads_nothing_from_elsewhere(page: str) -> None:
    assert not re.findall(r'(?:src|href)="(?!#|data:,)[^"]*"', page)
    assert "<script" not in page
    assert "@import" not in page
    assert not re.findall(r"url\((?!#)", page)


def test_ids_on_the_page_are_unique(page: str) -> None:
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))


def test_every_table_has_column_headers_and_every_figure_says_what_it_shows(page: str) -> None:
    assert page.count("<table>") == page.count("<thead>")
    assert page.count('<div role="img" aria-label="') == page.count("<figure>") == 3


@pytest.mark.parametrize("name", HOSTILE)
def test_names_from_the_data_are_shown_as_they_are_and_never_run(name: str) -> None:
    page = render(content_for(names=("vehicle", name, "B", f"{name} + B")))
    assert "<script>alert" not in page
    assert name.replace("<", "&lt;").replace(">", "&gt;") in page
    if len(name) < 20:
        assert len(re.findall(re.escape(name.lstrip("_")), page)) >= 8  # tables and figures


def test_a_failed_fit_is_said_before_the_first_figure() -> None:
    content = content_for()
    results = dict(content.results)
    words = "no conclusion: the sampler did not converge (R-hat 1.4 (growth))"
    results["verdict"] = results["verdict"] | {"words": words, "probability": None, "agreement": None}
    failing = results["models"][0] | {"elpd": None, "weight": None, "answer_weight": None, "refused": "R-hat 1.4"}
    failing["health"] = failing["health"] | {"status": "fail", "failures": ["R-hat 1.4 (growth)"]}
    results["models"] = [failing, results["models"][1]]
    page = render(replace(content, results=results))
    first = page[: page.index("<figure")]
    assert words in first
    assert "exponential-bliss-departure: fail." in first
    assert 'class="verdict bad"' in first


def test_an_answering_fit_that_failed_is_never_called_sound_even_if_another_answers() -> None:
    content = content_for()
    healthy, null = content.results["models"]
    failed = healthy | {
        "elpd": None,
        "weight": None,
        "answer_weight": None,
        "refused": "R-hat 1.4",
        "name": "other-law",
    }
    failed["health"] = failed["health"] | {"status": "fail", "failures": ["R-hat 1.4 (growth)"]}
    page = render(replace(content, results=dict(content.results) | {"models": [healthy, failed, null]}))
    first = page[: page.index("<figure")]
    assert 'class="verdict doubt"' in first
    assert "other-law: fail.</strong> R-hat 1.4 (growth)" in first


def test_a_null_that_failed_does_not_put_the_answer_in_doubt() -> None:
    content = content_for()
    healthy, null = content.results["models"]
    null = null | {"health": null["health"] | {"status": "fail"}}
    page = render(replace(content, results=dict(content.results) | {"models": [healthy, null]}))
    assert 'class="verdict good"' in page


@pytest.mark.parametrize("doubt", [{"caution": True}, {"borderline": True}, {"agreement": "conflict"}])
def test_a_doubtful_verdict_is_marked_as_such(doubt: dict[str, Any]) -> None:
    content = content_for()
    results = dict(content.results)
    results["verdict"] = results["verdict"] | doubt
    assert 'class="verdict doubt"' in render(replace(content, results=results))


def test_a_study_without_combination_says_so_and_shows_its_arms() -> None:
    content = content_for()
    reason = "The study has no combination arm, so there is no interaction to judge."
    results = dict(content.results) | {"verdict": None, "verdicts": [], "interaction": [], "reason": reason}
    singles = tuple(arm for arm in content.study.arms if not arm.is_combination)
    readings = content.study.readings[content.study.readings["arm"] != "A + B"]
    study = replace(content.study, arms=singles, readings=readings)
    page = render(replace(content, study=study, results=results, interaction=content.interaction.iloc[:0]))
    assert page.index(reason) < page.index("TGI of A (%)") < page.index("<figure")
    assert "The typical animal of each arm" in page


def test_a_study_without_combination_whose_fits_all_failed_is_not_called_sound() -> None:
    content = content_for()
    failed = [model | {"health": model["health"] | {"status": "fail"}} for model in content.results["models"]]
    changes = {"verdict": None, "verdicts": [], "interaction": [], "models": failed, "reason": "No combination arm."}
    page = render(replace(content, results=dict(content.results) | changes))
    assert 'class="verdict bad"' in page


def test_the_page_forbids_itself_to_load_anything(page: str) -> None:
    assert "default-src 'none'" in page
    assert "http://" not in page
    assert "https://" not in page


def test_the_same_content_gives_the_same_bytes(page: str) -> None:
    assert render(content_for()) == page


def test_the_animal_that_left_is_listed(page: str) -> None:
    assert "vehicle-00" in page


def test_a_report_that_cannot_be_written_is_refused_in_a_sentence(tmp_path: Any) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("here before")
    with pytest.raises(InputError, match="cannot be written"):
        write_html(blocked / "report.html", content_for())
    assert blocked.read_text() == "here before"
