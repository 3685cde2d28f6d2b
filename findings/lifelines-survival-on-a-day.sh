#!/usr/bin/env bash
# lifelines 0.30.3: the test of survival on a given day has no p-value where one arm has lost nobody or everybody.
#
# Seen: 8 controls reach the endpoint on days 10 to 19, 8 treated on days 30 to 39. On day 13 (6 of 8 left against 8 of 8) and
# on day 25 (0 of 8 against 8 of 8) statistic and p-value are nan; nothing is raised. The log-rank test of the same animals
# has p = 0.00004. The test compares log(-log S), which does not exist at S = 1 and S = 0: the clearest result has none.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
uv venv --quiet --python 3.13 "$folder/venv"
uv pip install --quiet --python "$folder/venv" lifelines==0.30.3 pandas==2.3.3 numpy==2.5.5 scipy==1.18.1
cd "$folder"
cat > show.py <<'PYTHON'
import math

from lifelines import KaplanMeierFitter
from lifelines.statistics import logrank_test, survival_difference_at_fixed_point_in_time_test

control, treated = [10, 12, 14, 15, 16, 17, 18, 19], [30, 32, 34, 35, 36, 37, 38, 39]
arms = KaplanMeierFitter().fit(control), KaplanMeierFitter().fit(treated)
whole = logrank_test(control, treated).p_value
print(f"log-rank: {whole:.5f}")
assert whole < 0.0001
for day in (13, 25):
    left = [round(float(arm.predict(day)), 2) for arm in arms]
    p = survival_difference_at_fixed_point_in_time_test(day, *arms).p_value
    print(f"day {day}: shares left {left}, p = {p}")
    assert math.isnan(p), "changed"
PYTHON
venv/bin/python -W ignore show.py
