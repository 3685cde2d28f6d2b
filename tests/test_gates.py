"""Gates: every kind passes and fails on what it looks at; what a gates.toml may not say is refused in a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from xenograft.answers.ranking import compare
from xenograft.errors import InputError
from xenograft.evidence.drift import write_reference
from xenograft.evidence.evidence import Evidence, gather_evidence
from xenograft.evidence.gates import KINDS, Gate, check_gates, read_gates
from xenograft.evidence.judging import judge_gates
from xenograft.fitting.fit import Fit
from xenograft.model.card import ModelCard
from xenograft.study.study import Study

ROOT = Path(__file__).parents[1]
BROKEN = ROOT / "fixtures" / "broken-gates"
DEPARTURE, NULL = "exponential-bliss-departure", "exponential-bliss"
COMBINATION = "T-DM1 + pertuzumab"


def gate(kind: str, operator: str, value: float, **more: Any) -> Gate:
    return KINDS[kind].model_validate(
        {"name": "a rule", "kind": kind, "operator": operator, "value": value, "why": "because"} | more
    )


@pytest.fixture(scope="module")
def evidence(fits: Mapping[str, Fit]) -> Evidence:
    """Everything a comparison finds, with the whole posterior in place of every refit (nothing here depends on it)."""
    as_they_are = {name: fits[name] for name in fits if name.startswith("exponential")}
    ranking = compare(as_they_are, exact=False)
    return gather_evidence(as_they_are, ranking, refit=lambda fit, _: fit)


@pytest.fixture(scope="module")
def folder(fits: Mapping[str, Fit], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a stored reference, and one of a posterior that has moved by a whole sd."""
    place = tmp_path_factory.mktemp("references")
    write_reference(place / "same.json", {DEPARTURE: fits[DEPARTURE]})
    posterior = fits[DEPARTURE].posterior
    moved = posterior.assign(growth=posterior["growth"] + posterior["growth"].std())
    draws = fits[DEPARTURE].draws.copy()
    draws["posterior"] = xr.DataTree(moved)
    write_reference(place / "moved.json", {DEPARTURE: replace(fits[DEPARTURE], draws=draws)})
    return place


CASES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "health": (
        {"kind": "health", "operator": "<=", "value": 0},
        {"kind": "health", "operator": ">=", "value": 1e6, "measure": "min_ess_bulk"},
    ),
    "rank": (
        {"kind": "rank", "operator": ">=", "value": -4, "card": DEPARTURE},
        {"kind": "rank", "operator": ">=", "value": -4, "card": NULL},
    ),
    "rank against": (
        {"kind": "rank", "operator": ">", "value": 0, "card": NULL, "against": "exponential-hsa"},
        {"kind": "rank", "operator": ">", "value": 0, "card": NULL, "against": DEPARTURE},
    ),
    "rank number": (
        {"kind": "rank", "operator": "<=", "value": 1, "card": DEPARTURE, "measure": "rank"},
        {"kind": "rank", "operator": "<=", "value": 1, "card": NULL, "measure": "rank"},
    ),
    "weight": (
        {"kind": "weight", "operator": ">=", "value": 0.5, "card": DEPARTURE},
        {"kind": "weight", "operator": ">=", "value": 0.5, "card": NULL, "measure": "pseudo_bma"},
    ),
    "elpd": (
        {"kind": "elpd", "operator": ">", "value": 100, "card": DEPARTURE},
        {"kind": "elpd", "operator": "<", "value": 1, "card": DEPARTURE, "measure": "p_loo"},
    ),
    "probability": (
        {"kind": "probability", "operator": ">=", "value": 0.975},
        {"kind": "probability", "operator": ">=", "value": 0.975, "above": 1.2},
    ),
    "probability of a null": (
        {"kind": "probability", "operator": ">", "value": 0.49, "card": NULL},
        {"kind": "probability", "operator": ">", "value": 0.51, "card": NULL},
    ),
    "excess": (
        {"kind": "excess", "operator": ">", "value": 0, "measure": "lower", "combination": COMBINATION},
        {"kind": "excess", "operator": "<", "value": 0.5, "reference": "hsa"},
    ),
    "inhibition": (
        {"kind": "inhibition", "operator": ">=", "value": 0.975, "arm": "T-DM1"},
        {"kind": "inhibition", "operator": "<", "value": 20, "arm": "T-DM1", "quantity": "tc", "measure": "lower"},
    ),
    "coverage": (
        {"kind": "coverage", "operator": ">=", "value": 0.8},
        {"kind": "coverage", "operator": "<=", "value": 0.3, "measure": "coverage_50", "arm": "vehicle"},
    ),
    "coverage warnings": (
        {"kind": "coverage", "operator": "<=", "value": 0, "measure": "warnings"},
        {"kind": "coverage", "operator": ">=", "value": 1, "measure": "warnings", "arm": "vehicle"},
    ),
    "sensitivity": (
        {"kind": "sensitivity", "operator": "<=", "value": 0.2},
        {"kind": "sensitivity", "operator": "<=", "value": 0.0001, "quantity": "tgi"},
    ),
    "bayes_factor": (
        {"kind": "bayes_factor", "operator": ">=", "value": 10, "card": DEPARTURE},
        {"kind": "bayes_factor", "operator": "<=", "value": 1, "card": DEPARTURE},
    ),
    "parts": (
        {"kind": "parts", "operator": "<=", "value": 0.5, "card": NULL, "measure": "mean_pit"},
        {"kind": "parts", "operator": ">=", "value": 0, "card": "exponential-hsa", "measure": "elpd_diff"},
    ),
    "drift": (
        {"kind": "drift", "operator": "<=", "value": 0.1, "reference": "same.json"},
        {"kind": "drift", "operator": "<=", "value": 0.1, "reference": "moved.json"},
    ),
}  # fmt: skip


