"""The paper's claims about why runs fail: gradients, updates, training loss, forgetting (figures 2 to 4, 8 and 9).

What each verdict takes is written in the claim's docstring, so that nothing is decided after a number was seen.
"""

from __future__ import annotations

import math
from statistics import median

import pandas as pd

from benchmarks.evidence.data import EvidenceCell, Pair, number
from benchmarks.evidence.rules import (
    CORRECTED,
    DEFAULT,
    HOLDS,
    LEVEL,
    LONG,
    NOT,
    PART,
    RARE,
    UNKNOWN,
    Found,
    failures_of,
    first_fails_more,
    not_run,
)  # fmt: skip
from stabbench.analysis.forgetting import layers_to_recover
from stabbench.report.numbers import p_equation, share
from stabbench.report.over_tasks import ratio

VANISHED = 0.1
"""Share of the successful runs' gradient norm under which it counts as vanished."""
FEWEST_LOW = 5
"""Runs with a low training loss from which their std says something."""
FAILED_RUNS = "studies/failed-runs/failed-runs.csv"
GENERALISATION = "studies/generalisation/generalisation.csv"


def vanishing(cell: EvidenceCell) -> Found:
    """Holds where in 90 % of the failed runs the lowest layer has a norm under a tenth of the successful runs'.

    In part where in some; not, where in none. Norms are medians over the second half of training; the successful runs'
    is the median of theirs. Of devlin, or the first strategy with runs of both kinds.
    """
    norms = cell.layer_norms()
    if not len(norms):
        return UNKNOWN, "not measured"
    for strategy in sorted(norms["strategy"].unique(), key=lambda name: name != DEFAULT):
        table = norms[norms["strategy"] == strategy].pivot(index=["failed", "seed"], columns="layer", values="norm")
        kinds = set(table.index.get_level_values("failed"))
        if kinds == {True, False}:
            return _vanished(str(strategy), table)
    return UNKNOWN, "no strategy with failed and successful runs"


