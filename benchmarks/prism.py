"""How much longer a Prism file of 20 tables takes to read than its XML takes to parse (issue 20 asks for 1 s or less).

`uv run python benchmarks/prism.py`
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from defusedxml.ElementTree import fromstring

from xenograft.reading.pzfx import read_pzfx
from xenograft.reading.schema import StudyEntry

TABLES, ARMS, ANIMALS, DAYS, LIMIT = 20, 6, 10, 100, 1.0


def document() -> bytes:
    """Twenty XY tables of six arms, ten animals each, on a hundred days."""
    rng = np.random.default_rng(1)
    parts = ['<?xml version="1.0" encoding="UTF-8"?><GraphPadPrismFile PrismXMLVersion="5.00">']
    days = "".join(f"<d>{day}</d>" for day in range(DAYS))
    for table in range(TABLES):
        parts.append(
            f'<Table ID="T{table}" XFormat="numbers" YFormat="replicates" TableType="XY"><Title>Volumes {table}</Title>'
            f"<XColumn><Title>Days</Title><Subcolumn>{days}</Subcolumn></XColumn>"
        )
        for arm in range(ARMS):
            volumes = rng.lognormal(5.0, 1.0, (ANIMALS, DAYS))
            columns = "".join(
                f"<Subcolumn>{''.join(f'<d>{volume:.2f}</d>' for volume in animal)}</Subcolumn>" for animal in volumes
            )
            parts.append(f"<YColumn><Title>Arm {arm}</Title>{columns}</YColumn>")
        parts.append("</Table>")
    return "".join([*parts, "</GraphPadPrismFile>"]).encode()


def seconds(work: Callable[[], object]) -> float:
    """Least processor time of three runs, in seconds: the machine may have other work."""
    taken: list[float] = []
    for _ in range(3):
        started = time.process_time()
        work()
        taken.append(time.process_time() - started)
    return min(taken)


def main() -> None:
    content = document()
    entry = StudyEntry(name="?", data="?", sheet="Volumes 7")
    parsing = seconds(lambda: fromstring(content, forbid_dtd=True))
    reading = seconds(lambda: read_pzfx("study.pzfx", content, entry))
    verdict = "within" if reading - parsing <= LIMIT else "ABOVE"
    print(
        f"{TABLES} tables, {len(content) / 1e6:.1f} MB: parsed in {parsing:.2f} s, read in {reading:.2f} s of "
        f"processor time; the difference of {reading - parsing:.2f} s is {verdict} {LIMIT:g} s"
    )


if __name__ == "__main__":
    main()
