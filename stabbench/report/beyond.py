"""What is steadier beyond the noise of the dev set, what cannot be told, and what would tell it: in sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median_low

import pandas as pd

from stabbench.analysis.noise import Noise, way_out
from stabbench.analysis.noise_pairs import CALIBRATED_RUNS
from stabbench.analysis.place import Place
from stabbench.report.content import Content
from stabbench.report.numbers import about, p_equation, share, some
from stabbench.report.per_example import per_example

LEVEL = 0.05
"""Under which a p-value after Holm tells two strategies apart."""
HALF = 0.5
NAMED = 3


def beyond_the_noise(content: Content, model: str) -> str:
    """Of the tasks of a model whose runs' predictions give their scores; empty without any."""
    if not content.predicted:
        return ""
    cells = {cell: item for cell, item in per_example(content).noise.items() if cell.model == model}
    several = len(content.tasks(model)) > 1
    return " ".join(filter(None, (_told_apart(content, list(cells), several), _unknown(cells, several))))


def _told_apart(content: Content, cells: Sequence[Place], several: bool) -> str:
    """Who is steadier than whom, and where nobody is; empty where nothing can be said."""
    apart, alike = [], []
    for place in dict.fromkeys(cell.whole for cell in cells):
        pairs = _tested(content, place)
        told = pairs[pairs["p_beyond_holm"] <= LEVEL]
        if len(told):
            apart.append(f"{f'on {place.task} ' if several else ''}{_steadier(told)}")
        elif len(pairs):
            alike.append((place.task, pairs))
    if alike:
        on = f"on {some([task for task, _ in alike], NAMED)} " if several else ""
        apart.append(f"{on}no two strategies are told apart ({_p(pd.concat([pairs for _, pairs in alike]))})")
    return f"Beyond the noise of the dev set {'; '.join(apart)}." if apart else ""


def _tested(content: Content, place: Place) -> pd.DataFrame:
    """The tested pairs, with the `steadier` of each, where it did not mostly fail.

    Of those with fewer runs than the test has been seen to keep its level with nothing is said.
    """
    pairs, rows = per_example(content).noise_pairs, content.rows(place)
    enough = pairs[["n_a", "n_b"]].min(axis=1) >= CALIBRATED_RUNS
    here = pairs[(pairs["model"] == place.model) & (pairs["task"] == place.task) & enough]
    steadier = here["strategy_a"].where(here["beyond_a"] < here["beyond_b"], here["strategy_b"])
    failed = set(map(str, rows.loc[rows["mostly_failed"] | ~rows["eligible"], "strategy"]))
    return here.assign(steadier=steadier)[~steadier.isin(failed) & here["p_beyond_holm"].notna()]


def _steadier(told: pd.DataFrame) -> str:
    """`a and b are steadier than c (p = 0.01 after Holm)`."""
    losers: dict[str, list[str]] = {}
    for row in told.to_dict("records"):
        other = row["strategy_b"] if row["steadier"] == row["strategy_a"] else row["strategy_a"]
        losers.setdefault(str(row["steadier"]), []).append(str(other))
    winners: dict[tuple[str, ...], list[str]] = {}
    for winner, worse in losers.items():
        winners.setdefault(tuple(worse), []).append(winner)
    texts = [
        f"{some(names, NAMED)} {'is' if len(names) == 1 else 'are'} steadier than {some(worse, NAMED)}"
        for worse, names in winners.items()
    ]
    return f"{some(texts, NAMED)} ({_p(told)})"


def _p(pairs: pd.DataFrame) -> str:
    several = "" if len(pairs) == 1 else "smallest "
    return f"{several}{p_equation(float(pairs['p_beyond_holm'].min()))} after Holm"


def _unknown(cells: Mapping[Place, Noise], several: bool) -> str:
    """Whose spread is not told from that noise, and how many dev examples would tell it."""
    unknown = {cell: item for cell, item in cells.items() if not item.distinguishable and item.variance > 0}
    if not unknown:
        return ""
    names = [f"{cell.strategy} on {cell.task}" if several else cell.strategy for cell in unknown]
    named = some(names, NAMED) if len(names) <= NAMED else f"{len(names)} of {len(cells)} cells"
    needed = [way.examples_to_tell for item in unknown.values() if (way := way_out(item)) is not None]
    of = "" if len(unknown) == 1 else " of half of them"
    would = f" (about {about(median_low(needed))} dev examples would tell it{of})" if needed else ""
    return f"Whether seeds matter at all cannot be told of {named}{would}."


def mostly_noise(content: Content) -> list[tuple[Place, str]]:
    """The cells of whose variance over seeds that noise is over half, and of each how much and the way out."""
    if not content.predicted:
        return []
    cells = per_example(content).noise.items()
    return [(cell, f"{share(item.share)}; {_way_out(item)}") for cell, item in cells if item.share > HALF]


def _way_out(item: Noise) -> str:
    found = way_out(item)
    if found is None:
        return "nothing is seen beyond it"
    if item.distinguishable:
        return f"a quarter with {about(found.examples)} dev examples"
    seeds = f" or {about(found.runs_to_tell)} seeds" if found.runs_to_tell else ""
    return f"{about(found.examples_to_tell)} dev examples{seeds} would tell the rest from it"
