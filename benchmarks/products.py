"""`python -m benchmarks.products`: the matrix products of linear layers, ours and torch's, shape by shape."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import click
import torch
from torch import Tensor

from benchmarks.machine import OtherProcesses, conditions
from benchmarks.tables import number, percent, share_of_others, table
from stabbench.errors import UserError
from stabbench.files import write_json, write_text
from stabbench.models.kernel.library import library_for, multiply

MODELS = {
    "embedded default": (96, 384),
    "bert-tiny": (128, 512),
    "bert-mini": (256, 1024),
    "minilm": (384, 1536),
    "bert-base": (768, 3072),
}
"""Widths of a layer and of its inner layer."""
TOKENS = {"cola": 176, "rte": 1073}
KINDS = ("forward", "input gradient", "weight gradient")
LEAST_OPERATIONS = 2e8
"""Of a turn: smaller products are repeated within it."""
TARGET = 0.92
Product = Callable[[], object]


@dataclass(frozen=True)
class Case:
    """One product of a linear layer."""

    model: str
    tokens: int
    inputs: int
    outputs: int
    kind: str

    @property
    def operations(self) -> float:
        """Multiply-adds × 2."""
        return 2.0 * self.tokens * self.inputs * self.outputs

    def factors(self) -> tuple[Tensor, Tensor, Tensor]:
        """Left, right and what the product is written to, or added to where it is a weight's gradient."""
        x, dy = torch.randn(self.tokens, self.inputs), torch.randn(self.tokens, self.outputs)
        weight = torch.randn(self.outputs, self.inputs)
        if self.kind == "forward":
            return x, weight.t(), dy
        return (dy, weight, x) if self.kind == "input gradient" else (dy.t(), x, weight)

    def contenders(self, library: Any) -> dict[str, Product]:
        """Ours and torch's, on the same memory."""
        left, right, out = self.factors()
        more = self.kind == "weight gradient"
        return {
            "ours": partial(multiply, library, left, right, out, more=more),
            "torch": partial(out.addmm_, left, right) if more else partial(torch.mm, left, right, out=out),
        }


def cases(models: Sequence[str] = tuple(MODELS)) -> Iterator[Case]:
    """Every shape of every model, for the tokens of both tasks, in all kinds."""
    for model in models:
        hidden, inner = MODELS[model]
        for tokens in TOKENS.values():
            for inputs, outputs in ((hidden, hidden), (hidden, inner), (inner, hidden)):
                for kind in KINDS:
                    yield Case(model, tokens, inputs, outputs, kind)


def rates(contenders: Mapping[str, Product], operations: float, rounds: int) -> dict[str, float]:
    """The highest rate that each reached in alternating turns, in operations a second of this thread's CPU time."""
    count = max(1, round(LEAST_OPERATIONS / operations))
    best = dict.fromkeys(contenders, 0.0)
    for turn in range(rounds + 1):
        for name, product in contenders.items():
            began = time.thread_time()
            for _ in range(count):
                product()
            if turn:  # the first one warms up
                best[name] = max(best[name], count * operations / (time.thread_time() - began))
    return best


@click.command()
@click.option("--rounds", type=click.IntRange(min=2), default=9, show_default=True)
@click.option("--model", "models", type=click.Choice(list(MODELS)), multiple=True, help="May be given more than once.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("reports/benchmarks"),
    show_default=True,
    help="Where products.json and products.md go.",
)
def main(rounds: int, models: tuple[str, ...], out: Path) -> None:
    """Time each product in fp32, one thread, ours and torch's in turns."""
    torch.set_num_threads(1)
    library = library_for(torch.empty(0))
    if library is None:
        raise UserError("there is no compiled kernel here: nothing to compare with torch")
    others, rows = OtherProcesses(), []
    for case in cases(models or tuple(MODELS)):
        found = rates(case.contenders(library), case.operations, rounds)
        rows.append({**vars(case), **found})
    report = {**conditions(), "rounds": rounds, "other_processes_share": others.share(), "rows": rows}
    write_json(out / "products.json", report)
    write_text(out / "products.md", page(report))
    click.echo(page(report))


def page(report: Mapping[str, Any]) -> str:
    """products.md."""
    rows = report["rows"]
    shapes = {(row["model"], row["tokens"], row["inputs"], row["outputs"]): {} for row in rows}  # type: ignore[var-annotated]
    for row in rows:
        shapes[row["model"], row["tokens"], row["inputs"], row["outputs"]][row["kind"]] = row
    body = [
        [f"{model}: {tokens} × {inputs} × {outputs}", *(_cell(kinds[kind]) for kind in KINDS)]
        for (model, tokens, inputs, outputs), kinds in shapes.items()
    ]
    low = [row for row in rows if _share(row) < TARGET]
    return "\n\n".join(
        [
            "# Matrix products of linear layers",
            "Made by `python -m benchmarks.products`: fp32, one thread, GFLOP/s of our kernel / of torch (our share of "
            "the better one); the highest rate of the turns, which alternate. Forward is x W′, the input's gradient "
            "dy W, the weight's dy′ x, added to what is there.",
            table(["tokens × in × out", *KINDS], body),
            f"{len(rows) - len(low)} of {len(rows)} products reach {percent(TARGET)} of the better rate"
            f"{'; the lowest has ' + percent(min(map(_share, low))) if low else ''}.",
            f"{report['rounds']} turns. Measured {report['created']} at commit {report['commit']}, on {report['cpu']}; "
            f"other processes took {share_of_others(report)} of the cores' time.",
            "",
        ]
    )


def _share(row: Mapping[str, float]) -> float:
    return row["ours"] / max(row["ours"], row["torch"])


def _cell(row: Mapping[str, float]) -> str:
    share = percent(_share(row)) if _share(row) >= TARGET else f"**{percent(_share(row))}**"
    return f"{number(row['ours'] / 1e9)} / {number(row['torch'] / 1e9)} ({share})"


if __name__ == "__main__":
    main()
