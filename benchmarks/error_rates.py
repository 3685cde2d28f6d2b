"""How often a verdict is wrong, and an interval right, when the agents simply add: writes docs/error-rates.md.

`uv run python benchmarks/error_rates.py FOLDER -n 200 --workers 2` simulates and answers the studies of every scenario,
keeps them in FOLDER as they are done, goes on where it stopped, and writes the page from all that FOLDER holds;
`--only WORD` takes the scenarios whose name holds a word, `-n 0` writes the page alone. Beside our cards stands what a
mixed linear model with a Bliss contrast of the growth rates (statsmodels) says of the same studies.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from xenograft.files import write_text
from xenograft.fitting.fit import versions
from xenograft.fitting.sampling import SamplerSettings
from xenograft.model.card import read_cards
from xenograft.planning.design import Design, simulate_design
from xenograft.planning.one_study import PlannedStudy, answer_planned_study
from xenograft.planning.trials import Outcome, read_store, run_trials
from xenograft.simulation.truth import Truth
from xenograft.study.study import Arm, Dosing, Study

DOCUMENT = Path(__file__).parents[1] / "docs" / "error-rates.md"
CARDS = ("exponential-bliss-departure", "gompertz-bliss-departure")
MIXED = "mixed linear model"
METHODS = {CARDS[0]: "exponential card", CARDS[1]: "Gompertz card", "averaged": "averaged", MIXED: MIXED}
SEED = 1
BOTH_WAYS_EVERY = 10
"""Of so many studies one is fitted by NUTS too."""

WEEKLY = tuple(float(day) for day in range(0, 42, 7))
A, B = Dosing("A", WEEKLY), Dosing("B", WEEKLY)
ARMS = (Arm("vehicle", control=True), Arm("A", dosings=(A,)), Arm("B", dosings=(B,)), Arm("A + B", dosings=(A, B)))
VISITS = (0.0, 3.0, 7.0, 10.0, 14.0, 17.0, 21.0, 24.0, 28.0, 31.0, 35.0, 38.0, 42.0)
ENDPOINT = 2000.0

COMMON: Mapping[str, Any] = {
    "baseline": 170.0, "sd_baseline": 0.2, "sd_growth": 0.015, "correlation": 0.2, "error": 0.13,
    "kill": {"A": 0.034, "B": 0.019},
}  # fmt: skip
TRUTHS: Mapping[str, Mapping[str, Any]] = {
    "exponential": {"growth": 0.078},
    "exponential, one agent inactive": {"growth": 0.078, "kill": {"A": 0.034, "B": 0.0}},
    "Gompertz": {"law": "gompertz", "growth": 0.11, "slowing": 0.03},
    "logistic": {"law": "logistic", "growth": 0.12, "capacity": 3000.0},
    "exponential-linear": {"law": "exponential-linear", "growth": 0.09, "linear_from": 500.0},
}
REGRESSING = {"growth": 0.078, "kill": {"A": 0.08, "B": 0.05}}
OUTLIERS = {"growth": 0.078, "outlier_share": 0.05, "outlier_factor": 4.0}


@dataclass(frozen=True)
class Scenario:
    """Studies of one kind.

    Parameters
    ----------
    name : str
        What readers see.
    truth : Truth
        Without interaction.
    design : Design
        Animals, endpoint, limit.
    """

    name: str
    truth: Truth
    design: Design


def scenarios() -> list[Scenario]:
    """Every law with 5, 8 and 10 animals per arm, and what may go wrong with 8."""

    def made(name: str, given: Mapping[str, Any], animals: int, **changes: Any) -> Scenario:
        numbers = {arm.name: animals for arm in ARMS}
        design = Design(name, ARMS, numbers, VISITS, endpoint_volume=ENDPOINT)
        return Scenario(f"{name}, {animals} per arm", Truth(**{**COMMON, **given}), replace(design, **changes))

    found = [made(name, given, animals) for name, given in TRUTHS.items() for animals in (5, 8, 10)]
    without = made("exponential, no removal", TRUTHS["exponential"], 8, endpoint_volume=None)
    censored = made("exponential, regressing, 20 % below the limit", REGRESSING, 8)
    limit = _volume_below_which(0.2, censored)
    censored = replace(censored, design=replace(censored.design, limit_of_quantification=limit))
    outliers = made("exponential, 5 % outliers", OUTLIERS, 8)
    return [*found, without, censored, outliers]


def answer(planned: PlannedStudy) -> Outcome:
    """The verdicts of the cards, averaged and each, and of the mixed linear model, on one study."""
    found = answer_planned_study(planned)
    of_study, _ = np.random.SeedSequence([planned.seed, planned.number]).generate_state(2)
    study = simulate_design(planned.design, planned.truth, seed=int(of_study))
    return found | {"answers": {**found.get("answers", {}), MIXED: mixed_model(study)}}


def mixed_model(study: Study) -> dict[str, Any]:
    """A random intercept and slope for each animal, arms differ in slope: the Bliss contrast of the slopes.

    Readings below the limit count as the limit, as is commonly done. The verdict is that of a two-sided 5 % Wald test,
    the contrast is given by the horizon (log units).
    """
    import statsmodels.api as sm

    readings = study.fitted_readings
    # in horizons: with days the variances differ by a thousand, and statsmodels stops short of the maximum
    time = (readings["day"].to_numpy() - study.first_dose) / (study.horizon - study.first_dose)
    agents = {arm.name: set(arm.agents) for arm in study.arms}
    given = readings["arm"].map(agents)
    has_a, has_b = (np.array([agent in one for one in given], dtype=float) for agent in "AB")
    fixed = np.column_stack([np.ones_like(time), time, time * has_a, time * has_b, time * has_a * has_b])
    per_animal = np.column_stack([np.ones_like(time), time])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a fit at the edge of its parameters, which is used as people use it
        model = sm.MixedLM(np.log(readings["volume"].to_numpy()), fixed, readings["animal"].to_numpy(), per_animal)
        try:
            fitted = model.fit(reml=True)
        except (np.linalg.LinAlgError, ValueError):
            return {"words": "no conclusion: the mixed model has no solution"}
    excess, error = -fitted.fe_params[4], fitted.bse_fe[4]
    if not np.isfinite(error):
        return {"words": "no conclusion: the mixed model has no standard error"}
    lower, upper = excess - 1.96 * error, excess + 1.96 * error
    words = "enhanced" if lower > 0 else "less than the reference" if upper < 0 else "not distinguishable"
    return {"words": words, "median": float(excess), "lower": float(lower), "upper": float(upper)}


def counts(outcomes: Sequence[Outcome], method: str) -> dict[str, float]:
    """How often a method is wrong and right in the studies of a scenario.

    Returns
    -------
    dict of str to float
        `studies`; `enhanced` and `less`, verdicts of each kind; `wrong`, those whose direction the true excess does not
        have; `none`, studies without a conclusion; `covered`, intervals that hold the truth.
    """
    found = dict.fromkeys(("studies", "enhanced", "less", "wrong", "none", "covered"), 0.0)
    for outcome in outcomes:
        one = outcome.get("answers", {}).get(method, {"words": "no conclusion"})
        true = 0.0 if abs(outcome.get("true", 0.0)) < 1e-6 else outcome["true"]
        found["studies"] += 1
        enhanced, less = one["words"] == "enhanced", one["words"] == "less than the reference"
        found["enhanced"] += enhanced
        found["less"] += less
        found["wrong"] += (enhanced and true <= 0) or (less and true >= 0)
        found["none"] += "median" not in one
        found["covered"] += "median" in one and one["lower"] <= true <= one["upper"]
    return found


def page(found: Mapping[str, Sequence[Outcome]]) -> str:
    """The Markdown page."""
    intro = (Path(__file__).parent / "error_rates.md").read_text(encoding="utf-8")
    return intro.rstrip() + "\n\n" + "\n".join([*_table(found), *_both_ways(found)]) + "\n"


def _both_ways(found: Mapping[str, Sequence[Outcome]]) -> list[str]:
    """What importance sampling left to NUTS, and how much the two differ where both were asked."""
    outcomes = [outcome for one in found.values() for outcome in one if "by_nuts" in outcome]
    if not outcomes:
        return []
    left, differences = sum(one["by_nuts"] for one in outcomes), [one.get("difference") for one in outcomes]
    both = [one for one in differences if one is not None]
    return [
        "",
        f"Fitted by importance sampling; {left} of {len(outcomes) * len(CARDS)} fits were left to NUTS. In the "
        f"{len(both)} studies that were fitted both ways, a card's probability of an excess differs by {max(both):.3f} "
        f"at most, and by {np.median(both):.3f} in half of them.",
    ]


def _table(found: Mapping[str, Sequence[Outcome]]) -> list[str]:
    head = ["truth", "studies", "true excess"]
    head += [f"{words}: enhanced / less / wrong" for words in METHODS.values()]
    head += [f"{words}: covered" for words in METHODS.values()]
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    for name, outcomes in found.items():
        by_method = {method: counts(outcomes, method) for method in METHODS}
        true = np.mean([outcome["true"] for outcome in outcomes if "true" in outcome])
        cells = [name, str(len(outcomes)), f"{true:.2f}".replace("-0.00", "0.00").replace("-", "−")]
        cells += [_cell(one) for one in by_method.values()]
        cells += [_share(one["covered"], one["studies"] - one["none"]) for one in by_method.values()]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _cell(one: Mapping[str, float]) -> str:
    """Counts; bold where more are wrong than chance explains at 5 %, three Monte-Carlo standard errors allowed."""
    allowed = 0.05 + 3 * np.sqrt(0.05 * 0.95 / one["studies"])
    text = f"{one['enhanced']:.0f} / {one['less']:.0f} / {one['wrong']:.0f}"
    text = f"**{text}**" if one["wrong"] / one["studies"] > allowed else text
    return text + (f" ({one['none']:.0f} none)" if one["none"] else "")


def _share(count: float, number: float) -> str:
    """A share in percent; bold where 95 % is not within what chance explains (99.9 %)."""
    if not number:
        return "–"
    low, high = stats.binom.ppf([0.0005, 0.9995], number, 0.95)
    text = f"{100 * count / number:.0f} %"
    return text if low <= count <= high else f"**{text}**"


def _volume_below_which(share: float, scenario: Scenario) -> float:
    many = replace(scenario.design, animals=dict.fromkeys(scenario.design.animals, 300))
    readings = simulate_design(many, scenario.truth, seed=SEED).readings
    return float(f"{np.quantile(readings['volume'], share):.2g}")


def _about(scenario: Scenario, settings: SamplerSettings) -> dict[str, Any]:
    return {
        "schema": "xenograft-error-rates/1",
        "truth": scenario.truth.model_dump(),
        "design": repr(scenario.design),
        "cards": [read_cards(name)[name].digest for name in CARDS],
        "seed": SEED,
        "settings": [settings.draws, settings.tune, settings.chains],
        "method": f"importance, one study in {BOTH_WAYS_EVERY} by NUTS too",
        "versions": versions(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("-n", "--studies", type=int, default=200)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--only", default="")
    given = parser.parse_args()
    cards = tuple(read_cards(*CARDS).values())
    settings = SamplerSettings(draws=500, tune=500, cores=1)
    found: dict[str, list[Outcome]] = {}
    for scenario in scenarios():
        store = given.folder / f"{scenario.name.replace(' ', '-').replace(',', '').replace('%', 'percent')}.jsonl"
        about = _about(scenario, settings)
        if given.only in scenario.name and given.studies:
            trials = {
                str(number): PlannedStudy(
                    scenario.design, scenario.truth, cards, "bliss", SEED, number, settings, both_ways=BOTH_WAYS_EVERY
                )
                for number in range(given.studies)
            }
            run_trials(answer, trials, store, about=about, workers=given.workers, progress=True, title=scenario.name)
        if stored := read_store(store, about):
            found[scenario.name] = [stored[key] for key in sorted(stored, key=int)]
            write_text(DOCUMENT, page(found))
    print(pd.DataFrame({name: {"studies": len(one)} for name, one in found.items()}).T.to_string())


if __name__ == "__main__":
    main()
