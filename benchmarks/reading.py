"""How long a table of 200,000 readings takes to read (issue 7 asks for 3 s or less).

`uv run python benchmarks/reading.py`
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from xenograft.reading.read import read_study

ROWS, DAYS, LIMIT = 200_000, 50, 3.0
ARMS = """
[arms.vehicle]
control = true

[arms.A]
agents.A = { dose = 3.0, unit = "mg/kg", days = [0] }
"""


def write(folder: Path, *, wide: bool) -> None:
    """A two-arm study of 4,000 animals and 50 days, one in a hundred readings below the limit."""
    rng = np.random.default_rng(1)
    animals = ROWS // DAYS
    volumes = np.round(rng.lognormal(5.0, 1.0, (animals, DAYS)), 2).astype(str)
    volumes[rng.random(volumes.shape) < 0.01] = "<16"
    frame = pd.DataFrame(volumes, columns=[str(day) for day in range(DAYS)])
    frame.insert(0, "animal", [f"M{number}" for number in range(animals)])
    frame.insert(1, "arm", ["vehicle", "A"] * (animals // 2))
    if not wide:
        frame = frame.melt(["animal", "arm"], var_name="day", value_name="volume")
    frame.to_csv(folder / "volumes.csv", index=False)
    layout = 'layout = "wide by day"\n' if wide else ""
    (folder / "study.toml").write_text(f'name = "Large"\ndata = "volumes.csv"\n{layout}{ARMS}')


def seconds(*, wide: bool) -> float:
    """Processor time of the second reading of a fresh study, in seconds: the machine may have other work."""
    with tempfile.TemporaryDirectory() as name:
        write(Path(name), wide=wide)
        read_study(name)
        started = time.process_time()
        study = read_study(name)
        took = time.process_time() - started
    assert len(study.readings) == ROWS
    return took


def main() -> None:
    for wide in (False, True):
        took = seconds(wide=wide)
        verdict = "within" if took <= LIMIT else "ABOVE"
        print(
            f"{'wide' if wide else 'long'}: {ROWS:,} readings in {took:.2f} s of processor time, {verdict} {LIMIT:g} s"
        )


if __name__ == "__main__":
    main()
