"""A report's first screen as Markdown, for a pull request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from xenograft.printing import (
    SHORT_REFERENCES,
    bullets,
    fixed,
    interval_in_words,
    markdown_table,
    markdown_text,
    percent_interval,
    share,
)
from xenograft.quantities.catalogue import shown
from xenograft.report.content import ReportContent
from xenograft.report.words import LEVELS, Level, Light, answer, headline, level_of, lights

MARKS: Mapping[Level, str] = {"good": "✅", "doubt": "⚠️", "bad": "❌"}
"""Of the confidence in an answer."""


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
    words = headline(verdict) if verdict else results["reason"]
    parts = [f"## {markdown_text(content.title)}", f"{MARKS[level]} **{markdown_text(words)}** ({LEVELS[level][1]})"]
    if said := answer(content):
        parts.append(markdown_text(said))
    parts.append("\n".join(_lamp(lamp) for lamp in lights(content)))
    if results["verdicts"]:
        kinds = ("interaction", "inhibition")
        of_kind = {kind: [row for row in results["verdicts"] if row["kind"] == kind] for kind in kinds}
        tables = [pd.DataFrame([_verdict_row(results, row) for row in rows]) for rows in of_kind.values() if rows]
        parts += ["### Verdicts", *map(markdown_table, tables)]
    if results.get("several"):
        parts.append(markdown_text(results["several"]["sentence"]))
    typical = [row for row in results["arms"] if row["model"] == "averaged" and row["of"] == "typical"]
    if typical:
        arms = [
            {"arm": row["arm"]}
            | {one.heading(row[one.key]["unit"]): interval_in_words(row[one.key]) for one in shown("summary")}
            for row in typical
        ]
        parts += [
            f"### Arms on day {content.study.horizon:g}: median (95 % interval)",
            markdown_table(pd.DataFrame(arms)),
        ]
    if content.sensitivity:
        found = [f"{row.title}: {row.finding}" for row in content.sensitivity]
        parts += ["### Does the answer depend on our choices?", bullets(found)]
    return "\n\n".join(parts) + "\n"


def _lamp(lamp: Light) -> str:
    return f"- {MARKS[lamp.level]} **{markdown_text(lamp.name)}:** {markdown_text(lamp.words)}"


def _verdict_row(results: Mapping[str, Any], verdict: Mapping[str, Any]) -> dict[str, str]:
    if verdict["kind"] == "inhibition":
        return {
            "arm": verdict["arm"],
            "against": verdict["control"],
            "verdict": verdict["words"],
            "TGI (%)": percent_interval(verdict["tgi"]),
            "T/C (%)": percent_interval(verdict["tc"]),
            "P(slows growth)": share(verdict["probability"]),
            "growth laws": verdict["agreement"] or "–",
        }
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
