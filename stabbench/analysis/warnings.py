"""What a reader must know before trusting a cell's numbers: few seeds, two groups, failures, seeds added later."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd

from stabbench.analysis.distinct_scores import FEWEST
from stabbench.analysis.frame import CELL, finished
from stabbench.analysis.place import Place
from stabbench.analysis.spread import Array, is_constant
from stabbench.analysis.stability import MINIMUM_SEEDS
from stabbench.records import SelectedCell
from stabbench.typed_json import to_json

_SIMULATIONS = 5_000
_LARGEST_SIMULATED = 500
_SMALLEST_GROUP = 0.1


def few_seeds(table: pd.DataFrame) -> pd.DataFrame:
    """Rows of `stability` with too few finished runs for a star."""
    return table[(table["n"] > 0) & (table["n"] < MINIMUM_SEEDS)]


def stable_in_failure(table: pd.DataFrame) -> pd.DataFrame:
    """Rows of `stability` whose small std comes from failing: most runs failed, and no cell that mostly works has less.

    Where most runs fail, failing more often lowers the std; at the end of it all runs fail and the std is close to 0.
    Of a cell whose scores are not all known nothing is said.
    """
    works = table[table["eligible"] & ~table["mostly_failed"]]
    smallest = works.groupby(["model", "task"], sort=False)["std"].min()
    limit = [smallest.get((row["model"], row["task"]), np.inf) for _, row in table.iterrows()]
    all_failed = (table["n"] > 0) & (table["failed"] == table["n"]) & table["mean"].notna()
    return table[all_failed | (table["mostly_failed"] & (table["std"] < np.array(limit)))]


@dataclass(frozen=True)
class Groups:
    """The split of scores into two groups that leaves the least variance within."""

    between: float
    """Share of the variance between the groups."""
    lower: int
    higher: int
    mean_lower: float
    mean_higher: float


def two_groups(scores: Array) -> Groups | None:
    """The two groups that scores `(n,)` fall into, each a tenth of them and two at least; None where they do not.

    They do where the best split leaves less variance within than in 99 % of samples of n uniform scores, the flattest
    distribution with one mode. Not a test of a hypothesis: a std says little of scores with a gap in their middle.
    """
    if scores.size < MINIMUM_SEEDS or np.isnan(scores).any() or is_constant(scores):
        return None
    ordered_scores = np.sort(scores)
    shares = _shares_between(ordered_scores[None])[0]
    split = int(shares.argmax())
    if shares[split] <= _largest_of_one_group(min(scores.size, _LARGEST_SIMULATED)):
        return None
    lower = _smallest(scores.size) + split
    means = float(ordered_scores[:lower].mean()), float(ordered_scores[lower:].mean())
    return Groups(float(shares[split]), lower, scores.size - lower, *means)


def _shares_between(ordered_scores: Array) -> Array:
    """Share of the variance between both sides of every allowed split of sorted rows `(k, n)`: `(k, splits)`."""
    n = ordered_scores.shape[1]
    centred = ordered_scores - ordered_scores.mean(axis=1, keepdims=True)
    lower = np.arange(_smallest(n), n - _smallest(n) + 1)
    sums = np.cumsum(centred, axis=1)[:, lower - 1]
    return np.asarray(sums**2 * (n / (lower * (n - lower))) / (centred**2).sum(axis=1, keepdims=True))


def _smallest(n: int) -> int:
    return max(2, round(_SMALLEST_GROUP * n))


@cache
def _largest_of_one_group(n: int) -> float:
    scores = np.sort(np.random.default_rng(n).random((_SIMULATIONS, n)), axis=1)
    return float(np.quantile(_shares_between(scores).max(axis=1), 0.99))


def in_two_groups(runs: pd.DataFrame) -> list[tuple[Place, Groups]]:
    """The cells of a frame of runs whose scores fall into `two_groups`."""
    found = []
    for names, part in finished(runs).groupby(CELL, sort=False, observed=True):
        groups = two_groups(part["score"].to_numpy(dtype=np.float64))
        if groups is not None:
            found.append((Place(*map(str, names)), groups))
    return found


def same_runs(runs: pd.DataFrame, table: pd.DataFrame) -> list[tuple[Place, Sequence[str]]]:
    """Strategies of one model and task whose scores are the same seed by seed, and not all alike.

    `table` is `stability` of the `runs`: cells of fewer than `FEWEST` runs, and constant ones, are left out.
    """
    candidates = table[(table["n"] >= FEWEST) & (table["std"] > 0)]
    candidates = candidates[candidates.duplicated(["model", "task", "n", "std", "min", "max"], keep=False)]
    if candidates.empty:
        return []
    wanted = pd.MultiIndex.from_frame(candidates[CELL].astype(str))
    done = finished(runs)
    done = done[pd.MultiIndex.from_frame(done[CELL].astype(str)).isin(wanted)]
    alike: dict[tuple[Place, bytes], list[str]] = {}
    for (model, task, strategy), part in done.groupby(CELL, sort=False, observed=True):
        ordered = part.sort_values("seed")
        scores = ordered["seed"].to_numpy().tobytes() + ordered["score"].to_numpy(dtype=np.float64).tobytes()
        alike.setdefault((Place(str(model), str(task)), scores), []).append(str(strategy))
    return [(place, names) for (place, _), names in alike.items() if len(names) > 1]


@dataclass(frozen=True)
class UnequalSeeds:
    """A task whose strategies have different seeds planned."""

    place: Place
    seeds: Mapping[str, Sequence[int]]
    """By strategy, rising."""
    shared: bool
    """Whether two of its strategies have a seed in common."""


def unequal_seeds(runs: pd.DataFrame) -> list[UnequalSeeds]:
    """The tasks of a frame of runs whose strategies have different seeds planned.

    A strategy with seeds of its own may have been given them after a look at the results of the others.
    """
    found = []
    for names, part in runs.groupby(["model", "task"], sort=False, observed=True):
        cells = part.groupby("strategy", sort=False, observed=True)["seed"]
        seeds = {str(name): np.sort(cell.to_numpy(dtype=np.int64)) for name, cell in cells}
        if len({values.tobytes() for values in seeds.values()}) > 1:
            every = np.concatenate(list(seeds.values()))
            shared = np.unique(every).size < every.size
            listed = {name: values.tolist() for name, values in seeds.items()}
            found.append(UnequalSeeds(Place(*map(str, names)), listed, shared))
    return found


def undeclared_looks(cells: Sequence[SelectedCell]) -> dict[Place, list[int]]:
    """Seeds of cells that are trained by stages whose runs were trained when these looks were not declared yet."""
    found = {}
    for item in cells:
        declared = to_json(item.cell.looks)
        before = [seed for seed, record in item.records.items() if record.provenance().get("looks") != declared]
        if declared is not None and before:
            found[Place.of(item.cell)] = before
    return found


def added_seeds(cells: Sequence[SelectedCell]) -> dict[Place, list[int]]:
    """Seeds that were not planned yet when the first run of their cell was trained.

    Every record's provenance holds the seeds its cell had planned when it was trained; the earliest record of a cell
    says which were planned first. A cell none of whose records say so (made before this was recorded, or scores from
    elsewhere) is not in the answer: there `unequal_seeds` is all that can be known.
    """
    found = {}
    for item in cells:
        provenances = [record.provenance() for record in item.records.values()]
        known = [(str(made["created"]), made["planned_seeds"]) for made in provenances if made.get("planned_seeds")]
        if len(known) < len(provenances) or not known:
            continue
        first = set(min(known, key=lambda entry: entry[0])[1])
        later = [seed for seed in item.cell.seeds if seed in item.records and seed not in first]
        if later:
            found[Place.of(item.cell)] = later
    return found