def _vanished(strategy: str, table: pd.DataFrame) -> Found:
    ratios = table.xs(True, level="failed") / table.xs(False, level="failed").median()
    names = [str(name) for name in table]
    layers = sorted((name for name in names if name.startswith("layer ")), key=lambda name: int(name[6:]))
    if not layers:
        return UNKNOWN, "its layers have no norms of their own"
    vanished = int((ratios[layers[0]] < VANISHED).sum())
    heads = [name for name in names if name in ("classifier", "head")]
    shown = [layers[0], layers[(len(layers) - 1) // 2], layers[-1], *heads]
    medians = ", ".join(
        f"{ratio(float(ratios[name].median()))}× in {'the ' if name in heads else ''}{name}"
        for name in dict.fromkeys(shown)
    )
    part = vanished / len(ratios)
    return (HOLDS if part >= 1 - RARE else PART if vanished else NOT), (
        f"under a tenth in {vanished} of {len(ratios)} failed runs of {strategy}; median {medians}"
    )


def few_updates(cell: EvidenceCell) -> Found:
    """Holds where the same few examples fail less in more updates (Fisher, .05); not, where they fail more.

    Of the study small-data where it was run (same epochs against same updates), else devlin-bc against mosbach.
    """
    for path in sorted(cell.report.glob("studies/*/pairs.csv")):
        found = cell.pair("same-epochs", "same-updates", str(path.relative_to(cell.report)))
        if found is not None:
            return _fewer(found)
    pair = cell.pair(CORRECTED, LONG)
    return not_run(CORRECTED, LONG) if pair is None else _fewer(pair)


def _fewer(pair: Pair) -> Found:
    p, shown = pair.number("p_fisher"), failures_of(pair)
    if math.isnan(p) or p > LEVEL:
        return UNKNOWN, shown
    return (HOLDS if first_fails_more(pair) else NOT), shown


def loss_of_guessing(cell: EvidenceCell) -> Found:
    """Holds where 90 % of the failed runs end at .95 times the loss of guessing or above; not, where 10 % or fewer."""
    rows = cell.rows(FAILED_RUNS)
    failed = rows["failed"].sum() - rows["diverged"].sum() if len(rows) else 0
    if not failed:
        return UNKNOWN, "no failed runs"
    stayed = int(rows["trivial"].sum())
    shown = f"{stayed} of {failed} failed runs ({share(stayed / failed)})"
    return (HOLDS if stayed >= (1 - RARE) * failed else NOT if stayed <= RARE * failed else PART), shown


def low_loss_steadier(cell: EvidenceCell) -> Found:
    """Holds where runs with a tenth of guessing's loss or less spread less, and over all the score falls with the loss.

    The second at .05 by Spearman's ρ. In part with one of the two, not with none; under 5 such runs nothing is told.
    """
    rows = cell.rows(GENERALISATION)
    if not len(rows):
        return UNKNOWN, "not measured"
    below, std_below, std, rho, p = (number(rows.iloc[0][name]) for name in ("below", "std_below", "std", "rho", "p"))
    shown = f"ρ(loss, score) = {rho:.2f} ({p_equation(p)})"
    if below < FEWEST_LOW:
        return UNKNOWN, f"{below:.0f} runs with so low a loss; {shown}"
    both = [std_below < std, rho < 0 and p <= LEVEL]
    shown = f"std {100 * std_below:.1f} of {below:.0f} runs, {100 * std:.1f} of all (× 100); {shown}"
    return (HOLDS if all(both) else PART if any(both) else NOT), shown


def successful_forget(cell: EvidenceCell) -> Found:
    """Holds where a successful run has forgotten as much as a failed one; not, where none has forgotten anything.

    In part where all have forgotten less. What is forgotten is the masked-LM loss over the pretrained model's.
    """
    measured = cell.probe("perplexity.csv")
    if measured is None:
        return UNKNOWN, "not measured"
    table, facts = measured
    whole = table[(table["top_layers"] == 0) & ~table["embeddings"].astype(bool)]
    failed, fine = (whole[whole["failed"].astype(bool) == kind] for kind in (True, False))
    if not len(failed) or not len(fine):
        return UNKNOWN, "no runs of both kinds"
    before = facts["reference"]
    shown = f"perplexity {_digits(before['perplexity'])} before; {_range(failed)} in {len(failed)} failed runs, " + (
        f"{_range(fine)} in {len(fine)} successful ones"
    )
    if fine["loss"].max() >= failed["loss"].min():
        return HOLDS, shown
    return (PART if fine["loss"].max() > before["loss"] else NOT), shown


def top_layers_forget(cell: EvidenceCell) -> Found:
    """Holds where putting back the upper half of the layers undoes half of the forgetting, in both kinds of runs.

    Of each kind the median of its runs; in part where in one, not where in none.
    """
    measured = cell.probe("perplexity.csv")
    if measured is None:
        return UNKNOWN, "not measured"
    table, facts = measured
    layers, needed = int(facts["layers"]), {}
    for kind, rows in table[~table["embeddings"].astype(bool)].groupby("failed"):
        runs = [run.sort_values("top_layers") for _, run in rows.groupby(["strategy", "seed"])]
        found = [layers_to_recover(run["loss"].tolist(), facts["reference"]["loss"]) for run in runs]
        needed["failed" if kind else "successful"] = median(math.inf if k is None else k for k in found)
    shown = ", ".join(
        f"{'more than all' if math.isinf(k) else f'{k:g}'} of {layers} layers ({name})" for name, k in needed.items()
    )
    enough = [k <= layers / 2 for k in needed.values()]
    return (HOLDS if all(enough) else PART if any(enough) else NOT), shown


def _range(rows: pd.DataFrame) -> str:
    low, high = _digits(rows["perplexity"].min()), _digits(rows["perplexity"].max())
    return low if len(rows) == 1 else f"{low} to {high}"


def _digits(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
