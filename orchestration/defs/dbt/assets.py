"""dbt: every model, seed and snapshot an asset, every test a check; a green build publishes the serving copy."""

from collections.abc import Iterator
from typing import Any

import dagster as dg
from dagster_dbt import dbt_assets

import warehouse
from orchestration.lib import gate
from orchestration.lib.dbt_rows import row_counts
from orchestration.lib.dbt_translator import Translator
from orchestration.lib.decisions import identity_schema
from orchestration.lib.extraction import WAREHOUSE_POOL
from orchestration.lib.failures import as_dagster_failures
from orchestration.lib.project import dbt_resource, manifest, run_folder
from warehouse.profile import load_target
from warehouse.serving import publish

# Unit tests try rules on rows of their own: a change of code can break them, new data cannot. `braid build` runs them.
_BUILD = ["build", "--exclude-resource-type", "unit_test"]


@dbt_assets(manifest=manifest(), name="dbt_build", dagster_dbt_translator=Translator(), pool=WAREHOUSE_POOL)
def dbt_build(context: dg.AssetExecutionContext) -> Iterator[Any]:
    """Build what is selected under the warehouse lock; the copy that BI reads is replaced only when all is green."""
    events: list[Any] = []
    with as_dagster_failures(), warehouse.locked(command="dagster dbt_build", on_wait=context.log.info):
        invocation = dbt_resource().cli(_BUILD, context=context, target_path=run_folder())
        try:
            # Rows are counted when dbt has let go of the file; what it says streams into the log meanwhile.
            events += invocation.stream()
        except Exception:
            # A graph that the gate holds is red, and its marts are right: today's facts on the graph from before.
            if gate.alone_failed(invocation.target_path / "run_results.json"):
                publish(on_wait=context.log.info)
                raise dg.Failure(f"Held: {_gate_says()}", allow_retries=False) from None
            raise
        finally:
            yield from _counted(context, events)
        published = publish(on_wait=context.log.info)
    if published is not None:
        context.log.info(f"Published {published}.")


def _gate_says() -> str:
    with warehouse.connect(read_only=True) as connection:
        return gate.told(gate.held(connection, identity_schema(load_target().project_root)))


def _counted(context: dg.AssetExecutionContext, events: list[Any]) -> Iterator[Any]:
    """The events of a build, green or not, its tables with their rows."""
    built = {context.asset_key_for_output(event.output_name) for event in events if isinstance(event, dg.Output)}
    counts = row_counts(built, manifest())
    for event in events:
        if isinstance(event, dg.Output):
            rows = counts.get(context.asset_key_for_output(event.output_name))
            if rows is not None:
                event = event.with_metadata({**event.metadata, "dagster/row_count": dg.MetadataValue.int(rows)})
        yield event
