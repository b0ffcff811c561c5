"""`stabbench`, `dvc` and `python` as programs that need not import what they use: dozens of tests start them.

Each is a small program on PATH that hands its words, folder, variables and streams to one process of this test run,
which imported it once and of which a fork becomes the program. Where a test stops a program it has the fork itself, in
a session of its own (`Started`); where it is about what a program imports, it starts the real one.
"""

from __future__ import annotations

import atexit
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, NoReturn

LIBRARIES = (
    *("alembic.command", "dvc.cli.parser", "dvc.repo.experiments.executor.local", "dvc.repo.experiments.queue.celery"),
    *("dvc.repo.experiments.queue.tempdir", "dvc.repo.graph", "dvc.repo.index", "dvc.repo.metrics.show"),
    *("dvc.repo.plots", "dvc.repo.stage", "hydra.core.override_parser.overrides_parser", "jinja2"),
    *("matplotlib.pyplot", "mlflow", "networkx", "scmrepo.git.backend.dulwich", "scmrepo.git.backend.pygit2"),
    *("mlflow.store.tracking.sqlalchemy_store", "pandas", "pyarrow.dataset", "pyarrow.parquet", "ruamel.yaml"),
    *("scipy.stats", "sklearn.metrics", "torch", "transformers.models.bert.modeling_bert"),
)
PROJECT = ("planning", "preparation", "probes", "reporting", "studies", "tracking", "training", "validation")
OWN = ("stabbench.cli", *(f"stabbench.project.{name}" for name in PROJECT), "stabbench.execution.workers")
"""Modules of stabbench itself, which need nearly all others."""
PROGRAMS = ("stabbench", "dvc", "interpreter/python")
STREAMS = (0, 1, 2)
PID = 16
"""Characters of a process's number, as it is handed over."""
CLIENT = """#!{python} -ISE
import json, os, socket, sys
place = socket.socket(socket.AF_UNIX)
place.connect({address!r})
socket.send_fds(place, [b"."], [0, 1, 2])
place.sendall(json.dumps([sys.argv, os.getcwd(), dict(os.environ), False]).encode())
place.shutdown(socket.SHUT_WR)
status = int(place.recv(16) or -9)
if status < 0:
    os.kill(os.getpid(), -status)
sys.exit(status)
"""


SHARED = "STABBENCH_TESTS_PROGRAMS"
"""The variable by which the workers of a test run know the programs of the process that started them."""
MOST_SECONDS = 180
"""That their imports may take."""


def share() -> None:
    """Make the programs for this process and for those that it starts."""
    os.environ[SHARED] = str(_made())


@cache
def programs() -> Path:
    """The folder that is to come first in PATH, once the programs can be started."""
    folder = Path(os.environ[SHARED]) if SHARED in os.environ else _made()
    until = time.monotonic() + MOST_SECONDS
    while not (folder / "socket").exists():  # what they need is still being imported
        assert time.monotonic() < until, "the process that becomes the programs does not answer"
        time.sleep(0.05)
    return folder


def _made() -> Path:
    """A new folder of programs, and the process behind them. What they need ends with this process."""
    folder = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, folder)
    address = str(folder / "socket")
    (folder / "interpreter").mkdir()
    for name in PROGRAMS:
        (folder / name).write_text(CLIENT.format(python=sys.executable, address=address))
        (folder / name).chmod(0o755)
    code = f"from tests.warm import serve; serve({address!r})"
    server = subprocess.Popen([sys.executable, "-c", code], cwd=Path(__file__).parents[1], stdin=subprocess.PIPE)
    atexit.register(server.wait)
    assert server.stdin is not None
    atexit.register(server.stdin.close)
    return folder


class Started:
    """A program in a session of its own, in the manner of subprocess.Popen: `pid` is that of the program."""

    def __init__(self, words: Sequence[str], folder: Path, variables: Mapping[str, str], out: int, err: int) -> None:
        name, *others = words
        asked = [[str(programs() / name), *others], str(folder), dict(variables), True]
        self.returncode: int | None = None
        self._place = socket.socket(socket.AF_UNIX)
        self._place.connect(str(programs() / "socket"))
        with Path(os.devnull).open("rb") as nothing:
            socket.send_fds(self._place, [b"."], [nothing.fileno(), out, err])
        self._place.sendall(json.dumps(asked).encode())
        self._place.shutdown(socket.SHUT_WR)
        self.pid = int(self._place.recv(PID))

    def poll(self) -> int | None:
        """Its exit status, negative where a signal ended it; None while it runs."""
        with suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, seconds: float | None = None) -> int:
        """Its exit status, once it has ended; subprocess.TimeoutExpired after so many seconds."""
        if self.returncode is None:
            if not select.select([self._place], [], [], seconds)[0]:
                raise subprocess.TimeoutExpired("stabbench", seconds or 0)
            self.returncode = int(self._place.recv(16))
            self._place.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal to it, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)


