"""Fig. 2a/b: how much of its pretraining a fine-tuned model has forgotten, and in which layers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from stabbench.config import Config
from stabbench.config.values import Block, Count, Name, Names
from stabbench.errors import UserError
from stabbench.plan import Cell
from stabbench.probes.contract import Measurement, Probe, Project
from stabbench.probes.runs import FinishedRun, check_place, left_out, runs_at

GRAMMAR, WIKITEXT = "grammar", "wikitext-2"


class ForgettingOptions(Block):
    """Which runs, and on which text."""

    model: Name | None = None
    task: Name | None = None
    """Null: the grid's first model and task that have failed and successful runs."""
    strategies: Names | None = None
    """Where to look for runs; null: all of the grid."""
    failed: Count = 3
    successful: Count = 3
    texts: str | None = None
    """`grammar` (held-out text of the embedded model's grammar), `wikitext-2` (its test text) or a text file, `./…`;
    null: the grammar for an embedded model, else WikiText-2."""
    max_tokens: Count = 20_000
    """Tokens of the text that are used, from its beginning."""
    max_length: Annotated[int, Field(ge=8)] = 128
    """Tokens of a sequence; longer texts are cut into pieces."""
    mask_probability: Annotated[float, Field(gt=0, lt=1)] = 0.15
    mask_seed: Annotated[int, Field(ge=0)] = 0


if TYPE_CHECKING:
    from stabbench.report.content import Content
    from stabbench.report.measurement import MeasuredProbe
    from stabbench.report.section import Section


class Forgetting(Probe[ForgettingOptions]):
    """Masked-LM perplexity with the top k = 0 … L layers of fine-tuned models put back to their pretrained values."""

    Options = ForgettingOptions

    def check(self, options: ForgettingOptions, config: Config, root: Path) -> None:
        """Names are the grid's, and a text file is there."""
        check_place(config, options.model, options.task, options.strategies or ())
        text = options.texts
        if text not in (None, GRAMMAR, WIKITEXT) and not _file(root, str(text)).is_file():
            raise UserError(
                f"texts: found '{text}', expected {GRAMMAR}, {WIKITEXT} or a text file such as ./heldout.txt"
            )

    def measure(self, options: ForgettingOptions, project: Project) -> Measurement:
        """One row a run and k; where nothing can be measured, the sentence that says why."""
        runs = runs_at(project.selection, options.model, options.task, options.strategies)
        if not runs:
            gone = left_out(project.selection, options.model, options.task)
            return Measurement(reason=f"There are no finished runs to look at{gone}.")
        cell = runs[0].cell
        place = {"model": cell.model, "task": cell.task}
        chosen = choose(runs, options.failed, options.successful)
        gone = left_out(project.selection, cell.model, cell.task)
        for kind, wanted in (("failed", True), ("successful", False)):
            if not any(run.failed == wanted for run in chosen):
                where = f"{cell.model} on {cell.task}"
                reason = f"No run of {where} is {kind}{gone}, so there is nothing to compare."
                return Measurement(facts=place, reason=reason)

        from stabbench.probes.forgetting.layers import measure

        return measure(chosen, options, lambda: _lines(options, cell, project.root), project)

    def section(self, measured: MeasuredProbe, content: Content) -> Section:
        """Perplexity over the number of layers put back."""
        from stabbench.report.sections import forgetting

        return forgetting.section(measured, content)


def choose(runs: Sequence[FinishedRun], failed: int, successful: int) -> list[FinishedRun]:
    """`failed` failed and `successful` successful runs, those of strategies first that have enough of both."""
    enough = {
        name: sum(run.failed for run in group) >= failed and sum(not run.failed for run in group) >= successful
        for name in {run.cell.strategy for run in runs}
        if (group := [run for run in runs if run.cell.strategy == name])
    }
    ordered = sorted(runs, key=lambda run: not enough[run.cell.strategy])
    return [
        *[run for run in ordered if run.failed][:failed],
        *[run for run in ordered if not run.failed][:successful],
    ]


def _file(root: Path, text: str) -> Path:
    return root / Path(text).expanduser()


def _lines(options: ForgettingOptions, cell: Cell, root: Path) -> tuple[str, list[str]]:
    """What the text is called, and its lines."""
    name = options.texts or (GRAMMAR if cell.sources["model"] == "embedded" else WIKITEXT)
    if name == WIKITEXT:
        from stabbench.tasks.wikitext import wikitext_test

        return "the test text of WikiText-2", wikitext_test()
    if name == GRAMMAR:
        from stabbench.tasks import embedded

        return "held-out text of the embedded model's grammar", embedded.corpus(options.max_tokens // 4, split="dev")

    from stabbench.tasks.texts import read_text_file

    return name, read_text_file(_file(root, name))
