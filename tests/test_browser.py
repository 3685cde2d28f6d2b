"""The report in a real browser: Debian's Chromium, headless."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from test_reporting import HOSTILE, content_for

from xenograft.reporting import render

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--allow-file-access-from-files",
    "--enable-logging=stderr", "--v=0", "--hide-scrollbars",
)  # fmt: skip
# the report in a frame as wide as the screen in question (a headless window has a minimum width), seen from outside
FRAME = """<!doctype html><title>frame</title><body style="margin:0">
<iframe id="page" src="report.html" style="border:0;width:{width}px;height:{height}px"></iframe><pre id="found"></pre>
<script>
document.getElementById("page").onload = event => {{
  const inside = event.target.contentWindow, page = inside.document;
  const box = page.querySelector(".words").getBoundingClientRect();
  const shown = [...page.querySelectorAll("figure svg")].filter(svg => svg.getBoundingClientRect().width > 0);
  document.getElementById("found").textContent = JSON.stringify({{
    top: box.top, bottom: box.bottom, words: page.querySelector(".words").textContent,
    overflow: page.scrollingElement.scrollWidth - inside.innerWidth,
    requests: inside.performance.getEntriesByType("resource").map(entry => entry.name),
    figures: shown.length, narrowest: Math.min(...shown.map(svg => svg.getBoundingClientRect().width)),
  }});
}};
</script>"""


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844)])
@pytest.mark.parametrize("names", [("vehicle", "A", "B", "A + B"), ("vehicle", HOSTILE[0], HOSTILE[4], "A + B")])
def test_the_verdict_is_on_the_first_screen_and_nothing_overflows(
    tmp_path: Path, width: int, height: int, names: tuple[str, ...]
) -> None:
    (tmp_path / "report.html").write_text(render(content_for(names=names)), encoding="utf-8")
    (tmp_path / "frame.html").write_text(FRAME.format(width=width, height=height), encoding="utf-8")
    dom, log = _chromium(
        tmp_path, "--virtual-time-budget=10000", f"--window-size={max(width, 500)},{height}", "--dump-dom"
    )
    match = re.search(r'<pre id="found">(.+?)</pre>', dom, re.DOTALL)
    assert match, dom[-2000:]
    found = json.loads(match.group(1).replace("&gt;", ">").replace("&lt;", "<").replace("&amp;", "&"))
    assert found["words"] == "A + B: enhanced"
    assert 0 <= found["top"] < found["bottom"] <= height
    assert found["overflow"] <= 0
    assert found["requests"] == []
    assert found["figures"] == 3  # the wide or the narrow one of each, never both
    assert found["narrowest"] > 0.8 * min(width, 900) - 40
    assert "CONSOLE" not in log, log


def test_the_report_prints_on_a4(tmp_path: Path) -> None:
    (tmp_path / "frame.html").write_text(render(content_for()), encoding="utf-8")
    _chromium(tmp_path, f"--print-to-pdf={tmp_path / 'report.pdf'}", "--no-pdf-header-footer")
    pdf = (tmp_path / "report.pdf").read_bytes()
    assert pdf.startswith(b"%PDF")
    assert 2 <= len(re.findall(rb"/Type\s*/Page\b", pdf)) <= 12


def _chromium(folder: Path, *options: str) -> tuple[str, str]:
    assert CHROMIUM is not None
    command = [CHROMIUM, *FLAGS, f"--user-data-dir={folder / 'profile'}", *options, (folder / "frame.html").as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    return done.stdout, done.stderr
