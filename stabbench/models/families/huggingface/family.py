"""Every encoder that transformers makes a classifier of and that no other family is for: its module, one run a time."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from stabbench.errors import Mistakes
from stabbench.models.architecture import Architecture
from stabbench.models.families.contract import PAPER, Capabilities, Computation, Family
from stabbench.models.families.huggingface.quiet import quiet_transformers
from stabbench.models.fitting import check_fit
from stabbench.recipe import OWN_DROPOUT

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from stabbench.models.folder import ModelFolder
    from stabbench.randomness import Draws

ANY_LABELS = 2


class HuggingFace(Family):
    """Any other encoder, by the module of transformers, which says what is known of it; one run at a time."""

    name = "huggingface"
    capabilities = Capabilities(cuts_vocabulary=True, own_dropout=True)
    defaults = {**PAPER, "dropout": OWN_DROPOUT}

    def architecture(self, config: Mapping[str, Any], labels: int, where: str) -> Architecture:
        """From the module tree; UserError, naming the model type, where it is no encoder or has other parts."""
        from stabbench.models.families.huggingface.reading import read

        return read(config, labels, where)

    def field(self, config: Mapping[str, Any], name: str) -> Any:
        """The config's own value, else the default of its model type; None where that has none."""
        from transformers import CONFIG_MAPPING

        kind = str(config.get("model_type"))
        if name in config or kind not in CONFIG_MAPPING:
            return config.get(name)
        return getattr(CONFIG_MAPPING[kind](), name, None)

    def first_position(self, config: Mapping[str, Any]) -> int:
        """RoBERTa's relatives count from the padding id, and their tables of positions say so."""
        return self.architecture(config, ANY_LABELS, "config.json").position_offset

    def fixed_ids(self, architecture: Architecture) -> int:
        """All up to the last special token that the config names: modules tell padding by its id, and masks."""
        from stabbench.models.families.huggingface.network import special_ids

        return min(max(special_ids(architecture.config), default=-1) + 1, architecture.vocabulary_size)

    def spec_fields(self, architecture: Architecture) -> dict[str, Any]:
        """What computes the model: transformers, by its minor version, since patch releases mend; and on which batches.

        So that after an upgrade old and new numbers never share a table. Texts are computed in groups of like length,
        with masks that no padding changes; without that field they were padded to the longest of the batch.
        """
        version = importlib.metadata.version("transformers")
        return {"computed_by": f"transformers {'.'.join(version.split('.')[:2])}", "batches": "by length"}

    def check(self, folder: ModelFolder, architecture: Architecture) -> None:
        """By a trial, by measuring whether padding counts, and by loading it."""
        import torch

        from stabbench.models.families.huggingface.padding import check_padding
        from stabbench.models.families.huggingface.trial import check_by_trial

        mistakes, where = Mistakes(), str(folder.path / "config.json")
        with mistakes.collected():
            check_by_trial(architecture, where)
            check_padding(architecture, where)
        with mistakes.collected():
            self.pretrained(folder, architecture, torch.float32)
        mistakes.tell()

    def pretrained(self, folder: ModelFolder, architecture: Architecture, dtype: torch.dtype) -> dict[str, Tensor]:
        """All that transformers' classifier takes from the folder, but for the output layer; it knows older names.

        What lies outside the encoder may be absent, and so may a pooler. Raises UserError where another tensor is
        missing or has another shape.
        """
        import torch
        from transformers import AutoModelForSequenceClassification

        with torch.random.fork_rng(devices=[]), quiet_transformers():
            model, info = AutoModelForSequenceClassification.from_pretrained(
                str(folder.path),
                num_labels=architecture.labels,
                dtype=dtype,
                output_loading_info=True,
                ignore_mismatched_sizes=True,
                local_files_only=True,
                use_safetensors=True,
                trust_remote_code=False,
            )
        tensors = dict(model.named_parameters())
        missing = {name for name in info["missing_keys"] if name in tensors}
        check_fit(
            folder.path,
            architecture,
            sorted(name for name in missing if not architecture.may_lack(name)),
            sorted(entry for entry in info["mismatched_keys"] if not architecture.may_lack(entry[0])),
        )
        missing |= {name for name, _, _ in info["mismatched_keys"]}
        return {
            tensor.name: tensors[tensor.name].detach().clone()
            for tensor in architecture.tensors
            if tensor.name not in missing and tensor.origin != "new"
        }

    def drawn(self, architecture: Architecture, names: Collection[str], draws: Draws) -> dict[str, Tensor]:
        """As transformers draws them."""
        from stabbench.models.families.huggingface.initialisation import initial_tensors

        return initial_tensors(architecture, names, draws)

    def encoder(self, architecture: Architecture, products: torch.dtype | None = None) -> Computation:
        """Transformers' module, called with a run's weights."""
        from stabbench.models.families.huggingface.encoder import ModuleEncoder

        return ModuleEncoder(architecture, products)

    def classifier_fields(self, config: Mapping[str, Any], dropout: float | str) -> dict[str, Any]:
        """The class, and its dropout where that is a number."""
        from transformers.models.auto.modeling_auto import MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES as CLASSES

        from stabbench.models.families.huggingface.network import dropout_fields

        places = {} if isinstance(dropout, str) else dict.fromkeys(dropout_fields(config), dropout)
        return {"architectures": [CLASSES[config["model_type"]]], **places}
