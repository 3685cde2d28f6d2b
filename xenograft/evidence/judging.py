"""Whether the gates are passed: what was found, what was asked, and the margin."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd

from xenograft.answers.averaging import AVERAGED
from xenograft.errors import SHOWN
from xenograft.evidence import gates as kinds
from xenograft.evidence.drift import drift, read_reference
from xenograft.evidence.evidence import Evidence
from xenograft.evidence.gates import Gate
from xenograft.fitting.health import Health
from xenograft.quantities.estimands import interval

_COMPARE: Mapping[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}

NOT_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that no XML document may hold, escaped or not."""


@dataclass(frozen=True)
class GateOutcome:
    """How one gate was judged.

    Parameters
    ----------
    name, kind, why : str
        As in the gates.toml.
    passed : bool
        Whether what was found stands to what was asked as the gate wants.
    found : float or None
        None where there is nothing to judge, which never passes.
    asked : str
        Operator and number.
    margin : float or None
        Distance of `found` from the number; negative where the gate fails.
    detail : str
        Which card, arm or quantity was decisive, what changed, or why there is nothing to judge.
    """

    name: str
    kind: str
    why: str
    passed: bool
    found: float | None
    asked: str
    margin: float | None
    detail: str

    @property
    def line(self) -> str:
        """The outcome on one line."""
        verdict = "pass" if self.passed else "FAIL"
        if self.found is None:
            return f"{verdict}  {self.name}: nothing to judge ({self.detail}), asked {self.asked}"
        detail = f" ({self.detail})" if self.detail else ""
        return f"{verdict}  {self.name}: found {self.found:.4g}{detail}, asked {self.asked}, margin {self.margin:+.2g}"


def judge_gates(gates: Sequence[Gate], evidence: Evidence, *, folder: str | Path = ".") -> tuple[GateOutcome, ...]:
    """Judge every gate on what a comparison found.

    Parameters
    ----------
    gates : sequence of Gate
        From `read_gates`.
    evidence : Evidence
        From `gather_evidence`.
    folder : str or Path
        Paths of stored references are relative to it: the folder of the gates.toml.
    """
    return tuple(outcome(gate, *_found(gate, evidence, Path(folder))) for gate in gates)


def outcome(gate: Gate, found: float | None, detail: str) -> GateOutcome:
    """How a gate is judged on what it looks at; None, and what is not finite, never passes.

    Parameters
    ----------
    gate : Gate
        Operator and number.
    found : float or None
        In the unit of what is looked at.
    detail : str
        What it belongs to, or why there is none.
    """
    if found is not None and not np.isfinite(found):
        found, detail = None, detail or "not a finite number"
    passed = found is not None and _COMPARE[gate.operator](found, gate.value)
    margin = None if found is None else (found - gate.value if gate.operator[0] == ">" else gate.value - found)
    asked = f"{gate.operator} {gate.value:g}"
    return GateOutcome(gate.name, gate.kind, gate.why, passed, found, asked, margin, detail)


def _found(gate: Gate, evidence: Evidence, folder: Path) -> tuple[float | None, str]:
    """The number a gate looks at, and what it belongs to."""
    table = evidence.ranking.table
    card = getattr(gate, "card", None)
    if card not in (None, AVERAGED) and not isinstance(gate, kinds.HealthGate) and card not in table.index:
        return None, evidence.ranking.refused.get(card, f"{card} was not fitted")
    match gate:
        case kinds.HealthGate():
            return health_found(gate, {name: fit.health for name, fit in evidence.fits.items()})
        case kinds.RankGate():
            return _rank(gate, evidence)
        case kinds.WeightGate():
            column = {"stacking": "weight", "answer": "answer_weight", "pseudo_bma": "pseudo_bma_weight"}[gate.measure]
            return float(table.loc[gate.card, column]), gate.card  # pyright: ignore
        case kinds.ElpdGate():
            return float(table.loc[gate.card, gate.measure]), gate.card  # pyright: ignore
        case kinds.ProbabilityGate() | kinds.ExcessGate():
            return _excess(gate, evidence)
        case kinds.InhibitionGate():
            return _inhibition(gate, evidence)
        case kinds.CoverageGate():
            return _coverage(gate, evidence)
        case kinds.SensitivityGate():
            return _sensitivity(gate, evidence)
        case kinds.BayesFactorGate():
            return _row(evidence.bayes_factors, gate.card, _combination(gate, evidence), "bayes_factor")
        case kinds.PartsGate():
            return _row(evidence.parts, gate.card, _combination(gate, evidence), gate.measure)
        case kinds.DriftGate():
            return _drift(gate, evidence, folder)
        case _:
            raise TypeError(f"no rule judges a gate of kind {gate.kind}")


