"""The embedded model of a project: pretrained on the spot, on the grammar's text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from stabbench.folders import Folders

if TYPE_CHECKING:
    from stabbench.models.pretraining import PretrainingReport

HELDOUT_SENTENCES = 500
Watch: TypeAlias = Callable[[int], AbstractContextManager[Callable[[int, float], None]]]
"""Around a pretraining: called with the number of its steps, gives what is told of each step and its loss."""


def silent(steps: int) -> AbstractContextManager[Callable[[int, float], None]]:
    """A pretraining that nobody watches."""
    return nullcontext(lambda step, loss: None)


def pretrain_embedded(folders: Folders, name: str, watch: Watch = silent) -> PretrainingReport:
    """Pretrain the embedded model `name` of params.yaml into its folder; UserError where there is none of that name."""
    from stabbench.config import PretrainingBlock, load
    from stabbench.errors import UserError, unknown

    models = load(folders.params).models
    blocks = {key: block for key, block in models.items() if block.source == "embedded"}
    if name in models and name not in blocks:
        raise UserError(
            f"the model '{name}' is pretrained already (source: {models[name].source}): one that is to be pretrained "
            "here has `source: embedded`"
        )
    if name not in blocks:
        raise unknown("embedded model", name, blocks)
    values = (blocks[name].pretraining or PretrainingBlock()).model_dump()
    return pretrain_on_grammar(folders.model(name), values, watch)


def pretrain_on_grammar(out: Path, values: Mapping[str, Any], watch: Watch = silent) -> PretrainingReport:
    """Pretrain a new model on the grammar's text, into the folder `out`; `values` as in a `pretraining` block."""
    from stabbench.models.pretraining import PretrainingOptions, Text, pretrain
    from stabbench.tasks import embedded

    given = dict(values)
    texts: list[Text] = [*embedded.corpus(given.pop("sentences")), *embedded.corpus_pairs(given.pop("pairs"))]
    heldout = embedded.corpus(HELDOUT_SENTENCES, split="dev")
    config = PretrainingOptions(**given, vocabulary=embedded.vocabulary())
    with watch(config.steps) as progress:
        return pretrain(out, config=config, texts=texts, heldout=heldout, progress=progress)


def pretrain_further(
    source: str,
    revision: str | None,
    text: Path,
    heldout: Path | None,
    out: Path,
    values: Mapping[str, Any],
    watch: Watch = silent,
) -> PretrainingReport:
    """Pretrain any encoder further on a text file, into the folder `out`."""
    from stabbench.models.pretraining import PretrainingOptions, pretrain
    from stabbench.models.sources import locate
    from stabbench.tasks.texts import read_text_file

    texts = read_text_file(text)
    measured = None if heldout is None else read_text_file(heldout)
    start, config = locate(source, revision), PretrainingOptions(**values)
    with watch(config.steps) as progress:
        return pretrain(out, config=config, texts=texts, heldout=measured, progress=progress, start=start)
