"""Gates as JUnit XML, which GitHub, GitLab and Jenkins show as tests."""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.etree import ElementTree

from xenograft.evidence.judging import GateOutcome

NOT_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that no XML document may hold, escaped or not."""


def junit_xml(outcomes: Sequence[GateOutcome], *, study: str, seconds: float) -> str:
    """One test case per gate.

    Parameters
    ----------
    outcomes : sequence of GateOutcome
        From `judge_gates`.
    study : str
        Name of the study, which names the suite.
    seconds : float
        Wall time of the comparison.

    Returns
    -------
    str
        An XML document.
    """
    failures = sum(not outcome.passed for outcome in outcomes)
    counts = {"tests": str(len(outcomes)), "failures": str(failures), "errors": "0", "time": f"{seconds:.3f}"}
    root = ElementTree.Element("testsuites", {"name": "xenograft compare", **counts})
    suite = ElementTree.SubElement(root, "testsuite", {"name": _clean(study), **counts, "skipped": "0"})
    for outcome in outcomes:
        case = ElementTree.SubElement(
            suite,
            "testcase",
            {"name": _clean(outcome.name), "classname": f"xenograft.gates.{outcome.kind}", "time": "0.000"},
        )
        if not outcome.passed:
            failure = ElementTree.SubElement(case, "failure", {"message": _clean(outcome.line), "type": outcome.kind})
            failure.text = _clean(f"{outcome.line}\n{outcome.why}")
        output = ElementTree.SubElement(case, "system-out")
        output.text = _clean(f"{outcome.line}\n{outcome.why}")
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _clean(text: str) -> str:
    return NOT_IN_XML.sub("\ufffd", text)
