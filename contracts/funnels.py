"""``funnels.yml``: the steps that customers are meant to take, and the time they have."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from contracts import ContractError
from contracts.reading import HERE, Entry, each, load

# What macros/events/funnel_steps.sql follows; each step more is one pass more over the calls of all steps.
MOST_STEPS = 8


@dataclass(frozen=True)
class Step:
    """A call that takes the step: a track call by its name, or a page by its path, of certain properties or any."""

    name: str
    event: str | None
    page: str | None
    property: str | None
    value: str | None


@dataclass(frozen=True)
class Funnel:
    """Steps in order, and the hours from the first to the last."""

    name: str
    description: str
    window_hours: int
    steps: tuple[Step, ...]


def read(path: Path = HERE / "funnels.yml") -> tuple[Funnel, ...]:
    """The funnels, as they stand in the file. Raises ContractError."""
    top = load(path, ("funnels",))
    return each(top, "funnels", ("name", "description", "window_hours", "steps"), _funnel)


def rows(funnels: Sequence[Funnel]) -> Iterator[tuple[str | int | None, ...]]:
    """A row a step, for the seed: events in lower case, paths as patterns of LIKE with ``!`` before what is plain."""
    for funnel in funnels:
        for number, step in enumerate(funnel.steps, start=1):
            yield (
                funnel.name, number, step.name, len(funnel.steps), funnel.window_hours,
                step.event.lower() if step.event else None, _pattern(step.page) if step.page else None,
                step.property, step.value,
            )  # fmt: skip


def _funnel(entry: Entry) -> Funnel:
    hours = entry.number("window_hours")
    if hours is None:
        raise ContractError(f"{entry.where} lacks window_hours.")
    steps = each(entry, "steps", ("name", "event", "page", "property", "value"), _step)
    if not 2 <= len(steps) <= MOST_STEPS:
        raise ContractError(f"{entry.where}: a funnel has two to {MOST_STEPS} steps, not {len(steps)}.")
    return Funnel(entry.text("name"), entry.text("description"), hours, steps)


def _step(entry: Entry) -> Step:
    event, page, name, value = (entry.text(key, "") or None for key in ("event", "page", "property", "value"))
    if (event is None) == (page is None):
        raise ContractError(f"{entry.where} must name an event or a page, one of them.")
    if (name is None) != (value is None):
        raise ContractError(f"{entry.where} must name property and value together.")
    return Step(entry.text("name"), event, page, name, value)


def _pattern(page: str) -> str:
    for character in "!%_":
        page = page.replace(character, f"!{character}")
    return page.replace("*", "%")
