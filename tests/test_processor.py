"""What kind of CPU a record is said to be of."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest

from stabbench.processor import cpu, described
from stabbench.provenance import machine

CORE = {"model name": "Some CPU @ 2.00GHz", "cpu family": "6", "model": "143", "flags": "fpu sse4_2 avx2 avx512f"}


@pytest.mark.parametrize(
    ("further", "able"),
    [
        ("", "avx512f"),
        (" avx512_bf16", "avx512_bf16"),
        (" avx512_bf16 amx_bf16", "amx_bf16"),
    ],
)
def test_a_cpu_is_told_by_name_family_and_the_most_that_it_can_do(further: str, able: str) -> None:
    core = {**CORE, "flags": CORE["flags"] + further}
    assert described(core) == f"Some CPU @ 2.00GHz, family 6 model 143, {able}"


def test_a_cpu_without_vector_instructions_says_so() -> None:
    assert described({**CORE, "flags": "fpu sse2"}) == "Some CPU @ 2.00GHz, family 6 model 143, no AVX2"


def test_where_the_system_names_no_cpu_its_architecture_is_told() -> None:
    assert described({"CPU part": "0xd0c"}) == (platform.processor() or platform.machine())


@pytest.mark.skipif(not Path("/proc/cpuinfo").exists(), reason="the system has no /proc/cpuinfo to compare with")
def test_records_say_on_which_kind_of_cpu_they_were_trained() -> None:
    device = machine("cpu")["device"]
    assert device == f"cpu ({cpu()})"
    named = [
        line.split(":", 1)[1].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    assert all(name in device for name in named)
