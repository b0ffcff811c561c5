"""A model folder's tokenizer as transformers' `AutoTokenizer` makes it, which decides the ids.

transformers builds most tokenizers anew from the vocabulary in tokenizer.json and the settings in
tokenizer_config.json (BERT's lower-casing among them): the pipeline written in tokenizer.json counts for its own
`PreTrainedTokenizerFast` alone. So tokenizer.json is taken as it is only where what transformers would build is known
to be the same; elsewhere transformers is asked, whose import takes a second or two.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Set
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stabbench.errors import UserError
from stabbench.files import Stamps, read_json, stamps_of, write_json
from stabbench.models.folder_files import TOKENIZER_FILES, copy_tokenizer, has_tokenizer, sentencepiece_only
from stabbench.models.quiet import quiet_transformers

if TYPE_CHECKING:
    from tokenizers import Tokenizer

ROLES = ("cls", "sep", "pad", "mask", "unk")
_DECISIVE = ("added_tokens", "normalizer", "pre_tokenizer", "model", "post_processor")
"""The parts of a pipeline that decide ids; its decoder does not, truncation and padding are set for each use."""
_OFFSETS = {"trim_offsets", "add_prefix_space"}
"""Of a post-processor: what they change is where in the text a token stands."""
_SPACES = {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "}
"""What older conversions of sentencepiece models do before a split at white space, which does the same."""
_TOKENIZER_CLASS = re.compile(r"\w*(Tokenizer(Fast|Legacy)?|TokenizersBackend|PythonBackend)")
_BERT_SETTINGS = {
    "tokenizer_class", "do_lower_case", "strip_accents", "tokenize_chinese_chars", "do_basic_tokenize", "never_split",
    "model_max_length", "max_len", "name_or_path", "special_tokens_map_file", "tokenizer_file", "model_input_names",
    "clean_up_tokenization_spaces", "added_tokens_decoder", "additional_special_tokens", "extra_special_tokens",
    *(f"{role}_token" for role in ROLES),
}  # fmt: skip
"""The settings whose effect on BERT's tokenizer is known here."""


@dataclass(frozen=True)
class FolderTokenizer:
    """A tokenizer ready for use; whoever takes it sets truncation and padding for itself.

    `tokens` are the spellings of special tokens by role (`cls`, `sep`, `pad`, `mask`, `unk`). `cut_from` is the side
    that is cut, `right` or `left`. `gives_segments` tells whether transformers' tokenizer gives segment ids unasked.
    `as_written` tells whether it is the pipeline that tokenizer.json holds, or there is no tokenizer.json.
    """

    pipeline: Tokenizer
    tokens: Mapping[str, str]
    cut_from: str
    gives_segments: bool
    as_written: bool


def read_tokenizer(folder: Path) -> FolderTokenizer:
    """The tokenizer in `folder`; UserError where transformers makes none of it, or one without a fast form."""
    return _read(folder, stamps_of(folder))


@lru_cache(maxsize=2)
def _read(folder: Path, stamps: Stamps) -> FolderTokenizer:
    plain = _plain_bert(folder)
    return _by_transformers(folder) if plain is None else plain


def keep_tokenizer(source: Path, folder: Path, *, segments: bool) -> None:
    """Copy `source`'s tokenizer to `folder`, so that transformers gives the inputs there that a model was trained on.

    `segments` tells whether that was with segment ids: transformers' own ALBERT tokenizer, for one, leaves them out.
    """
    copy_tokenizer(source, folder)
    if has_tokenizer(source) and read_tokenizer(source).gives_segments != segments:
        names = ["input_ids", *(["token_type_ids"] if segments else []), "attention_mask"]
        settings = _settings(folder, "tokenizer_config.json")
        write_json(folder / "tokenizer_config.json", settings | {"model_input_names": names})


