"""A family of models beside transformers' model of the same config, on which the conformance checks look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from torch import Tensor, nn

from stabbench.models.architecture import Architecture
from stabbench.models.batch import Batch, TokenizedTexts, make_batch
from stabbench.models.families.contract import Computation, Family
from stabbench.models.families.huggingface.quiet import quiet_transformers
from stabbench.testing import tiny
from stabbench.testing.suite import expect

LABELS = 3
TOLERANCE = 1e-10
"""Rounding in fp64."""
FOREIGN_TOLERANCE = 1e-6
"""Where transformers rounds a part of some models to fp32, such as ModernBERT's rotations."""
PLACE = "folder/config.json"


@dataclass(frozen=True)
class FamilyTrial:
    """A family, the config of a tiny model of it, which transformers knows too, and fields that it has to refuse."""

    family: type[Family]
    config: Mapping[str, Any]
    wrong: Sequence[Mapping[str, Any]] = ()

    @cached_property
    def made(self) -> Family:
        """An object of it."""
        return self.family()

    @cached_property
    def architecture(self) -> Architecture:
        """What it reads in the config."""
        return self.made.architecture(self.model.config.to_dict(), LABELS, PLACE)

    @cached_property
    def computation(self) -> Computation:
        """What computes it."""
        return self.made.encoder(self.architecture)

    @cached_property
    def model(self) -> Any:
        """Transformers' classifier of the config in fp64, with weights of noticeable size."""
        make: Any = transformers.CONFIG_MAPPING[str(self.config["model_type"])]
        auto: Any = transformers.AutoModelForSequenceClassification
        return _moved(auto.from_config(make(**{**self.config, "num_labels": LABELS})))

    def write(self, folder: Path) -> Path:
        """A pretrained encoder of the config as a folder."""
        auto: Any = transformers.AutoModel
        with quiet_transformers():
            _moved(auto.from_config(self.model.config)).float().save_pretrained(folder)
        return folder

    def weights(self, *runs: int) -> dict[str, Tensor]:
        """Transformers' weights `(S, …)`, a little different in each run."""
        named = dict(self.model.named_parameters())
        return {n: torch.stack([tensor.detach() * (1 + run / 10) for run in runs]) for n, tensor in named.items()}

    def texts(self, *lengths: int, padding_at: int | None = None) -> TokenizedTexts:
        """Random texts, with the padding id at one place of each where that is given."""
        found = tiny.texts(len(lengths), seed=1, labels=LABELS)
        rng, offsets = np.random.default_rng(1), np.concatenate([[0], np.cumsum(lengths)])
        ids = rng.integers(5, min(50, self.architecture.vocabulary_size), size=offsets[-1])
        if padding_at is not None:
            ids[offsets[:-1] + padding_at] = self.architecture.padding_id
        segments = rng.integers(0, min(2, max(1, self.architecture.segments)), size=offsets[-1])
        places = self.made.places(self.architecture, ids, offsets)
        return TokenizedTexts(ids, segments, offsets, found.labels, found.examples, places)

    def compare(self, texts: TokenizedTexts, what: str) -> None:
        """ContractError where the logits are not those of transformers' model, each text computed by itself."""
        found = self.computation.classify(self.weights(0), batch_of(texts))
        close(found, logits_of(self.model, texts).unsqueeze(0), what, FOREIGN_TOLERANCE)


def logits_of(model: Any, texts: TokenizedTexts) -> Tensor:
    """Those of a model of transformers, `(B, labels)`, each text computed by itself."""
    rows = []
    with torch.no_grad():
        for begin, end in zip(texts.offsets[:-1], texts.offsets[1:], strict=True):
            ids, segments = (torch.from_numpy(values[begin:end]).unsqueeze(0) for values in (texts.ids, texts.segments))
            kinds = {"token_type_ids": segments} if segments.any() else {}
            rows.append(model(input_ids=ids, attention_mask=torch.ones_like(ids), **kinds).logits[0])
    return torch.stack(rows)


def loaded(folder: Path) -> tuple[Any, Mapping[str, Any]]:
    """A kept classifier as transformers loads it, and what it reports of the tensors."""
    auto: Any = transformers.AutoModelForSequenceClassification
    with quiet_transformers():
        model, report = auto.from_pretrained(
            folder, output_loading_info=True, local_files_only=True, use_safetensors=True, trust_remote_code=False
        )
    return model, report


def _moved(model: Any) -> Any:
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        for name, parameter in model.double().eval().named_parameters():
            if parameter.dim() > 1:
                nn.init.normal_(parameter, 0, 0.15)
            elif "norm" not in name.lower():
                nn.init.normal_(parameter, 0, 0.05)
    return model


def batch_of(texts: TokenizedTexts, *chosen: Sequence[int]) -> Batch:
    """For each run the texts `chosen`, in fp64; without any, one run with all of them."""
    runs = [np.array(numbers) for numbers in chosen or [range(len(texts))]]
    return make_batch(texts, runs, torch.float64, torch.device("cpu"))


def close(first: Tensor, second: Tensor, what: str, tolerance: float = TOLERANCE) -> None:
    """ContractError where they differ by more than `tolerance`, or that times the largest value."""
    expect(first.shape == second.shape, f"{what}: shapes are {tuple(first.shape)} and {tuple(second.shape)}")
    apart = float((first - second).abs().max())
    expect(apart <= tolerance * max(1.0, float(second.abs().max())), f"{what} differ by up to {apart:.1e}")
