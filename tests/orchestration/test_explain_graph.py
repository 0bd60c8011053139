"""Paths and drawings of any graph of links: shortest ways, no two things in one place, lines to neighbours only."""

from __future__ import annotations

from collections import deque
from datetime import datetime
from itertools import pairwise
from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from orchestration.explain.answers import Answer, Customer, Golden, Member
from orchestration.explain.drawing import drawn
from orchestration.explain.facts import Named, Offer, Record
from orchestration.explain.layout import laid_out
from orchestration.explain.page import page
from orchestration.explain.ties import Link, Step, Tie, Ties

NAMES = [f"r{number}" for number in range(9)]
DAY = datetime(2026, 1, 1)
links = st.lists(
    st.builds(
        Link,
        record_a=st.sampled_from(NAMES),
        record_b=st.sampled_from(NAMES),
        rule=st.sampled_from(["email", "phone", "score", "decision"]),
        evidence=st.sampled_from(["x", "y", "z", None]),
        score=st.sampled_from([0.9, 1.0]),
        priority=st.integers(1, 3),
    ),
    max_size=12,
)


def ties(found: list[Link], seen: dict[tuple[str, str, str], datetime] | None = None) -> Ties:
    return Ties(found, {"email", "phone"}, seen or {})


def together(found: list[Link]) -> dict[str, set[str]]:
    """Whom each record is next to: by a value with all who are linked by it, else with the other end."""
    near: dict[str, set[str]] = {}
    groups: dict[tuple[object, ...], set[str]] = {}
    for link in found:
        value = link.rule in ("email", "phone") and link.evidence is not None
        key = (link.priority, link.rule, link.evidence, *(() if value else (link.record_a, link.record_b)))
        groups.setdefault(key, set()).update((link.record_a, link.record_b))
    for group in groups.values():
        for record in group:
            near.setdefault(record, set()).update(group)
    return near


def distance(near: dict[str, set[str]], start: str, end: str) -> int | None:
    reached, todo = {start: 0}, deque([start])
    while todo:
        here = todo.popleft()
        for other in near.get(here, ()):
            if other not in reached:
                reached[other] = reached[here] + 1
                todo.append(other)
    return reached.get(end)


@given(found=links, start=st.sampled_from(NAMES), end=st.sampled_from(NAMES))
def test_a_path_is_a_shortest_way_of_links_that_are_there(found: list[Link], start: str, end: str) -> None:
    graph = ties(found)
    path = graph.path(start, end)
    wanted = distance(together(found), start, end)
    assert (None if path is None else len(path)) == wanted
    here = start
    for step in path or []:
        assert step.source == here
        assert {step.source, step.target} <= set(graph.records_of[step.tie])
        here = step.target
    assert path is None or here == end
    assert graph.path(start, end) == ties(found[::-1]).path(start, end)


def test_a_star_in_the_warehouse_is_one_step_between_any_two_who_share_the_value() -> None:
    star = [Link("a", name, "email", "x@x.example", 1.0, 2) for name in ("b", "c")]
    seen = {("a", "email", "x@x.example"): DAY, ("b", "email", "x@x.example"): datetime(2026, 1, 3)}
    (step,) = ties(star, seen).path("b", "c") or []
    assert step == Step("b", "c", Tie(2, "email", "x@x.example"), 1.0, None)  # since when c has it nobody saw
    (step,) = ties(star, seen).path("a", "b") or []
    assert step.first_seen_at == datetime(2026, 1, 3)


def test_a_score_ties_two_and_nobody_else_though_it_says_the_same() -> None:
    scored = [Link("a", "b", "score", "{}", 0.97, 9), Link("c", "d", "score", "{}", 0.98, 9)]
    graph = ties(scored)
    assert graph.path("a", "c") is None
    assert [step.score for step in graph.path("d", "c") or []] == [0.98]


@given(found=links, root=st.sampled_from(NAMES))
def test_nothing_overlaps_and_lines_join_neighbouring_columns(found: list[Link], root: str) -> None:
    layout = laid_out(ties(found), root, NAMES)
    assert {node for node in layout.places if isinstance(node, str)} == set(NAMES)
    columns: dict[float, list[tuple[float, float]]] = {}
    for place in layout.places.values():
        columns.setdefault(place.x, []).append((place.y, place.y + place.height))
        assert 0 <= place.x <= place.x + place.width <= layout.width + 0.01
        assert -0.01 <= place.y <= place.y + place.height <= layout.height + 0.01
    for spans in columns.values():
        spans.sort()
        assert all(end < start for (_, end), (start, _) in pairwise(spans))
    order = sorted(columns)
    for left, right in layout.lines:
        assert order.index(layout.places[right].x) - order.index(layout.places[left].x) == 1


def answer(found: list[Link], records: list[str], name: str = "Ada") -> Answer:
    graph = ties(found)
    steps = graph.steps_from(records[0])
    members = [Member(Record("cus_1", key, "crm:contact", name, DAY, False, DAY), steps.get(key)) for key in records]
    offer = Offer("cus_1", "given_name", name, records[0], "most_recent", 1, 1, DAY, 1)
    golden = [Golden("given_name", "most_recent", offer, [])]
    customer = Customer("cus_1", records[0], DAY, members, graph, golden, [], [], [])
    asked = [Named(key, True, "cus_1", key) for key in (records[0], records[-1])]
    return Answer(asked, [customer], graph.path(records[0], records[-1]), False)


def test_names_are_text_and_never_markup() -> None:
    nasty = "<script>alert(1)</script> & \"so\" 'on'"
    shown = answer([Link("a", "b", "email", nasty, 1.0, 2)], ["a", "b"], nasty)
    for document in (drawn(shown), page(shown)):
        assert "<script" not in document
        assert "&lt;script&gt;" in document
        assert "http" not in document.replace("http://www.w3.org/2000/svg", "")
    ElementTree.fromstring(drawn(shown))


def test_a_crowd_is_drawn_as_far_as_a_picture_goes_and_says_so() -> None:
    crowd = [f"p{number:03}" for number in range(200)]
    document = drawn(answer([Link(crowd[0], other, "email", "x@x.example", 1.0, 2) for other in crowd[1:]], crowd))
    assert "140 more are not" in document
    assert ">p199<" in document  # the end of the path asked for is among the drawn
    assert document.count('class="box') == 60
    assert document.count("line way") == 2
