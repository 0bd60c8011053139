"""Snowplow's published web events as calls of a Segment SDK, and what its own models make of them."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

EXPECTED_VIEWS = "expected/snowplow_web_page_views_expected.csv"
EXPECTED_SESSIONS = "expected/default/snowplow_web_sessions_expected.csv"


@dataclass(frozen=True)
class WebEvent:
    """One row of ``snowplow_web_events.csv``, as our worker takes it."""

    fields: dict[str, str]

    def row(self) -> list[Any]:
        """A page view is a page call, everything else a track call of its name.

        The browser (domain_userid) is the anonymous id; the time is the one corrected for the device's clock.
        """
        is_page = self.fields["event_name"] == "page_view"
        page = {"url": "page_url", "path": "page_urlpath", "title": "page_title", "referrer": "page_referrer"}
        campaign = {"source": "mkt_source", "medium": "mkt_medium", "name": "mkt_campaign", "term": "mkt_term",
                    "content": "mkt_content"}  # fmt: skip
        context = {"page": self._said(page)}
        if said := self._said(campaign):
            context["campaign"] = said
        return [
            self.fields["event_id"], "page" if is_page else "track", None if is_page else self.fields["event_name"],
            self.fields["user_id"] or None, self.fields["domain_userid"] or None, json.dumps(context), "{}",
            self.fields["derived_tstamp"], "2021-04-01 00:00:00", None,
        ]  # fmt: skip

    def _said(self, columns: dict[str, str]) -> dict[str, str]:
        return {name: self.fields[column] for name, column in columns.items() if self.fields[column]}


def web_events(data: Path) -> list[WebEvent]:
    """Each event once, as the collector takes them: the first one that came to it counts."""
    rows = read(data, "source/snowplow_web_events.csv")
    rows.sort(key=lambda row: (row["collector_tstamp"], row["derived_tstamp"]))
    first: dict[str, dict[str, str]] = {}
    for row in rows:
        first.setdefault(row["event_id"], row)
    return [WebEvent(row) for row in first.values()]


def read(data: Path, name: str) -> list[dict[str, str]]:
    csv.field_size_limit(10**9)
    with (data / "snowplow_web_apache2" / "data" / name).open(newline="") as file:
        return list(csv.DictReader(file))
