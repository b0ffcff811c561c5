"""Blocks of probes are checked before any work, all at once, and without torch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from stabbench.config import load
from stabbench.errors import UserError
from stabbench.probes import probe_named, probes_of

BASE = "seeds: 1-3\ngrid: {models: [embedded], tasks: [acceptability], strategies: [devlin, mosbach]}\nprobes:\n"


def written(folder: Path, blocks: str) -> Path:
    path = folder / "params.yaml"
    path.write_text(BASE + blocks, encoding="utf-8")
    return path


def test_a_block_names_its_probe_by_its_own_name_or_by_a_key(tmp_path: Path) -> None:
    blocks = "  surface: {}\n  fine: {probe: surface, points: 60, failed: {strategy: devlin, seed: 2}}\n"
    config = load(written(tmp_path, blocks))
    first, second = probes_of(config)
    assert (first.name, first.kind, first.options.points) == ("surface", "surface", 40)
    assert (second.name, second.kind, second.options.points) == ("fine", "surface", 60)
    assert second.options.failed.seed == 2


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ("surfaces: {}", "probes.surfaces: unknown probe 'surfaces': did you mean 'surface'?"),
        ("surface: {point: 3}", "probes.surface.point: unknown key: did you mean 'points'?"),
        ("surface: {points: 1}", "probes.surface.points: found 1, expected a number of at least 2"),
        ("surface: {task: acceptabilty}", "unknown task of the grid 'acceptabilty': did you mean 'acceptability'?"),
        ("surface: {failed: {strategy: devlin, seed: 9}}", "found seed 9 of devlin, expected one of the seeds"),
        ("forgetting: {strategies: [mixout]}", "unknown strategy of the grid 'mixout'"),
        ("forgetting: {mask_probability: 1.5}", "probes.forgetting.mask_probability: found 1.5"),
        ("forgetting: {texts: ./none.txt}", "probes.forgetting: texts: found './none.txt', expected grammar"),
    ],
)
def test_a_mistake_is_named_with_its_place(tmp_path: Path, block: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        probes_of(load(written(tmp_path, f"  {block}\n")), tmp_path)
    assert message in str(caught.value)


def test_all_mistakes_come_at_once(tmp_path: Path) -> None:
    config = load(written(tmp_path, "  surface: {points: 1, extent: 0}\n  forgetting: {failed: 0}\n"))
    with pytest.raises(UserError) as caught:
        probes_of(config)
    assert len(str(caught.value).splitlines()) == 3


def test_a_name_without_a_block_is_unknown(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="unknown probe 'surfce': did you mean 'surface'"):
        probe_named(load(written(tmp_path, "  surface: {}\n")), "surfce")


def test_a_text_file_lies_beside_params_yaml(tmp_path: Path) -> None:
    (tmp_path / "held.txt").write_text("some text\n", encoding="utf-8")
    config = load(written(tmp_path, "  forgetting: {texts: ./held.txt}\n"))
    assert probes_of(config, tmp_path)[0].options.texts == "./held.txt"


def test_options_are_checked_without_torch(tmp_path: Path) -> None:
    path = written(tmp_path, "  surface: {}\n  forgetting: {}\n")
    program = (
        "import sys; from pathlib import Path\n"
        "from stabbench.config import load; from stabbench.probes import probes_of\n"
        f"probes_of(load(Path({str(path)!r}))); sys.exit('torch' in sys.modules or 'transformers' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
