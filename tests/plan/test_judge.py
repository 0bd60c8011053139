"""The judge: what it says of an event, in which words, and that it agrees with the reference validator."""

from __future__ import annotations

import copy
import json
import string
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts import ContractError
from contracts.plan import FOLDER, Plan, Verdict
from contracts.plan.schemas import properties_of
from tests.plan.generators import VALUES, body_for, body_schema, entry, plan_files

pytestmark = [pytest.mark.timeout(120)]
OBJECT = {"type": "object"}
BODY = {
    "type": "object",
    "required": ["id", "price"],
    "properties": {
        "id": {"type": "string", "minLength": 1},
        "price": {"type": "number", "minimum": 0},
        "lines": {
            "type": "array",
            "items": {"type": "object", "required": ["sku"], "properties": {"sku": {"type": "string"}}},
        },
        "kind": {"type": ["string", "null"], "enum": ["a", "b", None]},
    },
}


def track(properties: Any, name: Any = "Thing Done", **more: Any) -> dict[str, Any]:
    return {"type": "track", "event": name, "messageId": "m1", "properties": properties, **more}


def judged(event: Mapping[str, Any], *entries: str, settings: str = "", source: str = "web") -> Verdict:
    return Plan.of(plan_files(*(entries or (entry(body=BODY),)), settings=settings)).judge(event, source)


def said(verdict: Verdict) -> list[tuple[str, str]]:
    return [(violation.rule, violation.path) for violation in verdict.violations]


def test_an_event_that_keeps_to_the_plan_passes_as_it_came() -> None:
    event = track({"id": "1", "price": 2, "more": "unplanned, and nobody minds"})
    verdict = judged(event)
    assert verdict == Verdict("Thing Done", "1", (), "pass", event)
    assert verdict.event is event


@pytest.mark.parametrize(
    ("properties", "rule", "path", "message"),
    [
        ({"id": "1"}, "required", "properties.price", "is required and missing"),
        ({"id": 7, "price": 1}, "type", "properties.id", "must be string, is integer"),
        ({"id": "1", "price": True}, "type", "properties.price", "must be number, is boolean"),
        ({"id": "", "price": 1}, "minLength", "properties.id", "must have a length of at least 1"),
        ({"id": "1", "price": -1}, "minimum", "properties.price", "must be at least 0"),
        ({"id": "1", "price": 1, "kind": "c"}, "enum", "properties.kind", "must be one of a, b, null"),
        (
            {"id": "1", "price": 1, "lines": [{"sku": "x"}, {}]},
            "required", "properties.lines[1].sku", "is required and missing",
        ),
        (
            {"id": "1", "price": 1, "lines": [{"sku": "x"}, {"sku": 5}]},
            "type", "properties.lines[1].sku", "must be string, is integer",
        ),
        ("no object", "type", "properties", "must be object, is string"),
        (None, "required", "properties.id", "is required and missing"),
    ],
)  # fmt: skip
def test_a_violation_says_rule_place_and_what_is_asked_for(properties: Any, rule: str, path: str, message: str) -> None:
    found = judged(track(properties)).violations[0]
    assert (found.rule, found.path, found.message) == (rule, path, message)


@pytest.mark.parametrize("action", ["pass", "strip", "dead_letter"])
def test_the_plan_says_what_becomes_of_a_violation(action: str) -> None:
    event = track({"id": "1", "price": "dear", "kind": "a"})
    before = copy.deepcopy(event)
    verdict = judged(event, entry(body=BODY, on_violation=action))
    assert verdict.action == action
    assert event == before
    kept = {"id": "1", "kind": "a"} if action == "strip" else event["properties"]
    assert verdict.event == {**event, "properties": kept}


def test_a_missing_property_leaves_nothing_to_strip() -> None:
    verdict = judged(track({"id": "1"}), entry(body=BODY, on_violation="strip"))
    assert (verdict.action, said(verdict)) == ("pass", [("required", "properties.price")])


@pytest.mark.parametrize("body", ["text", [1], 5])
def test_what_is_no_object_cannot_be_stripped_to_fit(body: Any) -> None:
    assert judged(track(body), entry(body=BODY, on_violation="strip")).action == "dead_letter"


