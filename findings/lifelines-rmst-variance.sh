#!/usr/bin/env bash
# lifelines 0.30.3: the variance beside a restricted mean survival time is that of one animal, not of the mean.
#
# Seen: for 10, 40, 160 and 640 animals whose times to the endpoint are exponential with mean 20 days, the restricted mean to
# day 30 comes with 114, 117, 115 and 112 days^2. It is what min(T, 30) varies among animals, whatever their number; the
# mean itself varies by that over n, here 11.4 down to 0.17. Taken for the variance of the estimate, no difference of arms is
# ever large.
# The documentation does not say which of the two return_variance returns.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
uv venv --quiet --python 3.13 "$folder/venv"
uv pip install --quiet --python "$folder/venv" lifelines==0.30.3 pandas==2.3.3 numpy==2.5.5 scipy==1.18.1
cd "$folder"
cat > show.py <<'PYTHON'
import numpy as np
from lifelines import KaplanMeierFitter
from lifelines.utils import restricted_mean_survival_time

for animals in (10, 40, 160, 640):
    times = np.random.default_rng(0).exponential(20, animals)
    fitted = KaplanMeierFitter().fit(times)
    mean, variance = restricted_mean_survival_time(fitted, t=30, return_variance=True)
    among = np.minimum(times, 30).var()
    print(f"{animals} animals: mean {mean:.1f}, variance {variance:.1f}; of the mean {among / animals:.2f}")
    assert np.isclose(variance, among, rtol=0.02), "changed"
    assert 110 < variance < 120, "changed"
PYTHON
venv/bin/python -W ignore show.py
