"""Plugins of any kind are found by name or in a file, and a class that does not keep to its contract is named."""

from __future__ import annotations

import json
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import pytest
from click.testing import CliRunner

from stabbench.cli import main
from stabbench.cli.plugins import KINDS
from stabbench.errors import UserError
from stabbench.metrics import METRICS
from stabbench.plugins import InFile, Registry, checked_class, in_file
from stabbench.probes import PROBES
from stabbench.studies import STUDIES
from stabbench.tasks.objectives import OBJECTIVES
from stabbench.tasks.sources import TASK_SOURCES
from stabbench.training.trainers import TRAINERS

GOOD = "class Mine:\n    'A bell.'\n"
Install = Callable[..., None]
BELLS: Registry[object] = Registry("bell", "stabbench.bells", lambda found, label: found)


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Put a distribution with one plugin on the path, as pip leaves it: `install(distribution, name, code)`."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(str(site))

    def put(distribution: str, name: str, code: str = GOOD, group: str = BELLS.group) -> None:
        module = distribution.replace("-", "_")
        (site / f"{module}.py").write_text(code)
        metadata = site / f"{module}-2.1.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 2.1\n")
        (metadata / "entry_points.txt").write_text(f"[{group}]\n{name} = {module}:Mine\n")
        monkeypatch.delitem(sys.modules, module, raising=False)

    return put


def test_a_new_kind_is_a_registry_and_a_group(install: Install) -> None:
    install("my-bells", "mine")
    (bell,) = BELLS.listed()
    assert (bell.name, bell.where, bell.distribution, bell.version) == ("mine", "my_bells:Mine", "my-bells", "2.1")
    assert BELLS.names() == ["mine"]
    assert "my_bells" not in sys.modules
    assert type(BELLS.load("mine")).__name__ == "type"
    assert BELLS.code("mine") == "my-bells 2.1"
    assert BELLS.has("mine")
    assert not BELLS.has("mien")
    assert BELLS.shared("mine") is BELLS.shared("mine")
    with pytest.raises(UserError, match="unknown bell 'mien': did you mean 'mine'"):
        BELLS.load("mien")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("mixout", None),
        ("./a b/mine.py:Mine", InFile("./a b/mine.py", "Mine")),
        ("/x/y.py:_Z", InFile("/x/y.py", "_Z")),
    ],
)
def test_a_class_in_a_file_is_told_from_a_name(text: str, found: InFile | None) -> None:
    assert in_file(text) == found
    assert found is None or found.short == text.rpartition("/")[2]


@pytest.mark.parametrize("text", ["mine.py", "./mine.py:", "./mine.py:1", "mine.pyc:Mine"])
def test_half_of_a_files_class_is_no_name(text: str) -> None:
    with pytest.raises(UserError, match="expected a file and its class such as"):
        in_file(text)


class Bell(ABC):
    @abstractmethod
    def ring(self, times: int) -> str: ...

    @abstractmethod
    def hang(self, tower: str, height: int) -> None: ...


class Rings(Bell):
    def ring(self, times: int) -> str:
        return "ding" * times

    def hang(self, tower: str, height: int) -> None: ...


class Silent(Bell):
    def hang(self, tower: str, height: int) -> None: ...


class RingsOnce(Rings):
    def ring(self) -> str:  # type: ignore[override]
        return "ding"


class RingsOftener(Rings):
    def ring(self, times: int, faster: bool = False) -> str:
        return "ding" * times


class Hangs(Rings):
    def hangs(self, tower: str) -> None: ...


class HasASize(Rings):
    def __init__(self, size: int) -> None: ...


class IsNotCalled(Rings):
    ring = "ding"  # type: ignore[assignment]


class Sound(Protocol):
    @property
    def pitch(self) -> float: ...

    def ring(self, times: int) -> str: ...


class Gong:
    pitch = 55.0

    def ring(self, times: int) -> str:
        return "dong" * times


def test_a_contract_can_be_a_protocol_that_a_class_need_not_name() -> None:
    assert checked_class(Gong, Sound, "sound 'gong'") is Gong  # type: ignore[type-abstract]
    for found, message in (
        (Rings, "Rings has no `pitch`"),
        (3, "is 3, expected"),
        (type("Dumb", (), {}), "Dumb has no"),
    ):
        with pytest.raises(UserError, match=message):
            checked_class(found, Sound, "sound 'gong'")  # type: ignore[type-abstract]


