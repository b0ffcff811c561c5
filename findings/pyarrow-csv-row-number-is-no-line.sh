#!/usr/bin/env bash
# pyarrow 25.0.1: the `number` of a row that a CSV reader refuses is called the physical row number, and is not the file's line.
#
# Behaviour: ParseOptions(invalid_row_handler=...) is handed an InvalidRow for a row with more or fewer columns than the header. Its `number`
# (documented: "the physical row number", from 1) counts the header and the rows; an empty line before it is not counted, and a quoted field
# over several lines counts as one. Of the last row below, which stands in line 7 of its file, it says 4. Who tells a user "line 4" sends
# them to another row: the lines have to be counted from the text itself. With use_threads=True the number is None.
#
# Output seen:
#   InvalidRow(expected_columns=2, actual_columns=3, number=4, text='c,3,x')
#   the line of 'c,3,x': 7
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check pyarrow==25.0.1 2>pip.log || { cat pip.log >&2; exit 2; }
printf 'text,label\n\n"one\ntwo",1\n\nb,2\nc,3,x\n' >table.csv
venv/bin/python - <<'PYTHON' | tee seen
from pyarrow import csv


def told(row):
    print(row)
    return "skip"


csv.read_csv(
    "table.csv",
    read_options=csv.ReadOptions(use_threads=False),
    parse_options=csv.ParseOptions(newlines_in_values=True, invalid_row_handler=told),
)
lines = open("table.csv").read().splitlines()
print("the line of 'c,3,x':", lines.index("c,3,x") + 1)
PYTHON
cat >expected <<'TEXT'
InvalidRow(expected_columns=2, actual_columns=3, number=4, text='c,3,x')
the line of 'c,3,x': 7
TEXT
diff seen expected
