"""One run's record: a folder that is verified when it is read."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stabbench.errors import UserError
from stabbench.files import read_json, sha256_of_bytes, sha256_of_file, sha256_of_json
from stabbench.plan import Spec
from stabbench.records.content import RecordContent, Result, RunError
from stabbench.records.migrations import STEPS, migrated

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd

SCHEMA_VERSION = 1
PROVENANCE = "provenance.json"
TABLES = ("history.parquet", "gradnorms.parquet", "predictions.parquet")
_SEAL_LENGTH = 64


class UnreadableRecordError(Exception):
    """A record that is not whole; the message says which file and what is wrong with it."""

    def for_readers(self) -> UserError:
        """What whoever reads a selection has to know: it can be restored."""
        return UserError(f"unreadable record: {self}; run `stabbench train` again to restore it")


@dataclass(frozen=True)
class Record:
    """One run's record: `content` is record.json, `folder` where it lies.

    The files beside it are verified when they are read: UserError where one is missing, truncated or changed.
    """

    content: RecordContent
    folder: Path

    @property
    def fingerprint(self) -> str:
        """The hash of the run's spec."""
        return self.content.fingerprint

    @property
    def spec(self) -> Spec:
        """Everything that decided the run's result."""
        return self.content.spec

    @property
    def status(self) -> str:
        """`ok`, `failed`, `diverged`, `unjudged` or `error`."""
        return self.content.status

    @property
    def metric(self) -> str:
        """The headline metric."""
        return self.content.metric

    @property
    def finished(self) -> bool:
        """Whether training came to its end (an error did not)."""
        return self.content.result is not None

    @property
    def result(self) -> Result:
        """What a finished run left; ValueError for an error, which left nothing."""
        if self.content.result is None:
            raise ValueError(f"{self.folder} is the record of an error: {self.error}")
        return self.content.result

    @property
    def score(self) -> float:
        """The headline score at the last step; a diverged run's is the best constant prediction's, NaN if not known."""
        return self.result.final.scores.get(self.metric, math.nan)

    @property
    def error(self) -> RunError | None:
        """What broke the run, where something did."""
        return self.content.error

    @property
    def files(self) -> Mapping[str, str]:
        """SHA-256 of the tables beside record.json, by name."""
        return self.content.files

    def gave(self, result_digest: str) -> bool:
        """Whether the run came to its end with this result."""
        return self.finished and self.result.result_digest == result_digest

    def history(self) -> pd.DataFrame:
        """A row per update: step, epoch, learning rate, losses, gradient norms and the scores where evaluated."""
        return self._table("history.parquet")

    def gradnorms(self) -> pd.DataFrame:
        """L2 norm of each parameter's gradient before clipping: step, parameter, norm."""
        return self._table("gradnorms.parquet")

    def predictions(self) -> pd.DataFrame:
        """The dev set at the last step: example, label, prediction, logits."""
        return self._table("predictions.parquet")

    def columns(self, table: str, names: Sequence[str]) -> dict[str, npt.NDArray[Any]]:
        """Some columns of one of `TABLES` as arrays, NaN where there is no number: a sixth of a frame's time."""
        from pyarrow import BufferReader, parquet

        with parquet.ParquetFile(BufferReader(self._bytes(table))) as file:
            found = file.read(columns=list(names), use_threads=False)
        return {name: found.column(name).to_numpy() for name in names}

    def rows(self, table: str) -> int:
        """How many rows one of `TABLES` has; 0 where the run left none."""
        if table not in self.files:
            return 0
        from pyarrow import BufferReader, parquet

        with parquet.ParquetFile(BufferReader(self._bytes(table))) as file:
            return int(file.metadata.num_rows)

    def _table(self, name: str) -> pd.DataFrame:
        import pandas as pd  # here, as records are copied and counted far more often than their tables are read

        return pd.read_parquet(BytesIO(self._bytes(name)))

    def _bytes(self, name: str) -> bytes:
        path = self.folder / name
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            raise UnreadableRecordError(f"{path} is missing").for_readers() from None
        if sha256_of_bytes(content) != self.files.get(name):
            raise _changed(path).for_readers()
        return content

    def provenance(self) -> dict[str, Any]:
        """Versions, device and timings; never part of a digest or a table. Empty where the file is absent."""
        return dict(self._made)

    @cached_property
    def _made(self) -> Mapping[str, Any]:
        try:
            content = _provenance(self.folder / PROVENANCE)
        except UnreadableRecordError as error:
            raise error.for_readers() from error
        return {key: value for key, value in content.items() if key != "seal"}

    @property
    def weights(self) -> Path | None:
        """The Hugging Face folder of the final weights, where they were kept."""
        folder = self.folder / "weights"
        return folder if (folder / "model.safetensors").exists() else None

    @classmethod
    def read(cls, folder: Path, *, verify: bool = True, files: bool = True) -> Record:
        """Read a record's folder; with `verify`, check record.json and, with `files`, whatever lies beside it.

        Raises UnreadableRecordError, naming the file, where anything that is checked is missing, truncated or changed,
        and the place where record.json holds something strange.
        """
        data = _read_data(folder)
        if verify:
            _check_content(folder, data)
        if verify and files:
            check_files(folder, data.get("files", {}))
            _provenance(folder / PROVENANCE)
        return cls(_typed(folder, data, RecordContent.from_json), folder)


