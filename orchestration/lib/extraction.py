"""Assets of a source: one multi-asset, so that a run signs in once however many objects it reads."""

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import dagster as dg

from extract import pipeline, registry
from extract.pipeline import ObjectResult
from orchestration.lib import catalog
from orchestration.lib.dbt_translator import owners
from orchestration.lib.failures import TRANSIENT, as_dagster_failures
from orchestration.setup import open_locked

# One writer of the warehouse file at a time, across runs; dagster.yaml gives the pool its limit.
WAREHOUSE_POOL = "warehouse"


def extraction(source: str, manifest: Mapping[str, Any]) -> dg.AssetsDefinition:
    """The assets of ``source``, described and owned as its tables are in dbt's sources."""
    declared = declared_sources(manifest)
    specs = []
    for key, name in catalog.keys(source).items():
        table = declared.get(key, {})
        lands = catalog.raw_table(source, name)
        specs.append(
            dg.AssetSpec(
                key,
                description=table.get("description") or f"{name}, as its system has it.",
                group_name=lands.schema,
                kinds={{"files": "file"}.get(source, source)},
                owners=owners(table),
                skippable=True,
                metadata={"dagster/table_name": str(lands)},
            )
        )

    @dg.multi_asset(name=f"extract_{source}", specs=specs, can_subset=True, pool=WAREHOUSE_POOL, retry_policy=TRANSIENT)
    def extract(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[None]]:
        yield from _extract(context, source)

    return extract


def declared_sources(manifest: Mapping[str, Any]) -> dict[dg.AssetKey, Mapping[str, Any]]:
    """dbt's source tables by their asset key."""
    return {dg.AssetKey([table["source_name"], table["name"]]): table for table in manifest["sources"].values()}


def _extract(context: dg.AssetExecutionContext, source: str) -> Iterator[dg.MaterializeResult[None]]:
    by_key = catalog.keys(source)
    wanted = [name for key, name in by_key.items() if key in context.selected_asset_keys]
    with as_dagster_failures():
        reader = registry.source_class(source).from_environment(os.environ)
        try:
            results = pipeline.run(
                reader,
                wanted,
                lambda: open_locked(None, command=f"dagster extract_{source}", on_wait=context.log.info),
            )
        finally:
            reader.close()
    for result in results:
        if result.error is None:
            yield dg.MaterializeResult(
                asset_key=catalog.asset_key(source, result.object), metadata=landing_metadata(result)
            )
    _fail_for([result for result in results if result.error is not None])


def landing_metadata(result: ObjectResult) -> dict[str, dg.MetadataValue]:
    """What an operator wants to see of a landing. ``dagster/partition_row_count`` is what the UI charts."""
    metadata: dict[str, dg.MetadataValue] = {
        "dagster/partition_row_count": dg.MetadataValue.int(result.rows_landed),
        "rows_read": dg.MetadataValue.int(result.rows_read),
        "rows_inserted": dg.MetadataValue.int(result.rows_inserted),
        "rows_updated": dg.MetadataValue.int(result.rows_updated),
        "rows_deleted": dg.MetadataValue.int(result.rows_deleted),
        "seconds": dg.MetadataValue.float(round(result.seconds, 3)),
        "run_id": dg.MetadataValue.text(result.run_id),
    }
    metadata["proof"] = dg.MetadataValue.text(result.proof)
    metadata["api_calls"] = dg.MetadataValue.int(result.api_calls)
    if result.source_count is not None:
        metadata["source_count"] = dg.MetadataValue.int(result.source_count)
    if result.complete_to is not None:
        metadata["watermark"] = dg.MetadataValue.text(result.complete_to.isoformat())
    if result.rows_quarantined:
        metadata["rows_quarantined"] = dg.MetadataValue.int(result.rows_quarantined)
    if result.columns_added:
        metadata["columns_added"] = dg.MetadataValue.text(", ".join(result.columns_added))
    return metadata


def _fail_for(failed: Sequence[ObjectResult]) -> None:
    """Fail the op when an object failed; the others are landed and stay landed. Retried unless all are permanent."""
    if failed:
        raise dg.Failure(
            " ".join(f"{result.object}: {result.error}" for result in failed),
            allow_retries=not all(result.permanent for result in failed),
        )
