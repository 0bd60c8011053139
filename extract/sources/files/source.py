"""Files as a source: folders and buckets of CSV, Parquet and newline-JSON, mapped onto the input contracts.

Source  the data sets of the mapping file (``BRAID_FILES``, default ``files.yml``); paths are files, folders or globs,
        local or ``s3://``
Grain   one row per key of the contract; a changed file replaces its rows, and those it lost are marked deleted,
        those that do not fit go to quarantine
Cursor  none: files not landed yet, or of another size, time or mapping than when they landed
Units   times naive UTC; amounts in the currency beside them
Errors  ConfigurationError before any work; MalformedAnswer names data set and file
"""

from __future__ import annotations

import fnmatch
import hashlib
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pyarrow as pa
from pyarrow import fs

from contracts import input_contracts
from extract.source import ConfigurationError, ObjectInfo, ReadContext, Source, Unreachable
from extract.sources.buckets import s3_folder
from extract.sources.files import config, mapping
from extract.sources.files.config import Dataset
from extract.sources.input_mapping import ARROW_TYPES
from warehouse.base import TableName
from warehouse.types import naive_utc

SETTING = "BRAID_FILES"
DEFAULT = "files.yml"
FILE_COLUMN = "_file"
WILDCARDS = "*?["


class Files(Source):
    """The data sets of one mapping file."""

    name = "files"
    objects = ("people", "orders")

    def __init__(self, datasets: tuple[Dataset, ...]) -> None:
        """Nothing is opened yet."""
        self._datasets = datasets

    @classmethod
    def from_environment(cls, env: Mapping[str, str]) -> Files:
        """Read and check the mapping file."""
        return cls(config.load(Path(env.get(SETTING, "").strip() or DEFAULT), env))

    def connect(self) -> None:
        """Every data set has at least one file."""
        for dataset in self._datasets:
            if next(_files(dataset), None) is None:
                raise ConfigurationError(f"Data set {dataset.name!r}: there is no file at {dataset.path}.")

    def now(self) -> datetime:
        """Files have no clock: ours."""
        return datetime.now(UTC).replace(tzinfo=None, microsecond=0)

    def describe(self, name: str) -> ObjectInfo:
        """The contract's columns, and the file a row came from."""
        contract = input_contracts.load(name)
        types = {column: ARROW_TYPES[kind] for column, kind in contract.columns.items()}
        types[FILE_COLUMN] = pa.string()
        return ObjectInfo(
            name=name,
            table=TableName("raw_files", name),
            key=contract.key,
            schema=pa.schema(types),
            fields={column: column for column in types},
        )

    def read(self, info: ObjectInfo, context: ReadContext) -> None:
        """Spool the files that are new or changed."""
        for dataset in self._datasets:
            if dataset.contract.name != info.name:
                continue
            for system, found in _files(dataset):
                self._read_file(dataset, system, found, context)

    def _read_file(self, dataset: Dataset, system: fs.FileSystem, found: fs.FileInfo, context: ReadContext) -> None:
        label = f"{dataset.name}:{found.path}"
        modified = naive_utc(found.mtime) if found.mtime else None
        before = context.landed_files.get(label)
        same_mapping = before is not None and before.content_hash.endswith(f":{dataset.digest}")
        if same_mapping and before is not None and (before.size_bytes, before.modified_at) == (found.size, modified):
            return
        with _local_copy(system, found.path) as local:
            content_hash = f"{_sha256(local)}:{dataset.digest}"
            rows = 0
            unchanged = before is not None and before.content_hash == content_hash
            if not unchanged:
                for batch in mapping.batches(dataset, local, label, context.spool.reject):
                    context.spool.rows(batch)
                    context.progress(batch.num_rows)
                    rows += batch.num_rows
                context.spool.whole({FILE_COLUMN: label})
            context.spool.file_done(
                label,
                size_bytes=found.size,
                modified_at=modified,
                content_hash=content_hash,
                rows=rows,
                unchanged=unchanged,
            )


def _files(dataset: Dataset) -> Iterator[tuple[fs.FileSystem, fs.FileInfo]]:
    """The data set's files by path: the one named, those in the folder, or those that match."""
    system, path = _file_system(dataset)
    wildcard = min((path.index(mark) for mark in WILDCARDS if mark in path), default=None)
    try:
        if wildcard is None:
            info = system.get_file_info(path)
            if info.type == fs.FileType.File:
                yield system, info
                return
            pattern, base = None, path
        else:
            pattern, base = path, path[:wildcard].rpartition("/")[0]
        selector = fs.FileSelector(base, recursive=True, allow_not_found=True)
        for info in sorted(system.get_file_info(selector), key=lambda item: item.path):
            hidden = info.base_name.startswith((".", "_"))
            if info.type == fs.FileType.File and not hidden and (not pattern or fnmatch.fnmatch(info.path, pattern)):
                yield system, info
    except OSError as error:
        raise Unreachable(f"Data set {dataset.name!r}: {dataset.path} cannot be listed ({error}).") from None


def _file_system(dataset: Dataset) -> tuple[fs.FileSystem, str]:
    if dataset.path.startswith("s3://"):
        try:
            return s3_folder(dataset.path)
        except OSError as error:
            raise Unreachable(f"Data set {dataset.name!r}: {dataset.path} cannot be opened ({error}).") from None
    local = unquote(urlsplit(dataset.path).path) if dataset.path.startswith("file://") else dataset.path
    return fs.LocalFileSystem(), str(Path(local).expanduser().absolute())


@contextmanager
def _local_copy(system: fs.FileSystem, path: str) -> Iterator[Path]:
    """The file on this computer: itself, or a copy for the block."""
    if isinstance(system, fs.LocalFileSystem):
        yield Path(path)
        return
    with tempfile.TemporaryDirectory(prefix="braid-file-") as folder:
        copy = Path(folder) / Path(path).name
        try:
            with system.open_input_stream(path, compression=None) as source, copy.open("wb") as target:
                shutil.copyfileobj(source, target, 1 << 20)
        except OSError as error:
            raise Unreachable(f"{path} cannot be read ({error}).") from None
        yield copy


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
