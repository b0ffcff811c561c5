"""Table 3: the hyperparameters that the runs of each model and strategy had in effect, as their records hold them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import partial
from itertools import product

import pandas as pd

from stabbench.analysis.frame import seed_list
from stabbench.analysis.hyperparameters import Hyperparameters, departures, hyperparameters
from stabbench.recipe import FORMERLY, Recipe
from stabbench.report.content import Content
from stabbench.report.grid import Grid, value_text
from stabbench.report.numbers import NOT_AVAILABLE, counted, known, plain, some
from stabbench.report.section import MAKING, Section
from stabbench.report.unknowns import NAMED, not_known, plugin_text, trained_elsewhere
from stabbench.typed_json import to_json

_BERT = {
    "epochs": "3, 10, 20",
    "learning_rate": "1e-5 to 5e-5",
    "warmup_ratio": "0.1",
    "batch_size": "16",
    "adam_epsilon": "1e-6",
    "adam_beta1": "0.9",
    "adam_beta2": "0.999",
    "bias_correction": "yes, no",
    "dropout": "0.1",
    "weight_decay": "0.01",
    "max_grad_norm": "1",
    "seeds": "25",
}
_OTHERS = {**_BERT, "epochs": "3", "learning_rate": "1e-5 to 3e-5"}
PAPER = {
    "bert": _BERT,
    "roberta": {**_OTHERS, "adam_beta2": "0.98", "weight_decay": "0.1", "max_grad_norm": "none"},
    "albert": {**_OTHERS, "dropout": "none", "weight_decay": "none"},
}
"""The paper's Table 3 by architecture."""
OWN_TRAINER = "stabbench"


def section(content: Content) -> Section:
    """A table a model: a column a strategy, tasks named where they differ, and the paper's values beside."""
    found = [values for item in content.selection.cells if (values := hyperparameters(item)) is not None]
    tables = [
        (f"Effective values for {model}; paper: its table 3.", _table(content, found, model))
        for model in content.models
    ]
    sentences, departed = _departures(content)
    return Section(
        name="hyperparameters",
        title="Hyperparameters",
        looks_for=(
            "What the optimizer had in effect, as each record holds it (paper, table 3): an option that was lost on "
            "the way would show here as a difference between records and plan."
        ),
        found=[*sentences, *_trained_elsewhere(content)],
        part=MAKING,
        tables=tables,
        data={"hyperparameters": _data(found), "departures": departed},
        facts={"departures": len(departed)},
    )


def _table(content: Content, found: Sequence[Hyperparameters], model: str) -> Grid:
    mine = [values for values in found if values.model == model]
    strategies = [name for name in content.strategies if any(item.strategy == name for item in mine)]
    texts: dict[str, Callable[[Hyperparameters], str]] = {
        name: partial(_in_recipe, name=name) for item in mine for name in item.recipe
    }
    if any(item.trainer is not None for item in mine):
        texts = {"trained by": _trainer, **texts}
    if any("adam_beta2_batch_size" in item.recipe for item in mine):
        texts["β2 at each update"] = _beta2
    texts["updates of a run (warm-up)"] = lambda item: " or ".join(
        f"{total} ({known(warm)})" if total else NOT_AVAILABLE for total, warm in item.steps
    )
    for name in ("learning_rate", "weight_decay", "epsilon"):
        texts[f"{name} in the optimizer (tensors)"] = partial(_in_optimizer, name=name)
    rows = [
        [
            name,
            *(_by_task([(item.task, text(item)) for item in mine if item.strategy == column]) for column in strategies),
        ]
        for name, text in texts.items()
    ]
    cells = [item for item in content.selection.cells if item.cell.model == model]
    seeds = [(item.cell, seed_list(sorted(item.records))) for item in cells]
    rows.append(["seeds"])
    for name in strategies:
        rows[-1].append(_by_task([(cell.task, text) for cell, text in seeds if cell.strategy == name]))
    head = ["hyperparameter", *strategies]
    paper = PAPER.get(cells[0].cell.spec.model.architecture)
    if paper is not None:
        head, rows = [*head, "paper"], [[*row, paper.get(row[0], "")] for row in rows]
    return Grid(head, rows, words=True, sortable=False)


def _trainer(item: Hyperparameters) -> str:
    if item.trainer is not None:
        return plugin_text(item.trainer)
    return OWN_TRAINER if item.recipe else NOT_AVAILABLE


