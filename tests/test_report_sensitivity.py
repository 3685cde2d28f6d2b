"""How the answer depends on day, single animals and priors: what is found, and when it puts the answer in doubt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import pytest
from invented_report import content_for

from xenograft.answers.averaging import interaction
from xenograft.answers.ranking import Comparison, compare
from xenograft.evidence import sensitivity
from xenograft.evidence.sensitivity import without_each_animal
from xenograft.fitting.fit import Fit
from xenograft.fitting.health import Status
from xenograft.fitting.left_out import without_each
from xenograft.fitting.sampling import refit_without
from xenograft.report.content_of_sensitivity import on_single_animals, on_the_day, on_the_priors, shown_days
from xenograft.study.study import Study

CARD, OTHER = "exponential-bliss-departure", "gompertz-bliss-departure"
COMBINATION = "T-DM1 + pertuzumab"
VERDICT = {"kind": "interaction", "combination": "A + B", "reference": "bliss", "probability": 0.99, "day": 14.0}


def by_day(**probability: float) -> pd.DataFrame:
    """An averaged excess on days 7 and 14."""
    return pd.DataFrame(
        {"model": "averaged", "combination": "A + B", "reference": reference, "day": float(day[1:]), "median": 0.5,
         "lower": 0.1, "upper": 0.9, "probability": value}
        for reference in ("bliss", "hsa") for day, value in probability.items()
    )  # fmt: skip


def test_a_verdict_that_is_the_same_on_every_day_says_so() -> None:
    found = on_the_day(content_for().study, by_day(d7=0.99, d14=0.99), VERDICT)
    assert found.finding.startswith("Against Bliss the verdict would be the same on each of these days. That is nearly")
    assert not found.doubtful
    assert found.table["Day"].tolist() == ["7", "14"]
    assert found.table["Excess over Bliss"].tolist() == ["0.50 (0.10 to 0.90)"] * 2
    assert found.table["P(excess over HSA > 0)"].tolist() == ["0.990"] * 2


@pytest.mark.parametrize(
    ("early", "words"), [(0.5, "not distinguishable by these data"), (0.01, "less than the reference")]
)
def test_what_the_verdict_would_be_on_another_day_is_said_and_is_no_doubt_about_this_one(
    early: float, words: str
) -> None:
    found = on_the_day(content_for().study, by_day(d7=early, d14=0.99), VERDICT)
    assert found.finding == f"Against Bliss the same curves would read: {words} on day 7."
    assert not found.doubtful


def test_a_handful_of_days_is_shown_and_the_horizon_among_them(study: Study) -> None:
    days = shown_days(study)
    assert study.horizon in days
    assert study.fitted_readings["day"].max() in days
    assert len(days) <= 5


def left_out(*probability: float, how: str = "importance", k: float = 0.2) -> pd.DataFrame:
    rows = [
        {"arm": "A", "median": 0.5 + 0.01 * place, "probability": value, "pareto_k": k,
         "how": how}
        for place, value in enumerate(probability)
    ]  # fmt: skip
    return pd.DataFrame(rows, index=pd.Index([f"M{place}" for place in range(len(rows))], name="animal"))


def test_a_verdict_that_no_single_animal_changes_says_so() -> None:
    found = on_single_animals(left_out(0.98, 0.99, 0.999), VERDICT, 0.7)
    assert found.finding == (
        "The verdict is the same without any one of the 3 animals; the median excess then lies between 0.50 and 0.52."
    )
    assert not found.doubtful


def test_a_verdict_that_hangs_on_animals_names_them_first() -> None:
    found = on_single_animals(left_out(0.99, 0.99, 0.8, 0.89), VERDICT, 0.7)
    assert found.finding.startswith(
        "The verdict hangs on single animals: without M2 and M3 (one at a time) it would be not distinguishable by "
        "these data; the median excess"
    )
    assert found.doubtful
    assert found.table["Left out"].tolist()[:2] == ["M2", "M3"]


def test_a_verdict_that_chance_takes_below_its_limit_says_so_and_is_not_doubted() -> None:
    found = on_single_animals(left_out(0.99, 0.96, 0.97), VERDICT, 0.7)
    assert found.finding.startswith(
        "Without M1 and M2 (one at a time) the probability would fall short of its limit (0.960 and 0.970); the median"
    )
    assert not found.doubtful


def test_a_verdict_that_claims_nothing_is_not_doubted_for_single_animals() -> None:
    found = on_single_animals(left_out(0.97, 0.99), VERDICT | {"probability": 0.96}, 0.7)
    assert found.finding.startswith("The verdict hangs on single animals: without M1 it would be enhanced;")
    assert not found.doubtful


def test_an_animal_whose_influence_is_not_known_puts_the_answer_in_doubt() -> None:
    table = pd.concat([left_out(0.99), left_out(0.99, how="not to be trusted", k=0.9).rename({"M0": "M7"})])
    found = on_single_animals(table, VERDICT, 0.7)
    assert found.finding == (
        "The verdict is the same without any one of the 1 animals for which that is known; the median excess then lies "
        "between 0.50 and 0.50. Not known for M7: Pareto k is above its limit, and there is no fit without the animal."
    )
    wild = pd.concat([left_out(0.99), left_out(0.5, how="not to be trusted", k=0.9).rename({"M0": "M7"})])
    assert "hangs" not in on_single_animals(wild, VERDICT, 0.7).finding, "of numbers that are not to be trusted"
    none = on_single_animals(left_out(0.99, 0.5, how="not to be trusted", k=0.9), VERDICT, 0.7)
    assert none.finding.startswith("Not known for M0 and M1:")
    assert found.doubtful
    again = on_single_animals(table.assign(how="fitted again"), VERDICT, 0.7)
    assert not again.doubtful
    assert "How" not in again.table
    assert again.caption.endswith("(fitted again without it)")
    both = on_single_animals(pd.concat([left_out(0.99), left_out(0.99, how="fitted again")]), VERDICT, 0.7)
    assert set(both.table["How"]) == {"draws weighted by importance", "fitted again without it"}


def prior_table(bliss: float, hsa: float, words: Mapping[str, str]) -> pd.DataFrame:
    rows = {
        f"excess_{key}[A + B]": {"prior": value, "departure_prior": np.nan, "likelihood": 0.1,
                                 "words": words.get(key, "")}
        for key, value in {"bliss": bliss, "hsa": hsa}.items()
    }  # fmt: skip
    return pd.DataFrame(rows).T.astype({"prior": float, "departure_prior": float, "likelihood": float})


def on_priors(table: pd.DataFrame, weight: float = 1.0) -> Any:
    return on_the_priors(content_for().study, {CARD: table}, {CARD: weight}, VERDICT)


def test_priors_that_do_not_matter_are_said_not_to() -> None:
    found = on_priors(prior_table(0.01, 0.02, {}))
    assert found.finding == (
        "No answer moves noticeably when the priors are made stronger or weaker (largest sensitivity 0.020; 0.05 and "
        "above counts)."
    )
    assert not found.doubtful
    assert found.table.empty  # rows that do not matter are not listed


def test_a_prior_that_moves_the_answer_puts_it_in_doubt_beside_the_verdict() -> None:
    found = on_priors(prior_table(0.12, 0.02, {"bliss": "the prior decides"}))
    assert found.finding == (
        "The excess over Bliss of A + B moves with the priors (sensitivity 0.12, the models by their weight; 0.05 "
        "and above counts; most by exponential-bliss-departure, 0.12: the prior decides)."
    )
    assert found.doubtful


@pytest.mark.parametrize(
    ("table", "weight"),
    [
        (prior_table(0.01, 0.12, {"hsa": "the prior decides"}), 1.0),  # another reference than the verdict's
        (prior_table(0.12, 0.01, {"bliss": "the prior decides"}), 0.01),  # a model that has no say in the average
    ],
)
def test_a_sensitivity_of_another_number_is_listed_and_raises_no_doubt(table: pd.DataFrame, weight: float) -> None:
    found = on_priors(table, weight)
    assert not found.doubtful
    assert found.finding.startswith(
        "The averaged answer does not move with the priors; other numbers, or single models, do: "
    )
    assert "the prior decides" in found.table["Finding"].tolist()


def test_leaving_out_an_animal_agrees_with_chains_without_it(fits: Mapping[str, Fit], ranking: Comparison) -> None:
    alone = replace(ranking, refits={})
    table = without_each_animal(fits, alone, combination=COMBINATION)
    averaged = interaction(fits, ranking).table.query("day == 31").iloc[0]
    moved = (table["median"] - averaged["median"]).abs()
    assert moved.max() < 0.2
    assert list(table.index) == [str(name) for name in fits[CARD].study.animals.index]
    assert set(table["how"]) == {"importance"}
    assert (table["pareto_k"] <= ranking.good_k).all()
    for animal in (str(moved.idxmax()), str(moved.idxmin())):
        weights = ranking.answer_weights
        exact = {(name, animal): refit_without(fits[name], [animal], method="nuts").posterior for name in weights}
        again = without_each_animal(fits, replace(ranking, refits=exact), combination=COMBINATION).loc[animal]
        assert again["how"] == "fitted again"
        assert again["median"] == pytest.approx(table.loc[animal, "median"], abs=0.03)
        assert again["probability"] == pytest.approx(table.loc[animal, "probability"], abs=0.005)


def test_the_reference_chooses_the_excess_that_is_looked_at(fits: Mapping[str, Fit], ranking: Comparison) -> None:
    bliss, hsa = (
        without_each_animal(fits, ranking, combination=COMBINATION, reference=reference)
        for reference in ("bliss", "hsa")
    )
    assert (hsa["median"] > bliss["median"] + 0.2).all()


def test_weights_that_may_not_be_used_are_replaced_by_a_fit_or_said_not_to_be_trusted(
    fits: Mapping[str, Fit], ranking: Comparison, monkeypatch: pytest.MonkeyPatch
) -> None:
    animal = str(fits[CARD].study.animals.index[3])
    doubted = {id(fit): replace(found, untrusted=frozenset({animal})) for fit in fits.values()
               if fit.card.answers and (found := without_each(fit))}  # fmt: skip
    monkeypatch.setattr(sensitivity, "without_each", lambda fit, **_: doubted[id(fit)])
    asked: list[str] = []

    def refit(fit: Fit, animals: Sequence[str], *, status: Status = "pass") -> Fit:
        asked.extend(animals)
        return replace(fit, health=replace(fit.health, status=status))

    alone = replace(ranking, refits={})
    weighted = without_each_animal(fits, alone, combination=COMBINATION, refit=refit)
    assert set(weighted["how"]) == {"importance"}, "the chains' own draws may be weighted"
    assert not asked
    high = ranking.pareto_k.copy()
    high.loc[animal] = 0.95
    alone = replace(alone, pareto_k=high)
    again = without_each_animal(fits, alone, combination=COMBINATION, refit=refit)
    assert again.loc[animal, "how"] == "fitted again"
    assert set(asked) == {animal}
    failed = without_each_animal(fits, alone, combination=COMBINATION, refit=partial(refit, status="fail"))
    assert failed.loc[animal, "how"] == "not to be trusted"
    assert (failed["how"] == "importance").sum() == 39


def test_draws_that_chains_alone_can_make_are_weighted_and_a_large_pareto_k_is_not_trusted(
    fits: Mapping[str, Fit], ranking: Comparison, monkeypatch: pytest.MonkeyPatch
) -> None:
    exact = without_each_animal(fits, ranking, combination=COMBINATION)
    monkeypatch.setattr(sensitivity, "without_each", lambda _, **__: None)
    high = ranking.pareto_k.copy()
    high.iloc[3] = 0.95
    alone = replace(ranking, pareto_k=high, refits={})
    table = without_each_animal(fits, alone, combination=COMBINATION)
    assert table["how"].iloc[3] == "not to be trusted"
    assert table["pareto_k"].iloc[3] == pytest.approx(0.95)
    settled = (table["pareto_k"] < 0.5) & (exact["how"] == "importance")
    assert (table["median"] - exact["median"]).abs()[settled].max() < 0.03


def test_without_a_healthy_answer_there_is_nothing_to_leave_out(fits: Mapping[str, Fit]) -> None:
    nulls = {name: fit for name, fit in fits.items() if not fit.card.answers}
    assert without_each_animal(nulls, compare(nulls), combination=COMBINATION).empty


def test_the_comparison_keeps_the_posterior_without_an_animal(fits: Mapping[str, Fit], ranking: Comparison) -> None:
    expected = {
        (name, str(animal))
        for name in ranking.table.index
        for animal in ranking.pareto_k.index[~(ranking.pareto_k[name] <= ranking.good_k)]
    }
    assert len(ranking.refits) == ranking.table["exact_refits"].sum()
    assert set(ranking.refits) <= expected
    for (name, _), posterior in ranking.refits.items():
        assert set(posterior) == set(fits[str(name)].posterior)
