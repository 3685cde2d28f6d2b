#!/usr/bin/env bash
# pzfx 0.3.1 cuts the title of a table at its first markup and then does not find the table by its title.
#
# Seen: the title "Tumour <I>volume</I>" is listed as "Tumour ", and "<TextAlign>Volumes</TextAlign>" as "".
# Titles of columns keep what stands inside markup; only titles of tables are cut.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
uv venv --quiet --python 3.13 "$folder/venv"
uv pip install --quiet --python "$folder/venv" pzfx==0.3.1 pandas==3.1.1 lxml==6.1.3
cd "$folder"
cat > volumes.pzfx <<'XML'
<?xml version="1.0" encoding="UTF-8"?>
<GraphPadPrismFile PrismXMLVersion="5.00">
<Table ID="Table0" XFormat="numbers" YFormat="replicates" Replicates="2" TableType="XY" EVFormat="AsteriskAfterNumber">
<Title>Tumour <I>volume</I></Title>
<XColumn Subcolumns="1"><Title>Day</Title><Subcolumn><d>0</d><d>7</d><d>14</d></Subcolumn></XColumn>
<YColumn Subcolumns="2"><Title>Vehicle</Title>
<Subcolumn><d>100</d><d>150</d><d>210</d></Subcolumn>
<Subcolumn><d>120</d><d>180</d><d>250</d></Subcolumn></YColumn>
</Table>
</GraphPadPrismFile>
XML
cat > show.py <<'PYTHON'
from pathlib import Path

from pzfx import pzfx_tables, read_pzfx

print(pzfx_tables("volumes.pzfx"))
assert pzfx_tables("volumes.pzfx") == ["Tumour "], "changed"
try:
    read_pzfx("volumes.pzfx", table="Tumour volume")
except ValueError as error:
    print("read_pzfx:", error)
else:
    raise SystemExit("changed: the table is found by its title")
text = Path("volumes.pzfx").read_text().replace("Tumour <I>volume</I>", '<TextAlign align="Center">Volumes</TextAlign>')
Path("aligned.pzfx").write_text(text)
print(pzfx_tables("aligned.pzfx"))
assert pzfx_tables("aligned.pzfx") == [""], "changed"
PYTHON
venv/bin/python show.py
