"""The app in a real browser: Debian's Chromium, through Playwright."""

from __future__ import annotations

import io
import json
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import axe_core_python
import pytest
from panels_of import invented, written
from playwright.sync_api import Browser, Page, expect, sync_playwright

from xenograft.errors import StudyError
from xenograft.reading.read import read_study

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
    pytest.mark.xdist_group("app"),  # one app for all of them
]
ROOT = Path(__file__).parents[1]
PATIENCE, ANALYSIS = 120_000, 600_000
"""Milliseconds, on a machine that others share."""

expect.set_options(timeout=PATIENCE)

AXE = Path(axe_core_python.__file__).with_name("axe.min.js").read_text(encoding="utf-8")
WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 390, "height": 844}

TWO_ARMS = "Mouse,Group,Day,Volume\n" + "".join(
    f"M{animal:02},{arm},{day},{(100 + 2.5 * animal) * 2 ** (day / double) * (1 + (animal * 7 + day) % 5 / 50):.1f}\n"
    for animal, (arm, double) in enumerate([("Vehicle", 5.0)] * 6 + [("DrugA", 9.0)] * 6)
    for day in (0, 4, 7, 11, 14)
)


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an app that nobody else uses."""
    folder = tmp_path_factory.mktemp("app")
    studies = folder / "studies"
    for name in ("her2-four-arm", "her2-single-dose"):
        shutil.copytree(ROOT / "fixtures" / name, studies / name)
    (written(invented(4, 2, censored=False, uneven=False), studies / "models") / "panel.toml").touch()
    command = [
        sys.executable, "-m", "xenograft.cli", "app", "--no-browser", "--keep", str(folder / "work"), "--jobs", "1",
        "--folder", str(studies),
    ]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        address = process.stdout.readline().partition(": ")[2].strip()
        assert address.startswith("http://127.0.0.1:")
        yield address
        process.terminate()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        one = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield one
        one.close()


class Visitor:
    """A browser of its own, which remembers whom it asked for anything."""

    def __init__(self, browser: Browser, address: str) -> None:
        self.address = address
        self.context = browser.new_context(viewport=WIDE, accept_downloads=True)  # pyright: ignore
        self.page: Page = self.context.new_page()
        self.page.set_default_timeout(PATIENCE)
        self.asked: list[str] = []
        self.errors: list[str] = []
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.goto(address)

    def drop(self, *files: Path) -> None:
        self.page.set_input_files("#dropped", list(files))

    def step(self, value: str) -> None:
        self.page.click(f"[data-value={value}]")

    def faults(self) -> list[str]:
        """What axe-core finds at both widths, and what does not fit the screen."""
        found: list[str] = []
        for size in (WIDE, NARROW):
            self.page.set_viewport_size(size)  # pyright: ignore[reportArgumentType]
            self.page.wait_for_timeout(300)
            self.page.evaluate(AXE)
            broken: list[Any] = self.page.evaluate("axe.run({iframes: false}).then(found => found.violations)")
            found += [f"{rule['id']} at {size['width']}: {rule['nodes'][0]['html'][:100]}" for rule in broken]
            if self.page.evaluate("document.scrollingElement.scrollWidth > innerWidth"):
                found.append(f"wider than {size['width']}")
        self.page.set_viewport_size(WIDE)  # pyright: ignore[reportArgumentType]
        return found

    def elsewhere(self) -> list[str]:
        own = self.address.partition("?")[0]
        ours = (own, own.replace("http", "ws", 1), "data:", "blob:")
        return [url for url in self.asked if not url.startswith(ours)]


@pytest.fixture
def visitor(browser: Browser, app: str) -> Iterator[Visitor]:
    one = Visitor(browser, app)
    yield one
    assert one.elsewhere() == []
    assert one.errors == []
    one.context.close()


@pytest.mark.slow
def test_a_workbook_and_a_prism_file_are_read_beside_their_cells(visitor: Visitor, app: str) -> None:
    page = visitor.page
    for file, said in (
        (next((ROOT / "fixtures/layouts/workbook-wide-by-day-merged-arms").glob("*.xlsx")), "492 readings"),
        (ROOT / "fixtures/prism/grouped-by-prismwriter.pzfx", "94 readings"),
    ):
        visitor.drop(file)
        expect(page.locator("#what_was_read .fine")).to_contain_text(said)
        expect(page.locator(".cells td.read").first).to_have_attribute("title", re.compile("^day 0, "))
        expect(page.locator("#toml_shown pre")).to_contain_text(f'data = "{file.name}"')
        assert page.locator("#arm_cards .box").count() == 4
        page.goto(app)


@pytest.mark.slow
def test_broken_sheets_get_the_sentences_of_the_command_line(visitor: Visitor, app: str) -> None:
    for name in ("decimal-comma-unannounced", "animal-in-two-arms", "everything-at-once"):
        folder = ROOT / "fixtures" / "broken-studies" / name
        with pytest.raises(StudyError) as refused:
            read_study(folder)
        visitor.drop(*(path for path in folder.iterdir() if path.name != "expected.txt"))
        found = visitor.page.locator("#what_was_read .problems li")
        expect(found).to_have_text(list(refused.value.problems))
        visitor.step("run")
        expect(visitor.page.locator("#run_body .problems li")).to_have_text(list(refused.value.problems))
        assert visitor.page.locator("#begin").count() == 0
        visitor.page.goto(app)


def test_names_from_a_sheet_are_text_and_nothing_else(visitor: Visitor, tmp_path: Path) -> None:
    hostile = "<img src=x onerror=alert(1)>"
    (tmp_path / "a<b>.csv").write_text(TWO_ARMS.replace("DrugA", hostile), encoding="utf-8")
    visitor.drop(tmp_path / "a<b>.csv")
    expect(visitor.page.locator("#arm_cards h3", has_text=hostile)).to_be_visible()
    visitor.step("look")
    expect(visitor.page.locator("#look_tables")).to_contain_text(hostile)
    assert visitor.page.locator("img[src=x]").count() == 0


def test_two_browsers_do_not_see_each_others_studies(visitor: Visitor, browser: Browser, app: str) -> None:
    visitor.page.click("#example")
    expect(visitor.page.locator("#what_was_read .fine")).to_be_visible()
    visitor.page.wait_for_url("**study=**")
    own = visitor.page.url
    with browser.new_context() as stranger:
        page = stranger.new_page()
        answer = page.goto(own)
        assert answer is not None
        assert (answer.status, "token" in page.content()) == (403, True)
        page.goto(app)
        expect(page.locator("h1", has_text="Drop a sheet")).to_be_visible()
        assert "HER2" not in page.content()
    visitor.page.reload()
    expect(visitor.page.locator("#study_head h1")).to_contain_text("HER2")


def test_a_keyboard_alone_opens_a_study_changes_an_arm_and_leaves_a_reading_out(visitor: Visitor) -> None:
    page = visitor.page

    def reach(selector: str) -> None:
        for _ in range(200):
            page.keyboard.press("Tab")
            if page.evaluate("selector => document.activeElement.matches(selector)", selector):
                return
        raise AssertionError(f"{selector} is not reached by the Tab key")

    reach("#example")
    page.keyboard.press("Enter")
    expect(page.locator("#what_was_read .fine")).to_be_visible()
    expect(page.locator("[id$=arm_1_0_days]")).to_be_visible()
    reach("[id$=arm_1_0_days]")
    page.keyboard.press("Control+a")
    page.keyboard.type("0, 20")
    page.keyboard.press("Tab")
    expect(page.locator("#toml_shown pre")).to_contain_text("days = [0, 20]")
    reach("#to_look")
    page.keyboard.press("Enter")
    expect(page.locator("#out_reason")).to_be_visible()
    reach("#out_reason")
    page.keyboard.type("misread")
    reach("#leave_out")
    page.keyboard.press("Enter")
    expect(page.locator("#excluded_list li")).to_have_text("V01, day 0: misread")
    reach("#to_run")
    page.keyboard.press("Enter")
    expect(page.locator("#begin")).to_be_visible()


@pytest.mark.slow
def test_a_click_on_a_reading_chooses_it(visitor: Visitor) -> None:
    page = visitor.page
    page.click("#example")
    expect(page.locator("#what_was_read .fine")).to_be_visible()
    visitor.step("look")
    figure = page.locator("#readings_plot img")
    expect(figure).to_be_visible()
    page.wait_for_timeout(1000)
    box = figure.bounding_box()
    assert box is not None
    for share, arm in ((0.2, "V"), (0.9, "C")):  # the first panel, and the last
        page.mouse.click(box["x"] + share * box["width"], box["y"] + 0.6 * box["height"])
        expect(page.locator("#out_animal")).to_have_value(re.compile(f"^{arm}"))


@pytest.mark.slow
def test_the_whole_way_of_a_two_arm_study(visitor: Visitor, tmp_path: Path) -> None:
    page = visitor.page
    (tmp_path / "two arms.csv").write_text(TWO_ARMS, encoding="utf-8")
    visitor.drop(tmp_path / "two arms.csv")
    expect(page.locator("#what_was_read .fine")).to_contain_text("12 animals in 2 arms")
    assert visitor.faults() == []
    visitor.step("look")
    expect(page.locator("#readings_plot img")).to_be_visible()
    assert visitor.faults() == []
    visitor.step("run")
    page.click("#run_body summary:has-text('Choose models')")
    for box in page.query_selector_all("input[name=cards]:checked"):
        if box.get_attribute("value") != "exponential-bliss-departure":
            box.uncheck()
    page.fill("#draws", "200")
    page.fill("#chains", "2")
    page.check("input[name=speed][value=fast]")
    expect(page.locator("#run_command")).to_contain_text("--draws 200 --chains 2 --fast")
    assert visitor.faults() == []
    page.click("#begin")
    expect(page.locator("#cancel")).to_be_visible()
    page.click("#cancel")
    expect(page.locator("#run_status")).to_contain_text("Cancelled")
    page.click("#begin")
    expect(page.locator("#cancel")).to_be_visible()
    page.reload()
    expect(page.locator("#run_status")).to_contain_text("The analysis runs")
    expect(page.locator(".verdict h2")).to_contain_text("DrugA: inhibited", timeout=ANALYSIS)
    expect(page.locator("#answer_day")).to_be_visible(timeout=ANALYSIS)
    assert page.frame_locator("iframe.report").locator("h2.words").inner_text().startswith("DrugA: inhibited")
    page.select_option("#answer_day", "7")
    expect(page.locator(".verdict")).to_contain_text("On day 7")
    page.select_option("#answer_margin", "50")
    expect(page.locator(".verdict")).to_contain_text("more than 50 % of the volume")
    assert visitor.faults() == []
    visitor.step("take")
    expect(page.locator("#take_all")).to_be_visible(timeout=ANALYSIS)
    assert visitor.faults() == []
    with page.expect_download() as download:
        page.click("#take_all")
    again(Path(download.value.path()), tmp_path / "again")


def again(zipped: Path, folder: Path) -> None:
    """The command in the zip, run in its folder, gives the same results.json but for times."""
    with zipfile.ZipFile(io.BytesIO(zipped.read_bytes())) as archive:
        archive.extractall(folder)
    names = {path.name for path in folder.iterdir()}
    assert {"study.toml", "two arms.csv", "report.html", "results.json", "numbers.csv", "numbers.xlsx"} <= names
    told = (folder / "how-it-was-made.txt").read_text(encoding="utf-8")
    command = next(line.split() for line in told.splitlines() if line.startswith("    xenograft report"))
    first = timeless(json.loads((folder / "results.json").read_text(encoding="utf-8")))
    (folder / "results.json").unlink()
    subprocess.run([sys.executable, "-m", "xenograft.cli", *command[1:], "--quiet"], cwd=folder, check=True)
    assert timeless(json.loads((folder / "results.json").read_text(encoding="utf-8"))) == first


def timeless(results: dict[str, Any]) -> dict[str, Any]:
    del results["provenance"]["seconds_total"]
    for model in results["models"]:
        del model["seconds"]
    return results


@pytest.mark.slow
def test_the_other_rooms_answer_and_are_accessible(visitor: Visitor) -> None:
    page = visitor.page
    visitor.step("studies")
    expect(page.locator("#index_table tbody tr")).to_have_count(2)
    expect(page.locator("#panels_table tbody tr")).to_have_text(["models not analysed"])
    page.click("#panel_open")
    expect(page.locator("#panels_answer")).to_have_text("models: there is no answer yet.")
    page.select_option("#index_sort", "study")
    page.check("#index_falling")
    expect(page.locator("#index_table tbody th").first).to_have_text("her2-single-dose")
    assert visitor.faults() == []
    visitor.step("plan")
    expect(page.locator("#plan_table table")).to_contain_text("Drug A + Drug B")
    page.fill("#plan_tgi_one", "120")
    expect(page.locator("#plan_table .problems")).to_contain_text("TGI of each agent")
    assert visitor.faults() == []
    for name, typed in (("tgi_one", "30"), ("animals", "4"), ("studies", "2")):
        page.fill(f"#plan_{name}", typed)
    expect(page.locator("#plan_table table")).to_contain_text("Drug A + Drug B")
    page.click("#plan_begin")
    page.wait_for_url("**plan=**")
    page.reload()
    expect(page.locator("#plan_tgi_one")).to_have_value("30")
    expect(page.locator("#plan_result table")).to_contain_text("interval holds the truth", timeout=ANALYSIS)
    visitor.step("allocate")
    page.fill("#baselines", "animal,volume\n" + "\n".join(f"M{number},{90 + number}" for number in range(33)))
    page.click("#allocate_now")
    expect(page.locator("#allocated table").first).to_contain_text("Drug A + Drug B")
    expect(page.locator("#allocated li").first).to_contain_text("Best of 1000 random allocations (seed 1)")
    assert visitor.faults() == []