def test_every_kind_of_gate_is_tried() -> None:
    assert {passing["kind"] for passing, _ in CASES.values()} == set(KINDS)


def test_a_gate_passes_and_fails_on_what_it_looks_at(
    evidence: Evidence, folder: Path, subtests: pytest.Subtests
) -> None:
    for case in CASES:
        with subtests.test(case=case):
            for rule, passes in zip(CASES[case], (True, False), strict=True):
                (outcome,) = judge_gates([gate(**rule)], evidence, folder=folder)
                assert outcome.passed is passes, outcome.line
                assert outcome.found is not None
                assert np.isfinite(outcome.found)
                assert (outcome.margin or 0) >= 0 if passes else (outcome.margin or 0) <= 0
                assert outcome.line.startswith("pass  a rule: found " if passes else "FAIL  a rule: found ")
                assert outcome.asked == f"{rule['operator']} {rule['value']:g}"


def test_what_is_found_is_what_the_tables_say(evidence: Evidence) -> None:
    ranking = evidence.ranking
    found = judge_gates(
        [
            gate("rank", ">=", -4, card=NULL),
            gate("elpd", ">=", 0, card=NULL, measure="elpd_se"),
            gate("weight", ">=", 0, card=DEPARTURE, measure="answer"),
            gate("excess", ">=", 0, card=DEPARTURE, measure="upper"),
            gate("health", ">=", 400, measure="min_ess_tail"),
            gate("health", "<=", 0, measure="divergences", card=NULL),
        ],
        evidence,
    )
    draws = evidence.excess[DEPARTURE].sel(reference="bliss", combination=COMBINATION)
    assert [outcome.found for outcome in found] == pytest.approx(
        [
            ranking.table.loc[NULL, "elpd_diff"],
            ranking.table.loc[NULL, "elpd_se"],
            ranking.table.loc[DEPARTURE, "answer_weight"],
            float(draws.quantile(0.975)),
            min(fit.health.min_ess_tail for fit in evidence.fits.values()),
            evidence.fits[NULL].health.divergences,
        ]
    )


def test_a_drift_names_the_parameter_and_the_size_of_its_shift(evidence: Evidence, folder: Path) -> None:
    (outcome,) = judge_gates([gate("drift", "<=", 0.1, reference="moved.json")], evidence, folder=folder)
    assert outcome.found is not None
    assert 0.99 < outcome.found < 9
    assert f"growth, {DEPARTURE} by 1.00 sd" in outcome.detail
    assert "changed" not in outcome.detail
    (tolerant,) = judge_gates([gate("drift", "<=", 9.0, reference="moved.json")], evidence, folder=folder)
    assert tolerant.passed
    (blind,) = judge_gates([gate("drift", "<=", 0.1, reference="moved.json", mcse=1e6)], evidence, folder=folder)
    assert (blind.passed, blind.found) == (True, 0.0)


def test_changes_come_first_and_only_ten_of_many_are_shown(evidence: Evidence, folder: Path) -> None:
    study = evidence.study
    readings = study.readings.copy()
    readings.loc[readings.index[:12], "volume"] += 1.0
    fit = evidence.fits[DEPARTURE]
    edited = replace(fit, study=replace(study, readings=readings))
    changed = replace(evidence, fits=dict(evidence.fits) | {DEPARTURE: edited})
    (outcome,) = judge_gates([gate("drift", "<=", 0.1, reference="moved.json")], changed, folder=folder)
    assert outcome.detail.startswith("changed: animal V01, day 0: volume ")
    before, after = outcome.detail.split("; and 2 more. drifted: ")
    assert before.count("; ") == 9
    assert f"growth, {DEPARTURE} by 1.00 sd" in after


def test_a_card_that_is_not_in_the_reference_fails_its_drift_gate(evidence: Evidence, folder: Path) -> None:
    (outcome,) = judge_gates([gate("drift", "<=", 0.1, reference="same.json", card=NULL)], evidence, folder=folder)
    assert (outcome.passed, outcome.found) == (False, None)
    assert outcome.line == (f"FAIL  a rule: nothing to judge ({NULL} is not in the stored reference), asked <= 0.1")


