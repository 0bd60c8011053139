"""What a change of the plan breaks: each rule by example, the whole by properties, and read from a real repository."""

from __future__ import annotations

import copy
import json
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from contracts import ContractError
from contracts.plan import events, revisions
from contracts.plan.changes import Change, changes
from contracts.plan.schema_changes import differences
from contracts.plan.schemas import properties_of
from tests.plan.generators import body_for, body_schema, entry, plan_files, schema

pytestmark = [pytest.mark.timeout(120)]
BODY: dict[str, Any] = {
    "type": "object",
    "required": ["id"],
    "properties": {
        "id": {"type": "string", "maxLength": 9},
        "price": {"type": "number", "minimum": 0},
        "count": {"type": "integer"},
        "kind": {"type": "string", "enum": ["a", "b"]},
        "lines": {"type": "array", "items": {"type": "object", "properties": {"sku": {"type": "string"}}}},
    },
}


def read(*entries: str, settings: str = "") -> events.Plan:
    plan = events.read(plan_files(*entries, settings=settings))
    assert plan.problems == ()
    return plan


def changed(old: Any, new: Any) -> list[tuple[str, str, str]]:
    found = changes(read(entry(body=old)), read(entry(body=new)))
    return [(one.severity, one.rule, one.path) for one in found]


def edited(path: str, value: Any) -> dict[str, Any]:
    """BODY with the value at a dotted path replaced, or removed where it is None."""
    body = copy.deepcopy(BODY)
    *way, last = path.split(".")
    inner = body
    for step in way:
        inner = inner.setdefault(step, {})
    if value is None:
        del inner[last]
    else:
        inner[last] = value
    return body


@pytest.mark.parametrize(
    ("path", "value", "rule", "place"),
    [
        ("properties.price", None, "property_removed", "properties.price"),
        ("required", ["id", "price"], "made_required", "properties.price"),
        ("properties.price.type", "integer", "type_narrowed", "properties.price"),
        ("properties.id", {"type": "integer"}, "type_narrowed", "properties.id"),
        ("properties.kind.enum", ["a"], "value_removed", "properties.kind"),
        ("properties.id.enum", ["x"], "values_listed", "properties.id"),
        ("properties.id.maxLength", 8, "limit_narrowed", "properties.id"),
        ("properties.price.minimum", 1, "limit_narrowed", "properties.price"),
        ("properties.price.maximum", 1, "limit_narrowed", "properties.price"),
        ("properties.price.multipleOf", 2, "limit_narrowed", "properties.price"),
        ("properties.id.pattern", "^a", "pattern_narrowed", "properties.id"),
        ("properties.id.format", "email", "format_narrowed", "properties.id"),
        ("properties.id.format", "date-time", "column_retyped", "properties.id"),
        ("properties.count.type", ["integer", "string"], "column_retyped", "properties.count"),
        ("properties.lines.maxItems", 5, "limit_narrowed", "properties.lines"),
        ("properties.lines.items.properties.sku", None, "property_removed", "properties.lines[].sku"),
        ("properties.lines.items.required", ["sku"], "made_required", "properties.lines[].sku"),
        ("properties.lines.items", None, "property_removed", "properties.lines[].sku"),
        ("additionalProperties", False, "closed", "properties"),
    ],
)
def test_what_breaks_somebody_is_breaking(path: str, value: Any, rule: str, place: str) -> None:
    assert ("breaking", rule, place) in changed(BODY, edited(path, value))


@pytest.mark.parametrize(
    ("path", "value", "rule", "place"),
    [
        ("properties.new", {"description": "Anything."}, "property_added", "properties.new"),
        ("required", [], "made_optional", "properties.id"),
        ("properties.count.type", "number", "type_widened", "properties.count"),
        ("properties.id.type", ["string", "null"], "type_widened", "properties.id"),
        ("properties.kind.enum", ["a", "b", "c"], "value_added", "properties.kind"),
        ("properties.kind.enum", None, "values_freed", "properties.kind"),
        ("properties.id.maxLength", 10, "limit_widened", "properties.id"),
        ("properties.id.maxLength", None, "limit_widened", "properties.id"),
        ("properties.price.minimum", -1, "limit_widened", "properties.price"),
        ("properties.id.description", "An id.", "description", "properties.id"),
    ],
)
def test_what_breaks_nobody_is_not(path: str, value: Any, rule: str, place: str) -> None:
    found = changed(BODY, edited(path, value))
    assert ("compatible", rule, place) in found
    assert not [one for one in found if one[0] == "breaking"]


