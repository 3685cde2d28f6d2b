"""The arms as cards: control, agents, doses and days of each, with a line of doses; changes are written as lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from htmltools import TagChild, TagList, tags
from shiny import Inputs, Outputs, Session, reactive, render, ui

from xenograft.app.here import Here, settle
from xenograft.app.lines import days_text, doses_text, parsed, read_days, read_doses, with_arm
from xenograft.app.pieces import sentences, timeline
from xenograft.errors import InputError
from xenograft.reading.read import Arrival

ROLES = {"control": "Control (vehicle)", "treated": "Treated", "ignored": "Left out of the analysis"}
KNOWN = {"days": "Dosing days", "start": "First day only"}


@dataclass(frozen=True)
class AgentFields:
    """What a person typed of an agent.

    Parameters
    ----------
    name, dose, unit, days : str
        As typed; days or the first of them.
    known : {"days", "start"}
        Which of the two `days` are.
    ends : bool
        The effect ends one interval after the last dose.
    """

    name: str
    dose: str
    unit: str
    days: str
    known: str
    ends: bool

    def dosing(self) -> dict[str, Any]:
        """The agent's entry of study.toml.

        Raises
        ------
        InputError
            Something that is no number.
        """
        dose = read_doses(self.dose)
        entry: dict[str, Any] = {} if dose is None else {"dose": dose}
        entry |= {"unit": self.unit.strip()} if self.unit.strip() else {}
        days = read_days(self.days)
        if self.known == "start":
            entry["start"] = days[0] if isinstance(days, list) else days["from"]
        else:
            entry["days"] = days
        return entry | ({"ends": True} if self.ends else {})


def arm_entry(role: str, agents: Sequence[AgentFields]) -> dict[str, Any]:
    """An arm's table of study.toml from what a person chose and typed; an agent without a name is taken out.

    Raises
    ------
    InputError
        Something that is no number.
    """
    entry: dict[str, Any] = {"control": True} if role == "control" else {"ignore": True} if role == "ignored" else {}
    named = {one.name.strip(): one.dosing() for one in agents if one.name.strip()}
    return entry | ({"agents": named} if named and role != "control" else {})


def role_of(arm: Mapping[str, Any]) -> str:
    """What an arm's table says it is."""
    return "control" if arm.get("control") else "ignored" if arm.get("ignore") else "treated"


def fields_of(agent: str, dosing: Mapping[str, Any]) -> AgentFields:
    """What stands in the fields of an agent."""
    by_days = "days" in dosing
    days = days_text(dosing.get("days")) if by_days else doses_text(dosing.get("start", 0))
    return AgentFields(
        agent, doses_text(dosing.get("dose")), str(dosing.get("unit", "")), days, "days" if by_days else "start",
        bool(dosing.get("ends")),
    )  # fmt: skip


def part() -> TagChild:
    """The place of the cards on the first step."""
    return TagList(ui.output_ui("arm_cards"), ui.output_ui("arm_problems"))


def arms_in(text: str) -> dict[str, dict[str, Any]]:
    """The tables of the arms, as far as they are tables."""
    return {name: arm for name, arm in parsed(text).get("arms", {}).items() if isinstance(arm, dict)}


