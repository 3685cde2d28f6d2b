"""A planned study from the words of a biologist: what a page asks becomes design.toml and truth.toml, and a job.

The numbers are `xenograft.planning.power`'s; only the rates behind doubling times
and TGI are computed here.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xenograft.app.jobs import tell
from xenograft.errors import InputError
from xenograft.files import toml_text, write_text
from xenograft.reading.folder import number_text

POWER, DESIGN, TRUTH = "power.json", "design.toml", "truth.toml"
ROUNDS = (8, 20, 40, 80, 160, 320, 500)
"""Studies in each cell after which the curve is drawn anew."""


@dataclass(frozen=True)
class Asked:
    """What the page asks.

    Parameters
    ----------
    agents : (str, str)
        Names.
    tgi : (float, float)
        Of each agent alone on the last day (% of the control's volume).
    index : float
        Volume under the combination over what the two alone predict (Bliss) on the last day; 1: they only add.
    doubling : float
        Doubling time of untreated tumours (days).
    volume : float
        Median volume at the first dose (mm³).
    differ : float
        How much growth differs between animals: standard deviation over mean of the growth rate (%).
    error : float
        Of a reading (%).
    animals : tuple of int
        Numbers of animals per arm to compare.
    every, duration : float
        Days between visits, and from the first dose to the last visit.
    doses : float
        Days between doses.
    studies : int
        Simulated for each number of animals.
    """

    agents: tuple[str, str] = ("Drug A", "Drug B")
    tgi: tuple[float, float] = (50.0, 40.0)
    index: float = 0.5
    doubling: float = 8.0
    volume: float = 150.0
    differ: float = 20.0
    error: float = 13.0
    animals: tuple[int, ...] = (4, 6, 8, 10, 12)
    every: float = 3.5
    duration: float = 28.0
    doses: float = 7.0
    studies: int = 80


def problems_of(asked: Asked) -> list[str]:
    """What cannot be simulated, in words."""
    one, other = (name.strip() for name in asked.agents)
    checks = {
        "Agents: give two different names.": bool(one and other) and one != other,
        "TGI of each agent: give a number below 100 (0: it does nothing).": all(-500 < tgi < 100 for tgi in asked.tgi),
        "Observed over expected volume: give a number above 0 (1: the agents only add).": 0 < asked.index <= 20,
        "Doubling time: give days above 0.": 0 < asked.doubling < 1000,
        "Volume at the first dose: give a volume above 0.": 0 < asked.volume < 1e6,
        "Animals: give numbers of 2 or more, up to 100, at most 8 of them.": 0 < len(asked.animals) <= 8
        and all(2 <= number <= 100 for number in asked.animals),
        "Days between visits and days of follow-up: give days above 0, visits not rarer than the follow-up is long.": (
            0.2 <= asked.every <= asked.duration <= 365
        ),
        "Days between doses: give days above 0.": asked.doses >= 0.2,
        "Differences between animals and reading error: give percentages from 0 to 100.": (
            0 <= asked.differ <= 100 and 0 < asked.error <= 100
        ),
        f"Studies: give a number up to {ROUNDS[-1]}.": 2 <= asked.studies <= ROUNDS[-1],
    }
    return [sentence for sentence, fine in checks.items() if not fine]


def design_text(asked: Asked) -> str:
    """design.toml: vehicle, either agent alone, and both, on the same days."""
    one, other = (name.strip() for name in asked.agents)
    times = int(asked.duration // asked.doses) + (asked.duration % asked.doses > 0)
    days = f"{{ from = 0, every = {number_text(asked.doses)}, times = {max(times, 1)} }}"
    visits = int(asked.duration // asked.every) + 1
    arms: dict[str, tuple[str, ...]] = {one: (one,), other: (other,), f"{one} + {other}": (one, other)}
    lines = [
        'name = "Planned study"', f"animals = {asked.animals[0]}",
        f"visits = {{ from = 0, every = {number_text(asked.every)}, times = {visits} }}", "", "[arms.vehicle]",
        "control = true",
    ]  # fmt: skip
    for name, agents in arms.items():
        lines += ["", f"[arms.{toml_text(name)}]"]
        lines += [f"agents.{toml_text(agent)} = {{ days = {days} }}" for agent in agents]
    return "\n".join([*lines, ""])


def truth_text_of(asked: Asked) -> str:
    """truth.toml: rates (1/day) that give the doubling time, the inhibition and the index on the last visit."""
    one, other = (name.strip() for name in asked.agents)
    last = (asked.duration // asked.every) * asked.every
    growth = math.log(2) / asked.doubling
    kill = [-math.log1p(-tgi / 100) / last for tgi in asked.tgi]
    departure = -math.log(asked.index) / last
    both = toml_text(f"{one} + {other}")
    return "\n".join(
        [
            f"baseline = {number_text(asked.volume)}  # mm3",
            f"growth = {growth:.6g}  # 1/day: tumours double in {asked.doubling:g} days",
            "sd_baseline = 0.2",
            f"sd_growth = {growth * asked.differ / 100:.6g}  # 1/day",
            f"error = {asked.error / 100:.6g}",
            "",
            "[kill]",
            f"{toml_text(one)} = {kill[0]:.6g}  # 1/day: TGI {asked.tgi[0]:g} % on day {last:g}",
            f"{toml_text(other)} = {kill[1]:.6g}  # 1/day: TGI {asked.tgi[1]:g} % on day {last:g}",
            "",
            "[departure]",
            f"{both} = {departure:.6g}  # 1/day: {asked.index:g} times the volume predicted on day {last:g}",
            "",
        ]
    )


def command_of(asked: Asked) -> str:
    """The same on the command line."""
    animals = ",".join(map(str, asked.animals))
    return f"xenograft power {DESIGN} --truth {TRUTH} --animals {animals} -n {asked.studies}"


def asked_of(written: Mapping[str, Any]) -> Asked:
    """From JSON."""
    lists: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in written.items()}
    return Asked(**lists)


def plan_work(folder: Path, written: Mapping[str, Any]) -> None:
    """In the job's process: more and more studies in each cell, and the table after each round."""
    from xenograft.model.card import read_cards
    from xenograft.planning.cells import cells_of
    from xenograft.planning.design import read_design
    from xenograft.planning.power import power, power_sentences
    from xenograft.simulation.truth import read_truth

    asked = asked_of(written)
    if problems := problems_of(asked):
        raise InputError(problems)
    write_text(folder / DESIGN, design_text(asked))
    write_text(folder / TRUTH, truth_text_of(asked))
    (folder / POWER).unlink(missing_ok=True)
    (folder / "studies.jsonl").unlink(missing_ok=True)
    design, truth = read_design(folder / DESIGN), read_truth(folder / TRUTH)
    cards = list(read_cards("exponential-bliss-departure").values())
    cells = cells_of(design, animals=list(asked.animals))
    for studies in [*(number for number in ROUNDS if number < asked.studies), asked.studies]:
        table = power(cells, truth, cards, folder / "studies.jsonl", studies=studies)
        rows = json.loads(table.to_json(orient="records"))
        record = {"studies": studies, "of": asked.studies, "rows": rows, "sentences": power_sentences(table)}
        write_text(folder / POWER, json.dumps(record, ensure_ascii=False))
        tell(folder, studies=studies, of=asked.studies)
