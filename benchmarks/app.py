"""The app beside the command line: time from a dropped sheet to the verdict, clicks, memory at rest.

    uv run python benchmarks/app.py [--fast] [--draws N]

Both fit the example with the cards that suit it, one after the other, machine code cached. Needs Debian's Chromium.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from playwright.sync_api import Page, sync_playwright

from xenograft.study.examples import example_folder

CLICKS = 50
WAIT = 900_000
"""Milliseconds for an analysis."""


def command_line(folder: Path, options: list[str]) -> float:
    """Seconds of `xenograft report`."""
    shutil.copytree(example_folder(), folder)
    began = time.perf_counter()
    command = [sys.executable, "-m", "xenograft.cli", "report", str(folder), "--quiet", *options]
    subprocess.run([*command, "-o", str(folder / "report.html")], check=True, capture_output=True)
    return time.perf_counter() - began


def memory(process: int) -> float:
    """Resident megabytes of a process."""
    for line in Path(f"/proc/{process}/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1000
    raise RuntimeError("no such process")


def dropped_to_verdict(page: Page, address: str, *, fast: bool, draws: int) -> float:
    """Seconds from dropping the sheet to the verdict on the screen, without pauses to think."""
    page.goto(address)
    page.wait_for_selector("#dropped", state="attached")
    began = time.perf_counter()
    page.set_input_files("#dropped", [str(example_folder() / name) for name in ("volumes.csv", "study.toml")])
    page.wait_for_selector("#what_was_read .fine")
    page.click("[data-value=run]")
    page.wait_for_selector("#begin")
    if fast:
        page.check("input[name=speed][value=fast]")
    if draws != 1000:
        page.click("#run_body summary:has-text('Choose models')")
        page.fill("#draws", str(draws))
        page.press("#draws", "Tab")
        page.wait_for_selector(f"#run_command:has-text('--draws {draws}')")
    page.click("#begin")
    page.wait_for_selector(".verdict", timeout=WAIT)
    return time.perf_counter() - began


def clicks(page: Page) -> list[float]:
    """Seconds from a changed day or reference to the numbers on the screen."""
    page.wait_for_selector("#answer_day", timeout=WAIT)
    days = [option.get_attribute("value") or "" for option in page.query_selector_all("#answer_day option")]
    taken: list[float] = []
    for number in range(CLICKS):
        day, reference = days[(7 * number) % len(days)], ("bliss", "hsa")[number % 2]
        shown = f"[...document.querySelectorAll('#answer_numbers h3')].some(e => e.textContent.includes('day {day},'))"
        words = "HSA" if reference == "hsa" else "Bliss"
        began = time.perf_counter()
        page.select_option("#answer_day", day)
        page.select_option("#answer_reference", reference)
        page.wait_for_function(
            f"{shown} && document.querySelector('#answer_numbers li').textContent.includes('{words}')"
        )
        taken.append(time.perf_counter() - began)
    return taken


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fast", action="store_true")
    parser.add_argument("--draws", type=int, default=1000)
    given = parser.parse_args()
    options = [*(["--fast"] if given.fast else []), "--draws", str(given.draws)]
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        command = [sys.executable, "-m", "xenograft.cli", "app", "--no-browser", "--keep", f"{folder}/work"]
        app = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert app.stdout is not None
        address = app.stdout.readline().partition(": ")[2].strip()
        try:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
            command_line(Path(folder) / "first", options)  # machine code is cached from here on
            idle = memory(app.pid)
            page = browser.new_page()
            shown = dropped_to_verdict(page, address, fast=given.fast, draws=given.draws)
            taken = clicks(page)
            page.click("[data-value=take]")
            page.wait_for_selector("#take_all", timeout=WAIT)  # nothing of it runs beside the command line
            after = memory(app.pid)
            alone = command_line(Path(folder) / "second", options)
            browser.close()
        finally:
            app.terminate()
            app.wait()
    print(
        json.dumps(
            {
                "xenograft report (s)": round(alone, 1),
                "sheet to verdict (s)": round(shown, 1),
                "ratio": round(shown / alone, 2),
                "clicks, 95th percentile (s)": round(float(np.quantile(taken, 0.95)), 3),
                "memory at rest (MB)": round(idle),
                "memory after a study (MB)": round(after),
            },
            indent=2,
        )
    )


if __name__ == "__main__":
    main()
