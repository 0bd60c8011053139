"""Scores' training as assets: the books that `braid score train` writes, made by the same code."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import dagster as dg

from orchestration.lib.dbt_translator import owners
from orchestration.lib.extraction import declared_sources
from orchestration.lib.failures import as_dagster_failures
from orchestration.lib.match_asset import TRAINING_POOL
from orchestration.setup import configured_target, open_locked

if TYPE_CHECKING:
    from orchestration.lib.score_training import Learnt

# What teaches, and what is learnt: the keys that dbt gives the models and the sources of the models that score.
EXAMPLES = [dg.AssetKey(["marts", name]) for name in ("int_finance__churn_examples", "int_sales__lead_examples")]
BOOKS = [dg.AssetKey(["ops", f"score_{name}"]) for name in ("models", "weights", "backtests")]


def training(manifest: Mapping[str, Any]) -> dg.AssetsDefinition:
    """The three books as one step, described and owned as dbt's sources are."""
    declared = declared_sources(manifest)
    specs = [
        dg.AssetSpec(
            key,
            deps=EXAMPLES,
            description=declared[key]["description"],
            group_name="marts",
            kinds={"scipy"},
            owners=owners(declared[key]),
            metadata={"dagster/table_name": ".".join(key.path)},
        )
        for key in BOOKS
    ]

    @dg.multi_asset(name="learn_scores", specs=specs, pool=TRAINING_POOL)
    def learn_scores(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[None]]:
        """Learn every score from the examples of the last build and publish a version of each that can be learnt."""
        yield from _train(context)

    return learn_scores


def _train(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[None]]:
    # scipy takes its time to import: not when definitions are loaded.
    from extract.pipeline import utc_now
    from orchestration.lib import score_training
    from orchestration.lib.value_training import marts_schema
    from value import ValueModelError

    found: dict[str, dg.MetadataValue] = {}
    untold: list[ValueModelError] = []
    with as_dagster_failures():
        for score in score_training.EXAMPLES:
            try:
                version, learnt = score_training.train(
                    lambda: open_locked(None, command="dagster learn_scores", on_wait=context.log.info),
                    marts_schema(configured_target(None).project_root),
                    score,
                    utc_now(),
                )
            except ValueModelError as error:
                # Who has orders and no leads still wants to know whom they lose.
                context.log.warning(f"{score} was not learnt: {error}")
                untold.append(error)
            else:
                found.update(metadata(version, learnt))
        if not found:
            raise untold[0]
    for key in BOOKS:
        yield dg.MaterializeResult(asset_key=key, metadata=found)


def metadata(version: str, learnt: "Learnt") -> dict[str, dg.MetadataValue]:
    """What an operator wants to see of a version, by score."""
    tested = learnt.tested
    shown: dict[str, dg.MetadataValue] = {
        "version": dg.MetadataValue.text(version),
        "learnt_until": dg.MetadataValue.text(learnt.learnt_until.isoformat()),
        "examples": dg.MetadataValue.int(learnt.model.examples),
        "outcomes": dg.MetadataValue.int(learnt.model.outcomes),
    }
    if tested is not None:
        shown["backtest_auc"] = dg.MetadataValue.float(round(tested.auc, 4))
        shown["backtest_lift"] = dg.MetadataValue.float(round(tested.deciles[0].lift, 4))
    return {f"{learnt.score}_{name}": value for name, value in shown.items()}
