#!/usr/bin/env bash
# pzfx-parser 0.4 loses a table when another has the same title.
#
# Seen: two tables called "Volumes" give one entry, the second; the first is gone without a word.
# Prism lets tables share a title.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
uv venv --quiet --python 3.13 "$folder/venv"
uv pip install --quiet --python "$folder/venv" pzfx-parser==0.4 pandas==3.1.1
cd "$folder"
cat > volumes.pzfx <<'XML'
<?xml version="1.0" encoding="UTF-8"?>
<GraphPadPrismFile PrismXMLVersion="5.00">
<Table ID="Table0" XFormat="numbers" YFormat="replicates" Replicates="2" TableType="XY" EVFormat="AsteriskAfterNumber">
<Title>Volumes</Title>
<XColumn Subcolumns="1"><Title>Day</Title><Subcolumn><d>0</d><d>7</d><d>14</d></Subcolumn></XColumn>
<YColumn Subcolumns="2"><Title>Vehicle</Title>
<Subcolumn><d>100</d><d>150</d><d>210</d></Subcolumn>
<Subcolumn><d>120</d><d>180</d><d>250</d></Subcolumn></YColumn>
</Table>
<Table ID="Table1" XFormat="numbers" YFormat="replicates" Replicates="2" TableType="XY" EVFormat="AsteriskAfterNumber">
<Title>Volumes</Title>
<XColumn Subcolumns="1"><Title>Day</Title><Subcolumn><d>0</d><d>7</d><d>14</d></Subcolumn></XColumn>
<YColumn Subcolumns="2"><Title>Vehicle</Title>
<Subcolumn><d>900</d><d>150</d><d>210</d></Subcolumn>
<Subcolumn><d>120</d><d>180</d><d>250</d></Subcolumn></YColumn>
</Table>
</GraphPadPrismFile>
XML
cat > show.py <<'PYTHON'
from pzfx_parser import read_pzfx

tables = read_pzfx("volumes.pzfx")
print({name: table["Vehicle_0"].tolist() for name, table in tables.items()})
assert list(tables) == ["Volumes"], "changed"
assert tables["Volumes"]["Vehicle_0"].tolist() == [900.0, 150.0, 210.0], "changed"
PYTHON
venv/bin/python show.py
