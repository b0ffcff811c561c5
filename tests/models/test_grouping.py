"""Modules of transformers are called for texts of like length, which changes neither masks nor logits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from stabbench.models.batch import make_batch
from stabbench.models.device_draws import DeviceDraws
from stabbench.models.dropout import DeviceDropout, Dropout
from stabbench.models.families import encoder_of
from stabbench.models.families.huggingface import encoder as module_encoder
from stabbench.models.families.huggingface.grouping import Costs, groups_of
from stabbench.models.families.huggingface.reading import read as huggingface_architecture
from stabbench.randomness import Draws
from tests import tiny

CPU = torch.device("cpu")
DRAWS = [Draws(1, "dropout")]


@pytest.mark.parametrize("kind", ["mpnet", "deberta-v2", "electra"])
@pytest.mark.parametrize("dropout", ["host", "device"])
def test_groups_and_padding_change_neither_masks_nor_logits(
    kind: str, dropout: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of texts in groups by length, all at once, and in groups that are padded with more texts between."""
    model = tiny.hugging_face_model(kind)
    encoder = encoder_of(huggingface_architecture(model.config.to_dict(), 2))
    weights, six = tiny.stacked(model), np.array([0, 7, 3, 1, 5, 6])
    batch = make_batch(tiny.texts(8, seed=1), [six], torch.float64, CPU)
    assert len(set(batch.lengths[0])) > 4
    number = torch.tensor(5)
    given = Dropout(0.3, DRAWS, 5) if dropout == "host" else DeviceDropout(0.3, DeviceDraws(DRAWS, CPU), number)
    found = []
    for groups in ([range(6)], [[1, 2], [0, 3, 4, 5]], [[5, 1, 3], [4, 2, 0]]):
        chosen = [np.array(group) for group in groups]
        monkeypatch.setattr(module_encoder, "groups_of", lambda *given, chosen=chosen: chosen)
        states = encoder.hidden_states(weights, batch, given, first_only=False)
        found.append((encoder.classify(weights, batch, given), states))
    for logits, states in found[1:]:
        torch.testing.assert_close(logits, found[0][0], rtol=0, atol=1e-12)
        torch.testing.assert_close(states, found[0][1], rtol=0, atol=1e-12)


@pytest.mark.parametrize("count", [1, 2, 3, 16])
def test_groups_hold_each_text_once_and_at_least_two_of_them(count: int) -> None:
    lengths = np.random.default_rng(count).integers(3, 128, count)
    for call in (0.0, 1e2, 1e9):
        groups = groups_of(lengths, Costs(token=1.0, pair=0.01, call=call))
        assert sorted(np.concatenate(groups).tolist()) == list(range(count))
        assert all(len(group) >= min(2, count) for group in groups)
    assert len(groups) == 1


def test_groups_cost_least_of_all_cuts_by_length() -> None:
    lengths, costs = np.array([90, 5, 33, 8, 35, 120, 7]), Costs(token=1.0, pair=0.02, call=60.0)

    def cost(parts: list[Any]) -> float:
        sizes = [(len(part), int(max(part))) for part in parts]
        return sum(costs.call + many * longest * (costs.token + costs.pair * longest) for many, longest in sizes)

    in_order, best = np.sort(lengths), cost([lengths])
    for cuts in range(1 << 6):
        places = [place + 1 for place in range(6) if cuts >> place & 1]
        parts = np.split(in_order, places)
        if min(map(len, parts)) >= 2:
            best = min(best, cost(parts))
    groups = groups_of(lengths, costs)
    assert len(groups) > 1
    assert cost([lengths[group] for group in groups]) == pytest.approx(best)
