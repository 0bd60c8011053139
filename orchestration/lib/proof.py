"""Whether extracted objects are proven complete, and up to when, from the books."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg

from extract import registry
from extract.status import ObjectStatus, object_status
from orchestration.lib import catalog
from orchestration.lib.extraction import WAREHOUSE_POOL
from orchestration.lib.failures import as_dagster_failures
from orchestration.setup import open_locked

CHECK_NAME = "proven"
# A night and two hours: an object that is extracted daily and was not proven since is behind.
LATEST = timedelta(hours=26)


def counted_keys() -> dict[dg.AssetKey, tuple[str, str]]:
    """Source and object of the assets whose source counts them."""
    return {
        catalog.asset_key(source, name): (source, name)
        for source in catalog.SOURCES
        for name in registry.source_class(source).declared_counted(os.environ)
    }


def proof_checks() -> dg.AssetChecksDefinition:
    """One check an object that its source counts: did as many rows land as it has, and how long ago was that so."""
    keys = counted_keys()
    specs = [
        dg.AssetCheckSpec(
            CHECK_NAME,
            asset=key,
            description="As many rows landed as the source counts, in every window up to the watermark, and the last "
            f"proof is at most {LATEST.total_seconds() / 3600:.0f} hours old.",
        )
        for key in keys
    ]

    @dg.multi_asset_check(name="check_proven", specs=specs, can_subset=True, pool=WAREHOUSE_POOL)
    def check(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        with as_dagster_failures(), open_locked(None, command="dagster proven", on_wait=context.log.info) as warehouse:
            statuses = {(status.source, status.object): status for status in object_status(warehouse)}
        now = datetime.now(UTC).replace(tzinfo=None)
        for check_key in sorted(context.selected_asset_check_keys):
            yield _result(check_key.asset_key, statuses.get(keys[check_key.asset_key]), now)

    return check


def judged(status: ObjectStatus | None, now: datetime) -> tuple[bool, str]:
    """Whether an object is proven well enough, and why in a sentence."""
    if status is None or status.proven_to is None:
        return False, "Nothing is proven yet: it was never extracted with success."
    if status.open_windows:
        return False, f"{status.open_windows} windows do not add up; `braid reconcile` reads them again."
    lag = status.lag_seconds(now)
    if lag is None or lag > LATEST.total_seconds():
        return False, f"Proven up to {status.proven_to} UTC, but not looked at since {status.last_success_at} UTC."
    return True, f"Proven up to {status.proven_to} UTC."


def _result(key: dg.AssetKey, status: ObjectStatus | None, now: datetime) -> dg.AssetCheckResult:
    passed, why = judged(status, now)
    metadata: dict[str, dg.MetadataValue] = {}
    if status is not None:
        metadata["open_windows"] = dg.MetadataValue.int(status.open_windows)
        metadata["quarantined"] = dg.MetadataValue.int(status.quarantined)
        if status.proven_to is not None:
            metadata["proven_to"] = dg.MetadataValue.timestamp(status.proven_to.replace(tzinfo=UTC))
    return dg.AssetCheckResult(
        asset_key=key, check_name=CHECK_NAME, passed=passed, description=why, metadata=metadata,
        severity=dg.AssetCheckSeverity.ERROR,
    )  # fmt: skip
