"""A panel's answers in Markdown, for a pull request or a job summary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from xenograft.answers.verdicts import REFERENCE_WORDS
from xenograft.evidence.judging import GateOutcome
from xenograft.evidence.markdown import gates_markdown
from xenograft.panels.analysis import PanelAnalysis
from xenograft.printing import bullets, decimal, fixed, markdown_table, markdown_text, number, share


def answers_table(results: Mapping[str, Any]) -> pd.DataFrame:
    """A row for each combination and reference: average, new model, share of models, spread (log units)."""
    return pd.DataFrame(
        [
            {
                "combination": one["combination"],
                "reference": one["reference"],
                "average model": fixed(one["average"]),
                "P(> 0)": share(one["average"]["probability"]),
                "new model": fixed(one["new_model"]),
                "P(> 0) there": share(one["new_model"]["probability"]),
                "share of models > 0": fixed(one["share_above_0"]),
                "sd between models": fixed(one["spread"]),
            }
            for one in results["answers"]
        ]
    )


def moderators_table(results: Mapping[str, Any]) -> pd.DataFrame:
    """A row for each combination, reference and moderator: slope, and the excess at two values (log units)."""
    rows: list[dict[str, Any]] = []
    for one in results["answers"]:
        for found in one["moderators"]:
            low, high = found["at"]
            rows.append(
                {
                    "combination": one["combination"],
                    "reference": one["reference"],
                    "moderator": found["moderator"],
                    "slope per unit": fixed(found["slope"]),
                    "P(rises)": share(found["probability"]),
                    "at low": f"{fixed(low['excess'])} at {number(low['value'])}",
                    "at high": f"{fixed(high['excess'])} at {number(high['value'])}",
                }
            )
    return pd.DataFrame(rows)


def cards_table(results: Mapping[str, Any]) -> pd.DataFrame:
    """A row for each card: how well it predicts a model that it has not seen, and its weight."""
    return pd.DataFrame(
        [
            {
                "card": card["name"],
                "health": card["health"]["status"],
                "elpd": "–" if card["elpd"] is None else decimal(card["elpd"]),
                "difference": _difference(card),
                "weight": "null" if not card["answers"] else number(card["answer_weight"], 2),
                "models refitted": card["exact_refits"],
            }
            for card in results["cards"]
        ]
    )  # fmt: skip


def panel_markdown(analysis: PanelAnalysis, outcomes: Sequence[GateOutcome] = ()) -> str:
    """The answers of a panel, with its gates and what weakens them, in Markdown."""
    results, panel = analysis.results, analysis.panel
    parts = [
        f"## {markdown_text(panel.name)}",
        f"{len(panel.models)} models, {panel.animals} animals, day {panel.horizon:g} after the first dose.",
        *gates_markdown(outcomes),
        bullets([one.sentence for one in analysis.verdicts] or [str(results["reason"])]),
    ]
    if analysis.cautions:
        parts += ["**Cautions**", bullets(analysis.cautions)]
    for table in (answers_table(results), moderators_table(results), cards_table(results)):
        if len(table):
            parts.append(markdown_table(table))
    against = [f"{key}: {words}" for key, words in REFERENCE_WORDS.items() if key in results["references"]]
    parts.append(bullets(["Excess in log units, positive = enhanced; median (95 % interval).", *against]))
    return "\n\n".join(part for part in parts if part) + "\n"


def _difference(card: Mapping[str, Any]) -> str:
    if card["elpd_diff"] is None:
        return "–"
    return "best" if card["elpd_diff"] == 0 else f"{decimal(card['elpd_diff'])} ± {decimal(card['elpd_diff_se'])}"
