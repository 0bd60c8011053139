"""Files mapped onto the input contracts, down to raw tables: any format, only what is new, errors in one sentence."""

import gzip
import json
import os
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from extract.pipeline import ObjectResult, run
from extract.source import ConfigurationError
from extract.sources.files import Files, mapping
from tests.extract.test_segment_s3 import bucket  # noqa: F401 - a fixture
from tests.needs import published_data
from warehouse.duckdb import DuckDBWarehouse

pytestmark = pytest.mark.timeout(120)

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "docs" / "examples" / "files"
HEADER = "Nr,Who,When,What,Pieces,Price\n"
LINES = (
    "A1,c1,2026-01-02 10:00:00,Tea,2,3.50\n",
    "A1,c1,2026-01-02 10:00:00,Tea,2,3.50\n",
    'A2,,2026-01-03 11:30:00,"Cup, ""big""",1,12.00\n',
    "C3,c2,2026-01-04 09:00:00,Tea,-2,3.50\n",
)
COLUMNS: dict[str, Any] = {
    "order_id": "Nr",
    "line_id": {"number_within": ["order_id"]},
    "customer_id": "Who",
    "ordered_at": "When",
    "product_name": "What",
    "quantity": "Pieces",
    "unit_price": "Price",
    "amount": {"sql": '"Pieces"::decimal(18, 4) * "Price"::decimal(18, 4)'},
    "currency": {"value": "EUR"},
}
Extract = Callable[..., dict[str, ObjectResult]]


