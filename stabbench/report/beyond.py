"""What is steadier beyond the noise of the dev set, what cannot be told, and what would tell it: in sentences."""

from __future__ import annotations

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
    places = list(dict.fromkeys(cell.whole for cell in per_example(content).noise if cell.model == model))
    told = [text for place in places if (text := _of_task(content, place))]
    more = f"; and {len(told) - NAMED} more tasks in their chapter" if len(told) > NAMED else ""
    return f"Beyond the noise of the dev set {'; '.join(told[:NAMED])}{more}." if told else ""


def _of_task(content: Content, place: Place) -> str:
    parts = [_steadier(content, place), _unknown(content, place)]
    on = f" on {place.task}" if len(content.tasks(place.model)) > 1 else ""
    return "; ".join(f"{part}{on}" if number == 0 else part for number, part in enumerate(filter(None, parts)))


def _steadier(content: Content, place: Place) -> str:
    """Which strategies are told apart, none called steady that mostly failed; the smallest p where none are.

    Of those with fewer runs than the test has been seen to keep its level with nothing is said.
    """
    pairs, failed = per_example(content).noise_pairs, _mostly_failed(content, place)
    enough = pairs[["n_a", "n_b"]].min(axis=1) >= CALIBRATED_RUNS
    here = pairs[(pairs["model"] == place.model) & (pairs["task"] == place.task) & enough]
    steadier = here["strategy_a"].where(here["beyond_a"] < here["beyond_b"], here["strategy_b"])
    here = here.assign(steadier=steadier)[~steadier.isin(failed) & here["p_beyond_holm"].notna()]
    if here.empty:
        return ""
    apart = here[here["p_beyond_holm"] <= LEVEL]
    if apart.empty:
        return f"no two strategies are told apart ({_p(here)})"
    winners: dict[str, list[str]] = {}
    for row in apart.to_dict("records"):
        other = row["strategy_b"] if row["steadier"] == row["strategy_a"] else row["strategy_a"]
        winners.setdefault(str(row["steadier"]), []).append(str(other))
    texts = [f"{better} is steadier than {some(worse, NAMED)}" for better, worse in winners.items()]
    others = "" if len(apart) == len(here) else ", and no others are told apart"
    return f"{some(texts, NAMED)} ({_p(apart)}){others}"


def _p(pairs: pd.DataFrame) -> str:
    several = "" if len(pairs) == 1 else "smallest "
    return f"{several}{p_equation(float(pairs['p_beyond_holm'].min()))} after Holm"


def _mostly_failed(content: Content, place: Place) -> set[str]:
    rows = content.rows(place)
    return set(map(str, rows.loc[rows["mostly_failed"] | ~rows["eligible"], "strategy"]))


def _unknown(content: Content, place: Place) -> str:
    """Whose spread is not told from that noise, and the dev examples that would tell it."""
    unknown = {
        cell.strategy: way_out(item)
        for cell, item in per_example(content).noise.items()
        if cell.whole == place and not item.distinguishable and item.variance > 0
    }
    if not unknown:
        return ""
    needed = sorted(way.examples_to_tell for way in unknown.values() if way is not None)
    ends = dict.fromkeys(about(count) for count in (needed[:1] + needed[-1:]))
    would = f" (about {' to '.join(ends)} dev examples would tell)" if needed else ""
    return f"it cannot be told whether seeds matter at all for {some(list(unknown), NAMED)}{would}"


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
