"""The report's section on single steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.tables import mebibytes, number, percent, table, with_spread

ORDER = ("ours", "lean", "trainer-dynamic", "trainer-padded")
RIVALS = ORDER[1:]
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
    titles = [cells[0]["contenders"][key]["title"] for key in ORDER]
    return "\n\n".join(
        [
            "Milliseconds of the whole machine for one step of one seed, batch 16: median of the rounds (quartiles).",
            table(["cell", *titles], [[cell["name"], *_times(cell)] for cell in cells]),
            "How many times as many seed-steps a second as the rival: ratio of the medians; then the median of the "
            "rounds' own ratios (quartiles).",
            table(["cell", *titles[1:]], [*_ratio_rows(cells), *_summary_rows(found)]),
            "Peak resident memory in MiB, summed over a contender's processes (shared pages count in each).",
            table(["cell", *titles], [[cell["name"], *_memory(cell)] for cell in cells]),
            "Our step and the matrix products in it, one process, all cores busy.",
            table(["cell", *PRODUCT_COLUMNS], [[cell["name"], *_products(cell)] for cell in cells]),
            _method(found),
        ]
    )


def _times(cell: Mapping[str, Any]) -> list[str]:
    found = [cell["contenders"][key] for key in ORDER]
    return [with_spread(item["median_milliseconds"], item["quartiles_milliseconds"]) for item in found]


def _ratio_rows(cells: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    rows = []
    for cell in cells:
        ratios = [cell["ratios"][rival] for rival in RIVALS]
        rows.append(
            [cell["name"], *(f"{number(ratio['of_medians'])}×; {_paired(ratio)}" for ratio in ratios)],
        )
    return rows


def _paired(ratio: Mapping[str, Any]) -> str:
    return with_spread(ratio["paired_median"], ratio["paired_quartiles"])


def _summary_rows(found: Mapping[str, Any]) -> list[list[str]]:
    means = [found["geometric_means"][rival] for rival in RIVALS]
    targets = [found["targets"][rival] for rival in RIVALS]
    count = len(found["cells"])
    return [
        [
            f"**geometric mean of {count}**",
            *(f"**{number(mean['of_medians'])}×**; {number(mean['paired_median'])}" for mean in means),
        ],
        ["target (goal beyond it)", *(f"{aim['geometric_mean']:g}× ({aim['goal']:g}×)" for aim in targets)],
        ["lowest cell", *(f"{number(mean['lowest'])}×" for mean in means)],
        ["target for every cell", *(f"{aim['single_cell']:g}×" for aim in targets)],
    ]


def _memory(cell: Mapping[str, Any]) -> list[str]:
    return [mebibytes(cell["contenders"][key]["peak_resident_bytes"]) for key in ORDER]


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
    arithmetic = " and ".join(sorted({cell["contenders"]["ours"]["arithmetic"] for cell in cells}))
    threads = sorted({cell["contenders"]["trainer-padded"]["threads"] for cell in cells})
    sources = "; ".join(sorted({cell["texts"] for cell in cells}))
    steps = ", ".join(f"{cell['name']} {cell['steps_a_round']}" for cell in cells)
    tokens = ", ".join(f"{cell['name']} {cell['tokens_a_step']:,.0f}" for cell in cells)
    layers = ", ".join(f"{cell['name']} {percent(cell['products']['share_of_operations'])}" for cell in cells)
    return f"""How it was measured:

- **Models**: BERT shapes with drawn weights, vocabulary 30,522, dropout 0.1, fp32: bert-tiny 2 layers × 128 (2 heads,
  inner 512), bert-mini 4 × 256 (4, 1024), minilm 6 × 384 (12, 1536).
- **Texts**: {sources}. Real tokens in a batch of 16, on the average:
  {tokens}.
- **Rounds**: {found["rounds"]} after {found["warm_up_steps"]} warm-up steps. In a round every contender in turn,
  each time another one first, runs the same number of steps in every one of its processes while the others wait on a
  pipe ({steps}).
  All train on the same batches in the same order. The time runs from the first process's begin to the last one's end
  and is divided by all the steps done.
- **stabbench**: `stabbench.training.loop.Training.update` with the recipe of devlin, one seed and one thread a process;
  arithmetic: {arithmetic}.
- **`Trainer`**: one process with torch's own number of threads ({", ".join(map(str, threads))}) and the defaults
  of run_glue.py at batch 16, padded to 128 with `default_data_collator`, or with `DataCollatorWithPadding`. The rows
  are stored in the shared order (`train_sampling_strategy="sequential"`), nothing is saved and no progress bar is
  drawn, which favours it.
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
