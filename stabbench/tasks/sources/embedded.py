"""The embedded tasks as a source: examples that a seeded grammar writes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd

from stabbench.datasets import dataset_for
from stabbench.errors import UserError, unknown
from stabbench.tasks import embedded
from stabbench.tasks.prepared import SPLITS, examples_frame
from stabbench.tasks.sources.contract import Labelled, Source, Wanted


@dataclass(frozen=True)
class EmbeddedOptions:
    """Which task; `generator` has "train" and "dev" (how many to generate) and "seed".

    Without them these are 500 examples a split, or as many as are wanted, of seed 0.
    """

    dataset: str
    generator: Mapping[str, int] = field(default_factory=dict)


class Embedded(Source[EmbeddedOptions]):
    """Examples that a seeded grammar writes, without network and files."""

    description = "examples that a seeded grammar writes, without network and files"
    Options = EmbeddedOptions

    def read(self, options: EmbeddedOptions, wanted: Wanted) -> Labelled:
        """Generated anew, the same for the same numbers."""
        dataset = dataset_for("embedded", options.dataset)
        numbers = _numbers(options.generator, wanted)
        frames: dict[str, pd.DataFrame] = {}
        for split in SPLITS:
            examples = embedded.generate(dataset.name, split, numbers[split], numbers["seed"])
            frames[split] = examples_frame([(row, *example) for row, example in enumerate(examples)])
        return Labelled(dataset, frames, {"generator": numbers})


def _numbers(given: Mapping[str, int], wanted: Wanted) -> dict[str, int]:
    sizes: dict[str, int] = {split: max(embedded.DEFAULT_SIZE, wanted.sizes.get(split) or 0) for split in SPLITS}
    defaults = {**sizes, "seed": embedded.DEFAULT_SEED}
    for key, value in given.items():
        if key not in defaults:
            raise unknown(f"generator option of task {wanted.task}", key, defaults)
        least = 0 if key == "seed" else 1
        if value < least:
            raise UserError(f"task {wanted.task}: generator {key} is {value}, expected {least} or more")
    return defaults | dict(given)