def test_unplanned_properties_are_stripped_where_the_plan_refuses_them() -> None:
    event = track({"id": "1", "price": 1, "password": "secret", "jane@example.com": 1})
    for rules, body in (("unplanned_properties: refuse", BODY), ("", {**BODY, "additionalProperties": False})):
        verdict = judged(event, entry(body=body, on_violation="strip"), settings=rules)
        assert verdict.event["properties"] == {"id": "1", "price": 1}
        # A name only the event knows may be somebody's; one a programmer wrote is told.
        assert [violation.path for violation in verdict.violations] == [
            "properties.password", "properties.(a name not shown)",
        ]  # fmt: skip
    assert judged(event).violations == ()


@pytest.mark.parametrize("action", ["pass", "dead_letter"])
def test_an_event_outside_the_plan_is_the_settings_matter(action: str) -> None:
    verdict = judged(track({}, "Thing done"), settings=f"unplanned_events: {action}")
    assert (verdict.event_name, verdict.event_version, verdict.action) == ("Thing done", None, action)
    assert "Thing Done is, which differs in spelling only" in verdict.violations[0].message
    other = judged(track({}, "Other Thing Done"), settings=f"unplanned_events: {action}")
    assert other.violations[0].message == "no event of this name is in the plan"


@pytest.mark.parametrize("name", [None, "", 5, ["Thing Done"], {"a": 1}])
def test_a_track_call_without_a_name_is_a_dead_letter(name: Any) -> None:
    verdict = judged(track({}, name))
    assert (verdict.event_name, verdict.action, said(verdict)) == (None, "dead_letter", [("event_name", "event")])


@pytest.mark.parametrize("kind", [None, "tracks", 5, ["track"], {}])
def test_a_call_of_no_known_type_is_a_dead_letter(kind: Any) -> None:
    verdict = judged({"type": kind, "userId": "u"})
    assert (verdict.action, said(verdict)) == ("dead_letter", [("call_type", "type")])


@pytest.mark.parametrize("kind", ["identify", "group", "page", "screen", "alias"])
def test_calls_the_plan_says_nothing_of_pass(kind: str) -> None:
    event = {"type": kind, "userId": "u", "traits": {"a": 1}}
    assert judged(event) == Verdict(None, None, (), "pass", event)


@pytest.mark.parametrize(
    ("kind", "body"), [("identify", "traits"), ("group", "traits"), ("page", "properties"), ("screen", "properties")]
)
def test_traits_and_page_properties_are_judged(kind: str, body: str) -> None:
    rules = {"type": "object", "properties": {"email": {"type": "string"}}}
    text = entry(None, body=None, type=kind, on_violation="strip", **{"properties": None, body: rules})  # type: ignore[arg-type]
    event = {"type": kind, "userId": "u", body: {"email": 5, "other": 1}}
    verdict = judged(event, text)
    assert (verdict.event_name, verdict.action) == (kind.capitalize(), "strip")
    assert said(verdict) == [("type", f"{body}.email")]
    assert verdict.event == {**event, body: {"other": 1}}


def test_traits_in_the_context_are_judged_and_stripped_there() -> None:
    rules = {"type": "object", "properties": {"email": {"type": "string"}}}
    text = entry(None, type="identify", on_violation="strip", properties=None, traits=rules)  # type: ignore[arg-type]
    event = {"type": "identify", "context": {"ip": "192.0.2.1", "traits": {"email": 5, "plan": "free"}}}
    verdict = judged(event, text)
    assert said(verdict) == [("type", "context.traits.email")]
    assert verdict.event == {"type": "identify", "context": {"ip": "192.0.2.1", "traits": {"plan": "free"}}}


def test_what_is_stripped_from_traits_does_not_stay_in_the_context() -> None:
    rules = {"type": "object", "properties": {"email": {"type": "string"}}}
    text = entry(None, type="identify", on_violation="strip", properties=None, traits=rules)  # type: ignore[arg-type]
    traits = {"email": 5, "plan": "free"}
    verdict = judged({"type": "identify", "traits": traits, "context": {"traits": traits, "ip": "192.0.2.1"}}, text)
    assert verdict.event == {
        "type": "identify", "traits": {"plan": "free"}, "context": {"traits": {"plan": "free"}, "ip": "192.0.2.1"},
    }  # fmt: skip


