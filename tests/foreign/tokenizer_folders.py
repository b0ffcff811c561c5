"""Small model folders in the layout that each family has on the hub: config.json and a tokenizer, made offline."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

LINES = [
    "The old ferryman rowed three Visitors across the lake at dawn.",
    "Nobody repaired the broken lighthouse, although Zoë asked twice!",
    "A café near the harbour sells naïve paintings; are they cheap?",
    "unhappily the visitors repainted  the ferry , slowly and twice",
] * 8
FIRST = [
    "The Ferryman sells cheap  paintings.",
    "Zoë asked: is the café unhappily broken?",
    "",
    "北 lake 🙂 <mask> [MASK] </s> İ ﬁne",
    "rowed the lake near the harbour and " * 12,
    "dawn",
]
SECOND = [
    "nobody rowed",
    "The harbour, at dawn: " * 9,
    "three visitors",
    "",
    "the broken lighthouse slowly " * 5,
    "Are they?",
]
SIZE: dict[str, Any] = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "max_position_embeddings": 64,
}
BERT_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
ROBERTA_TOKENS = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")


def _framed(tokenizer: Tokenizer, first: str, last: str, between: str, second: int) -> None:
    """[CLS] A [SEP] B [SEP] and the like; `second` is the segment of the second text."""
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{first}:0 $A:0 {last}:0",
        pair=f"{first}:0 $A:0 {between} $B:{second} {last}:{second}",
        special_tokens=[(token, tokenizer.token_to_id(token)) for token in dict.fromkeys((first, last))],
    )


def _word_pieces(tokens: tuple[str, ...], *, lowercase: bool = True) -> Tokenizer:
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=lowercase)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(vocab_size=160, special_tokens=list(tokens), show_progress=False)
    tokenizer.train_from_iterator([*LINES, *(line.lower() for line in LINES)], trainer)
    return tokenizer


def _bytes(tokens: tuple[str, ...]) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE(continuing_subword_prefix="", end_of_word_suffix=""))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=330,
        special_tokens=list(tokens),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(LINES, trainer)
    return tokenizer


def _unigrams(tokens: tuple[str, ...], unknown: str, steps: list[Any], *, split: bool = True) -> Tokenizer:
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.Sequence(steps)
    pieces = pre_tokenizers.Metaspace()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pieces]) if split else pieces
    trainer = trainers.UnigramTrainer(
        vocab_size=150, special_tokens=list(tokens), unk_token=unknown, show_progress=False
    )
    tokenizer.train_from_iterator(LINES, trainer)
    return tokenizer


def bert() -> tuple[Tokenizer, dict[str, Any], dict[str, Any]]:
    tokenizer = _word_pieces(BERT_TOKENS)
    _framed(tokenizer, "[CLS]", "[SEP]", "[SEP]:0", 1)
    return tokenizer, {"type_vocab_size": 2, "pad_token_id": 0}, {"tokenizer_class": "BertTokenizer"}


def distilbert() -> tuple[Tokenizer, dict[str, Any], dict[str, Any]]:
    tokenizer, _, _ = bert()
    sizes = {"dim": 16, "n_layers": 2, "n_heads": 2, "hidden_dim": 32, "pad_token_id": 0}
    return tokenizer, sizes, {"tokenizer_class": "DistilBertTokenizer"}


def electra() -> tuple[Tokenizer, dict[str, Any], dict[str, Any]]:
    tokenizer, config, _ = bert()
    return tokenizer, config | {"embedding_size": 16}, {"tokenizer_class": "ElectraTokenizer"}


def mpnet() -> tuple[Tokenizer, dict[str, Any], dict[str, Any]]:
    tokenizer = _word_pieces(("<s>", "<pad>", "</s>", "[UNK]", "<mask>"))
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), add_prefix_space=False)
    return tokenizer, {"pad_token_id": 1}, {"tokenizer_class": "MPNetTokenizer"}


def roberta() -> tuple[Tokenizer, dict[str, Any], dict[str, Any]]:
    tokenizer = _bytes(ROBERTA_TOKENS)
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    return tokenizer, {"type_vocab_size": 1, "pad_token_id": 1}, {"tokenizer_class": "RobertaTokenizer"}


def modernbert() -> tuple[Tokenizer, dict[str, Any], dict[str, Any]]:
    tokenizer = _bytes(BERT_TOKENS)
    tokenizer.normalizer = normalizers.NFC()
    _framed(tokenizer, "[CLS]", "[SEP]", "[SEP]:0", 0)
    config = {"pad_token_id": 0, "cls_token_id": 2, "sep_token_id": 3, "bos_token_id": 2, "eos_token_id": 3}
    tokens = {f"{token.strip('[]').lower()}_token": token for token in BERT_TOKENS}
    return tokenizer, config, {"tokenizer_class": "PreTrainedTokenizerFast", **tokens}


def albert() -> tuple[Tokenizer, dict[str, Any], dict[str, Any]]:
    steps = [
        normalizers.Replace("``", '"'),
        normalizers.Replace("''", '"'),
        normalizers.NFKD(),
        normalizers.StripAccents(),
        normalizers.Lowercase(),
        normalizers.Replace(Regex(" {2,}"), " "),
    ]
    tokenizer = _unigrams(("<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]"), "<unk>", steps)
    _framed(tokenizer, "[CLS]", "[SEP]", "[SEP]:0", 1)
    config = {"type_vocab_size": 2, "pad_token_id": 0, "embedding_size": 16}
    return tokenizer, config, {"tokenizer_class": "AlbertTokenizer"}


def xlm_roberta() -> tuple[Tokenizer, dict[str, Any], dict[str, Any]]:
    tokenizer = _unigrams(("<s>", "<pad>", "</s>", "<unk>", "<mask>"), "<unk>", [normalizers.NFKC()])
    _framed(tokenizer, "<s>", "</s>", "</s>:0 </s>:0", 0)
    return tokenizer, {"type_vocab_size": 1, "pad_token_id": 1}, {"tokenizer_class": "XLMRobertaTokenizer"}


def camembert() -> tuple[Tokenizer, dict[str, Any], dict[str, Any]]:
    tokenizer, config, _ = xlm_roberta()
    return tokenizer, config, {"tokenizer_class": "CamembertTokenizer"}


def deberta_v2() -> tuple[Tokenizer, dict[str, Any], dict[str, Any]]:
    tokenizer = _unigrams(("[PAD]", "[CLS]", "[SEP]", "[UNK]", "[MASK]"), "[UNK]", [normalizers.NFC()], split=False)
    _framed(tokenizer, "[CLS]", "[SEP]", "[SEP]:0", 1)
    config = {"type_vocab_size": 0, "pad_token_id": 0, "relative_attention": True, "position_biased_input": False}
    return tokenizer, config, {"tokenizer_class": "DebertaV2Tokenizer", "do_lower_case": False, "vocab_type": "spm"}


FAMILIES: dict[str, Callable[[], tuple[Tokenizer, dict[str, Any], dict[str, Any]]]] = {
    "albert": albert,
    "bert": bert,
    "camembert": camembert,
    "deberta-v2": deberta_v2,
    "distilbert": distilbert,
    "electra": electra,
    "modernbert": modernbert,
    "mpnet": mpnet,
    "roberta": roberta,
    "xlm-roberta": xlm_roberta,
}


@cache
def _made(family: str) -> tuple[Tokenizer, dict[str, Any], dict[str, Any]]:
    """Made once: two trainings of one vocabulary need not number it alike."""
    return FAMILIES[family]()


def write(folder: Path, family: str, settings: dict[str, Any] | None = None) -> Path:
    """Config and tokenizer of a family; `settings` are added to tokenizer_config.json, None leaves it out."""
    tokenizer, own, usual = _made(family)
    folder.mkdir(parents=True, exist_ok=True)
    config: dict[str, Any] = {"model_type": family, "max_position_embeddings": 64}
    config |= {"vocab_size": tokenizer.get_vocab_size() + 2} | ({} if family == "distilbert" else SIZE) | own
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    tokenizer.save(str(folder / "tokenizer.json"))
    if settings is not None:
        (folder / "tokenizer_config.json").write_text(json.dumps(usual | settings), encoding="utf-8")
    return folder
