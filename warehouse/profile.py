"""The dbt profile, read without dbt: the only place where the warehouse and its credentials are configured.

Importing dbt takes seconds, and a profile is a small thing: YAML whose strings are Jinja templates with ``env_var``.
Only the chosen target is rendered, as dbt does, so a variable that another target needs may be missing.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from warehouse.base import WarehouseError

_DEFAULT_PROFILE = "braid"


@dataclass(frozen=True)
class Target:
    """One output of the profile, rendered. ``settings`` are its keys as dbt knows them; they may hold secrets."""

    name: str
    type: str
    settings: Mapping[str, Any]
    profiles_dir: Path
    project_root: Path

    def __repr__(self) -> str:
        """Without the settings: they may hold secrets."""
        return f"Target(name={self.name!r}, type={self.type!r})"

    @property
    def duckdb_path(self) -> Path | None:
        """The DuckDB file, absolute (dbt takes a relative path from the project's root); None on other warehouses."""
        if self.type != "duckdb":
            return None
        path = str(self.settings.get("path", ""))
        if not path or path == ":memory:" or path.startswith(("md:", "motherduck:")):
            raise WarehouseError(
                f"Target {self.name!r} has the path {path!r}, and Braid needs a file on disk: set path in profiles.yml."
            )
        return self.project_root / Path(path).expanduser()

    @property
    def threads(self) -> int:
        """Threads the target allows, at least one."""
        try:
            return max(1, int(self.settings.get("threads", 1)))
        except (TypeError, ValueError):
            raise WarehouseError(f"threads of target {self.name!r} in profiles.yml is not a number.") from None


def project_root(env: Mapping[str, str] = os.environ) -> Path:
    """Where dbt_project.yml lies: DBT_PROJECT_DIR, the nearest folder upwards from here, or beside this package."""
    if given := env.get("DBT_PROJECT_DIR"):
        return Path(given).expanduser().resolve()
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / "dbt_project.yml").is_file():
            return folder
    return Path(__file__).resolve().parent.parent


def load_target(
    target: str | None = None, *, profiles_dir: Path | str | None = None, env: Mapping[str, str] = os.environ
) -> Target:
    """The named target, or the one of DBT_TARGET, or the profile's own default.

    The folder is ``profiles_dir``, or DBT_PROFILES_DIR, or the project's root. Raises WarehouseError in one sentence
    naming the file, the target or the variable at fault.
    """
    root = project_root(env)
    folder = Path(profiles_dir or env.get("DBT_PROFILES_DIR") or root).expanduser().resolve()
    file = folder / "profiles.yml"
    profile_name = env.get("DBT_PROFILE") or _profile_of_project(root)
    profile = _mapping(_read_yaml(file).get(profile_name), f"{file} has no profile {profile_name!r}; add it.")
    outputs = _mapping(profile.get("outputs"), f"Profile {profile_name!r} in {file} has no outputs; add one.")
    default = _render(profile.get("target", "default"), "target", file, env)
    name = target or env.get("DBT_TARGET") or str(default)
    if name not in outputs:
        known = ", ".join(sorted(map(str, outputs)))
        raise WarehouseError(f"Profile {profile_name!r} in {file} has no target {name!r}; it has {known}.")
    raw = _mapping(outputs[name], f"Target {name!r} in {file} is not a mapping; see profiles.yml.example.")
    settings = _render(raw, f"target {name!r}", file, env)
    kind = settings.get("type")
    if kind not in ("duckdb", "snowflake"):
        raise WarehouseError(f"Target {name!r} in {file} has the type {kind!r}; Braid runs on duckdb and snowflake.")
    return Target(name, kind, settings, folder, root)


def _profile_of_project(root: Path) -> str:
    file = root / "dbt_project.yml"
    if not file.is_file():
        return _DEFAULT_PROFILE
    return str(_read_yaml(file).get("profile", _DEFAULT_PROFILE))


def _read_yaml(file: Path) -> Mapping[str, Any]:
    import yaml

    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise WarehouseError(
            f"{file} does not exist: copy profiles.yml.example to it, or set DBT_PROFILES_DIR to the folder of yours."
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise WarehouseError(f"{file} cannot be read ({error}).") from None
    except yaml.YAMLError as error:
        # Only the place: the text around it may be a password.
        mark = getattr(error, "problem_mark", None)
        place = f" at line {mark.line + 1}" if mark else ""
        raise WarehouseError(f"{file} is not valid YAML{place}; compare it with profiles.yml.example.") from None
    return _mapping(content, f"{file} is not a mapping of names to settings; compare it with profiles.yml.example.")


def _mapping(value: object, otherwise: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise WarehouseError(otherwise)
    return value


def _render(value: Any, where: str, file: Path, env: Mapping[str, str]) -> Any:
    """Render every string below ``value``; numbers and booleans stay what YAML made of them."""
    if isinstance(value, Mapping):
        return {key: _render(item, where, file, env) for key, item in value.items()}
    if isinstance(value, list):
        return [_render(item, where, file, env) for item in value]
    if not isinstance(value, str) or ("{{" not in value and "{%" not in value):
        return value
    import jinja2
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    def env_var(name: str, default: str | None = None) -> str:
        if (found := env.get(name, default)) is None:
            raise WarehouseError(f"The environment variable {name} is not set, and {where} in {file} needs it.")
        return found

    jinja = ImmutableSandboxedEnvironment(undefined=jinja2.StrictUndefined)
    # dbt's own filters say how a rendered text is to be read; the readers of a setting here convert it themselves.
    jinja.filters |= dict.fromkeys(("as_text", "as_number", "as_bool", "as_native"), lambda text: text)
    try:
        return jinja.from_string(value).render(env_var=env_var)
    except jinja2.TemplateError as error:
        raise WarehouseError(f"A template of {where} in {file} cannot be rendered: {error.message}.") from None
