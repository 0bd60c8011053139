"""Landed batches and their expectations, as blocking asset checks.

A batch is every row whose extraction has not passed yet: the rows of this run, and those of earlier runs that failed
their expectations or were landed from the command line. Rows that break a rule about single rows go to quarantine, and
the batch flows without them. A batch whose shape is wrong, or of which more than ``MOST_APART`` breaks such rules, is
no good batch with bad rows in it: it blocks what is built on it, and what was built last stays, until it is put right
at the source and landed anew. What passed is in the book ``ops.batch_checks``.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import dagster as dg
import pyarrow as pa

from extract import books, deletions, quarantine
from orchestration.lib import catalog
from orchestration.lib.expectations import SMALL_BATCH, Rule, Suite, Verdict, applicable, breaking, columns_of, judge
from orchestration.lib.extraction import WAREHOUSE_POOL
from orchestration.lib.failures import as_dagster_failures
from orchestration.setup import open_locked
from warehouse.base import TableName, Warehouse

OnWait = Callable[[str], None]
CHECK_NAME = "landed_batch"
# The share of a batch, when it is not a small one, that may go to quarantine.
MOST_APART = 0.1
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
    """A batch and what its expectations found; ``runs`` are the extractions it came with, ``apart`` its bad rows."""

    runs: tuple[str, ...]
    verdict: Verdict
    key: tuple[str, ...] = ()
    apart: tuple[quarantine.Broken, ...] = ()


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
        checked[name] = _judged(runs, rules, rows)
    if any(found.runs for found in checked.values()):
        with open_locked(None, command=command, on_wait=on_wait) as warehouse:
            _write(warehouse, source, checked)
    return checked


def _judged(runs: tuple[str, ...], rules: Suite, rows: pa.Table) -> Checked:
    """The verdict on a batch, without the rows of it that are to be set apart."""
    newest = max((moment for moment in rows["_extracted_at"].to_pylist() if moment), default=None)
    key = next((rule.columns for rule in rules if rule.kind == "unique"), ())
    verdict = judge(rows, rules, extracted_at=newest)
    if not verdict.broken or not key or not set(key) <= set(rows.column_names):
        return Checked(runs, verdict, key)
    apart = []
    for rule in (item.rule for item in verdict.broken):
        found = breaking(rows, rule, extracted_at=newest).select(list(key))
        if found.num_rows and not set(rule.columns) & set(key):
            name = f"{rule.kind}:{'+'.join(rule.columns)}"
            apart.append(quarantine.Broken(name, _version(rule), f"it is not so that {rule.sentence}", found))
    if not apart:
        return Checked(runs, verdict, key)
    keys = pa.concat_tables([item.keys for item in apart])
    bad = keys.group_by(list(key)).aggregate([])
    if rows.num_rows >= SMALL_BATCH and bad.num_rows > MOST_APART * rows.num_rows:
        return Checked(runs, verdict, key)
    rest = rows.join(bad, list(key), join_type="left anti").sort_by([(column, "ascending") for column in key])
    without = judge(rest, rules, extracted_at=newest)
    if without.status == "failed":
        # The batch is bad as a whole: nothing of it is touched.
        return Checked(runs, verdict, key)
    without.apart = bad.num_rows
    return Checked(runs, without, key, tuple(apart))


def _version(rule: Rule) -> str:
    """Of a rule as it is now: another one when it is changed."""
    return hashlib.sha256(repr(rule).encode()).hexdigest()[:8]


def _unchecked(warehouse: Warehouse, source: str, name: str, suite: Suite) -> tuple[tuple[str, ...], Suite, pa.Table]:
    """Runs that have not passed, the rules that apply, and their rows sorted by key."""
    table = catalog.raw_table(source, name)
    stored = warehouse.columns(table)
    nothing = pa.table({"_extracted_at": pa.array([], pa.timestamp("us"))})
    if stored is None:
        return (), (), nothing
    rules = applicable(suite, tuple(stored))
    columns = [column for column in columns_of(rules) if column in stored]
    key = next((rule.columns for rule in rules if rule.kind == "unique"), ())
    runs = _unpassed_runs(warehouse, source, name)
    if key and set(key) <= set(stored):
        # A rule that has changed since judges anew what it had set apart.
        versions = [_version(rule) for rule in rules]
        again = quarantine.outdated(warehouse, table, key, source=source, name=name, versions=versions)
        runs = tuple(dict.fromkeys([*runs, *again]))
    if not runs:
        return (), (), nothing
    order = ", ".join(f"{warehouse.quoted(column)} asc nulls last" for column in key if column in stored)
    marks = ", ".join("?" * len(runs))
    # What is no longer at the source was judged while it was.
    there = f" and not {deletions.vanished(warehouse)}" if deletions.HOW in stored else ""
    rows = warehouse.query(
        f"select {', '.join([*map(warehouse.quoted, columns), '_extracted_at'])}"
        f" from {warehouse.relation(table)} as t where _run_id in ({marks}){there}"
        + (f" order by {order}" if order else ""),
        list(runs),
    )
    return runs, rules, rows.rename_columns([*columns, "_extracted_at"])


def _unpassed_runs(warehouse: Warehouse, source: str, name: str) -> tuple[str, ...]:
    warehouse.ensure_table(CHECKS, pa.schema(_COLUMNS))
    if warehouse.columns(books.RUNS) is None or warehouse.columns(books.WINDOWS) is None:
        return ()
    found = warehouse.query(
        f"""
        with landings as (
            select run_id, finished_at as landed_at
            from {warehouse.relation(books.RUNS)}
            where source = ? and object = ? and status = 'succeeded' and rows_landed > 0
            union all
            -- What a sweep refreshed.
            select run_id, landed_at
            from {warehouse.relation(books.WINDOWS)}
            where source = ? and object = ? and kind = 'sweep' and rows_landed > 0
        )
        select landings.run_id
        from landings
        where not exists (
            select 1
            from {warehouse.relation(CHECKS)} as checks
            where checks.source = ? and checks.object = ? and checks.run_id = landings.run_id
                and checks.status <> 'failed'
        )
        order by landings.landed_at, landings.run_id
        """,
        [source, name] * 3,
    )
    return tuple(str(value) for value in found.column(0).to_pylist())


def _write(warehouse: Warehouse, source: str, checked: Mapping[str, Checked]) -> None:
    moment = datetime.now(UTC).replace(tzinfo=None)
    for name, found in checked.items():
        if found.runs and found.key and found.verdict.status != "failed":
            table = catalog.raw_table(source, name)
            quarantine.set_apart(
                warehouse, table, found.key, found.apart, source=source, name=name, runs=found.runs, now=moment
            )
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
    if verdict.apart:
        metadata["quarantined"] = dg.MetadataValue.int(verdict.apart)
    if verdict.broken:
        metadata["broken"] = dg.MetadataValue.md("\n".join(f"- {broken}" for broken in verdict.broken))
    return dg.AssetCheckResult(
        asset_key=key,
        check_name=CHECK_NAME,
        passed=verdict.status == "passed",
        severity=dg.AssetCheckSeverity.WARN if verdict.status == "warned" else dg.AssetCheckSeverity.ERROR,
        description=_sentence(verdict),
        metadata=metadata,
    )


def _sentence(verdict: Verdict) -> str:
    if not verdict.rows and not verdict.apart:
        return "Nothing new was landed."
    said = [f"{verdict.apart:,} rows went to quarantine, see `braid quarantine list`"] if verdict.apart else []
    said += [str(broken) for broken in verdict.broken]
    return "; ".join(said) or f"All {verdict.rules} rules hold in {verdict.rows:,} rows."