def test_without_a_healthy_fit_nothing_passes(fits: Mapping[str, Fit], folder: Path, subtests: pytest.Subtests) -> None:
    for case in [case for case in CASES if case not in ("health", "coverage warnings")]:
        with subtests.test(case=case):
            sick = {
                name: replace(fit, health=replace(fit.health, status="fail", failures=("R-hat 1.3 (growth)",)))
                for name, fit in fits.items()
                if name.startswith("exponential")
            }
            nothing = gather_evidence(sick, compare(sick, exact=False))
            (outcome,) = judge_gates([gate(**CASES[case][0])], nothing, folder=folder)
            assert (outcome.passed, outcome.found) == (False, None)
            if "card" in CASES[case][0]:
                assert outcome.detail == "the sampler did not converge (R-hat 1.3 (growth))"


def test_a_failed_fit_is_counted_and_named(fits: Mapping[str, Fit]) -> None:
    sick = replace(fits[NULL], health=replace(fits[NULL].health, status="fail", failures=("R-hat 1.3 (growth)",)))
    some = {DEPARTURE: fits[DEPARTURE], NULL: sick}
    nothing = gather_evidence(some, compare(some, exact=False), exact=False)
    (outcome,) = judge_gates([gate("health", "<=", 0)], nothing)
    assert (outcome.passed, outcome.found, outcome.detail) == (False, 1.0, NULL)


# What a file may say


def test_every_problem_of_a_broken_file_is_a_sentence(subtests: pytest.Subtests) -> None:
    for file in sorted(BROKEN.glob("*.toml")):
        with subtests.test(file=file):
            with pytest.raises(InputError) as raised:
                read_gates(file)
            assert list(raised.value.problems) == file.with_suffix(".txt").read_text(encoding="utf-8").splitlines()


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gates\.toml: there is no such file\. Check the path\."):
        read_gates(tmp_path / "gates.toml")


def test_a_name_that_nothing_has_is_refused_before_fitting(
    study: Study, cards: Mapping[str, ModelCard], tmp_path: Path, subtests: pytest.Subtests
) -> None:
    for rule, sentence in [
        (
            {"kind": "rank", "card": "exponential-blis"},
            'card = "exponential-blis" is none of exponential-bliss-departure, exponential-bliss. '
            'Did you mean "exponential-bliss"?',
        ),
        (
            {"kind": "rank", "card": NULL, "against": "hsa"},
            'against = "hsa" is none of exponential-bliss-departure, exponential-bliss.',
        ),
        (
            {"kind": "probability", "combination": "T-DM1 + pertuzumb"},
            f'combination = "T-DM1 + pertuzumb" is none of {COMBINATION}. Did you mean "{COMBINATION}"?',
        ),
        (
            {"kind": "excess", "card": "avraged"},
            'card = "avraged" is none of averaged, exponential-bliss-departure, exponential-bliss. '
            'Did you mean "averaged"?',
        ),
        (
            {"kind": "coverage", "arm": "vehicel"},
            'arm = "vehicel" is none of vehicle, T-DM1, pertuzumab, T-DM1 + pertuzumab. Did you mean "vehicle"?',
        ),
        ({"kind": "sensitivity", "quantity": "exces"}, 'Did you mean "excess_hsa"?'),
        ({"kind": "bayes_factor", "card": NULL}, f'card = "{NULL}" is none of {DEPARTURE}.'),
        ({"kind": "parts", "card": DEPARTURE}, f'card = "{DEPARTURE}" is none of {NULL}.'),
        ({"kind": "drift", "reference": "nowhere.json", "operator": "<="}, "nowhere.json: there is no such file."),
    ]:
        with subtests.test(rule=rule, sentence=sentence):
            own = {name: cards[name] for name in (DEPARTURE, NULL)}
            rule = {"operator": ">=", "value": 0} | rule
            with pytest.raises(InputError) as raised:
                check_gates(tmp_path / "gates.toml", [gate(**rule)], study, own)
            (problem,) = raised.value.problems
            assert problem.startswith('gates.toml, gate "a rule": ')
            assert sentence in problem


def test_names_that_are_there_are_accepted(study: Study, cards: Mapping[str, ModelCard], folder: Path) -> None:
    rules = [gate(**rule) for pair in CASES.values() for rule in pair]
    check_gates(folder / "gates.toml", rules, study, {n: c for n, c in cards.items() if n.startswith("exponential")})


def test_a_gate_on_a_combination_that_the_study_does_not_have_is_refused(
    study: Study, cards: Mapping[str, ModelCard], tmp_path: Path
) -> None:
    alone = replace(study, arms=study.arms[:3], readings=study.readings[study.readings["arm"] != COMBINATION])
    with pytest.raises(InputError, match=r"the study has no combination arm\. Remove the gate\."):
        check_gates(tmp_path / "gates.toml", [gate("probability", ">=", 0.9)], alone, cards)


def test_whole_numbers_are_numbers(tmp_path: Path) -> None:
    (tmp_path / "gates.toml").write_text(
        '[[gate]]\nname = "a"\nkind = "rank"\ncard = "x"\noperator = ">="\nvalue = -4\nwhy = "b"\n', encoding="utf-8"
    )
    (rule,) = read_gates(tmp_path / "gates.toml")
    assert rule.value == -4.0
