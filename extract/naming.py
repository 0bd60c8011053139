"""Column names from the names a source gives its fields.

``StageName`` becomes ``stage_name``, ``Region__c`` stays ``region__c``. What is not a letter, a digit or an underscore
becomes an underscore. Two fields that would meet in one column are told apart by a short hash of the second's own name,
so that the answer depends on the names alone and never on their order.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

# Columns of ours that stand beside the source's in every raw table.
OURS = frozenset({"_extracted_at", "_run_id", "_is_deleted", "_deleted_at", "_deleted_how"})
LONGEST = 160
SUFFIX = 8

_WORD_END = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_OTHER = re.compile(r"[^0-9a-z_]")


def snake_case(name: str) -> str:
    """One field's column: lower-case ASCII letters, digits and underscores, never empty, never a digit first."""
    column = _OTHER.sub("_", _WORD_END.sub("_", name).lower())[:LONGEST]
    if not column.strip("_"):
        return f"field_{_hash(name)[:SUFFIX]}"
    return f"_{column}" if column[0].isdigit() else column


def columns_of(names: Iterable[str]) -> dict[str, str]:
    """Field name to column, distinct for distinct names, in the order given."""
    names = list(dict.fromkeys(names))
    owner: dict[str, str] = {}
    for name in sorted(names):
        owner.setdefault(snake_case(name), name)
    columns = {name: column for column, name in owner.items() if column not in OURS}
    taken = set(columns.values())
    for name in sorted(set(names) - columns.keys()):
        length = SUFFIX
        while (column := f"{snake_case(name)}_{_hash(name)[:length]}") in taken:
            length += SUFFIX
        columns[name] = column
        taken.add(column)
    return {name: columns[name] for name in names}


def _hash(name: str) -> str:
    return hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