def health_found(gate: kinds.HealthGate, healths: Mapping[str, Health]) -> tuple[float | None, str]:
    """What a gate on health looks at, and the fits that it belongs to.

    Parameters
    ----------
    gate : HealthGate
        Its card and measure.
    healths : mapping of str to Health
        By card name.
    """
    fits = {name: health for name, health in healths.items() if gate.card in (None, name)}
    if gate.measure in ("failed", "not_passed"):
        counted = ("fail",) if gate.measure == "failed" else ("fail", "caution")
        sick = [name for name, health in fits.items() if health.status in counted]
        return float(len(sick)), ", ".join(sick)
    values = {name: getattr(health, gate.measure) for name, health in fits.items()}
    return _worst(gate, pd.Series({name: float(value) for name, value in values.items() if value is not None}))


def _rank(gate: kinds.RankGate, evidence: Evidence) -> tuple[float | None, str]:
    table, pointwise = evidence.ranking.table, evidence.ranking.pointwise
    if gate.measure == "rank":
        return float(list(table.index).index(gate.card) + 1), f"best is {table.index[0]}"
    against = gate.against or str(table.index[0])
    if against not in pointwise:
        return None, evidence.ranking.refused.get(against, f"{against} was not fitted")
    difference = pointwise[gate.card] - pointwise[against]
    se = float(np.sqrt(len(difference) * difference.var(ddof=0)))
    return float(difference.sum()), f"± {se:.1f} against {against}"


def _excess(gate: kinds.ProbabilityGate | kinds.ExcessGate, evidence: Evidence) -> tuple[float | None, str]:
    if gate.card not in evidence.excess:
        return None, "no healthy card may answer"
    combination = _combination(gate, evidence)
    draws = evidence.excess[gate.card].sel(combination=combination, reference=gate.reference)
    detail = f"{combination}, {gate.card}"
    if isinstance(gate, kinds.ExcessGate):
        return float(interval(draws)[gate.measure].iloc[0]), detail
    above = draws - gate.above
    return float(((above > 0) + 0.5 * (above == 0)).mean()), detail


def _inhibition(gate: kinds.InhibitionGate, evidence: Evidence) -> tuple[float | None, str]:
    arm = gate.arm or next(arm.name for arm in evidence.study.arms if not arm.control)
    of_vehicle = gate.control in (None, evidence.study.control.name)
    table = evidence.arms if of_vehicle else evidence.against[str(gate.control)]
    rows = table[(table["model"] == gate.card) & (table["arm"] == arm) & (table["quantity"] == gate.quantity)]
    if rows.empty:
        return None, "no healthy card may answer"
    reason = str(rows["reason"].iloc[0])
    against = f" against {gate.control}" if gate.control else ""
    detail = f"{arm}{against}, {gate.quantity}, {gate.card}" + (f"; {reason}" if reason else "")
    return float(rows[gate.measure].iloc[0]), detail


def _coverage(gate: kinds.CoverageGate, evidence: Evidence) -> tuple[float | None, str]:
    cards = [gate.card] if gate.card else list(evidence.ranking.answer_weights)
    if gate.measure == "warnings":
        found = [f"{card}: {words}" for card in cards for words in evidence.checks[card].warnings]
        if gate.arm:
            found = [words for words in found if words.split(": ", 1)[1].startswith(f"{gate.arm}: ")]
        return float(len(found)) if cards else None, " ".join(found) if cards else "no healthy card may answer"
    values = {
        f"{card}, {arm}": float(value)
        for card in cards
        for arm, value in evidence.checks[card].by_arm.set_index("arm")[gate.measure].items()
        if gate.arm in (None, arm)
    }
    return _worst(gate, pd.Series(values, dtype=float))


def _sensitivity(gate: kinds.SensitivityGate, evidence: Evidence) -> tuple[float | None, str]:
    tables = {card: table for card, table in evidence.sensitivity.items() if gate.card in (None, card)}
    values = {
        f"{name}, {card}": float(row[gate.measure])
        for card, table in tables.items()
        for name, row in table.iterrows()
        if gate.quantity in (str(name), str(name).partition("[")[0])
    }
    if tables and not values:
        return None, f"no answer is called {gate.quantity}"
    return _worst(gate, pd.Series(values, dtype=float))


