"""The compiled kernel with products in bf16, its instructions emulated: what is tested is all but the instructions."""

from __future__ import annotations

import ctypes
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import Tensor

from stabbench.models.batch import make_batch
from stabbench.models.dropout import Dropout
from stabbench.models.families import encoder_of
from stabbench.models.kernel import compilation
from stabbench.models.kernel import library as kernel
from stabbench.models.kernel.library import bound, library_for, multiply
from stabbench.randomness import Draws
from stabbench.training.inputs import TrainingInputs
from stabbench.training.loop import train
from tests import tiny

pytestmark = pytest.mark.skipif(library_for(torch.zeros(1)) is None, reason="there is no C compiler")
CPU = torch.device("cpu")
EMULATED = f'-DEMULATED_INSTRUCTIONS="{Path(__file__).with_name("emulated_instructions.h")}"'
INSTRUCTIONS = {"tiles": [EMULATED, "-DEMULATED_TILES", "-O1"], "dots": [EMULATED, "-Wno-psabi", "-O1"]}
SIZES = [(1, 1, 1), (16, 16, 32), (17, 33, 31), (5, 64, 40), (32, 32, 64), (70, 50, 129), (33, 100, 1100), (3, 2, 700)]
STEP = 2.0**-9
"""By how much of its size a number is rounded at the most."""