def read_head(folder: Path) -> RecordContent:
    """The content of a record but its `result`, not verified: for those who count thousands by their status.

    Raises UnreadableRecordError as `Record.read` does, but where something is strange inside of the result.
    """
    return _typed(folder, _read_data(folder), RecordContent.head_from_json)


def _read_data(folder: Path) -> dict[str, Any]:
    path = folder / "record.json"
    try:
        data = read_json(path)
    except FileNotFoundError:
        raise UnreadableRecordError(f"{path} is missing") from None
    except (OSError, ValueError) as error:
        raise UnreadableRecordError(f"{path} is not JSON ({error})") from error
    if not isinstance(data, dict) or not {"schema_version", "fingerprint", "spec", "status"} <= data.keys():
        raise UnreadableRecordError(f"{path} lacks the keys of a record")
    if data["schema_version"] not in STEPS:
        version = data["schema_version"]
        raise UnreadableRecordError(f"{path} has schema version {version}, readable: {tuple(STEPS)}")
    return data


def _typed(
    folder: Path, data: Mapping[str, Any], content: Callable[[Mapping[str, Any]], RecordContent]
) -> RecordContent:
    def table(name: str) -> pd.DataFrame:
        return Record(RecordContent.from_json(data), folder)._table(name)

    try:
        return content(migrated(data, table))
    except (ValueError, KeyError, TypeError) as error:
        raise UnreadableRecordError(f"{folder / 'record.json'}: {error}") from error


def _check_content(folder: Path, data: Mapping[str, Any]) -> None:
    if _hash(data["spec"]) != data["fingerprint"]:
        raise UnreadableRecordError(f"{folder / 'record.json'}: the spec does not have the fingerprint that is named")
    if not _seal_holds(data):
        raise UnreadableRecordError(f"{folder / 'record.json'}: the content does not have the hash that is named")


def check_files(folder: Path, hashes: Mapping[str, str]) -> None:
    """UnreadableRecordError where a file of the folder is missing or does not have the SHA-256 that is named."""
    for name, expected in hashes.items():
        path = folder / name
        if not path.is_file():
            raise UnreadableRecordError(f"{path} is missing")
        if sha256_of_file(path) != expected:
            raise _changed(path)


def _changed(path: Path) -> UnreadableRecordError:
    return UnreadableRecordError(f"{path} is truncated or was changed (its hash differs)")


def _provenance(path: Path) -> dict[str, Any]:
    """Empty where it is absent (`dvc pull` does not bring it); it may lack a seal where an older version wrote it."""
    try:
        content = read_json(path)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise UnreadableRecordError(f"{path} is not JSON ({error})") from error
    if not isinstance(content, dict) or not (_never_sealed(content) or _seal_holds(content)):
        raise _changed(path)
    return content


def sealed(content: Mapping[str, Any]) -> dict[str, Any]:
    """The content with its own hash as `seal`."""
    return {**content, "seal": sha256_of_json(content)}


def _never_sealed(content: Mapping[str, Any]) -> bool:
    """Whether no value can be a seal, under whatever name: a flipped bit may have changed that."""
    return not any(isinstance(value, str) and len(value) == _SEAL_LENGTH for value in content.values())


def _seal_holds(content: Mapping[str, Any]) -> bool:
    return bool(content.get("seal") == _hash({key: value for key, value in content.items() if key != "seal"}))


def _hash(value: object) -> str | None:
    try:
        return sha256_of_json(value)
    except ValueError:  # a number that JSON does not have
        return None
