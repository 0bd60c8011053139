"""What the demo has to say: figures, and how they are shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

_NOISE = {
    "has_typo_or_changed_email": "a typo or a changed email",
    "has_second_contact": "a second contact in one system",
    "shares_phone": "a phone shared with someone",
    "browses_anonymously_first": "browsed anonymously first",
    "uses_nickname": "a nickname",
    "shares_device": "a shared device",
    "has_junk_identifier": "a junk identifier",
    "no_noise": "none of these",
}


@dataclass(frozen=True)
class Step:
    """One step of the demo: ``seconds`` of wall clock."""

    name: str
    seconds: float


@dataclass(frozen=True)
class Quality:
    """How right the links are, by pairs of records: shares between 0 and 1."""

    precision: float
    recall: float
    pairs: int


@dataclass(frozen=True)
class Stability:
    """Customer ids against those of the demo before: both sets, and those only in one."""

    same: int
    only_now: int
    only_before: int

    @property
    def identical(self) -> bool:
        """Whether both runs found the same customers."""
        return not self.only_now and not self.only_before


@dataclass(frozen=True)
class Report:
    """All of it. ``landed`` is rows per object ("source.object") and run; ``links`` are rows per rule."""

    people: int
    seed: int
    runs: tuple[str, ...]
    landed: Mapping[str, tuple[int, ...]]
    columns_added: Mapping[str, str]
    customers: int
    records: int
    links: Mapping[str, int]
    overall: Quality
    by_noise: Mapping[str, Quality]
    tests: Mapping[str, int]
    batches_checked: int
    steps: Sequence[Step]
    stability: Stability | None
    database: str
    serving: str
    # Wall clock of the whole, what lies between the steps included.
    seconds: float
    next_steps: Sequence[tuple[str, str]] = field(default=())

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``: everything, with the sums that the tables show."""
        whole = asdict(self)
        whole["landed"] = {name: dict(zip(self.runs, rows, strict=True)) for name, rows in self.landed.items()}
        whole["next_steps"] = [command for command, _ in self.next_steps]
        whole["ids_identical_to_previous_run"] = None if self.stability is None else self.stability.identical
        return whole


def show(report: Report, console: Console) -> None:
    """Print the summary; without a terminal the same tables come without colour."""
    for part in _parts(report):
        console.print(part)
        console.print()


def _parts(report: Report) -> list[RenderableType]:
    from rich.columns import Columns
    from rich.text import Text

    headline = Text.assemble(
        (f"{report.records:,} records of people became {report.customers:,} customers", "bold"),
        f"  ({report.people:,} people, seed {report.seed}, {report.seconds:.0f} s)",
    )
    parts: list[RenderableType] = [
        headline,
        Columns([_landed(report), _links(report)], padding=(0, 4)),
        Columns([_quality(report), _steps(report)], padding=(0, 4)),
        Text("\n".join(_sentences(report))),
        Text("\n".join(["Next:", *(f"  {command:<64} {why}" for command, why in report.next_steps)])),
    ]
    return parts


def _table(title: str, first: str, *numbers: str) -> Any:
    from rich import box
    from rich.table import Table

    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column(first, no_wrap=True)
    for name in numbers:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _landed(report: Report) -> Any:
    table = _table("Rows landed", "object", *report.runs)
    for name, rows in report.landed.items():
        table.add_row(name, *(f"{count:,}" for count in rows))
    totals = [sum(rows[run] for rows in report.landed.values()) for run in range(len(report.runs))]
    table.add_section()
    table.add_row("all", *(f"{total:,}" for total in totals))
    return table


def _links(report: Report) -> Any:
    table = _table("Links by rule", "rule", "links")
    for rule, count in sorted(report.links.items(), key=lambda item: (-item[1], item[0])):
        table.add_row(rule, f"{count:,}")
    return table


def _quality(report: Report) -> Any:
    table = _table("Against the truth", "people with", "precision", "recall", "pairs")
    for name, quality in report.by_noise.items():
        table.add_row(_NOISE.get(name, name.replace("_", " ")), *_shares(quality))
    table.add_section()
    table.add_row("everyone", *_shares(report.overall))
    return table


def _shares(quality: Quality) -> tuple[str, str, str]:
    return f"{quality.precision:.4f}", f"{quality.recall:.4f}", f"{quality.pairs:,}"


def _steps(report: Report) -> Any:
    table = _table("Seconds", "step", "s")
    for step in report.steps:
        table.add_row(step.name, f"{step.seconds:.1f}")
    table.add_section()
    table.add_row("from start to end", f"{report.seconds:.1f}")
    return table


def _sentences(report: Report) -> list[str]:
    lines = [
        f"{_count(report.tests.get('pass', 0), 'dbt test')} passed in the last build"
        + (f", {report.tests['warn']} warned" if report.tests.get("warn") else "")
        + f"; {_count(report.batches_checked, 'landed batch', 'landed batches')} met the expectations."
    ]
    lines += [f"Noticed and added on the way: {column} of {name}." for name, column in report.columns_added.items()]
    if report.stability is None:
        lines.append("Run it again: the customer_ids will be the same.")
    elif report.stability.identical:
        lines.append(f"All {report.stability.same:,} customer_ids are those of the run before.")
    else:
        lines.append(
            f"{report.stability.same:,} customer_ids are those of the run before, "
            f"{report.stability.only_now:,} are new and {report.stability.only_before:,} are gone."
        )
    return lines


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"
