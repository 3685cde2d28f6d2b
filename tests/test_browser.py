"""The report in a real browser: Debian's Chromium, headless."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import axe_core_python
import pytest
from invented_report import GOOD, HOSTILE, REFUSED, content_for
from playwright.sync_api import expect, sync_playwright

from xenograft.report.folder import index_page
from xenograft.report.page import render
from xenograft.report.sentences import slide_sentence

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--allow-file-access-from-files",
    "--enable-logging=stderr", "--v=0", "--hide-scrollbars",
)  # fmt: skip
# what axe-core leaves to people: captions, a header for each row, links within the page, contrast in drawings (AA)
ACCESSIBILITY = """
function accessibility(inside, page) {
  const faults = [], all = selector => [...page.querySelectorAll(selector)];
  for (const table of all("table")) {
    if (!table.caption || !table.caption.textContent.trim()) faults.push("table without caption");
    for (const cell of table.querySelectorAll("th")) if (!cell.scope) faults.push("th without scope");
    for (const row of table.tBodies[0].rows)
      if (row.cells[0].tagName !== "TH") faults.push("row without header: " + table.caption.textContent);
  }
  for (const one of all("a[href^='#']"))
    if (!page.getElementById(one.getAttribute("href").slice(1))) faults.push("link to nowhere: " + one.href);
  const channel = value => (value /= 255) <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const numbers = text => (text.match(/[0-9.]+/g) || []).map(Number);
  const behind = one => {
    for (; one; one = one.parentElement) {
      const colour = numbers(inside.getComputedStyle(one).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  for (const one of all("body *")) {
    const own = [...one.childNodes].some(node => node.nodeType === 3 && node.textContent.trim());
    const box = one.getBoundingClientRect();
    if (!own || !box.width || !box.height || one.closest("style, defs")) continue;
    const style = inside.getComputedStyle(one);
    const colour = numbers(one.closest("svg") ? style.fill : style.color).slice(0, 3);
    const pair = [light(colour), light(behind(one.closest("svg") ? one.closest("figure") : one))];
    const ratio = (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
    // words inside the cells of a heat map stand on the cell's own colour
    const words = "contrast " + ratio.toFixed(2) + ": " + one.textContent.slice(0, 40);
    if (ratio < 4.5 && !one.closest("#figure-grid")) faults.push(words);
  }
  return [...new Set(faults)];
}
"""
# axe-core runs inside the page, which for this once is without the policy that forbids every script
AXE = """<!doctype html><title>frame</title><body style="margin:0">
<iframe id="page" src="report.html" style="border:0;width:{width}px;height:800px"></iframe><pre id="found"></pre>
<script>
document.getElementById("page").onload = async event => {{
  const {{violations, passes}} = await event.target.contentWindow.axe.run();
  document.getElementById("found").textContent = JSON.stringify({{
    passes: passes.map(rule => rule.id),
    faults: violations.map(({{id, impact, nodes}}) => `${{id}} (${{impact}}): ${{nodes[0].html.slice(0, 80)}}`),
  }});
}};
</script>"""
PLAIN_NAMES, HOSTILE_NAMES = ("vehicle", "A", "B", "A + B"), ("vehicle", HOSTILE[0], HOSTILE[4], "A + B")
POLICY = re.compile(r'<meta http-equiv="Content-Security-Policy"[^>]*>')
# the report in a frame as wide as the screen in question (a headless window has a minimum width), seen from outside
FRAME = """<!doctype html><title>frame</title><body style="margin:0">
<iframe id="page" src="report.html" style="border:0;width:{width}px;height:{height}px"></iframe><pre id="found"></pre>
<script>
{checks}
document.getElementById("page").onload = event => {{
  const inside = event.target.contentWindow, page = inside.document;
  const box = page.querySelector(".words").getBoundingClientRect();
  const shown = [...page.querySelectorAll("figure svg")].filter(svg => svg.getBoundingClientRect().width > 0);
  document.getElementById("found").textContent = JSON.stringify({{
    top: box.top, bottom: box.bottom, words: page.querySelector(".words").textContent,
    overflow: page.scrollingElement.scrollWidth - inside.innerWidth,
    requests: inside.performance.getEntriesByType("resource").map(entry => entry.name),
    figures: shown.length, narrowest: Math.min(...shown.map(svg => svg.getBoundingClientRect().width)),
    twice: [...page.querySelectorAll("figure")].filter(one =>
      [...one.querySelectorAll("svg")].filter(svg => svg.getBoundingClientRect().width > 0).length > 1).length,
    all: page.querySelectorAll("figure").length,
    faults: accessibility(inside, page),
    paper: (inside.getComputedStyle(page.body).backgroundColor.match(/[0-9]+/g) || []).map(Number),
    alarm: [...page.querySelectorAll(".alarm")].map(one => ({{words: one.textContent,
      top: one.getBoundingClientRect().top, bottom: one.getBoundingClientRect().bottom}}))[0] || null,
  }});
}};
</script>"""


@cache  # drawing a page takes longer than looking at it
def page_of(names: tuple[str, ...]) -> str:
    return render(content_for(names=names))


@pytest.mark.parametrize(("width", "height", "names"), [(1280, 800, PLAIN_NAMES), (390, 844, HOSTILE_NAMES)])
def test_the_verdict_is_on_the_first_screen_and_nothing_overflows(
    tmp_path: Path, width: int, height: int, names: tuple[str, ...]
) -> None:
    (tmp_path / "report.html").write_text(page_of(names), encoding="utf-8")
    (tmp_path / "frame.html").write_text(
        FRAME.format(width=width, height=height, checks=ACCESSIBILITY), encoding="utf-8"
    )
    found = _found(tmp_path, f"--window-size={max(width, 500)},{height}")
    assert found["words"] == "A + B: enhanced"
    assert 0 <= found["top"] < found["bottom"] <= height
    assert found["overflow"] <= 0
    assert found["requests"] == []
    assert found["twice"] == 0  # the wide or the narrow one of each, never both
    assert found["figures"] == found["all"] > 6
    assert found["faults"] == []
    assert found["narrowest"] > 0.8 * min(width, 900) - 40


TAKING = """<!doctype html><title>frame</title><body style="margin:0">
<iframe id="page" src="report.html" style="border:0;width:1280px;height:800px"></iframe><pre id="found"></pre>
<script>
document.getElementById("page").onload = async event => {
  const inside = event.target.contentWindow, page = inside.document, saved = [], copied = [], printed = [];
  const wait = until => new Promise(done => { const look = () => until() ? done() : setTimeout(look, 20); look(); });
  const button = (place, words) => [...page.querySelectorAll(place)].find(one => one.textContent === words);
  inside.URL.createObjectURL = blob => { saved.push(blob); return "data:,"; };
  inside.print = () => printed.push(page.querySelectorAll("figure.alone").length);
  inside.navigator.clipboard.write = async items => {
    for (const kind of items[0].types) copied.push(await (await items[0].getType(kind)).text());
  };
  button("button", "Copy").click();
  await wait(() => copied.length === 1);
  button("#numbers ~ .buttons button", "Copy table").click();
  await wait(() => copied.length === 3);
  button("figure button", "SVG").click();
  button("figure button", "PNG").click();
  await wait(() => saved.length === 2);
  button("figure button", "PDF").click();
  inside.dispatchEvent(new Event("afterprint"));
  document.getElementById("found").textContent = JSON.stringify({
    copied, printed, types: saved.map(one => one.type), svg: await saved[0].text(),
    png: [...new Uint8Array(await saved[1].slice(0, 8).arrayBuffer())], left: page.querySelectorAll(".alone").length,
    buttons: page.querySelectorAll(".buttons").length,
    places: page.querySelectorAll("figure, main table, blockquote.copied").length,
    unnamed: [...page.querySelectorAll("button")].filter(one => !one.getAttribute("aria-label")).length,
  });
};
</script>"""


def test_sentences_and_tables_are_copied_and_figures_saved_without_any_request(tmp_path: Path) -> None:
    content = content_for()
    (tmp_path / "report.html").write_text(page_of(PLAIN_NAMES), encoding="utf-8")
    (tmp_path / "frame.html").write_text(TAKING, encoding="utf-8")
    found = _found(tmp_path, "--window-size=1280,800", "--allow-file-access-from-files")
    sentence, cells, table = found["copied"]
    assert sentence == slide_sentence(content)
    assert cells.splitlines()[0].split("\t")[:3] == ["Arm", "Treatment", "Animals"]
    assert len(cells.splitlines()) == 1 + len(content.study.arms)
    assert table.startswith("<table")
    assert found["types"] == ["image/svg+xml", "image/png"]
    assert 'xmlns="http://www.w3.org/2000/svg" width="648pt"' in found["svg"]
    assert "var(" not in found["svg"], "a file has no theme to follow"
    assert bytes(found["png"]) == b"\x89PNG\r\n\x1a\n"
    assert (found["printed"], found["left"]) == ([1], 0)
    assert found["buttons"] == found["places"]
    assert found["unnamed"] == 0


@pytest.mark.parametrize("writes", [True, False])
def test_what_is_copied_is_on_the_clipboard_of_a_page_opened_from_a_disk(tmp_path: Path, writes: bool) -> None:
    """`writes`: the browser lets the page write, as after a click; else the older way."""
    place = tmp_path / "report.html"
    place.write_text(page_of(PLAIN_NAMES), encoding="utf-8")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        context = browser.new_context()
        context.grant_permissions(["clipboard-read", *(["clipboard-write"] if writes else [])])
        page = context.new_page()
        page.goto(place.as_uri())
        page.get_by_role("button", name="Copy: ").first.click()
        expect(page.locator("#told")).to_have_text("Sentence copied.")
        assert page.evaluate("navigator.clipboard.readText()") == slide_sentence(content_for())
        page.locator("#numbers ~ .buttons").get_by_role("button", name="Copy the table").first.click()
        expect(page.locator("#told")).to_have_text("Table copied.")
        cells = [line.split("\t") for line in page.evaluate("navigator.clipboard.readText()").splitlines()]
        assert cells[0][:3] == ["Arm", "Treatment", "Animals"]
        assert len({len(row) for row in cells}) == 1
        kinds = page.evaluate("navigator.clipboard.read().then(items => items[0].types)")
        assert kinds == (["text/plain", "text/html"] if writes else ["text/plain"])
        page.evaluate(
            "() => { document.execCommand = () => false; navigator.clipboard.write = () => Promise.reject(); }"
        )
        page.get_by_role("button", name="Copy: ").first.click()
        expect(page.locator("#told")).to_contain_text("Sentence not copied")
        browser.close()


def test_every_text_has_contrast_in_the_dark_too(tmp_path: Path) -> None:
    (tmp_path / "report.html").write_text(page_of(PLAIN_NAMES), encoding="utf-8")
    (tmp_path / "frame.html").write_text(FRAME.format(width=1280, height=800, checks=ACCESSIBILITY), encoding="utf-8")
    found = _found(tmp_path, "--window-size=1280,800", "--blink-settings=preferredColorScheme=0")
    assert found["faults"] == []
    assert max(found["paper"]) < 60


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (390, True)])
def test_axe_finds_no_fault(tmp_path: Path, width: int, dark: bool) -> None:
    found = _axe(tmp_path, page_of(HOSTILE_NAMES), width, dark)
    assert found["faults"] == []
    assert {"color-contrast", "heading-order", "html-has-lang", "landmark-one-main", "region"} <= set(found["passes"])


def test_axe_finds_no_fault_in_the_index(tmp_path: Path) -> None:
    page = index_page([GOOD, REFUSED], title="Studies")
    assert _axe(tmp_path, page, 390)["faults"] == []


def test_axe_finds_what_it_looks_for(tmp_path: Path) -> None:
    broken = (
        page_of(PLAIN_NAMES)
        .replace('<html lang="en">', "<html>")
        .replace("--soft: #566172", "--soft: #b0b8c4")
        .replace("<h3", "<h4")
        .replace("</h3>", "</h4>")
    )
    faults = " ".join(_axe(tmp_path, broken, 1280)["faults"])
    for fault in ("html-has-lang (serious)", "color-contrast (serious)", "heading-order"):
        assert fault in faults


def test_the_accessibility_checks_find_what_they_look_for(tmp_path: Path) -> None:
    page = page_of(PLAIN_NAMES)
    broken = (
        page.replace('<th scope="row">', "<th>")
        .replace('href="#health"', 'href="#nowhere"')
        .replace("--soft: #566172", "--soft: #b0b8c4")
    )
    (tmp_path / "report.html").write_text(broken, encoding="utf-8")
    (tmp_path / "frame.html").write_text(FRAME.format(width=1280, height=800, checks=ACCESSIBILITY), encoding="utf-8")
    faults = " ".join(_found(tmp_path, "--window-size=1280,800")["faults"])
    for fault in ("th without scope", "link to nowhere", "contrast"):
        assert fault in faults


def test_a_failed_analysis_is_unmistakable_on_the_first_screen(tmp_path: Path) -> None:
    content = content_for()
    results = dict(content.results)
    words = "no conclusion: the sampler did not converge (R-hat 1.4 (growth))"
    sentence = f"A + B against independent action (Bliss): {words}."
    results["verdict"] = results["verdict"] | {"words": words, "probability": None, "sentence": sentence}
    results["models"] = [
        model | {"health": model["health"] | {"status": "fail", "failures": ["R-hat 1.4 (growth)"]}}
        for model in results["models"]
    ]
    (tmp_path / "report.html").write_text(render(replace(content, results=results)), encoding="utf-8")
    (tmp_path / "frame.html").write_text(FRAME.format(width=390, height=844, checks=ACCESSIBILITY), encoding="utf-8")
    found = _found(tmp_path, "--window-size=500,844")
    assert found["alarm"]["words"].endswith("This analysis gives no conclusion")
    assert 0 <= found["alarm"]["top"] < found["alarm"]["bottom"] < found["top"]
    assert found["faults"] == []


def test_the_report_prints_on_a4_with_what_is_folded_on_a_screen(tmp_path: Path) -> None:
    page = page_of(PLAIN_NAMES)
    unfolding = "details::details-content { content-visibility: visible; }"
    assert "<details>" in page
    assert unfolding in page
    pages = {
        name: _pages(tmp_path, name, html)
        for name, html in {
            "as it is": page,
            "opened": page.replace("<details>", "<details open>"),
            "folded": page.replace(unfolding, ""),
        }.items()
    }
    assert 4 <= pages["folded"] < pages["as it is"] == pages["opened"] <= 30
    meeting, cut = re.subn(r'<section aria-labelledby="numbers">.*</footer>', "</main>", page, flags=re.DOTALL)
    assert cut == 1
    assert _pages(tmp_path, "for the meeting", meeting) == 2


def _pages(folder: Path, name: str, page: str) -> int:
    (folder / "frame.html").write_text(page, encoding="utf-8")
    _chromium(folder, f"--print-to-pdf={folder / name}.pdf", "--no-pdf-header-footer")
    pdf = (folder / f"{name}.pdf").read_bytes()
    assert pdf.startswith(b"%PDF")
    return len(re.findall(rb"/Type\s*/Page\b", pdf))


SORTING = """<!doctype html><title>frame</title><body style="margin:0">
<iframe id="page" src="report.html" style="border:0;width:{width}px;height:800px"></iframe><pre id="found"></pre>
<script>
{checks}
document.getElementById("page").onload = event => {{
  const inside = event.target.contentWindow, page = inside.document;
  const names = () => [...page.querySelectorAll("tbody th")].map(one => one.dataset.sort);
  const orders = [names()], said = [], heads = [...page.querySelectorAll("thead th")];
  for (const head of [heads[7], heads[7], heads[0]]) {{
    head.querySelector("button").focus();
    page.activeElement.click();
    orders.push(names());
    said.push(page.getElementById("sorted").textContent);
  }}
  document.getElementById("found").textContent = JSON.stringify({{
    orders, said, sorted: heads.map(one => one.getAttribute("aria-sort")),
    overflow: page.scrollingElement.scrollWidth - inside.innerWidth,
    requests: inside.performance.getEntriesByType("resource").map(entry => entry.name),
    faults: accessibility(inside, page),
  }});
}};
</script>"""


def test_the_index_of_many_studies_is_sorted_by_a_keyboard_too(tmp_path: Path) -> None:
    excesses = {"Beta": 0.5, "alpha": -0.25, "Gamma": 1.25}
    reports = [
        replace(GOOD, folder=name, title=name, excess={"median": median, "lower": -1.0, "upper": 2.0})
        for name, median in excesses.items()
    ]
    (tmp_path / "report.html").write_text(index_page([*reports, REFUSED], title="Studies"), encoding="utf-8")
    (tmp_path / "frame.html").write_text(SORTING.format(width=390, checks=ACCESSIBILITY), encoding="utf-8")
    found = _found(tmp_path, "--window-size=1280,800")
    bad = REFUSED.title
    assert found["orders"] == [
        ["Beta", "alpha", "Gamma", bad],
        ["alpha", "Beta", "Gamma", bad],  # by excess; what has none stays last
        ["Gamma", "Beta", "alpha", bad],
        ["alpha", bad, "Beta", "Gamma"],
    ]
    assert found["said"][1] == "Sorted by Excess (95 % interval), falling."
    assert found["sorted"] == ["ascending", *[None] * 12]
    assert found["overflow"] <= 0
    assert found["requests"] == []
    assert found["faults"] == []


def _axe(folder: Path, page: str, width: int, dark: bool = False) -> dict[str, Any]:
    page, policies = POLICY.subn("", page)
    assert policies == 1
    source = Path(axe_core_python.__file__).with_name("axe.min.js").read_text(encoding="utf-8")
    (folder / "report.html").write_text(page.replace("</body>", f"<script>{source}</script></body>"), encoding="utf-8")
    (folder / "frame.html").write_text(AXE.format(width=width), encoding="utf-8")
    options = ["--blink-settings=preferredColorScheme=0"] if dark else []
    return _found(folder, "--window-size=1280,800", *options)


def _found(folder: Path, *options: str) -> dict[str, Any]:
    """What the frame saw of the page; anything on the console is an error."""
    dom, log = _chromium(folder, "--virtual-time-budget=10000", *options, "--dump-dom")
    match = re.search(r'<pre id="found">(.+?)</pre>', dom, re.DOTALL)
    assert match, dom[-2000:]
    assert "CONSOLE" not in log, log
    return json.loads(html.unescape(match.group(1)))


def _chromium(folder: Path, *options: str) -> tuple[str, str]:
    assert CHROMIUM is not None
    command = [CHROMIUM, *FLAGS, f"--user-data-dir={folder / 'profile'}", *options, (folder / "frame.html").as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    return done.stdout, done.stderr
