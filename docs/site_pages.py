"""What mkdocs needs beside docs/: pages that live elsewhere in the project, and equations without network."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from latex2mathml.converter import convert
from mkdocs.plugins import event_priority
from mkdocs.structure.files import File

ROOT = Path(__file__).parents[1]
ELSEWHERE = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "models/README.md", *(
    str(path.relative_to(ROOT)) for pattern in ("notebooks/*.ipynb", "models/calibration/*.svg")
    for path in sorted(ROOT.glob(pattern))
))  # fmt: skip
"""Each fact has one home: these are read where they are, not copied."""


@event_priority(100)  # before the plugin that turns notebooks into pages
def on_files(files: Any, config: Any) -> Any:
    """Add the pages that live elsewhere."""
    for path in ELSEWHERE:
        files.append(File(path, str(ROOT), config["site_dir"], config["use_directory_urls"]))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Point links at pages of the site, and turn equations into MathML, which browsers draw by themselves."""
    markdown = re.sub(r"```math\n(.+?)```", lambda found: _equation(found[1], "block"), markdown, flags=re.DOTALL)
    markdown = re.sub(r"\$`(.+?)`\$", lambda found: _equation(found[1], "inline"), markdown)
    return re.sub(
        r"(!?)\[([^\]]+)\]\(([^)#:]+)(#[^)]*)?\)", lambda found: _link(found, page.file.src_uri, files), markdown
    )


def _equation(latex: str, display: str) -> str:
    text = convert(latex.strip(), display=display)
    return f"\n<div>{text}</div>\n" if display == "block" else f"<span>{text}</span>"


def _link(found: re.Match[str], source: str, files: Any) -> str:
    """A link as it is written on the project's page, from the page of the site; words alone where there is no page."""
    mark, words, target, anchor = found[1], found[2], found[3], found[4] or ""
    home = Path("docs", source) if source not in ELSEWHERE else Path(source)
    place = _plain(home.parent / target)
    on_site = place.removeprefix("docs/")
    if files.get_file_from_path(on_site) is None:
        return words
    up = "../" * source.count("/")
    return f"{mark}[{words}]({up}{on_site}{anchor})"


def _plain(path: Path) -> str:
    parts: list[str] = []
    for part in path.parts:
        if part == "..":
            parts.pop()
        else:
            parts.append(part)
    return "/".join(parts)
