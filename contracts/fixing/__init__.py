"""Fixes: how dead letters are mended, as data kept in the repository.

A fix says which dead letters it is for and what is done to their calls, step by step. It holds no code, and it cannot
fail: a step that does not fit a call leaves it as it is, and the tracking plan says what is still wrong with it.

from contracts.fixing import load

fix = load(FOLDER).newest("order_total_as_number")
changed = fix.apply(call)
"""

from __future__ import annotations

from contracts.fixing.reading import Fix, Fixes, lint, load
from contracts.fixing.selection import Selection
from contracts.reading import HERE

# The fixes of this project.
FOLDER = HERE / "fixes"

__all__ = ["FOLDER", "Fix", "Fixes", "Selection", "lint", "load"]
