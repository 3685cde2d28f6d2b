"""What the fits of a study say together, in tables: results.json, a report and a comparison are made of these."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd
import xarray as xr

from xenograft.answers.as_measured import MeasuredDay, measured_days
from xenograft.answers.averaging import AVERAGED, averaged_curves, model_curves
from xenograft.answers.inhibition import (
    Inhibition,
    inhibition_sentence,
    inhibitions,
    judged_pairs,
    numbers_against,
)
from xenograft.answers.interactions import INTERACTION_COLUMNS, interaction_numbers
from xenograft.answers.new_animals import best_arms_of, new_animals, responses_of, survival_of
from xenograft.answers.ranking import Comparison
from xenograft.answers.several import Several, several_combinations
from xenograft.answers.summary import NUMBER_COLUMNS, arm_numbers
from xenograft.answers.verdicts import Verdict, sentence, verdicts
from xenograft.fitting.fit import Fit
from xenograft.quantities.animals import animal_responses
from xenograft.quantities.arms import arm_responses, survival_curves
from xenograft.quantities.interaction_tests import Contrast, interaction_contrasts
from xenograft.study.study import Study


@dataclass(frozen=True, eq=False)
class Findings:
    """What the fits of a study say together.

    Parameters
    ----------
    study : Study
        What was analysed.
    curves : mapping of str to DataArray (chain, draw, arm, day)
        Typical curves by model, from `model_curves`.
    interaction : DataFrame
        At the horizon, of every model, as `interaction_numbers`.
    arms : DataFrame
        At the horizon, as `Summary.arms`: of every model's typical curves, and of the average's mean volumes.
    verdicts : tuple of Verdict or Inhibition
        For every combination under Bliss and HSA; then, where a combination cannot be judged, against the arms that get
        a part of it and the vehicle; of a study without one that can be judged every treated arm.
    sentences : tuple of str
        The verdicts for people.
    animal_readings, arm_readings, survival : DataFrame
        Of the readings alone: as `animal_responses`, `arm_responses` and `survival_curves`.
    new_animals : DataArray (chain, draw, arm, animal, day) or None
        Log volumes drawn from the averaged cards, as `new_animals`; None where no healthy card answers.
    responses, predicted_survival, best : DataFrame
        As `predicted_responses`, `predicted_survival` (to the endpoint volume) and `best_arms`; empty where no healthy
        card answers.
    several : Several or None
        What the combinations do together; None where fewer than three are judged.
    measured : tuple of MeasuredDay
        The arms as measured beside as modelled, on the last day with all animals and on the horizon.
    contrasts : tuple of Contrast
        The interaction by the tests that people know, of the readings alone.
    against : mapping of str to DataFrame
        Of what the inhibitions among the verdicts are judged by: numbers of the arms against another, by that other
        arm's name; of every model's typical curves, as `Summary.arms`.
    """

    study: Study
    curves: Mapping[str, xr.DataArray]
    interaction: pd.DataFrame
    arms: pd.DataFrame
    verdicts: tuple[Verdict | Inhibition, ...]
    sentences: tuple[str, ...]
    animal_readings: pd.DataFrame
    arm_readings: pd.DataFrame
    survival: pd.DataFrame
    new_animals: xr.DataArray | None
    responses: pd.DataFrame
    predicted_survival: pd.DataFrame
    best: pd.DataFrame
    several: Several | None = None
    measured: tuple[MeasuredDay, ...] = ()
    contrasts: tuple[Contrast, ...] = ()
    against: Mapping[str, pd.DataFrame] = field(default_factory=dict)


def findings(study: Study, fits: Mapping[str, Fit], ranking: Comparison) -> Findings:
    """Everything that fits say together, computed once.

    Parameters
    ----------
    study : Study
        What was analysed.
    fits : mapping of str to Fit
        By card name.
    ranking : Comparison
        Of these fits.
    """
    curves = model_curves(fits, ranking)
    mean = averaged_curves(fits, ranking, of="mean")
    drawn = new_animals(fits, ranking) if ranking.answer_weights else None
    arms = [arm_numbers(study, own, model) for of in (curves, mean) for model, own in of.items()]
    numbers = _stacked(arms, NUMBER_COLUMNS)
    interactions = [interaction_numbers(study, own, model) for model, own in curves.items()]
    by_model = [numbers_against(study, own, model) for model, own in curves.items()]
    others = dict.fromkeys(other for _, other in judged_pairs(study))
    against = {other: _stacked([tables[other] for tables in by_model], NUMBER_COLUMNS) for other in others}
    interacting, compared = verdicts(fits, ranking, curves), inhibitions(fits, ranking, curves)
    sentences = [sentence(study, one, curves) for one in interacting]
    sentences += [inhibition_sentence(one, averaged_numbers(against[one.control])) for one in compared]
    return Findings(
        study=study,
        curves=curves,
        interaction=_stacked(interactions, INTERACTION_COLUMNS),
        arms=numbers,
        verdicts=(*interacting, *compared),
        sentences=tuple(sentences),
        animal_readings=animal_responses(study),
        arm_readings=arm_responses(study),
        survival=survival_curves(study),
        several=several_combinations(study, fits, ranking, curves, interacting),
        measured=measured_days(study, curves.get(AVERAGED)),
        contrasts=interaction_contrasts(study),
        against=against,
        new_animals=drawn,
        responses=responses_of(study, drawn, AVERAGED),
        predicted_survival=survival_of(study, drawn, AVERAGED),
        best=best_arms_of(study, curves.get(AVERAGED)),
    )


def averaged_numbers(arms: pd.DataFrame) -> pd.DataFrame:
    """Of a table of arms' numbers, those of the average's typical curves."""
    return arms[(arms["model"] == AVERAGED) & (arms["of"] == "typical")]


def _stacked(tables: list[pd.DataFrame], columns: tuple[str, ...]) -> pd.DataFrame:
    filled = [table for table in tables if len(table)]
    return pd.concat(filled, ignore_index=True) if filled else pd.DataFrame(columns=list(columns))