@pytest.mark.parametrize("good", [Rings, RingsOftener])
def test_a_class_that_keeps_to_its_contract_is_taken(good: type[Bell]) -> None:
    assert checked_class(good, Bell, "bell 'mine'") is good  # type: ignore[type-abstract]


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (3, "bell 'mine' is 3, expected a subclass of Bell"),
        (Silent, "bell 'mine': Silent has no `ring`"),
        (RingsOnce, "bell 'mine': `ring` is called with (times): too many positional arguments"),
        (Hangs, "bell 'mine': unknown method `hangs`: did you mean `hang`?"),
        (HasASize, "bell 'mine': `__init__`: HasASize() raises TypeError"),
        (IsNotCalled, "bell 'mine': `ring` is 'ding', expected a method"),
    ],
)
def test_a_class_that_does_not_is_refused(found: object, message: str) -> None:
    with pytest.raises(UserError) as caught:
        checked_class(found, Bell, "bell 'mine'")  # type: ignore[type-abstract]
    assert message in str(caught.value)


METHODS = {
    "study": ("variations", "section"),
    "probe": ("check", "measure", "section"),
    "task source": ("read",),
}


@pytest.mark.parametrize("registry", [STUDIES, PROBES, TASK_SOURCES], ids=lambda registry: registry.what)
def test_options_of_another_kind_are_refused(registry: Registry[type[object]], tmp_path: Path) -> None:
    base = {"study": "studies.Study", "probe": "probes.Probe", "task source": "tasks.sources.Source"}[registry.what]
    module, _, name = f"stabbench.{base}".rpartition(".")
    lines = [f"    def {method}(self, *arguments): ...\n" for method in METHODS[registry.what]]
    for options in ("", "    Options = dict\n"):
        code = f"from {module} import {name}\n\nclass Mine({name}):\n{options}{''.join(lines)}"
        (tmp_path / "mine.py").write_text(code)
        with pytest.raises(UserError, match=r"`Options` is (None|<class 'dict'>), expected a"):
            registry.load("./mine.py:Mine", tmp_path)


TRAINER = """from stabbench.training.contract import Trainer
class Mine(Trainer):
    name, version = "mine", "1"
    def unsupported(self, recipe, device): ...
    def room(self, inputs, seeds, free): ...
    def train(self, inputs, seeds, *, device, checkpoint, checkpoint_seconds, progress, stop): ...
"""
METRIC = """from stabbench.metrics.contract import Metric, MetricKind
class Mine(Metric):
    kind, words = MetricKind(), "mine"
    def score(self, labels, predictions): ...
"""
OBJECTIVE = """from stabbench.tasks.objectives.classification import Classification
class Mine(Classification):
    '''Mine.'''
"""


@pytest.mark.parametrize(
    ("registry", "code", "old", "new", "message"),
    [
        (TRAINERS, TRAINER, '"1"', "1", "`version` is 1, expected a str"),
        (TRAINERS, TRAINER, "device, ", "", "`train` is called with (inputs, seeds, device, checkpoint"),
        (TRAINERS, TRAINER, "train(", "trains(", "unknown method `trains`: did you mean `train`?"),
        (TRAINERS, TRAINER, '"1"', '"1"; takes = "words"', "`takes` is 'words', expected 'tensors' or 'files'"),
        (METRICS, METRIC, "MetricKind()", '"higher"', "`kind` is 'higher', expected a MetricKind"),
        (METRICS, METRIC, "score(", "scores(", "unknown method `scores`: did you mean `score`?"),
        (OBJECTIVES, OBJECTIVE, "'''Mine.'''", "name = None", "`name` is None, expected a str"),
        (OBJECTIVES, OBJECTIVE, "'''Mine.'''", "def losses(self): ...", "`losses` is called with (outputs, labels)"),
    ],
)
def test_a_class_in_a_file_that_breaks_its_kinds_contract_is_refused(
    registry: Registry[type[object]], code: str, old: str, new: str, message: str, tmp_path: Path
) -> None:
    (tmp_path / "mine.py").write_text(code)
    assert registry.load("./mine.py:Mine", tmp_path).__name__ == "Mine"
    assert old in code
    (tmp_path / "mine.py").write_text(code.replace(old, new))
    with pytest.raises(UserError) as caught:
        registry.load("./mine.py:Mine", tmp_path)
    assert message in str(caught.value)


def test_every_kind_is_listed_with_what_cannot_be_loaded(install: Install) -> None:
    install("my-study", "mine", "import nothing_of_this_name\n", group=STUDIES.group)
    result = CliRunner().invoke(main, ["plugins"])
    assert result.exit_code == 0, result.output
    lines = [line.split() for line in result.output.splitlines()]
    found = {(kind, name): rest for kind, name, *rest in lines}
    assert {kind for kind, _ in found} == set(KINDS)
    assert {"families", "metrics", "objectives", "trainers"} < set(KINDS)
    assert found["probes", "surface"][:2] == ["stabbench", "0.1.0"]
    assert " ".join(found["studies", "mine"]).startswith("my-study 2.1 error: study 'mine' (my_study:Mine of my-study")
    rows = json.loads(CliRunner().invoke(main, ["plugins", "task-sources", "--json"]).output)
    assert [row["name"] for row in rows] == ["embedded", "files", "folder", "hub", "hub-table"]
    assert all(row["description"] and row["error"] is None for row in rows)
