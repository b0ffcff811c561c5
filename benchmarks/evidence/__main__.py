"""Pages of what was found with real models, made of committed tables alone.

    python -m benchmarks.evidence                       # claims.csv, scores.csv, pages; README's table
    python -m benchmarks.evidence --root other/evidence
    python -m benchmarks.evidence gather runs reports/evidence/rxnfp    # of records: layer-norms.csv and cost.csv

A model is a folder with a `model.yaml`: `title`, `about`, `commands`, `times`, `not_run`, and `packages` (each with
`package`, `version`, `file`, `sha256`). Its cells are those of the report in the same folder (`stabbench report`, with
params.yaml beside it), or what `cells` names: `name`, `model`, `task`, `report` (a folder, from model.yaml), `also`
(folders where a probe was measured), `again` (the report of runs of it that were trained once more on another kind of
CPU), `pooled: false` for one that does not count in what is said over all cells.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks.evidence.claims import findings
from benchmarks.evidence.data import ABOUT, models
from benchmarks.evidence.gather import gather
from benchmarks.evidence.pages import front, page, pooled_scores, with_claims
from stabbench.errors import UserError
from stabbench.files import write_bytes, write_text
from stabbench.report.comparison import compare
from stabbench.report.tables import exact_csv

ROOT = Path("reports/evidence")
README = Path("README.md")


def write(root: Path, out: Path | None = None, readme: Path | None = None) -> list[Path]:
    """Make all pages and tables of the models below `root` anew, into `out` or in their place; their paths.

    Where a `readme` is named, its table of claims is made anew, too.
    UserError where there is no model, or the files of one are not as they should be.
    """
    found = models(root)
    if not found:
        raise UserError(f"{root} has no folder with a {ABOUT}: write one for each model")
    place = out or root
    claims, scores = findings(found), pooled_scores(found)
    comparison = compare(scores, source="scores.csv") if scores["task"].nunique() > 1 else None
    write_bytes(place / "claims.csv", exact_csv(claims))
    write_bytes(place / "scores.csv", exact_csv(scores))
    write_text(place / "README.md", front(found, claims, comparison))
    for model in found:
        write_text(place / model.folder.name / "README.md", page(model, claims))
    if readme is not None:
        write_text(readme, with_claims(readme.read_text(encoding="utf-8"), claims))
    return [
        *(place / name for name in ("README.md", "claims.csv", "scores.csv")),
        *(place / model.folder.name / "README.md" for model in found),
        *([] if readme is None else [readme]),
    ]


def main(words: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.evidence", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--root", type=Path, default=ROOT, help="the folder of the models")
    commands = parser.add_subparsers(dest="command")
    gathering = commands.add_parser("gather", help="layer-norms.csv and cost.csv of records")
    gathering.add_argument("runs", type=Path, help="the folder runs/ of a project")
    gathering.add_argument("out", type=Path, help="the folder of a report")
    given = parser.parse_args(words)
    try:
        if given.command == "gather":
            paths = gather(given.runs, given.out)
        else:
            paths = write(given.root, readme=README if given.root == ROOT else None)
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    print("\n".join(f"wrote {path}" for path in paths))
    return 0


if __name__ == "__main__":
    sys.exit(main())
