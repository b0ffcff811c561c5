"""The compiled kernel computes what the torch path computes: logits, gradients, masks and whole trainings."""

from __future__ import annotations

import ctypes
import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from stabbench.models.batch import make_batch
from stabbench.models.dropout import Dropout
from stabbench.models.families import encoder_of
from stabbench.models.kernel import compilation
from stabbench.models.kernel.function import Blocks
from stabbench.models.kernel.library import DropoutKeys, library_for, multiply
from stabbench.randomness import Draws, place_number
from stabbench.strategies.registry import STRATEGIES
from stabbench.tasks.objectives.class_losses import cross_entropy
from stabbench.training.loop import train
from tests import tiny

CPU = torch.device("cpu")
KINDS = tiny.IN_KERNEL
OWN_DROPOUT = (0.2, 0.0, 0.4)
"""Of hidden states, attention and the head, where a case has no dropout of one number."""
SINGLE, DOUBLE = library_for(torch.zeros(1)), library_for(torch.zeros(1, dtype=torch.float64))
pytestmark = pytest.mark.skipif(SINGLE is None or DOUBLE is None, reason="there is no C compiler, or no BLAS to call")


class Case:
    """One model with one batch, of which the logits and gradients are asked for."""

    def __init__(self, kind: str, dtype: torch.dtype, *, dropout: float | None, activation: str = "gelu") -> None:
        model = tiny.hugging_face_model(kind, labels=3)
        found = tiny.architecture(model)
        places = dataclasses.replace(found.dropout_places, own=OWN_DROPOUT)
        self.architecture = dataclasses.replace(found, activation=activation, dropout_places=places)
        self.encoder = encoder_of(self.architecture)
        self.weights = {name: tensor.to(dtype).requires_grad_() for name, tensor in tiny.stacked(model).items()}
        self.batch = make_batch(tiny.texts(12, seed=5, labels=3), [np.array([4, 1, 0, 9, 7])], dtype, CPU)
        self.dropout = dropout

    def logits(self, embeddings: Tensor | None = None, call: int = 0) -> Tensor:
        dropout = Dropout(self.dropout, [Draws(3, "dropout")], step=7, call=call)
        return self.encoder.classify(self.weights, self.batch, dropout, embeddings)

    def perturbed(self) -> Tensor:
        return (self.encoder.embed(self.weights, self.batch).detach() * 1.1).requires_grad_()

    def everything(self, embeddings: Tensor | None = None) -> dict[str, Tensor]:
        """Logits, and gradients of the loss over two forward passes with their own masks."""
        first, second = self.logits(embeddings), self.logits(embeddings, call=1)
        loss = cross_entropy(first, self.batch.labels) + 0.5 * cross_entropy(second, self.batch.labels)
        asked = self.weights if embeddings is None else {**self.weights, "embeddings": embeddings}
        found = torch.autograd.grad(loss.sum(), list(asked.values()), materialize_grads=True)
        return {"logits": first.detach(), **dict(zip(asked, found, strict=True))}

    def states(self) -> dict[str, Tensor]:
        """The encoder's output for every token, and gradients of a sum over it."""
        dropout = Dropout(self.dropout, [Draws(3, "dropout")], step=7)
        found = self.encoder.hidden_states(self.weights, self.batch, dropout, first_only=False)
        slope = torch.linspace(-1, 1, found.numel(), dtype=found.dtype).view_as(found)
        head = (f"{self.architecture.pooler}.", f"{self.architecture.classifier}.", "head.")
        names = [name for name in self.weights if not name.startswith(head)]
        asked = [self.weights[name] for name in names]
        gradients = torch.autograd.grad((found * slope).sum(), asked, materialize_grads=True)
        return {"states": found.detach(), **dict(zip(names, gradients, strict=True))}


def assert_equal(ours: dict[str, Tensor], theirs: dict[str, Tensor], tolerance: float) -> None:
    assert ours.keys() == theirs.keys()
    for name in ours:
        torch.testing.assert_close(ours[name].double(), theirs[name].double(), rtol=0, atol=tolerance, msg=name)


