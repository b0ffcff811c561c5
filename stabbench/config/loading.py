"""Reading params.yaml: all mistakes at once, each with its path in the file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from stabbench.config.chapters import chapter_problems
from stabbench.config.messages import Problem, problems_of
from stabbench.config.own_data import FOLD, OWN_KEYS
from stabbench.config.schema import EMBEDDED_MODEL, NO_MODEL, Config, trainer_block
from stabbench.config.seeds import PlannedSeeds, parse_seeds
from stabbench.config.tasks import TaskBlock
from stabbench.datasets import AUTO, DATASETS, OFFICIAL_SOURCES
from stabbench.errors import UserError, unknown
from stabbench.folders import why_absent
from stabbench.plugins import in_file, installed

STRATEGY_GROUP = "stabbench.strategies"
SOURCE_GROUP = "stabbench.task_sources"
TRAINER_GROUP = "stabbench.trainers"
OPTIMIZER_GROUP = "stabbench.optimizers"


CheckTrainer = Callable[[Mapping[str, Any]], Iterable[str]]


def load(path: Path, check_trainer: CheckTrainer = lambda block: ()) -> Config:
    """Read and check a params.yaml.

    Names of the grid without a block of their own get the default one: a data set, a strategy plugin or the embedded
    model of that name. `check_trainer` says what is wrong with the block of a trainer that there is.

    Raises UserError where the file is missing or is not YAML (with the line), and, listing all mistakes, where a key
    is unknown, a value is out of its range or a name does not exist.
    """
    raw = read_yaml(path)
    known = _known_names(raw)
    problems = [*_name_problems(raw, known, path.parent), *_trainer_problems(raw, path.parent, check_trainer)]
    config: Config | None = None
    try:
        config = Config.model_validate(_with_default_blocks(raw, known))
    except ValidationError as error:
        problems = problems_of(error) + problems
    if problems or config is None:
        lines = "".join(f"\n  {where}: {what}" for where, what in dict.fromkeys(problems))
        count = "1 mistake" if len(set(problems)) == 1 else f"{len(set(problems))} mistakes"
        raise UserError(f"{path}: {count}:{lines}")
    return config.model_copy(update={"tasks": _each_fold(config.tasks)})


def _each_fold(tasks: Mapping[str, TaskBlock]) -> dict[str, TaskBlock]:
    """The tasks, each that has folds as one a fold."""
    return {made: fold for name, block in tasks.items() for made, fold in block.each_fold(name).items()}


def tasks_without_block(raw: dict[str, Any]) -> list[str]:
    """Tasks of the grid that have no block of their own and are known by their name alone."""
    blocks = _blocks(raw, "tasks")
    return [name for name in _grid(raw, "tasks") if name not in blocks and name not in _fold_names(blocks)]


def read_yaml(path: Path) -> dict[str, Any]:
    """A YAML file's mapping (YAML 1.2: `1e-05` is a number); UserError where it is none."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UserError(f"no {path}: run `stabbench init` to write one, or go to the folder that has it") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} cannot be read as UTF-8 text: {error}") from error
    try:
        data = YAML(typ="safe", pure=True).load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f", line {mark.line + 1}, column {mark.column + 1}" if mark is not None else ""
        raise UserError(f"{path}{where}: not YAML: {(error.problem or str(error)).splitlines()[0]}") from error
    except (YAMLError, ValueError) as error:
        raise UserError(f"{path}: not YAML: {str(error).splitlines()[0]}") from error
    if not isinstance(data, dict):
        raise UserError(f"{path}: found {_kind(data)}, expected keys such as `seeds:` and `grid:`")
    return data


def _kind(data: object) -> str:
    return "nothing" if data is None else f"a {'list' if isinstance(data, list) else type(data).__name__}"


def _known_names(raw: dict[str, Any]) -> dict[str, set[str]]:
    """What the grid may name: the blocks that are written, and what has a default block."""
    strategies = installed(STRATEGY_GROUP).names
    built_in = {"models": {EMBEDDED_MODEL, NO_MODEL}, "tasks": set(DATASETS), "strategies": strategies}
    known = {section: names | _blocks(raw, section).keys() for section, names in built_in.items()}
    folds = _fold_names(_blocks(raw, "tasks"))
    return {**known, "tasks": (known["tasks"] | folds.keys()) - set(folds.values())}


def _fold_names(blocks: Mapping[str, Any]) -> dict[str, str]:
    """The tasks that blocks with folds make, each with the name of its block."""
    counts = {name: block.get("folds") for name, block in blocks.items() if isinstance(block, dict)}
    return {
        f"{name}-fold-{fold}": name
        for name, count in counts.items()
        if isinstance(count, int)
        for fold in range(1, count + 1)
    }


def _with_default_blocks(raw: dict[str, Any], known: dict[str, set[str]]) -> dict[str, Any]:
    defaults: dict[str, Callable[[str, dict[str, Any]], dict[str, Any]]] = {
        "models": lambda name, block: {"source": name},
        "tasks": _default_task,
        "strategies": _default_strategy,
    }
    filled = dict(raw)
    for section, default in defaults.items():
        blocks = raw.get(section)
        if blocks is not None and not isinstance(blocks, dict):
            continue
        written = blocks or {}
        without = (name for name in _grid(raw, section) if name not in written and name in known[section])
        names = [*written, *(name for name in without if section != "tasks" or name not in _fold_names(written))]
        filled[section] = {name: _merged(str(name), written.get(name), default) for name in names}
    return filled


def _default_strategy(name: str, block: dict[str, Any]) -> dict[str, Any]:
    """The plugin of that name; none for a block that says who trains and is named like no plugin."""
    return {"plugin": name} if not block.get("trainer") or name in installed(STRATEGY_GROUP).names else {}


