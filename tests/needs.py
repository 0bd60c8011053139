"""A test whose tool is missing: skipped with the reason on a user's machine, failed in CI."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest


def in_ci() -> bool:
    return os.environ.get("CI", "").lower() in ("1", "true", "yes")


def missing(reason: str) -> None:
    """End the test: skip here, fail in CI, where every tool is there or the pipeline is wrong."""
    if in_ci():
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def tool(*names: str) -> Path:
    """The first of the commands that is installed, or the end of the test."""
    for name in names:
        if found := shutil.which(name):
            return Path(found)
    missing(f"{' or '.join(names)} is not installed")
    raise AssertionError("unreachable")


def published_data() -> Path:
    """The folder of the published data sets, which no package brings; the test ends without it."""
    folder = Path(os.environ.get("BRAID_DATA") or Path(__file__).parents[2] / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"{folder} is no folder; BRAID_DATA names where the published data sets are")
    return folder
