"""What perplexities with layers put back say: how much was forgotten, and how many layers bring it back."""

from __future__ import annotations

from collections.abc import Sequence

REMAINS = 0.5


def layers_to_recover(losses: Sequence[float], reference: float, remains: float = REMAINS) -> int | None:
    """The smallest k from which on at most the share `remains` of the loss over the reference is left.

    `losses[k]` is the masked-LM loss (nats) with the top k layers put back, `reference` the pretrained model's. None
    where the loss never comes so far down, or where nothing was forgotten.
    """
    excess = losses[0] - reference
    if not excess > 0:
        return None
    over = [k for k, loss in enumerate(losses) if not loss - reference <= remains * excess]
    last = over[-1] if over else -1
    return last + 1 if last + 1 < len(losses) else None