def _merged(name: str, written: object, default: Callable[[str, dict[str, Any]], dict[str, Any]]) -> object:
    block = {} if written is None else written
    return {**default(name, block), **block} if isinstance(block, dict) else block


def _default_task(name: str, block: dict[str, Any]) -> dict[str, Any]:
    """The data set of that name, for a block that says nothing of data from elsewhere."""
    elsewhere = any(key in block for key in OWN_KEYS) or block.get("source", AUTO) not in OFFICIAL_SOURCES
    return {"dataset": name} if name in DATASETS and not elsewhere else {}


def _grid(raw: dict[str, Any], section: str) -> list[str]:
    grid = raw.get("grid")
    names = grid.get(section) if isinstance(grid, dict) else None
    if isinstance(names, str):
        return [names]
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []


def _blocks(raw: dict[str, Any], section: str) -> dict[str, Any]:
    blocks = raw.get(section)
    return {str(name): block for name, block in blocks.items()} if isinstance(blocks, dict) else {}


def _name_problems(raw: dict[str, Any], known: dict[str, set[str]], folder: Path) -> Iterator[Problem]:
    blocks = _blocks(raw, "tasks")
    folds = _fold_names(blocks)
    for section, kind in {"models": "model", "tasks": "task", "strategies": "strategy"}.items():
        for name in _grid(raw, section):
            each = [made for made, block in folds.items() if block == name]
            if section == "tasks" and each:
                yield "grid.tasks", f"found '{name}', which has {len(each)} folds, expected some of {', '.join(each)}"
            elif name not in known[section]:
                yield f"grid.{section}", str(unknown(kind, name, known[section]))
    for name in blocks:
        if FOLD.match(name):
            yield (
                f"tasks.{name}",
                "the names that end in -fold-<number> are those that `folds` makes: call it otherwise",
            )
    strategies = installed(STRATEGY_GROUP).names
    for name, block in _blocks(raw, "strategies").items():
        written = block if isinstance(block, dict) else {}
        plugins = written["plugin"] if "plugin" in written else _default_strategy(name, written).get("plugin", [])
        for plugin in plugins if isinstance(plugins, list) else [plugins]:
            if isinstance(plugin, str):
                yield from _plugin_problems(f"strategies.{name}.plugin", "strategy", plugin, strategies, folder)
    sources = {AUTO, *installed(SOURCE_GROUP).names}
    for name, block in _blocks(raw, "tasks").items():
        source = block.get("source") if isinstance(block, dict) else None
        if isinstance(source, str):
            yield from _plugin_problems(f"tasks.{name}.source", "task source", source, sources, folder)
    optimizers = installed(OPTIMIZER_GROUP).names
    for section in ("models", "strategies"):
        for name, block in _blocks(raw, section).items():
            recipe = block.get("recipe") if isinstance(block, dict) else None
            optimizer = recipe.get("optimizer") if isinstance(recipe, dict) else None
            if isinstance(optimizer, str):
                place = f"{section}.{name}.recipe.optimizer"
                yield from _plugin_problems(place, "optimizer", optimizer, optimizers, folder)
    yield from chapter_problems(_blocks(raw, "studies"), _blocks(raw, "probes"))
    yield from _stage_problems(raw)
    yield from _kept_problems(raw)
    yield from _looks_problems(raw)


def _trainer_problems(raw: dict[str, Any], folder: Path, check: CheckTrainer) -> Iterator[Problem]:
    trainers = installed(TRAINER_GROUP).names
    for place, block in _trainer_blocks(raw):
        absent = list(_plugin_problems(place, "trainer", block["plugin"], trainers, folder))
        yield from absent or ((place, what) for what in check(block))


def _trainer_blocks(raw: dict[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The blocks of models and strategies that say who trains, each with its place in the file."""
    for section in ("models", "strategies"):
        for name, block in _blocks(raw, section).items():
            try:
                trainer = trainer_block(block.get("trainer") if isinstance(block, dict) else None)
            except ValueError:  # which pydantic tells
                continue
            if trainer is not None:
                yield f"{section}.{name}.trainer", trainer


def _plugin_problems(where: str, kind: str, plugin: str, known: set[str], folder: Path) -> Iterator[Problem]:
    try:
        file = in_file(plugin)
    except UserError as error:
        yield where, str(error)
        return
    if file is None and plugin not in known:
        yield where, str(unknown(kind, plugin, known))
    elif file is not None and not (folder / file.file).is_file():
        path = folder / file.file
        yield where, f"found '{plugin}', but there is no file {path}{why_absent(path)}"


def _stage_problems(raw: dict[str, Any]) -> Iterator[Problem]:
    seen: dict[str, tuple[str, str, str]] = {}
    for model in _grid(raw, "models"):
        for task in _grid(raw, "tasks"):
            for strategy in _grid(raw, "strategies"):
                cell = (model, task, strategy)
                other = seen.setdefault("-".join(cell), cell)
                if other != cell:
                    yield "grid", f"cells {'/'.join(other)} and {'/'.join(cell)} have one stage name: rename a block"


def _kept_problems(raw: dict[str, Any]) -> Iterator[Problem]:
    try:
        stray = set(parse_seeds(raw.get("keep_weights"))) - set(PlannedSeeds.parse(raw.get("seeds")))
    except UserError:
        return
    if stray:
        yield "keep_weights", f"found seed {min(stray)}, expected some of the seeds of `seeds`"


def _looks_problems(raw: dict[str, Any]) -> Iterator[Problem]:
    try:
        design = PlannedSeeds.parse(raw.get("seeds")).looks
    except UserError:
        return
    refused = None if design is None else design.refused(len(_grid(raw, "strategies")))
    if refused is not None:
        yield "seeds", f"{refused}: write them as a list, such as 1-25"
