"""A panel as the rest of the package sees it: models, what their arms get under common names, moderators."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import pandas as pd

from xenograft.files import digest_of
from xenograft.printing import html_card, html_list, html_table
from xenograft.study.arms import Arm, Treatments
from xenograft.study.study import REFERENCE_VOLUME, Study


@dataclass(frozen=True, eq=False)
class Panel(Treatments):
    """Studies of several tumour models that answer one question.

    Parameters
    ----------
    name : str
        What the panel is called.
    studies : mapping of str to Study
        By model: arms and agents under the panel's names, days as the laboratory recorded them.
    arms : tuple of Arm
        Everything that some model's arm gets, the vehicle first; dosing days since the first dose, of the first model
        that has the arm.
    first_dose : mapping of str to float
        Day of the first dose by model, as recorded: day 0 of the panel.
    historical : frozenset of str
        Models of which only the vehicle counts, as historical controls.
    moderators : DataFrame
        What may change how a model responds, a row per model: numbers, of a category one column of 0 and 1 for each
        but the first; not a number where it is unknown.
    chosen_horizon : float or None
        Days since the first dose at which single numbers are given, where panel.toml says it.
    notices : tuple of str
        What the reader should know.
    until : float or None
        Days since the first dose after which readings are not fitted, where panel.toml says it.
    """

    name: str
    studies: Mapping[str, Study]
    arms: tuple[Arm, ...]
    first_dose: Mapping[str, float]
    historical: frozenset[str] = frozenset()
    moderators: pd.DataFrame = field(default_factory=pd.DataFrame)
    chosen_horizon: float | None = None
    notices: tuple[str, ...] = ()
    until: float | None = None

    group = "model"

    def __repr__(self) -> str:
        return f"<Panel {self.name!r}: {len(self.studies)} models, {self.animals} animals in {len(self.arms)} arms>"

    def _repr_html_(self) -> str:
        counts = self.animals_by_arm.reset_index()
        rows = [{str(key): value for key, value in row.items()} for row in counts.to_dict("records")]
        return html_card(self.name, "Panel", [repr(self).strip("<>")], [html_table(rows), html_list(self.notices)])

    @property
    def models(self) -> tuple[str, ...]:
        """Names of the models."""
        return tuple(self.studies)

    @cached_property
    def fitted_readings(self) -> pd.DataFrame:
        """The readings that the likelihood uses, of historical models those of the vehicle.

        Columns `model`, `arm`, `animal` (str), `elapsed` (days since the first dose), `volume` (in `unit`), `censored`.
        """
        parts: list[pd.DataFrame] = []
        for model, study in self.studies.items():
            readings = study.readings
            kept = readings["fitted"]
            if model in self.historical:
                kept &= readings["arm"] == self.control.name
            own = readings.loc[kept, ["arm", "animal", "volume", "censored"]]
            elapsed = readings.loc[kept, "day"].to_numpy(dtype=float) - self.first_dose[model]
            own = own.assign(model=model, elapsed=elapsed)
            parts.append(own if self.until is None else own[own["elapsed"] <= self.until])
        return pd.concat(parts, ignore_index=True)

    @cached_property
    def last_days(self) -> pd.DataFrame:
        """The last day of each animal since the first dose: columns `model`, `arm`, `animal`, `elapsed`."""
        return self.fitted_readings.groupby(["model", "arm", "animal"], sort=False)["elapsed"].max().reset_index()

    @cached_property
    def animals(self) -> int:
        """Number of animals with a fitted reading."""
        return len(self.last_days)

    @cached_property
    def readings(self) -> int:
        """Number of fitted readings."""
        return len(self.fitted_readings)

    @cached_property
    def censored(self) -> int:
        """Number of them at or below their limit."""
        return int(self.fitted_readings["censored"].sum())

    @cached_property
    def judged(self) -> tuple[Arm, ...]:
        """The combinations all of whose agents some model gets alone."""
        return tuple(
            arm for arm in self.combinations if self.tested_alone.issuperset((d.agent, d.level) for d in arm.dosings)
        )

    def singles(self, combination: Arm) -> tuple[Arm, ...]:
        """The arms that give each agent of a judged combination alone, at its dose.

        Parameters
        ----------
        combination : Arm
            One of `judged`.

        Returns
        -------
        tuple of Arm
        """
        alone = {(a.dosings[0].agent, a.dosings[0].level): a for a in self.arms if len(a.dosings) == 1}
        return tuple(alone[d.agent, d.level] for d in combination.dosings)

    @cached_property
    def animals_by_arm(self) -> pd.DataFrame:
        """Number of animals with a fitted reading (model, arm)."""
        counts = self.last_days.groupby(["model", "arm"]).size().unstack(fill_value=0)
        table = counts.reindex(index=list(self.models), columns=[arm.name for arm in self.arms], fill_value=0)
        return table.rename_axis(index="model", columns=None)

    def complete(self, combination: Arm) -> tuple[str, ...]:
        """Models that have a combination, each of its agents alone, and the vehicle.

        Parameters
        ----------
        combination : Arm
            One of `judged`.

        Returns
        -------
        tuple of str
        """
        needed = [self.control.name, combination.name, *(arm.name for arm in self.singles(combination))]
        table = self.animals_by_arm[needed]
        return tuple(str(m) for m in table.index[(table > 0).all(axis=1)])

    @cached_property
    def reference_volume(self) -> float:
        """Volume from which log volumes are counted: 100 mm³, or the median baseline of panels in another unit."""
        if next(iter(self.studies.values())).unit == "mm3":
            return REFERENCE_VOLUME
        first = self.fitted_readings.groupby(["model", "animal"])["volume"].first()
        return float(np.exp(np.median(np.log(first))))

    @property
    def unit(self) -> str:
        """Unit of the volumes."""
        return next(iter(self.studies.values())).unit

    @cached_property
    def follow_up(self) -> float:
        """Days for which the median model follows its vehicle: the time in which priors of rates may be stated.

        Of each model the last day on which half of its vehicle animals are left, as of one study.
        """
        days = [_half_are_left(own["elapsed"].to_numpy()) for _, own in self._present(self.control.name)]
        return float(np.median([day for day in days if day > 0] or [max(self.last_day, 1.0)]))

    @cached_property
    def horizon(self) -> float:
        """Days since the first dose at which single numbers are given.

        Chosen in panel.toml, else the day on which the median model still has half the animals of every arm.
        """
        if self.chosen_horizon is not None:
            return self.chosen_horizon
        days = [
            min(_half_are_left(arm["elapsed"].to_numpy()) for _, arm in own.groupby("arm"))
            for _, own in self._present()
        ]
        return float(np.round(np.median([day for day in days if day > 0] or [self.last_day])))

    def _present(self, arm: str | None = None) -> list[tuple[str, pd.DataFrame]]:
        """The last days of the animals of each model that is no historical control."""
        table = self.last_days if arm is None else self.last_days[self.last_days["arm"] == arm]
        return [(str(m), own) for m, own in table.groupby("model", sort=False) if m not in self.historical]

    @cached_property
    def last_day(self) -> float:
        """Days from the first dose to the last fitted reading of any model."""
        return float(self.fitted_readings["elapsed"].max())

    def arms_of(self, model: str) -> tuple[Arm, ...]:
        """All arms of the panel as a model gives them, days since its first dose; as the panel where it has none.

        Parameters
        ----------
        model : str
            One of `models`.

        Returns
        -------
        tuple of Arm
        """
        own = {arm.name: arm for arm in self.studies[model].arms}
        return tuple(
            since_first_dose(own[arm.name], self.first_dose[model]) if arm.name in own else arm for arm in self.arms
        )

    @cached_property
    def standard_moderators(self) -> pd.DataFrame:
        """Moderators less their mean over their sd, of the models of which they are known."""
        return (self.moderators - self.moderators.mean()) / self.moderators.std(ddof=1)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of everything in the panel that changes a posterior."""
        known = self.moderators
        return digest_of(
            {
                "readings": list(
                    self.fitted_readings.sort_values(["model", "animal", "elapsed", "volume"]).itertuples(
                        index=False, name=None
                    )
                ),
                "arms": [[str(arm) for arm in self.arms_of(m)] for m in self.models],
                "unit": self.unit,
                "historical": sorted(self.historical),
                "moderators": {str(c): [None if pd.isna(v) else float(v) for v in known[c]] for c in known},
            }
        )


def _half_are_left(last: np.ndarray) -> float:
    """The last day on which at least half of the animals are left."""
    ordered = np.sort(last)[::-1]
    return float(ordered[(len(ordered) - 1) // 2])


def since_first_dose(arm: Arm, first_dose: float) -> Arm:
    """The arm with its dosing days counted from a first dose (day as recorded)."""
    dosings = tuple(replace(d, days=tuple(day - first_dose for day in d.days)) for d in arm.dosings)
    return replace(arm, dosings=dosings)
