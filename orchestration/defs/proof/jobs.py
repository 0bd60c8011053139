"""What windows cannot show: recounted every night for a few calls, swept key by key every week."""

import os

import dagster as dg

from extract import registry
from extract.reconcile import Reconciled, reconcile
from extract.source import ConfigurationError
from orchestration.lib import catalog
from orchestration.lib.extraction import WAREHOUSE_POOL
from orchestration.lib.failures import TRANSIENT, as_dagster_failures
from orchestration.setup import open_locked


def reconcile_configured(context: dg.OpExecutionContext, *, sweep: bool) -> None:
    """Reconcile what is counted of every configured source; a failure of one is told after the others are done."""
    failed: list[Reconciled] = []
    with as_dagster_failures():
        for name in catalog.SOURCES:
            try:
                source = registry.source_class(name).from_environment(os.environ)
            except ConfigurationError:
                continue
            try:
                if not source.counted:
                    continue
                results = reconcile(
                    source,
                    source.counted,
                    lambda: open_locked(None, command="dagster reconcile", on_wait=context.log.info),
                    sweep=sweep,
                )
            finally:
                source.close()
            failed += [result for result in results if result.error is not None or result.proof == "open"]
            context.add_output_metadata(
                {f"{name} {result.object}": dg.MetadataValue.text(said(result)) for result in results}
            )
    if failed:
        raise dg.Failure(
            " ".join(f"{result.source} {result.object}: {result.error or said(result)}" for result in failed),
            allow_retries=not all(result.permanent for result in failed),
        )


def said(result: Reconciled) -> str:
    """What became of an object, in a line."""
    if result.error is not None:
        return result.error
    if result.proof is None:
        return "not landed yet"
    parts = [f"{result.proof}: {result.source_count} counted, {result.landed_count} stored"]
    if result.reread_windows:
        parts.append(f"{result.rows_landed} rows landed from {result.reread_windows} windows read again")
    if result.rows_marked:
        parts.append(f"{result.rows_marked} vanished")
    if result.rows_refreshed:
        parts.append(f"{result.rows_refreshed} refreshed")
    return ", ".join(parts)


@dg.op(pool=WAREHOUSE_POOL, retry_policy=TRANSIENT)
def recount_sources(context: dg.OpExecutionContext) -> None:
    """The source's count of all that is complete against the rows stored."""
    reconcile_configured(context, sweep=False)


@dg.op(pool=WAREHOUSE_POOL, retry_policy=TRANSIENT)
def sweep_sources(context: dg.OpExecutionContext) -> None:
    """Every key and version at the source against what is stored."""
    reconcile_configured(context, sweep=True)


@dg.job(description="Count again what is complete; read again what does not add up. A few calls an object.")
def recount() -> None:
    """Recount every configured source."""
    recount_sources()


@dg.job(description="Compare every key and version: traceless deletes, rows missed, values that moved silently.")
def sweep() -> None:
    """Sweep every configured source."""
    sweep_sources()
