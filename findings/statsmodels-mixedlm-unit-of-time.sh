#!/usr/bin/env bash
# statsmodels 0.15.0: whether MixedLM converges, and its standard error, depend on the unit of time.
#
# Seen, with random intercepts and slopes of 16 animals (seed 0): in days the fit does not converge and the difference of
# slopes has a standard error of 0.0137 per day; in weeks the same data converge with 0.0051 per day. The estimate agrees.
# Of eight such data sets one differs; the others agree to 1e-5.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
uv venv --quiet --python 3.13 "$folder/venv"
uv pip install --quiet --python "$folder/venv" statsmodels==0.15.0 numpy==2.5.5 scipy==1.18.1 pandas==3.1.1
cd "$folder"
cat > show.py <<'PYTHON'
import numpy as np
import pandas as pd
import statsmodels.formula.api as smf

rng = np.random.default_rng(0)
rows = []
for arm, rate in (("V", 0.08), ("T", 0.04)):
    for number in range(8):
        baseline, slope = 5 + 0.2 * rng.normal(), rate + 0.01 * rng.normal()
        for day in range(0, 43, 3):
            rows.append((arm, f"{arm}{number}", day, baseline + slope * day + 0.15 * rng.normal()))
table = pd.DataFrame(rows, columns=["arm", "animal", "day", "log_volume"]).assign(week=lambda rows: rows["day"] / 7)
errors = {}
for unit, days in (("day", 1), ("week", 7)):
    model = smf.mixedlm(f"log_volume ~ {unit} + {unit}:C(arm)", table, groups="animal", re_formula=f"~{unit}")
    fit = model.fit()
    name = next(name for name in fit.params.index if "C(arm)" in name)
    errors[unit] = fit.bse[name] / days
    print(f"{unit}: converged {fit.converged}, {fit.params[name] / days:.4f} with SE {errors[unit]:.4f} per day")
assert errors["day"] > 2 * errors["week"], "changed"
PYTHON
venv/bin/python -W ignore show.py
