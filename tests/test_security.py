"""Nothing that is read can run code: by the package's own source, and by trying."""

from __future__ import annotations

import ast
import io
import json
import pickle
import re
import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest
import torch
from safetensors.torch import load_file
from transformers import BertConfig, BertModel

import stabbench
from stabbench.analysis.results import read_results
from stabbench.config import load
from stabbench.errors import UserError
from stabbench.files import sha256_of_file
from stabbench.model_files import INDEX
from stabbench.models import sources
from stabbench.models.families import read_architecture
from stabbench.models.tensor_files import read_tensors
from stabbench.models.tokenization import tokenize
from stabbench.models.word_pieces import write_word_pieces
from stabbench.records import Record
from stabbench.tasks.prepared import PreparedTask
from stabbench.training.state import FORMAT, TrainingState
from tests.test_plan import cell
from tests.typed import record_content

PACKAGE = Path(stabbench.__file__).parent
ROOT = PACKAGE.parent
PICKLERS = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal", "jsonpickle"}
RUNNING = {"eval", "exec", "__import__"}
READING = {"torch.load", "torch.save", "torch.hub", "numpy.load", "np.load", "pd.read_pickle", "pandas.read_pickle"}
READING |= {"os.system", "os.popen", "yaml.load", "yaml.unsafe_load"}
IMPORTERS = {"cli/group.py", "cli/plugins.py", "__init__.py", "huggingface/__init__.py", "plugins/files.py"}
"""Modules that import by a name: commands, public names, kinds of this package, a file that params.yaml names."""
of_the_source = pytest.mark.xdist_group("the package's source")  # which is parsed once


@cache
def nodes() -> list[tuple[str, ast.AST]]:
    """Every call and import of the package, with its module."""
    files = [(path.relative_to(PACKAGE).as_posix(), path.read_text(encoding="utf-8")) for path in PACKAGE.rglob("*.py")]
    kinds = ast.Call | ast.Import | ast.ImportFrom
    return [(name, node) for name, text in files for node in ast.walk(ast.parse(text)) if isinstance(node, kinds)]


@cache
def calls() -> list[tuple[str, str, ast.Call]]:
    """Every call of the package: module, the function as it is written, the call."""
    found = [(name, node) for name, node in nodes() if isinstance(node, ast.Call)]
    return [(f"{name}:{node.lineno}", ast.unparse(node.func), node) for name, node in found]


def keyword(call: ast.Call, name: str) -> object:
    found = [item.value for item in call.keywords if item.arg == name]
    return found[0].value if found and isinstance(found[0], ast.Constant) else next(iter(found), None)


@of_the_source
def test_nothing_is_unpickled_evaluated_or_handed_to_a_shell() -> None:
    tensors_alone = [
        where
        for where, function, call in calls()
        if where.startswith("models/conversion.py:") and function == "torch.load" and keyword(call, "weights_only")
    ]
    found = [where for where, function, _ in calls() if function in RUNNING | READING and where not in tensors_alone]
    assert len(tensors_alone) == 1
    found += [where for where, _, call in calls() if keyword(call, "shell") not in (None, False)]
    found += [where for where, _, call in calls() if keyword(call, "allow_pickle") not in (None, False)]
    assert found == []


@of_the_source
def test_an_older_checkpoint_is_opened_by_the_command_that_converts_it_alone() -> None:
    importers = {
        name
        for name, node in nodes()
        if isinstance(node, ast.ImportFrom) and node.module == "stabbench.models.conversion"
    }
    assert importers == {"cli/convert.py"}


@of_the_source
def test_pickle_is_imported_only_to_try_that_plugins_pass_between_processes() -> None:
    importers = set()
    for name, node in nodes():
        if isinstance(node, ast.Import):
            imported = {alias.name.partition(".")[0] for alias in node.names}
        else:
            imported = {(node.module or "").partition(".")[0]} if isinstance(node, ast.ImportFrom) else set()
        if imported & PICKLERS:
            importers.add(name)
    assert importers == {"testing/checks.py", "testing/family_checks.py"}
    loads = [call for where, function, call in calls() if where.startswith("testing/") and function == "pickle.loads"]
    assert [ast.unparse(call.args[0]).startswith("pickle.dumps(") for call in loads] == [True, True]