def test_a_breaking_change_in_a_new_version_breaks_nobody() -> None:
    old, new = entry(body=BODY), entry(version=2, body=edited("properties.price", None))
    found = changes(read(old), read(old, new))
    assert [(one.severity, one.rule, one.version) for one in found] == [("compatible", "version_added", 2)]


def test_a_new_version_that_retypes_a_column_is_told() -> None:
    old, new = entry(body=BODY), entry(version=2, body=edited("properties.price.type", "string") | {"required": []})
    del (body := json.loads(new))["properties"]["properties"]["price"]["minimum"]
    (told, *_) = changes(read(old), read(old, json.dumps(body)))
    assert (told.severity, told.rule, told.path) == ("notice", "column", "properties.price")
    assert told.message.endswith("was number and is text; earlier versions are in price_v1")


@pytest.mark.parametrize("deprecated", [None, "nobody sends it any longer"])
def test_an_event_or_version_goes_only_after_its_deprecation(deprecated: str | None) -> None:
    old, other = entry(body=BODY, deprecated=deprecated), entry(version=2, body=BODY)
    severity = "breaking" if deprecated is None else "notice"
    (gone,) = changes(read(old), read())
    assert (gone.severity, gone.rule) == (severity, "event_removed")
    (gone,) = changes(read(old, other), read(other))
    assert (gone.severity, gone.rule, gone.version) == (severity, "version_removed", 1)


def test_what_is_to_know_is_told() -> None:
    old = entry(body=BODY, on_violation="pass")
    new = entry(body=edited("properties.id.pii", "email"), on_violation="dead_letter")
    found = changes(read(old), read(new, settings="unplanned_events: dead_letter"))
    assert [(one.severity, one.rule) for one in found] == [
        ("notice", rule) for rule in ("setting", "on_violation", "pii")
    ]


def test_a_source_less_is_breaking_and_one_more_is_not() -> None:
    def between(old: list[str], new: list[str]) -> list[tuple[str, str]]:
        found = changes(read(entry(body=BODY, sources=old)), read(entry(body=BODY, sources=new)))
        return [(one.severity, one.rule) for one in found]

    assert between([], ["web"]) == between(["web", "server"], ["web"]) == [("breaking", "source_removed")]
    assert between(["web"], []) == between(["web"], ["web", "server"]) == [("compatible", "source_added")]


def test_refusing_unplanned_properties_everywhere_is_breaking() -> None:
    old, new = read(entry(body=BODY)), read(entry(body=BODY), settings="unplanned_properties: refuse")
    assert ("breaking", "closed") in [(one.severity, one.rule) for one in changes(old, new)]
    closed = {**BODY, "additionalProperties": False}
    both = [read(entry(body=closed), settings=f"unplanned_properties: {rule}") for rule in ("pass", "refuse")]
    assert "breaking" not in [one.severity for one in changes(*both)]


def test_a_property_somebody_may_have_sent_unplanned_is_to_know() -> None:
    for path, place in (("properties", "properties"), ("properties.lines.items.properties", "properties.lines[]")):
        new = edited(f"{path}.new", {"type": "string"})
        assert changed(BODY, new) == [("notice", "property_added", f"{place}.new")]
    closed = {**BODY, "additionalProperties": False}
    wider = {**edited("properties.new", {"enum": ["a"]}), "additionalProperties": False}
    assert changed(closed, wider) == [("compatible", "property_added", "properties.new")]


SLOW = settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)


@SLOW
@given(body=body_schema())
def test_nothing_changed_is_no_change(body: dict[str, Any]) -> None:
    assert list(differences(body, copy.deepcopy(body), "properties")) == []


@SLOW
@given(body=body_schema(), added=schema())
def test_adding_an_optional_property_is_never_breaking(body: dict[str, Any], added: dict[str, Any]) -> None:
    wider = {**body, "properties": {**properties_of(body), "brand_new": added}}
    harmless = body.get("additionalProperties") is False
    assert [(one.severity, one.rule) for one in differences(body, wider, "properties")] == [
        ("compatible" if harmless else "notice", "property_added")
    ]
    back = [(one.severity, one.rule) for one in differences(wider, body, "properties")]
    assert ("breaking", "property_removed") in back


