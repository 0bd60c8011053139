"""Training as assets: the books that `braid identity train` writes, made by the same code, with what the UI shows."""

import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import dagster as dg

from orchestration.lib.dbt_translator import owners
from orchestration.lib.extraction import declared_sources
from orchestration.lib.failures import as_dagster_failures
from orchestration.setup import configured_target, open_locked

if TYPE_CHECKING:
    from orchestration.lib.match_training import Trained

# What teaches, and what is learnt: the keys that dbt gives the model and the sources of the models that score.
PERSONS = dg.AssetKey(["identity", "int_identity__persons"])
MODELS, WEIGHTS, FREQUENCIES, RULES = (
    dg.AssetKey(["ops", name]) for name in ("match_models", "match_weights", "term_frequencies", "match_rules")
)
# One training at a time. Not the warehouse's pool: while Splink works, nobody waits for the file.
TRAINING_POOL = "training"


def training(manifest: Mapping[str, Any]) -> dg.AssetsDefinition:
    """The four books as one step, described and owned as dbt's sources are."""
    declared = declared_sources(manifest)
    specs = [
        dg.AssetSpec(
            key,
            deps=[PERSONS],
            description=declared[key]["description"],
            group_name="identity",
            kinds={"splink"},
            owners=owners(declared[key]),
            metadata={"dagster/table_name": ".".join(key.path)},
        )
        for key in (MODELS, WEIGHTS, FREQUENCIES, RULES)
    ]

    @dg.multi_asset(name="train_matching", specs=specs, pool=TRAINING_POOL)
    def train_matching(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[None]]:
        """Learn weights from the records of the last build and publish them as one version: all four books or none."""
        yield from _train(context)

    return train_matching


def _train(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[None]]:
    # Splink and what it stands on take seconds to import: not when definitions are loaded.
    from extract.pipeline import utc_now
    from orchestration.lib.decisions import identity_schema
    from orchestration.lib.match_training import train

    began = time.monotonic()
    with as_dagster_failures():
        done = train(
            lambda: open_locked(None, command="dagster train_matching", on_wait=context.log.info),
            identity_schema(configured_target(None).project_root),
            utc_now(),
        )
    found = metadata(done, time.monotonic() - began)
    for key, rows in ((MODELS, 1), (WEIGHTS, done.weights), (FREQUENCIES, done.frequencies), (RULES, done.rules)):
        of_table = found if key in (MODELS, WEIGHTS) else {"model_version": found["model_version"]}
        yield dg.MaterializeResult(
            asset_key=key, metadata={**of_table, "dagster/partition_row_count": dg.MetadataValue.int(rows)}
        )


def metadata(done: "Trained", seconds: float) -> dict[str, dg.MetadataValue]:
    """What an operator wants to see of a version: on what it was learnt, what it says, where a link begins (bits)."""
    model = done.learnt.model
    return {
        "model_version": dg.MetadataValue.text(done.version),
        "records": dg.MetadataValue.int(done.learnt.records),
        "pairs": dg.MetadataValue.int(done.pairs),
        "prior": dg.MetadataValue.float(model.prior),
        "moved_prior": dg.MetadataValue.float(model.moved),
        "household_prior": dg.MetadataValue.float(model.household),
        "namesake_prior": dg.MetadataValue.float(model.namesakes),
        "link_weight": dg.MetadataValue.float(model.link),
        "review_weight": dg.MetadataValue.float(model.review),
        "seconds": dg.MetadataValue.float(round(seconds, 3)),
        "weights": dg.MetadataValue.md(weights_table(done)),
    }


def weights_table(done: "Trained") -> str:
    """A Markdown table of the version's weights (bits), a line for each level, the strictest of a comparison first."""
    lines = ["| comparison | level | m | u | weight |", "|---|---|--:|--:|--:|"]
    for _, name, _, label, m, u, _, _, weight, *_ in done.learnt.model.weight_rows(done.version):
        lines.append(f"| {name} | {label.replace('|', chr(92) + '|')} | {m:.4g} | {u:.3g} | {weight:+.2f} |")
    return "\n".join(lines)