class TestVersions:
    first = entry(version=1, body={"type": "object", "required": ["id"], "properties": {"id": {"type": "integer"}}})
    second = entry(
        version=2,
        on_violation="dead_letter",
        body={
            "type": "object", "required": ["id", "tax"],
            "properties": {"id": {"type": "integer"}, "tax": {"type": "number"}},
        },
    )  # fmt: skip

    @pytest.mark.parametrize("named", [1, "1", "01"])
    def test_an_event_that_names_its_version_is_judged_by_it(self, named: Any) -> None:
        event = track({"id": 1, "tax": "none"}, context={"protocols": {"event_version": named}})
        assert judged(event, self.first, self.second) == Verdict("Thing Done", "1", (), "pass", event)

    @pytest.mark.parametrize(("properties", "version"), [({"id": 1, "tax": 2}, "2"), ({"id": 1}, "1")])
    def test_one_that_names_none_gets_the_newest_it_keeps_to(self, properties: Any, version: str) -> None:
        assert judged(track(properties), self.second, self.first)[:3] == ("Thing Done", version, ())

    def test_one_that_keeps_to_none_is_judged_by_the_newest(self) -> None:
        verdict = judged(track({"id": "x"}), self.first, self.second)
        assert (verdict.event_version, verdict.action) == ("2", "dead_letter")
        assert said(verdict) == [("required", "properties.tax"), ("type", "properties.id")]

    @pytest.mark.parametrize("named", [3, "3", 0, -1, True, "two", 1.5, [1], 10**30])
    def test_a_version_the_plan_lacks_is_a_violation(self, named: Any) -> None:
        event = track({"id": 1}, context={"protocols": {"event_version": named}})
        verdict = judged(event, self.first, self.second)
        assert (verdict.event_version, verdict.action) == (None, "dead_letter")
        assert said(verdict) == [("unknown_version", "context.protocols.event_version")]
        assert judged(event, self.first).action == "pass"


def test_only_the_sources_a_plan_names_may_send_an_event() -> None:
    text = entry(body=BODY, sources=["server"], on_violation="strip")
    event = track({"id": "1", "price": 1})
    assert judged(event, text, source="server").violations == ()
    verdict = judged(event, text, source="web")
    assert (said(verdict), verdict.action) == ([("source", "")], "pass")
    assert said(judged(track({"id": "1"}), text)) == [("source", ""), ("required", "properties.price")]


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_the_judge_agrees_with_the_reference_validator(data: st.DataObject) -> None:
    schema = data.draw(body_schema())
    body = data.draw(st.one_of(body_for(schema), VALUES.filter(lambda value: value is not None)))
    reference = jsonschema.Draft202012Validator(
        schema, format_checker=jsonschema.FormatChecker(("date", "ipv4", "uuid"))
    )
    errors = list(reference.iter_errors(body))
    verdict = judged(track(body), entry(body=schema, on_violation="strip"))

    assert bool(verdict.violations) == bool(errors), (schema, body)
    if not isinstance(body, dict):
        return
    # The same top-level properties are at fault, and exactly those are stripped.
    wrong = {error.path[0] for error in errors if error.path}
    if schema.get("additionalProperties") is False:
        wrong |= body.keys() - properties_of(schema).keys()
    kept = verdict.event["properties"]
    assert kept == {name: value for name, value in body.items() if name not in wrong}
    # What is left breaks nothing but what it lacks.
    assert {error.validator for error in reference.iter_errors(kept) if not error.path} <= {"required"}
    assert all(not error.path for error in reference.iter_errors(kept))


@settings(max_examples=100, deadline=None)
@given(marker=st.text(string.ascii_lowercase, min_size=12, max_size=16), data=st.data())
def test_no_value_of_an_event_is_ever_told(marker: str, data: st.DataObject) -> None:
    schema = data.draw(body_schema())
    personal = st.sampled_from([marker, f"{marker}@example.com"])
    body = {name: data.draw(personal) for name in properties_of(schema)}
    body[f"{marker}@example.com"] = marker
    verdict = judged(track(body), entry(body={**schema, "additionalProperties": False}))
    assert verdict.violations
    assert marker not in json.dumps(verdict.violations)


def deep(levels: int) -> Any:
    found: Any = 1
    for _ in range(levels):
        found = {"a": [found]}
    return found


