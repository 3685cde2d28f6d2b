"""A comparison as Markdown, for the summary page of a CI job and for pull requests."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from xenograft.evidence.evidence import Evidence
from xenograft.evidence.judging import GateOutcome
from xenograft.printing import bullets, markdown_table, markdown_text
from xenograft.quantities.estimands import interval

WIDTH = 41
"""Characters of a plotted interval."""


def comparison_markdown(
    evidence: Evidence, outcomes: Sequence[GateOutcome] = (), *, sentences: Sequence[str] = ()
) -> str:
    """Gates, verdicts, ranking with a plot as text, nulls, checks.

    Parameters
    ----------
    evidence : Evidence
        From `gather_evidence`.
    outcomes : sequence of GateOutcome
        From `judge_gates`.
    sentences : sequence of str
        The verdicts in words.

    Returns
    -------
    str
        GitHub-flavoured Markdown.
    """
    ranking, study = evidence.ranking, evidence.study
    parts = [f"## Model comparison: {markdown_text(study.name)}"]
    parts += gates_markdown(outcomes)
    parts += [markdown_text(sentence) for sentence in sentences]
    if not ranking.table.empty:
        parts += ["### Next animal", markdown_table(ranking_table(evidence)), f"```text\n{elpd_plot(evidence)}\n```"]
    if evidence.excess:
        parts += ["### Excess at the horizon (log units, 95 %)", f"```text\n{excess_plot(evidence)}\n```"]
    for title, table in (
        ("Nulls", nulls_table(evidence)),
        ("Bayes factor for a departure", bayes_factor_table(evidence)),
        ("The combination predicted from vehicle and single arms", parts_table(evidence)),
    ):
        if not table.empty:
            parts += [f"### {title}", markdown_table(table)]
    if listed := [*evidence.warnings, *(f"{name} refused: {why}" for name, why in ranking.refused.items())]:
        parts += ["### Warnings", bullets(listed)]
    if ranking.alike:
        parts += [
            "### Cards that are nearly the same",
            "\n".join(f"- {markdown_text(words)}" for words in ranking.alike),
        ]
    return "\n\n".join(parts) + "\n"


def ranking_table(evidence: Evidence) -> pd.DataFrame:
    """The ranking as people read it."""
    rows = [
        {
            "card": str(name),
            "elpd": f"{row['elpd']:.1f} ± {row['elpd_se']:.1f}",
            "difference": f"{row['elpd_diff']:.1f} ± {row['elpd_diff_se']:.1f}",
            "p_loo": f"{row['p_loo']:.1f}",
            "weight": f"{row['weight']:.2f}",
            "pseudo-BMA": f"{row['pseudo_bma_weight']:.2f}",
            "answer weight": f"{row['answer_weight']:.2f}" if row["answers"] else "null",
            "refits": f"{row['exact_refits']:d}",
            "bad k": f"{row['bad_k']:d}",
            "health": str(row["health"]),
            "cautions": str(row["cautions"]),
        }
        for name, row in evidence.ranking.table.iterrows()
    ]
    return pd.DataFrame(rows)


def nulls_table(evidence: Evidence) -> pd.DataFrame:
    """elpd of each null against the answering card of its growth law."""
    return pd.DataFrame(
        [
            {
                "null": row["null"],
                "against": row["answering"],
                "elpd difference": f"{row['elpd_diff']:.1f} ± {row['elpd_diff_se']:.1f}",
            }
            for _, row in evidence.ranking.nulls.iterrows()
        ]
    )


def bayes_factor_table(evidence: Evidence) -> pd.DataFrame:
    """Bayes factors with half and double the prior standard deviation beside them."""
    return pd.DataFrame(
        [
            {
                "combination": row["combination"],
                "card": row["card"],
                "Bayes factor": row["words"],
                "half prior sd": row["half_prior_sd"],
                "double prior sd": row["double_prior_sd"],
            }
            for _, row in evidence.bayes_factors.iterrows()
        ]
    )


def parts_table(evidence: Evidence) -> pd.DataFrame:
    """How well each combination is predicted by what is known without it."""
    rows: list[dict[str, str]] = []
    for _, row in evidence.parts.iterrows():
        shown = {"combination": row["combination"], "reference": row["reference"], "card": row["card"]}
        if row["reason"]:
            rows.append(shown | {"elpd": str(row["reason"])})
            continue
        direction = "smaller" if row["mean_pit"] < 0.5 else "larger"
        rows.append(
            shown
            | {
                "elpd": f"{row['elpd']:.1f} ± {row['elpd_se']:.1f}",
                "difference": f"{row['elpd_diff']:.1f} ± {row['elpd_diff_se']:.1f}",
                "inside 90 %": f"{100 * row['coverage_90']:.0f} %",
                "tumours": f"{direction} than predicted (mean PIT {row['mean_pit']:.2f})",
            }
        )
    return pd.DataFrame(rows).fillna("")


def elpd_plot(evidence: Evidence) -> str:
    """elpd differences to the best card with one standard error, as text."""
    table = evidence.ranking.table
    rows = {
        str(name): (row["elpd_diff"], row["elpd_diff"] - row["elpd_diff_se"], row["elpd_diff"] + row["elpd_diff_se"])
        for name, row in table.iterrows()
    }
    return _plot(rows, "elpd difference to the best card, ± 1 SE")


def excess_plot(evidence: Evidence) -> str:
    """Excess of each combination over Bliss and HSA, averaged and by card, as text."""
    rows: dict[str, tuple[float, float, float]] = {}
    for model, draws in evidence.excess.items():
        if model not in evidence.ranking.answer_weights and model != "averaged":
            continue
        table = interval(draws.sel(reference=["bliss", "hsa"]))
        for label, row in table.iterrows():
            reference, combination = label if isinstance(label, tuple) else (str(label), "")
            rows[f"{combination}, {reference}, {model}"] = (row["median"], row["lower"], row["upper"])
    return _plot(rows, "excess, 0 = no interaction")


def _plot(rows: dict[str, tuple[float, float, float]], title: str) -> str:
    if not rows:
        return "nothing to show"
    numbers = np.array(list(rows.values()))
    low, high = min(0.0, float(numbers.min())), max(0.0, float(numbers.max()))
    span = (high - low) or 1.0

    def column(value: float) -> int:
        return round((value - low) / span * (WIDTH - 1))

    width = max(map(len, rows))
    lines = [title, f"{'':{width}}  {low:<{WIDTH // 2}.3g}{high:>{WIDTH - WIDTH // 2}.3g}"]
    for label, (middle, lower, upper) in rows.items():
        cells = [" "] * WIDTH
        cells[column(lower) : column(upper) + 1] = "─" * (column(upper) - column(lower) + 1)
        cells[column(0.0)] = "│"
        cells[column(middle)] = "●"
        lines.append(f"{label:{width}}  {''.join(cells)}  {middle:.2f} ({lower:.2f} to {upper:.2f})")
    return "\n".join(lines)


def gates_markdown(outcomes: Sequence[GateOutcome]) -> list[str]:
    """How many gates failed, and a row for each; nothing where there are none."""
    if not outcomes:
        return []
    failed = sum(not outcome.passed for outcome in outcomes)
    counted = f"**{failed} of {len(outcomes)} gates failed.**" if failed else f"All {len(outcomes)} gates passed."
    return [counted, markdown_table(pd.DataFrame([_gate_row(outcome) for outcome in outcomes]))]


def _gate_row(outcome: GateOutcome) -> dict[str, str]:
    return {
        "gate": f"{'✅' if outcome.passed else '❌'} {outcome.name}",
        "found": "nothing to judge" if outcome.found is None else f"{outcome.found:.4g}",
        "asked": outcome.asked,
        "margin": "" if outcome.margin is None else f"{outcome.margin:+.2g}",
        "detail": outcome.detail,
        "why": outcome.why,
    }
