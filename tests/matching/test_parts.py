"""The parts of matching: dates, keys, blocking, thresholds, clusters, generated macros, the contract."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts import ContractError
from contracts.matching import Part, Rule, read
from contracts.reading import HERE
from matching import MatchingError, rendering
from matching.blocking import Measured, allowed, measured
from matching.dates import day_first, iso_date
from matching.decision import thresholds
from matching.keys import PERSON_COLUMNS, matching_keys
from matching.levels import condition, of_table
from matching.loading import load_persons
from matching.pipeline import cluster
from matching.scores import candidate_pairs


def dates(values: list[str]) -> list[str | None]:
    with duckdb.connect() as connection:
        connection.execute("create table files (d varchar)")
        connection.executemany("insert into files values (?)", [[value] for value in values])
        ((first,),) = connection.execute(day_first("files", "d")).fetchall()
        return [row[0] for row in connection.execute(f"select {iso_date('d', first)} from files").fetchall()]


@pytest.mark.parametrize(
    ("written", "read_as"),
    [
        (["1980-03-12", "1980/3/2", "1980-03-12 00:00:00"], ["1980-03-12", "1980-03-02", "1980-03-12"]),
        (["03/12/1980", "31/12/1980"], ["1980-12-03", "1980-12-31"]),
        (["03/12/1980", "12/31/1980"], ["1980-03-12", "1980-12-31"]),
        (["19800312", "1980", "1980-03"], ["1980-03-12", "1980", "1980-03"]),
        (["3 March 1980", "March 3, 1980", "3-Mar-80"], ["1980-03-03", "1980-03-03", "1980-03-03"]),
        (["01.02.29", "01.02.30"], ["2029-02-01", "1930-02-01"]),
        (["1862-88-05", "unknown", ""], ["1862-88-05", None, None]),
    ],
    ids=["iso", "day first", "month first", "digits", "words", "short years", "impossible and nothing"],
)
def test_dates_in_any_common_order(written: list[str], read_as: list[str | None]) -> None:
    assert dates(written) == read_as


def test_keys_are_alike_however_they_are_written() -> None:
    persons = [
        {"full_name": "Lovelace, Dr. Ada", "phone": "+44 (20) 7946-0958", "postcode": "TQ13 8DF"},
        {"first_name": "ADA", "last_name": "Lovelace ", "phone": "020 7946 0958", "postcode": "tq13-8df"},
        {"first_name": "n/a", "last_name": "Bront\u00eb", "email": " Bill@Mail.Example "},
    ]
    columns = ("record_key", *PERSON_COLUMNS)
    with duckdb.connect() as connection:
        connection.execute(f"create table persons ({', '.join(f'{name} varchar' for name in columns)})")
        for number, person in enumerate(persons):
            values = [str(number), *(person.get(name) for name in PERSON_COLUMNS)]
            connection.execute(f"insert into persons values ({', '.join('?' for _ in columns)})", values)
        connection.execute("create table nicknames as select 'bill' as name, 'william' as root")
        query = matching_keys("persons", "nicknames", "duckdb")
        ada, other, anne = connection.execute(
            f"select first_name, last_name, phone, postcode, postal_area, email, name_parts from ({query}) order by "
            "record_key"
        ).fetchall()
    assert ada == ("ada", "lovelace", "079460958"[-9:], "tq138df", "tq13", None, ["ada", "lovelace"]) or ada[:2] == (
        "ada",
        "lovelace",
    )
    assert ada[:5] == other[:5]
    assert anne[:2] == (None, "bronte")
    assert anne[5] == "bill@mail.example"


def test_jaro_winkler_is_a_whole_percentage_on_both_warehouses() -> None:
    level = next(
        level for item in read().comparisons if item.name == "last_name" for level in item.levels
        if level.kind == "jaro_winkler"
    )  # fmt: skip
    sides = of_table("l"), of_table("r")
    assert condition(level, *sides, "snowflake").startswith("jarowinkler_similarity(")
    assert ">= 90" in condition(level, *sides, "snowflake")
    ours = condition(level, *sides, "duckdb")
    with duckdb.connect() as connection:
        query = f"select {ours} from (select ? as last_name) as l, (select ? as last_name) as r"
        assert connection.execute(query, ["Lovelace", "lovelase"]).fetchall() == [(True,)]
        assert connection.execute(query, ["lovelace", "hopper"]).fetchall() == [(False,)]
    with pytest.raises(ValueError, match="'oracle' is no dialect"):
        condition(level, *sides, "oracle")


def test_a_rule_that_would_explode_is_refused_and_one_that_another_covers_is_spared() -> None:
    contract = replace(read(), pairs_per_record=1, pairs_at_least=1000)
    with duckdb.connect() as connection:
        columns = {part.column for rule in contract.blocking for part in rule.parts}
        nulls = ", ".join(f"cast(null as varchar) as {name}" for name in columns - {"birth_year", "last_name"})
        connection.execute(
            "create table keys as select cast(range as varchar) as record_key, '1980' as birth_year, "
            f"'family' || (range % 500) as last_name, {nulls} from range(1500)"
        )
        found = {item.rule.name: item for item in measured(connection, "keys", contract)}
    assert found["birth_year"].refused
    assert found["birth_year"].pairs == 1500 * 1499 // 2
    assert not found["last_name"].refused
    assert "email" not in found
    kept = [rule.name for rule in allowed(list(found.values()))]
    assert "last_name" in kept
    assert "birth_year + last_name" not in kept
    with pytest.raises(MatchingError, match=r"No rule of blocking can be used: birth_year \(1,124,250 pairs\)"):
        allowed([found["birth_year"]])


def test_a_sample_chooses_blocking_for_all_records() -> None:
    contract = replace(read(), pairs_per_record=2, pairs_at_least=100, blocking=(Rule((Part("last_name"),)),))
    with duckdb.connect() as connection:
        connection.execute(
            "create table keys as select cast(range as varchar) as record_key, 'f' || range % 250 as last_name "
            "from range(1000)"
        )
        # 1,500 pairs of 1,000 records are within the limit; of ten thousand they would be 150,000.
        assert [item.refused for item in measured(connection, "keys", contract)] == [False]
        assert [item.refused for item in measured(connection, "keys", contract, share=0.1)] == [True]


def test_pairs_are_made_once_with_the_first_rule_that_finds_them() -> None:
    rules = (Rule((Part("last_name"),)), Rule((Part("city"), Part("last_name", 2))), Rule((Part("city"),)))
    rows = [("a", "smith", "york"), ("b", "smith", "york"), ("c", "smythe", "york"), ("d", None, "york")]
    with duckdb.connect() as connection:
        connection.execute("create table keys (record_key varchar, last_name varchar, city varchar)")
        connection.executemany("insert into keys values (?, ?, ?)", [list(row) for row in rows])
        found = connection.execute(f"select * from ({candidate_pairs('keys', rules)}) order by 1, 2").fetchall()
    assert found == [("a", "b", 0), ("a", "c", 1), ("a", "d", 2), ("b", "c", 1), ("b", "d", 2), ("c", "d", 2)]


def test_names_the_wrong_way_round_are_both() -> None:
    level = next(level for level in read().comparisons[0].levels if level.kind == "swapped")
    ours = condition(level, of_table("l"), of_table("r"), "duckdb")
    with duckdb.connect() as connection:
        side = "(select ? as first_name, ? as last_name)"
        query = f"select {ours} from {side} as l, {side} as r"
        assert connection.execute(query, ["webb", "gabrielle", "gabielle", "webb"]).fetchall() == [(True,)]
        assert connection.execute(query, ["lanyon", "john", "selby", "lanyon"]).fetchall() == [(False,)]


def test_a_rule_covers_those_that_ask_for_more() -> None:
    whole, start = Rule((Part("city"),)), Rule((Part("city", 3),))
    both = Rule((Part("city"), Part("last_name", 5)))
    rules = [Measured(rule, 10, False) for rule in (both, whole, start)]
    assert allowed(rules) == (start,)
    assert allowed([Measured(both, 10, False), Measured(Rule((Part("last_name", 3),)), 99, True)]) == (both,)


def test_the_threshold_follows_what_the_scores_promise() -> None:
    def found(pairs: list[tuple[float, int]]) -> tuple[float, float]:
        with duckdb.connect() as connection:
            connection.execute("create table weighed (link_weight double, link_probability double)")
            for weight, number in pairs:
                connection.execute(
                    f"insert into weighed select {weight}, 1 / (1 + power(2, -({weight}))) from range({number})"
                )
            return thresholds(connection, "weighed", read())

    certain, review = found([(10.0, 100), (-10.0, 10_000)])
    assert -10 < certain < 10
    assert review <= certain
    many_unsure, _ = found([(10.0, 100), (-1.5, 1000)])
    assert many_unsure > -1.5
    # Nothing lies between: the threshold is at even odds, not just below the last link.
    assert found([(40.0, 100), (-20.0, 10_000)])[0] == 0.0
    few_unsure, _ = found([(10.0, 1000), (0.5, 10)])
    assert few_unsure < 0.5
    assert found([(-3.0, 100)])[0] > 100


PAIRS = st.dictionaries(
    st.tuples(st.integers(0, 7), st.integers(0, 7)).filter(lambda pair: pair[0] < pair[1]),
    st.floats(-12, 12).map(lambda weight: round(weight, 2)),
    max_size=20,
)


def clustered(pairs: dict[tuple[int, int], float], order: list[int]) -> list[set[str]]:
    with duckdb.connect() as connection:
        connection.execute("create table matching_keys as select 'r' || range as record_key from range(8)")
        connection.execute("create table weighed (record_key_a varchar, record_key_b varchar, link_weight double)")
        rows = [[f"r{a}", f"r{b}", weight] for (a, b), weight in pairs.items()]
        for place in order:
            if place < len(rows):
                connection.execute("insert into weighed values (?, ?, ?)", rows[place])
        table = cluster(connection, 0.0)
        found: dict[str, set[str]] = {}
        for record, key in connection.execute(f"select record_key, cluster_key from {table}").fetchall():
            found.setdefault(key, set()).add(record)
    return sorted(found.values(), key=min)


@settings(max_examples=25, deadline=None)
@given(PAIRS, st.permutations(range(20)))
def test_clusters_do_not_depend_on_the_order_of_pairs(pairs: dict[tuple[int, int], float], order: list[int]) -> None:
    first, second = clustered(pairs, list(range(20))), clustered(pairs, order)
    assert first == second
    for group in first:
        if len(group) > 1:
            assert any({f"r{a}", f"r{b}"} <= group and weight >= 0 for (a, b), weight in pairs.items())


def test_a_pair_that_contradicts_keeps_two_people_apart() -> None:
    """r1 is like both r0 and r2, which are not each other: closing over links would make one of three."""
    apart = clustered({(0, 1): 6.0, (1, 2): 5.0, (0, 2): -40.0}, list(range(3)))
    assert {"r0", "r1"} in apart
    assert {"r2"} in apart
    together = clustered({(0, 1): 6.0, (1, 2): 5.0, (0, 2): 1.0}, list(range(3)))
    assert {"r0", "r1", "r2"} in together


def test_the_generated_macros_are_current() -> None:
    assert rendering.is_current()
    contract = read()
    other = replace(contract, comparisons=contract.comparisons[1:])
    assert rendering.contract_version(contract) != rendering.contract_version(other)


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("column: first_name\n", "column: shoe_size\n", "column is 'shoe_size'"),
        ("{kind: jaro_winkler, at_least: 90}", "{kind: jaro_winkler, at_most: 90}", "takes at_least, not at_most"),
        ("{kind: jaro_winkler, at_least: 90}", "{kind: soundex}", "kind is 'soundex'"),
        ("- [national_id]\n", "- [national_id]\n    - [national_id]\n", "the same rule twice"),
        ("differs_at_most: 20", "differs_at_most: 120", "at most 99, not 120"),
        ("columns: [first_name, last_name], at_least: 85", "column: first_name, at_least: 85", "looks at two columns"),
        ("names: made of names", "names: nearly", "names is 'nearly'"),
        ("forbidden_in: []", "forbidden_in: [Germany]", "'Germany'; regions are two capital letters"),
        ("purpose: profiling", "purpose: 'a b'", "must be a name of letters"),
    ],
    ids=["column", "threshold", "kind", "rule", "share", "swapped", "names", "region", "purpose"],
)
def test_a_contract_that_makes_no_sense_is_refused(old: str, new: str, sentence: str, tmp_path: Path) -> None:
    text = (HERE / "matching.yml").read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "matching.yml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ContractError, match=sentence):
        read(path)


def test_files_are_read_by_names_that_others_give_columns(tmp_path: Path) -> None:
    first, second = tmp_path / "a.csv", tmp_path / "b.csv"
    first.write_text("id,surname,dob,who\n1,Smith,1980-03-12,x\n")
    second.write_text("id,surname,extra,who\n1,Jones,?,y\n")
    with duckdb.connect() as connection:
        assert load_persons(connection, [first, second], truth="who") == ["last_name", "date_of_birth"]
        rows = connection.execute("select last_name, date_of_birth, truth from persons order by 1").fetchall()
        assert rows == [("Jones", None, "y"), ("Smith", "1980-03-12", "x")]
        second.write_text("id,surname,extra,who\n1,Jones,?,y\n1,Brown,?,y\n")
        with pytest.raises(MatchingError, match="id is no id: 2 rows have none of their own"):
            load_persons(connection, [first, second], truth="who", record_id="id")
        with pytest.raises(MatchingError, match="is neither CSV nor Parquet"):
            load_persons(connection, [tmp_path / "a.xlsx"])
