"""The notebooks run from an empty folder, and say what is committed with them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = sorted((Path(__file__).parent.parent / "docs/notebooks").glob("*.ipynb"))


def printed(notebook: Any) -> list[str]:
    """What the cells print; tables and pictures are left out."""
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    return [output.text for output in outputs if output.output_type == "stream"]


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_and_prints_what_is_committed(path: Path, tmp_path: Path) -> None:
    committed = nbformat.read(path, as_version=4)
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}})
    client.execute()
    assert printed(notebook) == printed(committed)


def test_there_are_three_notebooks_with_their_outputs() -> None:
    assert [path.stem for path in NOTEBOOKS] == ["compare-a-frame", "failed-run", "own-data"]
    for path in NOTEBOOKS:
        cells = nbformat.read(path, as_version=4).cells
        assert any(cell.cell_type == "code" and cell.outputs for cell in cells), path
        assert all(cell.execution_count for cell in cells if cell.cell_type == "code"), path
