"""The staging models of a plan: one view an event, its properties as typed columns, with tests of what it promises.

Derived and committed, as the seeds are: `braid contracts build` writes them, `braid contracts check` compares.
"""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from contracts import ContractError, derived
from contracts.plan import events
from contracts.plan.columns import Column, Model, conflicts, models
from contracts.plan.settings import Settings
from contracts.reading import HERE

MODELS = HERE.parent / "models" / "staging" / "events" / "plan"
PROPERTIES = "_plan__models.yml"
_PATTERNS = ("*.sql", "*.yml")

_HEADER = "Derived from contracts/tracking_plan by `braid contracts build`; edits are lost."
_TYPES = {"text": "string", "json": "string", "integer": "bigint", "number": "decimal(38, 9)", "boolean": "boolean",
          "timestamp": "timestamp", "date": "date"}  # fmt: skip
_READ = {
    "text": "{text}",
    "json": "{text}",
    "integer": "{{{{ text_as_integer('{text}') }}}}",
    "number": "try_cast({text} as decimal(38, 9))",
    "boolean": "{{{{ text_as_boolean('{text}') }}}}",
    "timestamp": "{{{{ text_as_timestamp('{text}') }}}}",
    "date": "try_cast({text} as date)",
}
_OWN = (
    ("message_id", "The SDK's id of the call; a message that is delivered again does not come again."),
    ("user_id", "{{ doc('product_user_id') }}"),
    ("anonymous_id", "{{ doc('anonymous_id') }}"),
    ("event_version", "Version of the event that the call names; the newest where it names none."),
    ("event_source", "Way it came here."),
    ("consent", "{{ doc('consent') }}"),
    ("region", "{{ doc('region') }}"),
    ("occurred_at", "When it happened, UTC, corrected for a wrong device clock."),
    ("received_at", "When it was received, UTC."),
    ("extracted_at", "{{ doc('extracted_at') }}"),
)
_BEFORE = ("message_id", "user_id", "anonymous_id")
_AFTER = ("occurred_at", "received_at", "extracted_at")
_SAYS = {"json": " JSON text.", "timestamp": " UTC."}


def rendered(files: Mapping[str, str]) -> dict[str, str]:
    """Name and content of every derived file. Raises ContractError when the plan cannot be used."""
    plan = events.read(files)
    if problems := [*plan.problems, *conflicts(plan.events)]:
        raise ContractError(f"{str(problems[0])[:-1]}; `braid plan lint` lists all that is wrong.")
    found = {f"{model.name}.sql": _sql(model) for model in models(plan.events)}
    if found:
        found[PROPERTIES] = _properties(models(plan.events), plan.settings)
    return found


def build(files: Mapping[str, str], folder: Path = MODELS) -> list[Path]:
    """Write the models that are missing or stale, remove those nothing derives; returns what changed."""
    return derived.write(rendered(files), folder, _PATTERNS)


def check(files: Mapping[str, str], folder: Path = MODELS) -> list[Path]:
    """Models that are missing, say something else than the plan, or have no event; empty when all is well."""
    return derived.stale(rendered(files), folder, _PATTERNS)


