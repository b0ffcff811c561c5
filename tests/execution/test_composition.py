"""A composed strategy from params.yaml to its records."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner

from stabbench.cli import main
from stabbench.config import load
from stabbench.plan import read_plan
from stabbench.records import Selection
from stabbench.resolve import plan


def test_a_composed_cell_is_planned_trained_and_recorded_with_all_its_plugins(project: Path) -> None:
    block = "  both: {plugin: [reinit, child-tuning-d], options: {reinit: {layers: 1}}, recipe: {epochs: 1}}\n"
    text = Path("params.yaml").read_text().replace("strategies: [devlin]", "strategies: [both]")
    Path("params.yaml").write_text(text.replace("seeds: 1-4", "seeds: 1-2") + block)
    for command in (["plan"], ["train"]):
        result = CliRunner().invoke(main, command)
        assert result.exit_code == 0, result.output
    (cell,) = read_plan(Path("plan"))
    (selected,) = Selection.read(Path("runs")).cells
    for seed, record in selected.records.items():
        assert record.fingerprint == cell.fingerprint(seed)
        assert record.spec["plugins"] == [
            {"plugin": "reinit", "version": "1", "options": {"layers": 1}},
            {"plugin": "child-tuning-d", "version": "1", "options": {"probability": 0.3}},
        ]
    assert selected.records.keys() == {1, 2}


def test_order_and_options_of_the_plugins_are_in_the_fingerprint(project: Path) -> None:
    found = set()
    for block in (
        "{plugin: [reinit, llrd]}",
        "{plugin: [llrd, reinit]}",
        "{plugin: [reinit, llrd], options: {llrd: {factor: 0.9}}}",
        "{plugin: reinit}",
        "{plugin: zhang, recipe: {epochs: 3}}",
    ):
        text = Path("params.yaml").read_text().split("strategies:\n")[0].replace("[devlin]", "[mine]")
        Path("params.yaml").write_text(f"{text}strategies:\n  mine: {block}\n")
        (cell,) = plan(load(Path("params.yaml")), Path())
        found.add(cell.fingerprint(1))
    assert len(found) == 5
