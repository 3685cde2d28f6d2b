"""A planned panel with known truth: simulated, written as a laboratory would, and the answers that it should give."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import pandas as pd

from xenograft.errors import InputError
from xenograft.files import toml_text
from xenograft.panels.answers import values_of
from xenograft.panels.matching import matched
from xenograft.panels.moderators import FEWEST, MODERATORS
from xenograft.panels.panel import Panel
from xenograft.panels.panel_toml import PANEL
from xenograft.planning.design import Design
from xenograft.quantities.estimands import JudgedReference
from xenograft.reading.folder import csv_of, number_text, toml_of
from xenograft.simulation.models import at_moderators, centre_of, new_model, simulate_models
from xenograft.simulation.panel_truth import PanelTruth
from xenograft.simulation.simulate import SimulatedStudy
from xenograft.simulation.true_excess import true_excess
from xenograft.simulation.truth import Truth, truth_text
from xenograft.study.study import Arm, Study


@dataclass(frozen=True, eq=False, kw_only=True)
class SimulatedPanel(Panel):
    """A panel with the truth it was made with; everything that takes a Panel takes it.

    Parameters
    ----------
    truth : Truth
        Of the typical model, and how models differ.
    truths : mapping of str to Truth
        By model, what it was made with.
    design : Design
        What was planned.
    """

    truth: Truth
    truths: Mapping[str, Truth]
    design: Design


def simulate_panel(design: Design, truth: Truth, *, seed: int, digits: int | None = None) -> SimulatedPanel:
    """A panel as a design plans it, made with a known truth.

    Parameters
    ----------
    design : Design
        With a `panel`.
    truth : Truth
        With a `panel`: how models differ.
    seed : int
        The same seed gives the same panel; a panel of more models or animals has those of the smaller one and more.
    digits : int or None
        Significant digits to which a volume is recorded.

    Raises
    ------
    InputError
        The truth does not fit the design, or what it left over is no panel.
    """
    planned = design.panel
    if planned is None:
        raise InputError("design: it is one study, and a panel is asked for. Add [panel], with models.")
    animals = {model: dict(design.animals) | dict(planned.animals.get(model, {})) for model in planned.models}
    made = simulate_models(
        design.arms, truth, models=planned.models, animals=animals, days=design.visits, seed=seed,
        moderators=planned.moderators, endpoint_volume=design.endpoint_volume,
        limit_of_quantification=design.limit_of_quantification, digits=digits,
    )  # fmt: skip
    studies = {model: _fitted_from(study, design.fit_from) for model, study in made.studies.items()}
    treated = [model for model, study in studies.items() if len(study.arms) > 1]
    if len(treated) < 2:
        raise InputError(f"truth: {len(treated)} models with a treated arm are left, and a panel needs 2. Lose fewer.")
    matches = matched(studies, {m: {} for m in studies}, alike=False, place="design", first_dose=design.first_dose)
    horizon = None if design.horizon is None else design.horizon - design.first_dose
    return SimulatedPanel(
        name=design.name, studies=matches.studies, arms=matches.arms, first_dose=matches.first_dose,
        historical=frozenset(studies.keys() - set(treated)), moderators=_learnable(made.moderators),
        chosen_horizon=horizon, notices=matches.notices, truth=truth, design=design,
        truths={model: study.truth for model, study in made.studies.items()},
    )  # fmt: skip


def example_panel(design: Design, truth: Truth | None) -> SimulatedPanel:
    """Any panel of a design, for what depends on the design and the moderators of a truth alone.

    Parameters
    ----------
    design : Design
        With a `panel`.
    truth : Truth or None
        Whose moderators the models have.
    """
    agents = {dosing.agent for arm in design.arms for dosing in arm.dosings}
    drawn = {} if truth is None or truth.panel is None else truth.panel.moderators
    still_one = {"unknown": 0.0, "slope_kill": {}, "slope_departure": {}, "share": None}
    panel = PanelTruth(moderators={name: one.model_copy(update=still_one) for name, one in drawn.items()})
    still = Truth(baseline=100.0, growth=0.0, error=0.1, kill=dict.fromkeys(agents, 0.0), panel=panel)
    return simulate_panel(replace(design, limit_of_quantification=None, endpoint_volume=None), still, seed=0)


def true_answers(panel: SimulatedPanel, combination: Arm, reference: JudgedReference, *, seed: int) -> dict[str, float]:
    """What an analysis of a simulated panel should find on its horizon.

    Parameters
    ----------
    panel : SimulatedPanel
        The panel, with its truth.
    combination : Arm
        One of those judged.
    reference : {"bliss", "hsa"}
        What no interaction means.
    seed : int
        Of the model that was not tested.

    Returns
    -------
    dict of str to float
        `average`, the excess of the typical model; `new_model`, that of one drawn as the panel's were; by moderator
        how much the excess rises per unit of it, between the two values at which it is told. Log units.
    """
    arms, truth, planned = panel.design.arms, panel.truth, panel.design.panel
    assert truth.panel is not None
    assert planned is not None
    day = panel.design.first_dose + panel.horizon

    def of(model: Truth) -> float:
        return float(true_excess(arms, model, day, reference).sel(combination=combination.name).squeeze())

    another = new_model(truth, planned.moderators, seed)
    found = {"average": of(at_moderators(truth, {})), "new_model": of(another)}
    for name, (low, high) in values_of(panel).items():
        centre = centre_of(truth.panel, planned.moderators, name)
        ends = [of(at_moderators(truth, {name: value - centre})) for value in (low, high)]
        found[name] = (ends[1] - ends[0]) / (high - low)
    return found


def panel_texts(panel: SimulatedPanel, head: str) -> dict[str, str]:
    """The files of a simulated panel, by name: one table with a column of models, and what is read with it.

    Parameters
    ----------
    panel : SimulatedPanel
        The panel.
    head : str
        First line of study.toml.
    """
    design = panel.design
    readings = pd.concat([study.readings.assign(model=m) for m, study in panel.studies.items()], ignore_index=True)
    whole = Study(
        design.name, "mm3", design.arms, readings, limit_of_quantification=design.limit_of_quantification,
        endpoint_volume=design.endpoint_volume, fit_from=design.fit_from,
    )  # fmt: skip
    said = [f"name = {toml_text(panel.name)}"]
    said += [] if panel.chosen_horizon is None else [f"horizon = {number_text(panel.chosen_horizon)}"]
    texts = {
        "study.toml": head + toml_of(whole),
        "volumes.csv": csv_of(whole),
        PANEL: "\n".join([*said, ""]),
        "truth.toml": truth_text(panel.truth),
    }
    if panel.moderators.shape[1]:
        texts[MODERATORS] = panel.moderators.to_csv(lineterminator="\n")
    return texts


def _learnable(moderators: pd.DataFrame) -> pd.DataFrame:
    """Those from which something can be learned, as a reader of moderators.csv asks for."""
    return moderators[[str(n) for n in moderators if moderators[n].count() >= FEWEST and moderators[n].nunique() > 1]]


def _fitted_from(study: SimulatedStudy, day: float | None) -> Study:
    if day is None:
        return study
    return Study(
        study.name, study.unit, study.arms, study.readings.assign(fitted=study.readings["day"] >= day),
        limit_of_quantification=study.limit_of_quantification, endpoint_volume=study.endpoint_volume, fit_from=day,
    )  # fmt: skip
