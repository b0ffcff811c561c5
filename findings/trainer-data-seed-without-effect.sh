#!/usr/bin/env bash
# transformers 5.23.0 with accelerate 1.15.0 and torch 2.13.0: TrainingArguments(data_seed=…) has no effect without the seedable sampler.
#
# Behaviour: with accelerator_config={"use_seedable_sampler": False}, torch's own sampler draws the orders from the seed that `seed` set;
# data_seed is taken, saved with the arguments and read by nobody, without a word. Its documentation calls it the "random seed to be used
# with data samplers". Who keeps `seed` and varies data_seed to measure the variance that comes from the data order measures 0.
#
# Output seen:
#   seedable sampler: 4 orders of 4 data seeds
#   torch's sampler: 1 order of 4 data seeds
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check torch==2.13.0 transformers==5.23.0 accelerate==1.15.0 2>pip.log ||
  { cat pip.log >&2; exit 2; }
cat >data_seeds.py <<'PYTHON'
import sys
import tempfile

import torch
from transformers import Trainer, TrainingArguments
from transformers.utils import logging

logging.set_verbosity_error()


class Shown(torch.nn.Module):
    """Keeps the numbers of the examples in the order of training."""

    def __init__(self):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.ones(1))
        self.order = ()

    def forward(self, number):
        self.order += tuple(int(value) for value in number)
        return {"loss": (self.scale * number).mean()}


def order(data_seed, seedable):
    model = Shown()
    with tempfile.TemporaryDirectory() as out:
        arguments = TrainingArguments(
            out, seed=7, data_seed=data_seed, accelerator_config={"use_seedable_sampler": seedable}, max_steps=3,
            per_device_train_batch_size=4, use_cpu=True, report_to="none", save_strategy="no", logging_strategy="no",
            disable_tqdm=True,
        )
        Trainer(model, arguments, train_dataset=[{"number": float(number)} for number in range(12)]).train()
    return model.order


found = {seedable: len({order(data_seed, seedable) for data_seed in (1, 10, 100, 1000)}) for seedable in (True, False)}
print(f"seedable sampler: {found[True]} orders of 4 data seeds")
print(f"torch's sampler: {found[False]} order of 4 data seeds")
sys.exit(0 if found == {True: 4, False: 1} else 1)
PYTHON
venv/bin/python -W ignore data_seeds.py | grep -v train_runtime
