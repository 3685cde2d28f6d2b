"""A study as the rest of the package sees it: arms, doses, readings and what follows from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from xenograft.files import digest_of
from xenograft.printing import html_card, html_list, html_table
from xenograft.study.arms import Arm as Arm
from xenograft.study.arms import Dosing as Dosing
from xenograft.study.arms import Treatments
from xenograft.study.groups import Group, counted, group_of, groups_of, with_groups
from xenograft.study.repeated import once_a_day

REFERENCE_VOLUME = 100.0
"""Volume (mm³) at which the growth rate of a tumour is quoted, docs/mathematics.md#the-tumour."""


@dataclass(frozen=True, eq=False)
class Study(Treatments):
    """A xenograft study: the arms and every reading.

    Parameters
    ----------
    name : str
        What the study is called.
    unit : str
        Unit of `volume`: "mm3" (cm³ is converted on reading) or the study's own text.
    arms : tuple of Arm
        In the order of study.toml, ignored arms left out.
    readings : DataFrame
        One row per reading of the analysed arms, sorted by arm, animal, day: `animal` (str, unique in the study),
        `arm` (str), `day` (float, as recorded), `volume` (float, in `unit`, > 0; of a censored reading the limit),
        `censored` (bool: the tumour was at or below `volume`), `fitted` (bool: in the likelihood), `baseline` (bool:
        the animal's baseline reading), and where the table has them `weight` (g), `cohort`, `cage`, `reason_left`,
        `exclude` (str, the reason for which a reading is kept out of the likelihood; empty: it is not), `mouse` (str).
        Where mice carry several tumours, an "animal" is one of these tumours, and `mouse` says whose.
    limit_of_quantification : float or None
        Smallest volume (in `unit`) the laboratory could measure.
    endpoint_volume : float or None
        Volume (in `unit`) at which animals are removed.
    chosen_horizon : float or None
        `horizon` of study.toml: the day (as recorded) at which single numbers are given.
    primary : str or None
        The combination arm whose verdict is the study's verdict, as chosen in study.toml.
    fit_from : float or None
        Day (as recorded) from which readings are fitted instead of the baseline reading.
    ignored : mapping of str to int
        Arms listed but not analysed, with their numbers of animals.
    methods : mapping of str to str
        `[methods]` of study.toml: `strain`, `cell_line`, `randomisation`, `blinding`, `sample_size`, where given.
    notices : tuple of str
        What the reader of the study should know; nothing was changed because of it.
    source_sha256 : str or None
        Checksum of the table as read.
    """

    name: str
    unit: str
    arms: tuple[Arm, ...]
    readings: pd.DataFrame
    limit_of_quantification: float | None = None
    endpoint_volume: float | None = None
    chosen_horizon: float | None = None
    primary: str | None = None
    fit_from: float | None = None
    ignored: Mapping[str, int] = field(default_factory=dict)
    methods: Mapping[str, str] = field(default_factory=dict)
    notices: tuple[str, ...] = ()
    source_sha256: str | None = None

    @staticmethod
    def from_frame(
        frame: pd.DataFrame,
        *,
        arms: Mapping[str, Mapping[str, Any]] | Sequence[Arm],
        name: str = "Study",
        unit: str = "mm3",
        limit_of_quantification: float | None = None,
        endpoint_volume: float | None = None,
        horizon: float | None = None,
        fit_from: float | None = None,
        primary: str | None = None,
        animal_ids: Literal["unique", "within arm"] = "unique",
        columns: Mapping[str, str] | None = None,
        day_0: date | None = None,
        exclude: Sequence[Mapping[str, Any]] = (),
        methods: Mapping[str, str] | None = None,
    ) -> Study:
        """A study from a long pandas table, with the checks that a study.toml and its table get.

        Parameters
        ----------
        frame : DataFrame
            One row per reading: animal, arm, day, volume (or length and width), and what else a table may have.
        arms : mapping or sequence of Arm
            The `[arms.…]` tables of a study.toml as dictionaries, or records.
        name, unit, limit_of_quantification, endpoint_volume, horizon, fit_from, primary, animal_ids, columns
            As in study.toml (docs/study-files.md).
        day_0, exclude, methods
            As in study.toml: the date of day 0 where days are dates, readings to keep out of the fit, and what a
            journal asks.

        Raises
        ------
        StudyError
            Every problem that can be found in one pass; rows count from 0, as in `frame.iloc`.
        """
        from xenograft.reading.read import study_from_frame

        said = {
            "name": name, "unit": unit, "limit_of_quantification": limit_of_quantification,
            "endpoint_volume": endpoint_volume, "horizon": horizon, "fit_from": fit_from, "primary": primary,
            "animal_ids": animal_ids, "columns": columns, "day_0": day_0, "exclude": exclude,
            "methods": methods and dict(methods),
        }  # fmt: skip
        return study_from_frame(frame, arms, said)

    def to_folder(self, folder: str | Path, *, replace: bool = False) -> None:
        """Write study.toml and volumes.csv; `read_study` of the folder gives the same digest.

        Parameters
        ----------
        folder : str or Path
            Made if needed.
        replace : bool
            Whether files of these names that are there may be replaced.

        Raises
        ------
        InputError
            A file is there, or the folder cannot be written to.
        """
        from xenograft.reading.folder import write_study

        write_study(self, folder, replace=replace)

    def __repr__(self) -> str:
        return f"<Study {self.name!r}: {counted(self.animals)} in {len(self.arms)} arms>"

    def _repr_html_(self) -> str:
        return _study_html(self)

    @cached_property
    def relative_doses(self) -> np.ndarray:
        """Dose of each of `levels` over the agent's largest (no unit); 1 where the study does not say doses."""
        top = {agent: max((x or 0.0) for a, x in self.levels if a == agent) for agent, _ in self.levels}
        return np.array([x / top[agent] if x else 1.0 for agent, x in self.levels])

    @cached_property
    def first_dose(self) -> float:
        """Earliest dosing day of any arm, of a vehicle alone the first reading's (as recorded): t = 0 of the model."""
        days = [day for arm in self.arms for dosing in arm.dosings for day in dosing.days]
        return min(days, default=float(self.readings["day"].min()))

    @cached_property
    def fitted_readings(self) -> pd.DataFrame:
        """The readings that the likelihood uses."""
        return self.readings[self.readings["fitted"]]

    @cached_property
    def daily_readings(self) -> pd.DataFrame:
        """The readings, several of a tumour on one day as their geometric mean: for all but the likelihood."""
        return once_a_day(self.readings)

    @cached_property
    def animals(self) -> pd.DataFrame:
        """One row per animal with a fitted reading, in the order of the readings.

        Columns `arm`, `cohort` (str, empty without), `baseline` (volume in `unit`, NaN without a baseline reading),
        `last_day` (as recorded), `last_volume`, `readings` (number fitted), `censored` (number of them), `reason_left`
        (str, empty where unknown); where the readings have them, `mouse` and `cage` (str, empty where unknown).
        """
        fitted = self.fitted_readings
        by_animal = fitted.groupby("animal", sort=False)
        table = by_animal.agg(
            arm=("arm", "first"), last_day=("day", "last"), readings=("day", "size"), censored=("censored", "sum"),
        )  # fmt: skip
        table["cohort"] = by_animal["cohort"].first() if "cohort" in fitted else ""
        table = with_groups(table, fitted)
        daily = self.daily_readings
        table.insert(2, "last_volume", daily[daily["fitted"]].groupby("animal", sort=False)["volume"].last())
        table["baseline"] = daily[daily["baseline"]].set_index("animal")["volume"].reindex(table.index)
        if "reason_left" in fitted:
            reasons = self.readings.groupby("animal", sort=False)["reason_left"]
            table["reason_left"] = reasons.agg(lambda column: next((str(r) for r in column.fillna("") if r), ""))
        else:
            table["reason_left"] = ""
        return table

    @cached_property
    def cohorts(self) -> tuple[str, ...]:
        """Names of the cohorts (batches) of the animals, in alphabetical order; one empty name without a column."""
        return tuple(sorted(set(self.animals["cohort"])))

    @cached_property
    def group(self) -> Group:
        """What is independent of each other and left out by comparisons (`study.groups.group_of`)."""
        return group_of(self.animals)

    @cached_property
    def groups(self) -> pd.Series:
        """Name of the `group` to which each animal belongs, its own where that is "animal"; index `animal`."""
        return groups_of(self.animals)

    @cached_property
    def reference_volume(self) -> float:
        """Volume (in `unit`) from which log volumes are counted in the model (docs/mathematics.md#the-tumour).

        100 mm³, or the median baseline of a study in another unit.
        """
        if self.unit == "mm3":
            return REFERENCE_VOLUME
        first = self.fitted_readings.groupby("animal")["volume"].first()
        return float(np.exp(np.median(np.log(first))))

    @cached_property
    def horizon(self) -> float:
        """Day (as recorded) at which single numbers are given.

        Chosen in study.toml, else the last day on which every arm still has at least half its animals.
        """
        if self.chosen_horizon is not None:
            return self.chosen_horizon
        last = {arm.name: self.animals.loc[self.animals["arm"] == arm.name, "last_day"].to_numpy() for arm in self.arms}
        days = np.unique(self.fitted_readings["day"])
        after = days[days > self.first_dose]
        held = [day for day in after if all(np.mean(leaving >= day) >= 0.5 for leaving in last.values())]
        return float(held[-1] if held else after[0])

    def reference_arms(self, combination: Arm) -> dict[str, Arm | None]:
        """The single-agent arms that a combination is measured against.

        Parameters
        ----------
        combination : Arm
            An arm with two agents or more.

        Returns
        -------
        dict of str to Arm or None
            By agent: the arm with the same agent, dose and days, None if the study has none.
        """
        singles = {arm.dosings[0]: arm for arm in self.arms if len(arm.dosings) == 1}
        return {dosing.agent: singles.get(dosing) for dosing in combination.dosings}

    @cached_property
    def primary_combination(self) -> Arm | None:
        """The combination whose verdict is the study's: the chosen, else of the largest doses that can be judged."""
        if self.primary is not None:
            return next(arm for arm in self.combinations if arm.name == self.primary)
        relative = dict(zip(self.levels, self.relative_doses, strict=True))
        alone = self.tested_alone
        judged = [arm for arm in self.combinations if alone.issuperset((d.agent, d.level) for d in arm.dosings)]
        return max(
            judged or self.combinations,
            key=lambda arm: sum(relative[d.agent, d.level] for d in arm.dosings),
            default=None,
        )

    @cached_property
    def digest(self) -> str:
        """SHA-256 of everything in the study that changes a posterior; names, prose and layout do not."""
        rows = self.readings.sort_values(["animal", "day", "volume"])
        more = [*(["cohort"] if "cohort" in rows else []), *([self.group] if self.group != "animal" else [])]
        rows = rows[["animal", "arm", "day", "volume", "fitted", "censored", *more]].itertuples(index=False, name=None)
        arms = sorted(
            (arm.name, arm.control, sorted((d.agent, d.days, d.doses or (), d.ends) for d in arm.dosings))
            for arm in self.arms
        )
        return digest_of({"unit": self.unit, "arms": arms, "readings": list(rows)})


def _study_html(study: Study) -> str:
    """A study: its arms with treatment, animals and readings, and what the reader should know."""
    animals, by_arm = study.animals, study.animals.groupby("arm")
    unit = study.unit.replace("mm3", "mm³")
    rows = [
        {
            "arm": arm.name,
            "treatment": "; ".join(dosing.in_words() for dosing in arm.dosings) or ("control" if arm.control else ""),
            "animals": len(own := animals[animals["arm"] == arm.name]),
            "readings": int(own["readings"].sum()),
            "at or below the limit": int(own["censored"].sum()),
            f"median baseline ({unit})": f"{own['baseline'].median():.0f}",
            "last day": f"{own['last_day'].max():g}",
        }
        for arm in study.arms
    ]
    facts = [
        f"{counted(animals)} in {by_arm.ngroups} arms",
        f"first dose day {study.first_dose:g}",
        f"numbers given for day {study.horizon:g}",
        *([f"limit {study.limit_of_quantification:g} {unit}"] if study.limit_of_quantification else []),
        *([f"endpoint {study.endpoint_volume:g} {unit}"] if study.endpoint_volume else []),
    ]
    return html_card(study.name, "Study", facts, [html_table(rows), html_list(study.notices)])
