"""What of a command is wrong before it is run: names in braces, the program, its script, files, where its seed goes."""

from __future__ import annotations

import getopt
import os
import re
import shutil
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from stabbench.command_line import Command, files_of, placeholders, words
from stabbench.errors import Mistakes, UserError, meant, unknown
from stabbench.folders import why_absent
from stabbench.recording.format import SEED

SEES_ITS_SEED = (SEED, "stabbench.record", "StabilityCallback")
"""Words of a script that finds its seed itself."""


def check_command(command: Command, folder: Path, known: Collection[str], more: Sequence[str] = ()) -> None:
    """UserError with all mistakes of a command that is to be run in `folder`.

    `known` is what may stand in braces, `more` the files that are named beside the command.
    """
    mistakes = Mistakes()
    for name in placeholders(command):
        if name not in known:
            mistakes.add(str(unknown("name in braces in the command", name, known)))
    mistakes.add(*(f"files: there is no file {folder / name}" for name in more if not (folder / name).is_file()))
    with mistakes.collected():
        _check_program(words(command), folder)
    with mistakes.collected():
        _check_seed(command, [folder / name for name in files_of(command, folder, more)])
    mistakes.tell()


def _check_seed(command: Command, code: Sequence[Path]) -> None:
    """UserError where neither a command nor the code that it names says where its seed goes."""
    if any(name == "seed" or name.startswith("seed.") for name in placeholders(command)):
        return
    texts = [" ".join(words(command)), *(path.read_text(errors="replace") for path in code)]
    if not any(sign in text for text in texts for sign in SEES_ITS_SEED):
        raise UserError(
            "the command does not say where its seed goes, so that all runs would be one: write {seed} where it takes "
            f"it (python train.py --seed {{seed}}), or read ${SEED} in the script"
        )


_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")
_SHELL = r"(ba|da|z|k|a)?sh"
_INTERPRETERS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    r"(python|pypy)[0-9.]*": ("bBdEhiIOPqRsStuvVx?c:m:W:X:", ("check-hash-based-pycs=",)),
    _SHELL: ("aBbCDEefHhiklnPpruvxcmso:O:", ("norc", "noprofile", "posix", "login", "rcfile=", "init-file=")),
    r"Rscript|julia|torchrun": ("", ()),
}
"""Programs that run a script, by their names, each with its options as getopt has them."""
_WITHOUT_SCRIPT = {"-c", "-m", "-s"}
"""Options of theirs by which what is run is no file."""


def _check_program(given: Sequence[str], folder: Path) -> None:
    """UserError where the program is not there, or the script that an interpreter is to run."""
    program, *rest = given
    if _ASSIGNMENT.match(program):
        raise UserError(f"found {program}, expected a program: write env before it (env {program} python …)")
    if "{" in program:
        return
    _check_there(program, folder)
    name = Path(program).name
    if name == "env":
        while rest and _ASSIGNMENT.match(rest[0]) and not rest[0].startswith("PATH="):
            del rest[0]
        if rest and not rest[0].startswith("-") and "=" not in rest[0]:
            _check_program(rest, folder)
        return
    script = _script(name, rest)
    if script is None or "{" in script or (folder / script).exists():
        return
    if re.fullmatch(_SHELL, name) and shutil.which(script):  # which is where a shell looks next
        return
    path = folder / script
    near = meant(path.name, [each.name for each in path.parent.glob("*") if each.is_file()])
    hint = why_absent(path) or (f": did you mean '{near}'?" if near is not None else "")
    raise UserError(f"there is no file {path}, which {program} is to run{hint}")


def _script(name: str, rest: Sequence[str]) -> str | None:
    """The file that an interpreter of that name is to run; None where it runs none, or that is not sure."""
    options = next((found for pattern, found in _INTERPRETERS.items() if re.fullmatch(pattern, name)), None)
    if options is None:
        return None
    try:
        given, left = getopt.getopt(list(rest), *options)
    except getopt.GetoptError:
        return None
    if not left or left[0].startswith(("-", "+")) or _WITHOUT_SCRIPT & {option for option, _ in given}:
        return None
    return left[0]


def _check_there(program: str, folder: Path) -> None:
    if "/" in program:
        path = folder / program
        if not path.is_file():
            raise UserError(f"there is no program {path}{why_absent(path)}")
        if not os.access(path, os.X_OK):
            raise UserError(
                f"{path} may not be executed: `chmod +x {program}`, or write what runs it before it (python {program})"
            )
    elif shutil.which(program) is None:
        raise UserError(
            f"there is no program {program} on PATH: install it, or write a path such as ./{program}; what a shell "
            'alone knows is run by [bash, -c, "…"]'
        )
