"""The rules of the house that no linter knows: which room may import which, and what a commit never holds."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
# Each room and the rooms it may import from; orchestration may import all, and none imports it.
MAY_IMPORT = {
    "contracts": set(),
    "warehouse": {"contracts"},
    "extract": {"contracts", "warehouse", "log"},
    "sandbox": {"contracts", "warehouse"},
    "log": set(),
    "collect": {"contracts", "log"},
    "matching": {"contracts"},
    "value": set(),
    "orchestration": {"contracts", "warehouse", "extract", "log", "collect", "sandbox", "matching", "value"},
}
REGISTRIES = re.compile(
    "|".join(["pypi" + r"\.org", "python" + r"hosted\.org", "registry" + r"\.npmjs", "deb" + r"\.debian\.org"])
)


def imported_rooms(module: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.split(".")[0])
    return names & MAY_IMPORT.keys()


def committed_files() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True, timeout=30
    ).stdout
    return [ROOT / name for name in listed.split("\0") if name]


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_a_room_imports_only_what_lies_above_it(room: str) -> None:
    modules = list((ROOT / room).rglob("*.py"))
    assert modules
    for module in modules:
        forbidden = imported_rooms(module) - MAY_IMPORT[room] - {room}
        assert not forbidden, f"{module.relative_to(ROOT)} imports {', '.join(sorted(forbidden))}"


def test_a_connector_never_imports_dagster() -> None:
    for module in (ROOT / "extract").rglob("*.py"):
        assert "dagster" not in module.read_text(), f"{module.relative_to(ROOT)} knows of Dagster"


def test_no_commit_names_a_registry() -> None:
    for path in committed_files():
        if path.suffix in {".png", ".parquet", ".gz"} or not path.is_file():
            continue
        found = REGISTRIES.search(path.read_text(errors="ignore"))
        assert found is None, f"{path.relative_to(ROOT)} names {found[0] if found else ''}"


def test_the_lock_pins_every_line_by_hash_and_no_address() -> None:
    lock = (ROOT / "requirements" / "lock.txt").read_text()
    pinned = re.findall(r"^([A-Za-z0-9_.-]+)(?:\[[^]]*\])?==", lock, re.MULTILINE)
    assert len(pinned) > 100
    assert "://" not in lock
    for block in re.split(r"\n(?=[A-Za-z])", lock.strip()):
        assert "--hash=sha256:" in block, block.splitlines()[0]


def test_sqlglot_and_its_compiled_part_are_one_version() -> None:
    lock = (ROOT / "requirements" / "lock.txt").read_text()
    versions = dict(re.findall(r"^(sqlglot|sqlglotc)(?:\[[^]]*\])?==(\S+)", lock, re.MULTILINE))
    assert versions["sqlglot"] == versions["sqlglotc"]
