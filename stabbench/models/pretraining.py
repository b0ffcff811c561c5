"""Masked-LM pretraining of a small BERT, or of any encoder further, on any text; saved in Hugging Face form."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from torch import nn

from stabbench.errors import UserError
from stabbench.files import whole_folder, write_json
from stabbench.model_files import copy_tokenizer
from stabbench.models.families.huggingface.pretrained_files import masked_language_model, new_model, save
from stabbench.models.folder import ModelFolder
from stabbench.models.masked_language_model import Framed, heldout_loss, masked_batch, sequence_lengths
from stabbench.models.pretraining_loop import train
from stabbench.models.pretraining_options import PretrainingOptions
from stabbench.models.sources import content_hash
from stabbench.models.tokenization import SpecialTokens, encode, positions, special_tokens

__all__ = ["PretrainingOptions", "PretrainingReport", "Text", "frame_texts", "measure", "pretrain"]

HELDOUT_BATCH_SIZE = 64
POINTS_OF_THE_CURVE = 100
Text = str | tuple[str, str]


@dataclass(frozen=True)
class PretrainingReport:
    """What pretraining saw; losses in nats per masked token. ``new_tensors`` had no pretrained value in `start`."""

    steps: int
    sequences: int
    tokens: int
    unknown_share: float
    unigram_entropy: float
    curve: list[dict[str, float]]
    heldout_loss: float | None
    heldout_perplexity: float | None
    new_tensors: list[str]


def pretrain(
    out: Path,
    *,
    texts: Sequence[Text],
    config: PretrainingOptions,
    start: Path | None = None,
    heldout: Sequence[Text] | None = None,
    progress: Callable[[int, float], None] | None = None,
) -> PretrainingReport:
    """Pretrain a new BERT, or the encoder in the folder `start` further, on `texts`, and write it to `out`.

    A text is a string, or a pair of strings that is framed with both segments, as in BERT's own pretraining (with
    single texts alone segment 1 stays untrained). Long texts are cut into pieces.

    `out` becomes a Hugging Face folder with the masked-LM head and ``pretraining.json``; it is written beside and
    renamed, replacing what was there. `progress` is called with (steps done, loss) after every step. The same options,
    texts and machine give the same bytes, however many cores there are. Raises UserError for options or texts that
    cannot work, before any training.
    """
    problems = config.problems()
    if start is None and config.vocabulary is None:
        problems.append("a new model needs a vocabulary, or a model to start from")
    if problems:
        raise UserError("pretraining: " + "; ".join(problems))
    with whole_folder(out) as folder:
        new_tensors: list[str] = []
        if start is None:
            model = new_model(folder, config)
        else:
            model, new_tensors = masked_language_model(start, config.seed)
            shutil.copyfile(start / "config.json", folder / "config.json")
            copy_tokenizer(start, folder)
        special = special_tokens(folder)
        sequences, unknown_share, entropy = frame_texts(folder, texts, config)
        if not sequences:
            raise UserError("pretraining: there is no text to train on")
        losses = train(model, sequences, special, config, progress)
        loss = None
        if heldout is not None:
            loss = measure(model, folder, heldout, config, special)
        report = PretrainingReport(
            steps=config.steps,
            sequences=len(sequences),
            tokens=sum(len(ids) for ids, _ in sequences),
            unknown_share=unknown_share,
            unigram_entropy=entropy,
            curve=_thinned(losses),
            heldout_loss=loss,
            heldout_perplexity=None if loss is None else math.exp(min(loss, 700.0)),
            new_tensors=new_tensors,
        )
        save(model, folder, start)
        options = asdict(config) | {"vocabulary": None if config.vocabulary is None else len(config.vocabulary)}
        origin = None
        if start is not None:
            origin = {"architecture": ModelFolder.at(start).model_type, "content_hash": content_hash(start)}
        facts = {"schema_version": 1, "options": options, "start": origin, **asdict(report)}
        write_json(folder / "pretraining.json", facts)
    return report


def measure(
    model: nn.Module, folder: Path, texts: Sequence[Text], config: PretrainingOptions, special: SpecialTokens
) -> float:
    """The masked-LM loss of `model` on held-out `texts`, nats per masked token; masks are fixed by ``config.seed``."""
    sequences, _, _ = frame_texts(folder, texts, config)
    if not sequences:
        raise UserError("pretraining: the held-out text is empty")
    random = np.random.default_rng([config.seed, 0x4D4C4D])
    order = np.argsort(sequence_lengths(sequences), kind="stable")
    parts = [order[at : at + HELDOUT_BATCH_SIZE] for at in range(0, len(order), HELDOUT_BATCH_SIZE)]
    batches = [masked_batch(sequences, part, special, config.mask_probability, random) for part in parts]
    return heldout_loss(model, batches)


def frame_texts(folder: Path, texts: Sequence[Text], config: PretrainingOptions) -> tuple[list[Framed], float, float]:
    """Cut texts into pieces of at most ``max_length`` tokens and frame them; each text of a pair is cut to half of it.

    Returns the sequences, the share of unknown tokens, and the entropy (nats) of the tokens' own frequencies: the loss
    of a model that knows nothing but these.
    """
    special = special_tokens(folder)
    pairs = [(text, None) if isinstance(text, str) else text for text in texts]
    firsts = encode(folder, [first for first, _ in pairs])
    seconds = encode(folder, [second or "" for _, second in pairs])
    length = min(config.max_length, positions(folder) or config.max_length)
    room, half = length - 2, (length - 2 - special.pair_separators) // 2
    framed = []
    for (_, second), tokens, others in zip(pairs, firsts.split(), seconds.split(), strict=True):
        if second is None:
            framed += [special.frame(tokens[at : at + room]) for at in range(0, len(tokens), room)]
        elif len(tokens) and len(others):
            framed.append(special.frame(tokens[:half], others[:half]))
    ids = np.concatenate([firsts.ids, seconds.ids])
    counts = np.bincount(ids) if len(ids) else np.ones(1)
    shares = counts[counts > 0] / counts.sum()
    unknown = float(np.mean(ids == special.unknown)) if len(ids) and special.unknown is not None else 0.0
    return framed, unknown, float(-(shares * np.log(shares)).sum())


def _thinned(losses: Sequence[float]) -> list[dict[str, float]]:
    """Means over at most a hundred equal stretches of steps: ``step`` is a stretch's last one."""
    stretch = max(1, math.ceil(len(losses) / POINTS_OF_THE_CURVE))
    parts = [losses[at : at + stretch] for at in range(0, len(losses), stretch)]
    ends = np.cumsum([len(part) for part in parts])
    return [{"step": int(end), "loss": sum(part) / len(part)} for end, part in zip(ends, parts, strict=True)]
