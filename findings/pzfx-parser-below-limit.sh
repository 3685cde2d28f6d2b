#!/usr/bin/env bash
# pzfx-parser 0.4 empties a whole subcolumn for one cell that is no number.
#
# Seen: with one "<16" among 100, 150, "<16", the column holds no number at all; a line is printed, nothing is raised.
# Excluded values as text ("210*") and decimal commas ("210,5") do the same.
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
<Subcolumn><d>100</d><d>150</d><d>&lt;16</d></Subcolumn>
<Subcolumn><d>120</d><d>180</d><d>250</d></Subcolumn></YColumn>
</Table>
</GraphPadPrismFile>
XML
cat > show.py <<'PYTHON'
import pandas as pd
from pzfx_parser import read_pzfx

table = read_pzfx("volumes.pzfx")["Volumes"]
print(table)
numbers = table.map(lambda cell: isinstance(cell, float) and pd.notna(cell)).sum()
print(numbers.to_dict())
assert numbers["Vehicle_0"] == 0 and numbers["Vehicle_1"] == 3, "changed"
PYTHON
venv/bin/python show.py
