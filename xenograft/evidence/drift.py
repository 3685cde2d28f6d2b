"""Stored references: posterior summaries of a day, and whether today's fits still agree with them.

See docs/comparison.md#drift.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import arviz as az
import numpy as np
import pandas as pd
import xarray as xr

from xenograft.answers.followed import quantities
from xenograft.errors import InputError, missing_file
from xenograft.files import write_text
from xenograft.fitting.fit import Fit, versions
from xenograft.fitting.identified import identified
from xenograft.model.card import ModelCard
from xenograft.printing import labelled
from xenograft.study.record import facts_of, study_of
from xenograft.study.study import Arm, Study

SCHEMA = "xenograft-reference/2"

STORED = ("animal", "arm", "day", "volume", "censored", "fitted", "baseline", "cohort")
"""Columns of the readings on which a posterior depends."""

MCSE, SD = 3.0, 0.1
"""Combined Monte-Carlo standard errors, and stored posterior sds, beyond both of which a quantity has drifted."""


@dataclass(frozen=True, eq=False)
class Drift:
    """How far a fit is from its stored reference.

    Parameters
    ----------
    card : str
        The card.
    changes : tuple of str
        What is not as it was, in words: readings, arms, card, versions. Named before any number.
    table : DataFrame
        One row per quantity: `stored`, `found` (means), `sd` (stored posterior sd), `mcse` (combined), `shift`
        (difference in stored sds), `errors` (difference in combined Monte-Carlo errors).
    missing : str
        Why there is nothing to compare; empty otherwise.
    """

    card: str
    changes: tuple[str, ...]
    table: pd.DataFrame
    missing: str = ""

    def shifts(self, mcse: float = MCSE) -> pd.Series:
        """Absolute shifts in stored posterior sds, largest first.

        Parameters
        ----------
        mcse : float
            Combined Monte-Carlo errors beyond which a difference counts at all.
        """
        beyond = self.table[self.table["errors"].abs() > mcse]
        return beyond["shift"].abs().sort_values(ascending=False)


def write_reference(path: str | Path, fits: Mapping[str, Fit]) -> None:
    """Store posterior summaries with their Monte-Carlo errors, digests and versions, to compare later fits with.

    Parameters
    ----------
    path : str or Path
        The JSON file; replaced if it exists.
    fits : mapping of str to Fit
        By card name, of one study; failed ones are left out.
    """
    study = next(iter(fits.values())).study
    healthy = {name: fit for name, fit in fits.items() if fit.health.status != "fail"}
    content = {
        "schema": SCHEMA,
        "versions": versions(),
        "seed": next(iter(fits.values())).seed,
        "study": _stored_study(study),
        "models": {
            name: {
                "digest": fit.card.digest,
                "card": fit.card.model_dump(mode="json"),
                "health": fit.health.status,
                "draws": fit.posterior.sizes["chain"] * fit.posterior.sizes["draw"],
                "quantities": summaries(fit).to_dict(orient="index"),
            }
            for name, fit in healthy.items()
        },
    }
    write_text(path, json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def read_reference(path: str | Path) -> dict[str, Any]:
    """Read a stored reference.

    Parameters
    ----------
    path : str or Path
        A file that `write_reference` wrote.

    Raises
    ------
    InputError
        When there is no such file, or it is not a reference.
    """
    path = Path(path)
    remedy = "Give a file that `xenograft reference` wrote."
    if not path.is_file():
        raise InputError(missing_file(path))
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        raise InputError(f"{path.name}: this is not JSON. {remedy}") from None
    found = content.get("schema", "none") if isinstance(content, dict) else "none"
    if found != SCHEMA:
        raise InputError(f"{path.name}: its schema is {found}, not {SCHEMA}. {remedy}")
    if missing := [key for key in ("versions", "study", "models") if key not in content]:
        raise InputError(f"{path.name}: {', '.join(missing)} is missing. {remedy}")
    try:
        _study_in(content["study"])
    except (KeyError, TypeError, ValueError, AttributeError):
        raise InputError(f"{path.name}: its study is broken. {remedy}") from None
    return content


def drift(reference: Mapping[str, Any], fit: Fit) -> Drift:
    """Compare a fit with a stored reference.

    Parameters
    ----------
    reference : mapping
        From `read_reference`.
    fit : Fit
        Today's, healthy.
    """
    name = fit.card.name
    stored = reference["models"].get(name)
    if stored is None:
        return Drift(name, (), pd.DataFrame(), f"{name} is not in the stored reference")
    changes = [
        *_study_changes(reference["study"], fit.study),
        *_card_changes(ModelCard.model_validate(stored["card"]), fit.card),
        *_version_changes(reference["versions"]),
    ]
    then = pd.DataFrame.from_dict(stored["quantities"], orient="index")
    now = summaries(fit).reindex(then.index)
    mcse = np.sqrt(then["mcse"] ** 2 + now["mcse"] ** 2)
    difference = now["mean"] - then["mean"]
    table = pd.DataFrame(
        {
            "stored": then["mean"],
            "found": now["mean"],
            "sd": then["sd"],
            "mcse": mcse,
            "shift": difference / then["sd"],
            "errors": difference / mcse,
        }
    )
    return Drift(name, tuple(changes), table.dropna())


def summaries(fit: Fit) -> pd.DataFrame:
    """Mean, posterior sd and Monte-Carlo error of the mean of every parameter and every answer.

    Returns
    -------
    DataFrame
        Columns `mean`, `sd`, `mcse`; one row per quantity that varies and is finite in every draw.
    """
    posterior = identified(fit.posterior, fit.study)
    parameters = posterior[[name for name in posterior if name in fit.card.priors]]
    table = pd.concat([_summary(parameters), _summary(quantities(fit))])
    return table[np.isfinite(table).all(axis=1) & (table["sd"] > 0)]


def _summary(draws: xr.Dataset) -> pd.DataFrame:
    with np.errstate(divide="ignore", invalid="ignore"):  # of what never moves: not a number, left out
        return pd.DataFrame(
            {
                "mean": labelled(draws.mean(("chain", "draw"))),
                "sd": labelled(draws.std(("chain", "draw"), ddof=1)),
                "mcse": labelled(az.mcse(draws, method="mean")),
            }
        )


def _stored_study(study: Study) -> dict[str, Any]:
    readings = study.readings[[name for name in STORED if name in study.readings]]
    rows = readings.astype(object).to_numpy().tolist()
    table = {"columns": readings.columns.tolist(), "rows": rows}
    return facts_of(study) | {"digest": study.digest, "readings": table}


def _study_in(stored: Mapping[str, Any]) -> Study:
    facts = {key: value for key, value in stored.items() if key not in ("digest", "readings")}
    return study_of(facts, pd.DataFrame(stored["readings"]["rows"], columns=stored["readings"]["columns"]))


def _dosing_words(arm: Arm) -> str:
    if arm.control:
        return "control"
    return "; ".join(
        f"{d.agent} {', '.join(f'{x:g}' for x in d.doses) if d.doses else 'dose unknown'} on days "
        f"{', '.join(f'{day:g}' for day in d.days)}{', then ends' if d.ends else ''}"
        for d in sorted(arm.dosings, key=lambda d: d.agent)
    )


def _study_changes(stored: Mapping[str, Any], study: Study) -> list[str]:
    if stored["digest"] == study.digest:
        return []
    then = _study_in(stored)
    found: list[str] = []
    if then.unit != study.unit:
        found.append(f"unit: {then.unit} → {study.unit}")
    arms_then, arms_now = ({arm.name: _dosing_words(arm) for arm in one.arms} for one in (then, study))
    for arm in dict.fromkeys([*arms_then, *arms_now]):
        before, after = arms_then.get(arm), arms_now.get(arm)
        if before != after:
            found.append(f"arm {arm}: {before or 'absent'} → {after or 'absent'}")
    rows_then, rows_now = _by_reading(then), _by_reading(study)
    for key in dict.fromkeys([*rows_then, *rows_now]):
        if rows_then.get(key) != rows_now.get(key):
            animal, day = key
            found.append(f"animal {animal}, day {day:g}: {_change(rows_then.get(key), rows_now.get(key))}")
    return found or ["the study's digest changed"]


def _by_reading(study: Study) -> dict[tuple[str, float], Mapping[Any, Any]]:
    table = study.readings[[name for name in STORED if name in study.readings and name != "baseline"]]
    return {(str(row["animal"]), float(row["day"])): row for row in table.to_dict("records")}


def _change(before: Mapping[Any, Any] | None, after: Mapping[Any, Any] | None) -> str:
    if before is None or after is None:
        row = before or after or {}
        return f"reading {'added' if before is None else 'removed'} (volume {row['volume']:g})"
    words = [
        f"{key} {_shown(before.get(key))} → {_shown(after.get(key))}"
        for key in dict.fromkeys([*before, *after])
        if before.get(key) != after.get(key)
    ]
    return ", ".join(words)


def _shown(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _card_changes(stored: ModelCard, card: ModelCard) -> list[str]:
    if stored.digest == card.digest:
        return []
    prose = {"name", "claim", "priors"}
    before, after = stored.model_dump(exclude=prose), card.model_dump(exclude=prose)
    found = [f"card {card.name}: {key} {before[key]} → {after[key]}" for key in before if before[key] != after[key]]
    for name in dict.fromkeys([*stored.priors, *card.priors]):
        old, new = (c.priors[name].in_words() if name in c.priors else "absent" for c in (stored, card))
        if old != new:
            found.append(f"card {card.name}: prior of {name} {old} → {new}")
    return found or [f"card {card.name}: its digest changed"]


def _version_changes(stored: Mapping[str, str]) -> list[str]:
    now = versions()
    return [
        f"version of {name}: {stored.get(name, '?')} → {now[name]}" for name in now if stored.get(name) != now[name]
    ]
