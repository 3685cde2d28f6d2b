#!/usr/bin/env bash
# lifelines 0.30.3 with pandas 2.3.3: an end date written in another form than the first becomes an event before all others.
#
# Seen: from 2024-03-01 to "2024-03-15", "2024-03-22 09:30" and "2024-04-02" are 14, -9223372036854775808 and 32 days, all three
# observed events. A warning says that some starts are after their ends, not that a date was not understood. KaplanMeierFitter
# takes the durations and its median is 14 days; with both dates in one form it is 21. datetimes_to_durations reads dates
# with errors="coerce", so that a word ("found dead") does the same; only an empty cell is censored.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
uv venv --quiet --python 3.13 "$folder/venv"
uv pip install --quiet --python "$folder/venv" lifelines==0.30.3 pandas==2.3.3 numpy==2.5.5 scipy==1.18.1
cd "$folder"
cat > show.py <<'PYTHON'
import pandas as pd
from lifelines import KaplanMeierFitter
from lifelines.utils import datetimes_to_durations

starts = pd.Series(["2024-03-01"] * 3)
medians = []
for second in ("2024-03-22", "2024-03-22 09:30", "found dead"):
    days, events = datetimes_to_durations(starts, pd.Series(["2024-03-15", second, "2024-04-02"]))
    medians.append(KaplanMeierFitter().fit(days, events).median_survival_time_)
    print(f"{second!r}: days {days.tolist()}, events {events.tolist()}, median {medians[-1]}")
    assert events.all(), "changed"
    assert (days[1] == 21) if second == "2024-03-22" else (days[1] < -9e18), "changed"
assert medians == [21.0, 14.0, 14.0], "changed"
PYTHON
venv/bin/python -W ignore show.py
