"""What the parts of a spread are worth: bias and coverage of the part beyond the dev set's noise, level of the test.

    python -m benchmarks.calibration_noise                      # 10,000 repetitions: twenty minutes on one core
    python -m benchmarks.calibration_noise --repetitions 200 --out quick-calibration

Writes calibration-noise.json and calibration-noise.md; the same command gives the same numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from benchmarks.calibration_noise_cases import PAIRS, RECIPES, Pair, Recipe, dev_set
from benchmarks.simulation import CONFIDENCE as BOUNDS
from benchmarks.simulation import bounded, options, write
from benchmarks.tables import table
from stabbench.analysis.contributions import Contributions, of_means, of_metric
from stabbench.analysis.noise import CONFIDENCE, noise
from stabbench.analysis.noise_pairs import equal_beyond

REPETITIONS = 10_000
PERMUTATIONS = 499
ALPHAS = (0.05, 0.01)
SIZES = ((5, 200), (10, 200), (25, 200), (25, 1000))
"""Runs and examples of a cell."""
PAIR_SIZES = ((10, 200), (25, 200))


def measure(repetitions: int) -> dict[str, Any]:
    """Everything that calibration-noise.json holds."""
    cells = []
    for metric in ("accuracy", "mcc"):
        for recipe in RECIPES:
            for runs, examples in SIZES if metric == "accuracy" else SIZES[2:3]:
                cells.append(_cell(recipe, metric, runs, examples, repetitions))
                print(f"{metric}, {recipe.name}, {runs} runs, {examples} examples: done", flush=True)
    pairs = []
    for pair in PAIRS:
        for runs, examples in PAIR_SIZES:
            pairs.append(_pair(pair, runs, examples, repetitions))
            print(f"{pair.name}, {runs} runs: done", flush=True)
    return {
        "repetitions": repetitions,
        "permutations": PERMUTATIONS,
        "confidence": CONFIDENCE,
        "bounds": BOUNDS,
        "recipes": [{"name": recipe.name, "words": recipe.words} for recipe in RECIPES],
        "cells": cells,
        "pairs": pairs,
    }


def _cell(recipe: Recipe, metric: str, runs: int, examples: int, repetitions: int) -> dict[str, Any]:
    random, truth = np.random.default_rng([RECIPES.index(recipe), runs, examples]), recipe.variance(metric)
    found = []
    for _ in range(repetitions):
        item = noise(_contributions(recipe, metric, random, runs, examples))
        if item is not None:
            found.append((item.beyond, item.floor, item.low, item.high))
    beyond, floor, low, high = np.array(found).T
    error = float(beyond.std(ddof=1)) / len(beyond) ** 0.5
    return {
        "recipe": recipe.name,
        "metric": metric,
        "runs": runs,
        "examples": examples,
        "variance": truth,
        "floor": float(floor.mean()),
        "mean_estimate": float(beyond.mean()),
        "standard_error": error,
        "covered": bounded(int(((low <= truth) & (truth <= high)).sum()), len(beyond)),
        "told_from_0": bounded(int((low > 0).sum()), len(beyond)),
    }


def _contributions(recipe: Recipe, metric: str, random: np.random.Generator, runs: int, examples: int) -> Contributions:
    difficulties, labels = dev_set(random, examples // recipe.repeated)
    right, labels = recipe.draw(random, runs, difficulties, labels), np.tile(labels, recipe.repeated)
    if metric == "accuracy":
        return of_means(right)
    found = of_metric(metric, labels.astype(np.int64), list((right == labels).astype(np.int64)))
    if found is None:
        raise AssertionError(f"no contributions to {metric}")
    return found


def _pair(pair: Pair, runs: int, examples: int, repetitions: int) -> dict[str, Any]:
    random, p = np.random.default_rng([PAIRS.index(pair), runs]), []
    for _ in range(repetitions):
        difficulties, labels = dev_set(random, examples)
        sides = [of_means(side.draw(random, runs, difficulties, labels)) for side in (pair.first, pair.second)]
        p.append(equal_beyond(sides[0], sides[1], random, PERMUTATIONS).p)
    values = np.array(p)
    rates = {f"{alpha:g}": bounded(int((values <= alpha).sum()), len(values)) for alpha in ALPHAS}
    return {"pair": pair.name, "null": pair.equal, "runs": runs, "examples": examples, "rates": rates}


def markdown(found: Mapping[str, Any]) -> str:
    """The page beside the numbers."""
    cells = [
        [
            row["recipe"],
            row["metric"],
            str(row["runs"]),
            f"{row['examples']:,}",
            f"{100 * row['variance'] ** 0.5:.2f}",
            f"{100 * row['floor'] ** 0.5:.2f}",
            f"{1e4 * row['mean_estimate']:.3f} ± {1e4 * row['standard_error']:.3f} ({1e4 * row['variance']:.3f})",
            _per_cent(row["covered"], bold=row["covered"]["high"] < found["confidence"]),
            _per_cent(row["told_from_0"], bold=not row["variance"] and row["told_from_0"]["low"] > _tail(found)),
        ]
        for row in found["cells"]
    ]
    pairs = [
        [
            row["pair"],
            "yes" if row["null"] else "no",
            str(row["runs"]),
            *(
                _per_cent(row["rates"][f"{alpha:g}"], bold=row["null"] and row["rates"][f"{alpha:g}"]["low"] > alpha)
                for alpha in ALPHAS
            ),
        ]
        for row in found["pairs"]
    ]
    words = "\n".join(f"- {recipe['name']}: {recipe['words']}" for recipe in found["recipes"])
    return f"""# Calibration of the noise floor

{found["repetitions"]:,} simulated cells a row, made by `python -m benchmarks.calibration_noise`; all numbers with \
{found["bounds"]:.0%} bounds (Clopper-Pearson) in [calibration-noise.json](calibration-noise.json). An example has a \
difficulty, a run an ability, and whether it has the example right is drawn from both; what the variance beyond the \
floor is on endless examples is known. Scores × 100. **Bold**: the bounds are all on the wrong side of what is wanted.

{words}

## The part beyond the floor

Wanted: the mean of the estimates is the variance in brackets (× 10⁴); the interval covers it in \
{found["confidence"]:.0%} of the cells; where it is 0, it is told from 0 in at most {_tail(found):.1%} of them.

{table(_CELLS, cells)}

## The test of equal parts

{found["permutations"]} permutations, 200 examples. Wanted: where the parts are equal, at most α is rejected.

{table(_PAIRS, pairs)}
"""


_CELLS = (
    "runs drawn as", "metric", "runs", "examples", "std beyond", "floor", "mean estimate ± standard error (truth)",
    "covered (%)", "told from 0 (%)",
)  # fmt: skip
_PAIRS = ("strategies", "equal", "runs of each", *(f"rejected at {alpha:g} (%)" for alpha in ALPHAS))


def _tail(found: Mapping[str, Any]) -> float:
    return float((1 - found["confidence"]) / 2)


def _per_cent(rate: Mapping[str, float], *, bold: bool) -> str:
    text = f"{100 * rate['rate']:.1f}"
    return f"**{text}**" if bold else text


def main() -> None:
    """Measure and write the two files."""
    given = options(__doc__, REPETITIONS).parse_args()
    found = measure(given.repetitions)
    write(found, markdown(found), given.out, "calibration-noise")


if __name__ == "__main__":
    main()
