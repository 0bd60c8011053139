"""Rules of identity that hold for any data: order does not count, and phones are read as the reference reads them."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import duckdb
import phonenumbers
import pyarrow as pa
import pytest

from sandbox.company import Company
from tests.dbt.load_company import load
from tests.dbt.project import Project

pytestmark = [pytest.mark.timeout(300)]

BUILD = ("build", "--resource-type", "seed", "--resource-type", "model", "--select")


def shuffle(path: Path, seed: int) -> None:
    """Every raw table's rows in another order."""
    with duckdb.connect(path) as connection:
        tables = connection.execute(
            "select table_schema, table_name from information_schema.tables where table_schema like 'raw%'"
        ).fetchall()
        for schema, table in tables:
            name = f'{schema}."{table}"'
            order = f"hash(row_number() over (), {seed})"
            connection.execute(f"create or replace table {name} as select * from {name} order by {order}")


def test_any_order_of_rows_gives_the_same_customers(project: Project) -> None:
    company = Company(seed=3, people=150)
    company.advance()
    load(company.tables, project.warehouse, company.clock)
    found = []
    for seed in range(3):
        # The second begins without books, the third makes everything but them anew.
        if seed == 1:
            for book in ("customer_ids", "customer_xref", "identity_builds"):
                project.execute(f"drop table identity.{book}")
        wanted = ("+customer_master", "customer_master_lost_values", "+households", "+identity_builds")
        project.run(*BUILD, *wanted, *(["--full-refresh"] if seed == 2 else []))
        found.append(
            (
                project.rows("select * from identity.customer_ids order by all"),
                project.rows("select * from identity.customer_xref order by record_key"),
                project.rows("select * from identity.customer_master order by customer_id"),
                project.rows("select * from identity.customer_master_provenance order by all"),
                project.rows("select * from identity.customer_master_lost_values order by all"),
                project.rows("select * from identity.customer_households order by all"),
            )
        )
        shuffle(project.warehouse, seed)
    assert len(found[0][1]) > 400
    assert all(found[0])
    assert len(found[0][0]) == len({row[0] for row in found[0][0]})
    assert found[0] == found[1] == found[2]


def test_another_namespace_gives_every_customer_another_id(project: Project) -> None:
    company = Company(seed=3, people=40)
    load(company.tables, project.warehouse, company.clock)
    ids = "select customer_id, anchor_record_key from identity.customer_id_lookup order by customer_id"
    project.run(*BUILD, "+customer_id_lookup")
    ours = project.rows(ids)
    project.run("run", "--select", "customer_id_lookup")
    assert project.rows(ids) == ours
    # Another namespace is another company: its books begin empty.
    project.execute("drop table identity.customer_ids")
    project.run("run", "--select", "customer_ids", "customer_id_lookup", "--vars", "{customer_id_namespace: other}")
    theirs = project.rows(ids)
    assert {anchor for _, anchor in ours} == {anchor for _, anchor in theirs}
    assert not {id_ for id_, _ in ours} & {id_ for id_, _ in theirs}


# Every style is one that people type; extensions and trunk zeros included.
def written(number: phonenumbers.PhoneNumber, region: str) -> list[tuple[str, str]]:
    def formatted(style: int) -> str:
        return phonenumbers.format_number(number, style)

    international = formatted(phonenumbers.PhoneNumberFormat.INTERNATIONAL)
    national = formatted(phonenumbers.PhoneNumberFormat.NATIONAL)
    abroad = "DE" if region != "DE" else "GB"
    return [
        (formatted(phonenumbers.PhoneNumberFormat.E164), "US"),
        (international, abroad),
        (national, region),
        (f" {national} ext. 123 ", region),
        (national.replace(" ", "."), region),
        ("".join(filter(str.isdigit, national)), region),
        (phonenumbers.format_out_of_country_calling_number(number, "GB"), "GB"),
        (formatted(phonenumbers.PhoneNumberFormat.RFC3966), abroad),
    ]


REGIONS = """
US CA GB IE DE FR ES IT PT NL BE AT CH SE NO DK FI PL CZ GR RO HU AU NZ JP KR SG IN CN HK TW ZA NG KE EG IL TR AE SA CO
CL PE
""".split()

