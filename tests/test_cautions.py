"""What weakens a verdict is said once, and by every surface; nothing is said where nothing is wrong."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from xenograft.answers.inhibition import Inhibition
from xenograft.answers.verdicts import Verdict, of_several_laws
from xenograft.evidence.cautions import Caution, cautions_about, none_reproduces
from xenograft.evidence.judging import junit_xml
from xenograft.model.card import read_cards
from xenograft.simulation.simulate import simulate
from xenograft.simulation.truth import Truth
from xenograft.study.study import Arm, Dosing, Study

E, G, R = "exponential-bliss-departure", "gompertz-bliss-departure", "residual-bliss-departure"
A, B = Dosing("A", (0.0,)), Dosing("B", (0.0,))
ARMS = (Arm("vehicle", control=True), Arm("A", dosings=(A,)), Arm("B", dosings=(B,)), Arm("A + B", dosings=(A, B)))
VISITS = (0.0, 3.0, 7.0, 10.0, 14.0, 17.0, 21.0, 24.0, 28.0, 31.0, 35.0, 38.0, 42.0)
SOUND = Verdict("A + B", "bliss", 31.0, 0.99, 0.001, "enhanced", "agree", borderline=False, caution=False)
LESS = replace(SOUND, probability=0.01, words="less than the reference")


def study_of(residual: float = 0.0, **columns: Any) -> Study:
    truth = Truth(
        baseline=165.0, growth=0.078, sd_baseline=0.25, sd_growth=0.015, error=0.13, kill={"A": 0.10, "B": 0.06},
        residual=residual,
    )  # fmt: skip
    made = simulate(ARMS, truth, animals=8, days=VISITS, endpoint_volume=2000.0, seed=1)
    return Study("cautions", "mm3", ARMS, made.readings.assign(**columns), endpoint_volume=2000.0)


def said(verdict: Verdict | Inhibition = SOUND, study: Study | None = None, **given: Any) -> dict[str, str]:
    cards = read_cards()
    weights = given.get("weights", {E: 0.6, G: 0.4})
    health = given.get("health", {})
    fits: Any = {
        name: SimpleNamespace(card=cards[name], health=SimpleNamespace(status=health.get(name, "pass")))
        for name in weights
    }
    ranking: Any = SimpleNamespace(answer_weights=weights)
    checks: Any = {
        name: SimpleNamespace(
            warnings=given.get("missed", {}).get(name, ()), spread=given.get("spread", {}).get(name, pd.DataFrame())
        )
        for name in weights
    }
    found = cautions_about(
        verdict, study or study_of(), fits, ranking, checks, given.get("priors", {}), given.get("without")
    )
    assert all(isinstance(one, Caution) and one.words.endswith(".") for one in found)
    return {one.about: one.words for one in found}


def test_nothing_is_said_where_nothing_is_wrong() -> None:
    assert said() == {}
    assert said(replace(SOUND, agreement="differ in strength")) == {}
    assert said(LESS) == {}


def test_a_verdict_that_hangs_on_single_animals_says_on_which() -> None:
    def without(*probability: float, how: str = "importance") -> pd.DataFrame:
        names = pd.Index([f"M{place}" for place in range(len(probability))], name="animal")
        return pd.DataFrame({"probability": probability, "how": how}, index=names)

    assert said(without=without(0.98, 0.99)) == {}
    hangs = "The verdict hangs on single animals: without M1 it would be not distinguishable by these data."
    assert said(without=without(0.98, 0.89)) == {"Single animals": hangs}
    assert said(without=without(0.98, 0.92)) == {}, "any animal may move a probability by so much"
    assert said(without=without(0.99, how="not to be trusted")) == {
        "Single animals": "Not known for M0: Pareto k is above its limit, and there is no fit without the animal."
    }


def test_nothing_is_doubted_where_nothing_was_concluded() -> None:
    nothing = replace(SOUND, probability=None, words="no conclusion: …", agreement=None, caution=True)
    assert said(nothing, missed={E: ("A: …",), G: ("A: …",)}) == {}


def test_sampling_limits_and_laws_are_doubts() -> None:
    found = said(replace(SOUND, caution=True, borderline=True, agreement="conflict"), health={G: "caution"})
    assert found == {
        "Health of the fits": f"A model that may answer did not sample well ({G}: caution).",
        "Verdict": "The probability is within its Monte-Carlo error of a limit; use more draws.",
        "Growth laws": "The growth laws contradict each other.",
    }


def test_readings_that_the_heaviest_model_misses_are_a_doubt_and_of_all_models_one_about_the_laws() -> None:
    found = said(missed={E: ("A + B: on day 14 tumours are larger than predicted.",)})
    assert found == {"Predictive check": f"{E} does not predict the readings of A + B well."}
    both = said(missed={E: ("A: …",), G: ("A: …",)})
    assert set(both) == {"Predictive check", "Growth laws"}
    assert both["Growth laws"].startswith("No growth law that carries weight reproduces the readings")


def test_a_model_without_weight_has_no_say_in_what_all_models_miss() -> None:
    checks: Any = {E: SimpleNamespace(warnings=("A: …",))}
    light: Any = SimpleNamespace(answer_weights={E: 0.995, G: 0.005})
    assert none_reproduces(light, checks)


@pytest.mark.parametrize(("weight", "expected"), [(0.5, True), (0.3, False)])
def test_priors_count_where_they_move_the_averaged_answer(weight: float, expected: bool) -> None:
    table = pd.DataFrame({"prior": [0.12], "words": ["prior and data disagree"]}, index=["excess_bliss[A + B]"])
    found = said(weights={E: 1 - weight, G: weight}, priors={G: table})
    assert ("Priors" in found) is expected
    assert not expected or found["Priors"] == (
        "The excess moves with the priors (sensitivity 0.06, the models by their weight; 0.05 and above counts; most "
        "by gompertz-bliss-departure, 0.12: prior and data disagree)."
    )
    assert said(replace(SOUND, reference="hsa"), priors={E: table}) == {}


def test_less_near_a_floor_says_so_and_enhanced_does_not() -> None:
    floored = study_of(25.0)
    assert said(LESS, floored)["Floor"].startswith(
        "A + B ends near a floor: from day 31 on its readings stay at about "
    )
    assert said(SOUND, floored) == {}


def test_cages_that_no_model_can_tell_from_treatments_are_a_doubt() -> None:
    study = study_of()
    number = study.readings["animal"].str.extract(r"(\d+)$")[0].astype(int)
    nested = study.readings["arm"] + " cage " + (number // 4).astype(str)
    across = "cage " + (number // 4).astype(str)
    own = study.readings["animal"]
    for cage, expected in ((nested, None), (across, None), (own, None), (study.readings["arm"], "live in one cage")):
        found = said(study=study_of(cage=cage.to_numpy()))
        assert expected in found["Cages"] if expected else "Cages" not in found
    mice = (number // 2).astype(str) + study.readings["arm"]  # of which a model knows, and not of their cages
    assert (
        "know the mice, not the cages" in said(study=study_of(cage=nested.to_numpy(), mouse=mice.to_numpy()))["Cages"]
    )


def test_animals_that_differ_otherwise_than_the_heaviest_model_says_are_a_doubt_about_new_animals() -> None:
    spread = pd.DataFrame({"arm": ["vehicle", "A", "A + B"], "probability": [0.999, 0.5, 0.001]})
    words = said(spread={E: spread})["Spread of animals"]
    assert f"Animals of A + B differ more than {E} says" in words
    assert f"Animals of vehicle differ less than {E} says" in words
    assert "Spread of animals" not in said(spread={G: spread})


def test_laws_that_differ_in_priors_alone_are_one_law() -> None:
    cards = read_cards()
    wide = cards[E].model_copy(update={"name": "wide"})
    fits: Any = {name: SimpleNamespace(card=card) for name, card in {E: cards[E], "wide": wide, R: cards[R]}.items()}
    assert not of_several_laws(fits, {E: 0.5, "wide": 0.5})
    assert of_several_laws(fits, {E: 0.5, R: 0.5})
    assert not of_several_laws(fits, {E: 0.999, R: 0.001})


def test_the_suite_of_a_ci_run_carries_the_verdicts_words() -> None:
    text = junit_xml((), study="s", seconds=1.0, verdicts=("A + B: enhanced. Caution: Priors & <all>.",))
    assert "<system-out>A + B: enhanced. Caution: Priors &amp; &lt;all&gt;.</system-out>" in text
    assert "system-out" not in junit_xml((), study="s", seconds=1.0)
