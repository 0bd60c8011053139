"""Published orders, landed and built: what the marts say equals a direct query over the files, to the cent."""

from __future__ import annotations

from typing import Any

import duckdb
import pytest
import yaml

from extract.pipeline import run
from extract.sources.files import Files
from tests.dbt.project import ROOT, Project
from tests.needs import published_data
from warehouse.duckdb import DuckDBWarehouse

pytestmark = [pytest.mark.data, pytest.mark.timeout(600)]

# Straight from the files, by another road than the mapping's: one row per order line.
DIRECT = """
create table lines as
select 'online_retail' as dataset, InvoiceNo as order_id, cast(cast(CustomerID as bigint) as varchar) as customer,
       cast(UnitPrice as decimal(18, 4)) * Quantity as money
from '{data}/online_retail_uci/online_retail.parquet'
union all
select 'cdnow', trim(substring(line, 2, 5)) || '-' || substring(line, 8, 8), trim(substring(line, 2, 5)),
       cast(trim(substring(line, 19)) as decimal(18, 4))
from read_csv('{data}/cdnow/CDNOW_master.txt', auto_detect = false, header = false, skip = 1, delim = chr(1),
              quote = '', columns = {{'line': 'varchar'}})
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, duckdb.DuckDBPyConnection]:
    """The marts over both data sets, and the files themselves as one table."""
    data = published_data()
    folder = tmp_path_factory.mktemp("published")
    mapping: dict[str, list[Any]] = {"datasets": []}
    for example in ("online_retail.yml", "cdnow.yml"):
        mapping["datasets"] += yaml.safe_load((ROOT / "docs" / "examples" / "files" / example).read_text())["datasets"]
    (folder / "files.yml").write_text(yaml.safe_dump(mapping))
    project = Project(folder)
    source = Files.from_environment({"BRAID_FILES": str(folder / "files.yml"), "BRAID_DATA": str(data)})
    (result,) = run(source, ["orders"], lambda: DuckDBWarehouse.open(project.warehouse), spool_root=folder / "spool")
    assert (result.error, result.rows_inserted) == (None, 541_909 + 69_659)
    project.run("build", "--exclude-resource-type", "unit_test", timeout=500)
    direct = duckdb.connect()
    direct.execute(DIRECT.format(data=data))
    return project, direct


def compared(
    built: tuple[Project, duckdb.DuckDBPyConnection], ours: str, theirs: str
) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    project, direct = built
    return project.rows(ours), direct.execute(theirs).fetchall()


def test_every_order_has_its_money(built: tuple[Project, duckdb.DuckDBPyConnection]) -> None:
    marts, files = compared(
        built,
        "select dataset, order_id, amount, number_of_lines, is_cancellation from marts.fct_orders order by 1, 2",
        "select dataset, order_id, sum(money), count(*), sum(money) < 0 from lines group by 1, 2 order by 1, 2",
    )
    assert len(files) == 25_900 + 67_591
    assert marts == files


def test_revenue_is_complete_with_cancellations_and_lines_of_nobody(
    built: tuple[Project, duckdb.DuckDBPyConnection],
) -> None:
    marts, files = compared(
        built,
        "select dataset, customer_id is null, sum(amount) from marts.fct_orders group by 1, 2 order by 1, 2",
        "select dataset, customer is null, sum(money) from lines group by 1, 2 order by 1, 2",
    )
    assert marts == files
    assert len(files) == 3


def test_every_customer_has_their_lifetime_value(built: tuple[Project, duckdb.DuckDBPyConnection]) -> None:
    marts, files = compared(
        built,
        "select record_key, lifetime_value from identity.customer_xref join marts.customer_360 using (customer_id)"
        " order by 1",
        "select 'files:customer:' || dataset || '/' || customer, sum(money) from lines where customer is not null"
        " group by all order by 1",
    )
    assert len(files) == 4_372 + 23_570
    assert marts == files
