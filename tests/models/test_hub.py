"""Models without safetensors on their main branch, fetched from a server that answers as the hub does."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from transformers import BertConfig, BertModel

from stabbench.models.word_pieces import write_word_pieces

MODEL = "someone/old-bert"
MAIN, REQUEST = "a" * 40, "b" * 40
TEXTS = ["config.json", "tokenizer.json", "tokenizer_config.json", "vocab.txt"]
FILES = {MAIN: TEXTS, REQUEST: [*TEXTS, "model.safetensors"]}


@contextmanager
def hub(folder: Path, author: str, status: str) -> Iterator[str]:
    """The address of a hub with one model, and one pull request that adds safetensors."""
    request = {
        "title": "Adding `safetensors` variant of this model",
        "num": 4,
        "author": {"name": author},
        "createdAt": "2026-01-01T00:00:00.000Z",
        "status": status,
        "repo": {"name": MODEL, "type": "model"},
        "isPullRequest": True,
    }

    class Hub(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            pass

        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            path = unquote(self.path.partition("?")[0])
            commit = REQUEST if "refs/pr/4" in path or REQUEST in path else MAIN
            if path.endswith("/discussions"):
                self.answer(json.dumps({"count": 1, "start": 0, "discussions": [request]}).encode())
            elif "/tree/" in path:
                entries = [{"type": "file", "path": name, "size": 1, "oid": "0" * 40} for name in FILES[commit]]
                self.answer(json.dumps(entries).encode())
            elif path.startswith(f"/api/models/{MODEL}"):
                siblings = [{"rfilename": name} for name in FILES[commit]]
                self.answer(json.dumps({"id": MODEL, "sha": commit, "tags": [], "siblings": siblings}).encode())
            elif path.startswith(f"/{MODEL}/resolve/{commit}/"):
                self.answer((folder / path.rpartition("/")[2]).read_bytes(), commit)
            else:
                self.send_error(404)

        def answer(self, content: bytes, commit: str = "") -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
            self.send_header("X-Repo-Commit", commit)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(content)

    with ThreadingHTTPServer(("127.0.0.1", 0), Hub) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize(
    ("author", "status", "taken"),
    [("SFconvertbot", "open", True), ("SFconvertbot", "closed", False), ("somebody", "open", False)],
)
def test_safetensors_come_from_the_open_request_of_the_hubs_own_bot_alone(
    tmp_path: Path, author: str, status: str, taken: bool
) -> None:
    size = write_word_pieces(tmp_path / "model", ["ferry"], 32)
    sizes: dict[str, Any] = {
        "hidden_size": 8,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 16,
    }
    BertModel(BertConfig(vocab_size=size, **sizes)).save_pretrained(tmp_path / "model")
    program = (
        "from stabbench.errors import UserError\n"
        "from stabbench.models.sources import locate\n"
        f"try: print(locate({MODEL!r}))\n"
        "except UserError as error: raise SystemExit(f'error: {error}')\n"
    )
    with hub(tmp_path / "model", author, status) as address:
        done = subprocess.run(
            [sys.executable, "-c", program],
            env={"HF_ENDPOINT": address, "HF_HUB_CACHE": str(tmp_path / "cache"), "PATH": ""},
            cwd=Path(__file__).parents[2],
            capture_output=True,
            text=True,
            check=False,
        )
    if taken:
        assert Path(done.stdout.strip()).name == REQUEST, done.stderr
    else:
        assert "error: the hub's 'someone/old-bert' has no model.safetensors" in done.stderr
        assert "write `source: ./converted/old-bert` in params.yaml" in done.stderr
