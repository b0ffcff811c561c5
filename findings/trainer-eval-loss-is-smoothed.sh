#!/usr/bin/env bash
# transformers 5.23.0 with accelerate 1.15.0 and torch 2.13.0: label_smoothing_factor smooths the labels of the evaluation, too.
#
# Behaviour: Trainer.evaluate and predict smooth as training does, so that eval_loss is no cross-entropy of the dev set: the same weights have
# another eval_loss by another factor, recipes that smooth differently cannot be compared by it, and with metric_for_best_model unset
# (which means eval_loss) load_best_model_at_end keeps the less certain of two checkpoints that are both right. The argument's
# documentation speaks of labels without saying of which; torch users would expect a training-time regulariser.
#
# Output seen, of two classifiers that are always right:
#   factor 0.0: eval_loss 0.1269 (logits 2 apart), 0.0025 (logits 6 apart)
#   factor 0.1: eval_loss 0.2269 (logits 2 apart), 0.3025 (logits 6 apart)
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check torch==2.13.0 transformers==5.23.0 accelerate==1.15.0 2>pip.log ||
  { cat pip.log >&2; exit 2; }
cat >smoothed.py <<'PYTHON'
import math
import sys
import tempfile
from types import SimpleNamespace

import torch
from transformers import Trainer, TrainingArguments
from transformers.utils import logging

logging.set_verbosity_error()
EXAMPLES = [{"side": float(2 * label - 1), "labels": label} for label in (0, 1, 1, 0, 1, 0)]


class Right(torch.nn.Module):
    """Always right, with logits that lie `apart`."""

    def __init__(self, apart):
        super().__init__()
        self.config = SimpleNamespace(problem_type=None)
        self.gap = torch.nn.Parameter(torch.tensor(apart / 2))

    def forward(self, side, labels=None):
        logits = torch.stack([-side, side], dim=1) * self.gap
        loss = None if labels is None else torch.nn.functional.cross_entropy(logits, labels)
        return {"loss": loss, "logits": logits} if loss is not None else {"logits": logits}


def eval_loss(apart, factor):
    with tempfile.TemporaryDirectory() as out:
        arguments = TrainingArguments(out, label_smoothing_factor=factor, use_cpu=True, report_to="none", disable_tqdm=True)
        return Trainer(Right(apart), arguments, eval_dataset=EXAMPLES).evaluate()["eval_loss"]


found = {factor: [eval_loss(apart, factor) for apart in (2.0, 6.0)] for factor in (0.0, 0.1)}
for factor, (near, far) in found.items():
    print(f"factor {factor}: eval_loss {near:.4f} (logits 2 apart), {far:.4f} (logits 6 apart)")
plain = [math.log1p(math.exp(-apart)) for apart in (2, 6)]
smoothed = [loss + 0.1 / 2 * apart for loss, apart in zip(plain, (2, 6))]
as_told = all(
    math.isclose(one, other, abs_tol=1e-5)
    for one, other in zip([*found[0.0], *found[0.1]], [*plain, *smoothed])
)
sys.exit(0 if as_told and found[0.0][0] > found[0.0][1] and found[0.1][0] < found[0.1][1] else 1)
PYTHON
venv/bin/python -W ignore smoothed.py | grep factor