@SLOW
@given(body=body_schema(), data=st.data())
def test_making_a_property_required_is_always_breaking(body: dict[str, Any], data: st.DataObject) -> None:
    optional = sorted(properties_of(body).keys() - set(body.get("required", ())))
    assume(optional)
    name = data.draw(st.sampled_from(optional))
    stricter = {**body, "required": [*body.get("required", ()), name]}
    assert [(one.severity, one.rule, one.path) for one in differences(body, stricter, "properties")] == [
        ("breaking", "made_required", f"properties.{name}")
    ]


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(data=st.data())
def test_calls_that_kept_to_a_plan_keep_to_one_that_breaks_nothing(data: st.DataObject) -> None:
    old = data.draw(body_schema())
    new = data.draw(mutated(old)) if data.draw(st.integers(0, 9)) else data.draw(body_schema())
    found = list(differences(old, new, "properties"))
    assume(not any(one.severity == "breaking" for one in found))
    body = data.draw(body_for(old))
    formats = jsonschema.FormatChecker(("date", "ipv4", "uuid"))
    assume(jsonschema.Draft202012Validator(old, format_checker=formats).is_valid(body))
    # A property that was not planned had anything in it; that it is planned now is told.
    told = any((one.severity, one.rule) == ("notice", "property_added") for one in found)
    assume(not told or planned_only(body, old))
    assert jsonschema.Draft202012Validator(new, format_checker=formats).is_valid(body), (old, new, body)


@st.composite
def mutated(draw: st.DrawFn, old: dict[str, Any]) -> dict[str, Any]:
    """The schema with one thing in it changed, somewhere."""
    new = copy.deepcopy(old)
    place = new
    while properties_of(place) and draw(st.booleans()):
        place = place["properties"][draw(st.sampled_from(sorted(properties_of(place))))]
        if "items" in place and draw(st.booleans()):
            place = place["items"]
    kind = draw(st.sampled_from(["drop", "other", "property"]))
    keys = [key for key in place if key != "type"]
    if kind == "drop" and keys:
        del place[draw(st.sampled_from(keys))]
    elif kind == "property" and "properties" in place:
        place["properties"][draw(st.sampled_from(["id", "fresh"]))] = draw(schema(depth=1))
    else:
        other = draw(schema(depth=1))
        key = draw(st.sampled_from(sorted(other)))
        if place is not new or key in ("required", "additionalProperties"):
            place[key] = other[key]
    return new


def planned_only(value: Any, wanted: Any) -> bool:
    if isinstance(value, dict):
        known = properties_of(wanted)
        return value.keys() <= known.keys() and all(planned_only(inner, known[name]) for name, inner in value.items())
    if isinstance(value, list):
        return all(planned_only(inner, wanted.get("items", {})) for inner in value)
    return True


class TestRevisions:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        folder = tmp_path / "repo" / "contracts" / "tracking_plan"
        folder.mkdir(parents=True)
        git(folder, "init", "-q", "-b", "main")
        commit(folder, "Nothing yet")
        return folder

    def test_files_are_read_as_they_were(self, folder: Path) -> None:
        assert revisions.files_at(folder, "HEAD") is None
        first, second = plan_files(entry()), plan_files(entry(version=2), entry(version=3))
        write(folder, first)
        commit(folder, "A plan with ümlauts")
        git(folder, "tag", "v1")
        (folder / "notes.txt").write_text("no part of the plan")
        (folder / "examples").mkdir()
        (folder / "examples" / "plan.yml").write_text("no part either")
        write(folder, second)
        commit(folder, "More")
        assert revisions.files_at(folder, "v1") == first
        assert revisions.files_at(folder, "HEAD") == {**first, **second}

    @pytest.mark.parametrize("revision", ["nowhere", "--help", "-1", "", "HEAD:contracts", "a" * 5000])
    def test_what_is_no_revision_is_a_sentence(self, folder: Path, revision: str) -> None:
        with pytest.raises(ContractError, match=r"is no revision of this repository\.$"):
            revisions.files_at(folder, revision)

    def test_a_folder_outside_git_is_a_sentence(self, tmp_path: Path) -> None:
        with pytest.raises(ContractError, match=r"lies in no git repository\.$"):
            revisions.files_at(tmp_path, "HEAD")


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")


def commit(folder: Path, message: str) -> None:
    git(folder, "add", "-A", ".")
    git(folder, "-c", "user.name=t", "-c", "user.email=t@example.com", "commit", "-q", "--allow-empty", "-m", message)


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", "-C", str(folder), *arguments], check=True, capture_output=True, timeout=30)


def test_changes_come_worst_first() -> None:
    old, new = (
        read(entry(body=BODY)),
        read(entry(body=edited("properties.price", None) | {"required": []}), entry("New Done")),
    )
    found: list[Change] = changes(old, new)
    assert [one.severity for one in found] == ["breaking", "compatible", "compatible"]


def test_what_is_required_without_being_described_breaks_calls_too() -> None:
    open_object: dict[str, Any] = {"type": "object", "properties": {"id": {"type": "string"}}}
    (found,) = differences(open_object, open_object | {"required": ["price"]}, "properties")
    assert (found.severity, found.rule, found.path) == ("breaking", "made_required", "properties.price")
