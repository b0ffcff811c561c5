"""A folder's tokenizer as transformers' `AutoTokenizer` makes it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from stabbench.errors import UserError
from stabbench.model_files import sentencepiece_only
from stabbench.models.families.huggingface.quiet import in_short, quiet_transformers
from stabbench.models.folder import ModelFolder
from stabbench.models.pipelines import ROLES, FolderTokenizer, decisive_parts, lacking_package, written_pipeline

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_TOKENIZER_CLASS = re.compile(r"\w*(Tokenizer(Fast|Legacy)?|TokenizersBackend|PythonBackend)")


def by_transformers(folder: ModelFolder) -> FolderTokenizer:
    """What `AutoTokenizer` makes of a folder; UserError where that is nothing, or has no fast form."""
    path = folder.path
    lacking = lacking_package(path)
    if lacking is not None:
        raise UserError(lacking)
    settings = {"tokenizer_config.json": folder.settings("tokenizer_config.json"), "config.json": folder.config}
    for name, found in settings.items():
        wanted = found.get("tokenizer_class")
        if wanted is not None and not (isinstance(wanted, str) and _TOKENIZER_CLASS.fullmatch(wanted)):
            raise UserError(f"{path / name} names tokenizer_class {wanted!r}, which is no tokenizer")
    from transformers import AutoTokenizer

    try:
        with quiet_transformers():
            loaded: Any = AutoTokenizer.from_pretrained(str(path), local_files_only=True, trust_remote_code=False)
    except Exception as error:  # whatever files of another library's making run into
        alone = sentencepiece_only(path)
        if alone is not None and "tiktoken" in str(error):  # what transformers tries where it cannot parse the file
            raise UserError(
                f"{path / alone} cannot be read as a sentencepiece model: is it complete, and no pointer of Git LFS? "
                "Fetch it again, or put a tokenizer.json beside it"
            ) from error
        raise UserError(
            f"no tokenizer can be read from {path}: {in_short(error)}; put a tokenizer.json there "
            "(`AutoTokenizer.from_pretrained(…).save_pretrained(…)` writes one where its packages are installed)"
        ) from error
    pipeline: Tokenizer | None = getattr(loaded, "backend_tokenizer", None)
    if pipeline is None:
        raise UserError(
            f"the tokenizer in {path} ({type(loaded).__name__}) has no fast form, and none but fast ones are read: "
            "take a model with a tokenizer.json"
        )
    tokens = {role: getattr(loaded, f"{role}_token", None) for role in ROLES}
    single = path / "tokenizer.json"
    same = not single.is_file() or (
        loaded.truncation_side == "right"
        and not pipeline.encode_special_tokens
        and decisive_parts(pipeline) == decisive_parts(written_pipeline(single))
    )
    return FolderTokenizer(
        pipeline=pipeline,
        tokens={role: str(token) for role, token in tokens.items() if token is not None},
        cut_from=str(loaded.truncation_side),
        gives_segments="token_type_ids" in loaded.model_input_names,
        as_written=same,
    )
