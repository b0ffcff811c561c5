"""Masked-LM pretraining of a small BERT, or of any encoder further, on any text; saved in Hugging Face form."""

from __future__ import annotations

import math
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from stabbench.errors import UserError
from stabbench.files import write_bytes, write_json
from stabbench.models.masked_language_model import Sequences, heldout_batches, heldout_loss
from stabbench.models.pretraining_loop import LoopOptions, train
from stabbench.models.sources import TOKENIZER_FILES, WEIGHTS, architecture, content_hash, tensors_of
from stabbench.models.tokenization import SpecialTokens, encode, positions, special_tokens
from stabbench.models.word_pieces import write_word_pieces

POINTS_OF_THE_CURVE = 100
SMALLEST_TABLE_OF_POSITIONS = 128

Text = str | tuple[str, str]


@dataclass(frozen=True)
class PretrainingOptions:
    """What decides a pretrained model, beside its texts; the sizes and `vocabulary` serve new models only.

    ``max_length`` counts tokens with special ones (longer texts are cut into pieces); ``mask_probability`` is BERT's
    15 %; ``dropout`` acts on hidden states in pretraining only (the saved config keeps BERT's 0.1 for fine-tuning). The
    rate rises linearly over ``warmup_steps`` and falls linearly to 0.
    """

    layers: int = 6
    hidden_size: int = 128
    heads: int = 4
    intermediate_size: int = 512
    vocabulary: Sequence[str] | None = None
    steps: int = 2000
    batch_size: int = 64
    learning_rate: float = 5e-4
    warmup_steps: int = 200
    mask_probability: float = 0.15
    max_length: int = 128
    dropout: float = 0.0
    weight_decay: float = 0.01
    adam_beta2: float = 0.98
    max_grad_norm: float = 1.0
    seed: int = 1

    def problems(self) -> list[str]:
        """Everything wrong with these options, one sentence each."""
        found = []
        for name in ("layers", "hidden_size", "heads", "intermediate_size", "steps", "batch_size"):
            if getattr(self, name) < 1:
                found.append(f"{name} is {getattr(self, name)}: expected 1 or more")
        if self.heads >= 1 and self.hidden_size % self.heads:
            found.append(f"hidden_size {self.hidden_size} cannot be divided among {self.heads} heads")
        if not 0 <= self.warmup_steps <= self.steps:
            found.append(f"warmup_steps is {self.warmup_steps}: expected 0 to steps ({self.steps})")
        if not self.learning_rate > 0:
            found.append(f"learning_rate is {self.learning_rate}: expected more than 0")
        if not self.max_grad_norm > 0:
            found.append(f"max_grad_norm is {self.max_grad_norm}: expected more than 0")
        if not 0 < self.mask_probability < 1:
            found.append(f"mask_probability is {self.mask_probability}: expected between 0 and 1")
        if not 0 <= self.dropout < 1:
            found.append(f"dropout is {self.dropout}: expected 0 or more, and less than 1")
        if self.max_length < 8:
            found.append(f"max_length is {self.max_length}: expected 8 or more")
        return found


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
    out.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    try:
        folder.chmod(0o755)
        model, new_tensors = _new_model(folder, config) if start is None else _started_model(folder, start, config)
        special = special_tokens(folder)
        sequences, unknown_share, entropy = frame_texts(folder, texts, config)
        if not len(sequences):
            raise UserError("pretraining: there is no text to train on")
        losses = train(model, sequences, special, _loop_options(config), progress)
        loss = None
        if heldout is not None:
            loss = measure(model, folder, heldout, config, special)
        report = PretrainingReport(
            steps=config.steps,
            sequences=len(sequences),
            tokens=int(sequences.lengths.sum()),
            unknown_share=unknown_share,
            unigram_entropy=entropy,
            curve=_thinned(losses),
            heldout_loss=loss,
            heldout_perplexity=None if loss is None else math.exp(min(loss, 700.0)),
            new_tensors=new_tensors,
        )
        _save(model, folder, start)
        options = asdict(config) | {"vocabulary": None if config.vocabulary is None else len(config.vocabulary)}
        origin = None if start is None else {"architecture": architecture(start), "content_hash": content_hash(start)}
        facts = {"schema_version": 1, "options": options, "start": origin, **asdict(report)}
        write_json(folder / "pretraining.json", facts)
        _put(folder, out)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return report


