"""JUnit XML: valid against what Jenkins, GitLab and GitHub read alike, whatever a gate says."""

from __future__ import annotations

from pathlib import Path

import pytest
from lxml import etree

from xenograft.evidence.judging import GateOutcome, junit_xml

SCHEMA = etree.XMLSchema(etree.parse(str(Path(__file__).parent / "junit.xsd")))
PASSED = GateOutcome("sound", "health", "no claim from a sick fit", True, 0.0, "<= 0", 0.0, "")
FAILED = GateOutcome("sure", "probability", "we ship on this", False, 0.7, ">= 0.975", -0.275, "A + B, averaged")
NOTHING = GateOutcome("kept", "rank", "it won last time", False, None, ">= -4", None, "the sampler did not converge")


def parsed(*outcomes: GateOutcome, study: str = "Study") -> etree._Element:
    document = etree.fromstring(junit_xml(outcomes, study=study, seconds=12.3456).encode())
    SCHEMA.assertValid(document)
    return document


def test_every_gate_is_a_test_case_and_a_failed_one_a_failure() -> None:
    document = parsed(PASSED, FAILED, NOTHING)
    suite = document[0]
    assert (suite.get("name"), suite.get("tests"), suite.get("failures")) == ("Study", "3", "2")
    assert document.get("time") == "12.346"
    first, second, third = suite
    assert (first.get("name"), first.get("classname")) == ("sound", "xenograft.gates.health")
    assert first.find("failure") is None
    failure = second.find("failure")
    assert failure is not None
    assert failure.get("message") == ("FAIL  sure: found 0.7 (A + B, averaged), asked >= 0.975, margin -0.28")
    assert failure.text == f"{failure.get('message')}\nwe ship on this"
    assert "nothing to judge (the sampler did not converge), asked >= -4" in third.find("failure").get("message", "")


@pytest.mark.parametrize("text", ['<&">]]>', "colour \x1b[31mred\x00", "Größe → ≥ 😀", "\ud800"])
def test_any_text_gives_a_document_that_is_valid(text: str) -> None:
    gate = GateOutcome(text, "excess", text, False, 1.0, "< 0", -1.0, text)
    document = parsed(gate, study=text)
    assert document[0][0].get("name")


def test_without_gates_the_suite_is_empty_and_valid() -> None:
    assert len(parsed()[0]) == 0


def test_the_schema_refuses_what_the_readers_do_not_know() -> None:
    document = etree.fromstring(junit_xml([PASSED], study="s", seconds=1.0).encode())
    document[0][0].set("verdict", "fine")
    assert not SCHEMA.validate(document)
