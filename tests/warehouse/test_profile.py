"""The dbt profile is read as dbt reads it, and what is wrong with it is one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from warehouse.base import WarehouseError
from warehouse.profile import load_target, project_root

PROFILE = """
braid:
  target: "{{ env_var('CHOSEN', 'dev') }}"
  outputs:
    dev:
      type: duckdb
      path: "{{ env_var('BRAID_DUCKDB', 'data/braid.duckdb') }}"
      schema: main
      threads: "{{ env_var('THREADS', '2') | as_number }}"
      settings: {memory_limit: "{{ env_var('MEMORY', '1GB') }}"}
      extensions: [parquet, "{{ env_var('EXTENSION', 'json') }}"]
    prod:
      type: snowflake
      password: "{{ env_var('SNOWFLAKE_SECRET') }}"
    lake:
      type: duckdb
      path: "md:cloud"
    other:
      type: bigquery
    broken:
      type: duckdb
      path: "{{ env_var('X', 'y') "
    strange:
      type: duckdb
      path: "{{ target.name }}"
    flat: duckdb
"""


@pytest.fixture
def project(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "dbt_project.yml").write_text("name: braid\nprofile: braid\n")
    (tmp_path / "profiles.yml").write_text(PROFILE)
    return {"DBT_PROJECT_DIR": str(tmp_path)}


def test_the_default_target_with_defaults(project: dict[str, str], tmp_path: Path) -> None:
    target = load_target(env=project)
    assert (target.name, target.type, target.threads) == ("dev", "duckdb", 2)
    assert target.duckdb_path == tmp_path / "data" / "braid.duckdb"
    assert target.settings["settings"] == {"memory_limit": "1GB"}
    assert target.settings["extensions"] == ["parquet", "json"]


def test_variables_fill_templates(project: dict[str, str], tmp_path: Path) -> None:
    target = load_target(env=project | {"BRAID_DUCKDB": "/elsewhere/w.duckdb", "THREADS": "7", "MEMORY": "4GB"})
    assert (target.duckdb_path, target.threads) == (Path("/elsewhere/w.duckdb"), 7)
    assert target.settings["settings"] == {"memory_limit": "4GB"}


def test_who_chooses_the_target(project: dict[str, str]) -> None:
    secret = {"SNOWFLAKE_SECRET": "s"}
    assert load_target(env=project | secret | {"CHOSEN": "prod"}).name == "prod"
    assert load_target(env=project | secret | {"CHOSEN": "lake", "DBT_TARGET": "prod"}).name == "prod"
    assert load_target("dev", env=project | {"DBT_TARGET": "prod"}).name == "dev"


def test_who_chooses_the_folder(project: dict[str, str], tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "profiles.yml").write_text("braid: {outputs: {default: {type: duckdb, path: mine.duckdb}}}")
    elsewhere = load_target(env=project | {"DBT_PROFILES_DIR": str(folder)})
    assert elsewhere == load_target(env=project, profiles_dir=folder)
    # The file's folder is not where a relative path counts from: the project is.
    assert (elsewhere.name, elsewhere.duckdb_path) == ("default", tmp_path / "mine.duckdb")


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (
            "prod",
            r"The environment variable SNOWFLAKE_SECRET is not set, and target 'prod' in .*profiles\.yml needs it",
        ),
        ("nope", r"Profile 'braid' in .*profiles\.yml has no target 'nope'; it has broken, dev, flat, lake"),
        ("other", r"Target 'other' in .*profiles\.yml has the type 'bigquery'"),
        ("broken", r"A template of target 'broken' in .*profiles\.yml cannot be rendered"),
        ("strange", r"A template of target 'strange' in .*profiles\.yml cannot be rendered"),
        ("flat", r"Target 'flat' in .*profiles\.yml is not a mapping"),
    ],
)
def test_a_fault_is_one_sentence(project: dict[str, str], target: str, message: str) -> None:
    with pytest.raises(WarehouseError, match=message) as caught:
        load_target(target, env=project)
    assert len(str(caught.value).splitlines()) == 1


def test_motherduck_is_refused(project: dict[str, str]) -> None:
    with pytest.raises(WarehouseError, match="needs a file on disk"):
        _ = load_target("lake", env=project).duckdb_path


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, r"profiles\.yml does not exist: copy profiles\.yml\.example"),
        ("braid:\n  outputs:\n   a: 'hunter2\n", r"profiles\.yml is not valid YAML at line 4"),
        ("[]", r"is not a mapping"),
        ("other: {}", r"has no profile 'braid'"),
        ("braid: {}", r"has no outputs"),
    ],
    ids=["missing", "not YAML", "a list", "no profile", "no outputs"],
)
def test_a_bad_file_is_one_sentence(project: dict[str, str], tmp_path: Path, content: str | None, message: str) -> None:
    file = tmp_path / "profiles.yml"
    file.unlink()
    if content is not None:
        file.write_text(content)
    with pytest.raises(WarehouseError, match=message) as caught:
        load_target(env=project)
    assert "hunter2" not in str(caught.value)


def test_secrets_stay_out_of_texts(project: dict[str, str]) -> None:
    target = load_target("prod", env=project | {"SNOWFLAKE_SECRET": "hunter2"})
    assert target.settings["password"] == "hunter2"
    assert "hunter2" not in f"{target!r} {target}"


def test_the_project_is_found_from_below(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "dbt_project.yml").touch()
    (tmp_path / "a" / "b").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "a" / "b")
    assert project_root({}) == tmp_path


def test_the_example_profile_is_complete(tmp_path: Path) -> None:
    example = Path(__file__).parents[2] / "profiles.yml.example"
    (tmp_path / "profiles.yml").write_text(example.read_text())
    assert load_target(env={"DBT_PROJECT_DIR": str(tmp_path)}).duckdb_path == tmp_path / "braid.duckdb"
    names = ("ACCOUNT", "USER", "PRIVATE_KEY_PATH", "ROLE", "WAREHOUSE")
    env = {"DBT_PROJECT_DIR": str(tmp_path)} | {f"SNOWFLAKE_{name}": name.lower() for name in names}
    assert load_target("snowflake", env=env).settings["private_key_path"] == "private_key_path"
    with pytest.raises(WarehouseError, match="SNOWFLAKE_ROLE"):
        load_target("snowflake", env={k: v for k, v in env.items() if k != "SNOWFLAKE_ROLE"})
