"""Stands in for the command `stabbench` in a pipeline and writes down what each command takes.

python benchmarks/stage_clock.py CLOCK.jsonl train --model …
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

SAMPLE_SECONDS = 0.05


def main(clock: Path, words: list[str]) -> int:
    """Run `stabbench` with `words`, append a line to `clock`, return its exit status.

    `cpu_seconds` is the processor time of the command with all its workers, `own_cpu_seconds` (sampled, so up to 0.05 s
    less) that of its first process alone.
    """
    began = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-m", "stabbench", *words])
    own = OwnTime(process.pid)
    own.start()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    own.stopped.set()
    entry = {
        "command": words[0],
        "words": words[1:],
        "seconds": seconds,
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
        "own_cpu_seconds": own.seconds,
    }
    with clock.open("a", encoding="utf-8") as file:
        file.write(json.dumps(entry) + "\n")
    return os.waitstatus_to_exitcode(status)


class OwnTime(threading.Thread):
    """Samples the processor time of one process, without its children; None where there is no /proc."""

    def __init__(self, process: int) -> None:
        super().__init__(daemon=True)
        self.path = Path(f"/proc/{process}/stat")
        self.stopped = threading.Event()
        self.seconds: float | None = None

    def run(self) -> None:
        """Look until told to stop."""
        ticks = os.sysconf("SC_CLK_TCK")
        while not self.stopped.wait(SAMPLE_SECONDS):
            try:
                fields = self.path.read_text(encoding="utf-8").rpartition(")")[2].split()
            except OSError:
                return
            taken = (int(fields[11]) + int(fields[12])) / ticks
            self.seconds = max(taken, self.seconds or 0.0)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
