"""How often the answers of a panel are wrong, and their intervals right: the section of panels in docs/error-rates.md.

`uv run python benchmarks/panel_error_rates.py FOLDER -n 100` simulates and answers the panels of every row, keeps them
in FOLDER as they are done, goes on where it stopped, and writes the section from all that FOLDER holds; `--only WORD`
takes the rows whose name holds a word, `-n 0` writes the section. Each panel is answered by the cards that a report
would fit and that answer, drawn by importance sampling (one panel in twenty by NUTS too) and averaged by leaving models
out by importance sampling. What is counted, and how, is said in `error_rates`.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from error_rates import DOCUMENT, PANELS, counted, counts, decimal, page_with_panels, share, share_of

from xenograft.answers.averaging import AVERAGED
from xenograft.files import write_text
from xenograft.fitting.fit import versions
from xenograft.fitting.sampling import SamplerSettings
from xenograft.model.card import ModelCard, read_cards
from xenograft.planning.design import Design
from xenograft.planning.one_panel import AVERAGE, NEW_MODEL, answer_planned_panel, asked_moderators
from xenograft.planning.one_study import PlannedStudy
from xenograft.planning.planned_panel import PlannedPanel, names_of
from xenograft.planning.trials import Outcome, read_store, run_trials
from xenograft.simulation.panel_truth import ModeratorTruth, PanelTruth
from xenograft.simulation.truth import Truth
from xenograft.study.study import Arm, Dosing

SEED = 1
BOTH_WAYS_EVERY = 20
SETTINGS = SamplerSettings(draws=500, tune=500, cores=1)
VISITS = tuple(float(day) for day in (0, 3, 7, 10, 14, 17, 21, 24, 28, 31, 35))
HEAD = (
    "panels of", "asked of", "panels", "true", "enhanced / less / wrong", "bias", "covered", "width", "power",
)  # fmt: skip
SAID = {AVERAGE: "the average model", NEW_MODEL: "a new model"}


@dataclass(frozen=True)
class Row:
    """Panels of one kind.

    Parameters
    ----------
    name : str
        What readers see.
    truth : Truth
        With how models differ.
    models, animals : int
        Models, and animals in each arm of each.
    own : mapping of str to int
        Animals of single models in each arm, where they differ.
    """

    name: str
    truth: Truth
    models: int
    animals: int
    own: Mapping[str, int] = field(default_factory=dict)

    @property
    def design(self) -> Design:
        """As it is planned: removal at 2,000 mm³, a limit of 20 mm³."""
        a, b = (Dosing(agent, (0.0,), schedule_known=False) for agent in "AB")
        arms = (Arm("vehicle", True), Arm("A", dosings=(a,)), Arm("B", dosings=(b,)), Arm("A + B", dosings=(a, b)))
        names = [arm.name for arm in arms]
        own = {model: dict.fromkeys(names, number) for model, number in self.own.items()}
        return Design(
            self.name, arms, dict.fromkeys(names, self.animals), VISITS, endpoint_volume=2000.0,
            panel=PlannedPanel(names_of(self.models), own, {}),
        )  # fmt: skip


def rows() -> list[Row]:
    """Every row."""

    def truth(between: Mapping[str, Any], **changes: Any) -> Truth:
        common: dict[str, Any] = {
            "baseline": 170.0, "growth": 0.07, "sd_baseline": 0.2, "sd_growth": 0.012, "error": 0.13,
            "kill": {"A": 0.034, "B": 0.019}, "departure": {"A + B": 0.0},
        }  # fmt: skip
        usual = {"sd_baseline": 0.3, "sd_growth": 0.02, "sd_kill": {"A": 0.015, "B": 0.01}}
        return Truth(**(common | changes), panel=PanelTruth(**(usual | between)))

    alike, spread = {}, {"sd_departure": {"A + B": 0.02}}
    nothing, decides = ModeratorTruth(), ModeratorTruth(slope_departure={"A + B": 0.015})
    with_it = ModeratorTruth(like="E", correlation=0.8)
    more = {"A + B": 0.025}
    gompertz: dict[str, Any] = {"law": "gompertz", "growth": 0.1, "slowing": 0.03}
    uneven = dict(zip(names_of(10), (8, 8, 6, 4, 2, 1, 1, 1, 1, 1), strict=True))
    return [
        Row("no interaction in any model, 30 × 1", truth(alike), 30, 1),
        Row("no interaction in any model, 5 × 6", truth(alike), 5, 6),
        Row("0 on average, models differ, 30 × 1", truth(spread), 30, 1),
        Row("0 on average, models differ, 5 × 6", truth(spread), 5, 6),
        Row("the same under Gompertz growth, 30 × 1", truth(spread, **gompertz), 30, 1),
        Row("a moderator that does nothing, 30 × 1", truth(spread | {"moderators": {"E": nothing}}), 30, 1),
        Row(
            "E decides, F goes with it (0.8) and does nothing, 30 × 1",
            truth(spread | {"moderators": {"E": decides, "F": with_it}}), 30, 1,
        ),
        Row("unequal models: 8 to 1 animals an arm, 10 models", truth(spread), 10, 1, uneven),
        Row(
            "a third of the models lost, a fifth without B, 30 × 1",
            truth(spread | {"lost": 0.33, "missing": {"B": 0.2}}), 30, 1,
        ),
        Row("0.025/day on average, models differ, 30 × 1", truth(spread, departure=more), 30, 1),
        Row("0.025/day on average, models differ, 5 × 6", truth(spread, departure=more), 5, 6),
    ]  # fmt: skip


def cards_of(row: Row) -> tuple[ModelCard, ...]:
    """The cards that a report fits to such a panel and that answer."""
    moderated = row.truth.panel is not None and bool(row.truth.panel.moderators)
    names = ["panel-exponential", "panel-gompertz"]
    names += ["panel-exponential-moderators", "panel-gompertz-moderators"] if moderated else []
    return tuple(read_cards(*names).values())


def planned(row: Row, number: int) -> PlannedStudy:
    """One panel of a row."""
    return PlannedStudy(
        row.design, row.truth, cards_of(row), "bliss", SEED, number, SETTINGS, both_ways=BOTH_WAYS_EVERY
    )


def about(row: Row) -> dict[str, Any]:
    """Everything that a row's outcomes depend on."""
    return {
        "schema": "xenograft-panel-error-rates/1",
        "row": asdict(row) | {"truth": row.truth.model_dump(), "own": dict(row.own)},
        "cards": {card.name: card.digest for card in cards_of(row)},
        "seed": SEED,
        "settings": {"draws": SETTINGS.draws, "tune": SETTINGS.tune},
        "versions": versions(),
    }