HOSTILE = {
    "deep": track({"id": "1", "price": 1, "more": deep(20_000)}),
    "deep where it is planned": track({"id": "1", "price": 1, "lines": deep(20_000)}),
    "half a surrogate": track({"id": "\ud800", "price": 1}),
    "half a surrogate as a name": track({"\ud800": 1, "id": "1", "price": 1}),
    "a huge number": track({"id": "1", "price": 10**4000}),
    "no number": track({"id": "1", "price": float("nan")}),
    "infinity": track({"id": "1", "price": float("inf")}),
    "names that are SQL": track({"'; drop table x; --": 1, "{{ env_var('HOME') }}": 1, "id": "1", "price": 1}),
    "names of the language": track({"__class__": 1, "__proto__": {"x": 1}, "constructor": 1, "id": "1", "price": 1}),
    "an endless name": track({"x" * 1_000_000: 1, "id": "1", "price": 1}),
    "many properties": track({f"p{number}": number for number in range(100_000)}),
    "many bad entries": track({"id": "1", "price": 1, "lines": [{}] * 100_000}),
    "bytes": track({"id": b"1", "price": 1}),
    "a name that is no text": track({1: 2, "id": "1", "price": 1}),
}


@pytest.mark.parametrize("closed", [False, True], ids=["open", "closed"])
@pytest.mark.parametrize("event", HOSTILE.values(), ids=HOSTILE.keys())
def test_nothing_hostile_stops_or_slows_the_judge(event: dict[str, Any], closed: bool) -> None:
    plan = Plan.of(plan_files(entry(body={**BODY, "additionalProperties": not closed}, on_violation="strip")))
    began = time.process_time()
    verdict = plan.judge(event, "web")
    assert time.process_time() - began < 1
    assert verdict.action in ("pass", "strip", "dead_letter")
    assert len(verdict.violations) <= 50
    assert all(len(violation.path) < 500 and len(violation.message) < 500 for violation in verdict.violations)


def test_what_cannot_be_judged_is_not_let_through() -> None:
    body = {"type": "object", "properties": {"id": {"type": "string", "pattern": "^a"}}}
    verdict = judged(track({"id": "\ud800"}), entry(body=body))
    assert (verdict.action, verdict.violations[0].rule) == ("dead_letter", "validator")
    assert judged([]).action == "dead_letter"  # type: ignore[arg-type]


def test_a_pattern_cannot_be_made_to_take_forever() -> None:
    body = {"type": "object", "properties": {"id": {"type": "string", "pattern": "^(a+)+$"}}}
    began = time.process_time()
    assert said(judged(track({"id": "a" * 100_000 + "!"}), entry(body=body))) == [("pattern", "properties.id")]
    assert time.process_time() - began < 1


def test_a_plan_has_a_version_of_its_files(tmp_path: Path) -> None:
    files = plan_files(entry())
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    first = Plan.load(tmp_path).version
    assert first == Plan.load(tmp_path).version == Plan.of(files).version
    (tmp_path / "plan.yml").write_bytes(files["plan.yml"].replace("\n", "\r\n").encode())
    assert Plan.load(tmp_path).version == first
    (tmp_path / "event_0.yml").write_text(entry(version=2))
    assert Plan.load(tmp_path).version != first


def test_a_plan_that_cannot_be_used_says_why_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(
        ContractError, match=r"nowhere is no folder; a tracking plan is a folder with plan\.yml in it\.$"
    ):
        Plan.load(tmp_path / "nowhere")
    with pytest.raises(ContractError, match=r"^plan\.yml:1: is missing"):
        Plan.load(tmp_path)
    for name, text in plan_files(entry(owner="nobody", purpose="fun")).items():
        (tmp_path / name).write_text(text)
    with pytest.raises(ContractError, match=r"^event_0\.yml:1: .*'nobody'.* \(1 more: `braid plan lint`\)\.$"):
        Plan.load(tmp_path)
    (tmp_path / "event_0.yml").write_bytes(b"name: \xff\n")
    with pytest.raises(ContractError, match=r"event_0\.yml cannot be read"):
        Plan.load(tmp_path)


def test_the_projects_own_plan_can_be_used() -> None:
    plan = Plan.load(FOLDER)
    assert plan.version.startswith("plan_")
    assert {"Order Completed", "Product Viewed"} <= {event.name for event in plan.events}
