"""`stabbench pretrain`: the embedded model from params.yaml, and any encoder further on any text."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from stabbench.cli import main

PARAMS = """\
seeds: 1
grid: {models: [embedded], tasks: [acceptability], strategies: [devlin]}
models:
  embedded:
    pretraining: {layers: 1, hidden_size: 16, heads: 2, intermediate_size: 32, steps: 3, warmup_steps: 1, batch_size: 4,
                  sentences: 30, pairs: 10, max_length: 32}
"""


def stabbench(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project folder whose tiny embedded model is pretrained."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "params.yaml").write_text(PARAMS, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        result = stabbench("pretrain")
    assert result.exit_code == 0, result.output
    assert result.output.startswith("models/embedded: 3 steps over ")
    assert "held-out perplexity" in result.output
    return folder


def test_the_embedded_model_has_the_sizes_of_params_yaml_and_a_masked_lm_head(project: Path) -> None:
    from transformers import AutoModelForMaskedLM

    model, info = AutoModelForMaskedLM.from_pretrained(project / "models/embedded", output_loading_info=True)
    assert not info["missing_keys"]
    assert (model.config.num_hidden_layers, model.config.hidden_size) == (1, 16)


def test_any_encoder_goes_on_from_a_folder_with_any_text(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project)
    Path("notes.txt").write_text("a dog sees the cat .\nthe cat sleeps .\n" * 4, encoding="utf-8")
    command = ["pretrain", "--from", "./models/embedded", "--text", "notes.txt", "--steps", "2", "--warmup-steps", "0"]
    result = stabbench(*command, "--out", "models/further")
    assert result.exit_code == 0, result.output
    written = json.loads((project / "models/further/pretraining.json").read_text(encoding="utf-8"))
    assert written["steps"] == 2
    assert written["start"] is not None


def test_options_out_of_range_are_named_before_any_training(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project)
    Path("one.txt").write_text("one line\n", encoding="utf-8")
    command = ["pretrain", "--from", "./models/embedded", "--text", "one.txt", "--out", "models/never"]
    result = stabbench(*command, "--steps", "-3", "--warmup-steps", "0", "--learning-rate", "-1")
    assert result.exit_code == 2
    assert "steps is -3: expected 1 or more" in result.output
    assert "learning_rate is -1.0: expected more than 0" in result.output
    assert not Path("models/never").exists()


def test_a_model_that_is_not_embedded_is_not_pretrained_from_params(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    result = stabbench("pretrain", "--model", "embeded")
    assert result.exit_code == 2
    assert "unknown embedded model 'embeded': did you mean 'embedded'?" in result.output


def test_a_model_that_is_pretrained_already_says_where_it_is_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert stabbench("init", "demo").exit_code == 0
    result = stabbench("pretrain")
    assert result.exit_code == 2
    assert "the model 'embedded' is pretrained already (source: package:stabbench)" in result.output
