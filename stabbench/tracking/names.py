"""Names and values as MLflow takes them: others are spelled otherwise or shortened, and stand whole in a file."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping

LONGEST_NAME = 250
"""Characters of the name of a parameter, metric, tag, run or model (MLflow's limit)."""
LONGEST_PARAMETER = 6000
"""Characters of a parameter's value; MLflow cuts longer ones, or raises where MLFLOW_TRUNCATE_LONG_VALUES is false."""
LONGEST_TAG = 5000
"""Characters of a tag's value: 8,000 since MLflow 2.14, 5,000 before and on other servers."""
SHOWN = 200
"""Characters that are left of a value that is longer."""

_REFUSED = re.compile(r"[^\w.\- :/]")
_REFUSED_OF_MODELS = re.compile(r"[/:.%\"'\\]")


def name(text: str) -> str:
    """A name of a parameter, metric, tag or experiment: unchanged where MLflow takes it.

    Else what it refuses becomes `_`, parts that would name another folder are left out, and the end of it is a hash of
    the whole: names that differ stay apart.
    """
    spelled = "/".join(part for part in _REFUSED.sub("_", text).split("/") if part not in ("", ".", ".."))
    return _apart(f"_{spelled}" if spelled.startswith("..") else spelled, text)


def model_name(text: str) -> str:
    """A name of a logged model, which MLflow gives fewer characters: spelled as `name` does."""
    return _apart(_REFUSED_OF_MODELS.sub("_", text), text)


def parameter(value: str) -> str:
    """A parameter's value, shortened with a mark where MLflow would cut it."""
    return _shortened(value, LONGEST_PARAMETER, PARAMETERS)


def tag(value: str) -> str:
    """A tag's value, shortened with a mark where MLflow would cut or refuse it."""
    return _shortened(value, LONGEST_TAG, TAGS)


PARAMETERS, TAGS = "parameters.json", "tags.json"
"""The artifacts that hold what does not fit, all of it by its own name."""


def fitting_parameters(values: Mapping[str, str]) -> dict[str, str]:
    """Parameters by the names and with the values that MLflow takes."""
    return {name(key): parameter(value) for key, value in values.items()}


def fitting_tags(values: Mapping[str, str]) -> dict[str, str]:
    """Tags by the names and with the values that MLflow takes; a run's name is one of them."""
    return {
        name(key): _shortened(value, LONGEST_NAME, TAGS, 100) if key == "mlflow.runName" else tag(value)
        for key, value in values.items()
    }


def _apart(spelled: str, text: str) -> str:
    if spelled == text and len(text) <= LONGEST_NAME and text:
        return text
    digest = hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:8]
    return f"{spelled[: LONGEST_NAME - 9]}-{digest}"


def _shortened(value: str, longest: int, file: str, shown: int = SHOWN) -> str:
    if len(value) <= longest:
        return value
    digest = hashlib.sha256(value.encode(errors="surrogatepass")).hexdigest()[:8]
    return f"{value[:shown]}… ({len(value):,} characters, SHA-256 {digest}…, whole in {file})"
