"""What is wrong with a plugin is said before any work, with the names of plugin, distribution and hook."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import stabbench
from stabbench.cli import main
from stabbench.errors import UserError
from stabbench.strategies.registry import STRATEGIES, find, make_options

GOOD = "from stabbench import Strategy\n\nclass Mine(Strategy):\n    description = 'mine'\n    reference = 'me'\n"
Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Put a distribution with one strategy on the path, as pip leaves it: `install(distribution, name, code)`."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(str(site))

    def put(distribution: str, name: str, code: str = GOOD, version: str = "2.1") -> None:
        module = distribution.replace("-", "_")
        (site / f"{module}.py").write_text(code)
        metadata = site / f"{module}-{version}.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
        (metadata / "entry_points.txt").write_text(f"[stabbench.strategies]\n{name} = {module}:Mine\n")
        monkeypatch.delitem(sys.modules, module, raising=False)

    return put


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def class_with(line: str) -> str:
    return f"{GOOD}    {line}\n"


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("import nothing_of_this_name\n", "fails to import: ModuleNotFoundError: No module named 'nothing_of"),
        ("1 / 0\n", "fails to import: ZeroDivisionError"),
        ("Mine = 3\n", "is 3, expected a subclass of Strategy"),
        (
            class_with("def loss(self, model, weight, batch, ctx): ..."),
            "hook `loss(model, weight, batch, ctx)`: unknown argument 'weight' (did you mean 'weights'?); it may take "
            "any of model, weights, batch, ctx",
        ),
        (
            class_with("def scale(self, name, cxt=None, rate=1): ..."),
            "hook `scale(name, cxt=None, rate=1)`: unknown arguments 'cxt' (did you mean 'ctx'?), 'rate'",
        ),
        (
            class_with("def scale(self, *args): ..."),
            "hook `scale(*args)`: `*` arguments get nothing: name those of name",
        ),
        (
            class_with("def scale(name, ctx): ..."),
            "hook `scale`: no `self` before its arguments, expected it or `@stat",
        ),
        (
            class_with("def initialize(self, weights, state, ctx): ..."),
            "unknown method `initialize`: did you mean `initia",
        ),
        (class_with("scale = 3"), "hook `scale` is 3, expected a method"),
        (class_with("recipe = {'epoch': 3.0}"), "unknown field in the recipe of strategy 'mine' (my_plugin:Mine"),
        (
            class_with("recipe = {'epochs': -3.0}"),
            "`recipe`: epochs: found -3.0, expected a positive number, 1,000,000",
        ),
        (class_with("Options = dict"), "`Options` is <class 'dict'>, expected a class with @dataclass(frozen=True)"),
        (class_with("def __init__(self, strength): ..."), "`__init__`: Mine() raises TypeError"),
    ],
)
def test_a_plugin_that_cannot_be_used_is_named_with_its_distribution(install: Install, code: str, message: str) -> None:
    install("my-plugin", "mine", code)
    with pytest.raises(UserError) as raised:
        STRATEGIES.load("mine")
    assert message in str(raised.value)
    assert "strategy 'mine' (my_plugin:Mine of my-plugin 2.1)" in str(raised.value)


def test_an_option_that_does_not_exist_is_named_with_its_distribution(install: Install) -> None:
    install("my-plugin", "mine")
    with pytest.raises(UserError, match=r"option of strategy 'mine' \(my_plugin:Mine of my-plugin 2.1\) 'strength'"):
        make_options("mine", STRATEGIES.load("mine"), {"strength": 1})


def test_two_plugins_of_one_name_are_an_error_where_that_name_is_asked_for(install: Install) -> None:
    install("my-plugin", "mine")
    install("their-plugin", "mine")
    with pytest.raises(UserError, match=r"two strategies are named 'mine'") as raised:
        STRATEGIES.load("mine")
    assert "my_plugin:Mine of my-plugin 2.1" in str(raised.value)
    assert "their_plugin:Mine of their-plugin 2.1" in str(raised.value)
    assert STRATEGIES.load("mixout").__name__ == "Mixout"


def test_only_the_named_plugin_is_imported(install: Install) -> None:
    install("my-plugin", "mine")
    install("their-plugin", "theirs", "raise SystemExit('imported')\n")
    assert find("mine", Path())[1] == "1 of my-plugin 2.1"
    assert "their_plugin" not in sys.modules


def test_the_list_has_a_plugin_that_fails_to_import_with_its_error(install: Install) -> None:
    install("my-plugin", "mine")
    install("their-plugin", "theirs", "import nothing_of_this_name\n")
    result = run("strategies")
    assert result.exit_code == 0, result.output
    lines = {line.split()[0]: line for line in result.output.splitlines()}
    assert lines["mine"].split(maxsplit=1)[1] == "mine (me)"
    assert "error: strategy 'theirs' (their_plugin:Mine of their-plugin 2.1) fails to import" in lines["theirs"]
    rows = {row["name"]: row for row in json.loads(run("strategies", "--json").output)}
    assert rows["mine"] == {"name": "mine", "description": "mine", "reference": "me", "error": None}
    assert "nothing_of_this_name" in rows["theirs"]["error"]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with two strategies beside the built-in ones: one changed in params.yaml, one a file."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(GOOD)
    (tmp_path / "params.yaml").write_text(
        "seeds: 1-2\n"
        "grid: {models: [embedded], tasks: [acceptability], strategies: [gentle]}\n"
        "models: {embedded: {source: embedded, learning_rate: 1.0e-3}}\n"
        "strategies:\n"
        "  gentle: {plugin: mixout, recipe: {epochs: 7}, options: {probability: 0.25}}\n"
        "  own: {plugin: './mine.py:Mine', recipe: {batch_size: 4}}\n"
    )
    return tmp_path


def test_show_gives_the_effective_recipe_and_options_of_a_strategy_of_params_yaml(here: Path) -> None:
    facts = json.loads(run("strategies", "show", "gentle", "--json").output)
    (plugin,) = facts["plugins"]
    assert plugin["options"]["probability"] == 0.25
    assert plugin["hooks"] == ["training_weights"]
    recipe = facts["recipes"]["embedded"]
    assert (recipe["epochs"], recipe["learning_rate"], recipe["dropout"]) == (7.0, 1e-3, 0.0)


@pytest.mark.parametrize(("name", "batch"), [("own", 4), ("./mine.py:Mine", 16)])
def test_show_explains_a_file(here: Path, name: str, batch: int) -> None:
    result = run("strategies", "show", name)
    assert result.exit_code == 0, result.output
    assert "strategy './mine.py:Mine'" in result.output
    assert [line.split()[1] for line in result.output.splitlines() if line.split()[:1] == ["batch_size"]] == [
        str(batch)
    ]


def test_show_without_params_yaml_gives_the_recipe_of_each_architecture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    recipes = json.loads(run("strategies", "show", "mosbach", "--json").output)["recipes"]
    assert {kind: recipe["weight_decay"] for kind, recipe in recipes.items()} == {
        "albert": 0.0,
        "bert": 0.01,
        "camembert": 0.1,
        "deberta-v2": 0.01,
        "distilbert": 0.01,
        "electra": 0.01,
        "modernbert": 0.01,
        "mpnet": 0.01,
        "roberta": 0.1,
        "xlm-roberta": 0.1,
    }


@pytest.mark.parametrize("command", [("strategies", "show"), ("check-strategy",)])
def test_an_unknown_strategy_gets_the_nearest_name_of_params_yaml_too(here: Path, command: tuple[str, ...]) -> None:
    result = run(*command, "gentel")
    assert result.exit_code == 2
    assert "unknown strategy 'gentel': did you mean 'gentle'?" in result.output


def test_check_strategy_says_what_holds_and_exits_1_where_something_does_not(here: Path) -> None:
    result = run("check-strategy", "gentle")
    assert result.exit_code == 0, result.output
    assert result.output.count("    ok  ") == 10
    (here / "mine.py").write_text(
        class_with("def loss(self, model, weights, batch, ctx): return model(batch).sum() / 0")
    )
    result = run("check-strategy", "own")
    assert result.exit_code == 1
    assert "FAILED  the loss is finite" in result.output
    assert "strategy './mine.py:Mine', hook `loss`: broken is that the loss is finite" in result.output
    assert result.output.count("     -  ") == 7


def test_a_file_strategy_reaches_a_worker_process_that_was_not_forked(here: Path) -> None:
    strategy, _ = find("./mine.py:Mine", here)
    content = pickle.dumps(strategy())
    program = "import pickle, sys; print(pickle.load(sys.stdin.buffer).description)"
    result = subprocess.run([sys.executable, "-c", program], input=content, capture_output=True, check=False)
    assert result.stdout.decode().strip() == "mine", result.stderr.decode()


def test_two_files_of_one_name_in_different_folders_are_two_strategies(here: Path) -> None:
    (here / "other").mkdir()
    (here / "other" / "mine.py").write_text(GOOD.replace("'mine'", "'other'"))
    ours, theirs = (find(plugin, here)[0] for plugin in ("./mine.py:Mine", "./other/mine.py:Mine"))
    assert [pickle.loads(pickle.dumps(found())).description for found in (ours, theirs)] == ["mine", "other"]


def test_the_public_names_are_importable_from_the_root_which_itself_imports_nothing_heavy() -> None:
    program = "import stabbench, sys; print([m for m in ('torch', 'numpy', 'pandas', 'pydantic') if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
    from stabbench.models.batch import Batch
    from stabbench.strategies.contract import Context, Strategy

    assert (stabbench.Strategy, stabbench.Context, stabbench.Batch) == (Strategy, Context, Batch)
    assert all(getattr(stabbench, name) is not None for name in stabbench.__all__)
    assert set(stabbench.__all__) <= set(dir(stabbench))
    with pytest.raises(AttributeError, match="no attribute 'Stratgy'"):
        _ = stabbench.Stratgy
