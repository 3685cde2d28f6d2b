"""A combination with an agent that was not tested alone: no conclusion, a comparison, and no number from a prior."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from xenograft.analysis import Analysis
from xenograft.answers.interactions import dose_matrix, measured_against
from xenograft.answers.ranking import compare
from xenograft.answers.results import to_json
from xenograft.errors import InputError
from xenograft.evidence.drift import summaries
from xenograft.evidence.evidence import gather_evidence
from xenograft.evidence.gates import check_gates, read_gates
from xenograft.evidence.judging import judge_gates
from xenograft.fitting.fit import parameter_table
from xenograft.fitting.sampling import fit_all
from xenograft.model.card import ModelCard
from xenograft.model.choice import default_cards
from xenograft.reading.read import read_study
from xenograft.report.content import report_content
from xenograft.report.markdown import report_markdown
from xenograft.report.page import render
from xenograft.report.plots import plot_excess
from xenograft.study.study import Arm, Dosing, Study
from xenograft.study.tested import comparators, judged_combinations, why_not_judged

BOTH = "T-DM1 + pertuzumab"
WORDS = "no conclusion on independence: pertuzumab alone was not tested"
CARDS = ("exponential-bliss-departure", "gompertz-bliss-departure")


@pytest.fixture(scope="module")
def missing(study: Study) -> Study:
    """The fixture without pertuzumab alone."""
    return without(study, "pertuzumab")


@pytest.fixture(scope="module")
def analysis(missing: Study, cards: Mapping[str, ModelCard]) -> Analysis:
    fits = fit_all(missing, {name: cards[name] for name in CARDS}, seed=1, progress=False, method="importance")
    return Analysis(missing, fits, compare(fits))


def without(study: Study, *names: str) -> Study:
    arms = tuple(arm for arm in study.arms if arm.name not in names)
    readings = study.readings[~study.readings["arm"].isin(names)].reset_index(drop=True)
    return replace(study, arms=arms, readings=readings)


def arms_of(study: Study, *given: str) -> Study:
    """A study of arms such as "A10+B" (agents with dose levels), for what needs no readings."""
    arms = [Arm("vehicle", control=True)]
    for name in given:
        dosings = tuple(Dosing(part[0], (0.0,), (float(part[1:]),) if part[1:] else None) for part in name.split("+"))
        arms.append(Arm(name, dosings=dosings))
    return replace(study, arms=tuple(arms))


def test_a_combination_is_judged_where_every_agent_was_tested_alone_at_its_dose(study: Study) -> None:
    for arms, reasons in (
        (("A", "B", "A+B"), {"A+B": ""}),
        (("A", "A+B"), {"A+B": "B alone was not tested"}),
        (("A+B",), {"A+B": "A and B alone were not tested"}),
        (("A1", "B1", "A1+B1", "A2+B1"), {"A1+B1": "", "A2+B1": "A 2 alone was not tested"}),
        (("A", "B", "C", "A+B+C"), {"A+B+C": ""}),
        (("A+B", "C", "A+B+C"), {"A+B": "A and B alone were not tested", "A+B+C": "A and B alone were not tested"}),
    ):
        found = arms_of(study, *arms)
        said = {arm.name: why_not_judged(found, arm) for arm in found.combinations}
        assert said == reasons, arms
        assert [arm.name for arm in judged_combinations(found)] == [name for name, why in reasons.items() if not why]


def test_what_cannot_be_judged_is_compared_with_the_nearest_of_its_parts_and_the_vehicle(study: Study) -> None:
    for arms, name, others in (
        (("A", "A+B"), "A+B", ["A", "vehicle"]),
        (("A+B",), "A+B", ["vehicle"]),
        (("A", "A+B", "A+B+C"), "A+B+C", ["A+B", "vehicle"]),
        (("A+B", "C", "A+B+C"), "A+B+C", ["A+B", "C", "vehicle"]),
    ):
        found = arms_of(study, *arms)
        combination = next(arm for arm in found.arms if arm.name == name)
        assert [arm.name for arm in comparators(found, combination)] == others, arms


def test_a_pair_that_is_an_arm_can_be_a_reference_where_its_agents_were_not_tested_alone(study: Study) -> None:
    found = arms_of(study, "A+B", "C", "A+B+C")
    assert measured_against(found, found.arms[-1]) == {"A+B, C": ("A+B", "C")}
    assert measured_against(found, found.arms[1]) == {}


def test_a_combination_that_can_be_judged_speaks_for_the_study_before_one_that_cannot(study: Study) -> None:
    found = arms_of(study, "A1", "B1", "A1+B1", "A2+B1")
    assert found.primary_combination is not None
    assert found.primary_combination.name == "A1+B1"


def test_the_answer_is_no_conclusion_and_a_comparison_on_every_surface(analysis: Analysis) -> None:
    results = analysis.results("bliss")
    kinds = [(row["kind"], row.get("combination", row.get("arm")), row.get("control")) for row in results["verdicts"]]
    assert kinds == [
        ("interaction", BOTH, None),
        ("interaction", BOTH, None),
        ("inhibition", BOTH, "T-DM1"),
        ("inhibition", BOTH, "vehicle"),
        ("inhibition", "T-DM1", "vehicle"),
    ]
    assert results["verdicts"][0]["words"] == WORDS
    assert results["verdicts"][1]["words"] == "no conclusion on the better agent: pertuzumab alone was not tested"
    verdict = results["verdict"]
    assert (verdict["kind"], verdict["control"], verdict["independence"]) == ("inhibition", "T-DM1", WORDS)
    assert verdict["sentence"].startswith(f"N{WORDS[1:]}. {BOTH} against T-DM1, day ")
    curve = analysis.findings.curves["averaged"].sel(day=analysis.study.horizon)
    ratio = np.exp(curve.sel(arm=BOTH) - curve.sel(arm="T-DM1"))
    assert verdict["tgi"]["median"] == pytest.approx(float(np.median(100 * (1 - ratio))))
    assert verdict["probability"] == pytest.approx(float((ratio < 1).mean()))
    content = report_content(analysis, results, "xenograft report .")
    for surface in (report_markdown(content), render(content)):
        assert WORDS in surface
        assert f"{BOTH} against T-DM1" in surface


def test_nothing_that_is_only_the_prior_is_printed(analysis: Analysis) -> None:
    results = analysis.results("bliss")
    text = to_json(results)
    assert results["interaction"] == results["beyond_pairs"] == results["nulls"] == []
    for hidden in ("kill[pertuzumab]", "departure[", "pertuzumab (predicted)", '"excess"', "combination_index"):
        assert hidden not in text, hidden
    assert {row["arm"] for row in results["arms"]} == {"vehicle", "T-DM1", BOTH}
    for fit in analysis.fits.values():
        for table in (parameter_table(fit), summaries(fit)):
            assert not [name for name in table.index if name.startswith(("kill[pertuzumab", "departure", "excess"))]
        assert "kill[T-DM1]" in parameter_table(fit).index
    evidence = gather_evidence(analysis.fits, analysis.ranking, found=analysis.findings, exact=False)
    assert evidence.excess == {}
    assert evidence.bayes_factors.empty
    page = render(report_content(analysis, results, "xenograft report ."))
    for hidden in ("kill[pertuzumab]", "departure[", "(predicted)"):
        assert hidden not in page, hidden
    with pytest.raises(InputError, match="has no excess: pertuzumab alone was not tested"):
        plot_excess(analysis.fits, analysis.ranking)


def test_a_gate_on_what_cannot_be_concluded_says_why_and_what_to_ask_instead(
    analysis: Analysis, tmp_path: Path
) -> None:
    path = tmp_path / "gates.toml"
    cards = {name: fit.card for name, fit in analysis.fits.items()}
    path.write_text('[[gate]]\nname = "p"\nkind = "probability"\noperator = ">="\nvalue = 0.9\nwhy = "x"\n')
    with pytest.raises(InputError) as refused:
        check_gates(path, read_gates(path), analysis.study, cards)
    assert str(refused.value) == (
        f'gates.toml, gate "p": nothing can be concluded on the interaction of {BOTH}: pertuzumab alone was not '
        f'tested. Ask with kind = "inhibition", arm = "{BOTH}", control = "T-DM1" instead, or remove the gate.'
    )
    asked = f'kind = "inhibition"\narm = "{BOTH}"\ncontrol = "T-DM1"\n'
    path.write_text(f'[[gate]]\nname = "p"\n{asked}operator = ">="\nvalue = 0.9\nwhy = "x"\n')
    gates = read_gates(path)
    check_gates(path, gates, analysis.study, cards)
    evidence = gather_evidence(analysis.fits, analysis.ranking, found=analysis.findings, exact=False)
    outcome = judge_gates(gates, evidence)[0]
    assert outcome.found == pytest.approx(analysis.results("bliss")["verdict"]["probability"])
    path.write_text(path.read_text().replace(f'arm = "{BOTH}"', 'arm = "T-DM1"'))
    with pytest.raises(InputError, match='T-DM1 is not judged against "T-DM1"'):
        check_gates(path, read_gates(path), analysis.study, cards)


def test_a_grid_judges_the_cells_that_have_their_single_agents(study: Study, cards: Mapping[str, ModelCard]) -> None:
    names = ("A1", "B1", "A1+B1", "A2+B1")
    grid = arms_of(study, *names)
    readings = study.readings.copy()
    renamed = dict(zip([arm.name for arm in study.arms], ["vehicle", "A1", "B1", "A1+B1"], strict=True))
    readings["arm"] = readings["arm"].map(renamed)
    more = readings[readings["arm"] == "A1+B1"].assign(arm="A2+B1", animal=lambda rows: rows["animal"] + "x")
    both = pd.concat([readings, more], ignore_index=True)
    grid = replace(grid, readings=both)
    fits = fit_all(grid, {CARDS[0]: cards[CARDS[0]]}, seed=1, progress=False, method="importance")
    analysis = Analysis(grid, fits, compare(fits))
    results = analysis.results("bliss")
    assert results["verdict"]["combination"] == "A1+B1"
    assert {row["combination"] for row in results["interaction"]} == {"A1+B1"}
    said = {row["combination"]: row["words"] for row in results["verdicts"] if row.get("reference") == "bliss"}
    assert said["A2+B1"] == "no conclusion on independence: A 2 alone was not tested"
    assert [(row["arm"], row["control"]) for row in results["verdicts"] if row["kind"] == "inhibition"] == [
        ("A2+B1", "B1"), ("A2+B1", "vehicle"),
    ]  # fmt: skip
    matrix = dose_matrix(fits, analysis.ranking)
    assert np.isfinite(matrix.to_numpy()).sum() == 1
    assert render(report_content(analysis, results, ""))


def test_the_reader_is_told_and_the_cards_that_would_be_alike_are_left_out(
    missing: Study, cards: Mapping[str, ModelCard], tmp_path: Path
) -> None:
    missing.to_folder(tmp_path / "one")
    told = read_study(tmp_path / "one").notices
    words = f"Nothing can be concluded on the interaction of {BOTH}: pertuzumab alone was not tested. "
    assert [f"{words}It is compared with T-DM1 and vehicle."] == [line for line in told if "concluded" in line]
    chosen, left_out = default_cards(missing, cards)
    assert all(card.answers for card in chosen.values())
    assert "exponential-bliss" in left_out