class Drawer:
    """A folder of files, their mapping, and a warehouse."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files = folder / "in"
        self.files.mkdir()

    def write(self, name: str, lines: tuple[str, ...] = LINES, header: str = HEADER) -> Path:
        path = self.files / name
        path.write_text(header + "".join(lines))
        return path

    def map(self, **changes: Any) -> None:
        dataset = {"name": "shop", "contract": "orders", "path": str(self.files), "columns": COLUMNS} | changes
        self.map_all([{key: value for key, value in dataset.items() if value is not None}])

    def map_all(self, datasets: Any) -> None:
        (self.folder / "files.yml").write_text(yaml.safe_dump({"datasets": datasets}))

    def open(self) -> DuckDBWarehouse:
        return DuckDBWarehouse.open(self.folder / "w.duckdb", settings={"threads": 2})

    def extract(self, name: str = "orders", *, full: bool = False, **env: str) -> ObjectResult:
        source = Files.from_environment({"BRAID_FILES": str(self.folder / "files.yml")} | env)
        (result,) = run(source, [name], self.open, full=full, spool_root=self.folder / "spool")
        return result

    def query(self, sql: str) -> list[dict[str, Any]]:
        with self.open() as warehouse:
            return list(warehouse.rows(sql))

    def orders(self) -> list[tuple[Any, ...]]:
        sql = (
            "select order_id, line_id, customer_id, ordered_at, product_name, quantity, amount, currency"
            " from raw_files.orders where not _is_deleted order by order_id, line_id"
        )
        return [tuple(row.values()) for row in self.query(sql)]


EXPECTED = [
    ("A1", "1", "c1", datetime(2026, 1, 2, 10), "Tea", Decimal(2), Decimal(7), "EUR"),
    ("A1", "2", "c1", datetime(2026, 1, 2, 10), "Tea", Decimal(2), Decimal(7), "EUR"),
    ("A2", "1", None, datetime(2026, 1, 3, 11, 30), 'Cup, "big"', Decimal(1), Decimal(12), "EUR"),
    ("C3", "1", "c2", datetime(2026, 1, 4, 9), "Tea", Decimal(-2), Decimal(-7), "EUR"),
]


@pytest.fixture
def drawer(tmp_path: Path) -> Drawer:
    return Drawer(tmp_path)


# Formats.


def as_csv(path: Path) -> Path:
    path.with_suffix(".csv").write_text(HEADER + "".join(LINES))
    return path.with_suffix(".csv")


def as_packed_csv(path: Path) -> Path:
    target = path.with_suffix(".csv.gz")
    target.write_bytes(gzip.compress((HEADER + "".join(LINES)).encode()))
    return target


def as_parquet(path: Path) -> Path:
    source = as_csv(path)
    target = path.with_suffix(".parquet")
    duckdb.sql(f"copy (from read_csv('{source}')) to '{target}'")
    source.unlink()
    return target


def as_json(path: Path) -> Path:
    source = as_csv(path)
    rows = duckdb.sql(f"from read_csv('{source}', all_varchar = true)").to_arrow_table().to_pylist()
    source.unlink()
    target = path.with_suffix(".jsonl")
    target.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return target


@pytest.mark.parametrize("write", [as_csv, as_packed_csv, as_parquet, as_json])
def test_every_format_gives_the_same_rows(drawer: Drawer, write: Callable[[Path], Path]) -> None:
    path = write(drawer.files / "sales")
    drawer.map(path=str(path))
    result = drawer.extract()
    assert (result.error, result.rows_inserted) == (None, 4)
    assert drawer.orders() == EXPECTED
    again = drawer.extract()
    assert (again.rows_read, again.rows_landed) == (0, 0)


def test_lines_without_a_format_are_cut_by_sql(drawer: Drawer) -> None:
    (drawer.files / "sales.txt").write_text("heading\r\n 01 19970101  1   11.77\r\n 01 19970101  1   11.77\r\n")
    columns = {
        "order_id": {"sql": "line[2:3]"},
        "line_id": {"number_within": ["order_id"]},
        "ordered_at": {"sql": "strptime(line[5:12], '%Y%m%d')"},
        "amount": {"sql": "trim(line[18:])"},
    }
    drawer.map(columns=columns, skip=1)
    assert drawer.extract().error is None
    assert [row[:2] + row[3:4] + row[6:7] for row in drawer.orders()] == [
        ("01", number, datetime(1997, 1, 1), Decimal("11.77")) for number in ("1", "2")
    ]


def test_csv_of_another_shape_is_described_not_guessed(drawer: Drawer) -> None:
    (drawer.files / "sales.csv").write_text("exported by hand\nA1;\\N;2026-01-02;1,5\n")
    columns = {
        "order_id": "column0",
        "line_id": {"value": "1"},
        "customer_id": "column1",
        "ordered_at": "column2",
        "amount": {"sql": "replace(column3, ',', '.')"},
    }
    drawer.map(columns=columns, delimiter=";", header=False, skip=1, null="\\N")
    assert drawer.extract().error is None
    assert drawer.orders() == [("A1", "1", None, datetime(2026, 1, 2), None, None, Decimal("1.5"), None)]


def test_people_are_mapped_too(drawer: Drawer) -> None:
    (drawer.files / "signups.csv").write_text("Mail,Tel\nann@x.example,0012\n")
    drawer.map(contract="people", columns={"person_id": "Mail", "email": "Mail", "phone": "Tel"})
    assert drawer.extract("people").rows_inserted == 1
    assert drawer.query("select dataset, person_id, email, phone, created_at from raw_files.people") == [
        {"dataset": "shop", "person_id": "ann@x.example", "email": "ann@x.example", "phone": "0012", "created_at": None}
    ]


def test_hostile_names_are_only_names(drawer: Drawer) -> None:
    (drawer.files / "sales.csv").write_text('"a""b; drop table x; --",{{ y }}\nA1,1\n')
    name = 'it\'s "one"; --'
    drawer.map(
        name=name, columns={"order_id": 'a"b; drop table x; --', "line_id": "{{ y }}", "country": {"value": "'"}}
    )
    assert drawer.extract().error is None
    assert drawer.query("select dataset, order_id, line_id, country from raw_files.orders") == [
        {"dataset": name, "order_id": "A1", "line_id": "1", "country": "'"}
    ]


# What is new.


def test_only_new_and_changed_files_are_read(drawer: Drawer) -> None:
    drawer.write("one.csv", LINES[:2])
    drawer.map(path=str(drawer.files / "*.csv"))
    assert drawer.extract().rows_inserted == 2
    drawer.write("two.csv", LINES[2:])
    (drawer.files / "note.txt").write_text("not mine")
    result = drawer.extract()
    assert (result.rows_read, result.rows_inserted) == (2, 2)
    assert drawer.orders() == EXPECTED
    landed = drawer.query("select path, rows from ops.landed_files order by landed_at")
    assert [(Path(row["path"].split(":", 1)[1]).name, row["rows"]) for row in landed] == [
        ("one.csv", 2),
        ("two.csv", 2),
    ]


def test_a_changed_file_replaces_its_rows(drawer: Drawer) -> None:
    first = drawer.write("one.csv")
    drawer.write("two.csv", ("B1,c9,2026-01-05 00:00:00,Pot,1,9.00\n",))
    drawer.map()
    drawer.extract()
    drawer.write("one.csv", (LINES[0], LINES[2].replace("12.00", "13.00")))
    result = drawer.extract()
    assert (result.rows_read, result.rows_inserted, result.rows_updated, result.rows_deleted) == (2, 0, 1, 2)
    assert [row[0] for row in drawer.orders()] == ["A1", "A2", "B1"]
    assert drawer.orders()[1][6] == Decimal(13)
    first.write_text(HEADER)
    assert drawer.extract().rows_deleted == 2
    assert [row[0] for row in drawer.orders()] == ["B1"]


def test_a_file_that_was_only_touched_lands_nothing(drawer: Drawer) -> None:
    path = drawer.write("one.csv")
    drawer.map()
    drawer.extract()
    os.utime(path, (1, 1))
    assert drawer.extract().rows_landed == 0
    assert drawer.orders() == EXPECTED


def test_a_changed_mapping_reads_its_files_again(drawer: Drawer) -> None:
    drawer.write("one.csv")
    drawer.map()
    drawer.extract()
    drawer.map(columns=COLUMNS | {"currency": {"value": "USD"}})
    assert drawer.extract().rows_updated == 4


def test_two_data_sets_do_not_touch_one_another(drawer: Drawer) -> None:
    drawer.write("one.csv")
    dataset = {"contract": "orders", "path": str(drawer.files), "columns": COLUMNS}
    drawer.map_all([{"name": name, **dataset} for name in ("a", "b")])
    assert drawer.extract().rows_inserted == 8
    assert drawer.extract().rows_landed == 0
    drawer.write("one.csv", LINES[:1])
    assert drawer.extract().rows_deleted == 6


def test_a_full_load_marks_rows_whose_file_is_gone(drawer: Drawer) -> None:
    drawer.write("one.csv", LINES[:2])
    gone = drawer.write("two.csv", LINES[2:])
    drawer.map()
    drawer.extract()
    gone.unlink()
    assert drawer.extract().rows_landed == 0
    assert drawer.extract(full=True).rows_deleted == 2


def test_variables_of_the_environment_stand_in_paths(drawer: Drawer) -> None:
    drawer.write("one.csv")
    drawer.map(path="${WHERE}/in/*.csv")
    assert drawer.extract(WHERE=str(drawer.folder)).rows_inserted == 4
    with pytest.raises(ConfigurationError, match="the path needs 'WHERE', which is not set"):
        drawer.extract()


# What is wrong.


@pytest.mark.parametrize(
    ("lines", "columns", "words"),
    [
        (("A9,c,2026-01-02 10:00:00,Tea,two,3\n",) * 2, {}, "2 of 2 rows do not fit the contract, mostly by quantity"),
        (("A9,c,yesterday,Tea,2,3\n",) * 2, {}, "mostly by ordered_at"),
        ((",c,2026-01-02 10:00:00,Tea,2,3\n",) * 2, {}, "since a column of their key is empty"),
        (("A9,c,2026-01-02 10:00:00,Tea,2,3,4,5\n",), {}, "one.csv"),
        (LINES, {"product_id": "Sku"}, "Sku"),
        (LINES, {"product_id": {"sql": "lower("}}, "correct the file or its mapping"),
        (LINES, {"line_id": {"value": "1"}}, None),
    ],
    ids=["no numbers", "no times", "no keys", "ragged", "no such column", "bad sql", "repeated key"],
)
def test_a_bad_file_is_one_sentence_and_nothing_of_it_lands(
    drawer: Drawer, lines: tuple[str, ...], columns: dict[str, Any], words: str | None
) -> None:
    drawer.write("good.csv")
    drawer.map()
    drawer.extract()
    before = drawer.orders()
    drawer.write("one.csv", lines)
    drawer.map(columns=COLUMNS | columns)
    result = drawer.extract()
    if words is None:
        # A key that repeats is one row, the same one whatever the order.
        assert result.error is None
        return
    error = str(result.error)
    assert words in error
    assert "Data set 'shop', file shop:" in error
    assert "\n" not in error
    assert error.endswith(".")
    assert drawer.orders() == before
    assert drawer.query("select count(*) as n from ops.landed_files")[0]["n"] == 1


@pytest.mark.parametrize(
    ("line", "rule", "key"),
    [
        ("A9,c,2026-01-02 10:00:00,Tea,two,3\n", "type:quantity", "shop|A9|1"),
        ("A9,c,yesterday,Tea,2,3\n", "type:ordered_at", "shop|A9|1"),
        (",c,2026-01-02 10:00:00,Tea,2,3\n", "null_key", None),
    ],
    ids=["no number", "no time", "no key"],
)
@pytest.mark.parametrize("place", [0, 2, 3])
def test_a_bad_row_waits_in_quarantine_until_its_file_is_put_right(
    drawer: Drawer, line: str, rule: str, key: str | None, place: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mapping, "ROWS_A_BATCH", 1)
    drawer.write("one.csv")
    drawer.map()
    drawer.extract()
    whole = drawer.orders()
    drawer.write("one.csv", (*LINES[:place], line, *LINES[place:]))
    result = drawer.extract()
    assert (result.error, result.rows_quarantined, result.rows_deleted) == (None, 1, 0)
    assert drawer.orders() == whole
    (kept,) = drawer.query("select * from ops.quarantine")
    assert (kept["rule"], kept["record_key"], kept["status"]) == (rule, key, "open")
    assert str(kept["position"]).endswith(f"one.csv, row {place + 1}")
    assert sorted(json.loads(str(kept["payload"])).values(), key=str) == sorted(
        [word or None for word in line.strip().split(",")], key=str
    )
    drawer.write("one.csv")
    assert drawer.extract().error is None
    assert drawer.query("select status from ops.quarantine") == [{"status": "replayed"}]
    assert drawer.orders() == whole


ENTRY = {"name": "shop", "contract": "orders", "path": "x.csv", "columns": {"order_id": "a", "line_id": "b"}}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("datasets: [", "is not valid YAML at line"),
        ("sets: []", "must have one key, datasets"),
        ([], "must have one key, datasets"),
        ({"datasets": [{}]}, "a data set without a name"),
        ({"datasets": [ENTRY, ENTRY]}, "two data sets called 'shop'"),
        ({"datasets": [ENTRY | {"colums": 1}]}, "'colums' is not a key"),
        ({"datasets": [ENTRY | {"path": None}]}, "path is missing"),
        ({"datasets": [ENTRY | {"contract": "payments"}]}, "no contract 'payments'; there are orders, people"),
        ({"datasets": [ENTRY | {"format": "xlsx"}]}, "format 'xlsx' is unknown"),
        ({"datasets": [ENTRY | {"format": "parquet", "delimiter": ";"}]}, "delimiter is for csv files"),
        ({"datasets": [ENTRY | {"path": "https://x.example/a.csv"}]}, "neither a local path nor s3://"),
        ({"datasets": [ENTRY | {"path": "${nope}/a.csv"}]}, "the path needs 'nope'"),
        ({"datasets": [ENTRY | {"skip": -1}]}, "skip must be a number"),
        ({"datasets": [ENTRY | {"columns": ["a"]}]}, "columns must map"),
        ({"datasets": [ENTRY | {"columns": {"order_id": "a"}}]}, "line_id is missing, and is part of the key"),
        ({"datasets": [ENTRY | {"columns": {"dataset": "a"}}]}, "'dataset' is no column of orders"),
        ({"datasets": [ENTRY | {"columns": ENTRY["columns"] | {"colour": "c"}}]}, "'colour' is no column of orders"),
        ({"datasets": [ENTRY | {"columns": ENTRY["columns"] | {"amount": {"sum": "c"}}}]}, "amount must be a column"),
        (
            {"datasets": [ENTRY | {"columns": {"order_id": "a", "line_id": {"number_within": ["email"]}}}]},
            "numbered within 'email', which is not a mapped column",
        ),
        ({"datasets": [ENTRY | {"path": "nothing-*.csv"}]}, "there is no file at nothing-*.csv"),
        ({"datasets": [ENTRY | {"path": "x.sheet"}]}, "there is no file at x.sheet"),
    ],
)
def test_a_wrong_mapping_is_said_before_any_work(drawer: Drawer, content: Any, words: str) -> None:
    text = content if isinstance(content, str) else yaml.safe_dump(content)
    (drawer.folder / "files.yml").write_text(text)
    with pytest.raises(ConfigurationError) as caught:
        drawer.extract()
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (drawer.folder / "w.duckdb").exists()


def test_a_missing_mapping_file_names_the_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError, match=r"files\.yml does not exist: set BRAID_FILES"):
        Files.from_environment({})


# The published data sets.


@pytest.fixture
def data() -> Path:
    return published_data()


RETAIL = """
    select count(*), sum(Quantity), sum(cast(UnitPrice as decimal(18, 4)) * Quantity), count(CustomerID),
           count(distinct InvoiceNo), count(*) filter (InvoiceNo like 'C%'), count(*) filter (Quantity < 0),
           count(distinct CustomerID), min(cast(InvoiceDate as timestamp)), max(cast(InvoiceDate as timestamp))
    from '{file}'
