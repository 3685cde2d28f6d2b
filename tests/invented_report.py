"""A report's content invented without a fit: what the page shows does not depend on the sampler."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd

from xenograft.model.card import ModelCard, read_cards
from xenograft.report.content import ReportContent
from xenograft.report.folder import StudyReport
from xenograft.study.study import Arm, Dosing, Study

HOSTILE = ("<script>alert(1)</script>", "$\\frac{1}{2}$", "_hidden", "🐭 arm", "x" * 300)

UNITS = {"tgi": "%", "growth_rate": "1/day", "doubling_time": "day"}
"""Of the numbers that a report draws."""

VERSIONS = {"xenograft": "0.1.0", "nutpie": "0.16", "numba": "0.62"}
VERDICT = {"kind": "interaction", "combination": "A + B", "reference": "bliss", "day": 14.0, "probability": 0.99,
           "words": "enhanced", "agreement": "agree"}  # fmt: skip
EXCESS = {"median": 0.5, "lower": 0.1, "upper": 0.9}
GOOD = StudyReport("one", "Study one", "good", VERDICT, excess=EXCESS, combination_index=EXCESS, animals=12,
                   written=True)  # fmt: skip
REFUSED = StudyReport("b<ad", "b<ad", reason="b<ad/study.toml: no arm is the control. Name one.", exit_code=2)
SICK = StudyReport(
    "sick", "Sick", "bad", VERDICT | {"probability": None, "words": "no conclusion: the sampler did not converge"},
    animals=12, written=True, exit_code=3, doubts=("Health of the fits",),
)  # fmt: skip


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
    expected = interaction[interaction["model"] == "averaged"].assign(median=200.0, lower=150.0, upper=260.0)
    fitted = readings[["animal", "arm", "day", "censored"]]
    relevance = pd.DataFrame(
        {"combination": both, "reference": reference, "above": 0.9, "below": 0.0005} for reference in ("bliss", "hsa")
    )
    value = [0.0, 0.1, 0.2]
    density = pd.DataFrame({"parameter": "growth", "unit": "1/day", "value": value, "prior": 5.0, "posterior": value})
    content = ReportContent(
        title="A study",
        study=study,
        results=results_for(study, both, cards),
        curves=curves,
        interaction=interaction,
        animal_curves=pd.DataFrame(columns=["animal", "arm", "day", "median"]),
        cards=cards,
        command="xenograft report study",
        relevance=relevance,
        expected=expected,
        predictive=curves.assign(lower50=140.0, upper50=160.0, lower90=100.0, upper90=200.0),
        residuals=fitted.assign(expected=150.0, residual=0.1 * readings["day"]),
        pareto_k=pd.DataFrame(dict.fromkeys(cards, 0.2), index=study.animals.index),
        good_k=0.7,
        densities={"exponential-bliss-departure": density},
        changes=fitted.assign(ratio=readings["volume"] / 150.0),
        arms=numbers_for(study),
    )
    return replace(content, **changes)


def without_combination(words: str = "inhibited", probability: float | None = 0.996) -> ReportContent:
    """The invented report of a study of single agents only."""
    content = content_for()
    numbers = {key: an_interval(1.0) for key in ("tc", "growth_rate", "growth_rate_inhibition", "control_growth_rate")}
    verdicts = [
        {"kind": "inhibition", "arm": arm, "control": "vehicle", "day": 14.0, "probability": probability,
         "relevant": 0.9, "opposite": 0.0005, "margin": 10.0, "mcse": 0.001, "words": words, "agreement": "agree",
         "borderline": False, "caution": False, "cautions": [], "sentence": f"{arm} against vehicle, day 14: {words}.",
         "tgi": {"median": tgi, "lower": 80.0, "upper": 93.0}, **numbers}
        for arm, tgi in (("A", 40.0), ("B", 86.7))
    ]  # fmt: skip
    study = replace(content.study, arms=content.study.arms[:3])
    study = replace(study, readings=study.readings[study.readings["arm"] != "A + B"])
    results = dict(content.results) | {"verdicts": verdicts, "verdict": verdicts[1], "interaction": []}
    none = content.interaction.iloc[:0]
    return replace(content, study=study, results=results, interaction=none, expected=none, relevance=none)


def results_for(study: Study, combination: str, cards: dict[str, ModelCard]) -> dict[str, Any]:
    health = {"status": "pass", "max_rhat": 1.001, "min_ess_bulk": 2000.0, "min_ess_tail": 1800.0, "divergences": 0,
              "max_treedepth_share": 0.0, "min_bfmi": 0.9, "failures": []}  # fmt: skip
    verdicts = [
        {"kind": "interaction", "combination": combination, "reference": reference, "day": 14.0, "probability": 0.99,
         "mcse": 0.001, "words": "enhanced", "agreement": "agree", "borderline": False, "caution": False,
         "cautions": [], "sentence": f"{combination} against {reference}: enhanced."}
        for reference in ("bliss", "hsa")
    ]  # fmt: skip
    numbers = {key: {**an_interval(1.0), "unit": unit} for key, unit in (UNITS | {"tgi_auc": "%"}).items()}
    never = {"median": None, "lower": None, "upper": None, "unit": "day", "reason": "not reached by day 14"}
    return {
        "study": {"name": study.name, "digest": "d" * 64, "animals": 12, "readings": 35, "censored": 0,
                  "arms": {arm.name: 3 for arm in study.arms}, "horizon": 14.0, "first_dose": 0.0, "unit": "mm3"},
        "models": [
            {"name": name, "claim": card.claim, "digest": card.digest, "answers": card.answers,
             "answer_weight": 1.0 if card.answers else None, "weight": 0.5, "method": "nuts",
             "health": dict(health), "refused": None,
             "elpd": 10.0, "elpd_se": 2.0, "elpd_diff": -1.0, "elpd_diff_se": 0.5, "p_loo": 3.0, "bad_k": 0,
             "cautions": None, "chains": 4, "draws": 1000, "attempts": 1, "seconds": {"compile": 1.0, "sample": 1.0},
             "parameters": {"growth": {"mean": 0.1, "sd": 0.01, "lower": 0.08, "upper": 0.12, "ess_bulk": 2000.0,
                                       "rhat": 1.0}}}
            for name, card in cards.items()
        ],
        "interaction": [
            {"model": "averaged", "combination": combination, "reference": reference, "day": 14.0,
             "excess": an_interval(0.5), "combination_index": None if reference == "additive" else an_interval(0.6),
             "expected_tgi": an_interval(80.0),
             "probability": 0.99}
            for reference in ("bliss", "hsa", "additive")
        ],
        "arms": [
            {"model": "averaged", "arm": arm.name, "of": of, "predicted": False, "day": 14.0, **numbers,
             "time_to_2x": never}
            for of in ("typical", "mean") for arm in study.arms
        ],
        "verdicts": verdicts,
        "several": None,
        "verdict": verdicts[0],
        "reason": None,
        "nulls": [{"null": "exponential-bliss", "answering": "exponential-bliss-departure", "elpd_diff": -3.0,
                   "elpd_diff_se": 2.0}],
        "notices": ["A note on the data."],
        "provenance": {"versions": dict(VERSIONS), "seed": 1, "data_sha256": "s" * 64,
                       "card_digests": {name: card.digest for name, card in cards.items()}, "seconds_total": 20.0},
    }  # fmt: skip


def numbers_for(study: Study) -> pd.DataFrame:
    """Numbers of the arms as a report draws them."""
    rows = [
        {"model": "averaged", "arm": arm.name, "of": "typical", "quantity": key, "unit": unit, "reason": ""}
        | an_interval(1.0)
        for arm in study.arms for key, unit in UNITS.items()
    ]  # fmt: skip
    return pd.DataFrame(rows)
