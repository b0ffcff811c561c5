"""The report's section on single steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.step import BF16, rivals_of
from benchmarks.tables import mebibytes, number, percent, table, with_spread

PRODUCT_COLUMNS = (
    "step, ms",
    "products alone, ms",
    "share of the step",
    "operations, 10⁹",
    "reached, GFLOP/s",
    "products alone, GFLOP/s",
    "1024³ by torch, GFLOP/s",
    "1024³ by us, GFLOP/s",
    "share of the higher",
)


def step_section(found: Mapping[str, Any]) -> str:
    """Times, ratios, memory, matrix products and how all of it was measured."""
    cells = found["cells"]
    everybody = cells[0]["contenders"]
    order = [key for key in ("ours", f"ours{BF16}") if key in everybody] + rivals_of(everybody)
    titles = [everybody[key]["title"] for key in order]
    compared = rivals_of(everybody)
    return "\n\n".join(
        [
            "Milliseconds of the whole machine for one step of one seed, batch 16: median of the rounds (quartiles).",
            table(["cell", *titles], [[cell["name"], *_times(cell, order)] for cell in cells]),
            "How many times as many seed-steps a second as the rival, in the rival's precision: ratio of the medians; "
            "then the median of the rounds' own ratios (quartiles).",
            table(
                ["cell", *(everybody[key]["title"] for key in compared)],
                [*_ratio_rows(cells, compared), *_summary_rows(found, compared)],
            ),
            *_lower(cells),
            "Peak resident memory in MiB, summed over a contender's processes (shared pages count in each).",
            table(["cell", *titles], [[cell["name"], *_memory(cell, order)] for cell in cells]),
            "Our step and the matrix products in it, one process, all cores busy.",
            table(["cell", *PRODUCT_COLUMNS], [[cell["name"], *_products(cell)] for cell in cells]),
            _method(found),
        ]
    )


def _lower(cells: Sequence[Mapping[str, Any]]) -> list[str]:
    """Our own steps in bf16 beside those in fp32, where both were timed."""
    lower = f"ours{BF16}"
    if lower not in cells[0]["contenders"]:
        return ["Nobody was timed with products in bf16."]
    rows = [
        [cell["name"], f"{number(cell['contenders']['ours']['median_milliseconds'] / found['median_milliseconds'])}×"]
        for cell in cells
        for found in [cell["contenders"][lower]]
    ]
    return [
        "How many times as many of our own seed-steps with `precision: bf16` as in fp32.",
        table(["cell", ""], rows),
    ]


def _times(cell: Mapping[str, Any], order: Sequence[str]) -> list[str]:
    found = [cell["contenders"][key] for key in order]
    return [with_spread(item["median_milliseconds"], item["quartiles_milliseconds"]) for item in found]


def _ratio_rows(cells: Sequence[Mapping[str, Any]], compared: Sequence[str]) -> list[list[str]]:
    rows = []
    for cell in cells:
        ratios = [cell["ratios"][rival] for rival in compared]
        rows.append(
            [cell["name"], *(f"{number(ratio['of_medians'])}×; {_paired(ratio)}" for ratio in ratios)],
        )
    return rows


def _paired(ratio: Mapping[str, Any]) -> str:
    return with_spread(ratio["paired_median"], ratio["paired_quartiles"])


def _summary_rows(found: Mapping[str, Any], compared: Sequence[str]) -> list[list[str]]:
    means = [found["geometric_means"][rival] for rival in compared]
    aims = [found["targets"].get(rival) for rival in compared]
    count = max((mean.get("cells", len(found["cells"])) for mean in means), default=0)
    return [
        [
            f"**geometric mean of {count}** (BERT's)",
            *(f"**{number(mean['of_medians'])}×**; {number(mean['paired_median'])}" for mean in means),
        ],
        [
            "target (goal beyond it)",
            *(f"{aim['geometric_mean']:g}× ({aim['goal']:g}×)" if aim else "–" for aim in aims),
        ],
        ["lowest cell", *(f"{number(mean['lowest'])}×" for mean in means)],
        ["target for every cell", *(f"{aim['single_cell']:g}×" if aim else "–" for aim in aims)],
    ]


def _memory(cell: Mapping[str, Any], order: Sequence[str]) -> list[str]:
    return [mebibytes(cell["contenders"][key]["peak_resident_bytes"]) for key in order]


def _products(cell: Mapping[str, Any]) -> list[str]:
    found = cell["products"]
    return [
        number(cell["contenders"]["ours"]["median_milliseconds_in_a_process"]),
        number(found["milliseconds_in_a_process"]),
        percent(found["share_of_step"]),
        number(found["operations_a_step"] / 1e9),
        number(found["achieved_flops_a_core"] / 1e9),
        number(found["own_shapes_flops_a_core"] / 1e9),
        number(found["square_flops_a_core"] / 1e9),
        number(found["own_square_flops_a_core"] / 1e9),
        percent(found["fraction_of_square_rate"]),
    ]


def _method(found: Mapping[str, Any]) -> str:
    cells = found["cells"]
    models = ", ".join(dict.fromkeys(cell["model"] for cell in cells))
    arithmetic = " and ".join(sorted({cell["contenders"]["ours"]["arithmetic"] for cell in cells}))
    threads = sorted({cell["contenders"]["trainer-padded"]["threads"] for cell in cells})
    sources = "; ".join(sorted({cell["texts"] for cell in cells}))
    steps = ", ".join(
        f"{cell['name']} {cell['warm_up_steps']} + {cell['rounds']} × {cell['steps_a_round']}" for cell in cells
    )
    tokens = ", ".join(f"{cell['name']} {cell['tokens_a_step']:,.0f}" for cell in cells)
    layers = ", ".join(f"{cell['name']} {percent(cell['products']['share_of_operations'])}" for cell in cells)
    return f"""How it was measured:

