#!/usr/bin/env bash
# pzfx 0.3.1 lists the tables of a file with Prism's XML namespace and cannot read any of them.
#
# Seen: pzfx_tables returns ['Volumes']; read_pzfx raises "Can't work with this pzfx file, is it later than v6.0?".
# Prism 9 and 10 write the namespace, and so does prismwriter 1.5.0, whose template is a file of Prism 10.2.2.
# Tables are looked for by local name, their Title is not.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
uv venv --quiet --python 3.13 "$folder/venv"
uv pip install --quiet --python "$folder/venv" pzfx==0.3.1 pandas==3.1.1 lxml==6.1.3 prismwriter==1.5.0
cd "$folder"
cat > show.py <<'PYTHON'
import pandas as pd
from prismWriter import PrismFile
from pzfx import pzfx_tables, read_pzfx

rows = pd.DataFrame({"arm": ["Vehicle", "Drug"] * 2, "day": ["0", "0", "7", "7"], "volume": [100.0, 110.0, 200.0, 150.0]})
file = PrismFile()
file.make_group_table("Volumes", rows, groupby="arm", cols=["volume"], rowgroupby="day", subgroupby=["volume"])
file.save("volumes.pzfx")
print("tables:", pzfx_tables("volumes.pzfx"))
assert pzfx_tables("volumes.pzfx") == ["Volumes"]
try:
    read_pzfx("volumes.pzfx", table="Volumes")
except ValueError as error:
    print("read_pzfx:", error)
    assert "is it later than v6.0?" in str(error)
else:
    raise SystemExit("changed: the table is read")
PYTHON
venv/bin/python show.py 2>/dev/null
