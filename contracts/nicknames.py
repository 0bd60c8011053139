"""``nicknames.yml``: short forms of given names."""

from __future__ import annotations

from pathlib import Path

from contracts import ContractError
from contracts.reading import HERE, load


def rows(path: Path = HERE / "nicknames.yml") -> tuple[tuple[str, str], ...]:
    """Each name with the full name it stands for, a full name with itself. Raises ContractError."""
    top = load(path, ("names",))
    lines = top.values.get("names")
    if not isinstance(lines, list) or not all(isinstance(line, list) and len(line) > 1 for line in lines):
        raise ContractError(f"{top.where}: names must be a list of lists, a full name and its short forms.")
    found: dict[str, str] = {}
    for line in lines:
        for name in line:
            if not isinstance(name, str) or name != name.lower().strip() or not name:
                raise ContractError(f"{top.where}: {name!r} must be a name in lower case.")
            if name in found:
                raise ContractError(f"{top.where}: {name!r} stands in two lines; keep it in one.")
            found[name] = line[0]
    return tuple(found.items())
