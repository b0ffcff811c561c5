#!/usr/bin/env bash
# transformers 5.23.0 (accelerate 1.15.0, torch 2.13.0, CPU): with gradient_accumulation_steps k, Trainer trains a sequence classifier with k
# times the gradient, and logs k times the loss.
#
# Behaviour: Trainer leaves out the division by k where the model's forward takes keyword arguments, as it then hands over num_items_in_batch
# by which the loss is to be divided. BertForSequenceClassification takes them and does not: its loss is the mean over each
# part of the batch, and the means are summed. One expects an update on 8 texts at once and on the same 8 texts in two halves of 4 to
# be the same. Adam hides the factor from the step, but not from clipping (max_grad_norm 1.0 clips at 1 / k of what it says), nor from epsilon;
# and recorded losses and gradient norms of a recipe with k passes cannot be laid beside those of one without.
#
# Output seen (one update of a one-layer BERT by SGD on 8 texts):
#   gradient_accumulation_steps 2: gradient x 2.000, logged loss x 2.000
#   gradient_accumulation_steps 4: gradient x 4.000, logged loss x 4.000
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check torch==2.13.0 transformers==5.23.0 accelerate==1.15.0 2>pip.log ||
  { cat pip.log >&2; exit 2; }
cat >accumulation.py <<'PYTHON'
import sys
import torch
from torch.utils.data import Dataset
from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments

torch.set_num_threads(1)
SIZES = {"vocab_size": 20, "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}


class Texts(Dataset):
    def __len__(self):
        return 8

    def __getitem__(self, row):
        return {"input_ids": torch.arange(row, row + 4) % 20, "labels": torch.tensor(row % 2)}


def first_update(passes):
    torch.manual_seed(0)
    dropout = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0, "classifier_dropout": 0.0}
    model = BertForSequenceClassification(BertConfig(**SIZES, **dropout))
    before = model.classifier.weight.detach().clone()
    arguments = TrainingArguments(
        output_dir="out", max_steps=1, per_device_train_batch_size=8 // passes, gradient_accumulation_steps=passes,
        learning_rate=1.0, lr_scheduler_type="constant", optim="sgd", max_grad_norm=0.0, report_to=[], disable_tqdm=True,
        logging_steps=1, save_strategy="no", use_cpu=True, dataloader_pin_memory=False,
    )
    trainer = Trainer(model=model, args=arguments, train_dataset=Texts())
    trainer.train()
    loss = next(entry["loss"] for entry in trainer.state.log_history if "loss" in entry)
    return (before - model.classifier.weight.detach()).norm().item(), float(loss)


whole, loss = first_update(1)
as_seen = True
for passes in (2, 4):
    parts, logged = first_update(passes)
    as_seen &= abs(parts / whole - passes) < 1e-3 and abs(logged / loss - passes) < 1e-3
    print(f"gradient_accumulation_steps {passes}: gradient x {parts / whole:.3f}, logged loss x {logged / loss:.3f}")
sys.exit(0 if as_seen else 1)
PYTHON
venv/bin/python -W ignore accumulation.py 2>/dev/null | grep '^gradient_accumulation_steps'
