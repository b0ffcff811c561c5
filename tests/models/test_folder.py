"""A model's folder is read once for each state of its files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from stabbench.errors import UserError
from stabbench.models import folder as module
from stabbench.models.folder import ModelFolder


def written(path: Path, content: str) -> Path:
    (path / "config.json").write_text(content, encoding="utf-8")
    return path


def test_config_is_read_once_until_the_folder_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    readings = []

    def counted(path: Path) -> Any:
        readings.append(path)
        return json.loads(path.read_text(encoding="utf-8"))

    monkeypatch.setattr(module, "read_json", counted)
    written(tmp_path, '{"model_type": "bert"}')
    first = ModelFolder.at(tmp_path)
    assert ModelFolder.at(tmp_path) is first
    assert (first.model_type, first.config, ModelFolder.at(tmp_path).model_type) == (
        "bert",
        {"model_type": "bert"},
        "bert",
    )
    assert len(readings) == 1
    written(tmp_path, '{"model_type": "roberta"}')
    assert ModelFolder.at(tmp_path).model_type == "roberta"
    assert first.model_type == "bert"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", r"config\.json is not JSON"),
        ("[]", r"config\.json holds no JSON object"),
        ("{}", r"names no model_type: add its \"model_type\""),
        ('{"architectures": ["ElectraModel"]}', r"names no model_type: add \"model_type\": \"electra\" to it"),
    ],
)
def test_a_config_of_which_nothing_can_be_made_is_told_by_name(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        _ = ModelFolder.at(written(tmp_path, content)).model_type


def test_a_settings_file_that_is_not_there_says_nothing(tmp_path: Path) -> None:
    assert ModelFolder.at(tmp_path).settings("tokenizer_config.json") == {}
    with pytest.raises(UserError, match=r"has no config\.json"):
        _ = ModelFolder.at(tmp_path).config
