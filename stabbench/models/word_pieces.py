"""BERT's tokenizer as transformers makes it, and one for a closed vocabulary of whole words in Hugging Face form."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from stabbench.errors import UserError
from stabbench.files import write_json, write_text

if TYPE_CHECKING:
    from tokenizers import Tokenizer

SPECIAL_TOKENS = {"pad": "[PAD]", "unk": "[UNK]", "cls": "[CLS]", "sep": "[SEP]", "mask": "[MASK]"}


def bert_pipeline(
    vocabulary: Mapping[str, int],
    tokens: Mapping[str, str],
    *,
    lowercase: bool = True,
    chinese: bool = True,
    strip_accents: bool | None = None,
) -> Tokenizer:
    """What transformers builds as BERT's tokenizer; `tokens` has the spelling of each special token by its role.

    `chinese` sets Chinese characters apart; accents go with `lowercase` where `strip_accents` does not say otherwise.
    """
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    built = Tokenizer(models.WordPiece(dict(vocabulary), unk_token=tokens["unk"]))
    built.normalizer = normalizers.BertNormalizer(
        clean_text=True, handle_chinese_chars=chinese, strip_accents=strip_accents, lowercase=lowercase
    )
    built.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    built.post_processor = processors.TemplateProcessing(
        single=f"{tokens['cls']}:0 $A:0 {tokens['sep']}:0",
        pair=f"{tokens['cls']}:0 $A:0 {tokens['sep']}:0 $B:1 {tokens['sep']}:1",
        special_tokens=[(tokens[role], vocabulary[tokens[role]]) for role in ("cls", "sep")],
    )
    built.add_special_tokens(sorted(tokens.values(), key=lambda token: vocabulary[token]))
    return built


def write_word_pieces(folder: Path, vocabulary: Sequence[str], max_length: int) -> int:
    """Write vocab.txt, tokenizer.json and tokenizer_config.json of an uncased BERT tokenizer; returns its size.

    The five special tokens come first, then `vocabulary` in its order. Raises UserError for words that are empty,
    repeated, or that BERT's own pre-tokenizer would split or change (upper case, spaces, inner punctuation).
    """
    from tokenizers.decoders import WordPiece

    words = [*SPECIAL_TOKENS.values(), *vocabulary]
    repeated = sorted(word for word, count in Counter(words).items() if count > 1)
    if repeated:
        raise UserError(f"the vocabulary has words more than once: {', '.join(repeated[:5])}")
    tokenizer = bert_pipeline({word: index for index, word in enumerate(words)}, SPECIAL_TOKENS)
    tokenizer.decoder = WordPiece(prefix="##")
    for word in vocabulary:
        if not word.startswith("##") and tokenizer.encode(word, add_special_tokens=False).tokens != [word]:
            raise UserError(f"the vocabulary's '{word}' is not one lower-case word without spaces or hyphens")
    write_text(folder / "vocab.txt", "".join(f"{word}\n" for word in words))
    write_text(folder / "tokenizer.json", tokenizer.to_str(pretty=True) + "\n")
    write_json(
        folder / "tokenizer_config.json",
        {
            "tokenizer_class": "BertTokenizer",
            "do_lower_case": True,
            "model_max_length": max_length,
            **{f"{role}_token": token for role, token in SPECIAL_TOKENS.items()},
        },
    )
    return len(words)
