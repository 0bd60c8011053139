"""Lint: everything it refuses, where it says it is, and that the plans we ship have nothing of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from contracts.plan import FOLDER, Plan, files_of, staging
from contracts.plan.lint import lint
from tests.plan.generators import SETTINGS

pytestmark = [pytest.mark.timeout(120)]
EXAMPLES = Path(__file__).parents[2] / "docs" / "examples" / "tracking_plans"
EVENT = """\
name: Thing Done
version: 1
owner: team
category: things
purpose: analytics
description: A thing was done.
on_violation: pass
properties:
  type: object
  required: [thing_id]
  properties:
    thing_id:
      type: string
      description: Id of the thing.
    price:
      type: number
      description: What it costs.
      minimum: 0
"""


def files(event: str = EVENT, settings: str = SETTINGS, **more: str) -> dict[str, str]:
    return {"plan.yml": settings, "thing_done.v1.yml": event, **more}


def told(found: Mapping[str, str]) -> list[tuple[str, int, str, str]]:
    return [(problem.file, problem.line, problem.rule, problem.message) for problem in lint(found)]


@pytest.mark.parametrize("folder", [FOLDER, *sorted(EXAMPLES.iterdir())], ids=lambda folder: folder.name)
def test_the_plans_we_ship_are_in_order(folder: Path) -> None:
    assert lint(files_of(folder)) == []
    assert Plan.load(folder).events
    assert staging.rendered(files_of(folder))


def test_both_examples_are_there_with_the_names_tools_know() -> None:
    shop = {event.name for event in Plan.load(EXAMPLES / "ecommerce").events}
    assert {
        "Products Searched", "Product Viewed", "Product Added", "Cart Viewed", "Checkout Started", "Order Completed",
        "Order Refunded",
    } <= shop  # fmt: skip
    onboarding = {event.name for event in Plan.load(EXAMPLES / "saas_onboarding").events}
    assert {"Signed Up", "Onboarding Step Completed", "Trial Started", "Invite Sent", "Group"} <= onboarding


def test_the_example_of_the_documentation_is_in_order() -> None:
    text = (EXAMPLES.parents[1] / "tracking-plan.md").read_text()
    (shown,) = re.findall(r"```yaml (\S+)\n(.*?)```", text, re.DOTALL)
    assert lint({"plan.yml": files_of(FOLDER)["plan.yml"], shown[0]: shown[1]}) == []


def test_a_plan_in_order_has_no_problem() -> None:
    assert told(files()) == []


@pytest.mark.parametrize(
    ("old", "new", "line", "rule", "message"),
    [
        ("name: Thing Done", "name: thing done", 1, "event_name", "'thing done' is not an object and what was done"),
        ("name: Thing Done", "name: Done", 1, "event_name", "is not an object and what was done"),
        ("name: Thing Done", "name: Do Thing", 1, "event_name", "is not an object and what was done"),
        ("name: Thing Done", "name: Other Done", 1, "file_name", "is called other_done.v1.yml"),
        ("name: Thing Done", 'name: "{{ x }} Done"', 1, "entry", "no {, }"),
        ("version: 1", "version: 2", 1, "file_name", "is called thing_done.v2.yml"),
        ("version: 1", "version: 1.5", 2, "entry", "must be a whole number"),
        ("owner: team", "owner: nobody", 3, "entry", "owner is 'nobody', which plan.yml does not name"),
        ("owner: team\n", "", 1, "entry", "owner is missing"),
        ("category: things", "category: fun", 4, "entry", "category is 'fun'"),
        ("purpose: analytics", "purpose: fun", 5, "entry", "purpose is 'fun'"),
        ("description: A thing was done.\n", "", 1, "entry", "description is missing"),
        ("on_violation: pass", "on_violation: drop", 7, "entry", "must be one of pass, strip, dead_letter"),
        ("on_violation: pass", "on_violations: pass", 7, "entry", "the key 'on_violations' is unknown"),
        ("on_violation: pass", "sources: [fax]", 7, "entry", "the source 'fax' is none that plan.yml names"),
        ("on_violation: pass", "type: talk", 7, "entry", "must be one of track"),
        ("properties:\n  type: object", "traits: {type: object}\nproperties:\n  type: object", 8, "entry",
         "a track call has properties, not traits"),
        ("  type: object", "  type: array", 8, "schema", "must have `type: object`"),
        ("required: [thing_id]", "required: [other]", 10, "schema", "other is required and not among the properties"),
        ("required: [thing_id]", "require: [thing_id]", 10, "schema", "keyword 'require' is not one a plan may use"),
        ("    price:", "    Price:", 15, "property_name", "'Price' is not snake_case"),
        ("    price:", '    "a price":', 15, "schema", "is no name: letters, digits and _"),
        ("    price:", "    email:", 15, "pii", "say `pii: email`, or `pii: none` when it is not"),
        ("    price:", "    thing_id:", 15, "yaml", "thing_id stands here twice"),
        ("      description: What it costs.\n", "", 15, "description", "price has no description"),
        ("      type: number\n      description: What it costs.\n      minimum: 0", "      description: x", 15, "type",
         "price has no type: anything would do"),
        ("type: number", "type: numbr", 16, "schema", "properties.price.type: type must be one of"),
        ("minimum: 0", "minimum: '0'", 18, "schema", "minimum must be a number"),
        ("minimum: 0", "minLength: 1", 18, "schema", "minLength says nothing of number"),
        ("minimum: 0", "minimum: 2\n      maximum: 1", 18, "schema", "minimum is above maximum: nothing fits"),
        ("minimum: 0", "enum: [1, cheap]", 15, "schema", "'cheap', is none of its type, number"),
        ("minimum: 0", "enum: [1]\n      const: 2", 19, "schema", "const and enum stand together"),
        ("minimum: 0", "enum: [1, 1.0]", 18, "schema", "lists a value twice"),
        ("minimum: 0", "pii: shoe", 18, "schema", "pii is 'shoe'; it must be one of email, name, none"),
        ("minimum: 0", "anyOf: [{}]", 18, "schema", "the keyword 'anyOf' is not one a plan may use"),
        ("type: string", "type: string\n      pattern: '(?=a)'", 14, "schema", "looks ahead or back"),
        ("type: string", "type: string\n      format: dates", 14, "schema", "format must be one of date-time"),
        ("type: string", '$ref: "#/definitions/x"', 13, "schema", "leads nowhere"),
        ("type: string", '$ref: "http://x.example/y"', 13, "schema", "leads nowhere"),
        ("thing_id:\n", "done_at:\n", 12, "format", "say `format: date-time`"),
        ("type: number", "type: [number", 17, "yaml", "not valid YAML"),
        ("type: number", "type: &x number", 0, "", ""),
        ("      description: What it costs.", "      description: &a x\n      title: *a", 17, "yaml", "anchors"),
        ("    price:", "    yes:", 15, "yaml", "names must be texts"),
    ],
    ids=lambda value: re.sub(r"\W+", " ", str(value))[:40],
)  # fmt: skip
def test_what_is_wrong_is_told_with_file_and_line(old: str, new: str, line: int, rule: str, message: str) -> None:
    assert old in EVENT
    found = told(files(EVENT.replace(old, new, 1)))
    if not rule:
        assert found == []
        return
    matching = [one for one in found if one[2] == rule and message in one[3]]
    assert matching, found
    assert (matching[0][0], matching[0][1]) == ("thing_done.v1.yml", line)
    assert matching[0][3].endswith(".")


@pytest.mark.parametrize(
    ("settings", "line", "message"),
    [
        (SETTINGS + "unplanned_events: drop\n", 8, "must be one of pass, dead_letter"),
        (SETTINGS + "naming: {events: Title}\n", 8, "events is 'Title'"),
        (SETTINGS + "colour: red\n", 8, "the setting 'colour' is unknown"),
        (SETTINGS.replace("{team: A team.}", "[team]"), 3, "owners must be a mapping"),
        (SETTINGS + "definitions: {a: {$ref: '#/definitions/b'}, b: {$ref: '#/definitions/a'}}\n", 8, "holds itself"),
        (SETTINGS + "definitions: {a: {type: text}}\n", 8, "type must be one of string"),
        ("[]", 1, "must be a mapping of settings"),
    ],
)
def test_settings_are_checked_too(settings: str, line: int, message: str) -> None:
    matching = [one for one in told(files(settings=settings)) if one[0] == "plan.yml" and message in one[3]]
    assert matching, told(files(settings=settings))
    assert matching[0][1] == line


def test_without_settings_nothing_else_has_to_be_said() -> None:
    assert ("plan.yml", 1, "settings", "is missing; a plan's settings stand in it.") in told({})


def test_naming_rules_are_the_plans_choice() -> None:
    text = EVENT.replace("Thing Done", "thing_done").replace("thing_id", "thingId")
    assert {rule for _, _, rule, _ in told(files(text))} == {"event_name", "property_name"}
    chosen = SETTINGS + "naming: {events: snake_case, properties: camelCase}\n"
    assert told(files(text, chosen)) == []
    assert {rule for _, _, rule, _ in told(files(EVENT, chosen))} == {"event_name", "property_name"}
    assert told(files(EVENT.replace("Done", "do!"), SETTINGS + "naming: {events: any}\n"))[0][2] == "file_name"


@pytest.mark.parametrize("tag", ["email", "none"])
def test_what_looks_personal_may_be_tagged_or_said_not_to_be(tag: str) -> None:
    text = EVENT.replace("    price:", "    email:").replace("minimum: 0", f"pii: {tag}")
    assert [one for one in told(files(text)) if one[2] == "pii"] == []


def test_a_word_of_traits_asks_for_a_tag_in_traits_only() -> None:
    settings = SETTINGS.replace("name: [first_name]", 'name: ["traits.name"]')
    named = EVENT.replace("price:", "name:")
    assert told(files(named, settings)) == []
    traits = named.replace("name: Thing Done", "type: identify").replace("\nproperties:", "\ntraits:")
    found = told({"plan.yml": settings, "identify.v1.yml": traits})
    assert [one[2] for one in found] == ["pii"]


def test_one_event_and_version_has_one_file() -> None:
    found = told(
        files(**{"thing_done_again.v1.yml": EVENT, "things.v1.yml": EVENT.replace("Thing Done", "Thing done")})
    )
    messages = " ".join(message for *_, message in found)
    assert "Thing Done has its version 1 in thing_done.v1.yml already" in messages
    assert "differ in spelling only" in messages


def test_two_events_never_become_one_model_nor_two_properties_one_column() -> None:
    page = EVENT.replace("name: Thing Done", "type: page")
    pages = EVENT.replace("Thing Done", "Pages")
    found = told({"plan.yml": SETTINGS + "naming: {events: any}", "page.v1.yml": page, "pages.v1.yml": pages})
    assert [rule for _, _, rule, _ in found] == ["model"]
    events = EVENT.replace("Thing Done", "Events")
    assert [one[2] for one in told({"plan.yml": SETTINGS + "naming: {events: any}", "events.v1.yml": events})] == [
        "model"
    ]
    twice = EVENT.replace("    price:", "    thingId:")
    assert [one[2] for one in told(files(twice, SETTINGS + "naming: {properties: any}"))] == ["column"]


def test_a_definition_is_written_out_with_the_words_beside_it() -> None:
    settings = SETTINGS + "definitions:\n  id: {type: string, description: An id., maxLength: 9}\n"
    text = EVENT.replace(
        "type: string\n      description: Id of the thing.", '$ref: "#/definitions/id"\n      pii: none'
    )
    plan = Plan.of(files(text, settings))
    assert plan.events[0].schema["properties"]["thing_id"] == {
        "type": "string", "description": "An id.", "maxLength": 9, "pii": "none",
    }  # fmt: skip
    other = text.replace("pii: none", "minLength: 3")
    assert any("beside $ref only description and pii may stand" in one[3] for one in told(files(other, settings)))


@pytest.mark.parametrize(
    "text", ['"\\ud83d\\ude00"', "[" * 5000, "{a: " * 3000, "- " * 3000, "\x00", "a: !!python/object:os.system x", ""]
)
def test_a_file_that_is_no_plan_is_a_problem_and_no_crash(text: str) -> None:
    assert [one for one in told(files(text)) if one[0] == "thing_done.v1.yml"]
