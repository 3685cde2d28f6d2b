"""results.json: the contract, the document that describes it, and reasons beside everything that is missing."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from xenograft.analysis import collect_results
from xenograft.answers.averaging import AVERAGED, interaction, model_curves
from xenograft.answers.inhibition import NUMBERS
from xenograft.answers.ranking import Comparison, compare
from xenograft.answers.results import to_json
from xenograft.answers.verdicts import sentence, verdicts
from xenograft.fitting.fit import Fit, versions
from xenograft.quantities.estimands import REFERENCES
from xenograft.study.study import Study

DOCUMENT = Path(__file__).parents[1] / "docs" / "results-json.md"
EXPONENTIAL, GOMPERTZ = "exponential-bliss-departure", "gompertz-bliss-departure"
COMBINATION = "T-DM1 + pertuzumab"

INTERVAL = {"median", "lower", "upper"}
SHARES = {"probability", "beyond", "opposite", "margin"}
NUMBER = INTERVAL | SHARES | {"unreached", "unit"}
ESTIMANDS = {
    "tgi", "tgi_baseline", "tgi_auc", "tgi_auc_baseline", "tc", "tc_change", "growth_rate", "growth_rate_inhibition",
    "doubling_time", "time_to_2x", "time_to_4x", "time_to_5x", "growth_delay_2x", "growth_delay_4x", "growth_delay_5x",
    "log_cell_kill", "net_log_cell_kill", "best_response", "nadir", "time_to_nadir", "time_to_regrowth",
}  # fmt: skip
VERDICT = {
    "kind", "combination", "reference", "day", "probability", "mcse", "words", "agreement", "borderline", "caution",
    "cautions", "sentence",
}  # fmt: skip
CONTRACT = {
    "results": {
        "schema", "study", "models", "interaction", "beyond_pairs", "arms", "comparisons", "definitions", "readings",
        "predictions", "as_measured", "interaction_tests", "verdicts", "verdict", "several",
        "reason", "references", "nulls", "notices", "provenance",
    },
    "study": {
        "name", "digest", "unit", "animals", "mice", "cages", "readings", "censored", "arms", "first_dose", "horizon",
    },
    "models[]": {
        "name", "claim", "digest", "answers", "answer_weight", "weight", "method", "health", "refused", "elpd",
        "elpd_se", "elpd_diff", "elpd_diff_se", "p_loo", "bad_k", "cautions", "chains", "draws", "attempts", "seconds",
        "parameters",
    },
    "models[].health": {
        "status", "max_rhat", "min_ess_bulk", "min_ess_tail", "divergences", "max_treedepth_share", "min_bfmi",
        "failures", "pareto_k", "effective_draws",
    },
    "models[].seconds": {"compile", "sample"},
    "models[].parameters.<parameter>": {"mean", "sd", "lower", "upper", "ess_bulk", "rhat"},
    "interaction[]": {
        "model", "combination", "against", "reference", "day", "excess", "combination_index", "expected_tgi",
        "whole_course_excess", "largest_excess", "day_of_largest",
    } | SHARES,
    **{
        f"interaction[].{key}": INTERVAL
        for key in (
            "excess", "combination_index", "expected_tgi", "whole_course_excess", "largest_excess", "day_of_largest",
        )
    },
    "arms[]": {"model", "arm", "of", "predicted", "day"} | ESTIMANDS,
    "arms[].<number>": NUMBER | {"reason"},
    "definitions": {"arms", "animal_readings", "arm_readings"},
    "definitions.<table>.<number>": {"unit", "definition"},
    "readings": {"day", "animals", "arms", "survival"},
    "readings.animals[]": {"animal", "arm", "numbers", "at_least", "reasons"},
    "readings.arms[]": {"arm", "numbers"},
    "readings.arms[].numbers.<number>": {"value", "lower", "upper", "text", "animals", "unit", "reason"},
    "readings.survival[]": {"event", "arm", "day", "share", "lower", "upper", "at_risk"},
    "predictions": {"responses", "survival", "best"},
    "predictions.responses[]": {
        "model", "arm", "criterion", "response", "probability", "lower", "upper", "animals",
    },
    "predictions.survival[]": {"model", "arm", "day", "share", "lower", "upper", "animals"},
    "predictions.best[]": {"arm", "probability", "day"},
    "as_measured[]": {"day", "arms", "why"},
    "as_measured[].arms[]": {"arm", "numbers", "animals", "steps"},
    "as_measured[].arms[].numbers.<number>": {
        "measured", "modelled", "lower", "upper", "animals", "unit", "reason",
    },
    "as_measured[].arms[].animals": {"animals", "measured", "mean", "typical", "typical_of_all", "baseline"},
    "as_measured[].arms[].steps": {"measured", "typical", "all_animals", "one_baseline"},
    "interaction_tests[]": {
        "combination", "method", "estimate", "standard_error", "p", "degrees_of_freedom", "time", "reason",
        "flat_prior_probability",
    },
    "verdicts[]": VERDICT,
    "references": {"bliss", "hsa", "additive"},
    "nulls[]": {"null", "answering", "elpd_diff", "elpd_diff_se"},
    "provenance": {"versions", "seed", "data_sha256", "card_digests", "seconds_total"},
}  # fmt: skip
"""Keys by place (docs/results-json.md). Left out: places whose keys are names of arms, parameters, packages, cards."""


@pytest.fixture(scope="module")
def results(fits: Mapping[str, Fit], ranking: Comparison, study: Study) -> dict[str, Any]:
    return collect_results(study, fits, ranking, seconds=12.5)


def sick(fits: Mapping[str, Fit], *names: str, **measures: Any) -> dict[str, Fit]:
    def failed(fit: Fit) -> Fit:
        return replace(fit, health=replace(fit.health, status="fail", failures=("R-hat nan (growth)",), **measures))

    return {name: failed(fit) if name in names else fit for name, fit in fits.items()}


def keys_by_place(content: Mapping[str, Any]) -> dict[str, set[str]]:
    """Every key of the results, by place; the names of things become a word in angle brackets."""
    free = {
        "study.arms", "provenance.versions", "provenance.card_digests", "readings.animals[].numbers",
        "readings.animals[].reasons",
    }  # fmt: skip
    named = {"models[].parameters": "models[].parameters.<parameter>"}
    named |= {f"definitions.{table}": "definitions.<table>.<number>" for table in CONTRACT["definitions"]}
    named |= {f"{of}.arms[].numbers": f"{of}.arms[].numbers.<number>" for of in ("readings", "as_measured[]")}
    found: dict[str, set[str]] = {}

    def walk(value: Any, place: str) -> None:
        if isinstance(value, list):
            for item in value:
                walk(item, f"{place}[]")
        elif isinstance(value, Mapping) and place not in free:
            if place in named:
                for item in value.values():
                    walk(item, named[place])
                return
            if re.fullmatch(r"arms\[\]\.\w+", place):
                place = "arms[].<number>"
            place = {"verdict": "verdicts[]"}.get(place, place)
            found[place or "results"] = found.get(place or "results", set()) | set(value)
            for key, item in value.items():
                walk(item, f"{place}.{key}".lstrip("."))

    walk(content, "")
    return found


def documented() -> dict[str, set[str]]:
    """The keys that the document's tables describe, by the places in their headings."""
    found: dict[str, set[str]] = {}
    for section in re.split(r"^#{2,3} ", DOCUMENT.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
        heading, _, body = section.partition("\n")
        keys = set(re.findall(r"^\| `(\w+)` \|", body, flags=re.MULTILINE))
        found |= dict.fromkeys(re.findall(r"`([^`]+)`", heading), keys)
    return found


# The contract


def test_the_results_have_the_keys_of_the_contract_and_no_others(results: Mapping[str, Any]) -> None:
    assert keys_by_place(results) == CONTRACT


def test_the_document_describes_every_key_and_no_other(results: Mapping[str, Any]) -> None:
    assert documented() == keys_by_place(results)


def test_every_row_has_all_its_keys(results: Mapping[str, Any]) -> None:
    for name in ("models", "interaction", "arms", "verdicts", "nulls"):
        assert all(set(row) == CONTRACT[f"{name}[]"] for row in results[name]), name
    for row in results["arms"]:
        assert all(set(row[key]) - {"reason"} == NUMBER for key in ESTIMANDS)


def test_the_results_survive_json(results: Mapping[str, Any]) -> None:
    text = to_json(results)
    assert json.loads(text) == results
    assert "NaN" not in text
    assert "Infinity" not in text
    assert text.endswith("}\n")


def test_a_number_that_json_does_not_know_is_refused() -> None:
    with pytest.raises(ValueError, match="JSON"):
        to_json({"x": np.nan})


# The content


def test_the_study_is_counted(results: Mapping[str, Any], study: Study) -> None:
    assert results["schema"] == "xenograft-results/1"
    assert results["study"] == {
        "name": study.name, "digest": study.digest, "unit": "mm3", "animals": 40, "mice": 40, "cages": None,
        "readings": len(study.fitted_readings), "censored": 0, "arms": {arm.name: 10 for arm in study.arms},
        "first_dose": 0.0, "horizon": study.horizon,
    }  # fmt: skip


def test_every_model_is_listed_with_its_rank_and_health(
    results: Mapping[str, Any], fits: Mapping[str, Fit], ranking: Comparison
) -> None:
    assert [model["name"] for model in results["models"]] == list(fits)
    for model in results["models"]:
        fit, row = fits[model["name"]], ranking.table.loc[model["name"]]
        assert model["claim"] == fit.card.claim
        assert model["digest"] == fit.card.digest
        assert model["answers"] == fit.card.answers
        assert (model["elpd"], model["weight"]) == (row["elpd"], row["weight"])
        assert (model["answer_weight"] is None) == (not fit.card.answers)
        assert model["health"]["status"] == fit.health.status
        assert model["refused"] is None
        assert model["attempts"] == len(fit.attempts)
    assert sum(model["answer_weight"] or 0 for model in results["models"]) == pytest.approx(1)


def test_parameters_are_summarised_by_name(results: Mapping[str, Any], fits: Mapping[str, Fit]) -> None:
    model = next(model for model in results["models"] if model["name"] == EXPONENTIAL)
    assert set(model["parameters"]) == {
        "baseline", "growth", "kill[T-DM1]", "kill[pertuzumab]", f"departure[{COMBINATION}]", "sd_baseline",
        "sd_growth", "correlation", "error",
    }  # fmt: skip
    drawn = fits[EXPONENTIAL].posterior["kill"].sel(agent="pertuzumab").to_numpy()
    found = model["parameters"]["kill[pertuzumab]"]
    assert found["mean"] == pytest.approx(drawn.mean())
    assert found["sd"] == pytest.approx(drawn.std(ddof=1))
    assert (found["lower"], found["upper"]) == pytest.approx(tuple(np.quantile(drawn, [0.025, 0.975])))


def test_the_interaction_is_that_of_the_answers_at_the_horizon(
    results: Mapping[str, Any], fits: Mapping[str, Fit], ranking: Comparison, study: Study
) -> None:
    rows = results["interaction"]
    assert {(row["model"], row["reference"]) for row in rows} == {
        (model, reference) for model in (AVERAGED, *fits) for reference in REFERENCES
    }
    assert len(rows) == 3 * (len(fits) + 1)
    assert {row["day"] for row in rows} == {study.horizon}
    for row in rows[:3]:
        table = interaction(fits, ranking, reference=row["reference"], model=row["model"]).table
        at = table[table["day"] == study.horizon].iloc[0]
        assert row["excess"] == pytest.approx({key: at[key] for key in ("median", "lower", "upper")}, abs=1e-12)
        assert row["probability"] == at["probability"]


def test_the_combination_index_is_the_inverse_of_the_excess_and_not_given_for_additivity(
    results: Mapping[str, Any],
) -> None:
    for row in results["interaction"]:
        if row["reference"] == "additive":
            assert row["combination_index"] is None
        else:
            assert row["combination_index"]["lower"] == pytest.approx(np.exp(-row["excess"]["upper"]), rel=0.01)
            assert row["combination_index"]["median"] == pytest.approx(np.exp(-row["excess"]["median"]), rel=0.01)


def test_arms_are_given_for_every_model_and_as_means_for_the_average(
    results: Mapping[str, Any], fits: Mapping[str, Fit], study: Study
) -> None:
    found = {(row["model"], row["of"], row["arm"]) for row in results["arms"]}
    arms = [arm.name for arm in study.arms]
    expected = {(model, "typical", arm) for model in (AVERAGED, *fits) for arm in arms}
    assert found == expected | {(AVERAGED, "mean", arm) for arm in arms}
    for row in results["arms"]:
        if row["arm"] == "vehicle":
            assert [row["tgi"][key] for key in ("median", "lower", "upper", "unit")] == [0.0, 0.0, 0.0, "%"]


def test_every_missing_number_of_an_arm_has_its_reason(results: Mapping[str, Any]) -> None:
    reasons: set[str] = set()
    for row in results["arms"]:
        for key in ESTIMANDS:
            missing = None in [row[key][name] for name in INTERVAL]
            assert missing == ("reason" in row[key]), (row["arm"], key)
            reasons |= {row[key]["reason"]} if missing else set()
    assert any(re.fullmatch(r"not reached by day 31 \(probability (> 0\.99|0\.\d\d)\)", reason) for reason in reasons)
    assert any(re.fullmatch(r"not growing \(probability (> 0\.99|0\.\d\d)\)", reason) for reason in reasons)


def test_every_number_of_an_arm_is_defined(results: Mapping[str, Any]) -> None:
    assert set(results["definitions"]["arms"]) == ESTIMANDS
    for row in results["arms"]:
        assert all(row[key]["unit"] == results["definitions"]["arms"][key]["unit"] for key in ESTIMANDS)


def test_the_numbers_of_the_readings_are_there_with_reasons_for_what_is_not(
    results: Mapping[str, Any], study: Study
) -> None:
    readings = results["readings"]
    assert readings["day"] == study.horizon
    assert [row["animal"] for row in readings["animals"]] == list(study.animals.index)
    for row in readings["animals"]:
        assert set(row["numbers"]) <= set(results["definitions"]["animal_readings"])
        assert {key for key, value in row["numbers"].items() if value is None} == set(row["reasons"])
    for row in readings["arms"]:
        assert set(row["numbers"]) <= set(results["definitions"]["arm_readings"])
        assert all("reason" in number for number in row["numbers"].values() if number["value"] is None)


def test_predictions_are_there_for_every_arm(results: Mapping[str, Any], study: Study) -> None:
    predictions, arms = results["predictions"], [arm.name for arm in study.arms]
    assert {row["arm"] for row in predictions["responses"]} == set(arms)
    assert {row["arm"] for row in predictions["survival"]} == set(arms)  # the fixture names an endpoint volume
    assert sum(row["probability"] for row in predictions["best"]) == pytest.approx(1)


def test_the_verdict_is_that_of_the_primary_combination(results: Mapping[str, Any]) -> None:
    assert results["verdict"] in results["verdicts"]
    assert (results["verdict"]["combination"], results["verdict"]["reference"]) == (COMBINATION, "bliss")
    assert results["reason"] is None
    assert [(row["combination"], row["reference"]) for row in results["verdicts"]] == [
        (COMBINATION, "bliss"),
        (COMBINATION, "hsa"),
    ]


def test_the_reference_of_the_verdict_may_be_chosen(
    fits: Mapping[str, Fit], ranking: Comparison, study: Study, results: Mapping[str, Any]
) -> None:
    found = collect_results(study, fits, ranking, reference="hsa")
    assert found["verdict"] == results["verdicts"][1]
    assert found["verdicts"] == results["verdicts"]


def test_provenance_says_what_the_numbers_depend_on(
    results: Mapping[str, Any], fits: Mapping[str, Fit], study: Study
) -> None:
    assert results["provenance"] == {
        "versions": versions(),
        "seed": 1,
        "data_sha256": study.source_sha256,
        "card_digests": {name: fit.card.digest for name, fit in fits.items()},
        "seconds_total": 12.5,
    }


# Doubts and refusals


def test_a_refused_fit_is_listed_with_its_reason_and_without_a_rank(fits: Mapping[str, Fit], study: Study) -> None:
    found = sick(fits, GOMPERTZ, max_rhat=np.nan)
    results = collect_results(study, found, compare(found, exact=False))
    to_json(results)
    model = next(model for model in results["models"] if model["name"] == GOMPERTZ)
    assert model["refused"] == "the sampler did not converge (R-hat nan (growth))"
    for key in ("elpd", "elpd_se", "elpd_diff", "elpd_diff_se", "p_loo", "weight", "answer_weight", "bad_k"):
        assert model[key] is None
    assert model["health"]["max_rhat"] is None
    assert model["health"]["failures"] == ["R-hat nan (growth)"]
    assert GOMPERTZ not in {row["model"] for row in results["interaction"] + results["arms"]}
    assert results["verdict"]["agreement"] is None
    assert keys_by_place(results) == CONTRACT


def test_a_posterior_that_is_not_a_number_is_still_json(fits: Mapping[str, Fit], study: Study) -> None:
    found = sick(fits, GOMPERTZ)
    posterior = found[GOMPERTZ].posterior
    posterior["growth"] = posterior["growth"] * np.nan
    posterior["error"] = xr.full_like(posterior["error"], 0.1)  # never moved
    draws = found[GOMPERTZ].draws.copy()
    draws["posterior"] = xr.DataTree(posterior)
    found[GOMPERTZ] = replace(found[GOMPERTZ], draws=draws)
    results = collect_results(study, found, compare(found, exact=False))
    to_json(results)
    model = next(model for model in results["models"] if model["name"] == GOMPERTZ)
    assert set(model["parameters"]["growth"].values()) == {None}


def test_without_a_healthy_answering_fit_the_verdict_is_no_conclusion(fits: Mapping[str, Fit], study: Study) -> None:
    found = sick(fits, EXPONENTIAL, GOMPERTZ)
    results = collect_results(study, found, compare(found, exact=False))
    to_json(results)
    verdict = results["verdict"]
    assert verdict["words"].startswith("no conclusion: the sampler did not converge (exponential-bliss-departure: ")
    assert verdict["sentence"] == f"{COMBINATION} against independent action (Bliss): {verdict['words']}."
    assert (verdict["probability"], verdict["mcse"], results["reason"]) == (None, None, None)
    assert AVERAGED not in {row["model"] for row in results["interaction"] + results["arms"]}


def test_without_any_healthy_fit_the_results_are_complete_and_say_so(fits: Mapping[str, Fit], study: Study) -> None:
    found = sick(fits, *fits)
    results = collect_results(study, found, compare(found, exact=False))
    assert json.loads(to_json(results)) == results
    assert results["interaction"] == results["arms"] == results["nulls"] == results["beyond_pairs"] == []
    assert results["predictions"] == {"responses": [], "survival": [], "best": []}
    assert results["readings"]["animals"]  # the readings need no fit
    assert [model["refused"] is None for model in results["models"]] == [False] * len(fits)
    assert all(row["words"].startswith("no conclusion: ") for row in results["verdicts"])


def test_a_study_without_a_combination_has_a_verdict_against_the_vehicle(fits: Mapping[str, Fit], study: Study) -> None:
    # the posterior of four arms stands in for one of three: only what is said about it is looked at
    alone = replace(
        study, arms=study.arms[:3], readings=study.readings[study.readings["arm"] != COMBINATION].reset_index(drop=True)
    )
    fit = fits["exponential-bliss"]
    draws = fit.draws.copy()
    draws["posterior"] = xr.DataTree(fit.posterior.drop_dims("combination"))
    answering = fits[EXPONENTIAL].card
    found = {EXPONENTIAL: replace(fit, study=alone, card=answering, draws=draws)}
    results = collect_results(alone, found, compare(found, exact=False))
    to_json(results)
    assert results["reason"] is None
    assert results["interaction"] == []
    assert [(row["kind"], row["arm"]) for row in results["verdicts"]] == [
        ("inhibition", "T-DM1"), ("inhibition", "pertuzumab"),
    ]  # fmt: skip
    arms = {row["arm"]: row for row in results["arms"] if (row["model"], row["of"]) == ("averaged", "typical")}
    for row in results["verdicts"]:
        assert all(row[key] == arms[row["arm"]][key] for key in NUMBERS)
        assert row["probability"] == row["tgi"]["probability"]
        assert row["relevant"] == row["tgi"]["beyond"]
    largest = max(results["verdicts"], key=lambda row: row["tgi"]["median"])
    assert results["verdict"] == largest
    page = DOCUMENT.read_text(encoding="utf-8")
    section = page.partition("### Verdicts on an arm against another")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", section, flags=re.MULTILINE)) == set(largest)
    assert {row["arm"] for row in results["arms"]} == {"vehicle", "T-DM1", "pertuzumab"}


# The sentence


def test_the_sentence_says_day_size_interval_and_probability(
    fits: Mapping[str, Fit], ranking: Comparison, study: Study, results: Mapping[str, Any]
) -> None:
    index = results["interaction"][0]["combination_index"]
    assert results["verdict"]["sentence"].startswith(
        f"{COMBINATION} against independent action (Bliss), day {study.horizon:g}: enhanced. Tumours are "
        f"{index['median']:.2f} times the volume that the reference predicts (95 % interval {index['lower']:.2f} to "
        f"{index['upper']:.2f}); the probability that the combination does more is "
    )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"probability": 0.9999}, "does more is above 0.999."),
        ({"probability": 0.0}, "does more is below 0.001."),
        ({"probability": 0.5}, "does more is 0.500."),
    ],
)
def test_the_sentence_says_how_probable_it_is(
    fits: Mapping[str, Fit], ranking: Comparison, study: Study, changes: Mapping[str, Any], words: str
) -> None:
    typical = model_curves(fits, ranking)
    plain = replace(
        verdicts(fits, ranking, typical)[0], agreement=None, borderline=False, caution=False, probability=0.7
    )
    assert words not in sentence(study, plain, typical)
    assert words in sentence(study, replace(plain, **changes), typical)