def serve(input: Inputs, output: Outputs, session: Session, here: Here) -> None:
    """What the cards do."""
    wrong: reactive.Value[tuple[str, ...]] = reactive.Value(())
    last_day: reactive.Value[float] = reactive.Value(28.0)
    nothing: tuple[int, dict[str, dict[str, Any]]] = (-1, {})
    drawn: reactive.Value[tuple[int, dict[str, dict[str, Any]]]] = reactive.Value(
        nothing
    )  # generation, and the arms in its cards: who waits for the fields is told of them

    @reactive.effect
    async def _() -> None:
        found = await here.arrival()
        if isinstance(found, Arrival):
            settle(last_day, float(found.study.readings["day"].max()))

    @render.ui
    def arm_cards() -> TagChild:
        generation = here.generation()
        with reactive.isolate():
            arms = arms_in(here.text())
        drawn.set((generation, arms))
        settle(wrong, ())
        if not arms:
            return None
        cards = [_card(f"g{generation}_arm_{number}", name, arm) for number, (name, arm) in enumerate(arms.items())]
        treated = {name: name for name, arm in arms.items() if not arm.get("control")}
        adding = tags.div(
            ui.input_select("add_agent_to", "One more agent for", treated),
            ui.input_action_button("add_agent", "Add an agent"),
            class_="buttons",
        )
        return TagList(
            tags.h2("Arms"),
            tags.p("Say which arm is the control, and what the others get. Only dosing days tell whether an effect "
                   "wanes between doses. An agent without a name is taken out.", class_="small"),
            tags.div(*cards, class_="cards"),
            adding if treated else None,
        )  # fmt: skip

    @reactive.effect
    @reactive.event(input.add_agent)
    def _() -> None:
        name = str(input.add_agent_to())
        with reactive.isolate():
            arm = arms_in(here.text()).get(name, {})
        agents = dict(arm.get("agents", {}))
        number = next(count for count in range(len(agents) + 1, 100) if f"agent {count}" not in agents)
        changed = {"ignore": arm.get("ignore")} | {"agents": agents | {f"agent {number}": {"start": 0}}}
        here.change(lambda text: with_arm(text, name, changed), redraw=True)

    @reactive.effect
    def _() -> None:
        """What is typed becomes lines."""
        generation, arms = drawn()
        problems: list[str] = []
        for number, (name, arm) in enumerate(arms.items()):
            own = f"g{generation}_arm_{number}"
            role = str(input[f"{own}_role"]())
            agents = [_typed(input, f"{own}_{place}") for place in range(len(_places(arm)))]
            try:
                entry = arm_entry(role, agents)
            except InputError as error:
                problems.append(f"{name}: {error}")
                continue
            with reactive.isolate():
                now = arms_in(here.text()).get(name)
            if now is not None and not _same(now, entry):
                here.change(lambda text, n=name, e=entry: with_arm(text, n, e))
        settle(wrong, tuple(problems))

    @render.ui
    def arm_problems() -> TagChild:
        return sentences("problems", "Not understood:", wrong())

    def draw_timeline(number: int) -> None:
        @output(id=f"timeline_{number}")
        @render.ui
        def _() -> TagChild:
            here.generation()
            arms = list(arms_in(here.text()).values())
            if number >= len(arms):
                return None
            rows = [(agent, _all_days(dosing)) for agent, dosing in arms[number].get("agents", {}).items()]
            return timeline(rows, last_day())

    for number in range(MOST_ARMS):
        draw_timeline(number)


MOST_ARMS = 40
"""Arms that get a line of their doses."""


def _places(arm: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """The agents of a card; of an arm without any, an empty one."""
    agents: list[tuple[str, Mapping[str, Any]]] = [
        (name, one) for name, one in arm.get("agents", {}).items() if isinstance(one, dict)
    ]
    return agents or [("", {"start": 0})]


def _card(own: str, name: str, arm: Mapping[str, Any]) -> TagChild:
    number = int(own.rsplit("_", 1)[1])
    role = ui.input_select(f"{own}_role", "This arm is", ROLES, selected=role_of(arm))
    agents = [_agent(f"{own}_{place}", *one) for place, one in enumerate(_places(arm))]
    return tags.div(
        tags.h3(name),
        role,
        ui.panel_conditional(f"input['{own}_role'] !== 'control'", *agents, ui.output_ui(f"timeline_{number}")),
        class_="box",
        role="group",
        aria_label=f"Arm {name}",
    )


def _agent(own: str, agent: str, dosing: Mapping[str, Any]) -> TagChild:
    found = fields_of(agent, dosing)
    return tags.div(
        ui.input_text(f"{own}_name", "Agent", found.name, update_on="blur"),
        tags.div(
            ui.input_text(f"{own}_dose", "Dose", found.dose, placeholder="3, or 30, 15, 15", update_on="blur"),
            ui.input_text(f"{own}_unit", "Unit", found.unit, placeholder="mg/kg", update_on="blur"),
            ui.input_select(f"{own}_known", "Given on", KNOWN, selected=found.known),
            ui.input_text(f"{own}_days", "Days", found.days, placeholder="0, 7, 14", update_on="blur"),
            class_="fields",
        ),
        ui.input_checkbox(f"{own}_ends", "Its effect ends one interval after the last dose", found.ends),
        class_="agent",
    )


def _typed(input: Inputs, own: str) -> AgentFields:
    texts = {key: str(input[f"{own}_{key}"]()) for key in ("name", "dose", "unit", "days", "known")}
    return AgentFields(**texts, ends=bool(input[f"{own}_ends"]()))


def _same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return _plain(one) == _plain(other)


def _plain(arm: Mapping[str, Any]) -> dict[str, Any]:
    """An arm's table without what says nothing."""
    agents = {
        name: {key: value for key, value in dosing.items() if value is not False}
        for name, dosing in arm.get("agents", {}).items()
    }
    return {"role": role_of(arm), "agents": agents}


def _all_days(dosing: Mapping[str, Any]) -> list[float]:
    days: Any = dosing.get("days", [dosing.get("start", 0.0)])
    if isinstance(days, Mapping):
        numbers: list[Any] = [days.get(key) for key in ("from", "every", "times")]
        if not all(isinstance(one, int | float) for one in numbers):
            return []
        first, every, times = (float(one) for one in numbers)
        return [first + every * time for time in range(int(min(times, 1000)))]
    return [float(day) for day in days if isinstance(day, int | float)] if isinstance(days, list) else []
