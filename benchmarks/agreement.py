"""Our numbers beside those of the programs people used before, on the same readings: writes docs/agreement.md.

`uv run python benchmarks/agreement.py FOLDER`, where FOLDER holds `data` (studies) and `reference` (numbers of other
programs, whose README says how they were made).
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from xenograft.files import write_text
from xenograft.fitting.curves import curves, reference_names
from xenograft.fitting.fit import Fit
from xenograft.fitting.sampling import SamplerSettings, fit
from xenograft.model.card import read_card
from xenograft.quantities.arms import arm_responses
from xenograft.quantities.estimands import combination_index, excess, growth_rate
from xenograft.reading.read import read_study
from xenograft.study.study import Arm, Study

ROOT = Path(__file__).parents[1]
DOCUMENT = ROOT / "docs" / "agreement.md"
CARD = Path(__file__).parent / "wide-exponential.toml"
COMMON = "common baseline"
QUANTITIES = {
    "rate vehicle": "growth rate, vehicle",
    "rate A": "growth rate, first agent",
    "rate B": "growth rate, second agent",
    "rate AB": "growth rate, combination",
    "bliss contrast AB-A-B+vehicle": "Bliss contrast",
    "hsa contrast AB-best single": "HSA contrast",
}
"""Of the linear mixed models, with our words."""

SAME = 0.5
"""Standard errors within which the same number is expected."""


def same_readings(study: Study, name: str) -> Study:
    """The study with the readings the other programs used, all of them fitted, and effects from their first day on."""
    readings = study.readings[(study.readings["volume"] > 0) & ~study.readings["censored"]]
    start = study.first_dose if name.startswith("pdx-") else float(readings["day"].min())
    readings = readings[readings["day"] >= start].reset_index(drop=True)
    first = readings.groupby("animal")["day"].transform("min")
    arms = tuple(_from(arm, start) for arm in study.arms)
    return replace(study, arms=arms, readings=readings.assign(fitted=True, baseline=readings["day"] == first))


@cache
def wide_fit(folder: Path, name: str) -> Fit:
    """The linear mixed model as a card with priors that do not matter, on the same readings."""
    study = same_readings(read_study(folder / "data" / name), name)
    settings = SamplerSettings(draws=2000, tune=1000)
    return fit(study, read_card(CARD), seed=1, settings=settings, progress=False)


def mixed_model_rows(folder: Path, names: Sequence[str] | None = None) -> pd.DataFrame:
    """Growth rates and contrasts of the linear mixed models with a common baseline, theirs and ours.

    Returns
    -------
    DataFrame
        Columns `study`, `program`, `quantity`, `theirs`, `se`, `ours` (posterior mean), `sd`, `apart` (difference in
        their standard errors).
    """
    theirs = pd.read_csv(folder / "reference" / "linear-mixed-models.csv")
    common = theirs["variant"].str.contains(COMMON) | theirs["program"].str.contains("brms")
    theirs = theirs[common & theirs["quantity"].isin(list(QUANTITIES))]
    names = list(dict.fromkeys(theirs["study"])) if names is None else names
    rows: list[dict[str, object]] = []
    for name in names:
        own = our_rates(wide_fit(folder, name))
        for row in theirs[theirs["study"] == name].itertuples():
            mean, sd = own[str(row.quantity)]
            rows.append(
                {
                    "study": name, "program": "brms" if "brms" in str(row.program) else "nlme",
                    "quantity": QUANTITIES[str(row.quantity)], "theirs": row.estimate, "se": row.se_or_sd,
                    "ours": mean, "sd": sd, "apart": abs(mean - row.estimate) / row.se_or_sd,
                }
            )  # fmt: skip
    return pd.DataFrame(rows)


def our_rates(one: Fit) -> dict[str, tuple[float, float]]:
    """Posterior mean and sd of the growth rates and contrasts (1/day), in the other programs' sign."""
    study = one.study
    horizon = float(study.fitted_readings["day"].max())
    drawn = curves(one, [study.first_dose, horizon])
    combination = study.combinations[0]
    singles = reference_names(study, combination)
    rate = growth_rate(drawn, horizon)
    days = horizon - study.first_dose
    bliss = -excess(drawn, combination.name, singles, study.control.name, "bliss").sel(day=horizon) / days
    best = min(singles, key=lambda arm: float(rate.sel(arm=arm).mean()))
    order = {arm.agents[0]: arm.name for arm in study.arms if len(arm.agents) == 1}
    first, second = order.values()
    draws = {
        "rate vehicle": rate.sel(arm=study.control.name),
        "rate A": rate.sel(arm=first),
        "rate B": rate.sel(arm=second),
        "rate AB": rate.sel(arm=combination.name),
        "bliss contrast AB-A-B+vehicle": bliss,
        "hsa contrast AB-best single": rate.sel(arm=combination.name) - rate.sel(arm=best),
    }
    return {key: (float(values.mean()), float(values.std())) for key, values in draws.items()}