def path() -> str:
    """PATH with the programs first."""
    return os.pathsep.join([str(programs()), str(Path(sys.executable).parent), os.environ["PATH"]])


def python() -> str:
    """A `python` that takes `-c CODE`, `-m MODULE` or a script, and words for it. It is not in `path`."""
    return str(programs() / "interpreter/python")


def serve(address: str) -> None:
    """Import what all need and become a program each time one is asked for, until the input ends."""
    import gc
    import importlib
    import selectors

    for library in (*LIBRARIES, *OWN):
        importlib.import_module(library)
    os.fsync = lambda fd: None  # as in conftest.py
    gc.freeze()
    gc.set_threshold(20_000)
    with socket.socket(socket.AF_UNIX) as listener, selectors.DefaultSelector() as asked:
        listener.bind(f"{address}-")
        listener.listen(64)
        Path(f"{address}-").rename(address)  # who sees it can connect
        asked.register(listener, selectors.EVENT_READ)
        asked.register(0, selectors.EVENT_READ)
        while all(key.fileobj is listener for key, _ in asked.select()):
            connection, _ = listener.accept()
            if os.fork() == 0:
                break
            connection.close()
            with suppress(ChildProcessError):
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
        else:
            return
    _answer(connection)


def _answer(connection: socket.socket) -> None:
    """Run the program that a client asks for in a process of its own and tell the client how it ended."""
    with connection:
        _, streams, _, _ = socket.recv_fds(connection, 1, len(STREAMS))
        words, folder, variables, alone = json.loads(b"".join(iter(lambda: connection.recv(1 << 16), b"")))
        process = os.fork()
        if process:
            _, status = os.waitpid(process, 0)
            with suppress(BrokenPipeError):
                connection.sendall(str(os.waitstatus_to_exitcode(status)).encode())
            os._exit(0)
        if alone:
            os.setsid()
            signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background of a script ignores it
            connection.sendall(f"{os.getpid():{PID}}".encode())
    for stream, given in zip(STREAMS, streams, strict=True):
        os.dup2(given, stream)
        os.close(given)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(variables)
    sys.argv[:] = words
    sys.path[0] = str(Path(words[0]).parent)
    _become(Path(words[0]).name)


def _program(name: str) -> Callable[[], Any]:
    (program,) = entry_points(group="console_scripts", name=name)
    loaded: Callable[[], Any] = program.load()
    return loaded


def _python(first: str, *words: str) -> None:
    """What `python FIRST WORDS` does."""
    import runpy

    sys.path[1:1] = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    if first == "-c":
        code, *others = words
        sys.argv[:] = ["-c", *others]
        sys.path[0] = ""
        exec(compile(code, "<string>", "exec"), vars(sys.modules["__main__"]))
    elif first == "-m":
        module, *others = words
        sys.argv[:] = [module, *others]
        sys.path[0] = str(Path.cwd())
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    else:
        sys.argv[:] = [first, *words]
        sys.path[0] = str(Path(first).resolve().parent)
        runpy.run_path(first, run_name="__main__")


def _become(name: str) -> NoReturn:
    """Run a program to its end, which is that of this process: what it did not import is not taken apart."""
    status = None
    try:
        if name == "python":
            _python(*sys.argv[1:])
        else:
            status = _program(name)()
    except SystemExit as end:
        status = end.code
    except BaseException:
        traceback.print_exc()
        status = 1
    if isinstance(status, str):
        sys.stderr.write(f"{status}\n")
    threading._shutdown()  # type: ignore[attr-defined]  # an end of the interpreter, as of a process of multiprocessing
    atexit._run_exitfuncs()
    sys.stdout.flush()
    os._exit(int(status is not None) if not isinstance(status, int) else status)
