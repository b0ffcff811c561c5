"""A step of action.yml: install what its input `install` names, or the code of the action itself."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path


def main() -> int:
    """The exit status of pip."""
    wanted = shlex.split(os.environ["INSTALL"]) or [str(Path(__file__).parent.parent)]
    command = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", *wanted]
    return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
