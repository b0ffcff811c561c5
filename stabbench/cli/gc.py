"""`stabbench gc`: remove from the store what no plan selects."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stabbench.cli import options
from stabbench.folders import Folders

if TYPE_CHECKING:
    from stabbench.records.sweeping import Leftover


@click.command()
@click.option("--dry-run", is_flag=True, help="Only say what would be removed, folder by folder.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option(
    "--plan",
    "plans",
    type=click.Path(path_type=Path, file_okay=False),
    multiple=True,
    default=[Folders.of().plan],
    show_default=True,
    help="A folder of plan files; may be given more than once, where projects share a store.",
)
@options.store
def gc(dry_run: bool, yes: bool, plans: tuple[Path, ...], store: Path) -> None:
    """Remove records that no plan selects, and what interrupted programs left; it asks first.

    Runs of the grid and of studies stay, and so does whatever another process has locked. Abandoned are temporary
    folders that nothing has touched for a day and checkpoints that nothing has touched for a week. A run that is
    planned again later is trained again. Several projects with one store: name every plan, or the others' runs go.

    \b
    Examples:
      stabbench gc --dry-run
      stabbench plan && stabbench gc --yes
      STABBENCH_STORE=/shared/runs stabbench gc --plan plan --plan ../other/plan
    """
    from stabbench.records.sweeping import leftovers, remove

    planned = {fingerprint for folder in plans for fingerprint in _fingerprints(folder)}
    records = options.open_store(store)
    found = leftovers(records, planned)
    if not found:
        click.echo(f"nothing to remove: {store} holds no more than {_plural(len(planned), 'planned run')}")
        return
    if dry_run:
        for leftover in found:
            click.echo(f"{leftover.kind}: {leftover.folder} ({_bytes(leftover.size)})")
    click.echo(f"{'would remove' if dry_run else 'to remove'} from {store}: {_counted(found)}")
    if dry_run or not (yes or click.confirm("Remove them? What is planned again later is trained again.")):
        return
    removed, in_use = remove(records, found)
    click.echo(f"removed {_counted(removed)}" if removed else "removed nothing")
    if in_use:
        click.echo(f"left, as another process is at work on them: {_counted(in_use)}", err=True)


def _fingerprints(plan: Path) -> set[str]:
    """Of all runs of a plan folder, its studies' included; UserError where it has no plan."""
    from stabbench.plan import read_plan

    studies = [folder for folder in sorted(plan.glob("studies/*")) if any(folder.glob("*/*/*.json"))]
    cells = [cell for folder in (plan, *studies) for cell in read_plan(folder)]
    return {cell.fingerprint(seed) for cell in cells for seed in cell.seeds}


def _counted(found: Sequence[Leftover]) -> str:
    """`12 records (3.4 MB), 1 abandoned checkpoint (20 MB)`."""
    kinds = dict.fromkeys(leftover.kind for leftover in found)
    sizes = {kind: [leftover.size for leftover in found if leftover.kind == kind] for kind in kinds}
    return ", ".join(f"{_plural(len(each), kind)} ({_bytes(sum(each))})" for kind, each in sizes.items())


def _plural(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 or noun.endswith('s') else 's'}"


def _bytes(size: int) -> str:
    value = float(size)
    for unit in ("bytes", "kB", "MB"):
        if value < 1000:
            return f"{value:.3g} {unit}"
        value /= 1000
    return f"{value:.3g} GB"
