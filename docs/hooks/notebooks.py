"""A notebook becomes a page: its text, its code and the outputs that are committed with it."""

from __future__ import annotations

import json
import re
from pathlib import Path, PurePosixPath
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add a page beside every notebook, which stays to be downloaded."""
    for file in [file for file in files if file.src_uri.endswith(".ipynb")]:
        place = PurePosixPath(file.src_uri).with_suffix(".md")
        content = page(Path(config.docs_dir) / file.src_uri)
        files.append(File.generated(config, str(place), content=content))
    return files


def page(path: Path) -> str:
    """The notebook as Markdown; HTML and pictures among its outputs stay what they are."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    head, *others = [part for cell in cells for part in _cell(cell)]
    download = f'<a href="{path.name}" download>This page as a notebook</a>, with which it was made.'
    return "\n\n".join([head, download, *others]) + "\n"


def _cell(cell: dict[str, Any]) -> list[str]:
    source = "".join(cell["source"]).strip()
    if cell["cell_type"] != "code":
        return [source]
    return [f"```python\n{source}\n```", *(_output(output) for output in cell["outputs"])]


def _output(output: dict[str, Any]) -> str:
    data = output.get("data", {})
    if "image/png" in data:
        encoded = "".join(data["image/png"]).replace("\n", "")
        return f'<img class="output" alt="What the code draws" src="data:image/png;base64,{encoded}">'
    if "text/html" in data:
        lines = "".join(data["text/html"]).splitlines()
        return '<div class="output">' + "".join(line.strip() for line in lines) + "</div>"
    text = output.get("text") or data.get("text/plain") or output.get("traceback") or ""
    return f"```text\n{COLOUR.sub('', ''.join(text)).rstrip()}\n```"
