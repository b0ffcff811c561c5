"""A masked language model before and after pretraining: new or from a folder, and saved in Hugging Face form."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn

from stabbench.errors import UserError
from stabbench.files import write_bytes
from stabbench.model_files import WEIGHTS
from stabbench.models.families.huggingface.quiet import quiet_transformers
from stabbench.models.folder import ModelFolder
from stabbench.models.pretraining_options import PretrainingOptions
from stabbench.models.tensor_files import read_tensors
from stabbench.models.word_pieces import write_word_pieces

SMALLEST_TABLE_OF_POSITIONS = 128


def new_model(folder: Path, config: PretrainingOptions) -> nn.Module:
    """A BERT with drawn weights and a masked-LM head; its config and its tokenizer are written to `folder`."""
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
    return model


def masked_language_model(folder: Path, seed: int = 0) -> tuple[nn.Module, list[str]]:
    """The model in `folder` with its masked-LM head, in float32, and the names of the tensors that the folder lacks.

    Those are drawn from `seed`. Raises UserError for a model type that has no masked-LM form.
    """
    from transformers import AutoModelForMaskedLM

    with torch.random.fork_rng(devices=[]), quiet_transformers():
        torch.manual_seed(seed)
        try:
            model, info = AutoModelForMaskedLM.from_pretrained(
                str(folder),
                output_loading_info=True,
                dtype=torch.float32,
                local_files_only=True,
                use_safetensors=True,
                trust_remote_code=False,
            )
        except ValueError as error:
            kind = ModelFolder.at(folder).model_type
            raise UserError(
                f"pretraining: a '{kind}' model has no masked-LM form: start from a BERT or RoBERTa"
            ) from error
    return model, sorted(info["missing_keys"])


def save(model: Any, folder: Path, start: Path | None) -> None:
    """Write config.json and model.safetensors; a pooler that masked-LM training leaves alone is carried over.

    Tied tensors are written once, under the first of their names, as Hugging Face does.
    """
    from safetensors.torch import save as safetensors_bytes

    tensors: dict[str, torch.Tensor] = {}
    seen: set[int] = set()
    for name, tensor in model.state_dict().items():
        if tensor.data_ptr() not in seen:
            seen.add(tensor.data_ptr())
            tensors[name] = tensor.contiguous()
    if start is not None:
        prefix = model.base_model_prefix + "."
        for name, tensor in read_tensors(start, lambda name: "pooler." in name).items():
            tensors.setdefault(name if name.startswith(prefix) else prefix + name, tensor)
    write_bytes(folder / WEIGHTS, safetensors_bytes(tensors, metadata={"format": "pt"}))
    model.config.architectures = [type(model).__name__]
    model.config.save_pretrained(folder)
