"""NoisyTune as Wu et al. define it (PROTOCOL, section 4)."""

from __future__ import annotations

import pytest
import torch

from stabbench.models.weights import initial_weights
from stabbench.randomness import Draws
from stabbench.strategies.noisytune import NoisyTune, NoisyTuneOptions
from stabbench.training.loop import Training, train
from tests import tiny

STRATEGIES = ((NoisyTune(), NoisyTuneOptions(intensity=0.4)),)


@pytest.mark.parametrize("kind", ["bert", "roberta", "albert"])
def test_every_pretrained_tensor_gets_uniform_noise_of_its_own_deviation(kind: str) -> None:
    inputs = tiny.inputs(kind, strategies=STRATEGIES)
    weights = Training(inputs, tiny.seeds(3, 4), torch.device("cpu")).start().weights
    for run, seed in enumerate((3, 4)):
        start = initial_weights(inputs.pretrained, inputs.architecture, seed, torch.float64)
        for name, value in start.items():
            expected = value
            if name in inputs.pretrained:
                draws = torch.from_numpy(Draws(seed, "strategy").uniform(f"0:{name}", value.shape))
                mean = value.sum() / value.numel()
                deviation = ((value - mean).square().sum() / (value.numel() - 1)).sqrt()
                expected = value + (0.4 * draws - 0.2) * deviation
            torch.testing.assert_close(weights[name][run].detach(), expected, rtol=0, atol=1e-12)


def test_embeddings_that_no_text_uses_are_noisy_in_the_final_weights_too() -> None:
    inputs = tiny.inputs(strategies=STRATEGIES, weight_decay=0.0, epochs=1.0)
    used = set(inputs.train.ids) | set(inputs.dev.ids)
    name = "bert.embeddings.word_embeddings.weight"
    (result,) = train(inputs, tiny.seeds(1))
    unused = [row for row in range(tiny.VOCABULARY) if row not in used]
    assert unused
    changed = (result.weights[name] - inputs.pretrained[name])[unused].abs()
    deviation = inputs.pretrained[name].std()
    assert (changed > 0).all()
    assert (changed <= 0.2 * deviation).all()


def test_the_default_is_the_protocols() -> None:
    assert NoisyTuneOptions() == NoisyTuneOptions(intensity=0.15)
    with pytest.raises(ValueError, match="intensity"):
        NoisyTuneOptions(intensity=-0.1)
