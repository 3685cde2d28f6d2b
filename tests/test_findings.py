"""The scripts of findings/ are listed, pinned, and run nothing of this package."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

FINDINGS = Path(__file__).parents[1] / "findings"


def test_every_script_is_listed_with_the_versions_that_it_pins() -> None:
    page = (FINDINGS / "README.md").read_text(encoding="utf-8")
    listed = dict(re.findall(r"^\| `([\w-]+\.sh)` \| (.*) \|$", page, flags=re.MULTILINE))
    scripts = {path.name: path.read_text(encoding="utf-8") for path in FINDINGS.glob("*.sh")}
    assert set(listed) == set(scripts)
    for name, text in scripts.items():
        pinned = re.search(r"uv pip install .*?\" (.*)", text)
        assert pinned, name
        assert all("==" in package for package in pinned[1].split()), name
        for package, version in re.findall(r"([\w-]+) (\d+(?:\.\d+)+)(?=[: ])", listed[name]):
            assert package in ("as", "in") or f"{package}=={version}" in pinned[1], name
        assert "xenograft" not in text, name


def test_every_script_is_bash_that_parses_and_fails_when_a_step_does() -> None:
    for path in FINDINGS.glob("*.sh"):
        assert "set -euo pipefail" in path.read_text(encoding="utf-8"), path.name
        subprocess.run(["bash", "-n", str(path)], check=True)
