"""The documentation: built without a warning, complete, without network, and saying what the package does."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from definitions import PAGES as DEFINED
from definitions import page, tables
from markdown.extensions.toc import slugify
from running import Run

import xenograft
from xenograft.fitting.health import LIMITS

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = [*DOCS.glob("*.md"), *(ROOT / page for page in ("README.md", "CONTRIBUTING.md", "models/README.md"))]
API = (DOCS / "api.md").read_text(encoding="utf-8")
TUTORIAL = (DOCS / "tutorial.md").read_text(encoding="utf-8")


PANDOC = """#!/bin/sh
echo "$@" >> "$(dirname "$0")/asked"
[ "$1" = --version ] && echo "pandoc 3.1.11"
"""
"""Stands in for pandoc, which most users of R have, and writes down what it is asked."""

WATCH = """
import sys
def note(event, arguments):
    if event == "subprocess.Popen":
        with open({path!r}, "a", encoding="utf-8") as started:
            print(arguments[0], file=started)
    assert event not in ("os.system", "os.exec"), arguments
sys.addaudithook(note)
"""
"""Read by the build's Python before anything else: writes down every program that the build starts."""


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a stand-in for pandoc, and what the build of `site` writes into it."""
    folder = tmp_path_factory.mktemp("programs")
    (folder / "pandoc").write_text(PANDOC, encoding="utf-8")
    (folder / "pandoc").chmod(0o755)
    (folder / "sitecustomize.py").write_text(WATCH.format(path=str(folder / "started")), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, programs: Path) -> Path:
    """The site, built as CI builds it; a link or an anchor that leads nowhere is a warning, and a warning an error."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    places = {"PATH": f"{programs}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(programs)}
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | places | {"NO_MKDOCS_2_WARNING": "1"}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr
    return folder


@pytest.mark.xdist_group("site")
def test_the_build_hands_no_page_to_another_program(site: Path, programs: Path) -> None:
    """Pandoc never ends on a page as long as docs/api.md."""
    assert site.is_dir()
    asked = (programs / "asked").read_text(encoding="utf-8").splitlines()
    assert set(asked) == {"--version"}, "jupytext asks that much whenever it is imported"
    started = {Path(line).stem for line in (programs / "started").read_text(encoding="utf-8").splitlines()}
    assert started <= {"pandoc", "git", "ruff"}, "mkdocstrings: where the code is, and how a signature is broken"


@pytest.mark.xdist_group("site")
def test_the_site_has_every_page_and_every_notebook(site: Path) -> None:
    expected = {page.stem for page in DOCS.glob("*.md")} | {"index", "CHANGELOG", "CONTRIBUTING"}
    assert expected <= {page.stem for page in site.glob("*.html")}
    assert (site / "models" / "index.html").is_file()
    notebooks = [path.stem for path in sorted((ROOT / "notebooks").glob("*.ipynb"))]
    assert [path.stem for path in sorted((site / "notebooks").glob("*.html"))] == notebooks
    assert "data:image/png;base64" in (site / "notebooks" / f"{notebooks[0]}.html").read_text(encoding="utf-8")


@pytest.mark.xdist_group("site")
def test_every_public_name_is_documented_on_the_site(site: Path) -> None:
    text = (site / "api.html").read_text(encoding="utf-8")
    assert [name for name in xenograft.__all__ if f'id="xenograft.{name}"' not in text] == []


@pytest.mark.xdist_group("site")
def test_the_site_needs_no_network(site: Path) -> None:
    for path in site.rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        assert not re.findall(r'<(?:script|img|iframe)[^>]* src="(?:https?:)?//[^"]*"', text), path.name
        assert not re.findall(r'<link[^>]* rel="stylesheet"[^>]* href="(?:https?:)?//[^"]*"', text), path.name


@pytest.mark.xdist_group("site")
def test_equations_are_drawn_by_the_browser(site: Path) -> None:
    text = (site / "mathematics.html").read_text(encoding="utf-8")
    source = (DOCS / "mathematics.md").read_text(encoding="utf-8")
    assert text.count("<math") == source.count("```math") + source.count("$`")
    assert "$`" not in text
    assert "\\frac" not in text


