"""What the names of arms say about their treatment: guesses that `xenograft init` writes down and asks about."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

CONTROL_WORDS = (
    "vehicle", "veh", "control", "ctrl", "ctl", "untreated", "no treatment", "placebo", "pbs", "saline", "dmso", "nt",
)  # fmt: skip
BOTH_WORDS = ("combination", "combo", "combined", "both")
_SEPARATORS = (r"\s*\+\s*", r"\s*&\s*", r"\s+plus\s+", r"\s+and\s+", r"\s+with\s+", r"\s*/\s*", r"_", r"\s+x\s+", r"-")
_UNIT = r"mg/kg|mpk|mg/m2|mg|[uµμ]g/kg|[uµμ]g|nmol/kg|Gy"
_DOSE = rf"^(?P<agent>.*?)[\s,_@(]+(?P<dose>\d+(?:\.\d+)?)\s*(?P<unit>{_UNIT})\b.*$"
_NUMBERED = r"(?:group|grp|arm|treatment|tx|cohort|g|t)?[\s_#.-]*(?:\d+|[a-hA-H]|[ivxIVX]+)"


@dataclass(frozen=True)
class GuessedAgent:
    """An agent that the name of an arm seems to mention, with its dose where the name gives one."""

    name: str
    dose: float | None = None
    unit: str | None = None


@dataclass(frozen=True)
class GuessedArm:
    """What the name of an arm seems to say.

    Parameters
    ----------
    name : str
        As in the table.
    control : bool
        It looks like the vehicle.
    agents : tuple of GuessedAgent
        Empty where the name does not say.
    """

    name: str
    control: bool = False
    agents: tuple[GuessedAgent, ...] = ()


def guess_arms(names: Sequence[str]) -> list[GuessedArm]:
    """What the names of all arms of a table say, each read in the light of the others.

    Parameters
    ----------
    names : sequence of str
        In the order of the table.

    Returns
    -------
    list of GuessedArm
        In the same order. "A + B", "A & B", "A and B" and "A plus B" are combinations; "A_B", "A-B" and "A/B" are if A
        and B are other arms; "combo" is the two single agents together. "Group 3" says nothing.
    """
    if all(_dose_pairs(name) for name in names):  # "dose_0.3", "gdc0084_10_temo_40"
        return [_of_pairs(name) for name in names]
    control = _control_of(names)
    others = [name for name in names if name != control]
    singles = {_plain(agent_of(name).name): agent_of(name) for name in others if len(_parts(name, others)) == 1}
    combined = {_plain(agent_of(part).name) for name in others for part in _parts(name, others) if part != name}
    numbered = {
        name for name in others if _is_numbered(name) and _plain(name) not in combined
    }  # "A" beside "A + B" is one
    singles = {key: agent for key, agent in singles.items() if not _is_both(key) and agent.name not in numbered}
    return [GuessedArm(name) if name in numbered else _guess(name, control, others, singles) for name in names]


def agent_of(text: str) -> GuessedAgent:
    """An agent and its dose from text such as "T-DM1 3 mg/kg"."""
    if found := re.match(_DOSE, text, flags=re.IGNORECASE):
        unit = "mg/kg" if found["unit"].lower() == "mpk" else found["unit"]
        return GuessedAgent(found["agent"].strip(" ,_@("), float(found["dose"]), unit)
    return GuessedAgent(text.strip())


def _guess(name: str, control: str | None, others: Sequence[str], singles: dict[str, GuessedAgent]) -> GuessedArm:
    if name == control:
        return GuessedArm(name, control=True)
    if _is_both(name) and len(_parts(name, others)) == 1:
        return GuessedArm(name, agents=tuple(singles.values()) if len(singles) == 2 else ())
    agents = [agent_of(part) for part in _parts(name, others)]
    known = [singles.get(_plain(agent.name)) or _abbreviated(agent.name, singles) for agent in agents]
    return GuessedArm(
        name,
        agents=tuple(
            agent if alone is None else GuessedAgent(alone.name, agent.dose or alone.dose, agent.unit or alone.unit)
            for agent, alone in zip(agents, known, strict=True)
        ),
    )


def _dose_pairs(name: str) -> list[tuple[str, float]]:
    """Agents and doses of a name that is nothing but these in turn, empty for any other name."""
    words = re.split(r"[_\s]+", name.strip())
    pairs = list(zip(words[::2], words[1::2], strict=False))
    numbered = all(re.fullmatch(r"\d+(\.\d+)?", dose) and not re.fullmatch(r"[\d.]+", agent) for agent, dose in pairs)
    if len(words) % 2 or not numbered or _is_numbered(name):
        return []
    return [(agent, float(dose)) for agent, dose in pairs]


def _of_pairs(name: str) -> GuessedArm:
    given = [GuessedAgent(agent, dose) for agent, dose in _dose_pairs(name) if dose > 0]
    nameless = any(agent.name.lower() in ("dose", "group", "arm", "level") for agent in given)
    return GuessedArm(name, control=not given, agents=() if nameless else tuple(given))


def _parts(name: str, others: Sequence[str]) -> list[str]:
    """The parts of a combination's name; the name alone where it is none."""
    known = {_plain(agent_of(other).name) for other in others}
    for separator in _SEPARATORS:
        parts = [part for part in re.split(separator, name, flags=re.IGNORECASE) if part]
        if len(parts) < 2:
            continue
        telling = separator not in ("_", "-", r"\s*/\s*", r"\s+x\s+")
        if telling and not _is_dose_slash(name, separator):
            return parts
        if all(_plain(agent_of(part).name) in known for part in parts):
            return parts
    return [name]


def _is_dose_slash(name: str, separator: str) -> bool:
    return separator == r"\s*/\s*" and re.search(_DOSE, name) is not None


def _abbreviated(name: str, singles: dict[str, GuessedAgent]) -> GuessedAgent | None:
    """The one single agent that is meant: "Cis" or "C" in "C + PF384" is Cisplatin, "A" in "A + B" is Drug A."""
    plain = _plain(name)
    by_word = [agent for key, agent in singles.items() if plain in re.split(r"[\s_#.()-]+", key)]
    by_start = [
        agent for key, agent in singles.items() if key.startswith(plain) or (len(key) >= 3 and plain.startswith(key))
    ]
    return next((found[0] for found in (by_word, by_start) if len(found) == 1), None)


def _control_of(names: Sequence[str]) -> str | None:
    plain = {name: _plain(name) for name in names}
    for word in CONTROL_WORDS:
        for name, text in plain.items():
            if text == word or re.match(rf"{word}\b", text):
                return name
    for name, text in plain.items():
        if any(re.search(rf"\b{word}\b", text) for word in CONTROL_WORDS if len(word) > 3) and "+" not in name:
            return name
    return next((name for name in names if re.fullmatch(r".*(?:^|[^\d.])0(?:\.0*)?(?:\s*mg/kg)?", name)), None)


def _is_both(name: str) -> bool:
    return _plain(name).startswith(BOTH_WORDS)


def _is_numbered(name: str) -> bool:
    return re.fullmatch(_NUMBERED, name.strip(), flags=re.IGNORECASE) is not None and len(name.strip()) <= 12


def _plain(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip().lower()