@pytest.fixture(scope="module", params=INSTRUCTIONS)
def library(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    built = compilation.compile_library(tmp_path_factory.mktemp("kernel"), "bfloat16", *INSTRUCTIONS[request.param])
    assert built is not None
    return bound(ctypes.CDLL(str(built)))


@pytest.fixture
def in_use(library: ctypes.CDLL, monkeypatch: pytest.MonkeyPatch) -> None:
    """The emulated library is the one for products in bf16."""
    known = kernel.library
    monkeypatch.setattr(kernel, "library", lambda kind: library if kind == "bfloat16" else known(kind))


@pytest.mark.parametrize("more", [False, True])
@pytest.mark.parametrize("transposed", [(False, False), (False, True), (True, False), (True, True)])
@pytest.mark.parametrize("size", SIZES)
def test_products_are_those_of_rounded_factors_with_sums_in_fp32(
    library: ctypes.CDLL, size: tuple[int, int, int], transposed: tuple[bool, bool], more: bool
) -> None:
    m, n, k = size
    random = torch.Generator().manual_seed(m * n * k)
    left = torch.randn((k, m) if transposed[0] else (m, k), generator=random)
    right = torch.randn((n, k) if transposed[1] else (k, n), generator=random)
    left, right = (factor.t() if turned else factor for factor, turned in zip((left, right), transposed, strict=True))
    found = torch.randn(m, n, generator=random)
    before = found.double() if more else torch.zeros(m, n, dtype=torch.float64)
    multiply(library, left, right, found, more=more)

    a, b = left.bfloat16().double(), right.bfloat16().double()
    sizes = a.abs() @ b.abs() + before.abs()
    assert ((found.double() - before - a @ b).abs() <= (k + 1) * 2.0**-24 * sizes).all()


def test_numbers_are_rounded_as_torch_rounds_them(library: ctypes.CDLL) -> None:
    bits = np.random.default_rng(1).integers(0, 2**32, 4096, dtype=np.uint64).astype(np.uint32)
    halfway = np.array([0x3F808000, 0x3F818000, 0x7F7FFFFF, 0xFF800000, 0x7FC00001, 0x7F800001, 0x80000000], np.uint32)
    values = torch.from_numpy(np.concatenate([bits, halfway]).view(np.float32).copy())
    plain = values[(values.abs() > 1e-30) | ~values.isfinite() | (values == 0)]  # instructions take denormals for 0
    found = torch.empty(len(plain), 1)
    multiply(library, plain[:, None], torch.ones(1, 1), found)
    assert torch.equal(found[:, 0].isnan(), plain.isnan())
    told = ~plain.isnan()
    assert torch.equal(found[told, 0], plain[told].bfloat16().float())


def _logits_and_gradients(kind: str, products: torch.dtype | None) -> tuple[Tensor, list[Tensor]]:
    model = tiny.hugging_face_model(kind, labels=3)
    encoder = encoder_of(tiny.architecture(model), products)
    weights = {name: tensor.float().requires_grad_() for name, tensor in tiny.stacked(model).items()}
    batch = make_batch(tiny.texts(12, seed=5, labels=3), [np.array([4, 1, 0, 9, 7])], torch.float32, CPU)
    logits = encoder.classify(weights, batch, Dropout(0.1, [Draws(3, "dropout")], step=7))
    slope = torch.linspace(-1, 1, logits.numel()).view_as(logits)
    found = torch.autograd.grad((logits * slope).sum(), list(weights.values()), allow_unused=True)
    kept = [tensor if tensor is not None else torch.zeros(1) for tensor in found]
    return logits.detach(), kept


def _distance(first: tuple[Tensor, list[Tensor]], second: tuple[Tensor, list[Tensor]]) -> tuple[float, float]:
    """How far apart logits and all gradients are, as shares of their size."""
    logits = (first[0] - second[0]).norm() / second[0].norm()
    ours, theirs = (torch.cat([gradient.flatten() for gradient in side[1]]) for side in (first, second))
    return float(logits), float((ours - theirs).norm() / theirs.norm())


@pytest.mark.usefixtures("in_use")
@pytest.mark.parametrize("kind", ["bert", "albert", "modernbert"])
def test_logits_and_gradients_are_nearer_to_fp32_than_those_of_torch_in_bf16(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both round the two factors of four products a layer, on the way forward and on the way back, by at most `STEP`;
    errors of random signs add up by their squares. Torch also rounds what comes of the products, and attention's."""
    ours, exact = _logits_and_gradients(kind, torch.bfloat16), _logits_and_gradients(kind, None)
    monkeypatch.setenv("STABBENCH_KERNEL", "off")
    theirs = _logits_and_gradients(kind, torch.bfloat16)
    assert not torch.equal(ours[0], exact[0])
    assert not torch.equal(ours[0], theirs[0])
    most = (2 * 2 * 4 * tiny.architecture(tiny.hugging_face_model(kind)).layers) ** 0.5 * STEP
    for own, between in zip(_distance(ours, exact), _distance(ours, theirs), strict=True):
        assert 0 < own < most
        assert between < 2 * most
    assert _distance(ours, exact)[1] < _distance(theirs, exact)[1]


@pytest.mark.usefixtures("in_use")
def test_a_training_in_bf16_is_computed_by_the_kernel_and_has_the_same_bits_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    inputs = tiny.inputs(precision="bf16", examples=32)
    first, second = (_gradient_norms(inputs) for _ in range(2))
    monkeypatch.setenv("STABBENCH_KERNEL", "off")
    by_torch = _gradient_norms(inputs)
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, by_torch)
    np.testing.assert_allclose(first[0], by_torch[0], rtol=0.1)


def _gradient_norms(inputs: TrainingInputs) -> npt.NDArray[np.float64]:
    """Of the whole gradient at each update, shape `(updates,)`."""
    (run,) = train(inputs, tiny.seeds(1))
    table = run.tables["gradnorms.parquet"]
    squares = (table["norm"] ** 2).groupby(table["step"]).sum()
    return np.asarray(np.sqrt(squares.to_numpy(dtype=np.float64)))


def test_a_library_that_multiplies_wrongly_is_not_used(library: ctypes.CDLL, monkeypatch: pytest.MonkeyPatch) -> None:
    assert kernel.multiplies(library)
    assert not kernel.multiplies(_Doubling(library))  # type: ignore[arg-type]
    kernel.library.cache_clear()
    for found, used in ((library, True), (_Doubling(library), False)):
        monkeypatch.setattr(compilation, "load", lambda kind, found=found: found)
        monkeypatch.setattr(kernel, "bound", lambda found: found)
        assert (kernel.library("bfloat16") is not None) is used
        kernel.library.cache_clear()


class _Doubling:
    """A library whose products are twice what they should be."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self.library = library

    def allowed(self) -> int:
        return 1

    def multiply(self, *arguments: Any) -> None:
        self.library.multiply(*arguments)
        self.library.multiply(*arguments[:-2], True, arguments[-1])


@pytest.mark.parametrize("cpu", ["sapphirerapids", "cooperlake"])
def test_the_instructions_are_compiled_for_the_cpus_that_have_them(cpu: str, tmp_path: Path) -> None:
    command, target = compilation.compiler(), tmp_path / "kernel.so"
    assert command is not None
    instead = {"-march=native": f"-march={cpu}", "-O3": "-O1"}  # which is quicker
    flags = [instead.get(flag, flag) for flag in compilation.FLAGS]
    known = subprocess.run([command, f"-march={cpu}", "-E", "-xc", "/dev/null"], capture_output=True, check=False)
    if known.returncode:
        pytest.skip(f"this compiler does not know {cpu}")
    source = compilation.FOLDER / "encoder.c"
    subprocess.run([command, *flags, *compilation.KINDS["bfloat16"], str(source), "-o", str(target)], check=True)
    wanted = {"sapphirerapids": "tdpbf16ps", "cooperlake": "vdpbf16ps"}[cpu]
    listed = subprocess.run(["objdump", "-d", str(target)], capture_output=True, text=True, check=True).stdout
    assert wanted in listed
