"""A plan as one HTML page: everything in it, nothing loaded, every text of the plan escaped."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from itertools import groupby
from pathlib import Path

from contracts.plan import events, schemas, settings
from contracts.plan.events import Event
from contracts.plan.judging import version_of

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
  content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:">
<link rel="icon" href="data:,">
<title>{title}</title>
<style>
{style}</style>
</head>
<body>
<div class="layout">
<nav aria-label="Events">
<input type="search" id="search" placeholder="Search ( / )" aria-label="Search">
<p id="found" role="status"></p>
<div class="contents">
{contents}
</div>
</nav>
<main>
<h1>{title}</h1>
<p class="lead">{description}</p>
<p class="facts">{facts}</p>
{body}
</main>
</div>
<script>
{script}</script>
</body>
</html>
"""
_CALLS = {"track": "track call", "page": "page call", "screen": "screen call", "identify": "identify call",
          "group": "group call"}  # fmt: skip
_WHAT_HAPPENS = {
    "pass": "violations pass, noted",
    "strip": "violating properties are stripped",
    "dead_letter": "violations go to the dead letters",
}
_LIMITS = {
    "minimum": "≥ {}",
    "exclusiveMinimum": "> {}",
    "maximum": "≤ {}",
    "exclusiveMaximum": "< {}",
    "multipleOf": "a multiple of {}",
    "minLength": "length ≥ {}",
    "maxLength": "length ≤ {}",
    "minItems": "entries ≥ {}",
    "maxItems": "entries ≤ {}",
}


def page(plan: events.Plan, files: Mapping[str, str]) -> str:
    """The page of a plan without problems; the same bytes for the same files."""
    rules = plan.settings
    planned = [list(versions) for _, versions in groupby(plan.events, key=lambda event: (event.type, event.name))]
    by_category = {
        name: held
        for name in rules.categories
        if (held := [versions for versions in planned if versions[-1].category == name])
    }
    unplanned = "go to the dead letters" if rules.unplanned_events == "dead_letter" else "pass, noted"
    facts = f"{len(planned)} events · {version_of(files)} · events that are not in the plan {unplanned}"
    return _PAGE.format(
        title=escape(rules.title),
        description=escape(rules.description),
        facts=escape(facts),
        style=_asset("page.css"),
        script=_asset("page.js"),
        contents="\n".join(_contents(name, held) for name, held in by_category.items()),
        body="\n".join(_category(name, held, rules) for name, held in by_category.items()),
    )


def _asset(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


def _anchor(event: Event) -> str:
    return event.slug if event.type == "track" else f"call_{event.type}"


def _contents(category: str, held: list[list[Event]]) -> str:
    items = "".join(
        f'<li><a href="#{escape(_anchor(versions[-1]))}">{escape(versions[-1].name)}</a></li>' for versions in held
    )
    return f'<div data-category="{escape(category)}"><h2>{escape(_title(category))}</h2><ul>{items}</ul></div>'


def _category(category: str, held: list[list[Event]], rules: settings.Settings) -> str:
    articles = "\n".join(_article(versions, rules) for versions in held)
    said = escape(rules.categories[category])
    heading = f"<h2>{escape(_title(category))}</h2><p>{said}</p>"
    return f'<section class="category" data-category="{escape(category)}">{heading}\n{articles}\n</section>'


def _article(versions: list[Event], rules: settings.Settings) -> str:
    newest = versions[-1]
    anchor = escape(_anchor(newest))
    badges = [
        _badge(_CALLS[newest.type]),
        _badge(f"owner: {newest.owner}", rules.owners.get(newest.owner, "")),
        _badge(f"purpose: {newest.purpose}", rules.purposes.get(newest.purpose, "")),
        _badge(_WHAT_HAPPENS[newest.on_violation]),
        *([_badge(f"sent by {', '.join(newest.sources)}")] if newest.sources else []),
    ]
    tables = "\n".join(_version(event, open_=event is newest) for event in reversed(versions))
    words = escape(" ".join(_words(versions)).lower())
    return (
        f'<article id="{anchor}" data-words="{words}">\n'
        f'<h3><a href="#{anchor}">{escape(newest.name)}</a></h3>\n'
        f"<div>{escape(newest.description)}</div>\n"
        f'<div class="badges">{"".join(badges)}</div>\n{tables}\n</article>'
    )


def _badge(text: str, title: str = "", kind: str = "badge") -> str:
    hover = f' title="{escape(title)}"' if title else ""
    return f'<span class="{kind}"{hover}>{escape(text)}</span>'


def _version(event: Event, *, open_: bool) -> str:
    deprecated = f" {_badge(f'deprecated: {event.deprecated}', kind='badge warn')}" if event.deprecated else ""
    summary = f"<summary>Version {event.version}{deprecated}</summary>"
    rows = "\n".join(_row(name, schema, required) for name, schema, required in _rows(event.schema))
    if not rows:
        return f'<details{" open" if open_ else ""}>{summary}<p class="soft">No {event.body} planned.</p></details>'
    heading = "<tr><th>Property</th><th>Type</th><th>Required</th><th>Description</th><th>Limits</th></tr>"
    closed = event.schema.get("additionalProperties") is False
    note = f'<p class="soft">No other {event.body} are allowed.</p>' if closed else ""
    table = f'<div class="scroll"><table><thead>{heading}</thead><tbody>\n{rows}\n</tbody></table></div>'
    return f"<details{' open' if open_ else ''}>{summary}{table}{note}</details>"


def _rows(schema: schemas.Schema, before: str = "") -> Iterator[tuple[str, schemas.Schema, bool]]:
    """Every property as people write it, ``products[].price``, with whether the object around it must have it."""
    required = schema.get("required", ())
    for name, inner in schemas.properties_of(schema).items():
        path = f"{before}{name}"
        yield path, inner, name in required
        yield from _inside(inner, path)


def _inside(schema: schemas.Schema, path: str) -> Iterator[tuple[str, schemas.Schema, bool]]:
    yield from _rows(schema, f"{path}.")
    if "items" in schema:
        yield from _inside(schema["items"], f"{path}[]")


def _row(name: str, schema: schemas.Schema, required: bool) -> str:
    tag = schema.get("pii")
    marked = f' <span class="pii" title="personal data">{escape(str(tag))}</span>' if tag not in (None, "none") else ""
    kind = " or ".join(schemas.types_of(schema))
    if schema.get("type") == "array" and "items" in schema:
        kind = f"array of {' or '.join(schemas.types_of(schema['items']))}"
    if "format" in schema:
        kind += f", {schema['format']}"
    cells = (
        f"<code>{escape(name)}</code>{marked}",
        escape(kind),
        "yes" if required else '<span class="soft">no</span>',
        escape(str(schema.get("description", ""))),
        escape("; ".join(_limits(schema))),
    )
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _limits(schema: schemas.Schema) -> Iterator[str]:
    if (values := schemas.values_of(schema)) is not None:
        yield "one of " + ", ".join("null" if value is None else str(value) for value in values)
    for keyword, said in _LIMITS.items():
        if keyword in schema:
            yield said.format(schema[keyword])
    if "pattern" in schema:
        yield f"matches {schema['pattern']}"


def _words(versions: list[Event]) -> Iterator[str]:
    for event in versions:
        yield from (event.name, _anchor(event), event.type, event.owner, event.purpose, event.category)
        yield event.description
        for name, schema, _ in _rows(event.schema):
            yield from (name, str(schema.get("description", "")), str(schema.get("pii", "")))


def _title(category: str) -> str:
    return category.replace("_", " ").capitalize()
