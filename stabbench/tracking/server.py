"""The way to a tracking server or database: patience, the first migration, and whether anybody answers."""

from __future__ import annotations

import hashlib
import logging
import os
import re
import socket
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from filelock import FileLock, Timeout
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from sqlalchemy import event
from sqlalchemy.engine import Engine

CONNECT_SECONDS = 3.0
LOCK_SECONDS = 300.0
PORTS = {"http": 80, "https": 443, "postgresql": 5432, "mysql": 3306, "mssql": 1433}

UNAUTHORIZED, FORBIDDEN = 401, 403
URIS = "`--uri sqlite:///mlflow.db` (a database in a file) or `--uri http://…` (a server)"
CREDENTIALS = "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN"

PATIENCE = {
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}
"""MLflow's own defaults wait for minutes; whoever sets these variables keeps their values."""

IMPATIENCE = {"MLFLOW_HTTP_REQUEST_TIMEOUT": "5", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"}
NOISY = {"alembic": logging.WARNING, "mlflow": logging.ERROR, "urllib3": logging.CRITICAL}


class UnreachableError(Exception):
    """Nobody answers at a tracking URI, or it refuses; the message is one sentence, `remedy` what can be done."""

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.remedy = remedy


@contextmanager
def connected(uri: str) -> Iterator[MlflowClient]:
    """A client of a server that answers, or of a database that exists once this has been entered.

    One process a machine and URI at a time: a database is created by the first, and nothing is logged twice. Raises
    UnreachableError within seconds where nobody answers.
    """
    with _environment(PATIENCE, keep=True), _quiet(), _prompt_commits():
        try:
            with FileLock(_lock_path(uri), timeout=LOCK_SECONDS):
                check(uri)
                try:
                    client = MlflowClient(tracking_uri=_absolute(uri))
                except Exception as error:
                    raise explained(error, _absolute(uri)) from error
                ask(client)
                yield client
                _settle(uri)
        except Timeout as error:
            raise UnreachableError("another process is logging to it") from error


def ask(client: MlflowClient) -> None:
    """Raise UnreachableError unless the server answers a small question within seconds."""
    with _environment(IMPATIENCE, keep=False):
        try:
            client.search_experiments(max_results=1)
        except Exception as error:
            raise explained(error, client.tracking_uri) from error


def check(uri: str) -> None:
    """Raise UnreachableError where a database cannot be opened or no host listens; MLflow would retry for long."""
    scheme = urlsplit(uri).scheme.partition("+")[0]
    if scheme == "sqlite":
        _check_database(database_path(uri))
    elif scheme in PORTS and (host := urlsplit(uri).hostname):
        try:
            port = urlsplit(uri).port or PORTS[scheme]
            socket.create_connection((host, port), timeout=CONNECT_SECONDS).close()
        except (OSError, ValueError) as error:
            raise UnreachableError(f"it does not answer ({first_line(error)})") from error


def database_path(uri: str) -> Path:
    """The file of a `sqlite:///…` URI, absolute; relative ones start at the current folder."""
    return Path(uri.partition(":///")[2].partition("?")[0]).resolve()


def _absolute(uri: str) -> str:
    """The URI with an absolute path: MLflow keeps a database open by its URI, also where the current folder changes."""
    if not uri.startswith("sqlite:///"):
        return uri
    _, query, options = uri.partition("?")
    return f"sqlite:///{database_path(uri)}{query}{options}"


def artifact_location(uri: str, experiment: str) -> str | None:
    """Where an experiment's artifacts lie: beside a SQLite file, else where the server wants them."""
    if not uri.startswith("sqlite:"):
        return None
    return (database_path(uri).parent / "mlruns" / experiment).as_uri()


def workers(uri: str) -> int:
    """How many runs are logged at a time: SQLite has one writer, a server takes several."""
    return 1 if uri.startswith("sqlite:") else 4


def first_line(error: BaseException, longest: int = 200) -> str:
    """An error as one short line, passwords in URIs left out."""
    text = re.sub(r"://[^/\s@]*@", "://", str(error)).strip().splitlines()
    return (text[0] if text else type(error).__name__)[:longest]


def explained(error: Exception, uri: str) -> UnreachableError:
    """Why there is no way to a URI: MLflow takes no such one, somebody refuses, or nobody answers."""
    if urlsplit(uri).scheme.partition("+")[0] not in ("sqlite", *PORTS):
        reason = first_line(error, longest=1000)
        return UnreachableError(f"MLflow does not take this URI ({reason})", f"give another one: {URIS}")
    return refusal(error, uri) or UnreachableError(f"it does not answer ({first_line(error)})")


def refusal(error: Exception, uri: str) -> UnreachableError | None:
    """What to do about a server that answers and refuses; None for every other error."""
    code = error.get_http_status_code() if isinstance(error, MlflowException) else 0
    if code == FORBIDDEN and "Invalid Host header" in str(error):
        host = urlsplit(uri).netloc.rpartition("@")[2]
        return UnreachableError(
            f"it refuses, as it does not know that {host} is its name (Invalid Host header)",
            f"start it with `--allowed-hosts '{host},localhost:*'`",
        )
    if code == UNAUTHORIZED:
        return UnreachableError(f"it refuses ({first_line(error)})", f"set {CREDENTIALS}")
    if code == FORBIDDEN:
        remedy = f"ask whoever runs it for the right to write there, or set {CREDENTIALS}"
        return UnreachableError(f"it refuses ({first_line(error)})", remedy)
    return None


def _check_database(path: Path) -> None:
    """A database of our own making keeps a write-ahead log."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        new = not path.exists()
        with closing(sqlite3.connect(path, timeout=CONNECT_SECONDS)) as connection:
            if new:
                connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("BEGIN IMMEDIATE")
            connection.rollback()
    except (OSError, sqlite3.Error) as error:
        raise UnreachableError(f"the database cannot be written ({first_line(error)})") from error


@contextmanager
def _prompt_commits() -> Iterator[None]:
    """Commits to a database with a write-ahead log do not wait for the disk.

    A power cut can take the last of them, which the next call logs again; it never leaves the database broken.
    """

    def relax(connection: Any, record: object) -> None:
        if isinstance(connection, sqlite3.Connection):
            (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
            if mode == "wal":
                connection.execute("PRAGMA synchronous=NORMAL")

    event.listen(Engine, "connect", relax)
    try:
        yield
    finally:
        event.remove(Engine, "connect", relax)


def _settle(uri: str) -> None:
    """Bring a write-ahead log into its database, so that the one file can be copied or moved."""
    if uri.startswith("sqlite:"):
        with (
            suppress(sqlite3.Error),
            closing(sqlite3.connect(database_path(uri), timeout=CONNECT_SECONDS)) as connection,
        ):
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _lock_path(uri: str) -> Path:
    name = str(database_path(uri)) if uri.startswith("sqlite:") else uri
    folder = Path(tempfile.gettempdir()) / f"stabbench-{os.getuid()}"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder / f"tracking-{hashlib.sha256(name.encode()).hexdigest()[:16]}.lock"


@contextmanager
def _environment(variables: dict[str, str], *, keep: bool) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update({name: value for name, value in variables.items() if not keep or before[name] is None})
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def _quiet() -> Iterator[None]:
    loggers = {logging.getLogger(name): level for name, level in NOISY.items()}
    before = {logger: logger.level for logger in loggers}
    for logger, level in loggers.items():
        logger.setLevel(level)
    try:
        yield
    finally:
        for logger, level in before.items():
            logger.setLevel(level)
