"""DistilBERT (Sanh et al., 2019): half of BERT's layers, without segments and pooler, and names of its own."""

from __future__ import annotations

from dataclasses import replace

from stabbench.models.architecture import DropoutPlaces
from stabbench.models.families.contract import PAPER
from stabbench.models.families.unpadded import FIELDS, UnpaddedFamily
from stabbench.recipe import OWN_DROPOUT


class DistilBert(UnpaddedFamily):
    """DistilBERT, computed as BERT; attention's output is not dropped, and the head has a ReLU."""

    name = "distilbert"
    class_name = "DistilBert"
    prefix = "distilbert"
    capabilities = replace(UnpaddedFamily.capabilities, pretrains=False, own_dropout=True)
    defaults = {**PAPER, "dropout": OWN_DROPOUT}
    fields = {**FIELDS, "num_hidden_layers": 6, "type_vocab_size": None, "classifier_dropout": 0.2}
    aliases = {
        "hidden_size": ("dim", "hidden_size"),
        "num_hidden_layers": ("n_layers", "num_hidden_layers"),
        "num_attention_heads": ("n_heads", "num_attention_heads"),
        "intermediate_size": ("hidden_dim",),
        "hidden_act": ("activation",),
        "hidden_dropout_prob": ("dropout",),
        "attention_probs_dropout_prob": ("attention_dropout",),
        "classifier_dropout": ("seq_classif_dropout",),
    }
    layer = "transformer.layer.#"
    parts = {
        "query": "attention.q_lin",
        "key": "attention.k_lin",
        "value": "attention.v_lin",
        "attention_output": "attention.out_lin",
        "attention_norm": "sa_layer_norm",
        "intermediate": "ffn.lin1",
        "output": "ffn.lin2",
        "output_norm": "output_layer_norm",
    }
    pooler = "pre_classifier"
    head_activation = "relu"
    dropout_places = DropoutPlaces(attention_output=False)
    dropout_fields = ("dropout", "attention_dropout", "seq_classif_dropout", "qa_dropout")
