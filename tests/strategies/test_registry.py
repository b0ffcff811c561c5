"""Strategies are found by entry point or by file, and mistakes are named."""

from __future__ import annotations

from pathlib import Path

import pytest

from stabbench.errors import UserError
from stabbench.strategies.composition import check_claims
from stabbench.strategies.contract import Strategy, is_recipe_only
from stabbench.strategies.devlin import Devlin
from stabbench.strategies.mixout import Mixout, MixoutOptions
from stabbench.strategies.registry import STRATEGIES, find, make_options


def test_the_built_in_strategies_come_through_the_entry_points() -> None:
    assert {"devlin", "devlin-bc", "mixout", "mosbach"} <= set(STRATEGIES.names())
    assert STRATEGIES.load("mixout") is Mixout


def test_an_unknown_name_gets_the_nearest_one() -> None:
    with pytest.raises(UserError, match="unknown strategy 'mixuot': did you mean 'mixout'"):
        STRATEGIES.load("mixuot")


def test_a_recipe_without_hooks_is_plain_data() -> None:
    assert is_recipe_only(Devlin)
    assert not is_recipe_only(Mixout)


def test_options_are_checked_by_name_and_range() -> None:
    assert make_options("mixout", Mixout, {"probability": 0.9}) == MixoutOptions(probability=0.9)
    with pytest.raises(UserError, match="did you mean 'probability'"):
        make_options("mixout", Mixout, {"probabilty": 0.9})
    with pytest.raises(UserError, match="from 0 to 1"):
        make_options("mixout", Mixout, {"probability": 7})


def test_a_strategy_can_be_a_file_and_its_content_is_its_version(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text("from stabbench import Strategy\n\nclass Mine(Strategy):\n    recipe = {'epochs': 1.0}\n")
    strategy, version = find("./mine.py:Mine", tmp_path)
    assert issubclass(strategy, Strategy)
    assert strategy.recipe == {"epochs": 1.0}
    path.write_text(path.read_text() + "\n")
    assert find("./mine.py:Mine", tmp_path)[1] != version


@pytest.mark.parametrize(
    ("content", "named", "message"),
    [
        ("import nothing_of_this_name\n", "Mine", "fails to import"),
        ("Mine = 3\n", "Mine", "expected a subclass"),
        ("class Mine: pass\n", "Mne", "did you mean 'Mine'"),
    ],
)
def test_a_file_that_is_no_strategy_is_an_error(content: str, named: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(content)
    with pytest.raises(UserError, match=message):
        find(f"./mine.py:{named}", tmp_path)


def test_two_owners_of_one_hook_cannot_be_composed() -> None:
    class Loss(Strategy):
        def loss(self, model, weights, batch, ctx):  # type: ignore[no-untyped-def]
            return None

    with pytest.raises(UserError, match="first and second both define `loss`"):
        check_claims([("first", Loss), ("second", Loss)])
    check_claims([("first", Loss), ("second", Mixout)])
