"""Gates: named rules that an analysis must pass, from a gates.toml (docs/comparison.md#gatestoml)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from xenograft.answers.averaging import AVERAGED
from xenograft.answers.followed import quantity_names
from xenograft.errors import InputError, did_you_mean, problems_of, unknown_choice, unknown_key
from xenograft.evidence.drift import MCSE, read_reference
from xenograft.files import read_toml
from xenograft.model.card import ModelCard
from xenograft.printing import listed
from xenograft.study.study import Study
from xenograft.study.tested import compared_arms, why_not_judged

Operator = Literal[">=", "<=", ">", "<"]
_Number = Annotated[float, Field(allow_inf_nan=False, strict=True)]


class Gate(BaseModel):
    """One rule: what is looked at, how it is compared with which number, and why.

    Parameters
    ----------
    kind : str
        A key of `KINDS`.
    name : str
        Of the rule, shown wherever it is judged.
    operator : {">=", "<=", ">", "<"}
        The gate passes where what is found stands so to `value`.
    value : float
        In the unit of what is looked at.
    why : str
        The reason for the rule and its number.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: str
    name: str = Field(min_length=1)
    operator: Operator
    value: _Number
    why: str = Field(min_length=1)


class HealthGate(Gate):
    """How the sampler did: the number of fits that failed (or did not pass), or the worst of a measure."""

    measure: Literal[
        "failed", "not_passed", "max_rhat", "min_ess_bulk", "min_ess_tail", "divergences", "max_treedepth_share",
        "min_bfmi",
    ] = "failed"  # fmt: skip
    card: str | None = None


class RankGate(Gate):
    """Where a card stands: its elpd difference to the best (or to the card `against`), or its rank (1 is the best)."""

    card: str
    against: str | None = None
    measure: Literal["difference", "rank"] = "difference"


class WeightGate(Gate):
    """The weight of a card: stacking over all cards, over the answering ones, or pseudo-BMA."""

    card: str
    measure: Literal["stacking", "answer", "pseudo_bma"] = "stacking"


class ElpdGate(Gate):
    """Leave-one-animal-out of a card: its elpd, or what goes with it."""

    card: str
    measure: Literal["elpd", "elpd_se", "p_loo", "bad_k", "exact_refits"] = "elpd"


class ProbabilityGate(Gate):
    """The probability that a combination's excess at the horizon is above a number (0 unless given)."""

    combination: str | None = None
    reference: Literal["bliss", "hsa", "additive"] = "bliss"
    card: str = AVERAGED
    above: _Number = 0.0


class ExcessGate(Gate):
    """A combination's excess at the horizon: its median, or an end of its 95 % interval."""

    combination: str | None = None
    reference: Literal["bliss", "hsa", "additive"] = "bliss"
    card: str = AVERAGED
    measure: Literal["median", "lower", "upper"] = "median"


class InhibitionGate(Gate):
    """A treated arm against the vehicle at the horizon: a number, an end of its 95 % interval, or a probability.

    A combination without a reference also against an arm that gets a part of it (`control`). `probability` is that of
    the number's direction (smaller tumours), `beyond` that of more than its margin.
    """

    arm: str | None = None
    control: str | None = None
    quantity: Literal["tgi", "tc", "growth_rate_inhibition"] = "tgi"
    card: str = AVERAGED
    measure: Literal["median", "lower", "upper", "probability", "beyond"] = "probability"


class CoverageGate(Gate):
    """Whether a card reproduces the data: the arm farthest from what is asked, or the number of warnings."""

    card: str | None = None
    arm: str | None = None
    measure: Literal["coverage_50", "coverage_90", "mean_pit", "warnings"] = "coverage_90"


class SensitivityGate(Gate):
    """What the answers owe to the priors: the worst of the quantities of that name, or one with its label."""

    card: str | None = None
    quantity: str = "excess_bliss"
    measure: Literal["prior", "departure_prior", "likelihood"] = "prior"


