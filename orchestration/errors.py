"""How a failure reaches the person at the terminal: one sentence, and an exit code that says whose turn it is."""

from __future__ import annotations

import sys
from typing import Any

FAILED = 1
BAD_USAGE = 2
INTERRUPTED = 130
STOPPED = "Stopped; nothing is half-written, since rows and their books are committed together or not at all."


class CommandError(Exception):
    """The work failed; the message is one sentence with cause and remedy. Exit code 1."""

    exit_code = FAILED


class SetupError(CommandError):
    """Nothing was tried, since a setting or an argument is wrong or missing. Exit code 2."""

    exit_code = BAD_USAGE


class Interrupted(CommandError):
    """Ctrl-C; the message says what state things are in. Exit code 130."""

    exit_code = INTERRUPTED


def explained(error: BaseException) -> tuple[str, int] | None:
    """The sentence and exit code of an error that one of the rooms raises on purpose, or None for a surprise."""
    if isinstance(error, CommandError):
        return str(error), error.exit_code
    # What DuckDB makes of Ctrl-C, on whichever connection it was busy.
    if isinstance(error, RuntimeError) and str(error) == "Query interrupted":
        return STOPPED, INTERRUPTED
    # An error class whose module was never loaded cannot have been raised: looking it up here keeps start-up quick.
    if isinstance(error, _known("extract.source", "SourceError")):
        configuration = isinstance(error, _known("extract.source", "ConfigurationError"))
        return str(error), BAD_USAGE if configuration else FAILED
    if isinstance(error, _known("warehouse.base", "WarehouseError")):
        return str(error), FAILED
    if isinstance(error, _known("matching", "MatchingError")):
        return str(error), FAILED
    if isinstance(error, _known("value", "ValueModelError")):
        return str(error), FAILED
    if isinstance(error, _known("log", "LogError")):
        return str(error), FAILED
    if isinstance(error, _known("contracts", "ContractError") + _known("collect", "CollectError")):
        return str(error), BAD_USAGE
    return None


def _known(module: str, name: str) -> tuple[type[Any], ...]:
    found = getattr(sys.modules.get(module), name, None)
    return (found,) if isinstance(found, type) else ()
