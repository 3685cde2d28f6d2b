"""The Markdown summary: tables that stay tables whatever names a study uses, plots that stay in their lines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from xenograft.answers.ranking import compare
from xenograft.answers.results import to_json
from xenograft.evidence.evidence import Evidence, evidence_as_data, gather_evidence
from xenograft.evidence.judging import GateOutcome
from xenograft.evidence.markdown import WIDTH, comparison_markdown, elpd_plot, excess_plot
from xenograft.fitting.fit import Fit

PASSED = GateOutcome("a | b", "health", "no *claim*", True, 0.0, "<= 0", 0.0, "")
FAILED = GateOutcome("sure", "probability", "we ship", False, 0.7, ">= 0.975", -0.275, "A + B")


@pytest.fixture(scope="module")
def evidence(fits: Mapping[str, Fit]) -> Evidence:
    return gather_evidence(fits, compare(fits, exact=False), refit=lambda fit, _: fit)


def test_gates_come_first_and_failed_ones_are_counted(evidence: Evidence) -> None:
    text = comparison_markdown(evidence, [PASSED, FAILED])
    assert text.splitlines()[2] == "**1 of 2 gates failed.**"
    assert "| ❌ sure | 0.7 | \\>= 0.975 |" in text or "| ❌ sure | 0.7 | >= 0.975 |" in text
    assert "All 1 gates passed." in comparison_markdown(evidence, [PASSED])
    assert "gates" not in comparison_markdown(evidence)


def test_every_row_of_a_table_has_as_many_cells_as_its_head(evidence: Evidence) -> None:
    text = comparison_markdown(evidence, [PASSED, FAILED], sentences=["one | two"])
    widths: list[int] = []
    for line in text.splitlines():
        if not line.startswith("|"):
            widths = []
            continue
        cells = len(line.replace("\\|", "").strip("|").split("|"))
        assert not widths or cells == widths[0], line
        widths.append(cells)
    assert "a \\| b" in text
    assert "one \\| two" in text


def test_every_ranked_card_and_every_null_is_in_the_summary(evidence: Evidence) -> None:
    text = comparison_markdown(evidence)
    for title in ("### Next animal", "### Nulls", "### Bayes factor for a departure", "### The combination predicted"):
        assert title in text
    assert all(text.count(name) >= 3 for name in evidence.ranking.table.index)


def test_a_refused_card_is_named_with_the_reason(fits: Mapping[str, Fit]) -> None:
    name = "exponential-bliss"
    sick = replace(fits[name], health=replace(fits[name].health, status="fail", failures=("R-hat 1.3 (growth)",)))
    some = {"exponential-bliss-departure": fits["exponential-bliss-departure"], name: sick}
    text = comparison_markdown(gather_evidence(some, compare(some, exact=False), exact=False))
    assert f"- {name} refused: the sampler did not converge (R-hat 1.3 (growth))" in text


def test_plots_have_a_row_per_card_the_zero_and_the_numbers(evidence: Evidence) -> None:
    lines = elpd_plot(evidence).splitlines()
    assert lines[0] == "elpd difference to the best card, ± 1 SE"
    assert [line.split()[0] for line in lines[2:]] == list(evidence.ranking.table.index)
    assert all("●" in line for line in lines[2:])
    assert lines[2].rstrip().endswith("0.00 (0.00 to 0.00)")
    widest = max(len(name) for name in evidence.ranking.table.index)
    assert all(line[widest + 2 :].index("●") < WIDTH for line in lines[2:])
    excess = excess_plot(evidence).splitlines()[2:]
    assert len(excess) == 2 * 3  # two references, averaged and two laws
    assert all("│" in line for line in excess)


def test_the_comparison_is_plain_data(evidence: Evidence) -> None:
    found = evidence_as_data(evidence)
    to_json(found)
    assert found["nulls"][0].keys() == {"null", "answering", "elpd_diff", "elpd_diff_se"}
    assert {row["model"] for row in found["laws"]} == {"averaged", *evidence.ranking.answer_weights}
    assert isinstance(found["ranking"][0]["answers"], bool)


def test_warnings_name_the_card_and_what_it_cannot_do(evidence: Evidence) -> None:
    name = "exponential-bliss-departure"
    check = replace(evidence.checks[name], warnings=("vehicle: on day 28 tumours are smaller than predicted.",))
    table = evidence.sensitivity[name].copy()
    table.loc["excess_bliss[T-DM1 + pertuzumab]", ["prior", "words"]] = [0.2, "the prior decides"]
    ranking = replace(evidence.ranking, table=evidence.ranking.table.assign(bad_k=[2, 0, 0, 0, 0, 0]))
    warned = replace(evidence, ranking=ranking, checks={name: check}, sensitivity={name: table})
    first = ranking.table.index[0]
    assert warned.warnings == (
        f"{name} cannot reproduce the data: vehicle: on day 28 tumours are smaller than predicted.",
        f"{name}: excess_bliss[T-DM1 + pertuzumab] depends on the priors (the prior decides: prior sensitivity 0.20).",
        f"{first}: the elpd of 2 animals cannot be trusted (large Pareto k, and the fit without it did not converge).",
    )
    assert "### Warnings" in comparison_markdown(warned)