def inhibition_rows(folder: Path) -> pd.DataFrame:
    """Tumour growth inhibition from the raw readings, invivoSyn's and ours: columns `study` … `theirs`, `ours`."""
    theirs = pd.read_csv(folder / "reference" / "invivosyn-tgi.csv")
    keys = {"DeltaTV": "tgi_baseline", "RTV": "tgi_rtv"}
    rows: list[dict[str, object]] = []
    for (name, day), group in theirs.groupby(["study", "day"], sort=False):
        table = arm_responses(read_study(folder / "data" / str(name)), float(day)).set_index(["arm", "quantity"])
        for row in group.itertuples():
            key = keys[str(row.definition)]
            ours = float(table.loc[(row.arm, key), "value"])
            rows.append({"study": name, "day": day, "definition": row.definition, "ours called": key, "arm": row.arm,
                         "theirs": row.tgi, "ours": ours})  # fmt: skip
    return pd.DataFrame(rows)


def index_rows(folder: Path) -> pd.DataFrame:
    """Combination index on the last day, SynergyLMM's and ours from the same readings."""
    theirs = pd.read_csv(folder / "reference" / "synergylmm.csv").astype({"robust_se": str})
    theirs = theirs[(theirs["metric"] == "CI") & theirs["reference"].isin(["Bliss", "HSA"])]
    theirs = theirs[theirs["robust_se"].str.upper() == "FALSE"]
    rows: list[dict[str, object]] = []
    for (name, reference), group in theirs.groupby(["study", "reference"], sort=False):
        last = group.sort_values("day").iloc[-1]
        one = wide_fit(folder, str(name))
        study, combination = one.study, one.study.combinations[0]
        day = float(last["day"]) + (study.first_dose if str(name).startswith("pdx-") else 0.0)
        drawn = curves(one, [study.first_dose, day])
        singles = reference_names(study, combination)
        found = excess(drawn, combination.name, singles, study.control.name, str(reference).lower()).sel(day=day)
        low, middle, high = combination_index(found).quantile([0.025, 0.5, 0.975]).to_numpy()
        rows.append(
            {
                "study": name, "reference": reference, "day": last["day"], "theirs": last["estimate"],
                "their lower": last["lower"], "their upper": last["upper"], "ours": middle, "lower": low, "upper": high,
            }
        )  # fmt: skip
    return pd.DataFrame(rows)


def document(mixed: pd.DataFrame, inhibition: pd.DataFrame, index: pd.DataFrame) -> str:
    """The text of docs/agreement.md."""
    worst = mixed.loc[mixed["apart"].idxmax()]
    within = int((mixed["apart"] <= SAME).sum())
    differences = (inhibition["theirs"] - inhibition["ours"]).abs()
    return TEXT.format(
        within=within,
        of=len(mixed),
        worst=f"{worst['apart']:.2f}",
        mixed=_table(mixed, {"theirs": ".5f", "se": ".5f", "ours": ".5f", "sd": ".5f", "apart": ".2f"}),
        tgi=len(inhibition),
        largest=f"{differences.max():.0e}",
        inhibition=_table(inhibition, {"theirs": ".3f", "ours": ".3f"}),
        index=_table(index, dict.fromkeys(["theirs", "their lower", "their upper", "ours", "lower", "upper"], ".2f")),
    )


