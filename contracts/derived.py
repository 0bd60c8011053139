"""Files that are derived from the contracts and committed: kept in step with what they are made from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path


def write(content: Mapping[str, str], folder: Path, patterns: Iterable[str]) -> list[Path]:
    """Write the files that are missing or stale and remove those nothing derives; returns what changed, in order.

    ``content`` is text by file name; ``patterns`` are globs of the names in ``folder`` that are derived.
    """
    changed = stale(content, folder, patterns)
    if content:
        folder.mkdir(parents=True, exist_ok=True)
    for path in changed:
        if path.name in content:
            path.write_text(content[path.name], encoding="utf-8", newline="")
        else:
            path.unlink()
    return changed


def stale(content: Mapping[str, str], folder: Path, patterns: Iterable[str]) -> list[Path]:
    """Files that are missing, say something else than ``content``, or are not in it; in order."""
    stray = [path for pattern in patterns for path in folder.glob(pattern) if path.name not in content]
    return sorted((*(folder / name for name, text in content.items() if _stored(folder / name) != text), *stray))


def _stored(path: Path) -> str | None:
    try:
        # One that is no UTF-8 is not what we wrote.
        return path.read_bytes().decode("utf-8", errors="replace")
    except FileNotFoundError:
        return None