def _trained_elsewhere(content: Content) -> list[str]:
    """Who trained the cells that this package did not train, and of which of all cells nobody knows the recipe."""
    trainers: dict[str, list[str]] = {}
    for item in content.selection.cells:
        if item.cell.spec.trainer is not None:
            trainers.setdefault(plugin_text(item.cell.spec.trainer), []).append(item.cell.strategy)
    found = []
    for by, names in trainers.items():
        names = list(dict.fromkeys(names))
        found.append(f"{some(names, NAMED)} {'was' if len(names) == 1 else 'were'} trained by {by}.")
    unknown = [item.cell for item in content.selection.cells if item.cell.known_recipe() is None]
    return [*found, *not_known(content, "the recipe is", unknown)]


def _in_recipe(item: Hyperparameters, name: str) -> str:
    if not item.recipe:
        return NOT_AVAILABLE
    absent = (FORMERLY[name],) if name in FORMERLY else ()
    return " or ".join(value_text(value) for value in item.recipe.get(name, absent))


def _beta2(item: Hyperparameters) -> str:
    """By the recipe's batch size, where β2 is meant for another one."""
    if "adam_beta2" not in item.recipe:
        return NOT_AVAILABLE
    names = [name for name in ("batch_size", "adam_beta2", "adam_beta2_batch_size") if name in item.recipe]
    found = (
        Recipe(**dict(zip(names, values, strict=True))) for values in product(*(item.recipe[name] for name in names))
    )
    return " or ".join(plain(recipe.beta2) for recipe in found)


def _in_optimizer(item: Hyperparameters, name: str) -> str:
    """`0.01 (53), 0 (84)`: each value with the number of tensors that had it."""
    texts = []
    for groups in item.groups:
        tensors: dict[float, int] = {}
        for group in groups:
            value = getattr(group, name)
            tensors[value] = tensors.get(value, 0) + group.tensors
        texts.append(", ".join(f"{plain(value)}\u00a0({count})" for value, count in tensors.items()))
    return " or ".join(dict.fromkeys(text or NOT_AVAILABLE for text in texts))


def _by_task(values: Sequence[tuple[str, str]]) -> str:
    distinct = dict.fromkeys(text for _, text in values)
    if len(distinct) <= 1:
        return next(iter(distinct), "")
    return "; ".join(f"{text} ({', '.join(task for task, other in values if other == text)})" for text in distinct)


def _departures(content: Content) -> tuple[list[str], pd.DataFrame]:
    rows, texts, runs = [], [], 0
    elsewhere = sum(trained_elsewhere(item.cell) for item in content.selection.cells)
    for item in content.selection.cells:
        runs += 0 if trained_elsewhere(item.cell) else len(item.records)
        alike: dict[tuple[str, str, str], list[int]] = {}
        for departure in departures(item):
            alike.setdefault((departure.name, departure.recorded, departure.planned), []).append(departure.seed)
        for (name, recorded, planned), seeds in alike.items():
            rows.append([item.cell.name, seed_list(seeds), name, recorded, planned])
            texts.append(f"{item.cell.name} seed {seed_list(seeds)}: {name} {recorded}, planned {planned}")
    table = pd.DataFrame(rows, columns=["cell", "seeds", "name", "recorded", "planned"])
    if not rows:
        same = "recipe, updates, warm-up and every tensor's rate, decay and ε are as planned"
        whose = "" if elsewhere == 0 else " of stabbench's own training"
        return ([f"In all {counted(runs, 'record')}{whose} {same}."] if runs or not elsewhere else []), table
    return [f"Records that differ from their plan: {'; '.join(texts)}."], table


def _data(found: Sequence[Hyperparameters]) -> pd.DataFrame:
    rows = []
    for item in found:
        place = [item.model, item.task, item.strategy]
        if item.trainer is not None:
            rows.append([*place, "trainer", json.dumps(to_json(item.trainer))])
        rows += [[*place, name, json.dumps(value)] for name, values in item.recipe.items() for value in values]
        rows += [[*place, "total_steps, warmup_steps", json.dumps(steps)] for steps in item.steps]
        rows += [[*place, "parameter_groups", json.dumps([vars(g) for g in groups])] for groups in item.groups]
    return pd.DataFrame(rows, columns=["model", "task", "strategy", "name", "value"])
