#!/usr/bin/env bash
# synergy 1.0.0: where no agent was tested alone, the combinations with the lowest dose stand in for the single agents.
#
# Seen: survival on a grid of 0, 1, 3, 10 by 0, 1, 3, 10 that is exactly independent has Bliss synergy 0 everywhere. Without the
# rows in which an agent is alone the same wells have -0.25 to -0.02, antagonism in all nine, and nothing is said.
# HSA does the same; Loewe raises an error.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
uv venv --quiet --python 3.13 "$folder/venv"
uv pip install --quiet --python "$folder/venv" synergy==1.0.0 numpy==2.5.5 scipy==1.18.1
cd "$folder"
cat > show.py <<'PYTHON'
import numpy as np
from synergy.combination import Bliss

doses = np.array([0.0, 1.0, 3.0, 10.0])
first, second = (grid.ravel() for grid in np.meshgrid(doses, doses))
survival = 1 / (1 + first / 3) / (1 + second / 3)
together = (first > 0) & (second > 0)
whole = Bliss().fit(first, second, survival)[together]
without = Bliss().fit(first[together], second[together], survival[together])
print("with single agents:", np.round(whole, 3))
print("without:", np.round(without, 3))
assert np.allclose(whole, 0), "changed"
assert (without < -0.02).all() and np.isclose(without.min(), -0.246, atol=1e-3), "changed"
PYTHON
venv/bin/python -W ignore show.py
