"""Customer value's training as assets: the books that `braid value train` writes, made by the same code."""

import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import dagster as dg

from orchestration.lib.dbt_translator import owners
from orchestration.lib.extraction import declared_sources
from orchestration.lib.failures import as_dagster_failures
from orchestration.lib.match_asset import TRAINING_POOL
from orchestration.setup import configured_target, open_locked

if TYPE_CHECKING:
    from orchestration.lib.value_training import Trained

# What teaches, and what is learnt: the keys that dbt gives the model and the sources of the models that score.
HISTORIES = dg.AssetKey(["marts", "int_finance__purchase_histories"])
MODELS, SPEND_MODELS = (dg.AssetKey(["ops", name]) for name in ("value_models", "value_spend_models"))


def training(manifest: Mapping[str, Any]) -> dg.AssetsDefinition:
    """Both books as one step, described and owned as dbt's sources are."""
    declared = declared_sources(manifest)
    specs = [
        dg.AssetSpec(
            key,
            deps=[HISTORIES],
            description=declared[key]["description"],
            group_name="marts",
            kinds={"scipy"},
            owners=owners(declared[key]),
            metadata={"dagster/table_name": ".".join(key.path)},
        )
        for key in (MODELS, SPEND_MODELS)
    ]

    @dg.multi_asset(name="learn_value", specs=specs, pool=TRAINING_POOL)
    def learn_value(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[None]]:
        """Learn from the purchases of the last build and publish one version: both books or none."""
        yield from _train(context)

    return learn_value


def _train(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[None]]:
    # scipy takes its time to import: not when definitions are loaded.
    from extract.pipeline import utc_now
    from orchestration.lib.value_training import marts_schema, train

    began = time.monotonic()
    with as_dagster_failures():
        done = train(
            lambda: open_locked(None, command="dagster learn_value", on_wait=context.log.info),
            marts_schema(configured_target(None).project_root),
            utc_now(),
        )
    found = metadata(done, time.monotonic() - began)
    for key, rows in ((MODELS, 1), (SPEND_MODELS, len(done.spend))):
        yield dg.MaterializeResult(
            asset_key=key, metadata={**found, "dagster/partition_row_count": dg.MetadataValue.int(rows)}
        )


def metadata(done: "Trained", seconds: float) -> dict[str, dg.MetadataValue]:
    """What an operator wants to see of a version."""
    model = done.purchases
    shown = dict(zip(("r", "alpha", "a", "b"), model.parameters, strict=True))
    return {
        "model_version": dg.MetadataValue.text(done.version),
        "learnt_until": dg.MetadataValue.text(done.learnt_until.isoformat()),
        "customers": dg.MetadataValue.int(model.customers),
        "repeaters": dg.MetadataValue.int(done.repeaters),
        **{name: dg.MetadataValue.float(number) for name, number in shown.items()},
        "at_edge": dg.MetadataValue.text(", ".join(model.at_edge) or "none"),
        "seconds": dg.MetadataValue.float(round(seconds, 3)),
    }
