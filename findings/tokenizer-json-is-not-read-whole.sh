#!/usr/bin/env bash
# transformers 5 takes only vocabulary and post-processor from a BERT folder's tokenizer.json; normalizer and pre-tokenizer
# are built anew, so that AutoTokenizer gives other ids than the file, and than transformers 4 gave.
#
# Versions: transformers 5.23.0 with tokenizers 0.23.3, and transformers 4.57.1 with tokenizers 0.22.1 (no torch needed).
# Input: a folder with config.json (model_type bert), tokenizer_config.json that names BertTokenizerFast, and a valid
#   tokenizer.json whose pre-tokenizer splits digits one by one (its normalizer is BERT's own). The text is "lake 42".
# Behaviour: `tokenizers` reads the file as it is, and so did transformers 4: the pieces are lake, 4, 2. In transformers 5
#   AutoTokenizer keeps "42" together, which here is one piece; nothing is said about the rest of the file. Only the class
#   PreTrainedTokenizerFast (also when tokenizer_config.json names it) still is the file. A model that was pretrained with
#   such a tokenizer is thus fine-tuned on other ids after the update.
# Output seen:
#   4.57.1 tokenizers              [2, 5, 6, 7, 3]
#   4.57.1 AutoTokenizer           [2, 5, 6, 7, 3]
#   4.57.1 PreTrainedTokenizerFast [2, 5, 6, 7, 3]
#   5.23.0 tokenizers              [2, 5, 6, 7, 3]
#   5.23.0 AutoTokenizer           [2, 5, 8, 3]
#   5.23.0 PreTrainedTokenizerFast [2, 5, 6, 7, 3]
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat >"$work/show.py" <<'PYTHON'
import json
import os
import pathlib
import sys

os.environ["HF_HUB_OFFLINE"] = "1"
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import AutoTokenizer, PreTrainedTokenizerFast, __version__

folder = pathlib.Path(sys.argv[1])
words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "lake", "4", "2", "42"]
written = Tokenizer(models.WordPiece({word: number for number, word in enumerate(words)}, unk_token="[UNK]"))
written.normalizer = normalizers.BertNormalizer(lowercase=True)
digits = pre_tokenizers.Digits(individual_digits=True)
written.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.BertPreTokenizer(), digits])
written.post_processor = processors.TemplateProcessing(
    single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
)
written.add_special_tokens(words[:5])
written.save(str(folder / "tokenizer.json"))
(folder / "config.json").write_text(json.dumps({"model_type": "bert", "vocab_size": len(words)}))
settings = {"tokenizer_class": "BertTokenizerFast", "do_lower_case": True}
(folder / "tokenizer_config.json").write_text(json.dumps(settings))
whole = PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"))
found = {
    "tokenizers": Tokenizer.from_file(str(folder / "tokenizer.json")).encode("lake 42").ids,
    "AutoTokenizer": AutoTokenizer.from_pretrained(str(folder))("lake 42")["input_ids"],
    "PreTrainedTokenizerFast": whole("lake 42")["input_ids"],
}
for name, ids in found.items():
    print(f"{__version__} {name:<23} {ids}")
file = [2, 5, 6, 7, 3]
expected = [file, file if __version__.startswith("4.") else [2, 5, 8, 3], file]
sys.exit(0 if list(found.values()) == expected else 1)
PYTHON
for pins in "transformers==4.57.1 tokenizers==0.22.1" "transformers==5.23.0 tokenizers==0.23.3"; do
    rm -rf "$work/venv" "$work/model"
    python3 -m venv "$work/venv"
    # shellcheck disable=SC2086
    "$work/venv/bin/pip" install -q --disable-pip-version-check $pins 2>"$work/messages"
    mkdir "$work/model"
    "$work/venv/bin/python" "$work/show.py" "$work/model" 2>"$work/messages" || { cat "$work/messages" >&2; exit 1; }
done
