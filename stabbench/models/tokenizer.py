"""A model folder's tokenizer as transformers' `AutoTokenizer` makes it, which decides the ids.

transformers builds most tokenizers anew from the vocabulary in tokenizer.json and the settings in
tokenizer_config.json (BERT's lower-casing among them): the pipeline written in tokenizer.json counts for its own
`PreTrainedTokenizerFast` alone. So tokenizer.json is taken as it is only where what transformers would build is known
to be the same; elsewhere transformers is asked, whose import takes a second or two.
"""

from __future__ import annotations

import hashlib
from collections.abc import Set
from functools import lru_cache
from pathlib import Path
from typing import Any

from stabbench.files import write_json
from stabbench.model_files import TOKENIZER_FILES, copy_tokenizer, has_tokenizer
from stabbench.models.families.huggingface.tokenizer import by_transformers
from stabbench.models.folder import ModelFolder
from stabbench.models.pipelines import ROLES, FolderTokenizer, decisive_parts, written_pipeline
from stabbench.models.word_pieces import bert_pipeline

_BERT_SETTINGS = {
    "tokenizer_class", "do_lower_case", "strip_accents", "tokenize_chinese_chars", "do_basic_tokenize", "never_split",
    "model_max_length", "max_len", "name_or_path", "special_tokens_map_file", "tokenizer_file", "model_input_names",
    "clean_up_tokenization_spaces", "added_tokens_decoder", "additional_special_tokens", "extra_special_tokens",
    *(f"{role}_token" for role in ROLES),
}  # fmt: skip
"""The settings whose effect on BERT's tokenizer is known here."""


def read_tokenizer(folder: Path) -> FolderTokenizer:
    """The tokenizer in `folder`; UserError where transformers makes none of it, or one without a fast form."""
    return _read(ModelFolder.at(folder))


@lru_cache(maxsize=2)
def _read(folder: ModelFolder) -> FolderTokenizer:
    plain = _plain_bert(folder)
    return by_transformers(folder) if plain is None else plain


def keep_tokenizer(source: Path, folder: Path, *, segments: bool) -> None:
    """Copy `source`'s tokenizer to `folder`, so that transformers gives the inputs there that a model was trained on.

    `segments` tells whether that was with segment ids: transformers' own ALBERT tokenizer, for one, leaves them out.
    """
    copy_tokenizer(source, folder)
    if has_tokenizer(source) and read_tokenizer(source).gives_segments != segments:
        names = ["input_ids", *(["token_type_ids"] if segments else []), "attention_mask"]
        settings = ModelFolder(folder).settings("tokenizer_config.json")
        write_json(folder / "tokenizer_config.json", settings | {"model_input_names": names})


def tokenizer_content(folder: ModelFolder, idle: Set[str]) -> dict[str, Any]:
    """What decides the ids: tokenizer.json where they are its own, else the pipeline that makes them.

    Without a tokenizer.json it is all of the tokenizer's files, but for their settings named in `idle`.
    """
    name = "tokenizer.json"
    if not (folder.path / name).is_file():
        return _file_contents(folder, idle)
    found = _read(folder)
    if found.as_written:
        content = folder.settings(name)
        return {name: {key: value for key, value in content.items() if key not in {"truncation", "padding"}}}
    return {
        "pipeline": decisive_parts(found.pipeline),
        "cut_from": found.cut_from,
        "special_tokens_as_text": found.pipeline.encode_special_tokens,
    }


def _file_contents(folder: ModelFolder, idle: Set[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in TOKENIZER_FILES:
        path = folder.path / name
        if path.is_file() and name.endswith(".json") and name != "vocab.json":
            found[name] = {key: value for key, value in folder.settings(name).items() if key not in idle}
        elif path.is_file():
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def _plain_bert(folder: ModelFolder) -> FolderTokenizer | None:
    """BERT's tokenizer where tokenizer.json is just what transformers builds of it by tokenizer_config.json."""
    settings = folder.settings("tokenizer_config.json")
    if (
        folder.config.get("model_type") != "bert"
        or settings.get("tokenizer_class") not in {"BertTokenizer", "BertTokenizerFast"}
        or not isinstance(settings.get("do_lower_case"), bool)
        or not isinstance(settings.get("tokenize_chinese_chars", True), bool)
        or settings.get("strip_accents") not in (None, True, False)
        or not settings.keys() <= _BERT_SETTINGS
        or settings.get("additional_special_tokens")
        or settings.get("extra_special_tokens")
        or (folder.path / "added_tokens.json").is_file()
        or not (folder.path / "tokenizer.json").is_file()
    ):
        return None
    written = folder.settings("tokenizer.json")
    tokens = {role: settings.get(f"{role}_token", f"[{role.upper()}]") for role in ROLES}
    mapped = folder.settings("special_tokens_map.json")
    added = {str(token.pop("id")): token for token in [dict(token) for token in written.get("added_tokens") or []]}
    if (
        not all(isinstance(token, str) for token in tokens.values())
        or any(_spelling(mapped[key]) != tokens.get(key.removesuffix("_token")) for key in mapped)
        or settings.get("added_tokens_decoder", added) != added
        or (written.get("truncation") or {}).get("direction", "Right") != "Right"
        or (written.get("model") or {}).get("type") != "WordPiece"
    ):
        return None
    pipeline = written_pipeline(folder.path / "tokenizer.json")
    vocabulary = written["model"]["vocab"]
    if not all(token in vocabulary for token in tokens.values()):
        return None
    built = bert_pipeline(
        vocabulary,
        tokens,
        lowercase=settings["do_lower_case"],
        chinese=settings.get("tokenize_chinese_chars", True),
        strip_accents=settings.get("strip_accents"),
    )
    if decisive_parts(built) != decisive_parts(pipeline):
        return None
    gives = "token_type_ids" in settings.get("model_input_names", ["token_type_ids"])
    return FolderTokenizer(pipeline, tokens, "right", gives, as_written=True)


def _spelling(token: Any) -> Any:
    return token.get("content") if isinstance(token, dict) else token
