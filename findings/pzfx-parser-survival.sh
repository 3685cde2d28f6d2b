#!/usr/bin/env bash
# pzfx-parser 0.4 reads no table of a file in which one is a survival table.
#
# Seen: "Cannot parse Survival tables for now!" is raised for the whole file, though its first table is XY.
# A tumour study in Prism usually has both.
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
<Table ID="Table1" XFormat="numbers" TableType="Survival" EVFormat="AsteriskAfterNumber">
<Title>Survival</Title>
<XColumn Subcolumns="1"><Title>Day</Title><Subcolumn><d>21</d></Subcolumn></XColumn>
<YColumn Subcolumns="1"><Title>Vehicle</Title><Subcolumn><d>1</d></Subcolumn></YColumn>
</Table>
</GraphPadPrismFile>
XML
cat > show.py <<'PYTHON'
from pzfx_parser import PrismFileLoadError, read_pzfx

try:
    read_pzfx("volumes.pzfx")
except PrismFileLoadError as error:
    print("read_pzfx:", error)
    assert "Cannot parse Survival tables" in str(error), "changed"
else:
    raise SystemExit("changed: the file is read")
PYTHON
venv/bin/python show.py
