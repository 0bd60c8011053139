"""The rules of sessions in plain Python, for tests to hold the models against; and a warehouse they are built in."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from tests.dbt.project import ROOT

START = datetime(2026, 1, 1, 22, 0)
PROJECT = """
name: braid
version: "1.0.0"
profile: braid
flags: {send_anonymous_usage_stats: false}
vars: {schema_prefix: "", session_gap_minutes: 30, session_new_campaign: true, session_midnight: %s,
  session_utc_offset_minutes: %d}
"""
MODELS = {
    "stg_events__events.sql": """
        {{ config(materialized='view') }}
        select message_id, event_type, event_name, user_id, anonymous_id, context, properties, 'web' as event_source,
            cast(null as varchar) as payload, occurred_at, occurred_at as received_at, extracted_at
        from {{ target.schema }}.events where _quarantined_at is null
    """,
    "int_identity__placeholder_users.sql": """
        {{ config(materialized='view') }} select * from {{ target.schema }}.placeholders
    """,
    "customer_xref_current.sql": "{{ config(materialized='view') }} select * from {{ target.schema }}.xref",
    "sources.yml": "sources: [{name: events, schema: '{{ target.schema }}', tables: [{name: events}]}]",
}
PRODUCT = (
    "int_product__events", "int_product__session_events", "int_product__sessions",
    "fct_events", "fct_page_views", "fct_sessions",
)  # fmt: skip


@dataclass(frozen=True)
class Call:
    """A call of the tracking; ``minute`` counts from START, ``landed`` is the landing it came in with."""

    name: str
    minute: float
    device: str | None = "d"
    user: str | None = None
    kind: str = "page"
    campaign: str | None = None
    landed: int = 0
    set_aside: bool = False
    event: str | None = None
    properties: dict[str, Any] = field(default_factory=dict, hash=False)

    @property
    def at(self) -> datetime:
        return START + timedelta(minutes=self.minute)

    def row(self) -> list[Any]:
        """As the worker's table has it."""
        context = {"page": {"url": f"/{self.name}", "title": self.name, "referrer": ""}}
        if self.campaign:
            context["campaign"] = {"name": self.campaign}
        landed = datetime(2026, 2, 1) + timedelta(hours=self.landed)
        return [
            self.name, self.kind, self.event, self.user, self.device, json.dumps(context), json.dumps(self.properties),
            str(self.at), str(landed), str(landed) if self.set_aside else None,
        ]  # fmt: skip


def sessions(calls: Sequence[Call], *, midnight: bool, offset: int = 0, gap: int = 30) -> set[tuple[str, ...]]:
    """The names of each session's calls in order; sessions of everyone."""
    found: set[tuple[str, ...]] = set()
    visitors: dict[tuple[bool, str], list[Call]] = {}
    for call in calls:
        if call.set_aside or call.kind not in ("page", "screen", "track", "identify"):
            continue
        if call.device is not None or call.user is not None:
            visitor = call.device if call.device is not None else call.user
            visitors.setdefault((call.device is None, str(visitor)), []).append(call)
    for its in visitors.values():
        its.sort(key=lambda call: (call.at, hashlib.md5(call.name.encode()).hexdigest()[:16]))
        session: list[Call] = []
        campaign = None
        for call in its:
            if session:
                days = {(one.at + timedelta(minutes=offset)).date() for one in (call, session[-1])}
                paused = call.at - session[-1].at > timedelta(minutes=gap) or (midnight and len(days) == 2)
                if paused or (call.campaign is not None and call.campaign != campaign):
                    found.add(tuple(one.name for one in session))
                    session, campaign = [], None
            session.append(call)
            campaign = call.campaign or campaign
        found.add(tuple(one.name for one in session))
    return found


class Event(Protocol):
    """What the worker takes."""

    def row(self) -> list[Any]:
        """The values of its columns."""


class Warehouse:
    """Events, and dbt over them."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def build(
        self,
        calls: Sequence[Event] | None,
        *asked: str,
        full_refresh: bool = False,
        first: Sequence[str] = (),
        variables: dict[str, Any] | None = None,
        select: Sequence[str] = (),
    ) -> list[list[list[Any]]]:
        """Build over these events (None: those of before): all models, or those named. The rows of each query."""
        line: dict[str, Any] = {"asked": asked, "full_refresh": full_refresh, "first": first}
        line |= {"vars": variables, "select": select}
        if calls is not None:
            line["events"] = [call.row() for call in calls]
        found: list[list[list[Any]]] = self._answer(line)
        return found

    def refusals(self, variables: dict[str, Any], *select: str) -> list[str]:
        """What dbt says to these vars; nothing where it builds."""
        said: list[str] = self._answer({"vars": variables, "select": select, "refused": True})
        return said

    def _answer(self, line: dict[str, Any]) -> Any:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(line) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        assert answer, "dbt failed: see the captured output"
        return json.loads(answer)


def warehouse(
    target: str, folder: Path, *, midnight: bool = False, offset: int = 0, models: Sequence[str] = PRODUCT
) -> Iterator[Warehouse]:
    """A warehouse of its own with a project of just these models of the marts and what they read."""
    home = folder / "project"
    (home / "models").mkdir(parents=True, exist_ok=True)
    (home / "dbt_project.yml").write_text(PROJECT % (str(midnight).lower(), offset))
    for name, text in MODELS.items():
        (home / "models" / name).write_text(text)
    for name in models:
        (home / "models" / f"{name}.sql").symlink_to(ROOT / "models" / "marts" / "product" / f"{name}.sql")
    (home / "macros").symlink_to(ROOT / "macros")
    command = [sys.executable, "-W", "ignore", "-m", "tests.dbt.sessions_worker", target, str(home), str(folder)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Warehouse(process)
        finally:
            process.kill()
            process.wait()