"""
CDNOW = """
    with cut as (
        select cast(substring(line, 2, 5) as varchar) as customer, strptime(substring(line, 8, 8), '%Y%m%d') as day,
               cast(trim(substring(line, 16, 3)) as decimal(18, 4)) as pieces,
               cast(trim(substring(line, 19)) as decimal(18, 4)) as money
        from read_csv('{file}', auto_detect = false, header = false, skip = 1, delim = chr(1), quote = '',
                      columns = {{'line': 'varchar'}})
    )
    select count(*), sum(pieces), sum(money), count(customer), count(distinct (customer, day)), 0, 0,
           count(distinct customer), min(day), max(day)
    from cut
"""


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "path", "direct", "rows"),
    [
        ("online_retail", "online_retail_uci/online_retail.parquet", RETAIL, 541_909),
        ("cdnow", "cdnow/CDNOW_master.txt", CDNOW, 69_659),
    ],
)
def test_published_data_lands_to_the_cent(
    drawer: Drawer, data: Path, name: str, path: str, direct: str, rows: int
) -> None:
    datasets = yaml.safe_load((EXAMPLES / f"{name}.yml").read_text())["datasets"]
    drawer.map_all(datasets)
    result = drawer.extract(BRAID_DATA=str(data))
    assert (result.error, result.rows_read, result.rows_inserted) == (None, rows, rows)
    expected = duckdb.sql(direct.format(file=data / path)).fetchall()[0]
    assert expected[0] == rows
    landed = drawer.query(
        "select count(*), sum(quantity), sum(amount), count(customer_id), count(distinct order_id),"
        " count(*) filter (order_id like 'C%'), count(*) filter (quantity < 0), count(distinct customer_id),"
        " min(ordered_at), max(ordered_at) from raw_files.orders"
    )
    assert tuple(landed[0].values()) == expected
    by_customer = drawer.query("select customer_id, sum(amount) as n from raw_files.orders group by 1 order by n desc")
    assert len(by_customer) == expected[7] + (expected[3] < rows)
    assert drawer.extract(BRAID_DATA=str(data)).rows_landed == 0


@pytest.mark.data
def test_two_equal_purchases_on_one_day_are_two_lines(drawer: Drawer, data: Path) -> None:
    drawer.map_all(yaml.safe_load((EXAMPLES / "cdnow.yml").read_text())["datasets"])
    drawer.extract(BRAID_DATA=str(data))
    twice = drawer.query(
        "select count(*) as n from (select order_id, quantity, amount from raw_files.orders"
        " group by all having count(*) > 1)"
    )
    counted = Counter((data / "cdnow" / "CDNOW_master.txt").read_text().splitlines())
    assert twice[0]["n"] == sum(times > 1 for times in counted.values()) > 0


@pytest.mark.usefixtures("bucket")
def test_a_bucket_is_read_like_a_folder(drawer: Drawer) -> None:
    as_packed_csv(drawer.folder / "sales")
    drawer.map(path="s3://calls/*.csv.gz?region=eu-west-1")
    assert drawer.extract().error is None
    assert drawer.orders() == EXPECTED
    assert drawer.extract().rows_read == 0
