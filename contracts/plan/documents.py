"""YAML read with the line of every value, so that a message can say where to look.

Stricter than YAML itself: one document a file, texts as names, no name twice, no anchors (a plan is read by people, and
an anchor that repeats itself would never end).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

Path = tuple[str | int, ...]

# Escapes as JSON writes them, two for one character beyond the first 65,536: YAML takes each for a character.
_HALF = re.compile("[\\ud800-\\udfff]")


@dataclass(frozen=True, order=True)
class Problem:
    """What is wrong with a plan, and where; ``line`` counts from 1."""

    file: str
    line: int
    rule: str
    message: str

    def __str__(self) -> str:
        """``file:line: message``, as compilers say it."""
        return f"{self.file}:{self.line}: {self.message}"


@dataclass(frozen=True)
class Document:
    """One YAML file: what it says, and the line of each value by its path."""

    file: str
    values: Any
    lines: Mapping[Path, int]

    def line(self, path: Path) -> int:
        """The line of a value, or of the nearest thing around it."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)

    def problem(self, path: Path, rule: str, message: str) -> Problem:
        """A problem at a path of this file."""
        return Problem(self.file, self.line(path), rule, message)


class Unreadable(Exception):
    """A file that is no YAML of the kind we read; carries the problem."""

    def __init__(self, problem: Problem) -> None:
        """``problem`` says which file and line."""
        super().__init__(str(problem))
        self.problem = problem


def parse(file: str, text: str) -> Document:
    """The document in ``text``. Raises Unreadable, which names the line."""
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        said = getattr(error, "problem", None) or "a character that YAML does not allow"
        raise Unreadable(Problem(file, mark.line + 1 if mark else 1, "yaml", f"not valid YAML: {said}.")) from error
    except RecursionError as error:
        raise Unreadable(Problem(file, 1, "yaml", "nested too deeply to be read.")) from error
    if node is None:
        raise Unreadable(Problem(file, 1, "yaml", "the file is empty."))
    reader = _Reader(file)
    try:
        values = reader.read(node, ())
    except RecursionError as error:
        raise Unreadable(Problem(file, 1, "yaml", "nested too deeply to be read.")) from error
    return Document(file, values, reader.lines)


class _Reader:
    def __init__(self, file: str) -> None:
        self.file = file
        self.lines: dict[Path, int] = {}
        self._constructor = yaml.SafeLoader("")
        self._seen: set[int] = set()

    def read(self, node: yaml.Node, path: Path) -> Any:
        line = node.start_mark.line + 1
        self.lines.setdefault(path, line)
        if id(node) in self._seen:
            raise Unreadable(Problem(self.file, line, "yaml", "anchors are not read; write the value out."))
        self._seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.read(item, (*path, place)) for place, item in enumerate(node.value)]
        try:
            value = self._constructor.construct_object(node)
        except (yaml.YAMLError, ValueError) as error:
            raise Unreadable(Problem(self.file, line, "yaml", f"{node.value!r} cannot be read.")) from error
        if isinstance(value, str) and _HALF.search(value):
            message = "holds half a character; write the character itself, or \\U and eight digits."
            raise Unreadable(Problem(self.file, line, "yaml", message))
        return value

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            name = self.read(key, (*path, "")) if isinstance(key, yaml.ScalarNode) else None
            self.lines.pop((*path, ""), None)
            if not isinstance(name, str):
                raise Unreadable(Problem(self.file, line, "yaml", "names must be texts; put quotes around this one."))
            if name in found:
                raise Unreadable(Problem(self.file, line, "yaml", f"{name} stands here twice; keep one."))
            self.lines[(*path, name)] = line
            found[name] = self.read(value, (*path, name))
        return found
