"""`stabbench report`: everything below `reports/`, from a selection of records."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Unpack

from stabbench.files import write_json, write_text
from stabbench.processes import processes, without_garbage_collection
from stabbench.report.content import Content, Settings, gather
from stabbench.report.figures.drawing import style
from stabbench.report.figures.rendering import Drawings
from stabbench.report.grid_tables import write_over_tasks
from stabbench.report.metrics import metrics, statistics
from stabbench.report.page import Page
from stabbench.report.plots import write_plots
from stabbench.report.section import Section, write_sections
from stabbench.report.sections import views
from stabbench.report.tables import write_scores, write_tables
from stabbench.signals import check_signals

Progress = Callable[[str, int, int], None]
"""Is told of what, how much is done, and of how much; of 0 where that is not known yet."""


def silent(what: str, done: int, total: int) -> None:
    """Nobody looks on."""


def build(
    runs: Path,
    out: Path,
    *,
    sections: Callable[[Content], Iterable[Section]] = lambda content: (),
    workers: int = 1,
    progress: Progress = silent,
    **settings: Unpack[Settings],
) -> Content:
    """Make the report of the selection under `runs` in the folder `out`; the same records give the same bytes.

    With a `plan` folder, cells that are no longer planned are left out. `sections` makes the chapters of studies and
    probes, which follow those of the main grid. Figures are drawn by `workers` processes, this one among them.

    Writes index.html, metrics.json, tables/, figures/ (SVG and PNG), studies/ and plots/ (for `dvc plots`). The star
    stands where Levene's test with `levene_center` (`median` or `mean`) against the second smallest std gives p <
    `alpha`. `order` is that of strategies: `plan` or `std`. With `provenance` the page also holds what another training
    of the same runs would change: commits, dates, devices, measured times.

    Returns what it shows. Raises UserError where there are no runs, a setting is out of range, or, without
    `incomplete`, where runs are missing: it names the cells and the commands that train them.
    """
    with without_garbage_collection(), processes(workers) as executor:
        progress("records", 0, 0)
        content = gather(runs, executor=executor, **settings)
        write(content, out, sections, executor=executor, progress=progress)
        write_plots(content, out / "plots")
    return content


def write(
    content: Content,
    out: Path,
    sections: Callable[[Content], Iterable[Section]] = lambda content: (),
    *,
    executor: Executor | None = None,
    progress: Progress = silent,
) -> None:
    """Write index.html, metrics.json, tables/, and the files of all sections: the runs' own and those of `sections`.

    An `executor`'s processes draw the figures of each section while this one makes the next. `progress` is told of the
    sections that are made, and of the figures that are drawn.
    """
    drawings = Drawings(executor)
    made: list[Section] = []
    with ThreadPoolExecutor(1) as thread:  # a million runs are written while this one thinks of figures
        scores = thread.submit(write_scores, content, out / "tables")
        with style():
            for section in _all(content, sections):
                check_signals()  # what a destructor swallows is raised again
                for item in section.figures:
                    drawings.begin(item.figure, pixels=section.files is None)
                for saved in section.files or ():
                    drawings.begin(saved.figure, pixels=True)
                made.append(section)
                progress("chapters", len(made), 0)
            draft = Page.of(content, made)
        write_tables(content, out / "tables")
        write_over_tasks(content, out / "tables")
        everything = statistics(content)
        write_json(out / "metrics.json", metrics(everything))
        write_json(out / "tables" / "statistics.json", everything)
        drawings.finish(partial(progress, "figures"))
        check_signals()
        write_text(out / "index.html", draft.html())
        write_sections(made, out)
        scores.result()


def _all(content: Content, sections: Callable[[Content], Iterable[Section]]) -> Iterator[Section]:
    """One after the other, so that all are made, and their figures begun, in the style that is set around them."""
    yield from views(content)
    yield from sections(content)
