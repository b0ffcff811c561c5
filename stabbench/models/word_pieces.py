"""A BERT tokenizer for a closed vocabulary of whole words, saved as the files that Hugging Face reads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from stabbench.errors import UserError
from stabbench.files import write_json, write_text

SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def write_word_pieces(folder: Path, vocabulary: Sequence[str], max_length: int) -> int:
    """Write vocab.txt, tokenizer.json and tokenizer_config.json of an uncased BERT tokenizer; returns its size.

    The five special tokens come first, then `vocabulary` in its order. Raises UserError for words that are empty,
    repeated, or that BERT's own pre-tokenizer would split or change (upper case, spaces, inner punctuation).
    """
    from tokenizers import Tokenizer
    from tokenizers.decoders import WordPiece as WordPieceDecoder
    from tokenizers.models import WordPiece
    from tokenizers.normalizers import BertNormalizer
    from tokenizers.pre_tokenizers import BertPreTokenizer
    from tokenizers.processors import TemplateProcessing

    words = [*SPECIAL_TOKENS, *vocabulary]
    repeated = sorted(word for word, count in Counter(words).items() if count > 1)
    if repeated:
        raise UserError(f"the vocabulary has words more than once: {', '.join(repeated[:5])}")
    tokenizer = Tokenizer(WordPiece({word: index for index, word in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.normalizer = BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = BertPreTokenizer()
    tokenizer.decoder = WordPieceDecoder(prefix="##")
    tokenizer.post_processor = TemplateProcessing(
        single="[CLS]:0 $A:0 [SEP]:0",
        pair="[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1",
        special_tokens=[(token, words.index(token)) for token in ("[CLS]", "[SEP]")],
    )
    tokenizer.add_special_tokens(list(SPECIAL_TOKENS))
    for word in vocabulary:
        if not word.startswith("##") and tokenizer.encode(word, add_special_tokens=False).tokens != [word]:
            raise UserError(f"the vocabulary's '{word}' is not one lower-case word without spaces or hyphens")
    write_text(folder / "vocab.txt", "".join(f"{word}\n" for word in words))
    write_text(folder / "tokenizer.json", tokenizer.to_str(pretty=True) + "\n")
    names = ("pad", "unk", "cls", "sep", "mask")
    write_json(
        folder / "tokenizer_config.json",
        {
            "tokenizer_class": "BertTokenizer",
            "do_lower_case": True,
            "model_max_length": max_length,
            **{f"{name}_token": token for name, token in zip(names, SPECIAL_TOKENS, strict=True)},
        },
    )
    return len(words)
