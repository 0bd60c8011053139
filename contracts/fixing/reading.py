"""The files of fixes: ``<name>.v<version>.yml``, each one fix in one version, read strictly and with line numbers."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from contracts import ContractError
from contracts.fixing import paths, steps
from contracts.fixing.selection import Selection
from contracts.fixing.steps import Step
from contracts.plan.documents import Document, Problem, Unreadable, parse

_KEYS = ("name", "version", "owner", "why", "letters", "steps")
_LETTERS = {"source": "sources", "event": "events", "rule": "rules", "path": "paths", "plan_version": "plan_versions"}
_TIMES = ("seen_from", "seen_before")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,79}")
# What tells a message from all others: a fix that changed it would land an event twice.
_FIXED = ("messageId",)


@dataclass(frozen=True)
class Fix:
    """One fix in one version; ``digest`` tells whether its file is what it was when it was replayed."""

    name: str
    version: int
    owner: str
    why: str
    letters: Selection
    steps: tuple[Step, ...]
    digest: str
    file: str

    def apply(self, call: Any) -> bool:
        """Mend a call in place; whether anything in it changed. What is no object stays as it is."""
        return isinstance(call, dict) and sum(step.apply(call) for step in self.steps) > 0

    @property
    def touches(self) -> tuple[paths.Path, ...]:
        """Paths that it may change, each once, in the order of its steps."""
        return tuple(dict.fromkeys(path for step in self.steps for path in step.touches))


@dataclass(frozen=True)
class Fixes:
    """All fixes of a folder, by name and version."""

    all: tuple[Fix, ...]

    def newest(self, name: str, version: int | None = None) -> Fix:
        """A fix in its newest version, or in the one named. Raises ContractError."""
        found = [fix for fix in self.all if fix.name == name and version in (None, fix.version)]
        if not found:
            known = ", ".join(dict.fromkeys(fix.name for fix in self.all)) or "none yet"
            said = name if version is None else f"{name} version {version}"
            raise ContractError(f"There is no fix {said}; contracts/fixes has {known}.")
        return max(found, key=lambda fix: fix.version)


def load(folder: Path) -> Fixes:
    """The fixes of a folder; none when it is not there. Raises ContractError with file and line."""
    fixes, problems = read(_files(folder))
    if problems:
        more = f" ({len(problems) - 1} more)" if len(problems) > 1 else ""
        raise ContractError(f"{str(problems[0])[:-1]}{more}.")
    return fixes


def lint(folder: Path) -> list[Problem]:
    """What is wrong with the fixes of a folder. Raises ContractError when a file cannot be read."""
    return read(_files(folder))[1]


def read(files: Mapping[str, str]) -> tuple[Fixes, list[Problem]]:
    """Fixes from the text of their files by name, and what is wrong with them."""
    found: list[Fix] = []
    problems: list[Problem] = []
    for name in sorted(files):
        try:
            document = parse(name, files[name])
        except Unreadable as error:
            problems.append(error.problem)
            continue
        reader = _Reader(document)
        fix = reader.fix(hashlib.sha256(files[name].replace("\r\n", "\n").encode()).hexdigest()[:12])
        problems += reader.problems
        if fix is not None and not reader.problems:
            found.append(fix)
    found.sort(key=lambda fix: (fix.name, fix.version))
    return Fixes(tuple(found)), sorted(problems)


def _files(folder: Path) -> dict[str, str]:
    found = {}
    for path in sorted((*folder.glob("*.yml"), *folder.glob("*.yaml"))):
        try:
            found[path.name] = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ContractError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}.") from error
    return found


class _Reader:
    """One file; what is wrong is noted, and the rest read on."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self.problems: list[Problem] = []

    def _say(self, path: Sequence[str | int], message: str) -> None:
        self.problems.append(self._document.problem(tuple(path), "fix", message))

    def fix(self, digest: str) -> Fix | None:
        values = self._document.values
        if not isinstance(values, Mapping):
            self._say((), f"must be a mapping with {', '.join(_KEYS)}.")
            return None
        for key in values:
            if key not in _KEYS:
                self._say((key,), f"the key {key!r} is unknown; known are {', '.join(_KEYS)}.")
        name, owner, why = (self._text(values, key, ()) for key in ("name", "owner", "why"))
        version = values.get("version")
        if isinstance(version, bool) or not isinstance(version, int) or version < 1:
            self._say(("version",), "version must be a whole number of at least 1.")
            version = 0
        if name and not _NAME.fullmatch(name):
            self._say(("name",), "a name is snake_case: lower case letters, digits and underscores.")
        elif name and version and self._document.file.rpartition(".")[0] != f"{name}.v{version}":
            self._say(("name",), f"this fix belongs into a file {name}.v{version}.yml: a version is a file of its own.")
        letters = self._letters(values.get("letters"))
        listed = values.get("steps")
        if not isinstance(listed, list) or not listed:
            self._say(("steps",), "steps must be a list of at least one step.")
            listed = []
        found = [step for at, said in enumerate(listed) if (step := self._step(said, ("steps", at))) is not None]
        return Fix(name, version, owner, why, letters, tuple(found), digest, self._document.file)

    def _text(self, values: Mapping[str, Any], key: str, where: Sequence[str | int]) -> str:
        value = values.get(key)
        if not isinstance(value, str) or not value.strip():
            self._say((*where, key), f"{key} is missing." if value is None else f"{key} must be a text.")
            return ""
        return value.strip()

    def _letters(self, values: Any) -> Selection:
        known = ", ".join((*_LETTERS, *_TIMES))
        if not isinstance(values, Mapping) or not values:
            self._say(("letters",), f"letters must say which dead letters are meant, by {known}.")
            return Selection()
        found: dict[str, Any] = {}
        for key, value in values.items():
            if key in _LETTERS:
                listed = [value] if isinstance(value, str) else value
                if not isinstance(listed, list) or not listed or not all(isinstance(one, str) for one in listed):
                    self._say(("letters", key), f"{key} must be a text, or a list of texts.")
                    continue
                found[_LETTERS[key]] = tuple(listed)
            elif key in _TIMES:
                found[key] = self._time(value, ("letters", key))
            else:
                self._say(("letters", key), f"{key!r} is unknown; known are {known}.")
        return Selection(**found)

    def _time(self, value: Any, where: Sequence[str | int]) -> datetime | None:
        try:
            moment = datetime.fromisoformat(value) if isinstance(value, str) else None
        except ValueError:
            moment = None
        if moment is None or moment.tzinfo is not None:
            self._say(where, 'must be a time in UTC as a text in quotes: "2026-10-01" or "2026-10-01 12:00".')
        return moment

    def _step(self, said: Any, where: Sequence[str | int]) -> Step | None:
        if not isinstance(said, Mapping) or len(said) != 1:
            self._say(where, f"a step is one of {', '.join(_STEPS)}, with what it needs.")
            return None
        ((kind, values),) = said.items()
        if kind not in _STEPS:
            self._say((*where, kind), f"the step {kind!r} is unknown; known are {', '.join(_STEPS)}.")
            return None
        at = (*where, kind)
        if kind == "drop":
            path = self._path(values, at)
            return steps.Drop(path) if path else None
        needed, optional = _STEPS[kind]
        if not isinstance(values, Mapping):
            self._say(at, f"{kind} needs {', '.join((*needed, *optional))}.")
            return None
        before = len(self.problems)
        for key in values:
            if key not in (*needed, *optional):
                self._say((*at, key), f"{kind} knows {', '.join((*needed, *optional))}, not {key}.")
        for key in needed:
            if key not in values:
                self._say(at, f"{kind} needs {key}.")
        if len(self.problems) > before:
            return None
        step = getattr(self, f"_{kind}")(values, at)
        return step if len(self.problems) == before else None

    def _path(self, text: Any, where: Sequence[str | int]) -> paths.Path:
        try:
            path = paths.parse(text) if isinstance(text, str) else ()
        except paths.BadPath as error:
            self._say(where, f"{error}.")
            return ()
        if not path:
            self._say(where, "must be a path: names parted by dots, as in properties.products[].price.")
        elif path[0] in _FIXED:
            self._say(where, f"{path[0]} stays as it came: by it a message is known, and landed once.")
            return ()
        return path

    def _rename(self, values: Mapping[str, Any], at: Sequence[str | int], *, keeps: bool = False) -> Step:
        source, target = self._path(values["from"], (*at, "from")), self._path(values["to"], (*at, "to"))
        if source and target and paths.lists(source) != paths.lists(target):
            self._say(at, "from and to must lead through the same lists: products[].a becomes products[].b.")
        elif source and target and (source[: len(target)] == target or target[: len(source)] == source):
            self._say(at, "from and to must be two places, neither within the other.")
        return steps.Move(source, target, keeps)

    def _copy(self, values: Mapping[str, Any], at: Sequence[str | int]) -> Step:
        return self._rename(values, at, keeps=True)

    def _set(self, values: Mapping[str, Any], at: Sequence[str | int], *, only_missing: bool = False) -> Step:
        self._json(values["value"], (*at, "value"))
        return steps.Put(self._path(values["path"], (*at, "path")), values["value"], only_missing)

    def _default(self, values: Mapping[str, Any], at: Sequence[str | int]) -> Step:
        return self._set(values, at, only_missing=True)

    def _cast(self, values: Mapping[str, Any], at: Sequence[str | int]) -> Step:
        decimal = values.get("decimal", ".")
        if values["to"] not in steps.KINDS:
            self._say((*at, "to"), f"to must be one of {', '.join(steps.KINDS)}.")
        if decimal not in (".", ","):
            self._say((*at, "decimal"), 'decimal must be "." or ",".')
        return steps.Cast(self._path(values["path"], (*at, "path")), values["to"], decimal)

    def _map(self, values: Mapping[str, Any], at: Sequence[str | int]) -> Step:
        others = values.get("others", "keep")
        if not isinstance(values["values"], Mapping) or not values["values"]:
            self._say((*at, "values"), "values must be a mapping of what is to what becomes of it.")
        else:
            self._json(values["values"], (*at, "values"))
        if others not in ("keep", "drop"):
            self._say((*at, "others"), "others must be keep or drop.")
        return steps.Map(self._path(values["path"], (*at, "path")), values["values"], others == "drop")

    def _event(self, values: Mapping[str, Any], at: Sequence[str | int]) -> Step:
        name, version = values.get("name"), values.get("version")
        if name is None and version is None:
            self._say(at, "event needs a name, a version, or both.")
        if name is not None and (not isinstance(name, str) or not name.strip()):
            self._say((*at, "name"), "name must be a text.")
        if version is not None and (isinstance(version, bool) or not isinstance(version, int) or version < 1):
            self._say((*at, "version"), "version must be a whole number of at least 1.")
        return steps.Route(name, version)

    def _json(self, value: Any, where: Sequence[str | int]) -> None:
        """YAML knows dates and infinity; JSON does not."""
        try:
            json.dumps(value, allow_nan=False)
        except (TypeError, ValueError):
            self._say(where, "must be a value of JSON; put dates and times in quotes.")


# What each step needs, and what it may have besides; ``drop`` has its path alone.
_STEPS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "rename": (("from", "to"), ()),
    "copy": (("from", "to"), ()),
    "set": (("path", "value"), ()),
    "default": (("path", "value"), ()),
    "cast": (("path", "to"), ("decimal",)),
    "drop": ((), ()),
    "map": (("path", "values"), ("others",)),
    "event": ((), ("name", "version")),
}


def described(fixes: Fixes) -> Iterator[Mapping[str, Any]]:
    """What a list of fixes tells of each."""
    for fix in fixes.all:
        yield {"name": fix.name, "version": fix.version, "owner": fix.owner, "why": fix.why, "file": fix.file}
