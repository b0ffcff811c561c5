"""`stabbench report`: everything below `reports/`, from a selection of records."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path

from matplotlib.figure import Figure

from stabbench.files import write_json, write_text
from stabbench.processes import processes, without_garbage_collection
from stabbench.report import findings
from stabbench.report.content import Content, gather
from stabbench.report.figures.distribution import stability_figure
from stabbench.report.figures.drawing import style
from stabbench.report.figures.gradient_norms import gradient_figure
from stabbench.report.figures.rendering import Drawings, save
from stabbench.report.figures.training_curves import has_curves, training_figure
from stabbench.report.metrics import metrics, statistics
from stabbench.report.page import Page
from stabbench.report.pictures import Pictures, gradient_stem, training_stem
from stabbench.report.plots import write_plots
from stabbench.report.section import Section, write_sections
from stabbench.report.sections import views
from stabbench.report.tables import write_scores, write_tables


def build(
    runs: Path,
    out: Path,
    *,
    plan: Path | None = None,
    incomplete: bool = False,
    levene_center: str = "median",
    alpha: float = 0.001,
    order: str = "plan",
    provenance: bool = False,
    sections: Callable[[Content], Iterable[Section]] = lambda content: (),
    workers: int = 1,
) -> Content:
    """Make the report of the selection under `runs` in the folder `out`; the same records give the same bytes.

    With a `plan` folder, cells that are no longer planned are left out. `sections` makes the chapters of studies and
    probes, which follow those that the main grid's records give by themselves. Figures are drawn by
    `workers` processes, this one among them.

    Writes index.html, metrics.json, tables/, figures/ (SVG and PNG), studies/ and plots/ (for `dvc plots`). The star
    stands where Levene's test with `levene_center` (`median` or `mean`) against the second smallest std gives p <
    `alpha`. `order` is that of strategies: `plan` or `std`. With `provenance` the page also holds what another training
    of the same runs would change: commits, dates, devices, measured times.

    Returns what it shows. Raises UserError where there are no runs, a setting is out of range, or, without
    `incomplete`, where runs are missing: it names the cells and the commands that train them.
    """
    with without_garbage_collection(), processes(workers) as executor:
        content = gather(
            runs,
            plan=plan,
            incomplete=incomplete,
            levene_center=levene_center,
            alpha=alpha,
            order=order,
            executor=executor,
        )
        write(content, out, _chapters(content, sections), provenance=provenance, executor=executor)
        write_plots(content, out / "plots")
    return content


def _chapters(content: Content, sections: Callable[[Content], Iterable[Section]]) -> Iterator[Section]:
    yield from views(content)
    yield from sections(content)


def write(
    content: Content,
    out: Path,
    chapters: Iterable[Section] = (),
    *,
    provenance: bool = False,
    executor: Executor | None = None,
) -> None:
    """Write index.html, metrics.json, tables/ and figures/, and the chapters into studies/.

    An `executor`'s processes draw the figures of each chapter while this one makes the next.
    """
    drawings = Drawings(executor)
    with ThreadPoolExecutor(1) as thread:  # a million runs are written while this one thinks of figures
        scores = thread.submit(write_scores, content, out / "tables")
        _write_others(content, out, chapters, drawings, provenance=provenance)
        scores.result()


def _write_others(
    content: Content, out: Path, chapters: Iterable[Section], drawings: Drawings, *, provenance: bool
) -> None:
    with style():
        figures = _figures(content)
        drawings.begin(figures.values(), pixels=True)
        pictures = Pictures.of(content)
        drawings.begin(pictures.figures, pixels=False)
        made = []
        for section in chapters:
            drawings.begin((item.figure for item in section.figures), pixels=True)
            made.append(section)
    write_tables(content, out / "tables")
    write_json(out / "metrics.json", metrics(content))
    write_json(out / "tables" / "statistics.json", statistics(content))
    draft = Page.of(content, made, pictures, provenance=provenance)
    drawings.finish()
    write_text(out / "index.html", draft.html())
    _write_figures(figures, out / "figures")
    write_sections(made, out / "studies")


def _figures(content: Content) -> dict[str, Figure]:
    """The figures of the main grid by the stem of their files."""
    figures = {"stability": stability_figure(content)}
    for model, task in content.traced:
        if has_curves(content, model, task):
            figures[training_stem(model, task)] = training_figure(content, model, task)
        pair, _ = findings.gradients(content, model, task)
        if pair is not None:
            figures[gradient_stem(model, task)] = gradient_figure(pair)
    return figures


def _write_figures(figures: Mapping[str, Figure], folder: Path) -> None:
    with style():
        for stem, figure in figures.items():
            save(figure, folder / stem)
    for pattern in (training_stem("*", "*"), gradient_stem("*", "*")):
        for stale in folder.glob(f"{pattern}.*"):
            if stale.suffix in (".svg", ".png") and stale.stem not in figures:
                stale.unlink()
