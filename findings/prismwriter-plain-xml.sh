#!/usr/bin/env bash
# prismwriter 1.5.0 loads a file without Prism's XML namespace as a file without tables.
#
# Seen: a file written by pzfx 0.3.1 (as Prism 5 to 8 write it, without namespace) loads without an error; get_table_names()
# is [] although the file has a table.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
uv venv --quiet --python 3.13 "$folder/venv"
uv pip install --quiet --python "$folder/venv" pzfx==0.3.1 pandas==3.1.1 lxml==6.1.3 prismwriter==1.5.0
cd "$folder"
cat > show.py <<'PYTHON'
import pandas as pd
from prismWriter import PrismFile
from pzfx import pzfx_tables, write_pzfx

write_pzfx({"Volumes": pd.DataFrame({"Vehicle": [100.0, 200.0]})}, "volumes.pzfx")
file = PrismFile()
file.load("volumes.pzfx", backup=False)
print("written:", pzfx_tables("volumes.pzfx"), "loaded:", file.get_table_names())
assert pzfx_tables("volumes.pzfx") == ["Volumes"]
assert file.get_table_names() == [], "changed"
PYTHON
venv/bin/python show.py 2>/dev/null