def _drift(gate: kinds.DriftGate, evidence: Evidence, folder: Path) -> tuple[float | None, str]:
    stored = read_reference(folder / gate.reference)
    cards = [gate.card] if gate.card else list(evidence.ranking.answer_weights)
    if not cards:
        return None, "no healthy card may answer"
    drifts = [drift(stored, evidence.fits[card]) for card in cards]
    changes = list(dict.fromkeys(words for one in drifts for words in one.changes))
    rest = [f"and {len(changes) - SHOWN} more"] if len(changes) > SHOWN else []
    changed = [f"changed: {'; '.join([*changes[:SHOWN], *rest])}"] if changes else []
    if missing := [one.missing for one in drifts if one.missing]:
        return None, "; ".join([*changed, *missing])
    shifts = {f"{name}, {one.card}": x for one in drifts for name, x in one.shifts(gate.mcse).items()}
    beyond = pd.Series(shifts, dtype=float).sort_values(ascending=False)
    drifted = [
        f"{name} by {x:.2f} sd" for name, x in beyond.items() if not _COMPARE[gate.operator](float(x), gate.value)
    ]
    named = [f"drifted: {'; '.join(drifted)}"]
    found = float(beyond.iloc[0]) if len(beyond) else 0.0
    return found, ". ".join([*changed, *(named if len(drifted) else [])])


def _combination(gate: kinds.ProbabilityGate | kinds.ExcessGate | kinds.BayesFactorGate | kinds.PartsGate,
                 evidence: Evidence) -> str:  # fmt: skip
    primary = evidence.study.primary_combination
    return gate.combination or (primary.name if primary else "")


def _row(table: pd.DataFrame, card: str, combination: str, column: str) -> tuple[float | None, str]:
    rows = table[(table["card"] == card) & (table["combination"] == combination)]
    if rows.empty:
        return None, f"there is none of {combination} for {card}"
    value, reason = rows[column].iloc[0], rows["reason"].iloc[0] if "reason" in rows else ""
    if pd.isna(value):
        return None, str(reason) or f"there is none of {combination} for {card}"
    return float(value), f"{combination}, {card}"


def _worst(gate: Gate, values: pd.Series) -> tuple[float | None, str]:
    """The value that is farthest from passing, with its label."""
    if values.empty:
        return None, "no healthy card may answer"
    if values.isna().any():
        return None, f"not a number for {values.index[values.isna()][0]}"
    place = int(values.argmin() if gate.operator[0] == ">" else values.argmax())
    return float(values.iloc[place]), str(values.index[place])


def junit_xml(
    outcomes: Sequence[GateOutcome],
    *,
    study: str,
    seconds: float,
    verdicts: Sequence[str] = (),
    command: str = "compare",
) -> str:
    """One test case per gate.

    Parameters
    ----------
    outcomes : sequence of GateOutcome
        From `judge_gates`.
    study : str
        Name of the study, which names the suite.
    seconds : float
        Wall time of the comparison.
    verdicts : sequence of str
        The verdicts in words, with what weakens them: the suite's output.
    command : str
        That judged them.

    Returns
    -------
    str
        An XML document.
    """
    failures = sum(not one.passed for one in outcomes)
    counts = {"tests": str(len(outcomes)), "failures": str(failures), "errors": "0", "time": f"{seconds:.3f}"}
    root = ElementTree.Element("testsuites", {"name": f"xenograft {command}", **counts})
    suite = ElementTree.SubElement(root, "testsuite", {"name": _clean(study), **counts, "skipped": "0"})
    for one in outcomes:
        case = ElementTree.SubElement(
            suite,
            "testcase",
            {"name": _clean(one.name), "classname": f"xenograft.gates.{one.kind}", "time": "0.000"},
        )
        if not one.passed:
            failure = ElementTree.SubElement(case, "failure", {"message": _clean(one.line), "type": one.kind})
            failure.text = _clean(f"{one.line}\n{one.why}")
        output = ElementTree.SubElement(case, "system-out")
        output.text = _clean(f"{one.line}\n{one.why}")
    if verdicts:
        ElementTree.SubElement(suite, "system-out").text = _clean("\n".join(verdicts))
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _clean(text: str) -> str:
    return NOT_IN_XML.sub("\ufffd", text)
