#!/usr/bin/env bash
# pzfx 0.3.1 reads 1,234 as 1.234.
#
# Seen: a column 100, 150, "1,234" becomes [100.0, 150.0, 1.234], without a warning: a tumour of 1,234 mm3 is 1.234 mm3.
# Every comma is taken for a decimal point; nothing else in the table is looked at.
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
<Title>Volumes</Title>
<XColumn Subcolumns="1"><Title>Day</Title><Subcolumn><d>0</d><d>7</d><d>14</d></Subcolumn></XColumn>
<YColumn Subcolumns="2"><Title>Vehicle</Title>
<Subcolumn><d>100</d><d>150</d><d>1,234</d></Subcolumn>
<Subcolumn><d>120</d><d>180</d><d>250</d></Subcolumn></YColumn>
</Table>
</GraphPadPrismFile>
XML
cat > show.py <<'PYTHON'
from pzfx import read_pzfx

read = read_pzfx("volumes.pzfx")["Vehicle_1"].tolist()
print(read)
assert read == [100.0, 150.0, 1.234], "changed"
PYTHON
venv/bin/python show.py
