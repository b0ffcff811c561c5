"""`stabbench noise`: what is noise in the scores of a recipe, by itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from stabbench.analysis import predictions
from stabbench.analysis.contributions import Contributions, first_computed, of_outcomes
from stabbench.analysis.differences import SEEDS, Chance, chance, margin
from stabbench.analysis.frame import CELL, finished
from stabbench.analysis.noise import WANTED_SHARE, Noise, WayOut, noise, way_out
from stabbench.analysis.place import Place
from stabbench.analysis.results import Results
from stabbench.analysis.scoring import Scoring
from stabbench.analysis.spread import standard_deviation
from stabbench.errors import UserError, unknown
from stabbench.metrics.contract import LARGEST
from stabbench.metrics.kinds import metric_kind
from stabbench.report.numbers import NOT_AVAILABLE, about, counted, plain, share, significant
from stabbench.report.shown import Shown


@dataclass(frozen=True)
class RecipeNoise:
    """The noise of a cell; scores in the unit of tables (× 100 where they are shares or correlations)."""

    place: Place
    shown: Shown
    runs: int
    all_failed: bool
    """Whether it is known of all of them that they did."""
    mean: float
    std: float
    noise: Noise | None
    """None where predictions do not say how the scores came about; `unknown` says why."""
    unknown: str
    chance: Chance | None
    """Of a difference that was asked about."""

    def lines(self) -> Iterator[str]:
        """For a terminal."""
        text, name = self.shown.text, self.shown.label
        yield f"{self.place.name}: {counted(self.runs, 'seed')}, {name}"
        yield f"  mean {text(self.mean)}, std over seeds {text(self.std)}"
        if self.std == 0 and self.all_failed:
            yield "  every run failed with this very score, as a constant prediction does: of training it says no noise"
            return
        if self.std == 0:
            yield "  every seed has this very score, as if it changed nothing: does it reach the training?"
            return
        if self.noise is None:
            yield f"  noise of the dev set: n/a, {self.unknown}"
        else:
            yield from self._parts(self.noise)
        margins = ", ".join(f"{text(margin(self.std, seeds))} ({seeds})" for seeds in SEEDS)
        yield f"  means of this very recipe differ by chance (95 %) by up to, seeds each in brackets: {margins}"
        if self.chance is not None:
            yield f"  {self._answer(self.chance)}"

    def _parts(self, found: Noise) -> Iterator[str]:
        text, (low, high) = self.shown.text, found.interval
        of_all = f"{share(found.share)} of the variance"
        yield f"  noise of {found.examples:,} dev examples: {text(found.floor_std)}, {of_all}"
        told = "" if found.distinguishable else ", not told from 0"
        yield f"  std beyond it: {text(found.beyond_std)} [{text(low)}, {text(high)}]{told}"
        way = way_out(found)
        if way is not None and found.share > WANTED_SHARE:
            yield f"  {_way(found, way)}"

    def _answer(self, found: Chance) -> str:
        asked, each = plain(found.difference * self.shown.factor), counted(found.seeds, "seed")
        verdict = "within the noise of the seeds" if found.within_noise else "more than the noise of the seeds"
        enough = f"; from {about(found.seeds_needed)} seeds each on it would not be" if found.within_noise else ""
        return (
            f"a difference of {asked} with {each} each is {verdict}: two trainings of this recipe come out as far "
            f"apart in {share(found.share)} of the cases{enough}"
        )

    def facts(self) -> dict[str, Any]:
        """The same for programs: scores as fractions, where they are."""
        found: dict[str, Any] = {**self.place._asdict(), "metric": self.shown.metric, "runs": self.runs}
        found |= {"mean": significant(self.mean), "std": significant(self.std)}
        found["margins"] = {str(seeds): significant(margin(self.std, seeds)) for seeds in SEEDS}
        if self.noise is not None:
            item, way = self.noise, way_out(self.noise)
            found["noise"] = {
                "examples": item.examples,
                "floor": significant(item.floor_std),
                "share": significant(item.share),
                "beyond": significant(item.beyond_std),
                "beyond_interval": [significant(end) for end in item.interval],
                "distinguishable": item.distinguishable,
                "way_out": None if way is None else vars(way),
            }
        else:
            found["noise_unknown"] = self.unknown
        if self.chance is not None:
            found["difference"] = {**vars(self.chance), "within_noise": self.chance.within_noise}
        return found


def _way(found: Noise, way: WayOut) -> str:
    if found.distinguishable:
        return f"with {about(way.examples)} dev examples the noise would be a quarter of the variance"
    seeds = f" or {about(way.runs_to_tell)} seeds" if way.runs_to_tell else ""
    enough = f"{about(way.examples_to_tell)} dev examples{seeds}"
    return f"were it as large as estimated, {enough} would tell it from 0 (power .8)"


def recipe_noise(
    results: Results, wanted: Place, *, difference: float | None = None, seeds: int = 1
) -> list[RecipeNoise]:
    """Of each cell of results that agrees with what of `wanted` is not empty.

    `difference` is in the unit of tables. UserError where no cell does, one has not two scores, or it is not above 0.
    """
    if difference is not None and not 1 / LARGEST <= difference <= LARGEST:
        raise UserError(
            f"the difference is {difference:g}, expected a number above 0 in the unit of the tables, from "
            f"{1 / LARGEST:g} to {LARGEST:g}"
        )
    rows = finished(results.runs)
    for column, name in zip(CELL, wanted, strict=True):
        if name and name not in (known := list(dict.fromkeys(rows[column].astype(str)))):
            raise unknown(column, name, known)
        rows = rows[rows[column].astype(str) == name] if name else rows
    groups = list(rows.groupby(list(CELL), sort=False, observed=True))
    if not groups:
        raise UserError(f"there are no finished runs of {'/'.join(filter(None, wanted)) or 'any recipe'}")
    return [
        _of_cell(results, Place(*map(str, key if isinstance(key, tuple) else (key,))), cell, difference, seeds)
        for key, cell in groups
    ]


def _of_cell(results: Results, place: Place, rows: pd.DataFrame, difference: float | None, seeds: int) -> RecipeNoise:
    scores, metric = rows["score"].dropna().to_numpy(dtype=np.float64), str(rows["metric"].iloc[0])
    if len(scores) < 2:
        raise UserError(f"{place.name} has {counted(len(scores), 'score')}, expected at least 2: train more seeds")
    scoring, std = Scoring.of_names({metric}, results.lower), standard_deviation(scores)
    shown = Shown.of(scoring, metric, [std], float(np.abs(scores).max()))
    asked = None if difference is None else chance(scores, difference / shown.factor, seeds, np.random.default_rng(0))
    found = _noise(results, place, rows)
    known, why = (None, found) if isinstance(found, str) else (found, "")
    failed = bool(rows["failed"].fillna(False).all())
    return RecipeNoise(place, shown, len(scores), failed, float(scores.mean()), std, known, why, asked)


def _noise(results: Results, place: Place, rows: pd.DataFrame) -> Noise | str:
    """The noise, or why nothing is known of it."""
    items = results.predictions.get(place, {})
    answered = rows[rows["seed"].isin(list(items))]
    if len(answered) < 2:
        return f"predictions of {len(answered) or 'none'} of {counted(len(rows), 'run')}, expected those of two or more"
    found = predictions.outcomes(answered, items)
    if found is None:
        return "no example was predicted by all runs"
    metric, scores = str(rows["metric"].iloc[0]), answered["score"].to_numpy(dtype=np.float64)
    made = of_outcomes(found, metric, scores.tolist(), lambda: None)
    if made is None:
        return _apart(first_computed(found, metric), scores, answered["seed"].tolist())
    return noise(made, metric_kind(metric, results.lower).width) or "there is one example, expected two or more"


def _apart(made: Contributions | None, scores: npt.NDArray[np.float64], seeds: list[int]) -> str:
    if made is None or np.isnan(away := np.abs(made.scores - scores)).all():
        return "predictions from which the metric cannot be computed"
    run = int(np.nanargmax(away))
    computed, told = (f"{float(values[run]):.4g}" for values in (made.scores, scores))
    return (
        f"predictions and scores do not belong together: by its predictions seed {seeds[run]} scores {computed}, the "
        f"results say {told}"
    )


def text(found: list[RecipeNoise]) -> str:
    """All of them for a terminal."""
    return "\n".join(line for item in found for line in item.lines()) or NOT_AVAILABLE