@of_the_source
def test_models_are_read_as_safetensors_without_code_of_their_own() -> None:
    loading = [(where, f, call) for where, f, call in calls() if re.search(r"\bAuto\w+\.from_(pretrained|config)$", f)]
    loading += [(where, f, call) for where, f, call in calls() if f == "classifiers.from_config"]
    assert len(loading) >= 6
    for where, function, call in loading:
        assert keyword(call, "trust_remote_code") is False, where
        if function.startswith("AutoModel"):
            assert keyword(call, "use_safetensors") is True, where


@of_the_source
def test_modules_are_imported_by_name_in_few_places() -> None:
    found = {where.partition(":")[0] for where, function, _ in calls() if function.endswith("import_module")}
    assert found == IMPORTERS


class Payload:
    """Runs code where it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


@pytest.fixture
def touched(tmp_path: Path) -> Iterator[Path]:
    """A file that is there once a payload has run; at the end it must not be."""
    path = tmp_path / "touched"
    pickle.loads(pickle.dumps(Payload(path)))
    assert path.exists()
    path.unlink()
    yield path
    assert not path.exists()


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A tiny BERT in Hugging Face form."""
    folder = tmp_path / "model"
    size = write_word_pieces(folder, ["a", "dog", "sees"], 32)
    sizes: dict[str, Any] = {
        "hidden_size": 8,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 16,
    }
    BertModel(BertConfig(vocab_size=size, max_position_embeddings=32, **sizes)).save_pretrained(folder)
    return folder


def test_a_model_with_nothing_but_a_pickle_is_refused_unread(model: Path, touched: Path) -> None:
    torch.save({"weights": Payload(touched)}, model / "pytorch_model.bin")
    (model / "model.safetensors").unlink()
    with pytest.raises(UserError, match="only safetensors are read: convert it with"):
        sources.locate(str(model))
    with pytest.raises(UserError, match="weights are read as safetensors only"):
        read_tensors(model)


def test_a_pickle_beside_or_in_the_place_of_safetensors_is_never_read(model: Path, touched: Path) -> None:
    tensors = load_file(model / "model.safetensors")
    torch.save({"weights": Payload(touched)}, model / "pytorch_model.bin")
    assert read_tensors(sources.locate(str(model))).keys() == tensors.keys()
    shutil.copyfile(model / "pytorch_model.bin", model / "model.safetensors")
    with pytest.raises(UserError, match="not a safetensors file"):
        sources.content_hash(model)


@pytest.mark.parametrize("shard", ["../other.safetensors", "pytorch_model-1.bin", "/etc/passwd"])
def test_an_index_that_names_anything_but_safetensors_beside_it_is_refused(model: Path, shard: str) -> None:
    (model / "model.safetensors").unlink()
    (model / INDEX).write_text(json.dumps({"weight_map": {"a": shard}}), encoding="utf-8")
    for read in (sources.check_folder, read_tensors):
        with pytest.raises(UserError, match="expected safetensors files of the same folder"):
            read(model)


