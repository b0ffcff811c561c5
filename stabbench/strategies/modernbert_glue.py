"""How the authors of ModernBERT fine-tune it on GLUE."""

from __future__ import annotations

from stabbench.strategies.contract import Strategy


class ModernBertGlue(Strategy):
    """The notebook in the authors' repository: 8e-5, batches of 32, 2 epochs, linear decay to 0 without warm-up.

    AdamW in torch's formula with β = (0.9, 0.98), ε = 1e-6 and a decay of 8e-6, clipped at the Trainer's 1.0. The decay
    is the one that the notebook sets and does not hand to its Trainer, which has none then: an update at the peak takes
    6e-10 of a weight. Rate and batch size go over the model's. What is left out: the notebook multiplies in bfloat16
    (`recipe: {precision: bf16}` does), keeps the epoch that did best on the dev set, where a record here is that of
    the last update, and sets no seed.
    """

    description = "ModernBERT's recipe for GLUE: 2 epochs, lr 8e-5, batch 32, β2 0.98, no warm-up"
    reference = "Warner et al. (2024), examples/finetune_modernbert_on_glue.ipynb"
    recipe = {
        "learning_rate": 8e-5,
        "epochs": 2.0,
        "batch_size": 32,
        "warmup_ratio": 0.0,
        "bias_correction": True,
        "adam_beta1": 0.9,
        "adam_beta2": 0.98,
        "adam_epsilon": 1e-6,
        "adam_formula": "torch",
        "weight_decay": 8e-6,
        "max_grad_norm": 1.0,
    }
