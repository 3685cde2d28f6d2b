"""Every number of a study in one place: from the curves, from the raw readings, for a new animal.

See docs/estimands.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import xarray as xr

from xenograft.answers.averaging import AVERAGED, model_curves
from xenograft.answers.interactions import SINGLES, interaction_draws, interaction_numbers, measured_against
from xenograft.answers.new_animals import best_arms_of, new_animals, responses_of, survival_of
from xenograft.answers.ranking import Comparison
from xenograft.errors import InputError, NoHealthyFitError
from xenograft.files import write_csv
from xenograft.fitting.fit import Fit
from xenograft.printing import number
from xenograft.quantities.animals import RAW_DEFINITIONS, animal_responses, said
from xenograft.quantities.arms import ARM_DEFINITIONS, arm_responses, survival_curves
from xenograft.quantities.catalogue import ARM_NUMBERS, ROW, arm_estimands, questions, summary_columns, why_missing
from xenograft.quantities.criteria import CRITERION_WORDS
from xenograft.quantities.estimands import REFERENCES
from xenograft.study.study import Study
from xenograft.study.tested import judged_combinations

NUMBER_COLUMNS = ("model", "arm", "of", "predicted", "quantity", "day", *ROW, "unit", "definition", "reason")


@dataclass(frozen=True, eq=False)
class Summary:
    """Every number of a study.

    Parameters
    ----------
    arms : DataFrame
        From the curves of `model`, one row per arm and quantity: columns `model`, `arm`, `of`, `predicted`, `quantity`,
        `day` (the horizon, as recorded), those of `summarise`, `unit`, `definition`, `reason` (why a number is missing
        or infinite).
    interaction : DataFrame
        From the typical curves of `model`, as `interaction_numbers`.
    animal_readings, arm_readings, survival : DataFrame
        From the readings alone: as `animal_responses`, `arm_responses` and `survival_curves`.
    responses, predicted_survival, best : DataFrame
        For a new animal, from all that is averaged: as `predicted_responses`, `predicted_survival` and `best_arms`.
    draws : Dataset (chain, draw, arm)
        Of every number of `arms`.
    interaction_draws : Dataset (chain, draw, combination)
        Of every number of `interaction` against single agents, by names such as "excess_bliss".
    """

    arms: pd.DataFrame
    interaction: pd.DataFrame
    animal_readings: pd.DataFrame
    arm_readings: pd.DataFrame
    survival: pd.DataFrame
    responses: pd.DataFrame
    predicted_survival: pd.DataFrame
    best: pd.DataFrame
    draws: xr.Dataset
    interaction_draws: xr.Dataset

    def to_csv(self, path: str | Path) -> None:
        """Write every number as one long CSV table that a spreadsheet opens without running anything.

        Parameters
        ----------
        path : str or Path
            File to write; replaced if it exists.
        """
        write_csv(path, long_table(self))

    def _repr_html_(self) -> str:
        return arm_matrix(self.arms).to_html() + self.interaction.round(3).to_html(index=False)


def summary(
    fits: Mapping[str, Fit],
    ranking: Comparison,
    *,
    model: str = AVERAGED,
    of: Literal["typical", "mean"] = "typical",
    day: float | None = None,
    margins: Mapping[str, float] | None = None,
    animals: int = 10,
    seed: int = 0,
) -> Summary:
    """Every number of a study: from the curves, from the raw readings, for a new animal.

    Parameters
    ----------
    fits : mapping of str to Fit
        By card name, all of one study.
    ranking : Comparison
        Of these fits.
    model : str
        "averaged" (over the answering cards) or a card's name.
    of : {"typical", "mean"}
        Curves that arms' numbers are of; interactions are always of typical curves.
    day : float, optional
        Day (as recorded) of the numbers; default the study's horizon.
    margins : mapping of str to float, optional
        How far from no effect a value has to be to matter, by quantity ("tgi", "excess_bliss", …), in its unit.
    animals : int
        New animals per arm: the size of the group that predicted intervals are about.
    seed : int
        Of the new animals.

    Raises
    ------
    NoHealthyFitError
        When the model has no healthy fit.
    InputError
        When the day is not among the days the study was observed on, or a margin is of no quantity.
    """
    unknown = set(margins or {}) - set(questions())
    if unknown:
        known = ", ".join(questions())
        raise InputError(f"summary: there is no margin for {', '.join(sorted(unknown))}. Known: {known}.")
    fits = fits if day is None else at_day(fits, day)
    study = next(iter(fits.values())).study
    available = model_curves(fits, ranking)
    if model not in available:
        raise NoHealthyFitError(f"summary: there is no healthy fit for {model}. Look at the health of the fits.")
    typical = available[model]
    course = typical if of == "typical" else model_curves(fits, ranking, of=of)[model]
    draws = arm_estimands(course, study)
    drawn = new_animals(fits, ranking, model=model, animals=animals, seed=seed)
    return Summary(
        arms=arm_numbers(study, course, model, draws, margins=margins),
        interaction=interaction_numbers(study, typical, model, margins=margins),
        animal_readings=animal_responses(study),
        arm_readings=arm_responses(study),
        survival=survival_curves(study),
        responses=responses_of(study, drawn, model),
        predicted_survival=survival_of(study, drawn, model),
        best=best_arms_of(study, available.get(AVERAGED)),
        draws=xr.Dataset(draws),
        interaction_draws=_interaction_draws(study, typical),
    )


def at_day(fits: Mapping[str, Fit], day: float) -> dict[str, Fit]:
    """The same fits with another day for single numbers; their posteriors do not depend on it.

    Raises
    ------
    InputError
        When the day is not after the first dose and up to the last reading.
    """
    study = next(iter(fits.values())).study
    last = float(study.fitted_readings["day"].max())
    if not study.first_dose < day <= last:
        raise InputError(
            f"{study.name}: day {day:g} is not after the first dose (day {study.first_dose:g}) and up to the last "
            f"reading (day {last:g}). Give a day between them."
        )
    return {name: replace(fit, study=replace(fit.study, chosen_horizon=float(day))) for name, fit in fits.items()}


def arm_numbers(
    study: Study,
    curves: xr.DataArray,
    model: str,
    draws: Mapping[str, xr.DataArray] | None = None,
    *,
    margins: Mapping[str, float] | None = None,
    control: str | None = None,
) -> pd.DataFrame:
    """Every number of every arm as a table.

    Parameters
    ----------
    study : Study
        Tells horizon and control.
    curves : DataArray (chain, draw, arm, day)
        From `model_curves`.
    model : str
        Named in the table.
    draws : mapping of str to DataArray, optional
        `arm_estimands` of these curves, where at hand.
    margins : mapping of str to float, optional
        As in `summary`.
    control : str, optional
        The arm that the draws compare with; default the vehicle.

    Returns
    -------
    DataFrame
        As `Summary.arms`.
    """
    predicted = dict(zip(curves["arm"].to_numpy(), curves["predicted"].to_numpy(), strict=True))
    arms = [str(arm) for arm in curves["arm"].to_numpy()]
    rows: list[dict[str, Any]] = []
    for key, values in (arm_estimands(curves, study) if draws is None else draws).items():
        columns = summary_columns(values.transpose("arm", ...), key, (margins or {}).get(key))
        words = {"quantity": key, "unit": values.attrs["unit"], "definition": values.attrs["definition"]}
        for arm, numbers in zip(arms, zip(*columns.values(), strict=True), strict=True):
            row = dict(zip(columns, numbers, strict=True))
            reason = why_missing(key, row, control or study.control.name, study.horizon)
            rows.append({"arm": arm, **row, **words, "reason": reason})
    table = pd.DataFrame(rows).assign(model=model, of=curves.attrs["of"], day=study.horizon)
    table["predicted"] = table["arm"].map(predicted).astype(bool)
    return table[list(NUMBER_COLUMNS)]


def arm_matrix(arms: pd.DataFrame) -> pd.DataFrame:
    """Numbers of arms as people read them: quantities down, arms across, median and interval in the cell.

    Parameters
    ----------
    arms : DataFrame
        Of one model, as `Summary.arms`.
    """
    cells = [
        _cell(row["quantity"], row["median"], row["lower"], row["upper"], row["reason"]) for _, row in arms.iterrows()
    ]
    names = [f"{key} ({unit})" if unit else key for key, unit in zip(arms["quantity"], arms["unit"], strict=True)]
    wide = arms.assign(said=cells, quantity=names).pivot(index="quantity", columns="arm", values="said")
    return wide.loc[list(dict.fromkeys(names)), list(dict.fromkeys(arms["arm"]))]


def long_table(numbers: Summary) -> pd.DataFrame:
    """Every number of a summary in one long table: one row per number.

    Returns
    -------
    DataFrame
        Columns `source` ("model", "readings", "new animal"), `model`, `of`, `arm`, `animal`, `against`, `reference`,
        `quantity`, `day`, `value` (the median of draws), `lower`, `upper`, `text`, the shares of `summarise`,
        `animals`, `unit`, `reason`, `definition`.
    """
    model = {"source": "model"}
    raw = {"source": "readings"}
    new = {"source": "new animal"}
    animals, responses = numbers.animal_readings, numbers.responses
    classes = responses["criterion"] + "_" + responses["response"].str.lower().replace("", "unclassed")
    parts = [
        numbers.arms.rename(columns={"median": "value"}).assign(**model),
        numbers.interaction.rename(columns={"median": "value", "combination": "arm"}).assign(**model, of="typical"),
        numbers.arm_readings.assign(definition=_words(numbers.arm_readings, ARM_DEFINITIONS), **raw),
        animals.assign(definition=_words(animals, RAW_DEFINITIONS), text=said(animals), **raw),
        responses.rename(columns={"probability": "value"}).assign(
            quantity="probability_" + classes, definition=responses["criterion"].map(CRITERION_WORDS), **new
        ),
        numbers.predicted_survival.rename(columns={"share": "value"}).assign(
            quantity="survival_to_endpoint", definition="Share of new animals below the endpoint volume so far", **new
        ),
        numbers.best.rename(columns={"probability": "value"}).assign(
            quantity="probability_best", definition="Probability of the smallest typical tumour of all arms", **new
        ),
    ]
    columns = [
        "source", "model", "of", "arm", "animal", "against", "reference", "quantity", "day", "value", "lower", "upper",
        "text", "probability", "beyond", "opposite", "margin", "unreached", "undefined", "animals", "unit", "reason",
        "definition",
    ]  # fmt: skip
    table = pd.concat([part.reindex(columns=columns) for part in parts if len(part)], ignore_index=True)
    text = [
        "source",
        "model",
        "of",
        "arm",
        "animal",
        "against",
        "reference",
        "quantity",
        "text",
        "unit",
        "reason",
        "definition",
    ]
    table[text] = table[text].astype(object).where(table[text].notna(), "")
    return table


def _words(table: pd.DataFrame, definitions: Mapping[str, tuple[str, str]]) -> pd.Series:
    return table["quantity"].map({key: words for key, (_, words) in definitions.items()})


def _cell(quantity: str, median: float, lower: float, upper: float, reason: str) -> str:
    if pd.isna(median):
        return reason
    endless = ARM_NUMBERS[quantity].limit
    low, middle, high = (number(value) if np.isfinite(value) else endless for value in (lower, median, upper))
    said = middle if lower == median == upper else f"{middle} ({low} to {high})"  # alone what is so by definition
    return said + (f"; {reason}" if reason else "")


def _interaction_draws(study: Study, curves: xr.DataArray) -> xr.Dataset:
    """Draws of every interaction number against single agents."""
    by_arm: list[xr.Dataset] = []
    combinations = judged_combinations(study)
    for arm in combinations:
        found: dict[str, xr.DataArray] = {}
        for reference in REFERENCES:
            names = measured_against(study, arm)[SINGLES]
            draws = interaction_draws(study, curves, arm.name, names, reference, study.horizon)  # pyright: ignore[reportArgumentType]
            found |= {f"{quantity}_{reference}": values for quantity, values in draws.items()}
        by_arm.append(xr.Dataset(found))
    names = pd.Index([arm.name for arm in combinations], name="combination")
    return xr.concat(by_arm, dim=names, combine_attrs="override") if by_arm else xr.Dataset()
