"""The examples of `stabbench run` in README.md and docs/own-code.md run as they stand, with two seeds for 25."""

from __future__ import annotations

import os
import re
import shlex
import sys
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

from stabbench.cli import main

ROOT = Path(__file__).parents[2]
SCRIPT = """
import argparse, json, pathlib, random
parser = argparse.ArgumentParser()
parser.add_argument("--seed", type=int)
parser.add_argument("--output_dir", type=pathlib.Path)
parser.add_argument("--warmup", type=float, default=0)
given = parser.parse_args()
accuracy = random.Random(given.seed).uniform(0.6, 0.7) + given.warmup
(given.output_dir / "all_results.json").write_text(json.dumps({"eval_accuracy": accuracy, "epoch": 3.0}))
"""


def examples(page: str) -> list[list[str]]:
    lines = re.findall(r"^ *stabbench (run .*)$", (ROOT / page).read_text(encoding="utf-8"), re.MULTILINE)
    return [shlex.split(line.replace("1-25", "1-2")) for line in lines]


@pytest.mark.parametrize("page", ["README.md", "docs/own-code.md"])
def test_the_second_command_stands_beside_the_first(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("STABBENCH_STORE", raising=False)
    monkeypatch.setenv("PATH", os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    (tmp_path / "train.py").write_text(SCRIPT)
    first, second = examples(page)
    for words in (first, second):
        found = CliRunner().invoke(main, words, catch_exceptions=False)
        assert found.exit_code == 0, found.output
    table = pd.read_csv("reports/tables/stability.csv").set_index("strategy")
    assert table["n"].to_list() == [2, 2]
    warm = second[second.index("--strategy") + 1]
    rise = float(second[second.index("--warmup") + 1])
    means = {str(name): float(mean) for name, mean in table["mean"].items()}
    assert means[warm] - means["command"] == pytest.approx(rise, abs=1e-6)
