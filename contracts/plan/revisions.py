"""The files of a plan as they were at a revision of git."""

from __future__ import annotations

import subprocess
from pathlib import Path

from contracts import ContractError

_SECONDS = 30


def files_at(folder: Path, revision: str) -> dict[str, str] | None:
    """The text of a plan's files by name at a revision; None when the folder was not there. Raises ContractError."""
    place = folder.resolve()
    root = place
    while not root.is_dir():
        root = root.parent
    top = Path(_git(root, "rev-parse", "--show-toplevel", failing=f"{folder} lies in no git repository").strip())
    within = place.relative_to(top.resolve()).as_posix()
    failing = f"{revision!r} is no revision of this repository"
    # Resolved first: a revision is whatever somebody types, and nothing that git could take for an option.
    commit = _git(
        top, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}", failing=failing
    )
    listed = _git(top, "ls-tree", "-z", commit.strip(), "--", f"{within}/", failing=failing)
    found = {}
    for entry in filter(None, listed.split("\0")):
        kind, _, path = entry.partition("\t")
        name = Path(path).name
        if " blob " in kind and name.endswith((".yml", ".yaml")):
            found[name] = _git(top, "cat-file", "blob", kind.split()[2], failing=f"{path} cannot be read at {revision}")
    return found or None


def _git(folder: Path, *arguments: str, failing: str) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, timeout=_SECONDS, check=False
        )
    except FileNotFoundError as error:
        raise ContractError("git is not installed; `braid plan diff` compares revisions of it.") from error
    except subprocess.TimeoutExpired as error:
        raise ContractError(f"git did not answer within {_SECONDS} seconds.") from error
    if done.returncode:
        raise ContractError(f"{failing}.")
    return done.stdout.decode("utf-8", errors="replace")