class BayesFactorGate(Gate):
    """The Bayes factor of a departure against none (above 1: for a departure)."""

    card: str
    combination: str | None = None


class PartsGate(Gate):
    """The combination predicted from vehicle and single arms by a card that fixes the departure."""

    card: str
    combination: str | None = None
    measure: Literal["elpd", "elpd_diff", "coverage_50", "coverage_90", "mean_pit"] = "coverage_90"


class DriftGate(Gate):
    """The largest shift from a stored reference, in stored posterior sds, beyond `mcse` combined errors."""

    reference: str
    card: str | None = None
    mcse: Annotated[float, Field(gt=0, allow_inf_nan=False, strict=True)] = MCSE

    @model_validator(mode="after")
    def _asks_for_little(self) -> Self:
        if self.operator not in ("<=", "<"):
            raise ValueError(f'operator = "{self.operator}" asks for a shift that is large. Use "<=".')
        return self


KINDS: Mapping[str, type[Gate]] = {
    "health": HealthGate,
    "rank": RankGate,
    "weight": WeightGate,
    "elpd": ElpdGate,
    "probability": ProbabilityGate,
    "excess": ExcessGate,
    "inhibition": InhibitionGate,
    "coverage": CoverageGate,
    "sensitivity": SensitivityGate,
    "bayes_factor": BayesFactorGate,
    "parts": PartsGate,
    "drift": DriftGate,
}
"""Every kind of gate."""


def read_gates(path: str | Path, kinds: Mapping[str, type[Gate]] = KINDS) -> tuple[Gate, ...]:
    """Read the rules of a gates.toml.

    Parameters
    ----------
    path : str or Path
        A TOML file of `[[gate]]` tables.
    kinds : mapping of str to type
        Of gates that there may be; default those of one study.

    Raises
    ------
    InputError
        With a sentence per problem of the file.
    """
    path = Path(path)
    content = read_toml(path)
    problems = [unknown_key(path.name, key, ["gate"]) for key in content if key != "gate"]
    tables = content.get("gate", [])
    if not (isinstance(tables, list) and tables and all(isinstance(table, dict) for table in tables)):
        raise InputError([*problems, f"{path.name}: there is no gate. Write each rule as a [[gate]] table."])
    gates: list[Gate] = []
    for number, table in enumerate(tables, start=1):
        found, own_problems = _gate(f"{path.name}, {_title(number, table)}", table, kinds)
        gates += found
        problems += own_problems
    names = [gate.name for gate in gates]
    problems += [
        f'{path.name}: the name "{name}" stands for {names.count(name)} gates. Give each a name of its own.'
        for name in dict.fromkeys(names)
        if names.count(name) > 1
    ]
    if problems:
        raise InputError(problems)
    return tuple(gates)


def check_gates(path: str | Path, gates: Sequence[Gate], study: Study, cards: Mapping[str, ModelCard]) -> None:
    """Make sure, before anything is fitted, that everything the gates name is there.

    Parameters
    ----------
    path : str or Path
        Of the gates.toml, which starts each sentence; paths of references are relative to its folder.
    gates : sequence of Gate
        From `read_gates`.
    study : Study
        Its arms and combinations may be named.
    cards : mapping of str to ModelCard
        Those that will be fitted.

    Raises
    ------
    InputError
        With a sentence, and a suggestion, per unknown name.
    """
    path = Path(path)
    problems: list[str] = []
    answering = [name for name, card in cards.items() if card.answers]
    combinations = [arm.name for arm in study.combinations]
    quantities = quantity_names(study)
    families = list(dict.fromkeys(name.partition("[")[0] for name in quantities))
    for gate in gates:
        place = f'{path.name}, gate "{gate.name}"'
        for key, known in (
            ("card", _allowed_cards(gate, cards, answering)),
            ("against", list(cards)),
            ("combination", combinations),
            ("arm", [arm.name for arm in study.arms]),
            ("control", [arm.name for arm in study.arms]),
        ):
            value = getattr(gate, key, None)
            if value is not None and value not in known:
                problems.append(_unknown(place, key, value, known))
        if isinstance(gate, ProbabilityGate | ExcessGate | BayesFactorGate | PartsGate) and not combinations:
            problems.append(f"{place}: the study has no combination arm. Remove the gate.")
        problems += _not_judged(place, gate, study)
        treated = [arm.name for arm in study.arms if not arm.control]
        if isinstance(gate, InhibitionGate) and gate.arm is None and len(treated) > 1:
            problems.append(f'{place}: which arm? Name one with arm = "…": {", ".join(treated)}.')
        if isinstance(gate, InhibitionGate) and gate.arm == study.control.name:
            problems.append(f"{place}: {gate.arm} is the vehicle itself. Name a treated arm: {', '.join(treated)}.")
        if isinstance(gate, SensitivityGate) and gate.quantity not in [*quantities, *families]:
            problems.append(_unknown(place, "quantity", gate.quantity, families))
        if isinstance(gate, DriftGate):
            try:
                read_reference(path.parent / gate.reference)
            except InputError as error:
                problems += [f"{place}: {problem}" for problem in error.problems]
    if problems:
        raise InputError(problems)


