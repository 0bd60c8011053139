"""How old is too old: of sources by dbt's own thresholds, of models by their policies."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import dagster as dg

from extract.status import object_status
from orchestration.lib import catalog
from orchestration.lib.extraction import WAREHOUSE_POOL, declared_sources
from orchestration.lib.failures import as_dagster_failures
from orchestration.setup import open_locked

CHECK_NAME = "source_freshness"
_UNITS = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1), "day": timedelta(days=1)}


@dataclass(frozen=True)
class Limits:
    """Ages at which a source is late; None is no limit."""

    warn_after: timedelta | None
    error_after: timedelta | None

    def judge(self, age: timedelta | None) -> Literal["fresh", "late", "stale"]:
        """``age`` None: it was never read, which is as old as can be."""
        if self.error_after is not None and (age is None or age > self.error_after):
            return "stale"
        if self.warn_after is not None and (age is None or age > self.warn_after):
            return "late"
        return "fresh"


def source_limits(manifest: Mapping[str, Any]) -> dict[dg.AssetKey, Limits]:
    """Limits of the extracted objects that have some in dbt's sources."""
    tables, limits = declared_sources(manifest), {}
    for key in sorted({key for source in catalog.SOURCES for key in catalog.keys(source)}):
        declared = tables.get(catalog.declared_key(key), {}).get("freshness") or {}
        found = Limits(_span(declared.get("warn_after")), _span(declared.get("error_after")))
        if found.warn_after or found.error_after:
            limits[key] = found
    return limits


def _span(threshold: Mapping[str, Any] | None) -> timedelta | None:
    if not threshold or not threshold.get("count"):
        return None
    return int(threshold["count"]) * _UNITS[threshold["period"]]


def source_freshness_checks(manifest: Mapping[str, Any]) -> dg.AssetChecksDefinition:
    """One check an object: when was it last read with success, by dbt's thresholds, from the books."""
    limits = source_limits(manifest)
    specs = [
        dg.AssetCheckSpec(
            CHECK_NAME,
            asset=key,
            description=f"Last read with success within {_words(found.warn_after)} (warns), "
            f"{_words(found.error_after)} (fails); the thresholds are dbt's.",
        )
        for key, found in limits.items()
    ]

    @dg.multi_asset_check(name="check_source_freshness", specs=specs, can_subset=True, pool=WAREHOUSE_POOL)
    def check(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        with (
            as_dagster_failures(),
            open_locked(None, command="dagster source_freshness", on_wait=context.log.info) as warehouse,
        ):
            statuses = object_status(warehouse)
        last = {catalog.asset_key(status.source, status.object): status.last_success_at for status in statuses}
        now = datetime.now(UTC).replace(tzinfo=None)
        for check_key in sorted(context.selected_asset_check_keys):
            yield _result(check_key.asset_key, last.get(check_key.asset_key), now, limits[check_key.asset_key])

    return check


def _result(key: dg.AssetKey, last: datetime | None, now: datetime, limits: Limits) -> dg.AssetCheckResult:
    age = None if last is None else now - last
    verdict = limits.judge(age)
    metadata: dict[str, dg.MetadataValue] = {"verdict": dg.MetadataValue.text(verdict)}
    if last is not None and age is not None:
        metadata["last_success"] = dg.MetadataValue.timestamp(last.replace(tzinfo=UTC))
        metadata["hours"] = dg.MetadataValue.float(round(age.total_seconds() / 3600, 2))
    return dg.AssetCheckResult(
        asset_key=key,
        check_name=CHECK_NAME,
        passed=verdict == "fresh",
        severity=dg.AssetCheckSeverity.ERROR if verdict == "stale" else dg.AssetCheckSeverity.WARN,
        description="It was never read with success." if age is None else f"Last read {_words(age)} ago.",
        metadata=metadata,
    )


def _words(span: timedelta | None) -> str:
    if span is None:
        return "any time"
    hours = span.total_seconds() / 3600
    return f"{hours:.0f} hours" if hours >= 1 else f"{span.total_seconds() / 60:.0f} minutes"
