"""Fig. 2a/b: how much of its pretraining a fine-tuned model has forgotten, and in which layers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from stabbench.config import Config
from stabbench.errors import UserError
from stabbench.plan import Cell
from stabbench.probes.contract import Measurement, Probe, ProbeContext
from stabbench.probes.forgetting.choice import ForgettingOptions, choose
from stabbench.probes.runs import check_place, left_out, runs_at

GRAMMAR, WIKITEXT = "grammar", "wikitext-2"
OF_GRAMMAR = ("embedded", "package:stabbench")
"""Sources of models that were pretrained on the grammar's text: a project's own, and the one that is shipped."""


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

    def measure(self, options: ForgettingOptions, context: ProbeContext) -> Measurement:
        """One row a run and k; where nothing can be measured, the sentence that says why."""
        runs = runs_at(context.selection, options.model, options.task, options.strategies)
        if not runs:
            gone = left_out(context.selection, options.model, options.task)
            return Measurement(reason=f"There are no finished runs to look at{gone}.")
        cell = runs[0].cell
        place = {"model": cell.model, "task": cell.task}
        chosen = choose(runs, options.failed, options.successful)
        gone = left_out(context.selection, cell.model, cell.task)
        for kind, wanted in (("failed", True), ("successful", False)):
            if not any(run.failed == wanted for run in chosen):
                where = f"{cell.model} on {cell.task}"
                reason = f"No run of {where} is {kind}{gone}, so there is nothing to compare."
                return Measurement(facts=place, reason=reason)

        from stabbench.probes.forgetting.layers import measure

        return measure(chosen, options, lambda: _lines(options, cell, context.root), context)

    def section(self, measured: MeasuredProbe, content: Content) -> Section:
        """Perplexity over the number of layers put back."""
        from stabbench.report.sections import forgetting

        return forgetting.section(measured, content)


def _file(root: Path, text: str) -> Path:
    return root / Path(text).expanduser()


def _lines(options: ForgettingOptions, cell: Cell, root: Path) -> tuple[str, list[str]]:
    """What the text is called, and its lines."""
    name = options.texts or (GRAMMAR if cell.sources["model"] in OF_GRAMMAR else WIKITEXT)
    if name == WIKITEXT:
        from stabbench.tasks.wikitext import wikitext_test

        return "the test text of WikiText-2", wikitext_test()
    if name == GRAMMAR:
        from stabbench.tasks import embedded

        return "held-out text of the embedded model's grammar", embedded.corpus(options.max_tokens // 4, split="dev")

    from stabbench.tasks.texts import read_text_file

    return name, read_text_file(_file(root, name))
