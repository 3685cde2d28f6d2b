#!/usr/bin/env bash
# pingouin 0.7.0: animals numbered from 1 in each arm are merged across arms by pairwise_tests, which mixed_anova refuses.
#
# Seen: six animals in each of two arms, numbered 1 to 6 in both. mixed_anova says that subjects must not overlap; pairwise_tests
# with the same arguments compares days of six subjects (5 degrees of freedom), each the mean of a vehicle and a treated
# animal. Named V1 to V6 and T1 to T6 they are twelve (11). Between days 7 and 21 p is 0.010 instead of 0.042.
# rm_anova and rm_corr merge them too.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
uv venv --quiet --python 3.13 "$folder/venv"
uv pip install --quiet --python "$folder/venv" pingouin==0.7.0 pandas==2.3.3 numpy==2.5.5 scipy==1.18.1
cd "$folder"
cat > show.py <<'PYTHON'
import numpy as np
import pandas as pd
import pingouin

rng = np.random.default_rng(1)
rows = [
    (arm, number, day, 5 + 0.05 * day * (arm == "V") + 0.3 * rng.normal())
    for arm in "VT"
    for number in range(1, 7)
    for day in (0, 7, 14, 21)
]
numbered = pd.DataFrame(rows, columns=["arm", "animal", "day", "log_volume"])
named = numbered.assign(animal=numbered["arm"] + numbered["animal"].astype(str))
words = {"dv": "log_volume", "within": "day", "subject": "animal", "between": "arm"}
degrees, p = {}, {}
for name, table in (("numbered", numbered), ("named", named)):
    tests = pingouin.pairwise_tests(table, **words).set_index(["A", "B"])
    degrees[name], p[name] = float(tests.loc[(7, 21), "dof"]), float(tests.loc[(7, 21), "p_unc"])
    print(f"{name}: day 7 against day 21 has {degrees[name]:.0f} degrees of freedom, p = {p[name]:.4f}")
assert degrees == {"numbered": 5, "named": 11}, "changed"
assert p["numbered"] < 0.02 < p["named"], "changed"
try:
    pingouin.mixed_anova(numbered, **words)
except ValueError as error:
    print("mixed_anova:", error)
    assert "overlap" in str(error), "changed"
else:
    raise SystemExit("changed: mixed_anova takes them")
PYTHON
venv/bin/python -W ignore show.py