def measure(
    model: nn.Module, folder: Path, texts: Sequence[Text], config: PretrainingOptions, special: SpecialTokens
) -> float:
    """The masked-LM loss of `model` on held-out `texts`, nats per masked token; masks are fixed by ``config.seed``."""
    sequences, _, _ = frame_texts(folder, texts, config)
    if not len(sequences):
        raise UserError("pretraining: the held-out text is empty")
    return heldout_loss(model, heldout_batches(sequences, special, config.mask_probability, config.seed))


def frame_texts(folder: Path, texts: Sequence[Text], config: PretrainingOptions) -> tuple[Sequences, float, float]:
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
    sequences = Sequences(ids=[ids for ids, _ in framed], segments=[segments for _, segments in framed])
    return sequences, unknown, float(-(shares * np.log(shares)).sum())


def _loop_options(config: PretrainingOptions) -> LoopOptions:
    return LoopOptions(**{name: getattr(config, name) for name in LoopOptions.__dataclass_fields__})


def _new_model(folder: Path, config: PretrainingOptions) -> tuple[nn.Module, list[str]]:
    from transformers import BertConfig, BertForMaskedLM

    table = max(config.max_length, SMALLEST_TABLE_OF_POSITIONS)
    size = write_word_pieces(folder, config.vocabulary or (), table)
    architecture_config = BertConfig(
        vocab_size=size,
        hidden_size=config.hidden_size,
        num_hidden_layers=config.layers,
        num_attention_heads=config.heads,
        intermediate_size=config.intermediate_size,
        max_position_embeddings=table,
        pad_token_id=0,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        model: nn.Module = BertForMaskedLM(architecture_config)
    architecture_config.save_pretrained(folder)
    return model, []


def _started_model(folder: Path, start: Path, config: PretrainingOptions) -> tuple[nn.Module, list[str]]:
    """The encoder in `start` with a masked-LM head; tensors that `start` lacks are new, drawn from the seed."""
    from transformers import AutoModelForMaskedLM

    with torch.random.fork_rng(devices=[]), _quiet_transformers():
        torch.manual_seed(config.seed)
        try:
            model, info = AutoModelForMaskedLM.from_pretrained(
                str(start), output_loading_info=True, dtype=torch.float32, local_files_only=True
            )
        except ValueError as error:
            raise UserError(
                f"pretraining: a '{architecture(start)}' model has no masked-LM form: start from a BERT or RoBERTa"
            ) from error
    for name in ("config.json", *TOKENIZER_FILES):
        if (start / name).is_file():
            shutil.copyfile(start / name, folder / name)
    return model, sorted(info["missing_keys"])


def _save(model: Any, folder: Path, start: Path | None) -> None:
    """Write config.json and model.safetensors; a pooler that masked-LM training leaves alone is carried over.

    Tied tensors are written once, under the first of their names, as Hugging Face does.
    """
    from safetensors.torch import save

    tensors: dict[str, torch.Tensor] = {}
    seen: set[int] = set()
    for name, tensor in model.state_dict().items():
        if tensor.data_ptr() not in seen:
            seen.add(tensor.data_ptr())
            tensors[name] = tensor.contiguous()
    if start is not None:
        prefix = model.base_model_prefix + "."
        for name, tensor in tensors_of(start, lambda name: "pooler." in name).items():
            tensors.setdefault(name if name.startswith(prefix) else prefix + name, tensor)
    write_bytes(folder / WEIGHTS, save(tensors, metadata={"format": "pt"}))
    model.config.architectures = [type(model).__name__]
    model.config.save_pretrained(folder)


@contextmanager
def _quiet_transformers() -> Iterator[None]:
    """No progress bars and no loading reports from transformers; its settings are put back."""
    from transformers.utils import logging as transformers_logging

    logging: Any = transformers_logging
    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()


def _put(folder: Path, out: Path) -> None:
    if out.exists():
        aside = Path(tempfile.mkdtemp(prefix=f".{out.name}.old.", dir=out.parent))
        out.replace(aside / out.name)
        folder.replace(out)
        shutil.rmtree(aside)
    else:
        folder.replace(out)


def _thinned(losses: Sequence[float]) -> list[dict[str, float]]:
    """Means over at most a hundred equal stretches of steps: ``step`` is a stretch's last one."""
    stretch = max(1, math.ceil(len(losses) / POINTS_OF_THE_CURVE))
    parts = [losses[at : at + stretch] for at in range(0, len(losses), stretch)]
    ends = np.cumsum([len(part) for part in parts])
    return [{"step": int(end), "loss": sum(part) / len(part)} for end, part in zip(ends, parts, strict=True)]
