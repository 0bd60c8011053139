"""`braid identity`: what people decide, and the gate that a graph must pass, on a company that shares a mailbox."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from contracts import build as contracts
from orchestration.cli import run
from orchestration.lib import gate

pytestmark = pytest.mark.timeout(560)

ROOT = Path(__file__).resolve().parent.parent.parent
BUILD = ["build", "--exclude-resource-type", "unit_test"]
PEOPLE = 15
SHARED = "abc@abc.com"
XREF = "select record_key, customer_id from identity.customer_xref_current order by record_key"
BOOKS = ("customer_ids", "customer_xref", "identity_builds", "identity_over_limits", "identity_clusters")

Rows = list[tuple[Any, ...]]


class Shop:
    """A project and a warehouse of one's own: two lists of the same people, who left one address in the first."""

    def __init__(self, project: Path, folder: Path) -> None:
        self.project = project
        self.file = folder / "braid.duckdb"
        self.copy = folder / "braid_serving.duckdb"

    def execute(self, *statements: str) -> None:
        with duckdb.connect(str(self.file)) as connection:
            for statement in statements:
                connection.execute(statement)

    def rows(self, sql: str, file: Path | None = None) -> Rows:
        with duckdb.connect(str(file or self.file), read_only=True) as connection:
            return connection.execute(sql).fetchall()

    def books(self) -> list[Rows]:
        return [self.rows(f"select * from identity.{name} order by all") for name in BOOKS]

    def customers(self) -> dict[str, str]:
        return dict(self.rows(XREF))

    def block(self, is_blocked: bool) -> None:
        """Put the address on the list of blocked values, or take it off."""
        path = self.project / "contracts" / "identifiers.yml"
        text = path.read_text().replace(f"{SHARED}, ", "")
        path.write_text(text.replace("[test@test.com, ", f"[test@test.com, {SHARED}, ") if is_blocked else text)
        contracts.build(self.project / "contracts", self.project / "seeds" / "contracts")

    def person(self, dataset: str, number: int, email: str | None = None) -> str:
        address = f"'{email}'" if email else "null"
        return (
            "insert into raw_files.people (dataset, person_id, email, phone, country, created_at) values"
            f" ('{dataset}', '{number}', {address}, '+1 503 206 {1000 + number}', 'US', timestamp '2026-01-01')"
        )

    def order(self, order_id: str, person: int) -> str:
        return (
            "insert into raw_files.orders (dataset, order_id, line_id, customer_id, ordered_at, amount, currency)"
            f" values ('shop', '{order_id}', '1', '{person}', timestamp '2026-02-01', 10, 'USD')"
        )


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the project and its warehouse after a first build."""
    folder = tmp_path_factory.mktemp("shop")
    project = folder / "project"
    for name in ("contracts", "macros", "models", "seeds", "snapshots", "tests/singular"):
        shutil.copytree(ROOT / name, project / name)
    shutil.copyfile(ROOT / "dbt_project.yml", project / "dbt_project.yml")
    shutil.copyfile(ROOT / "profiles.yml.example", folder / "profiles.yml")
    shop = Shop(project, folder)
    shop.execute(
        "create schema raw_files",
        "create table raw_files.people (dataset text, person_id text, email text, phone text, country text,"
        " created_at timestamp)",
        "create table raw_files.orders (dataset text, order_id text, line_id text, customer_id text,"
        " ordered_at timestamp, amount double, currency text)",
        *(shop.person("shop", number, SHARED) for number in range(PEOPLE)),
        *(shop.person("till", number) for number in range(PEOPLE)),
        shop.order("o1", 3),
    )
    with pytest.MonkeyPatch.context() as patch:
        environment(patch, folder)
        assert run(BUILD) == 0
    return folder


def environment(patch: pytest.MonkeyPatch, folder: Path) -> None:
    patch.setenv("DBT_PROFILES_DIR", str(folder))
    patch.setenv("DBT_PROJECT_DIR", str(folder / "project"))
    patch.setenv("BRAID_DUCKDB", str(folder / "braid.duckdb"))
    patch.setenv("DBT_TARGET_PATH", str(folder / "target"))
    patch.setenv("DBT_LOG_PATH", str(folder / "logs"))


@pytest.fixture
def shop(built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    folder = tmp_path / "shop"
    shutil.copytree(built, folder)
    environment(monkeypatch, folder)
    return Shop(folder / "project", folder)


@pytest.fixture
def braid(capfd: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    def call(*arguments: str) -> tuple[int, str, str]:
        capfd.readouterr()
        code = run(list(arguments))
        out, err = capfd.readouterr()
        return code, out, err

    return call


Braid = Callable[..., tuple[int, str, str]]


def test_values_that_tie_nobody_are_listed_with_the_reason(shop: Shop, braid: Braid) -> None:
    code, out, err = braid("identity", "flagged")
    assert code == 0
    assert f"email  {SHARED}  blocked  blocked value" in out
    assert "1 blocked." in err
    code, out, _ = braid("identity", "flagged", "--status", "blocked", "--type", "email", "--json")
    (value,) = json.loads(out)["values"]
    assert (code, value["number_of_records"], value["number_of_customers"]) == (0, PEOPLE, PEOPLE)
    assert value["example_record_key"] == "files:person:shop/0"
    assert braid("identity", "flagged", "--limit", "0")[2].endswith("1 blocked. 1 more: see --limit.\n")
    assert "No such value" in braid("identity", "flagged", "--status", "malformed")[2]
    code, _, err = braid("identity", "flagged", "--type", "shoe_size")
    assert code != 0
    assert "'shoe_size' is no type; there are" in err


def test_a_giant_waits_is_named_let_through_and_taken_back(shop: Shop, braid: Braid) -> None:
    before, books = shop.customers(), shop.books()
    assert len(set(before.values())) == PEOPLE
    assert braid("identity", "approve", "--why", "in advance")[0] == 1

    # The value is no longer blocked, and the day has its facts: an order of a known person, and one of a new one.
    shop.block(False)
    shop.execute(shop.order("o2", 3), shop.person("shop", 99, "new@engines.example"), shop.order("o3", 99))
    code, out, err = braid(*BUILD)
    assert code == 1
    assert "changes more than the gate allows" in err.splitlines()[-1]
    assert "assert_the_gate_lets_the_graph_through" in out
    assert shop.books() == books
    orders = shop.rows("select order_id, customer_id from marts.fct_orders order by 1", shop.copy)
    known = before["files:person:shop/3"]
    assert orders == [("o1", known), ("o2", known), ("o3", None)]
    served = shop.rows(f"select number_of_orders from marts.customer_360 where customer_id = '{known}'", shop.copy)
    assert served == [(2,)]

    shown = json.loads(braid("identity", "diff", "--json")[1])
    assert shown["is_held"]
    assert [one["measure"] for one in shown["measures"] if one["is_over"]] == ["customers_in_one"]
    first = shown["changes"][0]
    assert (first["change_type"], first["number_of_customers"], first["records_after"]) == ("merged", PEOPLE, 30)
    assert (first["identifier_type"], first["identifier_value"], first["is_over"]) == ("email", SHARED, True)
    code, out, err = braid("identity", "diff", "--limit", "1")
    assert code == 0
    assert f"email {SHARED}" in out
    assert "more changes: see --limit" in err
    assert "braid identity approve" in err

    # A second build of the same is held the same.
    assert braid(*BUILD)[0] == 1
    assert shop.books() == books

    assert braid("identity", "approve")[0] == 2
    code, out, _ = braid("identity", "approve", "--why", "one family, one mailbox", "--by", "ada")
    assert code == 0
    approval = out.split()[0]
    assert f"approved already, by {approval}" in braid("identity", "approve", "--why", "again")[2]
    assert f"Approved by {approval}" in braid("identity", "diff")[2]
    assert braid(*BUILD)[0] == 0
    assert len({customer for record, customer in shop.customers().items() if "/99" not in record}) == 1
    living = shop.rows(
        "select distinct living_customer_id from identity.customer_id_lookup where anchor_record_key not like '%/99'"
    )
    assert len(living) == 1
    newcomer = shop.customers()["files:person:shop/99"]
    assert shop.rows("select approval_id from identity.identity_builds order by build_number desc limit 1") == [
        (approval,)
    ]
    assert "Nothing waits for approval" in braid("identity", "approve", "--why", "again")[2]
    # What was approved once is not approved for good.
    assert braid(*BUILD)[0] == 0

    assert braid("identity", "undo", approval, "--why", "no family at all")[0] == 0
    assert braid(*BUILD)[0] == 1
    assert shop.customers() == {**before, "files:person:shop/99": newcomer}
    assert shop.rows("select count(*) from identity.customer_id_lookup where not is_living") == [(0,)]
    orders = shop.rows("select order_id, customer_id from marts.fct_orders order by 1", shop.copy)
    assert orders == [("o1", known), ("o2", known), ("o3", newcomer)]
    listed = json.loads(braid("identity", "decisions", "--all", "--json")[1])["decisions"]
    assert [(row["kind"], row["decided_by"] == "ada", row["is_active"]) for row in listed] == [
        ("approve", True, False),
        ("undo", False, False),
    ]

    shop.block(True)
    assert braid(*BUILD)[0] == 0
    assert shop.customers() == {**before, "files:person:shop/99": newcomer}


def test_a_failure_beside_the_gate_keeps_the_copy_of_the_last_green_build(shop: Shop, braid: Braid) -> None:
    shop.block(False)
    # Two rows of one order line: a test of the mart is red too.
    shop.execute("insert into raw_hubspot.owners (id) values ('1'), ('1')")
    published = shop.copy.stat().st_mtime_ns
    code, _, err = braid(*BUILD)
    assert code == 1
    assert "the serving copy is still that of the last green build" in err.splitlines()[-1]
    assert shop.copy.stat().st_mtime_ns == published


def test_decisions_are_applied_and_taken_back(shop: Shop, braid: Braid) -> None:
    before = shop.customers()
    one, other = "files:person:shop/1", "files:person:till/1"
    code, out, err = braid("identity", "cut", one, other, "--why", "father and son")
    assert code == 0
    cut = out.split()[0]
    assert "The next `braid build` applies it." in err
    assert braid("identity", "join", "files:person:shop/2", before["files:person:shop/4"], "--why", "married")[0] == 0
    code, _, err = braid("identity", "block", "phone", "+15032061005", "--why", "the front desk")
    assert code == 0
    assert "2 records carry it today." in err
    assert braid(*BUILD)[0] == 0
    now = shop.customers()
    assert now[one] == before[one] != now[other]
    assert now["files:person:shop/2"] == now["files:person:till/4"]
    assert now["files:person:shop/5"] != now["files:person:till/5"]
    causes = shop.rows("select change_type, cause, decision_id is null from identity.customer_ids"
                       " where cause <> 'record' order by all")  # fmt: skip
    assert causes == [("merged", "decision", False), ("split", "cut", False), ("split", "decision", False)]

    assert braid("identity", "undo", cut, "--why", "one person after all")[0] == 0
    assert braid(*BUILD)[0] == 0
    assert shop.customers()[other] == before[other]
    lookup = dict(shop.rows("select customer_id, living_customer_id from identity.customer_id_lookup"))
    assert lookup[now[other]] == before[one]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("cut", "nobody:at:all", "files:person:shop/1"), "nobody:at:all is no record"),
        (("cut", "files:person:shop/1", "files:person:shop/1"), "cannot be cut from itself"),
        (("join", "files:person:shop/1", "cus_nobody"), "cus_nobody is neither a record nor a customer"),
        (("join", "files:person:shop/1", "files:person:shop/1"), "the same customer already"),
        (("block", "shoe_size", "43"), "shoe_size is no type of identifiers; there are"),
        (("block", "email", " "), "A blank value ties nobody"),
        (("undo", "0123"), "0123: no such decision"),
        (("cut", "files:person:shop/1", "files:person:shop/2", "--by", " "), "needs a reason (--why) and somebody"),
    ],
    ids=lambda value: value if isinstance(value, str) else value[0],
)
def test_what_cannot_be_decided_is_refused_in_a_sentence(
    shop: Shop, braid: Braid, words: tuple[str, ...], said: str
) -> None:
    code, out, err = braid("identity", *words, "--why", "because")
    assert (code, out) == (1, "")
    assert said in err
    assert shop.rows("select count(*) from ops.identity_decisions") == [(0,)]


def test_decisions_that_contradict_one_another_are_refused(shop: Shop, braid: Braid) -> None:
    a, b, c = (f"files:person:shop/{number}" for number in (1, 2, 3))
    cut = braid("identity", "cut", a, c, "--why", "two people")[1].split()[0]
    assert f"decided already, by {cut}: two people" in braid("identity", "cut", a, c, "--why", "again")[2]
    join = braid("identity", "join", a, b, "--why", "one person")[1].split()[0]
    assert f"were cut by {cut}" in braid("identity", "join", b, c, "--why", "one person")[2]
    assert f"were joined by {join}: undo that first" in braid("identity", "cut", b, a, "--why", "two people")[2]
    undo = braid("identity", "undo", join, "--why", "no")[1].split()[0]
    assert f"{undo} is an undo itself" in braid("identity", "undo", undo, "--why", "no")[2]
    assert f"{join} is undone already" in braid("identity", "undo", join, "--why", "no")[2]
    assert braid("identity", "join", b, c, "--why", "one person")[0] == 0
    shown = braid("identity", "decisions")[1]
    assert "one person" in shown
    assert join not in shown
    assert join in braid("identity", "decisions", "--all")[1]


def test_before_the_first_build_there_is_nothing_to_decide(workshop: Path, braid: Braid) -> None:
    for words in (("diff",), ("approve", "--why", "x"), ("cut", "a", "b", "--why", "x")):
        code, _, err = braid("identity", *words)
        assert code == 1
        assert "Identity is not built yet: run `braid build` first." in err
    assert "Nothing was decided by hand." in braid("identity", "decisions")[2]


@pytest.mark.parametrize(
    ("results", "alone"),
    [
        ({"assert_the_gate_lets_the_graph_through": "fail", "not_null": "pass"}, True),
        ({"assert_the_gate_lets_the_graph_through": "fail", "fct_orders": "skipped"}, False),
        ({"assert_the_gate_lets_the_graph_through": "fail", "not_null": "fail"}, False),
        ({"assert_the_gate_lets_the_graph_through": "pass", "not_null": "warn"}, False),
        ({"not_null": "fail"}, False),
    ],
    ids=["held", "held and skipped", "held and red", "green", "red"],
)
def test_only_a_build_that_nothing_but_the_gate_stopped_is_published(
    tmp_path: Path, results: dict[str, str], alone: bool
) -> None:
    report = tmp_path / "run_results.json"
    assert not gate.alone_failed(report)
    rows = [{"unique_id": f"test.braid.{name}", "status": status} for name, status in results.items()]
    report.write_text(json.dumps({"results": rows}))
    assert gate.alone_failed(report) is alone