def _sql(model: Model) -> str:
    newest = model.newest
    which = [f"event_type = '{newest.type}'"]
    if newest.type == "track":
        escaped = newest.name.replace("'", "''")
        which.append(f"event_name = '{escaped}'")
    condition = f" {which[0]}" if len(which) == 1 else "\n        " + "\n        and ".join(which)
    called = f'"{newest.name}" call' if newest.type == "track" else f"{newest.type} call"
    read = [f"{{{{ json_text('{newest.body}', '{c.property}') }}}} as {c.name}_text" for c in model.columns]
    number = "{{ text_as_integer(json_text('context', 'protocols.event_version')) }}"
    comment = textwrap.wrap(
        f"Grain: one row per {called}. A value that is not of the planned type is null here; the payload has it.", 95
    )
    lines = [
        f"-- {_HEADER}",
        *(f"-- {line}" for line in comment),
        "-- Columns are called what the plan calls them, keyword or not.",
        "-- noqa: disable=RF04",
        "",
        "with",
        "",
        "calls as (",
        "    select * from {{ ref('stg_events__events') }}",
        f"    where{condition}",
        "),",
        "",
        "texts as (",
        "    select",
        *(f"        {name}," for name in (*_BEFORE, "event_source", "consent", "region", *_AFTER)),
        *(f"        {line}," for line in read),
        "        coalesce(",
        f"            {number},",
        f"            {newest.version}",
        "        ) as event_version",
        "    from calls",
        "),",
        "",
        "final as (",
        "    select",
        *(f"        {name}," for name in _BEFORE),
        "",
        *(f"        {_column(column)}," for column in model.columns),
        *([""] if model.columns else []),
        *(f"        {name}," for name in ("event_version", "event_source", "consent", "region")),
        "",
        *(f"        {name}{',' if name != _AFTER[-1] else ''}" for name in _AFTER),
        "    from texts",
        ")",
        "",
        "select * from final",
        "",
    ]
    return "\n".join(lines)


def _column(column: Column) -> str:
    value = _READ[column.kind].format(text=f"{column.name}_text")
    if column.is_shared:
        value = f"case when event_version in ({_listed(column.versions)}) then {value} end"
    return f"{value} as {column.name}"


def _listed(versions: Iterable[int]) -> str:
    return ", ".join(map(str, versions))


def _properties(plan: Sequence[Model], settings: Settings) -> str:
    lines = [f"# {_HEADER}", "version: 2", "", "models:"]
    for model in plan:
        newest = model.newest
        versions = _listed(sorted(event.version for event in model.versions))
        meta = f"{{owner: {_quoted(newest.owner)}, purpose: {_quoted(newest.purpose)}, "
        meta += f"category: {_quoted(newest.category)}, versions: [{versions}]}}"
        lines += [
            f"  - name: {model.name}",
            f"    description: {_quoted(_plain(newest.description))}",
            "    config:",
            f"      meta: {meta}",
            "    columns:",
        ]
        own = {name: _own(name, description) for name, description in _OWN}
        for name in _BEFORE:
            lines += own.pop(name)
        for column in model.columns:
            lines += _documented(column, model, settings)
        lines += [line for said in own.values() for line in said]
    return "\n".join((*lines, ""))


def _own(name: str, description: str) -> list[str]:
    return [f"      - name: {name}", f"        description: {_quoted(description)}"]


def _documented(column: Column, model: Model, settings: Settings) -> list[str]:
    description = f"{_plain(column.description)}{_SAYS.get(column.kind, '')}"
    everywhere = len(column.versions) == len(model.versions)
    if not everywhere:
        description += f" Of version {_listed(column.versions)} only."
    lines = [
        f"      - name: {column.name}",
        f"        data_type: {_TYPES[column.kind]}",
        f"        description: {_quoted(description.strip())}",
    ]
    if column.tag not in (None, "none"):
        lines += [f"        config: {{tags: [pii], meta: {{pii: {_quoted(str(column.tag))}}}}}"]
    tests = []
    if column.required:
        held = len(column.required) == len(model.versions)
        where = "" if held else f", where: {_quoted(f'event_version in ({_listed(column.required)})')}"
        tests += ["          - not_null:", f"              config: {{severity: {settings.staging_tests}{where}}}"]
    if column.values:
        # dbt puts each between quotes as it is.
        values = [value.replace("'", "''") for value in column.values]
        tests += [
            "          - accepted_values:",
            f"              arguments: {{values: [{', '.join(map(_quoted, values))}]}}",
            f"              config: {{severity: {settings.staging_tests}}}",
        ]
    return [*lines, "        data_tests:", *tests] if tests else lines


def _plain(text: str) -> str:
    """A text in which dbt finds nothing to render."""
    return re.sub(r"\{(?=[{%#])", "{ ", " ".join(text.split()))


def _quoted(text: str) -> str:
    """A YAML scalar; JSON's way to quote is YAML's too."""
    return json.dumps(text, ensure_ascii=False)
