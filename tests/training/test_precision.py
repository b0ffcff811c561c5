"""A precision is had where the device has it, and leaves torch's own settings as they were."""

from __future__ import annotations

import pytest
import torch

from stabbench.errors import UserError
from stabbench.training.loop import train
from stabbench.training.precision import matrix_products
from tests import tiny


def test_tf32_on_a_cpu_is_refused_before_any_work() -> None:
    inputs = tiny.inputs(precision="tf32")
    with pytest.raises(UserError, match="found precision 'tf32' on device 'cpu', expected a CUDA device"):
        train(inputs, tiny.seeds(1))


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_cuda_where_torch_sees_no_gpu_is_refused() -> None:
    with pytest.raises(UserError, match="torch sees no GPU"):
        train(tiny.inputs(), tiny.seeds(1), device=torch.device("cuda"))


@pytest.mark.parametrize(("precision", "setting"), [("fp32", "highest"), ("bf16", "highest"), ("tf32", "high")])
def test_products_have_the_precision_of_the_recipe_and_settings_come_back(precision: str, setting: str) -> None:
    before = torch.get_float32_matmul_precision()
    settings = torch.backends.cuda.matmul
    reduced = settings.allow_bf16_reduced_precision_reduction
    with matrix_products(precision):
        assert torch.get_float32_matmul_precision() == setting
        assert settings.fp32_precision == ("tf32" if precision == "tf32" else "ieee")
        assert not settings.allow_bf16_reduced_precision_reduction
    assert torch.get_float32_matmul_precision() == before
    assert settings.allow_bf16_reduced_precision_reduction == reduced


def test_bf16_runs_on_a_cpu_close_to_fp32_and_repeats_itself() -> None:
    losses = {}
    for precision in ("fp32", "bf16"):
        (result,) = train(tiny.inputs(precision=precision), tiny.seeds(3))
        (again,) = train(tiny.inputs(precision=precision), tiny.seeds(3))
        assert result.data["result_digest"] == again.data["result_digest"]
        losses[precision] = result.tables["history.parquet"]["train_loss"]
    difference = (losses["bf16"] - losses["fp32"]).abs().max()
    assert 1e-6 < difference < 0.05
    assert losses["bf16"].iloc[-1] < 0.7 * losses["bf16"].iloc[0]
