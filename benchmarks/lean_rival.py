"""A rival: a lean torch loop around Hugging Face's model, dynamic padding, one seed a process."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor
from torch.nn.utils import clip_grad_norm_
from torch.nn.utils.rnn import pad_sequence
from torch.optim.lr_scheduler import LambdaLR

from benchmarks.contenders import Control
from benchmarks.ours import Job
from benchmarks.texts import BATCH_SIZE, TaskTexts
from stabbench.training.schedule import Schedule


def run_bf16(control: Control, job: Job, number: int) -> None:
    """The same under autocast to bf16."""
    run(control, job, number, bf16=True)


def run(control: Control, job: Job, number: int, *, bf16: bool = False) -> None:
    """Steps of the loop for seed `number`."""
    torch.manual_seed(number + 1)
    model = job.shape.classifier().train()
    recipe, schedule = job.recipe, Schedule.of(job.recipe, len(job.texts.train))
    optimizer = torch.optim.AdamW(
        model.parameters(),
        lr=recipe.learning_rate,
        betas=(recipe.adam_beta1, recipe.adam_beta2),
        eps=recipe.adam_epsilon,
        weight_decay=recipe.weight_decay,
        fused=True,
    )
    scheduler = LambdaLR(optimizer, lambda update: schedule.learning_rate(update) / recipe.learning_rate)
    batches = Batches(job.texts, segments=job.shape.segments)
    control.ready(
        threads=torch.get_num_threads(),
        arguments={
            "model": f"transformers.{type(model).__name__}",
            "attention": model.config._attn_implementation,
            "optimizer": f"torch.optim.AdamW(fused=True), all parameters in one group: {optimizer.defaults}",
            "clipping": f"torch.nn.utils.clip_grad_norm_({recipe.max_grad_norm})",
            "schedule": f"LambdaLR, {recipe.warmup_ratio:.0%} linear warm-up, linear decay, {recipe.epochs:g} epochs",
            "batches": f"{BATCH_SIZE} examples, padded to the longest, tensors made beforehand",
            "precision": "autocast to bf16" if bf16 else "fp32",
        },
    )
    step = 0
    while steps := control.begin():
        for _ in range(steps):
            with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
                loss = model(**batches.batch(step)).loss
            loss.backward()
            clip_grad_norm_(model.parameters(), recipe.max_grad_norm or float("inf"))
            optimizer.step()
            scheduler.step()
            optimizer.zero_grad()
            loss.item()
            step += 1
        control.end()


class Batches:
    """The batches of the first epoch, padded to their longest example."""

    def __init__(self, texts: TaskTexts, *, segments: bool = True) -> None:
        bounds = texts.train.offsets.tolist()
        pieces = [slice(begin, end) for begin, end in pairwise(bounds)]
        self.ids = [torch.from_numpy(texts.train.ids[piece]) for piece in pieces]
        self.segments = [torch.from_numpy(texts.train.segments[piece]) for piece in pieces] if segments else []
        self.labels = torch.from_numpy(texts.train.labels)
        self.order = texts.epoch().tolist()

    def batch(self, step: int) -> dict[str, Tensor]:
        """The arguments of the model for a step."""
        chosen = self.order[step * BATCH_SIZE : (step + 1) * BATCH_SIZE]
        ids = pad_sequence([self.ids[example] for example in chosen], batch_first=True)
        lengths = torch.tensor([len(self.ids[example]) for example in chosen])
        kinds = [self.segments[example] for example in chosen] if self.segments else []
        return {
            "input_ids": ids,
            **({"token_type_ids": pad_sequence(kinds, batch_first=True)} if kinds else {}),
            "attention_mask": (torch.arange(ids.shape[1]) < lengths[:, None]).long(),
            "labels": self.labels[chosen],
        }
