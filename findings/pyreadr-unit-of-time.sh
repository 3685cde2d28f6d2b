#!/usr/bin/env bash
# pyreadr 0.5.8 drops the unit of a difftime: R's 0, 1 and 2 weeks are read as 0, 1 and 2.
#
# Seen: an .rds written by saveRDS of R 4.2.2, whose column since_first_dose is as.difftime(c(0, 1, 2), units = "weeks"). The column
# is read as the floats 0, 1, 2, in a frame that says the unit nowhere. R chooses the unit itself (units = "auto") when times
# are subtracted, so the number may be of hours, days or weeks. With warnings on, nothing is warned of.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
uv venv --quiet --python 3.13 "$folder/venv"
uv pip install --quiet --python "$folder/venv" pyreadr==0.5.8 pandas==2.3.3 numpy==2.5.5
cd "$folder"
base64 -d > volumes.rds <<'BASE64'
H4sIAAAAAAAAA4vgYmBgYGZgYWJiYGYFMhlYQ0PcdC2AYsJgCQYGAYgCBk4gzRRmiJXFwMwHVQ0G9h8gtANMAGg+kGCE6mBNzkks
LoYaDRPkSMlMSyvJzE1FV1yal1mCrpi1PDU1GyT4D4jBVjtEQq1MOgChsxywWp2XmJsKMw3mK7bEvMzcxBwoT6A4My85NT4ts6i4
JD4lvzgVpqosP6cU5jzG/2gu4kpJLEnUSytKxPAAZ1F+uR7MWl5QgDUAif////8FuR8AA3o784ABAAA=
BASE64
cat > show.py <<'PYTHON'
import gzip
from pathlib import Path

import pyreadr

written = gzip.decompress(Path("volumes.rds").read_bytes())
assert b"difftime" in written and b"weeks" in written
frame = pyreadr.read_r("volumes.rds")[None]
print(frame, frame.dtypes, frame.attrs, sep="\n")
assert frame["since_first_dose"].tolist() == [0.0, 1.0, 2.0], "changed"
assert frame["since_first_dose"].dtype == float and not frame.attrs, "changed"
PYTHON
venv/bin/python -W error show.py