def _not_judged(place: str, gate: Gate, study: Study) -> Iterable[str]:
    """What a gate asks of a combination, or of a pair of arms, that is not judged."""
    compared = compared_arms(study)
    if isinstance(gate, ProbabilityGate | ExcessGate | BayesFactorGate | PartsGate) and compared:
        primary = study.primary_combination
        name = gate.combination or (primary.name if primary else "")
        if name in compared:
            arm = next(arm for arm in study.combinations if arm.name == name)
            instead = f'kind = "inhibition", arm = "{name}", control = "{compared[name][0]}"'
            yield (
                f"{place}: nothing can be concluded on the interaction of {name}: {why_not_judged(study, arm)}. Ask "
                f"with {instead} instead, or remove the gate."
            )
    if isinstance(gate, InhibitionGate) and gate.control not in (None, study.control.name):
        known = compared.get(gate.arm or "", ())
        if gate.control not in known:
            yield (
                f'{place}: {gate.arm or "the arm"} is not judged against "{gate.control}". Leave out control for the '
                f"vehicle{f', or name one of {listed(known)}' if len(known) > 1 else ''}."
            )


def _allowed_cards(gate: Gate, cards: Mapping[str, ModelCard], answering: list[str]) -> list[str]:
    """Cards for which what the gate looks at exists."""
    match gate:
        case ProbabilityGate() | ExcessGate() | InhibitionGate():
            return [AVERAGED, *cards]
        case SensitivityGate() | BayesFactorGate():
            return answering
        case PartsGate():
            return [name for name in cards if name not in answering]
        case WeightGate(measure="answer"):
            return answering
        case _:
            return list(cards)


def _unknown(place: str, key: str, value: str, known: Iterable[str]) -> str:
    known = list(known)
    return f'{place}: {key} = "{value}" is none of {", ".join(known) or "(none)"}.{did_you_mean(value, known)}'


def _title(number: int, table: Mapping[str, Any]) -> str:
    return f'gate "{table["name"]}"' if isinstance(table.get("name"), str) and table["name"] else f"gate {number}"


def _gate(place: str, table: Mapping[str, Any], kinds: Mapping[str, type[Gate]]) -> tuple[list[Gate], list[str]]:
    kind = table.get("kind")
    if kind is None:
        return [], [f'{place}: "kind" is missing. Add one of {", ".join(kinds)}.']
    if not isinstance(kind, str) or kind not in kinds:
        return [], [unknown_choice(place, "kind", kind, kinds)]
    try:
        return [kinds[kind].model_validate(_numbers_as_floats(table))], []
    except ValidationError as error:
        return [], problems_of(place, error, kinds[kind])


def _numbers_as_floats(table: Mapping[str, Any]) -> dict[str, Any]:
    """Whole numbers as TOML has them are numbers too; true and false are none."""
    return {key: float(value) if type(value) is int else value for key, value in table.items()}
