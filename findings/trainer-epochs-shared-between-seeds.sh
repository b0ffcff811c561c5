#!/usr/bin/env bash
# transformers 5.23.0 with accelerate 1.15.0 and torch 2.13.0: Trainer runs with neighbouring seeds share their data orders.
#
# Behaviour: the order of an epoch is drawn from seed + epoch, so the second epoch of seed 1 is the first epoch of seed 2, example for
# example. Of three epochs, seeds 1 and 2 have two in common, one epoch apart. One expects that another seed gives another order in
# every epoch; who trains seeds 1 to 25 to measure the spread over data orders draws 27 orders, not 75.
#
# Output seen:
#   seed 1: epochs [5, 4, 2, 6, 7, 3, 1, 0] [0, 4, 7, 2, 6, 5, 1, 3] [2, 4, 3, 5, 1, 0, 6, 7]
#   seed 2: epochs [0, 4, 7, 2, 6, 5, 1, 3] [2, 4, 3, 5, 1, 0, 6, 7] [4, 5, 0, 7, 2, 6, 1, 3]
#   shared, one epoch apart: 2 of 2
#   distinct orders of 25 seeds with 3 epochs each: 27 of 75
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check torch==2.13.0 transformers==5.23.0 accelerate==1.15.0 2>pip.log ||
  { cat pip.log >&2; exit 2; }
cat >orders.py <<'PYTHON'
import sys
import tempfile

import torch
from transformers import Trainer, TrainingArguments
from transformers.utils import logging

logging.set_verbosity_error()


class Numbers(torch.utils.data.Dataset):
    def __len__(self):
        return 8

    def __getitem__(self, index):
        return {"x": float(index)}


class Remembering(torch.nn.Module):
    """A model of one weight that remembers in which order it was shown its examples."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.seen = []

    def forward(self, x):
        self.seen += [int(value) for value in x]
        return {"loss": (self.weight * x).mean()}


def epochs(seed, count=3):
    model = Remembering()
    with tempfile.TemporaryDirectory() as out:
        arguments = TrainingArguments(
            out, seed=seed, num_train_epochs=count, per_device_train_batch_size=4, use_cpu=True, report_to="none",
            save_strategy="no", logging_strategy="no", disable_tqdm=True,
        )
        Trainer(model, arguments, train_dataset=Numbers()).train()
    return [tuple(model.seen[start : start + 8]) for start in range(0, 8 * count, 8)]


runs = {seed: epochs(seed) for seed in range(1, 26)}
for seed in (1, 2):
    print(f"seed {seed}: epochs", *(list(order) for order in runs[seed]))
shared = sum(later == first for later, first in zip(runs[1][1:], runs[2], strict=False))
distinct = len({order for run in runs.values() for order in run})
print(f"shared, one epoch apart: {shared} of 2")
print(f"distinct orders of 25 seeds with 3 epochs each: {distinct} of 75")
sys.exit(0 if (shared, distinct) == (2, 27) else 1)
PYTHON
venv/bin/python -W ignore orders.py | grep -v train_runtime
