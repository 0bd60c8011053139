"""Tests of the project that did not pass when they last ran, from what every run of dbt leaves behind."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from warehouse.base import TableName, Warehouse

# Told in words of their own: the gate's graph, and the sources' columns.
_TOLD_ELSEWHERE = ("assert_the_gate_lets_the_graph_through", "assert_schema_changes_are_accepted")


@dataclass(frozen=True)
class Standing:
    """A test that does not pass; ``failures`` None when it could not be run, ``since`` UTC."""

    test: str
    tested: str | None
    status: str
    severity: str
    failures: int | None
    owner: str | None
    since: datetime

    @property
    def said(self) -> str:
        """One sentence."""
        found = "could not be run" if self.failures is None else f"finds {self.failures:,}"
        how = "fails" if self.status in ("fail", "error") else "warns"
        return f"test {self.test}: {how} since {self.since:%Y-%m-%d %H:%M}, {found}; ask {self.owner or 'data'}."


def not_passed(warehouse: Warehouse, project: Path) -> list[Standing]:
    """Those that do not pass, failures first; empty before the first build."""
    view = TableName(_schema(project), "ops_test_status")
    if warehouse.columns(view) is None:
        return []
    rows = warehouse.rows(
        f"""
        select test_name, tested_node, last_status, severity, last_failures, owner, bad_since
        from {warehouse.relation(view)}
        where last_status <> 'pass'
        order by case when last_status = 'warn' then 1 else 0 end, test_name
        """
    )
    found = [Standing(*row.values()) for row in rows]  # type: ignore[arg-type]
    return [one for one in found if one.test not in _TOLD_ELSEWHERE]


def _schema(project: Path) -> str:
    import yaml

    variables = yaml.safe_load((project / "dbt_project.yml").read_text(encoding="utf-8")).get("vars") or {}
    return f"{variables.get('schema_prefix') or ''}staging"
