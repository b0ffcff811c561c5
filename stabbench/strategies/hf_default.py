"""What the Trainer of `transformers` does where nothing is set."""

from __future__ import annotations

from stabbench.strategies.contract import Strategy


class HuggingFaceDefault(Strategy):
    """The defaults of `TrainingArguments` in transformers 5: no warm-up, linear decay to 0, AdamW in torch's formula.

    ε = 1e-8 is added to the corrected √v, and nothing decays. The rate is Hugging Face's own, not the model's of
    params.yaml, and so is the batch size; dropout and everything else are the model's.
    """

    description = "Hugging Face Trainer's defaults: 3 epochs, lr 5e-5, batch 8, no warm-up, no decay"
    reference = "transformers 5, TrainingArguments"
    recipe = {
        "learning_rate": 5e-5,
        "epochs": 3.0,
        "batch_size": 8,
        "warmup_ratio": 0.0,
        "bias_correction": True,
        "adam_beta1": 0.9,
        "adam_beta2": 0.999,
        "adam_epsilon": 1e-8,
        "adam_formula": "torch",
        "weight_decay": 0.0,
        "max_grad_norm": 1.0,
    }
