"""A warehouse of one's own, and no settings of the machine the tests run on."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from orchestration.cli import run
from tests.orchestration.receivers import Webhook, webhook
from tests.orchestration.shop import Shop, build_shop, environment

ROOT = Path(__file__).resolve().parent.parent.parent
_SETTINGS = ("SALESFORCE_", "HUBSPOT_", "SEGMENT_", "BRAID_", "DBT_", "DAGSTER_", "SNOWFLAKE_")


@pytest.fixture(autouse=True)
def workshop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a profile whose warehouse lies in it; the environment says nothing else."""
    for name in list(os.environ):
        if name.startswith(_SETTINGS) and name != "BRAID_SCREENSHOTS":
            monkeypatch.delenv(name)
    folder = tmp_path / "workshop"
    folder.mkdir()
    shutil.copyfile(ROOT / "profiles.yml.example", folder / "profiles.yml")
    monkeypatch.setenv("DBT_PROFILES_DIR", str(folder))
    monkeypatch.setenv("DBT_PROJECT_DIR", str(ROOT))
    monkeypatch.setenv("BRAID_DUCKDB", str(folder / "braid.duckdb"))
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> Iterator[Webhook]:
    """A real receiver of alerts, and the setting that names it."""
    with webhook() as state:
        monkeypatch.setenv("BRAID_ALERT_WEBHOOK", state.url)
        yield state


@pytest.fixture(scope="session")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[object]:
    """A small sandbox, shared: what a test advances stays advanced."""
    from sandbox import server

    with server.running(people=60, seed=3, archive=tmp_path_factory.mktemp("archive")) as running:
        yield running


@pytest.fixture(scope="session")
def built_shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shop's folder after a first build, for copies."""
    folder = tmp_path_factory.mktemp("shop")
    build_shop(folder)
    return folder


@pytest.fixture
def shop(workshop: Path, built_shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """A shop of one's own."""
    folder = tmp_path / "shop"
    shutil.copytree(built_shop, folder)
    environment(monkeypatch, folder)
    return Shop(folder / "project", folder)


@pytest.fixture
def braid(capfd: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """`braid` with these arguments: its exit code, stdout and stderr."""

    def call(*arguments: str) -> tuple[int, str, str]:
        capfd.readouterr()
        code = run(list(arguments))
        out, err = capfd.readouterr()
        return code, out, err

    return call