@pytest.mark.parametrize("with_embeddings", [False, True], ids=["ids", "embeddings"])
@pytest.mark.parametrize("dropout", [0.0, 0.2, None])
@pytest.mark.parametrize("kind", KINDS)
def test_logits_and_all_gradients_equal_the_torch_path(
    kind: str, dropout: float | None, with_embeddings: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = Case(kind, torch.float64, dropout=dropout)
    embeddings = case.perturbed() if with_embeddings else None
    ours = case.everything(embeddings)
    monkeypatch.setenv("STABBENCH_KERNEL", "off")
    theirs = case.everything(embeddings)
    assert theirs["logits"].abs().max() > 0.1
    assert not torch.equal(ours["logits"], theirs["logits"]), "both were computed by the same path"
    assert_equal(ours, theirs, 1e-10)


@pytest.mark.parametrize("dropout", [0.0, 0.2])
@pytest.mark.parametrize("kind", KINDS)
def test_the_states_of_every_token_and_their_gradients_equal_the_torch_path(
    kind: str, dropout: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = Case(kind, torch.float64, dropout=dropout)
    ours = case.states()
    with torch.no_grad():
        evaluated = case.encoder.hidden_states(case.weights, case.batch, first_only=False)
    monkeypatch.setenv("STABBENCH_KERNEL", "off")
    theirs = case.states()
    with torch.no_grad():
        expected = case.encoder.hidden_states(case.weights, case.batch, first_only=False)
    assert not torch.equal(ours["states"], theirs["states"]), "both were computed by the same path"
    assert_equal(ours, theirs, 1e-10)
    torch.testing.assert_close(evaluated, expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("activation", ["gelu", "gelu_new", "relu", "silu"])
@pytest.mark.parametrize("dropout", [0.0, 0.2])
def test_single_precision_is_as_close_to_double_as_torch_is(
    activation: str, dropout: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = Case("bert", torch.float32, dropout=dropout, activation=activation).everything()
    in_double = Case("bert", torch.float64, dropout=dropout, activation=activation).everything()
    monkeypatch.setenv("STABBENCH_KERNEL", "off")
    theirs = Case("bert", torch.float32, dropout=dropout, activation=activation).everything()
    exact = Case("bert", torch.float64, dropout=dropout, activation=activation).everything()
    assert_equal(in_double, exact, 1e-10)

    def error(found: dict[str, Tensor]) -> float:
        return max(float((found[name] - exact[name]).abs().max()) for name in exact)

    assert error(ours) < 3 * error(theirs) < 1e-5


def test_without_gradients_and_dropout_the_logits_are_the_same() -> None:
    case = Case("albert", torch.float64, dropout=0.0)
    with torch.no_grad():
        torch.testing.assert_close(case.logits(), case.logits(case.perturbed() / 1.1), rtol=0, atol=1e-12)
        evaluated = case.logits()
    torch.testing.assert_close(evaluated, case.logits().detach(), rtol=0, atol=1e-12)


def test_gradients_stay_what_they_are_when_others_are_computed() -> None:
    case = Case("bert", torch.float64, dropout=0.2)
    first = case.everything()
    kept = {name: tensor.clone() for name, tensor in first.items()}
    case.dropout = 0.5
    case.everything()
    assert all(torch.equal(first[name], kept[name]) for name in first)


def test_a_graph_that_is_kept_can_be_followed_twice() -> None:
    case = Case("bert", torch.float64, dropout=0.2)
    loss = cross_entropy(case.logits(), case.batch.labels).sum()
    first = torch.autograd.grad(loss, list(case.weights.values()), retain_graph=True)
    case.logits(call=1)
    second = torch.autograd.grad(loss, list(case.weights.values()))
    assert all(torch.equal(one, other) for one, other in zip(first, second, strict=True))


SIZES = [
    (1, 1, 1), (2, 3, 5), (1, 200, 9), (200, 1, 7), (9, 33, 17), (7, 16, 384), (6, 197, 8), (13, 200, 9),
    (14, 255, 386), (20, 47, 385), (31, 513, 1), (180, 100, 900), (505, 17, 3), (509, 200, 391),
]  # fmt: skip
"""Rows, columns and terms around the sizes of tiles, vectors, panels and blocks, the left factor packed or not."""


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("transposed", [(False, False), (False, True), (True, False), (True, True)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_matrix_products_are_those_of_torch(
    sizes: tuple[int, int, int], transposed: tuple[bool, bool], dtype: torch.dtype
) -> None:
    rows, columns, depth = sizes
    generator = torch.Generator().manual_seed(rows)
    shapes = [(rows, depth), (depth, columns)]
    left, right = (
        torch.randn(shape[::-1] if turned else shape, generator=generator, dtype=dtype)
        for shape, turned in zip(shapes, transposed, strict=True)
    )
    left, right = left.t() if transposed[0] else left, right.t() if transposed[1] else right
    library, out = library_for(left), torch.full((rows, columns), torch.nan, dtype=dtype)
    assert library is not None
    multiply(library, left, right, out)
    exact = left.double() @ right.double()
    rounding = 4 * torch.finfo(dtype).eps * float((left.double().abs() @ right.double().abs()).max())
    torch.testing.assert_close(out.double(), exact, rtol=0, atol=rounding)
    multiply(library, left, right, out, more=True)
    torch.testing.assert_close(out.double(), 2 * exact, rtol=0, atol=2 * rounding)


@pytest.mark.parametrize("count", [1, 15, 16, 1024, 5000])
def test_masks_are_the_bits_of_numpys_philox(count: int) -> None:
    draws = Draws(2**40 + 3, "dropout")
    keys = DropoutKeys(draws.seed, place_number("dropout"), 17, 2, 20000, 1.0)
    kept = np.empty(count, dtype=np.uint8)
    assert SINGLE is not None
    SINGLE.draw_kept(keys, place_number("layer.1.output"), count, kept.ctypes.data_as(ctypes.c_void_p))
    np.testing.assert_array_equal(kept, draws.levels("layer.1.output", count, step=17, call=2) >= 20000)


@pytest.mark.parametrize(
    "name", ["word_embeddings", "layer.1.attention.self.key", "layer.2.output.dense", "classifier"]
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_nan_in_a_weight_makes_the_loss_nan(name: str, dtype: torch.dtype) -> None:
    case = Case("bert", dtype, dropout=0.1)
    for weight in (tensor for key, tensor in case.weights.items() if name in key and key.endswith("weight")):
        weight.data.fill_(float("nan"))
    assert cross_entropy(case.logits(), case.batch.labels).isnan().all()


def test_an_id_outside_the_word_table_is_an_error() -> None:
    case = Case("bert", torch.float32, dropout=0.0)
    case.batch.ids[0, 3] = tiny.VOCABULARY
    with pytest.raises(IndexError, match="outside its embedding table"):
        case.logits()


WITH_PASSES = (
    "mixout", "lora", "lp-ft", "recadam", "ema", "swa", "pretrained-decay", "l2-sp", "child-tuning-f", "child-tuning-d",
    "bema", "bitfit", "gradual-unfreezing", "lora-plus", "dora",
)  # fmt: skip
"""Strategies that ask the kernel for more than loss and gradients of all weights."""


@pytest.mark.parametrize(
    ("kind", "names"),
    [(kind, names) for kind in KINDS for names in ("", "mixout")]
    + [("bert", name) for name in WITH_PASSES[1:]]
    + [("albert", "lora"), ("bert", "lp-ft mixout l2-sp"), ("bert", "lora mixout"), ("bert", "lp-ft child-tuning-f")],
)
def test_a_training_is_the_same_with_and_without_the_kernel(
    kind: str, names: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    strategies = tuple((found(), found.Options()) for found in map(STRATEGIES.load, names.split()))
    inputs = tiny.inputs(kind, strategies=strategies, examples=48, epochs=2.0)
    (ours,) = train(inputs, tiny.seeds(4))
    monkeypatch.setenv("STABBENCH_KERNEL", "off")
    (theirs,) = train(inputs, tiny.seeds(4))
    assert ours.data["result_digest"] != theirs.data["result_digest"], "both were computed by the same path"
    for table in ("history.parquet", "gradnorms.parquet"):
        numbers = [result.tables[table].select_dtypes("number").to_numpy(float) for result in (ours, theirs)]
        np.testing.assert_allclose(numbers[0], numbers[1], rtol=0, atol=1e-9)
    assert_equal(dict(ours.weights), dict(theirs.weights), 1e-9)


def test_without_a_compiler_there_is_no_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)
    assert compilation.compile_library(tmp_path, "float") is None


def test_a_compiler_that_fails_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "false")
    assert compilation.compile_library(tmp_path / "cache", "float") is None
    assert list((tmp_path / "cache").iterdir()) == []


def test_the_library_is_compiled_at_first_use_and_found_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(compilation, "FLAGS", [flag for flag in compilation.FLAGS if flag != "-O3"])  # in a few seconds
    assert compilation.load.__wrapped__("float") is not None
    (built,) = (tmp_path / "stabbench").iterdir()
    monkeypatch.setenv("CC", "false")
    assert compilation.load.__wrapped__("float") is not None
    assert [built] == list((tmp_path / "stabbench").iterdir())


def test_memory_is_lent_again_only_when_nobody_holds_it() -> None:
    blocks = Blocks()
    first, second = blocks.lend(1000), blocks.lend(1000)
    addresses = first.ctypes.data, second.ctypes.data
    assert addresses[0] % 64 == addresses[1] % 64 == 0
    assert addresses[0] != addresses[1]
    tensor = torch.from_numpy(first)[10:20]
    del first
    assert blocks.lend(1000).ctypes.data not in addresses
    del tensor
    assert addresses[0] in {lent.ctypes.data for lent in [blocks.lend(900), blocks.lend(900)]}
