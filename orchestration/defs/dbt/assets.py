"""dbt: every model, seed and snapshot an asset, every test a check; a green build publishes the serving copy."""

from collections.abc import Iterator
from typing import Any

import dagster as dg
from dagster_dbt import dbt_assets
from warehouse.serving import publish

import warehouse
from orchestration.lib.dbt_translator import Translator
from orchestration.lib.extraction import WAREHOUSE_POOL
from orchestration.lib.failures import as_dagster_failures
from orchestration.lib.project import dbt_resource, manifest, run_folder


@dbt_assets(manifest=manifest(), name="dbt_build", dagster_dbt_translator=Translator(), pool=WAREHOUSE_POOL)
def dbt_build(context: dg.AssetExecutionContext) -> Iterator[Any]:
    """Build what is selected under the warehouse lock; the copy that BI reads is replaced only when all is green."""
    with as_dagster_failures(), warehouse.locked(command="dagster dbt_build", on_wait=context.log.info):
        invocation = dbt_resource().cli(["build"], context=context, target_path=run_folder())
        yield from invocation.stream().fetch_row_counts()
        published = publish(on_wait=context.log.info)
    if published is not None:
        context.log.info(f"Published {published}.")
