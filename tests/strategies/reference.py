"""Training once more, plainly: Hugging Face's own model, padded batches, AdamW by the paper's equations."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedModel, get_linear_schedule_with_warmup

from stabbench.models.weights import initial_weights
from stabbench.randomness import Draws
from stabbench.training.inputs import TrainingInputs
from stabbench.training.outcome import RunResult
from tests import tiny

Gradients = dict[str, Tensor]


def model_at_the_start(inputs: TrainingInputs, seed: int) -> PreTrainedModel:
    """The run's model before training, without dropout."""
    model = tiny.hugging_face_model(inputs.architecture.name)
    start = initial_weights(inputs.pretrained, inputs.architecture, seed, torch.float64)
    model.load_state_dict(start, strict=False)
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    return model


def batches(inputs: TrainingInputs, seed: int) -> Iterator[dict[str, Tensor]]:
    """What the run sees at its updates, one after the other, with labels."""
    size, examples = inputs.recipe.batch_size, len(inputs.train)
    for epoch in range(int(inputs.recipe.epochs)):
        order = Draws(seed, "order").permutation("examples", examples, epoch)
        for chosen in np.split(order, range(size, examples, size)):
            labels = torch.from_numpy(inputs.train.labels[chosen])
            yield {**tiny.padded(inputs.train, chosen, inputs.architecture.padding_id), "labels": labels}


def gradients(model: PreTrainedModel, loss: Tensor) -> Gradients:
    """The gradient of every parameter by name."""
    names, parameters = zip(*model.named_parameters(), strict=True)
    return dict(zip(names, torch.autograd.grad(loss, parameters), strict=True))


def train_plainly(
    inputs: TrainingInputs,
    seed: int,
    *,
    model: PreTrainedModel | None = None,
    penalty: Callable[[PreTrainedModel], Tensor | float] = lambda model: 0.0,
    change: Callable[[Gradients, int], None] = lambda gradients, update: None,
    factor: Callable[[str], float] = lambda name: 1.0,
    finish: Callable[[PreTrainedModel, float], None] = lambda model, rate: None,
) -> tuple[list[float], PreTrainedModel]:
    """Losses and the trained model.

    `penalty` is added to the loss, `change` alters clipped gradients, `factor` multiplies a tensor's rate, `finish`
    runs after each update, which had the given rate.
    """
    recipe = inputs.recipe
    model = model or model_at_the_start(inputs, seed)
    moments = {name: [torch.zeros_like(p), torch.zeros_like(p)] for name, p in model.named_parameters()}
    seen = list(batches(inputs, seed))
    total, losses = len(seen), []
    warmup = int(recipe.warmup_ratio * total)
    for update, batch in enumerate(seen):
        loss = model(**batch).loss + penalty(model)
        losses.append(float(loss.detach()))
        found = gradients(model, loss)
        norm = torch.stack([gradient.norm() for gradient in found.values()]).norm()
        for gradient in found.values():
            gradient.mul_(min(1.0, (recipe.max_grad_norm or 1e9) / (float(norm) + 1e-6)))
        change(found, update)
        rate = recipe.learning_rate * (update / warmup if update < warmup else (total - update) / (total - warmup))
        correction = (1 - 0.999 ** (update + 1)) ** 0.5 / (1 - 0.9 ** (update + 1)) if recipe.bias_correction else 1.0
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                first, second = moments[name]
                first.mul_(0.9).add_(found[name], alpha=0.1)
                second.mul_(0.999).addcmul_(found[name], found[name], value=0.001)
                own = rate * factor(name)
                parameter.sub_(own * correction * first / (second.sqrt() + recipe.adam_epsilon))
                if parameter.dim() == 2:
                    parameter.mul_(1 - own * recipe.weight_decay)
            finish(model, rate)
    return losses, model


def check_equal(result: RunResult, losses: list[float], model: PreTrainedModel) -> None:
    """Losses of all updates and final weights agree, and the training did learn."""
    found = result.tables["history.parquet"]["train_loss"].to_numpy()
    np.testing.assert_allclose(found, losses, rtol=0, atol=1e-9)
    assert min(losses) < 0.9 * losses[0]
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(result.weights[name], parameter.detach(), rtol=0, atol=1e-8, msg=name)


def trainers_losses(
    model: PreTrainedModel, seen: Sequence[dict[str, Tensor]], optimizer: torch.optim.Optimizer
) -> list[float]:
    """Train `model` on the batches as transformers' Trainer does: clipped at 1, linear decay without a warm-up."""
    losses = []
    schedule = get_linear_schedule_with_warmup(optimizer, 0, len(seen))
    for batch in seen:
        optimizer.zero_grad()
        loss = model(**batch).loss
        loss.backward()
        losses.append(float(loss.detach()))
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
    return losses
