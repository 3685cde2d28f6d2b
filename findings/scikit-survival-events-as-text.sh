#!/usr/bin/env bash
# scikit-survival 0.28.0: events written as the texts "1" and "0" are all events.
#
# Seen: Surv.from_arrays(["1", "0", "1", "0"], days) is four events; with the numbers 1 and 0 it is two, and the median time goes
# from day 21 to day 14. Texts "yes" and "no" raise, and so do "1" and "0" in a pandas Series; a list or an array of them,
# as csv.reader gives it, does not.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
uv venv --quiet --python 3.13 "$folder/venv"
uv pip install --quiet --python "$folder/venv" scikit-survival==0.28.0 pandas==2.3.3 numpy==2.5.5 scipy==1.18.1
cd "$folder"
cat > show.py <<'PYTHON'
import csv

from sksurv.nonparametric import kaplan_meier_estimator
from sksurv.util import Surv

cells = list(csv.DictReader(["day,event", "7,0", "14,1", "14,0", "21,1"]))
days = [float(cell["day"]) for cell in cells]
seen = {}
for form, events in (("text", [cell["event"] for cell in cells]), ("number", [int(cell["event"]) for cell in cells])):
    outcome = Surv.from_arrays(events, days)
    times, survival = kaplan_meier_estimator(outcome["event"], outcome["time"])
    seen[form] = outcome["event"].tolist(), float(times[survival <= 0.5][0])
    print(form, events, "->", seen[form][0], "median", seen[form][1])
assert seen["text"] == ([True] * 4, 14.0), "changed"
assert seen["number"] == ([False, True, False, True], 21.0), "changed"
try:
    Surv.from_arrays(["yes", "no"], [7.0, 14.0])
except ValueError as error:
    print("yes and no:", error)
else:
    raise SystemExit("changed: yes and no are taken")
PYTHON
venv/bin/python -W ignore show.py
