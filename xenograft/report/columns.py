"""Tables of the page as rows of cells, without the columns that say nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from xenograft.printing import number

NOTHING = ("", "–")
"""Cells without content."""


def without_empty_columns(table: Mapping[str, Any]) -> dict[str, Any]:
    """A table whose every column, the first aside, has content in some row.

    Parameters
    ----------
    table : mapping
        `headings`, `rows` (sequences of cells, as many as headings), and whatever else it has.
    """
    rows = table["rows"]
    told = [
        place for place in range(len(table["headings"])) if place == 0 or any(row[place] not in NOTHING for row in rows)
    ]
    return dict(table) | {
        "headings": [table["headings"][place] for place in told],
        "rows": [[row[place] for place in told] for row in rows],
    }


def health_rows(results: Mapping[str, Any]) -> list[list[str]]:
    """How each model was drawn, and how well: model, draws, health, then the diagnostics that its draws have."""
    return [_health_row(model, model["health"]) for model in results["models"]]


def _health_row(model: Mapping[str, Any], health: Mapping[str, Any]) -> list[str]:
    weighted = model["method"] == "importance"
    draws = "by NUTS"
    if weighted:
        draws = f"by importance: Pareto k {health['pareto_k']:.2f}, worth {health['effective_draws']:.0f}"
    return [
        model["name"], draws, health["status"], number(health["max_rhat"], 4), number(health["min_ess_bulk"], 4),
        number(health["min_ess_tail"], 4), "–" if weighted else str(health["divergences"]),
        number(health["min_bfmi"], 2), "–" if weighted else number(health["max_treedepth_share"], 2),
        str(model["attempts"]), "; ".join(health["failures"]) or "–",
    ]  # fmt: skip
