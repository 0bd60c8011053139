"""Dead letters are replayed alike on every warehouse: read, mended, landed once, their outcome kept; no DDL inside."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from contracts.fixing import Selection
from extract.breaker import Breaker
from extract.dead_letters.letters import STATUSES, groups, outcomes, pages
from extract.dead_letters.replaying import replay
from extract.pipeline import run
from extract.sources.events import Events
from tests.extract.dead_bench import Post, call, collected, fix_of
from warehouse.base import Warehouse

pytestmark = pytest.mark.timeout(240)
DDL = re.compile(r"\s*(create|alter|drop|truncate)\b", re.IGNORECASE)


def test_letters_are_replayed_once(warehouse: Warehouse, tmp_path: Path) -> None:
    post = Post(tmp_path / "collect")

    @contextmanager
    def opened() -> Iterator[Warehouse]:
        yield warehouse

    def deliver(*calls: object) -> None:
        records = collected(calls)
        post.append([data for _, data in records.events], [data for _, data in records.dead])
        source = Events.from_environment({"BRAID_COLLECT_LOG": str(post.log)})
        results = run(source, (), opened, spool_root=tmp_path / "spool")
        source.close()
        assert [result.error for result in results] == [None, None]

    def replayed(fixed: bool, selection: Selection | None = None) -> tuple[int, int, int]:
        plan = post.plan(fix_of() if fixed else None, *([selection] if selection else []), breaker=Breaker(None))
        done = replay(plan, opened, spool_root=tmp_path / "spool")
        return done.landed, done.present, done.failed

    def rows(columns: str, table: str) -> list[tuple[object, ...]]:
        schema, _, name = table.partition(".")
        found = warehouse.query(f"select {columns} from {schema}.{name} order by 1, 2, 3, 4")
        return list(zip(*(column.to_pylist() for column in found.columns), strict=True))

    deliver(call("a"), call("b", True), call("c"), call("right", 1))
    deliver(call("c", 2), call("d", None, event="Other"))
    statements: list[str] = []
    warehouse.on_statement = statements.append
    assert replayed(True) == (1, 1, 1)
    warehouse.on_statement = None
    begun = [at for at, text in enumerate(statements) if text.lower().startswith("begin")]
    ended = [at for at, text in enumerate(statements) if text.lower().startswith("commit")]
    inside = [text for at, end in zip(begun, ended, strict=True) for text in statements[at:end]]
    assert inside
    assert not any(DDL.match(text) for text in inside)

    assert replayed(True) == (0, 0, 1)
    assert replayed(False) == (0, 0, 2)
    kept = "message_id, status, fix, fix_version, attempts, failed_rule"
    assert rows(kept, "ops.dead_letter_outcomes") == [
        ("a", "replayed", "total_as_number", 1, 1, None),
        ("b", "failed", "total_as_number", 1, 2, "type"),
        ("b", "failed", None, None, 1, "type"),
        ("c", "present", "total_as_number", 1, 1, None),
        ("d", "failed", None, None, 1, "unplanned_event"),
    ]
    assert rows("message_id, source, event, region", "raw_events.events") == [
        (name, "web_shop", "Order Refunded", None) for name in ("a", "c", "right")
    ]
    found = groups(opened, Selection(), STATUSES)
    assert [(group.event, group.status, group.letters) for group in found] == [
        ("Order Refunded", "failed", 1), ("Order Refunded", "present", 1), ("Order Refunded", "replayed", 1),
        ("Other", "failed", 1),
    ]  # fmt: skip
    (letter,) = next(pages(opened, [Selection(rules=("type",))], ("failed",)))
    assert (letter.message_id, letter.tries, letter.fix) == ("b", 3, None) or letter.fix == "total_as_number"
    assert {one["attempts"] for one in outcomes(warehouse, letter)} == {1, 2}
    # One statement of two pages gives what one of one page does.
    assert sorted(one.letter_id for page in pages(opened, [], STATUSES, 2) for one in page) == sorted(
        one.letter_id for page in pages(opened, [], STATUSES) for one in page
    )
