#!/usr/bin/env bash
# kaplanmeier 0.2.0: what it calls the Z-score of the log-rank test is chi squared, and three arms have no test.
#
# Seen: 8 controls against 8 treated: logrank_Z is 7.38 and logrank_P 0.0066, the p-value of chi squared = 7.38 (so of Z = 2.72);
# Z = 7.38 would be p = 2e-13. When the treated arm is split in two, logrank_Z and logrank_P are nan without a warning.
# Survival is asked for as "censoring", which is 1 for an event.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
uv venv --quiet --python 3.13 "$folder/venv"
uv pip install --quiet --python "$folder/venv" kaplanmeier==0.2.0 lifelines==0.30.3 pandas==2.3.3 numpy==2.5.5 scipy==1.18.1
cd "$folder"
cat > show.py <<'PYTHON'
import kaplanmeier
import numpy as np
from scipy import stats

days = np.r_[1:9, 5:13]
events = np.repeat([1, 0], [12, 4])
two = kaplanmeier.fit(days, events, np.repeat(["Vehicle", "Drug"], 8), verbose=0)
z, p = two["logrank_Z"], two["logrank_P"]
print(f"two arms: Z {z:.2f}, p {p:.4f}; chi squared would have {stats.chi2.sf(z, 1):.4f}, Z {2 * stats.norm.sf(z):.0e}")
assert np.isclose(p, stats.chi2.sf(z, 1)) and 7 < z < 8, "changed"
three = kaplanmeier.fit(days, events, np.repeat(["Vehicle", "Drug", "Drug twice"], [8, 4, 4]), verbose=0)
print("three arms: Z", three["logrank_Z"], "p", three["logrank_P"])
assert np.isnan(three["logrank_Z"]) and np.isnan(three["logrank_P"]), "changed"
PYTHON
venv/bin/python -W ignore show.py
