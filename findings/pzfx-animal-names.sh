#!/usr/bin/env bash
# pzfx 0.3.1 and pzfx-parser 0.4 lose the titles of subcolumns, the animals' names.
#
# Seen: subcolumns titled M17 and M23 become Vehicle_1, Vehicle_2 (pzfx) and Vehicle_0, Vehicle_1 (pzfx-parser).
# pzfx-parser counts on across data sets, so the number is not even the animal's place in its arm.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
uv venv --quiet --python 3.13 "$folder/venv"
uv pip install --quiet --python "$folder/venv" pzfx==0.3.1 pandas==3.1.1 lxml==6.1.3 pzfx-parser==0.4
cd "$folder"
cat > volumes.pzfx <<'XML'
<?xml version="1.0" encoding="UTF-8"?>
<GraphPadPrismFile PrismXMLVersion="5.00">
<Table ID="Table0" XFormat="numbers" YFormat="replicates" Replicates="2" TableType="XY" EVFormat="AsteriskAfterNumber">
<Title>Volumes</Title>
<SubColumnTitles OwnSet="1"><Subcolumn><d>M17</d></Subcolumn><Subcolumn><d>M23</d></Subcolumn></SubColumnTitles>
<XColumn Subcolumns="1"><Title>Day</Title><Subcolumn><d>0</d><d>7</d><d>14</d></Subcolumn></XColumn>
<YColumn Subcolumns="2"><Title>Vehicle</Title>
<Subcolumn><d>100</d><d>150</d><d>210</d></Subcolumn>
<Subcolumn><d>120</d><d>180</d><d>250</d></Subcolumn></YColumn>
</Table>
</GraphPadPrismFile>
XML
cat > show.py <<'PYTHON'
import pzfx
import pzfx_parser

first = list(pzfx.read_pzfx("volumes.pzfx").columns)
second = list(pzfx_parser.read_pzfx("volumes.pzfx")["Volumes"].columns)
print(first, second, sep="\n")
assert first == ["Day", "Vehicle_1", "Vehicle_2"], "changed"
assert second == ["Day_0", "Vehicle_0", "Vehicle_1"], "changed"
PYTHON
venv/bin/python show.py
