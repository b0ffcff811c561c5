"""What makes the benchmark's figures comparable: the same batches for everybody, and counts that are right."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.gemm import Products, product_operations, step_operations
from benchmarks.lean_rival import Batches
from benchmarks.machine import OtherProcesses
from benchmarks.ours import Job, stream_seeds, training_inputs
from benchmarks.shapes import MODERN, SHAPES, Shape
from benchmarks.texts import BATCH_SIZE, CLS, DISTRIBUTIONS, LEVELS, SEP, TaskTexts, drawn, of_length
from benchmarks.trainer_rival import ordered_dataset
from stabbench.training.loop import Training

TINY = Shape("tiny", 1, 16, 2, 32, steps=1)


@pytest.fixture(scope="module")
def texts() -> TaskTexts:
    known = DISTRIBUTIONS["rte"]
    return TaskTexts("rte", drawn(known, 100, seed=1), drawn(known, 20, seed=2), "drawn")


@pytest.mark.parametrize("step", [0, 5])
def test_all_contenders_train_on_the_same_batches(texts: TaskTexts, step: int) -> None:
    training = Training(training_inputs(Job(TINY, texts)), [stream_seeds(7)], torch.device("cpu"))
    batch = training.parts.batch(step)
    assert training.parts.cut is not None
    ours = training.parts.cut.kept[batch.ids[0, : batch.tokens[0]].numpy()]

    lean = Batches(texts).batch(step)
    mask = lean["attention_mask"].bool()
    rows = ordered_dataset(texts, pad_to=None)[step * BATCH_SIZE : (step + 1) * BATCH_SIZE]
    padded = ordered_dataset(texts, pad_to=128)[step * BATCH_SIZE : (step + 1) * BATCH_SIZE]

    np.testing.assert_array_equal(lean["input_ids"][mask].numpy(), ours)
    np.testing.assert_array_equal(lean["token_type_ids"][mask].numpy(), batch.segments[0].numpy())
    np.testing.assert_array_equal(np.concatenate(rows["input_ids"]), ours)
    np.testing.assert_array_equal(np.array(padded["input_ids"])[np.array(padded["attention_mask"]) == 1], ours)
    assert {len(row) for row in padded["input_ids"]} == {128}
    assert batch.labels[0].tolist() == lean["labels"].tolist() == rows["label"] == padded["label"]
    assert texts.batch_lengths(step).sum() == len(ours)


def test_two_processes_of_ours_train_different_seeds_on_the_same_batches(texts: TaskTexts) -> None:
    inputs = training_inputs(Job(TINY, texts))
    first, second = (Training(inputs, [stream_seeds(number)], torch.device("cpu")) for number in (1, 2))
    assert torch.equal(first.parts.batch(3).ids, second.parts.batch(3).ids)
    heads = [training.start().weights["classifier.weight"] for training in (first, second)]
    assert not torch.equal(*heads)


@pytest.mark.parametrize("name", SHAPES)
def test_the_operations_of_a_step_are_those_of_its_linear_layers_and_of_attention(name: str) -> None:
    length, hidden, heads = 11, SHAPES[name].hidden_size, SHAPES[name].heads
    texts = TaskTexts("", of_length(length, 64, seed=1), of_length(length, 16, seed=2), "drawn")
    job = Job(SHAPES[name], texts)
    tokens = BATCH_SIZE * length
    scores = (SHAPES[name].layers - 1) * BATCH_SIZE * length**2 + BATCH_SIZE * length * heads
    attention = 3 * 2 * 2 * scores * hidden
    layer = 4 * hidden**2 + 2 * hidden * SHAPES[name].intermediate_size
    weights = ((SHAPES[name].layers - 1) * layer * tokens, (layer + hidden**2 + 2 * hidden) * BATCH_SIZE)
    assert product_operations(job.shape.architecture(), tokens) == 3 * 2 * sum(weights)
    assert step_operations(job, 0) == 3 * 2 * sum(weights) + attention


@pytest.mark.parametrize("shape", [TINY, MODERN["modernbert-256"]], ids=lambda shape: shape.name)
def test_the_products_alone_are_as_many_operations_as_are_counted(shape: Shape) -> None:
    architecture = shape.architecture()
    with FlopCounterMode(display=False) as counter:
        Products(architecture, 200).step(150)
    assert counter.get_total_flops() == product_operations(architecture, 150)


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc/stat")
def test_a_process_counts_as_another_one_until_it_is_ours_and_has_ended() -> None:
    others = OtherProcesses()
    work = "import time\nwhile time.process_time() < 0.6: pass"
    process = subprocess.Popen([sys.executable, "-c", work])
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    before = others.share()
    process.wait()
    after = others.share()
    assert before is not None
    assert after is not None
    assert 0 <= after < before <= 1


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_drawn_texts_have_the_lengths_and_the_frame_of_the_data_set(name: str) -> None:
    known = DISTRIBUTIONS[name]
    texts = drawn(known, known.train, seed=3)
    np.testing.assert_allclose(np.quantile(texts.lengths, LEVELS), known.lengths, rtol=0.15, atol=1)
    assert set(texts.ids[texts.offsets[:-1]]) == {CLS}
    assert set(texts.ids[texts.offsets[1:] - 1]) == {SEP}
    assert set(texts.segments) == ({0, 1} if known.pair else {0})
    assert len(texts.ids) == len(texts.segments) == texts.lengths.sum()
    assert 0.7 * known.pieces < len(np.unique(texts.ids)) <= known.pieces + 2