- **Models**: with drawn weights, vocabulary 30,522, dropout 0.1, fp32 where nothing else is said: {models}.
- **Texts**: {sources}. Real tokens in a batch of 16, on the average:
  {tokens}.
- **Rounds**: steps of warming up + rounds × steps of a round: {steps}. In a round every
  contender in turn, each time another one first, runs them in every one of its processes while the others wait on a
  pipe. Of models as large as BERT-base the lean loop has its rounds with us, the two of `Trainer` have theirs, and so
  do the products: all at once need more than 24 GiB.
  All train on the same batches in the same order. The time runs from the first process's begin to the last one's end
  and is divided by all the steps done.
- **stabbench**: `stabbench.training.loop.Training.update` with the recipe of devlin, one seed and one thread a process;
  arithmetic: {arithmetic}.
- **`Trainer`**: one process with as many threads as cores, as torch takes by itself
  ({", ".join(map(str, threads))}), and the defaults of run_glue.py at batch 16, padded to 128 with
  `default_data_collator`, or with `DataCollatorWithPadding`. The rows are stored in the shared order
  (`train_sampling_strategy="sequential"`), nothing is saved and no progress bar is drawn, which favours it.
- **Lean loop**: `BertForSequenceClassification` padded to the longest of a batch, `torch.optim.AdamW(fused=True)`,
  `clip_grad_norm_`, `LambdaLR`; one thread a process.
- **Matrix products**: those of the linear layers of the same steps, forward and backward, in the order and shapes of
  our step, run alone by the same arithmetic in as many one-thread processes. Their time over the step's is
  an estimate of their share: in a step they find other things in the caches, so it can pass 100 % by a little. The
  small products of attention are not among them; the linear layers' share of the counted operations is
  {layers}.
- **Operations** of a step are counted from the batch's real lengths (`stabbench/training/cost.py`): three times the
  forward pass, the last layer for the first token only. The rate they reach is compared with that of one-thread fp32
  products of 1024 × 1024 matrices in the same rounds, all cores busy: the higher of the rates of torch's BLAS and of
  our own product."""
