#!/usr/bin/env bash
# transformers 5.23.0 (torch 2.13.0, CPU): a ModernBERT in float64 rounds its queries and keys to float32 in every layer.
#
# Behaviour: the rotation of ModernBERT's queries and keys begins with .float(), whatever the model's type, and what comes of it is turned back
# into float64. One expects model.double() to compute in double precision, as BERT does: then numerical derivatives agree with autograd's to
# many digits, and another implementation can be compared to 1e-10. Here a change of a weight by 1e-8 moves the queries in steps of float32, so
# that derivatives by differences are wrong in their first digits, and logits agree to about 1e-7 at the best.
#
# Output seen (the derivative of a sum of logits along one random direction of the first layer's query and key weights):
#   bert: autograd and differences of 1e-8 agree
#   modernbert: autograd and differences of 1e-8 do not agree
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check torch==2.13.0 transformers==5.23.0 2>pip.log ||
  { cat pip.log >&2; exit 2; }
cat >derivatives.py <<'PYTHON'
import sys
import torch
from transformers import BertConfig, BertForSequenceClassification, ModernBertConfig, ModernBertForSequenceClassification

SIZES = {"vocab_size": 20, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32, "pad_token_id": 0}
SPECIAL = dict.fromkeys(("bos_token_id", "eos_token_id", "cls_token_id", "sep_token_id"), 1)
MODELS = {
    "bert": (BertForSequenceClassification, BertConfig(**SIZES), "bert.encoder.layer.0.attention.self.query.weight"),
    "modernbert": (ModernBertForSequenceClassification, ModernBertConfig(**SIZES, **SPECIAL), "model.layers.0.attn.Wqkv.weight"),
}
STEP = 1e-8


def agreement(name):
    torch.manual_seed(1)
    kind, config, tensor = MODELS[name]
    model = kind(config).double().eval()
    weight = dict(model.named_parameters())[tensor]
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.normal_(std=0.3)
    direction = torch.randn_like(weight)
    direction[2 * SIZES["hidden_size"] :] = 0  # values are not turned
    ids = torch.randint(2, 20, (2, 9))

    def loss():
        return (model(ids).logits * torch.tensor([1.0, -1.0])).sum()

    exact = (torch.autograd.grad(loss(), weight)[0] * direction).sum().item()
    with torch.no_grad():
        weight.add_(STEP * direction)
        above = loss().item()
        weight.sub_(2 * STEP * direction)
        below = loss().item()
    return abs((above - below) / (2 * STEP) - exact) / abs(exact)


found = {name: agreement(name) for name in MODELS}
for name, error in found.items():
    print(f"{name}: autograd and differences of {STEP:g} {'agree' if error < 1e-4 else 'do not agree'}")
sys.exit(not (found["bert"] < 1e-4 and found["modernbert"] > 1e-2))
PYTHON
venv/bin/python derivatives.py
