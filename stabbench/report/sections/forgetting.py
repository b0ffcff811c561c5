"""Fig. 2a/b: what fine-tuned models have forgotten, and which layers bring it back."""

from __future__ import annotations

from statistics import median

import pandas as pd

from stabbench.analysis.forgetting import layers_to_recover
from stabbench.report.content import Content
from stabbench.report.figures.perplexity import perplexity_figure
from stabbench.report.grid import Grid
from stabbench.report.measurement import MeasuredProbe, run_name
from stabbench.report.numbers import counted, listed
from stabbench.report.section import Section, SectionFigure

KINDS = {True: "failed", False: "successful"}


def section(probe: MeasuredProbe, content: Content) -> Section:
    """Perplexity over the number of layers put back; where nothing was measured, why."""
    title = f"Forgetting{probe.place}"
    looks_for = (
        "The masked-LM perplexity of fine-tuned encoders under the pretrained head, their top k layers put back to the "
        "pretrained values. If forgetting caused the failures, failed runs alone would have forgotten, and in all "
        "layers; in the paper both kinds forget, mostly in the top layers (figure 2)."
    )
    if probe.reason is not None:
        return Section(probe.name, title, looks_for, [probe.reason], facts=_facts(probe))
    table, facts = probe.table("perplexity"), probe.facts
    reference, layers = facts["reference"], int(facts["layers"])
    found = [
        f"On {facts['tokens']:,} tokens of {facts['text']}, {facts['masked_tokens']:,} of them masked, the pretrained "
        f"model has a perplexity of {perplexity_text(reference['perplexity'])}.",
        *(_kind_sentence(table, failed, reference["loss"], layers) for failed in (True, False)),
        _whole_sentence(table, reference["loss"], layers),
        *probe.remarks(content),
    ]
    figure = perplexity_figure(table, reference["perplexity"], layers, content)
    return Section(
        name=probe.name,
        title=title,
        looks_for=looks_for,
        found=found,
        figures=[
            SectionFigure("forgetting", figure, "Perplexity over layers put back. " + " ".join(found[:3]), "perplexity")
        ],
        tables=[("Masked-LM perplexity with the top k layers put back", _grid(table, layers))],
        data={"perplexity": table},
        facts=_facts(probe),
    )


def _facts(probe: MeasuredProbe) -> dict[str, object]:
    return {"options": dict(probe.options), "runs": list(probe.chosen), **probe.facts}


def _kind_sentence(table: pd.DataFrame, failed: bool, reference: float, layers: int) -> str:
    runs = [rows for _, rows in _layer_rows(table[table["failed"] == failed]).groupby(["strategy", "seed"], sort=False)]
    first = [perplexity_text(value) for value in sorted(rows["perplexity"].iloc[0] for rows in runs)]
    recovered = [layers_to_recover(rows["loss"].tolist(), reference) for rows in runs]
    reached = [k for k in recovered if k is not None]
    runs_have = f"{counted(len(runs), f'{KINDS[failed]} run')} {'has' if len(runs) == 1 else 'have'}"
    text = f"Fine-tuned in full, {runs_have} a perplexity of {listed(first)}"
    if not reached:
        return f"{text}; no number of layers put back takes away half of the loss over the pretrained model's."
    which = "" if len(reached) == 1 else " (median)"
    some = "" if len(reached) == len(runs) else f" in {len(reached)} of them"
    layers_back = f"{counted(round(median(reached)), 'top layer')}{which} of {layers}"
    return f"{text}; {layers_back} put back take away half of the loss over the pretrained model's{some}."


def _whole_sentence(table: pd.DataFrame, reference: float, layers: int) -> str:
    whole = table[(table["top_layers"] == layers) & ~table["embeddings"]]
    medians = [
        f"{perplexity_text(whole.loc[whole['failed'] == kind, 'perplexity'].median())} ({name})"
        for kind, name in KINDS.items()
    ]
    gap = (table.loc[table["embeddings"], "loss"] - reference).abs().max()
    return (
        f"With all layers put back and the embeddings still fine-tuned the median is {listed(medians)}; with the "
        f"embeddings put back too the loss is the pretrained model's (largest difference {gap:.1g} nats)."
    )


def _layer_rows(table: pd.DataFrame) -> pd.DataFrame:
    return table[~table["embeddings"]].sort_values("top_layers", kind="stable")


def _grid(table: pd.DataFrame, layers: int) -> Grid:
    shown = sorted({0, *(round(layers * quarter / 4) for quarter in (1, 2, 3)), layers})
    rows = []
    for (strategy, seed, failed), of_run in table.groupby(["strategy", "seed", "failed"], sort=False):
        by_k = _layer_rows(of_run).set_index("top_layers")["perplexity"]
        last = of_run.loc[of_run["embeddings"], "perplexity"].iloc[0]
        values = [perplexity_text(by_k[k]) for k in shown] + [perplexity_text(last)]
        rows.append([run_name({"strategy": strategy, "seed": seed}), KINDS[bool(failed)], *values])
    return Grid(["run", "outcome", *(f"k = {k}" for k in shown), "and embeddings"], rows)


def perplexity_text(value: float) -> str:
    """Three digits, or whole above a hundred: `4.31`, `1,280`."""
    return f"{value:,.0f}" if 100 <= value < 1e7 else f"{value:#.3g}".rstrip(".")
