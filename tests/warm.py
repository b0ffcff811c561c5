"""`stabbench` and `dvc` as programs that need not import the libraries of others: dozens of tests start them in shells.

Each is a small program on PATH that hands its words, folder, variables and streams to one process of this test run,
which imported the libraries once and of which a fork becomes the program. Of stabbench itself nothing is imported
before. Where a test stops a program, or is about what it imports, it starts the real one.
"""

from __future__ import annotations

import atexit
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
from contextlib import suppress
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import NoReturn

LIBRARIES = (
    *("dvc.cli", "dvc.repo", "matplotlib.pyplot", "mlflow", "pandas"),
    *("pyarrow.parquet", "scipy.stats", "sklearn.metrics", "torch"),
)
PROGRAMS = ("stabbench", "dvc")
STREAMS = (0, 1, 2)
CLIENT = """#!{python} -ISE
import json, os, socket, sys
place = socket.socket(socket.AF_UNIX)
place.connect({address!r})
socket.send_fds(place, [b"."], [0, 1, 2])
place.sendall(json.dumps([sys.argv, os.getcwd(), dict(os.environ)]).encode())
place.shutdown(socket.SHUT_WR)
status = int(place.recv(16) or -9)
if status < 0:
    os.kill(os.getpid(), -status)
sys.exit(status)
"""


@cache
def programs() -> Path:
    """The folder that is to come first in PATH. What it needs ends with this process."""
    folder = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, folder)
    address = str(folder / "socket")
    for name in PROGRAMS:
        (folder / name).write_text(CLIENT.format(python=sys.executable, address=address))
        (folder / name).chmod(0o755)
    code = f"from tests.warm import serve; serve({address!r})"
    server = subprocess.Popen(
        [sys.executable, "-c", code], cwd=Path(__file__).parents[1], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    atexit.register(server.wait)
    assert server.stdin is not None
    assert server.stdout is not None
    atexit.register(server.stdin.close)
    assert server.stdout.readline() == b"ready\n"
    return folder


def path() -> str:
    """PATH with the programs first."""
    return os.pathsep.join([str(programs()), str(Path(sys.executable).parent), os.environ["PATH"]])


def serve(address: str) -> None:
    """Import what all need and become a program each time one is asked for, until the input ends."""
    import gc
    import importlib
    import selectors

    for library in LIBRARIES:
        importlib.import_module(library)
    gc.freeze()
    with socket.socket(socket.AF_UNIX) as listener, selectors.DefaultSelector() as asked:
        listener.bind(address)
        listener.listen(64)
        asked.register(listener, selectors.EVENT_READ)
        asked.register(0, selectors.EVENT_READ)
        os.write(1, b"ready\n")
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
        words, folder, variables = json.loads(b"".join(iter(lambda: connection.recv(1 << 16), b"")))
        process = os.fork()
        if process:
            _, status = os.waitpid(process, 0)
            with suppress(BrokenPipeError):
                connection.sendall(str(os.waitstatus_to_exitcode(status)).encode())
            os._exit(0)
    for stream, given in zip(STREAMS, streams, strict=True):
        os.dup2(given, stream)
        os.close(given)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(variables)
    sys.argv[:] = words
    sys.path[0] = str(Path(words[0]).parent)
    _become(Path(words[0]).name)


def _become(name: str) -> NoReturn:
    """Run a program to its end, which is that of this process: what it did not import is not taken apart."""
    (program,) = entry_points(group="console_scripts", name=name)
    try:
        status = program.load()()
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
