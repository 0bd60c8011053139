"""What several commands need before they work: a target that is configured, and the warehouse opened under its lock."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import click

from orchestration.errors import SetupError

if TYPE_CHECKING:
    from warehouse.base import Warehouse
    from warehouse.profile import Target

Command = TypeVar("Command", bound=Callable[..., Any])


def target_option(command: Command) -> Command:
    """``--target``, as dbt has it."""
    return click.option("--target", metavar="NAME", help="Target of profiles.yml; DBT_TARGET or the profile's own.")(
        command
    )


def json_option(command: Command) -> Command:
    """``--json``: the result as one JSON document on stdout."""
    return click.option("--json", "as_json_", is_flag=True, help="Print the result as JSON.")(command)


def configured_target(name: str | None) -> Target:
    """The target, or a SetupError that says what profiles.yml lacks."""
    from warehouse.base import WarehouseError
    from warehouse.profile import load_target

    try:
        return load_target(name)
    except WarehouseError as error:
        raise SetupError(str(error)) from None


@contextmanager
def open_locked(target: str | None, *, command: str, on_wait: Callable[[str], None]) -> Iterator[Warehouse]:
    """The warehouse, with this process its only writer. Raises WarehouseError."""
    import warehouse

    with (
        warehouse.locked(target, command=command, on_wait=on_wait),
        warehouse.connect(target, on_wait=on_wait) as connection,
    ):
        yield connection


@contextmanager
def open_to_look(target: str | None, *, command: str, timeout: float) -> Iterator[Warehouse]:
    """The warehouse read-only, by whoever can wait ``timeout`` seconds and no longer. Raises WarehouseError.

    Under the lock, so that it is held for as long as the look takes: dbt does not wait for a file a reader has open.
    Raises WarehouseHeld while another process has it.
    """
    import warehouse

    with (
        warehouse.locked(target, command=command, timeout=timeout),
        warehouse.connect(target, read_only=True, timeout=timeout) as connection,
    ):
        yield connection
