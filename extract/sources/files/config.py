"""The mapping file (``BRAID_FILES``): which files there are, and how their columns become a contract's.

Everything is checked before any work, and what is wrong is one sentence naming file, data set and key.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any

from contracts import input_contracts
from contracts.input_contracts import InputContract
from extract.source import ConfigurationError
from extract.sources.input_mapping import Column, columns_of

FORMATS = {".csv": "csv", ".tsv": "csv", ".parquet": "parquet", ".json": "json", ".ndjson": "json", ".jsonl": "json"}
FORMATS |= {".txt": "lines"}
DATASET_KEYS = {"name", "contract", "path", "format", "columns", "delimiter", "header", "skip", "null"}
CSV_ONLY = {"delimiter", "header", "null"}


@dataclass(frozen=True)
class Dataset:
    """One data set: its files and its mapping. ``digest`` changes when the mapping does."""

    name: str
    contract: InputContract
    path: str
    format: str | None
    columns: Mapping[str, Column]
    delimiter: str
    header: bool
    skip: int
    null: str
    digest: str

    def format_of(self, path: str) -> str:
        """The format of one of its files: as configured, or by the ending."""
        if self.format:
            return self.format
        ending = Path(path.removesuffix(".gz")).suffix.lower()
        if ending not in FORMATS:
            raise ConfigurationError(
                f"Data set {self.name!r}: the format of {path} cannot be told by its ending; "
                f"set format to one of {', '.join(sorted(set(FORMATS.values())))}."
            )
        return FORMATS[ending]


def load(file: Path, env: Mapping[str, str] = os.environ) -> tuple[Dataset, ...]:
    """The data sets of a mapping file. Raises ConfigurationError."""
    import yaml

    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigurationError(f"{file} does not exist: set BRAID_FILES to your mapping file.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{file} cannot be read: {error}.") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise ConfigurationError(f"{file} is not valid YAML{f' at line {mark.line + 1}' if mark else ''}.") from None
    if not isinstance(content, dict) or not isinstance(content.get("datasets"), list) or set(content) != {"datasets"}:
        raise ConfigurationError(f"{file} must have one key, datasets, with a list below it.")
    found = [_dataset(entry, file, env) for entry in content["datasets"]]
    names = [dataset.name for dataset in found]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ConfigurationError(f"{file} has two data sets called {twice[0]!r}; a name is part of a row's key.")
    return tuple(found)


def _dataset(entry: Any, file: Path, env: Mapping[str, str]) -> Dataset:
    if not isinstance(entry, dict) or not isinstance(entry.get("name"), str) or not entry["name"]:
        raise ConfigurationError(f"{file} has a data set without a name.")
    where = f"{file}, data set {entry['name']!r}"
    if unknown := sorted(set(entry) - DATASET_KEYS):
        raise ConfigurationError(f"{where}: {unknown[0]!r} is not a key; there are {', '.join(sorted(DATASET_KEYS))}.")
    for key in ("contract", "path", "columns"):
        if not entry.get(key):
            raise ConfigurationError(f"{where}: {key} is missing.")
    try:
        contract = input_contracts.load(str(entry["contract"]))
    except KeyError:
        known = ", ".join(input_contracts.names())
        raise ConfigurationError(f"{where}: there is no contract {entry['contract']!r}; there are {known}.") from None
    form = entry.get("format")
    if form is not None and form not in FORMATS.values():
        known = ", ".join(sorted(set(FORMATS.values())))
        raise ConfigurationError(f"{where}: format {form!r} is unknown; there are {known}.")
    if form not in (None, "csv") and (given := sorted(CSV_ONLY & set(entry))):
        raise ConfigurationError(f"{where}: {given[0]} is for csv files, and the format is {form}.")
    try:
        path = Template(str(entry["path"])).substitute(env)
    except (KeyError, ValueError) as error:
        raise ConfigurationError(f"{where}: the path needs {error}, which is not set in the environment.") from None
    if "://" in path and not path.startswith(("file://", "s3://")):
        raise ConfigurationError(f"{where}: {path} is neither a local path nor s3://; copy the files to one of them.")
    skip = entry.get("skip", 0)
    if not isinstance(skip, int) or skip < 0:
        raise ConfigurationError(f"{where}: skip must be a number of lines.")
    columns = columns_of(entry["columns"], contract, where, "file")
    mapping = {key: value for key, value in entry.items() if key != "path"}
    digest = hashlib.sha256(json.dumps(mapping, sort_keys=True, default=str).encode()).hexdigest()[:12]
    return Dataset(
        name=entry["name"],
        contract=contract,
        path=path,
        format=form,
        columns=columns,
        delimiter=str(entry.get("delimiter", ",")),
        header=bool(entry.get("header", True)),
        skip=skip,
        null=str(entry.get("null", "")),
        digest=digest,
    )
