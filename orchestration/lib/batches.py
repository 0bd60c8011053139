"""Landed batches and their expectations, as blocking asset checks.

A batch is every row whose extraction has not passed yet: the rows of this run, and those of earlier runs that failed
their expectations or were landed from the command line. So a bad row blocks what is built on it until it is put right
at the source and landed anew, not merely once. What passed is in the book ``ops.batch_checks``.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import dagster as dg
import pyarrow as pa

from extract import books
from orchestration.lib import catalog
from orchestration.lib.expectations import Suite, Verdict, applicable, columns_of, judge
from orchestration.lib.extraction import WAREHOUSE_POOL
from orchestration.lib.failures import as_dagster_failures
from orchestration.setup import open_locked
from warehouse.base import TableName, Warehouse

OnWait = Callable[[str], None]
CHECK_NAME = "landed_batch"
CHECKS = TableName("ops", "batch_checks")
_COLUMNS: dict[str, pa.DataType] = {
    "run_id": pa.string(),
    "source": pa.string(),
    "object": pa.string(),
    "status": pa.string(),
    "rows": pa.int64(),
    "rules": pa.int64(),
    "broken": pa.string(),
    "checked_at": pa.timestamp("us"),
}


@dataclass(frozen=True)
class Checked:
    """A batch and what its expectations found; ``runs`` are the extractions it came with."""

    runs: tuple[str, ...]
    verdict: Verdict


def batch_checks(source: str, suites: Mapping[str, Suite]) -> dg.AssetChecksDefinition:
    """A blocking check for every object of ``source``; ``suites`` by object name, all of them."""
    if set(suites) != set(catalog.objects(source)):
        raise ValueError(f"{source} has suites for {sorted(suites)} and objects {sorted(catalog.objects(source))}")
    specs = [
        dg.AssetCheckSpec(
            CHECK_NAME,
            asset=catalog.asset_key(source, name),
            blocking=True,
            description="Great Expectations on what was landed since it last passed:\n"
            + "\n".join(f"- {rule.sentence}" for rule in suite),
        )
        for name, suite in suites.items()
    ]

    @dg.multi_asset_check(name=f"check_{source}", specs=specs, can_subset=True, pool=WAREHOUSE_POOL)
    def check(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        asked = {check_key.asset_key for check_key in context.selected_asset_check_keys}
        wanted = {name: suites[name] for key, name in catalog.keys(source).items() if key in asked}
        with as_dagster_failures():
            checked = check_batches(source, wanted, command=f"dagster check_{source}", on_wait=context.log.info)
        for name, found in checked.items():
            yield _result(catalog.asset_key(source, name), found)

    return check


def check_batches(source: str, suites: Mapping[str, Suite], *, command: str, on_wait: OnWait) -> dict[str, Checked]:
    """Judge the unchecked batch of each object and write the books. The warehouse is closed while rules are tried."""
    checked = {}
    for name, suite in suites.items():
        with open_locked(None, command=command, on_wait=on_wait) as warehouse:
            runs, rules, rows = _unchecked(warehouse, source, name, suite)
        newest = max((moment for moment in rows["_extracted_at"].to_pylist() if moment), default=None)
        checked[name] = Checked(runs, judge(rows, rules, extracted_at=newest))
    if any(found.runs for found in checked.values()):
        with open_locked(None, command=command, on_wait=on_wait) as warehouse:
            _write(warehouse, source, checked)
    return checked


def _unchecked(warehouse: Warehouse, source: str, name: str, suite: Suite) -> tuple[tuple[str, ...], Suite, pa.Table]:
    """Runs that have not passed, the rules that apply, and their rows sorted by key."""
    schema, relation = catalog.asset_key(source, name).path
    table = TableName(f"raw_{schema}", relation)
    stored = warehouse.columns(table)
    runs = _unpassed_runs(warehouse, source, name) if stored is not None else ()
    if stored is None or not runs:
        return (), (), pa.table({"_extracted_at": pa.array([], pa.timestamp("us"))})
    rules = applicable(suite, tuple(stored))
    columns = [column for column in columns_of(rules) if column in stored]
    key = next((rule.columns for rule in rules if rule.kind == "unique"), ())
    order = ", ".join(f"{warehouse.quoted(column)} asc nulls last" for column in key if column in stored)
    marks = ", ".join("?" * len(runs))
    rows = warehouse.query(
        f"select {', '.join([*map(warehouse.quoted, columns), '_extracted_at'])}"
        f" from {warehouse.relation(table)} where _run_id in ({marks})" + (f" order by {order}" if order else ""),
        list(runs),
    )
    return runs, rules, rows.rename_columns([*columns, "_extracted_at"])


def _unpassed_runs(warehouse: Warehouse, source: str, name: str) -> tuple[str, ...]:
    warehouse.ensure_table(CHECKS, pa.schema(_COLUMNS))
    if warehouse.columns(books.RUNS) is None:
        return ()
    found = warehouse.query(
        f"""
        select runs.run_id
        from {warehouse.relation(books.RUNS)} as runs
        where runs.source = ? and runs.object = ? and runs.status = 'succeeded' and runs.rows_landed > 0
            and not exists (
                select 1
                from {warehouse.relation(CHECKS)} as checks
                where checks.source = runs.source and checks.object = runs.object
                    and checks.run_id = runs.run_id and checks.status <> 'failed'
            )
        order by runs.finished_at, runs.run_id
        """,
        [source, name],
    )
    return tuple(str(value) for value in found.column(0).to_pylist())


def _write(warehouse: Warehouse, source: str, checked: Mapping[str, Checked]) -> None:
    moment = datetime.now(UTC).replace(tzinfo=None)
    with warehouse.transaction():
        for name, found in checked.items():
            for run_id in found.runs:
                books.insert(
                    warehouse,
                    CHECKS,
                    {
                        "run_id": run_id,
                        "source": source,
                        "object": name,
                        "status": found.verdict.status,
                        "rows": found.verdict.rows,
                        "rules": found.verdict.rules,
                        "broken": "; ".join(map(str, found.verdict.broken)) or None,
                        "checked_at": moment,
                    },
                )


def _result(key: dg.AssetKey, found: Checked) -> dg.AssetCheckResult:
    verdict = found.verdict
    metadata: dict[str, dg.MetadataValue] = {
        "rows": dg.MetadataValue.int(verdict.rows),
        "rules": dg.MetadataValue.int(verdict.rules),
        "extractions": dg.MetadataValue.int(len(found.runs)),
    }
    if verdict.broken:
        metadata["broken"] = dg.MetadataValue.md("\n".join(f"- {broken}" for broken in verdict.broken))
    return dg.AssetCheckResult(
        asset_key=key,
        check_name=CHECK_NAME,
        passed=not verdict.broken,
        severity=dg.AssetCheckSeverity.WARN if verdict.status == "warned" else dg.AssetCheckSeverity.ERROR,
        description=_sentence(verdict),
        metadata=metadata,
    )


def _sentence(verdict: Verdict) -> str:
    if not verdict.rows:
        return "Nothing new was landed."
    return "; ".join(map(str, verdict.broken)) or f"All {verdict.rules} rules hold in {verdict.rows:,} rows."