TEXT = """# Agreement with other programs

Our numbers beside those that other programs gave on the same readings of real studies. `benchmarks/agreement.py` writes
this page, `tests/test_agreement.py` checks it. Where the definitions coincide the numbers do; where they do not, this
page says why.

## Linear mixed models: the same model, the same numbers

R nlme (REML) and brms (Stan, nearly flat priors): ln volume against day, one baseline for all arms, a growth rate per
arm, correlated intercept and slope per animal. That is our exponential card with constant exposure; for the comparison
its priors are so wide that they do not matter (`benchmarks/wide-exponential.toml`) and the readings are those the
programs used. **{within} of {of} numbers agree within half a standard error**; the largest difference is {worst}
standard errors. Theirs: estimate and standard error (brms: posterior mean and sd). Ours: posterior mean and sd. All in
1/day; contrasts in their sign (negative = enhanced), which times minus the days is our excess.

How the shipped analysis differs from this table, on purpose:

- Priors are informative, as the cards say, and the readings are each animal's last before the first dose and all later
  ones, zeros included as censored readings.
- HSA: the table takes the better agent as the programs do, once, by its mean. Our `hsa` takes the better agent in every
  draw, so its interval carries the choice; where two agents are close, its excess is smaller by up to the spread of
  their difference.
- nlme's free baseline per arm is not a card of ours: animals are randomised, so arms share one baseline.

A mixed model has one answer, and an optimiser may miss it. statsmodels' MixedLM (0.15) depends on the unit of time: in
days the variances of baselines and of growth rates differ by orders of magnitude, and the same readings do not
converge, or give a standard error that is many times too large, where they are right in weeks, or the other way round;
lme4 (1.1-31) does so too, less often. So ours (the usual tests in a report, `docs/error-rates.md`) is fitted in both,
the better REML likelihood is kept, compared in one unit, and what never converges has no numbers and says so.

{mixed}

## Tumour growth inhibition from the readings: invivoSyn

All {tgi} values agree with our raw numbers (`xenograft estimands`, *from the readings alone*) to {largest} percentage
points: DeltaTV is our `tgi_baseline`, RTV our `tgi_rtv`.

{inhibition}

Our model's numbers of the same name differ from these on purpose: they are ratios of typical curves, so that one large
animal does not decide them and an animal that has left still counts, and every arm starts from one baseline, where RTV
divides each animal's volume by its own noisy baseline reading.

## Combination index: SynergyLMM

Combination index on the last day each program gives (below 1 = enhanced), with 95 % intervals. These are **not the same
definition**, and are not expected to agree within half a standard error:

- SynergyLMM divides every reading by the animal's first one and forces the line through that point. The error of the
  one baseline reading then enters all later ratios; we fit the baseline, with its error.
- It drops readings of 0 and has a random slope only.
- Its HSA compares with the better agent by estimate; ours with the better agent in every draw.
- Ours here is from the wide-prior fit above, so that priors explain none of the difference.

{index}
"""


def _table(frame: pd.DataFrame, formats: dict[str, str]) -> str:
    def cells(values: Iterable[object]) -> str:
        return f"| {' | '.join(str(value) for value in values)} |"

    shown = frame.copy()
    for column, style in formats.items():
        shown[column] = [format(value, style) for value in frame[column]]
    lines = [cells(shown.columns), cells("---" for _ in shown.columns)]
    return "\n".join([*lines, *(cells(row) for row in shown.itertuples(index=False, name=None))])


def _from(arm: Arm, start: float) -> Arm:
    return replace(arm, dosings=tuple(replace(dosing, days=(start,), doses=None) for dosing in arm.dosings))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    place = Path(sys.argv[1])
    np.seterr(all="raise", under="ignore")
    write_text(DOCUMENT, document(mixed_model_rows(place), inhibition_rows(place), index_rows(place)))
