"""Make reactions/ of the Suzuki-Miyaura yields: train.csv, dev.csv, and heldout.txt for the probe forgetting.

STABBENCH_SUZUKI_FILE names random_split_0.tsv of rxn4chemistry/rxn_yields, which has a header and 5,760 lines of an
index, a reaction as SMILES (`rxn`) and its yield (`y`, 0 to 1). It is read where it lies. Its order is that of the
authors' first random split: they train on the first 4,032 reactions and test on the others, of which half are scored
on here and half are held out.
"""

from __future__ import annotations

import csv
import os
import sys
from pathlib import Path

TRAIN, DEV, ALL = 4032, 4896, 5760
HIGH = 0.5
"""The yield from which on a reaction is of the class 1."""


def main() -> None:
    """Write the folder reactions/ beside this script; what is wrong with the file ends it with a sentence."""
    named = os.environ.get("STABBENCH_SUZUKI_FILE", "")
    if not named:
        sys.exit("set STABBENCH_SUZUKI_FILE to random_split_0.tsv, of data/Suzuki-Miyaura in rxn4chemistry/rxn_yields")
    rows = read(Path(named).expanduser())
    out = Path(__file__).parent / "reactions"
    out.mkdir(exist_ok=True)
    write(out / "train.csv", rows[:TRAIN])
    write(out / "dev.csv", rows[TRAIN:DEV])
    (out / "heldout.txt").write_text("".join(f"{row['rxn']}\n" for row in rows[DEV:]), encoding="utf-8")


def read(path: Path) -> list[dict[str, str]]:
    """The file's lines by column; the program ends where they are not those of the published file."""
    if not path.is_file():
        sys.exit(f"STABBENCH_SUZUKI_FILE names {path}, which is no file")
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    if len(rows) != ALL or not {"rxn", "y"} <= rows[0].keys():
        found = f"{len(rows):,} lines of {', '.join(name for name in rows[0] if name)}" if rows else "nothing"
        sys.exit(f"{path}: found {found}, expected {ALL:,} lines with the columns rxn and y")
    return rows


def write(path: Path, rows: list[dict[str, str]]) -> None:
    """A table of reactions, their yields as they stand in the file, and whether these are high."""
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["rxn", "y", "high"])
        table.writerows([row["rxn"], row["y"], int(float(row["y"]) >= HIGH)] for row in rows)


if __name__ == "__main__":
    main()
