#!/usr/bin/env bash
# lifelines 0.30.0 gives the Kaplan-Meier median one event late for some even numbers of animals.
#
# Seen: without censoring, n = 6 events on days 1 to 6 have the median 4, and n = 8, 14, 18, 20 are one event late too; n = 2,
# 4, 10, 12 and 16 are not. After 3 of 6 events the curve is 0.5000000000000001, being a product of exponentials of logs, and
# the median is where it is at most 0.5. When 3 of 6 never have the event, the median is infinite instead of 3.
# (R's survfit has a tolerance and takes the midpoint: 3.5.)
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
uv venv --quiet --python 3.13 "$folder/venv"
uv pip install --quiet --python "$folder/venv" lifelines==0.30.0 pandas==2.3.3
cd "$folder"
cat > show.py <<'PYTHON'
from lifelines import KaplanMeierFitter

medians = {n: KaplanMeierFitter().fit(range(1, n + 1)).median_survival_time_ for n in range(2, 21, 2)}
late = [n for n, median in medians.items() if median != n // 2]
half = KaplanMeierFitter().fit([1, 2, 3, 9, 9, 9], [1, 1, 1, 0, 0, 0])
print(medians)
print("late:", late, "share after 3 of 6:", repr(float(half.predict(3))), "median:", half.median_survival_time_)
assert late == [6, 8, 14, 18, 20], "changed"
assert half.median_survival_time_ == float("inf"), "changed"
PYTHON
venv/bin/python -W ignore show.py
