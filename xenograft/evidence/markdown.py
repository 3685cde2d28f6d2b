"""Markdown for the summary page of a CI job and for pull requests: a comparison, a report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from xenograft.evidence.evidence import Evidence
from xenograft.evidence.judging import GateOutcome
from xenograft.printing import SHORT_REFERENCES, fixed, interval_in_words, share
from xenograft.quantities.estimands import interval
from xenograft.report.content import ReportContent
from xenograft.report.words import LEVELS, Level, Light, answer, level_of, lights

MARKS: Mapping[Level, str] = {"good": "✅", "doubt": "⚠️", "bad": "❌"}
"""Of the confidence in an answer."""

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
    if outcomes:
        failed = sum(not outcome.passed for outcome in outcomes)
        parts.append(
            f"**{failed} of {len(outcomes)} gates failed.**" if failed else f"All {len(outcomes)} gates passed."
        )
        parts.append(markdown_table(pd.DataFrame([_gate_row(outcome) for outcome in outcomes])))
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
        parts += ["### Warnings", _bullets(listed)]
    if ranking.alike:
        parts += [
            "### Cards that are nearly the same",
            "\n".join(f"- {markdown_text(words)}" for words in ranking.alike),
        ]
    return "\n\n".join(parts) + "\n"


def report_markdown(content: ReportContent) -> str:
    """The first screen of a report: answer, how far to trust it, verdicts, arms, what the answer depends on.

    Parameters
    ----------
    content : ReportContent
        What the report shows.

    Returns
    -------
    str
        GitHub-flavoured Markdown.
    """
    results, level = content.results, level_of(content)
    verdict = results["verdict"]
    words = f"{verdict['combination']}: {verdict['words']}" if verdict else results["reason"]
    parts = [f"## {markdown_text(content.title)}", f"{MARKS[level]} **{markdown_text(words)}** ({LEVELS[level][1]})"]
    if said := answer(content):
        parts.append(markdown_text(said))
    parts.append("\n".join(_lamp(lamp) for lamp in lights(content)))
    if results["verdicts"]:
        verdicts = pd.DataFrame([_verdict_row(results, row) for row in results["verdicts"]])
        parts += ["### Verdicts", markdown_table(verdicts)]
    typical = [row for row in results["arms"] if row["model"] == "averaged" and row["of"] == "typical"]
    if typical:
        columns = {"tgi": "TGI (%)", "growth_rate": "growth rate (1/day)", "doubling_time": "doubling time (days)"}
        arms = [
            {"arm": row["arm"]} | {name: interval_in_words(row[key]) for key, name in columns.items()}
            for row in typical
        ]
        parts += [
            f"### Arms on day {content.study.horizon:g}: median (95 % interval)",
            markdown_table(pd.DataFrame(arms)),
        ]
    if content.sensitivity:
        found = [f"{row.title}: {row.finding}" for row in content.sensitivity]
        parts += ["### Does the answer depend on our choices?", _bullets(found)]
    return "\n\n".join(parts) + "\n"


def _bullets(sentences: Sequence[str]) -> str:
    return "\n".join(f"- {markdown_text(words)}" for words in sentences)


def _lamp(lamp: Light) -> str:
    return f"- {MARKS[lamp.level]} **{markdown_text(lamp.name)}:** {markdown_text(lamp.words)}"


def _verdict_row(results: Mapping[str, Any], verdict: Mapping[str, Any]) -> dict[str, str]:
    keys = ("combination", "reference")
    own = [r for r in results["interaction"] if r["model"] == "averaged" and all(r[k] == verdict[k] for k in keys)]
    return {
        "combination": verdict["combination"],
        "reference": SHORT_REFERENCES[verdict["reference"]],
        "verdict": verdict["words"],
        "excess (log units)": fixed(own[0]["excess"]) if own else "–",
        "P(excess > 0)": share(verdict["probability"]),
        "growth laws": verdict["agreement"] or "–",
    }


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


def _gate_row(outcome: GateOutcome) -> dict[str, str]:
    return {
        "gate": f"{'✅' if outcome.passed else '❌'} {outcome.name}",
        "found": "nothing to judge" if outcome.found is None else f"{outcome.found:.4g}",
        "asked": outcome.asked,
        "margin": "" if outcome.margin is None else f"{outcome.margin:+.2g}",
        "detail": outcome.detail,
        "why": outcome.why,
    }


def markdown_table(frame: pd.DataFrame) -> str:
    """A table that GitHub shows as one."""
    columns = [markdown_text(str(name)) for name in frame.columns]
    lines = [f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}"]
    lines += [f"| {' | '.join(markdown_text(str(value)) for value in row)} |" for row in frame.itertuples(index=False)]
    return "\n".join(lines)


def markdown_text(text: str) -> str:
    """Text that Markdown shows as it is."""
    escaped = text.replace("\\", "\\\\").replace("\n", " ")
    for mark in ("|", "*", "_", "`", "<", "[", "]"):
        escaped = escaped.replace(mark, f"\\{mark}")
    return escaped