@pytest.mark.parametrize("kind", ["bert", "electra", "mine"])
def test_a_model_that_asks_for_code_of_its_own_is_refused_and_its_code_not_run(
    model: Path, touched: Path, kind: str
) -> None:
    config = json.loads((model / "config.json").read_text(encoding="utf-8"))
    config |= {"model_type": kind, "auto_map": {"AutoConfig": "evil.Config", "AutoModel": "evil.Model"}}
    (model / "config.json").write_text(json.dumps(config), encoding="utf-8")
    (model / "evil.py").write_text(f"from pathlib import Path\nPath({str(touched)!r}).touch()\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"asks for code of its own \(auto_map\)"):
        sources.locate(str(model))
    if kind == "mine":
        with pytest.raises(UserError, match="unknown model type 'mine'"):
            read_architecture(model, 2)
    else:
        assert read_architecture(model, 2).layers == 1


def test_a_tokenizer_with_code_of_its_own_is_refused_and_its_code_not_run(model: Path, touched: Path) -> None:
    if (model / "tokenizer.json").exists():
        (model / "tokenizer.json").unlink()
    (model / "vocab.txt").unlink(missing_ok=True)
    settings = {"tokenizer_class": "Evil", "auto_map": {"AutoTokenizer": ["evil.Evil", "evil.Evil"]}}
    (model / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
    (model / "evil.py").write_text(f"from pathlib import Path\nPath({str(touched)!r}).touch()\n", encoding="utf-8")
    with pytest.raises(UserError):
        tokenize(model, ["a text"], None, 16)


def poisoned_parquet(path: Path, touched: Path, columns: dict[str, list[Any]]) -> None:
    """A table whose first column claims to be of a pickled Arrow type."""
    table = pa.table(columns)
    poison = {b"ARROW:extension:name": b"arrow.py_extension_type", b"ARROW:extension:metadata": pickled(touched)}
    fields = [table.schema.field(0).with_metadata(poison), *list(table.schema)[1:]]
    pyarrow.parquet.write_table(pa.table(table.columns, schema=pa.schema(fields)), path)


def pickled(touched: Path) -> bytes:
    return pickle.dumps(Payload(touched))


@pytest.mark.filterwarnings("ignore:pickle-based deserialization")
def test_parquet_files_cannot_carry_code(tmp_path: Path, touched: Path) -> None:
    poisoned_parquet(
        tmp_path / "results.parquet",
        touched,
        {"strategy": ["a", "a"], "task": ["t", "t"], "seed": [1, 2], "score": [0.5, 0.6]},
    )
    assert len(read_results(tmp_path / "results.parquet")) == 2
    for name in ("history", "gradnorms", "predictions"):
        poisoned_parquet(tmp_path / f"{name}.parquet", touched, {"step": [1, 2]})
        files = {f"{name}.parquet": sha256_of_file(tmp_path / f"{name}.parquet")}
        known = record_content(cell(), 1, files=files)
        assert len(getattr(Record(known, tmp_path), name)()) == 2


def test_prepared_data_with_pickled_cells_is_bytes_and_no_code(tmp_path: Path, touched: Path) -> None:
    split = pd.DataFrame({"example": [0], "text_a": [pickled(touched)], "text_b": [None], "label": [0]})
    for name in ("train", "dev"):
        split.to_parquet(tmp_path / f"{name}.parquet")
    facts = {"schema_version": 1, "name": "t", "dataset": "rte", "metrics": ["accuracy"], "label_names": ["a", "b"]}
    (tmp_path / "task.json").write_text(json.dumps(facts), encoding="utf-8")
    with pytest.raises(UserError):
        PreparedTask.read(tmp_path)


@pytest.mark.parametrize("kind", ["npz", "pickle"])
def test_a_checkpoint_that_is_no_safetensors_file_means_starting_over(tmp_path: Path, touched: Path, kind: str) -> None:
    content = io.BytesIO()
    if kind == "npz":
        np.savez(content, weights=np.array([Payload(touched)], dtype=object))
    else:
        torch.save({"weights": Payload(touched)}, content)
    (tmp_path / "state-3.safetensors").write_bytes(content.getvalue())
    empty = {key: list[int]() for key in ("order", "gradient_norm_steps", "tokens", "passes", "evaluations", "trained")}
    facts = {"format": FORMAT, "step": 3, **empty, "missed": {}}
    (tmp_path / "state.json").write_text(json.dumps(facts), encoding="utf-8")
    assert TrainingState.load(tmp_path, torch.device("cpu")) is None


def test_params_yaml_makes_no_objects(tmp_path: Path, touched: Path) -> None:
    for text in (f"!!python/object/apply:os.mkdir ['{touched}']", f"!!python/name:os.mkdir {touched}"):
        (tmp_path / "params.yaml").write_text(f"seeds: {text}\n", encoding="utf-8")
        with pytest.raises(UserError):
            load(tmp_path / "params.yaml")


def test_every_command_that_shows_the_ui_of_mlflow_binds_it_to_this_machine() -> None:
    texts = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("**/*.md"))]
    texts += sorted(PACKAGE.rglob("*.py")) + sorted(PACKAGE.rglob("*.yaml"))
    found = [
        (path.name, command)
        for path in texts
        for command in re.findall(r"mlflow (?:ui|server)\b[^`\n]*", path.read_text(encoding="utf-8"))
    ]
    assert any(name == "commands.md" for name, _ in found)
    assert any(name == "tracking.md" for name, _ in found)
    assert [entry for entry in found if "--host 127.0.0.1" not in entry[1]] == []
