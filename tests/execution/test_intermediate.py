"""Intermediate training as the page has it: a kept run's folder is the model of another project."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

import stabbench
from stabbench.config import load
from stabbench.execution.loading import load_inputs
from stabbench.plan import Cell
from stabbench.resolve import plan
from stabbench.training.loop import train

PAGE = (Path(__file__).parents[2] / "docs" / "intermediate.md").read_text(encoding="utf-8")
(SCRIPT,) = re.findall(r"```python\n# take_over\.py\n(.*?)```", PAGE, flags=re.DOTALL)
NEW = ("classifier.weight", "classifier.bias")


def planned(folder: Path) -> Cell:
    (cell,) = plan(load(folder / "params.yaml"), folder)
    return cell


def test_the_second_task_starts_from_the_firsts_weights_with_a_head_of_its_own(project: Path, tmp_path: Path) -> None:
    params = project / "params.yaml"
    params.write_text(params.read_text().replace("seeds: 1-4", "seeds: 1-2\nkeep_weights: 1-2"))
    first = stabbench.Project(project)
    first.plan()
    assert first.train(workers=1).counts == "2 runs trained, 0 already there"
    second = tmp_path / "second"
    second.mkdir()
    (second / "take_over.py").write_text(SCRIPT)
    (second / "params.yaml").write_text(
        "seeds: 1-2\ngrid: {models: [started], tasks: [other], strategies: [mixout]}\n"
        "models: {started: {source: ./started, learning_rate: 1.0e-3}}\n"
        "tasks: {other: {dataset: acceptability, train_size: 32, dev_size: 24}}\n"
        "strategies: {mixout: {plugin: mixout}}\n"
    )
    stabbench.Project(second).prepare()

    def take_over(seed: int) -> Cell:
        words = ["take_over.py", str(project), "embedded/acceptability/devlin", str(seed), "started"]
        subprocess.run([sys.executable, *words], cwd=second, check=True)
        return planned(second)

    one = take_over(1)
    inputs = load_inputs(one, second)
    kept = load_file(second / "started/model.safetensors")
    assert inputs.pretrained.keys() == kept.keys() - {*NEW}
    assert all(torch.equal(tensor, kept[name].to(tensor.dtype)) for name, tensor in inputs.pretrained.items())
    heads = [train(inputs, [one.run_spec(seed).seeds])[0].weights["classifier.weight"] for seed in (1, 2)]
    assert not torch.equal(heads[0], heads[1])
    assert not torch.allclose(heads[0], kept["classifier.weight"], atol=0.01)
    other = take_over(2)
    assert other.fingerprint(1) != one.fingerprint(1)
    assert take_over(1).fingerprint(1) == one.fingerprint(1)
    save_file(
        {**kept, "classifier.weight": torch.zeros_like(kept["classifier.weight"])},
        second / "started/model.safetensors",
        {"format": "pt"},
    )
    spoilt = planned(second)
    assert torch.equal(
        train(load_inputs(spoilt, second), [spoilt.run_spec(1).seeds])[0].weights["classifier.weight"], heads[0]
    ), "what the folder has in the place of the head decides nothing"