REFUSED = [
    ("12345", "US"), ("555-1234", "US"), ("+1 503 206 12345", "US"), ("0", "GB"), ("+44 12", "GB"), ("+", "US"),
    ("+999 1234567", "US"), ("+210 1234567", "US"), ("n/a", "US"), ("email me", "US"), ("@", "US"), ("+49", "DE"),
    ("00000", "US"), ("1-800-FLOWERS", "US"), ("+12345678901234567", "US"), ("20 30", "FR"),
]  # fmt: skip


def test_phones_are_read_as_the_reference_library_reads_them(project: Project) -> None:
    cases: list[tuple[str, str]] = []
    for region in REGIONS:
        for kind in (phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE):
            example = phonenumbers.example_number_for_type(region, kind)
            if example is not None:
                cases += written(example, region)
    cases += REFUSED
    people = pa.table(
        {
            "dataset": ["phones"] * len(cases),
            "person_id": [str(number) for number in range(len(cases))],
            "phone": [phone for phone, _ in cases],
            "country": [region for _, region in cases],
        }
    )
    with duckdb.connect(project.warehouse) as connection:
        connection.execute("create schema raw_files")
        connection.register("people", people)
        connection.execute("create table raw_files.people as select * from people")
    project.run(*BUILD, "+int_identity__phones")
    ours = {
        (phone, region): e164
        for phone, region, e164 in project.rows("select written_phone, region, e164 from identity.int_identity__phones")
    }
    wrong = []
    for phone, region in cases:
        wanted = None
        if (phone, region) not in REFUSED:
            number = phonenumbers.parse(phone, region)
            wanted = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
        if (found := ours[phone.strip(), region]) != wanted:
            wrong.append((phone, region, found, wanted))
    assert len(cases) > 500
    assert wrong == []


# Name as typed, and its key. Letters with marks of three scripts are tried one by one beside these.
NAMES = {
    "O\u2019Brien-Núñez": "obriennunez",  # a typesetter's apostrophe
    " o'brien  nunez ": "obriennunez",
    "Strauß": "strauss",
    "STRAUSS": "strauss",
    "Æther Þór": "aetherthor",
    "Nguyễn": "nguyen",
    "Łukasz": "lukasz",
    "Οδυσσεύς": "οδυσσευσ",
    "ΟΔΥΣΣΕΥΣ": "οδυσσευσ",
    "Андрей": "андреи",
    "山田": "山田",
    "عمر": "عمر",
    "कविता": "कविता",
    "J. R. (Bob)\u00a0Smith": "jrbobsmith",
    " - ": None,
}


def test_a_name_has_one_key_however_it_is_written(project: Project) -> None:
    wanted: dict[str, str | None] = {}
    for name, key in NAMES.items():
        for form in ("NFC", "NFD"):
            wanted[unicodedata.normalize(form, name)] = key
    for code in range(0xC0, 0x1E00):
        letter = chr(code)
        apart = unicodedata.normalize("NFD", letter)
        script = unicodedata.name(letter, "").split()
        if len(apart) > 1 and script[1:2] == ["SMALL"] and all("\u0300" <= mark < "\u0370" for mark in apart[1:]):
            base = {"æ": "ae", "ø": "o", "\u017f": "s"}.get(apart[0], apart[0])
            for form in (letter, apart, letter.upper(), unicodedata.normalize("NFD", letter.upper())):
                if form.lower() in (letter, apart):
                    wanted[f"x{form}"] = f"x{base}"
    names = list(wanted)
    people = pa.table(
        {"dataset": ["names"] * len(names), "person_id": [str(n) for n in range(len(names))], "first_name": names}
    )
    with duckdb.connect(project.warehouse) as connection:
        connection.execute("create schema raw_files")
        connection.register("people", people)
        connection.execute("create table raw_files.people as select * from people")
    project.run(*BUILD, "+int_identity__records")
    ours = dict(project.rows("select record_id, given_name_key from identity.int_identity__records"))
    found = [(name, ours[f"names/{number}"], key) for number, (name, key) in enumerate(wanted.items())]
    wrong = [one for one in found if one[1] != one[2]]
    assert len(wanted) > 600
    assert wrong == []
