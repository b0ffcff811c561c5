"""`python -m benchmarks.encoder`: the encoder that stabbench ships, pretrained on the text of its own grammar.

The default's tables hang on these weights, so they are made once, here, and committed: stabbench/models/shipped.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from benchmarks.tables import table
from stabbench.files import read_json, sha256_of_file, write_text
from stabbench.model_files import WEIGHTS
from stabbench.models.sources import content_hash
from stabbench.project.pretraining import pretrain_on_grammar

ROOT = Path(__file__).resolve().parent.parent
SHIPPED = ROOT / "stabbench" / "models" / "shipped"
CARD = "README.md"
BLOCK: Mapping[str, Any] = {
    "layers": 12, "hidden_size": 96, "heads": 3, "intermediate_size": 384, "steps": 3000, "batch_size": 64,
    "learning_rate": 1e-3, "warmup_steps": 200, "mask_probability": 0.15, "sentences": 40_000, "pairs": 10_000,
    "seed": 1,
}  # fmt: skip
"""What decides the model, as a `pretraining` block of params.yaml says it."""
ROWS = 8
"""Of the card's table of losses."""


def make(out: Path, block: Mapping[str, Any]) -> None:
    """Pretrain an encoder as `block` says into the Hugging Face folder `out`, with its card."""
    pretrain_on_grammar(out, block, _told)
    write_text(out / CARD, card(out, block))


def card(folder: Path, block: Mapping[str, Any]) -> str:
    """The model card of the encoder in `folder`, which was made as `block` says."""
    found = read_json(folder / "pretraining.json")
    losses = table(
        ["update", "loss (nats)", "perplexity"],
        [[f"{point['step']:,}", f"{point['loss']:.2f}", f"{math.exp(point['loss']):.2f}"] for point in _some(found)],
    )
    options = "\n".join(f"      {name}: {value}" for name, value in block.items())
    size = (folder / WEIGHTS).stat().st_size
    return f"""---
language: en
license: apache-2.0
library_name: transformers
pipeline_tag: fill-mask
---
# The encoder of stabbench's default

A BERT of {block["layers"]} layers × {block["hidden_size"]} ({size / 1e6:.1f} MB, fp32, with its masked-LM head),
pretrained by masked language modelling on {block["sentences"]:,} lines and {block["pairs"]:,} pairs of sentences
that stabbench's own grammar writes; no other text was read. It knows the grammar's {found["options"]["vocabulary"]}
words and nothing of English beyond them: it is there to show how fine-tuning comes to be unstable, within minutes on
a CPU, and is of no other use.

After {found["steps"]:,} updates of {block["batch_size"]} texts its perplexity on held-out text is
**{found["heldout_perplexity"]:.2f}** (of the frequencies of words alone: {math.exp(found["unigram_entropy"]):.1f}).
On the training text, over the updates before:

{losses}

- content hash (config, tensors, tokenizer; that of plan files): `{content_hash(folder)}`
- SHA-256 of {WEIGHTS}: `{sha256_of_file(folder / WEIGHTS)}`

Made by `python -m benchmarks.encoder`; the same command on another kind of CPU gives other last digits. In params.yaml
it is `source: package:stabbench`. To pretrain it anew there (dvc.yaml then needs the stage `pretrain`, which
`stabbench init pretraining` writes):

```yaml
models:
  embedded:
    source: embedded
    pretraining:
{options}
```
"""


def _some(found: Mapping[str, Any]) -> Sequence[Mapping[str, float]]:
    """A few points of the curve of losses, the last one among them."""
    curve: Sequence[Mapping[str, float]] = found["curve"]
    return [curve[(row + 1) * len(curve) // ROWS - 1] for row in range(ROWS)] if len(curve) >= ROWS else curve


@contextmanager
def _told(steps: int) -> Iterator[Callable[[int, float], None]]:
    def tell(step: int, loss: float) -> None:
        if step % 500 == 0 or step == steps:
            click.echo(f"{step:,} of {steps:,} updates, loss {loss:.3f}")

    yield tell


@click.command()
@click.option("--steps", type=click.IntRange(min=1), default=BLOCK["steps"], show_default=True)
@click.option("--sentences", type=click.IntRange(min=1), default=BLOCK["sentences"], show_default=True)
@click.option("--pairs", type=click.IntRange(min=0), default=BLOCK["pairs"], show_default=True)
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), default=SHIPPED, show_default="the package's")
def main(out: Path, **sizes: int) -> None:
    """Pretrain the shipped encoder anew; the default's results then change with it."""
    warmup = min(BLOCK["warmup_steps"], sizes["steps"])
    make(out, {**BLOCK, **sizes, "warmup_steps": warmup})


if __name__ == "__main__":
    main()