def test_every_public_name_is_in_the_reference_once() -> None:
    assert sorted(re.findall(r"^::: xenograft\.(\w+)$", API, re.MULTILINE)) == xenograft.__all__


def test_the_definitions_and_words_are_those_of_the_package() -> None:
    for path in DEFINED:
        text = path.read_text(encoding="utf-8")
        assert page(text) == text, "run: uv run python benchmarks/definitions.py"
    assert (
        sum(path.read_text(encoding="utf-8").count(": written by benchmarks/definitions.py") for path in DEFINED) == 5
    )
    assert len(tables()) == 5


def test_links_in_the_projects_own_pages_lead_somewhere(subtests: pytest.Subtests) -> None:
    for path in PAGES:
        with subtests.test(path=path):
            for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text(encoding="utf-8")):
                assert (path.parent / target).exists(), target


def sections(path: Path) -> set[str]:
    """Anchors of a page's headings, as the site and GitHub make them."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {slugify(heading.replace("`", ""), "-") for heading in headings}


def test_every_page_and_section_that_code_cites_is_there() -> None:
    cited = re.compile(r"\b((?:docs|models|benchmarks)/[\w./-]+\.md|CONTRIBUTING\.md)(?:#([\w-]+))?")
    missing, found = [], 0
    for folder in ("xenograft", "tests", "benchmarks", "fixtures", "models", "notebooks", ".github"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix not in {".py", ".toml", ".jinja", ".yml", ".ipynb"}:
                continue
            for cited_page, section in cited.findall(path.read_text(encoding="utf-8", errors="replace")):
                found += 1
                if not (ROOT / cited_page).is_file() or (section and section not in sections(ROOT / cited_page)):
                    missing.append(f"{path.relative_to(ROOT)}: {cited_page}#{section}")
    assert missing == []
    assert found > 60


def test_nothing_cites_a_design_that_is_not_part_of_the_project() -> None:
    for path in [*PAGES, *(ROOT / "xenograft").rglob("*.py"), *(ROOT / "tests").glob("*.py"), ROOT / "pyproject.toml"]:
        assert not re.search(r"\bDESIGN(?: \d|\.md)", path.read_text(encoding="utf-8")), path


def test_the_limits_of_health_on_the_page_are_those_of_the_code() -> None:
    text = (DOCS / "mathematics.md").read_text(encoding="utf-8")
    rows = re.findall(
        r"^\| ([^|]+) \| (?:up to|from) ([\d.]+)( %)? \| (?:up to|from) ([\d.]+)( %)? \|", text, re.MULTILINE
    )
    on_page = [tuple(float(n) / (100 if unit else 1) for n, unit in ((a, ua), (b, ub))) for _, a, ua, b, ub in rows]
    assert sorted(on_page) == sorted(set(LIMITS.values()))


def test_the_verdict_taken_apart_is_the_one_on_the_front_page() -> None:
    def quoted(path: Path) -> str:
        (found,) = re.findall(r"^> T-DM1 .*?(?=\n\n)", path.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
        return " ".join(found.replace("\n>", "").split())

    assert quoted(DOCS / "verdict.md") == quoted(ROOT / "README.md")


def test_the_tutorial_shows_what_check_prints(run: Run) -> None:
    assert run("example", "my-study").code == 0
    found = run("check", "my-study")
    (shown,) = re.findall(r"```text\n(.*?)```", TUTORIAL, re.DOTALL)
    assert found.out.startswith(shown)


def test_the_commands_of_the_tutorial_exist(run: Run) -> None:
    for command, options in re.findall(r"xenograft (\w+)([^`\n]*)", TUTORIAL):
        helped = run(command, "--help")
        assert helped.code == 0, command
        for option in re.findall(r"(?<![\w-])--?[a-z]+", options):
            assert option in helped.out, (command, option)
