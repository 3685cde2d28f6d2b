"""The words of panel.toml: which studies, under which names (docs/panels.md)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from xenograft.errors import StudyError, problems_of, quoted
from xenograft.files import read_toml

PANEL = "panel.toml"

_Text = Annotated[str, Field(min_length=1)]


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class ModelEntry(_Entry):
    """`[models.NAME]`: of a folder of studies the folder's name, of a table what its column of models says."""

    name: _Text | None = None
    historical: bool = False
    ignore: bool = False
    agents: dict[str, _Text] = {}


class PanelEntry(_Entry):
    """The whole of panel.toml."""

    name: _Text | None = None
    studies: list[_Text] = []
    horizon: Annotated[float, Field(gt=0, lt=1e4, allow_inf_nan=False)] | None = None
    until: Annotated[float, Field(gt=0, lt=1e4, allow_inf_nan=False)] | None = None
    doses: Literal["apart", "alike"] = "apart"
    combination: _Text | None = None
    moderators: _Text | None = None
    agents: dict[str, _Text] = {}
    models: dict[str, ModelEntry] = {}


def read_panel_file(path: Path) -> PanelEntry:
    """What a panel.toml says.

    Raises
    ------
    StudyError
        With a sentence for everything wrong with it.
    """
    try:
        return PanelEntry.model_validate(read_toml(path, StudyError))
    except ValidationError as error:
        raise StudyError(problems_of(path.name, error, PanelEntry)) from None


def toml_of_panel(models: Sequence[str]) -> str:
    """A first panel.toml, everything but the name of the file commented.

    Parameters
    ----------
    models : sequence of str
        The panel's.
    """
    one = quoted(models[0])
    return "\n".join(
        [
            "# Written by xenograft init: everything here is optional (docs/panels.md).",
            '# name = ""',
            "# horizon = 21              # days since the first dose at which single numbers are given",
            "# until = 42                # later readings are kept and not fitted",
            '# doses = "alike"          # all doses of an agent count as one',
            '# moderators = "moderators.csv"  # what was measured of the models: a column model, a column for each',
            "",
            "# [agents]                  # where studies call an agent otherwise: theirs = ours",
            '# "trastuzumab-biosimilar" = "trastuzumab"',
            "",
            f"# [models.{one}]",
            "# historical = true         # only its vehicle counts, as a historical control",
            "# ignore = true             # left out",
            "",
        ]
    )
