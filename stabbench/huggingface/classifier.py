"""A folder's classifier and tokenizer as transformers makes them, with a new head and with adapters where asked for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast
from warnings import catch_warnings, simplefilter

import torch
from torch import nn

from stabbench.errors import UserError
from stabbench.models.families.huggingface.quiet import in_short, quiet_transformers
from stabbench.models.families.huggingface.reading import output_layer
from stabbench.recipe import Recipe

_WRAPPED = re.compile(r"\.(modules_to_save\.default|base_layer|default)(?=\.|$)")


def tokenizer_of(folder: Path) -> Any:
    """The folder's tokenizer; where it has no padding token, as decoders have none, the end of a text is that.

    Raises UserError where it has neither.
    """
    from transformers import AutoTokenizer

    with quiet_transformers():
        tokenizer: Any = AutoTokenizer.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False)
    if tokenizer.pad_token_id is None:
        if tokenizer.eos_token_id is None:
            raise UserError(
                f"the tokenizer in {folder} has no padding token and no end of a text to pad with: name one of its "
                "tokens as pad_token in tokenizer_config.json"
            )
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def config_of(folder: Path, outputs: int, recipe: Recipe) -> Any:
    """The folder's config with so many outputs, and the recipe's dropout in all places where that is a number.

    Raises UserError where transformers has no classifier of such a model, or it has no dropout to set.
    """
    from transformers import AutoConfig
    from transformers.models.auto.modeling_auto import MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES as CLASSES

    with quiet_transformers():
        config: Any = AutoConfig.from_pretrained(
            str(folder), num_labels=outputs, local_files_only=True, trust_remote_code=False
        )
    if config.model_type not in CLASSES:
        raise UserError(f"transformers has no classifier of '{config.model_type}' models: take a model of text")
    dropout = recipe.one_dropout
    if dropout is not None:
        places = dropout_fields(config.to_dict())
        if not places and dropout > 0:
            raise UserError(
                f"found dropout {dropout}, but the config of '{config.model_type}' models has none: set "
                "`dropout: model` or 0 in the recipe"
            )
        for name in places:
            setattr(config, name, dropout)
    config.problem_type = "regression" if outputs == 1 else "single_label_classification"
    return config


def dropout_fields(config: Mapping[str, Any]) -> list[str]:
    """The names of a config's probabilities of dropout; GPT-2 and its relatives call them pdrop."""
    return [
        name
        for name, value in config.items()
        if ("dropout" in name or name.endswith("pdrop"))
        and (value is None or (isinstance(value, (int, float)) and not isinstance(value, bool)))
    ]


def classifier(folder: Path, outputs: int, recipe: Recipe, peft: Mapping[str, Any] | None, seed: int) -> Any:
    """The classifier with the folder's weights in fp32; `seed` draws its head, and adapters.

    The output layer is new, one of the folder's own too. Raises UserError where the folder lacks a tensor of the
    encoder.
    """
    from transformers import AutoModelForSequenceClassification, set_seed

    config = config_of(folder, outputs, recipe)
    set_seed(seed)
    with quiet_transformers():
        model, info = AutoModelForSequenceClassification.from_pretrained(
            str(folder),
            config=config,
            dtype=torch.float32,
            output_loading_info=True,
            ignore_mismatched_sizes=True,
            use_safetensors=True,
            local_files_only=True,
            trust_remote_code=False,
        )
    tensors, base = dict(model.named_parameters()), f"{model.base_model_prefix}."
    missing = {name for name in info["missing_keys"] if name in tensors}
    missing |= {entry[0] for entry in info["mismatched_keys"]}
    lost = sorted(name for name in missing if name.startswith(base) and ".pooler" not in name)
    if lost:
        raise UserError(f"{folder} lacks {len(lost)} tensors of the model, such as {lost[0]}: fetch it again")
    _draw_head(model, outputs, missing)
    return with_adapters(pad(model, tokenizer_of(folder)), peft)


def _draw_head(model: Any, outputs: int, missing: set[str]) -> None:
    """Draw the output layer as transformers does, where the folder has brought one."""
    name = output_layer(model, str(model.base_model_prefix), outputs)
    if name is None or f"{name}.weight" in missing:
        return
    layer = model.get_submodule(name)
    for part in (layer, *layer.parameters()):
        part._is_hf_initialized = False
    with torch.no_grad():
        model._init_weights(layer)


def outline(folder: Path, outputs: int, recipe: Recipe) -> Any:
    """The classifier without weights: its modules on the device `meta`. UserError where transformers makes none."""
    from transformers import AutoModelForSequenceClassification

    config, classifiers = config_of(folder, outputs, recipe), cast(Any, AutoModelForSequenceClassification)
    try:
        with torch.random.fork_rng(devices=[]), torch.device("meta"), quiet_transformers():
            model: Any = classifiers.from_config(config, dtype=torch.float32, trust_remote_code=False)
    except Exception as error:  # whatever a config of another library's making runs into
        raise UserError(f"transformers makes no classifier of {folder}: {in_short(error)}") from error
    return pad(model, tokenizer_of(folder))


def pad(model: Any, tokenizer: Any) -> Any:
    """Let the model know what pads, by which decoders find the last token of a text."""
    for config in (model.config, model.config.get_text_config()):
        config.pad_token_id = tokenizer.pad_token_id
    return model


def with_adapters(model: Any, peft: Mapping[str, Any] | None) -> Any:
    """The model with a LoraConfig's adapters, or as it is; UserError where peft refuses them.

    The classifier is trained beside them, as peft has it for this kind of task.
    """
    if peft is None:
        return model
    from peft import LoraConfig, TaskType, get_peft_model

    try:
        with torch.random.fork_rng(devices=[], enabled=_is_outline(model)), quiet_transformers(), catch_warnings():
            simplefilter("ignore")  # peft tells what it mends, and what it asks of transformers
            config: Any = LoraConfig(task_type=TaskType.SEQ_CLS, **peft)
            if _is_outline(model):
                config.init_lora_weights = False  # some initialisations look at the weights
            return get_peft_model(model, config)
    except Exception as error:  # whatever another library says of its own arguments
        raise UserError(f"peft refuses these: {in_short(error)} ({_linear_layers(model)})") from error


def _linear_layers(model: nn.Module) -> str:
    found = {
        name.rpartition(".")[2]
        for name, module in model.named_modules()
        if type(module).__name__ in ("Linear", "Conv1D") and name.startswith(f"{model.base_model_prefix}.")
    }
    return f"the model's linear layers are {', '.join(sorted(found))}"


def _is_outline(model: nn.Module) -> bool:
    return next(model.parameters()).is_meta


def record_name(name: str) -> str:
    """A tensor's name without what peft puts around it: an adapter's lies in the module that it adapts."""
    return _WRAPPED.sub("", name.removeprefix("base_model.model."))
