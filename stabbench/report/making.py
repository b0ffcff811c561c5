"""How the numbers were made: effective recipes, data, models, library versions; no timings and no dates."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stabbench.plan import RECIPE_FIELDS, Cell
from stabbench.records import Record, SelectedCell
from stabbench.report.content import Content
from stabbench.report.numbers import magnitude, plain


@dataclass(frozen=True)
class Grid:
    """A table of text: a head and rows."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]


def strategies(content: Content) -> Grid:
    """What each strategy is: description, source, plugins with their options."""
    first: dict[str, Cell] = {}
    for item in content.selection.cells:
        first.setdefault(item.cell.strategy, item.cell)
    rows = [[name, cell.description, cell.reference, _plugins(cell)] for name, cell in first.items()]
    return Grid(["strategy", "what it is", "source", "plugins"], rows)


def _plugins(cell: Cell) -> str:
    return "; ".join(_plugin(plugin) for plugin in cell.spec["plugins"]) or "none: a recipe alone"


def _plugin(plugin: Mapping[str, Any]) -> str:
    options = ", ".join(f"{name} = {value_text(value)}" for name, value in plugin["options"].items())
    return f"{plugin['plugin']} {plugin['version']}" + (f" ({options})" if options else "")


def recipes(content: Content, model: str) -> Grid:
    """The effective hyperparameters (paper, Table 3): a column a strategy; tasks named where they differ."""
    cells: dict[str, list[Cell]] = {name: [] for name in content.strategies}
    for item in content.selection.cells:
        if item.cell.model == model:
            cells[item.cell.strategy].append(item.cell)
    used = {name: group for name, group in cells.items() if group}
    known = {name for group in used.values() for cell in group for name in cell.spec["recipe"]}
    names = [name for name in RECIPE_FIELDS if name in known] + sorted(known - set(RECIPE_FIELDS))
    rows = [[name, *(_recipe_text(group, name) for group in used.values())] for name in names]
    rows.append(["updates of a run", *(_by_task(_steps(content, model, name)) for name in used)])
    rows.append(["tensor groups in the optimizer", *(_by_task(_groups(content, model, name)) for name in used)])
    return Grid(["hyperparameter", *used], rows)


def _recipe_text(cells: Sequence[Cell], name: str) -> str:
    return _by_task([(cell.task, value_text(cell.spec["recipe"].get(name))) for cell in cells])


def value_text(value: object) -> str:
    """A hyperparameter as people write it."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (int, float)):
        return plain(value)
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def _by_task(values: Sequence[tuple[str, str]]) -> str:
    distinct = dict.fromkeys(text for _, text in values)
    if len(distinct) <= 1:
        return next(iter(distinct), "")
    return "; ".join(f"{text} ({', '.join(task for task, other in values if other == text)})" for text in distinct)


def _cells(content: Content, model: str, strategy: str) -> list[SelectedCell]:
    return [item for item in content.selection.cells if (item.cell.model, item.cell.strategy) == (model, strategy)]


def _first_record(selected: SelectedCell) -> Record | None:
    return next((selected.records[seed] for seed in selected.cell.seeds if seed in selected.records), None)


def _steps(content: Content, model: str, strategy: str) -> list[tuple[str, str]]:
    pairs = [(item.cell.task, _first_record(item)) for item in _cells(content, model, strategy)]
    return [(task, f"{record.data['total_steps']}") for task, record in pairs if record is not None]


def _groups(content: Content, model: str, strategy: str) -> list[tuple[str, str]]:
    pairs = [(item.cell.task, _first_record(item)) for item in _cells(content, model, strategy)]
    return [(task, _group_text(record.data["parameter_groups"])) for task, record in pairs if record is not None]


def _group_text(groups: Sequence[Mapping[str, Any]]) -> str:
    return ", ".join(
        f"{len(group['tensors'])} at rate {plain(group['learning_rate'])}, decay {plain(group['weight_decay'])}, "
        f"ε {plain(group['epsilon'])}"
        for group in groups
    )


def tasks(content: Content) -> Grid:
    """The data of each task: counts, metrics, majority classifier, content hash (paper, Table 2)."""
    first: dict[tuple[str, str], Cell] = {}
    for item in content.selection.cells:
        first.setdefault((item.cell.task, item.cell.task_facts["content_hash"]), item.cell)
    rows = []
    for cell in first.values():
        facts = cell.task_facts
        majority = ", ".join(f"{name} {100 * value:.1f}" for name, value in facts["majority"]["scores"].items())
        counts = [f"{facts['counts'][split]:,}" for split in ("train", "dev")]
        rows.append([cell.task, *counts, ", ".join(facts["metrics"]), majority, facts["content_hash"]])
    return Grid(["task", "train", "dev", "metrics (headline first)", "majority classifier (× 100)", "SHA-256"], rows)


def models(content: Content) -> Grid:
    """Each model's architecture and content hash."""
    first = {item.cell.model: item.cell.spec["model"] for item in reversed(content.selection.cells)}
    rows = [[name, first[name]["architecture"], first[name]["content_hash"]] for name in content.models]
    return Grid(["model", "architecture", "SHA-256"], rows)


def versions(content: Content) -> Grid:
    """Library versions under which the runs were trained; several where runs differ."""
    found: dict[str, set[str]] = {}
    for item in content.selection.cells:
        for record in item.records.values():
            for name, version in record.provenance().get("versions", {}).items():
                found.setdefault(str(name), set()).add(str(version))
    return Grid(["library", "version"], [[name, ", ".join(sorted(found[name]))] for name in sorted(found)])


def costs(content: Content, model: str) -> Grid:
    """Mean steps, tokens and operations of a run, and the operations of all runs over the number of successful ones."""
    rows = []
    done = content.runs[(content.runs["model"] == model) & (content.runs["status"] != "missing")]
    for (task, strategy), part in done.groupby(["task", "strategy"], sort=False):
        successful = int((~part["failed"]).sum())
        each = [magnitude(float(part[name].mean())) for name in ("steps", "tokens", "flops")]
        total = float(part["flops"].sum())
        rows.append([str(task), str(strategy), *each, magnitude(total / successful if successful else float("nan"))])
    return Grid(["task", "strategy", "updates", "tokens", "operations", "operations per successful run"], rows)
