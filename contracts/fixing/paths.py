"""Places in a call, as fixes and violations write them: ``properties.products[].price``.

Names are parted by dots; ``[]`` behind one means each entry of the list there. A *place* is such a path in one call,
with the entries' numbers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

EACH: Final = None
Path = tuple[str | None, ...]
Place = tuple[str | int, ...]
# What ``found`` gives where there is nothing; null is something.
ABSENT: Final = object()
_NAME = re.compile(r"[^\s.\[\]]+")


class BadPath(Exception):
    """A text that is no path; the message says what is wrong, without a full stop."""


def parse(text: str) -> Path:
    """The path that ``text`` writes. Raises BadPath."""
    path: list[str | None] = []
    for part in text.split("."):
        name = part
        while name.endswith("[]"):
            name = name[:-2]
        if not _NAME.fullmatch(name):
            raise BadPath(f"{text!r} is no path: write names parted by dots, as in properties.products[].price")
        path += [name, *([EACH] * ((len(part) - len(name)) // 2))]
    return tuple(path)


def written(path: Path | Place) -> str:
    """A path as text; the numbers of entries are not told."""
    text = ""
    for step in path:
        text += f".{step}" if isinstance(step, str) else "[]"
    return text[1:]


def general(text: str) -> str:
    """The path of a violation, ``properties.products[2].price``, with ``[]`` for the number."""
    return re.sub(r"\[\d+\]", "[]", text)


def places(call: Any, path: Path) -> Iterator[Place]:
    """Where the path leads in this call; what is behind the last list need not be there."""

    def walk(held: Any, at: int, place: Place) -> Iterator[Place]:
        if EACH not in path[at:]:
            yield (*place, *[step for step in path[at:] if step is not None])
            return
        step = path[at]
        if step is None:
            if isinstance(held, list):
                for number, item in enumerate(held):
                    yield from walk(item, at + 1, (*place, number))
        elif isinstance(held, dict) and step in held:
            yield from walk(held[step], at + 1, (*place, step))

    return walk(call, 0, ())


def beside(place: Place, path: Path) -> Place:
    """The place of ``path`` in the same entries as ``place``, for two paths through the same lists."""
    numbers = iter([step for step in place if isinstance(step, int)])
    return tuple(next(numbers) if step is None else step for step in path)


def lists(path: Path) -> Path:
    """The part up to the last list: two paths that agree in it speak of the same entries."""
    last = max((at for at, step in enumerate(path) if step is None), default=-1)
    return path[: last + 1]


def found(call: Any, place: Place) -> Any:
    """What is there, or ABSENT."""
    for step in place:
        if isinstance(step, str):
            if not isinstance(call, dict) or step not in call:
                return ABSENT
        elif not isinstance(call, list) or step >= len(call):
            return ABSENT
        call = call[step]
    return call


def put(call: Any, place: Place, value: Any) -> bool:
    """Put a value there, with the objects around it where they are absent or null; False when something else is."""
    *around, last = place
    for step in around:
        if isinstance(step, int):
            if not isinstance(call, list) or step >= len(call):
                return False
            call = call[step]
            continue
        if not isinstance(call, dict):
            return False
        if call.get(step) is None:
            call[step] = {}
        call = call[step]
    if isinstance(last, int):
        if not isinstance(call, list) or last >= len(call):
            return False
    elif not isinstance(call, dict):
        return False
    call[last] = value
    return True


def remove(call: Any, place: Place) -> bool:
    """Take a name away; an entry of a list only becomes null, so that the others keep their numbers."""
    *around, last = place
    held = found(call, place)
    if held is ABSENT or (held is None and isinstance(last, int)):
        return False
    for step in around:
        call = call[step]
    if isinstance(last, int):
        call[last] = None
    else:
        del call[last]
    return True
