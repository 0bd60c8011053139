"""Which columns the properties of an event become, over all its versions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

from contracts.plan import schemas
from contracts.plan.documents import Problem
from contracts.plan.events import Event, slug

# What every model has of its calls.
OWN = ("message_id", "user_id", "anonymous_id", "event_version", "event_source", "consent", "region", "occurred_at",
       "received_at", "extracted_at")  # fmt: skip
# Reserved in DuckDB or Snowflake, so that a column of this name would need quotes everywhere.
RESERVED = frozenset(
    """
    account all alter analyse analyze and anti any array as asc asof asymmetric at authorization binary both by case
    cast check collate collation column concurrently connect connection constraint create cross current current_catalog
    current_date current_role current_schema current_time current_timestamp current_user database default deferrable
    delete desc describe distinct do drop else end except exists false fetch following for foreign freeze from full
    generated grant group gscluster having ilike in increment initially inner insert intersect into is isnull issue
    join lambda lateral leading left like limit localtime localtimestamp map match_recognize minus natural not notnull
    null of offset on only or order organization outer overlaps pivot pivot_longer pivot_wider placing positional
    primary qualify references regexp returning revoke right rlike row rows sample schema select semi session_user
    set show similar some start summarize symmetric table tablesample then to trailing trigger true try_cast union
    unique unpivot update user using values variadic verbose view when whenever where window with
    """.split()
)


@dataclass(frozen=True)
class Column:
    """A column: the property it is read from, how, and what is known of it.

    ``versions`` have the property with this type; ``is_shared`` says that others have it with another, so that the
    column holds the calls of its own versions alone. ``required`` holds the versions that ask for it.
    """

    name: str
    property: str
    kind: str
    versions: tuple[int, ...]
    is_shared: bool
    required: tuple[int, ...]
    values: tuple[str, ...]
    tag: str | None
    description: str


@dataclass(frozen=True)
class Model:
    """The versions of one event, the newest first, and its columns."""

    name: str
    versions: tuple[Event, ...]
    columns: tuple[Column, ...]

    @property
    def newest(self) -> Event:
        """The version that speaks where versions differ."""
        return self.versions[0]


def models(events: Iterable[Event]) -> tuple[Model, ...]:
    """The models of a plan, by name."""
    ordered = sorted(events, key=lambda event: (event.type, event.slug, -event.version))
    found = []
    for _, group in groupby(ordered, key=lambda event: (event.type, event.slug)):
        versions = tuple(group)
        found.append(Model(_model_name(versions[0]), versions, tuple(_columns(versions))))
    return tuple(sorted(found, key=lambda model: model.name))


def _model_name(event: Event) -> str:
    plural = {"page": "pages", "screen": "screens", "identify": "identifies", "group": "groups"}
    return f"stg_events__{plural.get(event.type, event.slug)}"


def _columns(versions: tuple[Event, ...]) -> Iterator[Column]:
    names = dict.fromkeys(name for event in versions for name in schemas.properties_of(event.schema))
    for name in names:
        having = [event for event in versions if name in schemas.properties_of(event.schema)]
        by_kind = dict(_by_kind(having, name))
        for kind, same in by_kind.items():
            # The newest version's kind has the plain name.
            suffix = "" if same[0] is having[0] else f"_v{same[0].version}"
            schema = schemas.properties_of(same[0].schema)[name]
            yield Column(
                name=_column_name(same[0], name) + suffix,
                property=name,
                kind=kind,
                versions=tuple(sorted(event.version for event in same)),
                is_shared=len(by_kind) > 1,
                required=tuple(sorted(event.version for event in same if _is_required(event, name))),
                values=_values(same, name),
                tag=schema.get("pii"),
                description=str(schema.get("description", "")),
            )


def _by_kind(having: list[Event], name: str) -> Iterator[tuple[str, list[Event]]]:
    """Versions that agree on a property's kind; the newest version's kind first."""
    kinds = dict.fromkeys(kind_of(schemas.properties_of(event.schema)[name]) for event in having)
    for kind in kinds:
        yield kind, [event for event in having if kind_of(schemas.properties_of(event.schema)[name]) == kind]


def kind_of(schema: schemas.Schema) -> str:
    """The kind of column a property becomes: text, integer, number, boolean, timestamp, date, or json."""
    types = set(schemas.types_of(schema)) - {"null"}
    if types == {"integer"}:
        return "integer"
    if types and types <= {"integer", "number"}:
        return "number"
    if types == {"boolean"}:
        return "boolean"
    if types == {"string"}:
        return {"date-time": "timestamp", "date": "date"}.get(str(schema.get("format")), "text")
    return "json" if types & {"object", "array"} else "text"


def _is_required(event: Event, name: str) -> bool:
    required = name in event.schema.get("required", ())
    return required and "null" not in schemas.types_of(schemas.properties_of(event.schema)[name])


def _values(events: list[Event], name: str) -> tuple[str, ...]:
    """The texts that these versions together allow; empty when one lists none, or values that are no texts."""
    found: dict[str, None] = {}
    for event in events:
        values = schemas.values_of(schemas.properties_of(event.schema)[name])
        if values is None or not all(value is None or _is_plain(value) for value in values):
            return ()
        found |= dict.fromkeys(value for value in values if value is not None)
    return tuple(found)


def _is_plain(value: object) -> bool:
    """A text that dbt (braces) and no warehouse (backslashes) takes for anything but itself."""
    return isinstance(value, str) and not set(value) & set("{\\")


def _column_name(event: Event, name: str) -> str:
    plain = slug(name)
    if plain in OWN or plain in RESERVED or not plain or plain[0].isdigit():
        return f"{'trait' if event.body == 'traits' else 'property'}_{plain}"
    return plain


def conflicts(events: Iterable[Event]) -> Iterator[Problem]:
    """Events or properties that would become one model or one column."""
    held: dict[str, Model] = {}
    for model in models(events):
        first = held.setdefault(model.name, model)
        if first is not model or model.name == "stg_events__events":
            other = "the model of all events" if first is model else first.newest.name
            message = f"{model.newest.name} would be the model {model.name}, which {other} is already; choose another."
            yield model.newest.document.problem(("name",), "model", message)
        seen: dict[str, Column] = {}
        for column in model.columns:
            if (other_column := seen.setdefault(column.name, column)) is not column:
                message = f"{column.property} would be the column {column.name}, as {other_column.property} is already."
                event = next(event for event in model.versions if event.version in column.versions)
                yield event.document.problem((event.body, "properties", column.property), "column", message)