def section(found: Mapping[str, Sequence[Outcome]]) -> str:
    """The section of the page, as Markdown."""
    intro = (Path(__file__).parent / "panel_error_rates_intro.md").read_text(encoding="utf-8").rstrip()
    lines = [f"| {' | '.join(HEAD)} |", f"|{'---|' * len(HEAD)}"]
    for row in rows():
        outcomes = found.get(row.name, [])
        for question in [AVERAGE, NEW_MODEL, *asked_moderators(planned(row, 0))] if outcomes else []:
            lines.append(_line(row.name, question, [of_question(one, question) for one in outcomes]))
    return "\n".join([intro, "", *lines, *_both_ways(found)]) + "\n"


def of_question(outcome: Outcome, question: str) -> Outcome:
    """The outcome as `error_rates.counts` takes one, as far as a question goes."""
    if "true" not in outcome:
        return outcome
    return {"true": outcome["true"].get(question, 0.0), "answers": outcome["answers"].get(question, {})}


def _line(name: str, question: str, outcomes: Sequence[Outcome]) -> str:
    one = counts(outcomes, AVERAGED)
    true = [outcome["true"] for outcome in outcomes if "true" in outcome]
    answered = one["studies"] - one["none"]
    size = np.mean(true) if true else np.nan
    cells = [
        name, SAID.get(question, f"moderator {question}"), f"{len(outcomes)}", decimal(float(size)), counted(one),
        decimal(one["bias"]), share(one["covered"], answered), decimal(one["width"]),
        share_of(one["right"], one["studies"]) if question != NEW_MODEL and abs(size) > 1e-6 else "–",
    ]  # fmt: skip
    return f"| {' | '.join(cells)} |"


def _both_ways(found: Mapping[str, Sequence[Outcome]]) -> list[str]:
    outcomes = [outcome for one in found.values() for outcome in one if "by_nuts" in outcome]
    both = [one["difference"] for one in outcomes if "difference" in one]
    if not both:
        return []
    fits = sum(len(cards_of(row)) * len(found.get(row.name, [])) for row in rows())
    return [
        "",
        f"Fitted by importance sampling; {sum(one['by_nuts'] for one in outcomes)} of {fits} fits were left to NUTS. "
        f"Of the panels that were fitted both ways ({len(both)}), no probability of any card differs by more than "
        f"{max(both):.3f}, and in half of them by more than {np.median(both):.3f}.",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("-n", "--panels", type=int, default=100)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--only", default="")
    given = parser.parse_args()
    found: dict[str, list[Outcome]] = {}
    for row in rows():
        name = "".join(letter if letter.isalnum() else "-" for letter in row.name)
        store, facts = given.folder / f"{name}.jsonl", about(row)
        if given.panels and given.only in row.name:
            trials = {str(number): planned(row, number) for number in range(given.panels)}
            run_trials(
                answer_planned_panel, trials, store, about=facts, workers=given.workers, progress=True, title=row.name
            )
        if stored := read_store(store, facts):
            found[row.name] = [stored[key] for key in sorted(stored, key=int)]
    if found:
        write_text(PANELS, section(found))
        write_text(DOCUMENT, page_with_panels(DOCUMENT.read_text(encoding="utf-8")))
    print({name: len(one) for name, one in found.items()})


if __name__ == "__main__":
    main()
