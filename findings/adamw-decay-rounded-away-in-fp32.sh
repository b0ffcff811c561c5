#!/usr/bin/env bash
# torch 2.13.0 (CPU): AdamW's weight decay changes no fp32 weight at all where lr x weight_decay is below 2^-25, 3e-8.
#
# Behaviour: decoupled decay multiplies a weight by 1 - lr x weight_decay, which fp32 rounds to 1 below that bound. So with lr 2e-5 a
# weight_decay of 1e-3 is the same as 0, bit for bit, for ever; and the usual 1e-2 stops acting where the schedule falls below 3e-6,
# which are the last 15 % of a linear one from 2e-5 and the first 15 % of its warm-up. Nothing warns; foreach makes no difference. One
# expects 10,000 updates at 2e-5 and 1e-3 to take 0.02 % of every weight.
#
# Output seen (weights are N(0, 0.05^2), gradients 0, 10,000 updates):
#   foreach=False lr=2e-05 weight_decay=0.001: expected to lose 0.0200 %, lost 0.0000 %, no bit changed: True
#   foreach=False lr=2e-06 weight_decay=0.01: expected to lose 0.0200 %, lost 0.0000 %, no bit changed: True
#   foreach=False lr=2e-05 weight_decay=0.01: expected to lose 0.1998 %, lost 0.1886 %, no bit changed: False
#   (and the same for foreach=True)
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check torch==2.13.0 2>pip.log || { cat pip.log >&2; exit 2; }
cat >decay.py <<'PYTHON'
import sys

import torch

torch.set_num_threads(1)
UPDATES = 10_000
as_seen = True
for foreach in (False, True):
    for lr, decay, dead in ((2e-5, 1e-3, True), (2e-6, 1e-2, True), (2e-5, 1e-2, False)):
        torch.manual_seed(0)
        weight = torch.nn.Parameter(torch.randn(1000) * 0.05)
        before = weight.detach().clone()
        optimizer = torch.optim.AdamW([weight], lr=lr, weight_decay=decay, foreach=foreach)
        weight.grad = torch.zeros_like(weight)
        for _ in range(UPDATES):
            optimizer.step()
        expected = 1 - (1 - lr * decay) ** UPDATES
        lost = 1 - (weight.detach() / before).double().mean().item()
        same = torch.equal(weight.detach(), before)
        as_seen &= same is dead
        print(
            f"foreach={foreach} lr={lr:g} weight_decay={decay:g}: expected to lose {expected:.4%}, lost {lost:.4%}, "
            f"no bit changed: {same}".replace("%", " %")
        )
sys.exit(0 if as_seen else 1)
PYTHON
venv/bin/python -W ignore decay.py
