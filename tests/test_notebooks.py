"""The notebooks run from an empty folder, and say what is committed with them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from nbclient import NotebookClient
from nbformat import NotebookNode
from nbformat import read as read_notebook

from tests import warm

NOTEBOOKS = sorted((Path(__file__).parent.parent / "docs/notebooks").glob("*.ipynb"))


def read(path: Path) -> NotebookNode:
    found: NotebookNode = read_notebook(path, as_version=4)
    return found


def printed(notebook: NotebookNode) -> list[str]:
    """What the cells print; tables and pictures, which may differ in last digits elsewhere, are left out."""
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    return [output.text for output in outputs if output.output_type == "stream" and output.name == "stdout"]


@pytest.fixture
def kernel(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a kernel that need not import the libraries of others."""
    place = tmp_path_factory.mktemp("jupyter")
    (place / "kernels/warm").mkdir(parents=True)
    words = [warm.python(), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    described = {"argv": words, "display_name": "warm", "language": "python"}
    (place / "kernels/warm/kernel.json").write_text(json.dumps(described))
    monkeypatch.setenv("JUPYTER_PATH", str(place))
    return "warm"


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_and_prints_what_is_committed(path: Path, kernel: str, tmp_path: Path) -> None:
    notebook = read(path)
    folder = {"metadata": {"path": str(tmp_path)}}
    NotebookClient(notebook, timeout=120, kernel_name=kernel, resources=folder).execute()
    assert printed(notebook) == printed(read(path))


def test_there_are_three_notebooks_with_their_outputs() -> None:
    assert [path.stem for path in NOTEBOOKS] == ["compare-a-frame", "failed-run", "own-data"]
    for path in NOTEBOOKS:
        cells = [cell for cell in read(path).cells if cell.cell_type == "code"]
        assert any(cell.outputs for cell in cells), path
        assert all(cell.execution_count for cell in cells), path
