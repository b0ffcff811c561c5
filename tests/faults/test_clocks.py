"""A wall clock that runs backwards changes no result, and no duration is below zero."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from stabbench.models.kernel.compilation import compiler
from tests.faults.processes import digests, leftovers, stabbench
from tests.tracking.databases import put_empty_database

SOURCE = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sys/time.h>
#include <time.h>

static int real(clockid_t clock, struct timespec *found)
{
    static int (*next)(clockid_t, struct timespec *);
    if (!next) next = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    return next(clock, found);
}

/* For every second that passes the wall clock goes back by a minute; all other clocks are true. */
int clock_gettime(clockid_t clock, struct timespec *found)
{
    struct timespec passed;
    int status = real(clock, found);
    if (status == 0 && clock == CLOCK_REALTIME) {
        real(CLOCK_BOOTTIME, &passed);
        found->tv_sec -= 60 * (passed.tv_sec % 100000) + (60 * (passed.tv_nsec / 1000)) / 1000000;
    }
    return status;
}

time_t time(time_t *found)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (found) *found = now.tv_sec;
    return now.tv_sec;
}

int gettimeofday(struct timeval *restrict found, void *restrict zone)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    found->tv_sec = now.tv_sec;
    found->tv_usec = now.tv_nsec / 1000;
    return 0;
}
"""


@pytest.fixture(scope="session")
def backwards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library that, preloaded, turns the wall clock of a process round."""
    command = compiler()
    if command is None:
        pytest.skip("there is no C compiler here")
    folder = tmp_path_factory.mktemp("clock")
    (folder / "clock.c").write_text(SOURCE)
    library = folder / "clock.so"
    subprocess.run(
        [command, "-shared", "-fPIC", "-O1", "-o", library, folder / "clock.c", "-ldl"],
        check=True,
        capture_output=True,
    )
    return library


def test_training_under_a_clock_that_runs_backwards_gives_the_same_results(
    project: Path, whole: dict[str, str], backwards: Path
) -> None:
    code = "import time; first = time.time(); time.sleep(0.1); raise SystemExit(time.time() > first - 1)"
    environment = {"LD_PRELOAD": str(backwards)}
    stopwatch = subprocess.run(["python3", "-c", code], env=environment | {"PATH": "/usr/bin:/bin"}, check=False)
    assert stopwatch.returncode == 0, "the clock does not run backwards here"
    ended = stabbench(project, "train", STABBENCH_CHECKPOINT_MINUTES="0.002", **environment).ended()
    assert ended.status == 0, ended.errors
    assert ended.errors == ""
    assert digests(project) == whole
    for path in (project / "runs").rglob("provenance.json"):
        seconds = json.loads(path.read_text())["seconds"]
        assert 0 < seconds["training"] < seconds["total"] < 60
    assert leftovers(project / ".stabbench/runs") == []
    put_empty_database(project)
    tracked = stabbench(project, "track", **environment).ended()
    assert tracked.status == 0, tracked.errors
