"""One day on one warehouse, in a process of its own: extract everything, build everything, write out what came of it.

Beside the company a shop lands two lists of people, and customer value has learnt (tests/snowflake/shop.py).

    python -m tests.snowflake.one_day TARGET OUT [UNITS]

``UNITS`` says that the models' unit tests are run too: once is enough, they do not look at the warehouse.
``OUT`` gets ``<table>.parquet`` for the tables compared and, on Snowflake, ``statements.json`` with all SQL that was
sent. A process of its own, because fakesnow replaces the connector for the whole process, and because dbt is known to
hang after some of fakesnow's errors: the caller sets a limit.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from contextlib import nullcontext
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

import warehouse
from extract.pipeline import run
from extract.registry import source_class
from tests.snowflake import shop
from tests.snowflake.fake import fake_snowflake
from warehouse.base import TableName, Warehouse

SOURCES = ("salesforce", "hubspot", "segment")
COMPARED = (
    TableName("identity", "customer_master"),
    TableName("identity", "customer_master_provenance"),
    TableName("identity", "customer_master_lost_values"),
    TableName("identity", "customer_households"),
    TableName("identity", "households"),
    TableName("identity", "identity_flagged_identifiers"),
    TableName("identity", "customer_ids"),
    TableName("identity", "customer_xref"),
    TableName("identity", "identity_clusters"),
    TableName("identity", "identity_gate"),
    TableName("identity", "int_identity__merged_records"),
    TableName("marts", "customer_360"),
    TableName("marts", "customer_rfm"),
    TableName("marts", "customer_value_scores"),
    TableName("marts", "customer_churn_scores"),
    TableName("marts", "customer_engagement"),
    TableName("marts", "lead_priority_scores"),
    TableName("marts", "fct_orders"),
    TableName("marts", "fct_opportunities"),
    TableName("marts", "fct_opportunity_stage_changes"),
    TableName("marts", "fct_campaign_members"),
    TableName("marts", "dim_dates"),
    TableName("marts", "dim_users"),
    TableName("marts", "dim_campaigns"),
    TableName("marts", "dim_products"),
    TableName("marts", "fct_sessions"),
    TableName("marts", "fct_funnel_events"),
    TableName("marts", "fct_attribution"),
    TableName("marts", "fct_channel_returns"),
)


def main(target: str, out: Path, units: bool) -> int:
    """Exit code: 0 when every object landed and every node of the build is green."""
    statements: list[str] = []
    logging.getLogger("sqlglot").setLevel(logging.ERROR)
    out.mkdir(parents=True, exist_ok=True)
    faked = fake_snowflake(out.parent / "database", statements) if target == "snowflake" else nullcontext()
    with faked:
        for name in SOURCES:
            source = source_class(name).from_environment(os.environ)
            for result in run(source, [], lambda: warehouse.connect(target), spool_root=out / "spool"):
                if result.error:
                    sys.stderr.write(f"{name} {result.object}: {result.error}\n")
                    return 1
        with warehouse.connect(target) as store:
            shop.land_lists(store)
            shop.land_parameters(store)
        landed = len(statements)

        from dbt.cli.main import dbtRunner

        arguments = ["build", "--target", target, "--target-path", str(out / "target"), "--log-path", str(out / "logs")]
        if not units:
            arguments += ["--exclude-resource-type", "unit_test"]
        if not dbtRunner().invoke(["--quiet", *arguments]).success:
            return 1
        with warehouse.connect(target) as store:
            for table in COMPARED:
                written(store, table, out)
    (out / "statements.json").write_text(json.dumps({"landing": statements[:landed], "build": statements[landed:]}))
    return 0


def written(store: Warehouse, table: TableName, folder: Path) -> None:
    """The table's rows as a Parquet file, its columns named alike on both warehouses."""
    rows = store.query(f"select * from {store.relation(table)}")
    names = [name.lower() for name in rows.column_names]
    pq.write_table(pa.table(rows.columns, names=names), folder / f"{table.name}.parquet")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2]), sys.argv[3:] == ["units"]))