def tokenizer_content(folder: Path, idle: Set[str]) -> dict[str, Any]:
    """What decides the ids: tokenizer.json where they are its own, else the pipeline that makes them.

    Without a tokenizer.json it is all of the tokenizer's files, but for their settings named in `idle`.
    """
    single = folder / "tokenizer.json"
    if not single.is_file():
        return _file_contents(folder, idle)
    found = read_tokenizer(folder)
    if found.as_written:
        content = _json_of(single)
        return {single.name: {key: value for key, value in content.items() if key not in {"truncation", "padding"}}}
    return {
        "pipeline": _parts(json.loads(found.pipeline.to_str())),
        "cut_from": found.cut_from,
        "special_tokens_as_text": found.pipeline.encode_special_tokens,
    }


def _file_contents(folder: Path, idle: Set[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in TOKENIZER_FILES:
        path = folder / name
        if path.is_file() and name.endswith(".json") and name != "vocab.json":
            found[name] = {key: value for key, value in _json_of(path).items() if key not in idle}
        elif path.is_file():
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def _plain_bert(folder: Path) -> FolderTokenizer | None:
    """BERT's tokenizer where tokenizer.json is just what transformers builds of it by tokenizer_config.json."""
    settings, config = _settings(folder, "tokenizer_config.json"), _settings(folder, "config.json")
    if (
        config.get("model_type") != "bert"
        or settings.get("tokenizer_class") not in {"BertTokenizer", "BertTokenizerFast"}
        or not isinstance(settings.get("do_lower_case"), bool)
        or not isinstance(settings.get("tokenize_chinese_chars", True), bool)
        or settings.get("strip_accents") not in (None, True, False)
        or not settings.keys() <= _BERT_SETTINGS
        or settings.get("additional_special_tokens")
        or settings.get("extra_special_tokens")
        or (folder / "added_tokens.json").is_file()
        or not (folder / "tokenizer.json").is_file()
    ):
        return None
    written = _json_of(folder / "tokenizer.json")
    tokens = {role: settings.get(f"{role}_token", f"[{role.upper()}]") for role in ROLES}
    mapped = _settings(folder, "special_tokens_map.json")
    added = {str(token.pop("id")): token for token in [dict(token) for token in written.get("added_tokens") or []]}
    if (
        not all(isinstance(token, str) for token in tokens.values())
        or any(_spelling(mapped[key]) != tokens.get(key.removesuffix("_token")) for key in mapped)
        or settings.get("added_tokens_decoder", added) != added
        or (written.get("truncation") or {}).get("direction", "Right") != "Right"
        or (written.get("model") or {}).get("type") != "WordPiece"
    ):
        return None
    pipeline = _tokenizer_of(folder / "tokenizer.json")
    built = _bert_pipeline(written["model"]["vocab"], tokens, settings)
    if built is None or _parts(json.loads(built.to_str())) != _parts(json.loads(pipeline.to_str())):
        return None
    gives = "token_type_ids" in settings.get("model_input_names", ["token_type_ids"])
    return FolderTokenizer(pipeline, tokens, "right", gives, as_written=True)


def _bert_pipeline(
    vocabulary: Mapping[str, int], tokens: Mapping[str, str], settings: Mapping[str, Any]
) -> Tokenizer | None:
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    if not all(token in vocabulary for token in tokens.values()):
        return None
    built = Tokenizer(models.WordPiece(dict(vocabulary), unk_token=tokens["unk"]))
    built.normalizer = normalizers.BertNormalizer(
        clean_text=True,
        handle_chinese_chars=settings.get("tokenize_chinese_chars", True),
        strip_accents=settings.get("strip_accents"),
        lowercase=settings["do_lower_case"],
    )
    built.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    built.post_processor = processors.TemplateProcessing(
        single=f"{tokens['cls']}:0 $A:0 {tokens['sep']}:0",
        pair=f"{tokens['cls']}:0 $A:0 {tokens['sep']}:0 $B:1 {tokens['sep']}:1",
        special_tokens=[(tokens[role], vocabulary[tokens[role]]) for role in ("cls", "sep")],
    )
    built.add_special_tokens(sorted(tokens.values(), key=lambda token: vocabulary[token]))
    return built


def _by_transformers(folder: Path) -> FolderTokenizer:
    lacking = lacking_package(folder)
    if lacking is not None:
        raise UserError(lacking)
    for name in ("tokenizer_config.json", "config.json"):
        wanted = _settings(folder, name).get("tokenizer_class")
        if wanted is not None and not (isinstance(wanted, str) and _TOKENIZER_CLASS.fullmatch(wanted)):
            raise UserError(f"{folder / name} names tokenizer_class {wanted!r}, which is no tokenizer")
    from transformers import AutoTokenizer

    try:
        with quiet_transformers():
            loaded: Any = AutoTokenizer.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False)
    except Exception as error:  # whatever files of another library's making run into
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise UserError(
            f"no tokenizer can be read from {folder}: {reason}; put a tokenizer.json there "
            "(`AutoTokenizer.from_pretrained(…).save_pretrained(…)` writes one where its packages are installed)"
        ) from error
    pipeline: Tokenizer | None = getattr(loaded, "backend_tokenizer", None)
    if pipeline is None:
        raise UserError(
            f"the tokenizer in {folder} ({type(loaded).__name__}) has no fast form, and none but fast ones are read: "
            "take a model with a tokenizer.json"
        )
    tokens = {role: getattr(loaded, f"{role}_token", None) for role in ROLES}
    single = folder / "tokenizer.json"
    same = not single.is_file() or (
        loaded.truncation_side == "right"
        and not pipeline.encode_special_tokens
        and _parts(json.loads(pipeline.to_str())) == _parts(json.loads(_tokenizer_of(single).to_str()))
    )
    return FolderTokenizer(
        pipeline=pipeline,
        tokens={role: str(token) for role, token in tokens.items() if token is not None},
        cut_from=str(loaded.truncation_side),
        gives_segments="token_type_ids" in loaded.model_input_names,
        as_written=same,
    )


def lacking_package(folder: Path) -> str | None:
    """What to install where a tokenizer is in a sentencepiece model alone and the package to read it is missing."""
    file = sentencepiece_only(folder)
    if file is None or (_installed("sentencepiece") and _installed("google.protobuf")):
        return None
    return (
        f"{folder} has its tokenizer in {file} alone, and reading that needs the package sentencepiece: run "
        "`pip install 'stabbench[sentencepiece]'`, or put a tokenizer.json beside it"
    )


def _installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def _parts(pipeline: Mapping[str, Any]) -> dict[str, Any]:
    """The decisive parts of a pipeline as the library writes them, without what changes no ids.

    Scores of pieces are rounded: the library does not always read back the very number that is written.
    """
    found: dict[str, Any] = {name: pipeline.get(name) for name in _DECISIVE}
    found["model"] = {name: value for name, value in found["model"].items() if value not in (None, "", False)}
    pieces = found["model"].get("vocab")
    if isinstance(pieces, list):
        found["model"]["vocab"] = [[piece, float(f"{score:.9g}")] for piece, score in pieces]
    if found["post_processor"]:
        found["post_processor"] = {key: value for key, value in found["post_processor"].items() if key not in _OFFSETS}
    steps, split = (found["normalizer"] or {}).get("normalizers"), found["pre_tokenizer"] or {}
    first = (split.get("pretokenizers") or [split])[0].get("type")
    if steps and first == "WhitespaceSplit":
        found["normalizer"] = {**found["normalizer"], "normalizers": [step for step in steps if step != _SPACES]}
    return found


def _spelling(token: Any) -> Any:
    return token.get("content") if isinstance(token, dict) else token


def _settings(folder: Path, name: str) -> dict[str, Any]:
    return _json_of(folder / name) if (folder / name).is_file() else {}


def _json_of(path: Path) -> dict[str, Any]:
    try:
        content = read_json(path)
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not JSON: {error}: copy or download it again") from error
    if not isinstance(content, dict):
        raise UserError(f"{path} holds no JSON object: copy or download it again")
    return content


def _tokenizer_of(path: Path) -> Tokenizer:
    from tokenizers import Tokenizer

    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises no narrower class
        raise UserError(f"{path} is no tokenizer: {error}: copy or download it again") from error
