"""cpu.md from cpu.json: a chapter a kind of CPU with a section a part, for a reader who wants to repeat it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from benchmarks.report_parts import cell_section, pipeline_section, scaling_section
from benchmarks.report_step import step_section

SECTIONS: Mapping[str, tuple[str, Callable[[Mapping[str, Any]], str]]] = {
    "step": ("One optimizer step", step_section),
    "cell": ("A whole cell", cell_section),
    "scaling": ("How the cost grows", scaling_section),
    "pipeline": ("A whole pipeline", pipeline_section),
}

MOST_OF_OTHERS = 0.05
"""More than this share of the cores' time taken by others and the figures are marked."""


def render(report: Mapping[str, Any]) -> str:
    """The whole page."""
    page = [
        "# CPU benchmark",
        "Made by `make bench` (`python -m benchmarks.cpu`); everything behind it, the rivals' full arguments included, "
        "is in [cpu.json](cpu.json). How to run single parts stands in "
        "[benchmarks/\\_\\_init\\_\\_.py](../../benchmarks/__init__.py).",
        "A chapter a kind of CPU: a run on one replaces what the page has of it and leaves the others. The last word "
        "of a name is the most that was found of a CPU for matrix products: `amx_bf16` (tiles) and `avx512_bf16` "
        "multiply bf16 numbers, `avx512f` and `avx2` have no instruction for them.",
    ]
    for cpu, parts in report["machines"].items():
        page.append(f"## {cpu}")
        for part, (title, section) in SECTIONS.items():
            if part in parts:
                page += [f"### {title}", _conditions(parts[part], part), section(parts[part])]
    return "\n\n".join(page) + "\n"


def _conditions(found: Mapping[str, Any], part: str) -> str:
    versions = ", ".join(f"{package} {version}" for package, version in sorted(found["versions"].items()) if version)
    others = found["other_processes_share"]
    taken = "unknown" if others is None else f"{100 * others:.1f} %"
    lines = [
        f"Measured {found['created']} at commit {found['commit'] or 'unknown'} in {found['seconds']:.0f} s, on "
        f"{found['cores']} cores of {found['cpu']}, {found['memory_bytes'] / 2**30:.0f} GiB; time of the cores that "
        f"other processes took meanwhile: {taken}. Python {found['python']}, {versions}. "
        f"Again: `python -m benchmarks.cpu --only {part}{' --run' if part == 'pipeline' else ''}`."
    ]
    if others is not None and others > MOST_OF_OTHERS:
        lines.insert(0, "**The machine was not idle: other processes slow those most that need all cores at once.**")
    if found["quick"]:
        lines.insert(
            0, "**In small (`--quick`): the figures show that the benchmark works, not how fast anything is.**"
        )
    return "\n\n".join(lines)
