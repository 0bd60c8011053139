"""Scores of made-up persons: ours as dbt makes them, against Splink's own predict with the same weights and blocking.

Ours is what dbt reports for the models from keys to scores: candidate pairs, their levels, their weights. Splink starts
from the same table of keys, with its term-frequency tables made before the clock starts. Both write what they find into
a DuckDB file, with two threads; repeats alternate, and the best of each counts.
"""

from __future__ import annotations

import json
import logging
import time
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb

from benchmarks.identity_speed import Bench
from contracts.matching import Matching, Rule, read
from matching.evaluation import load_nicknames
from matching.keys import PERSON_COLUMNS, matching_keys
from matching.levels import part
from matching.model import Model, frequency_columns
from matching.pipeline import VERSION, learn
from matching.rendering import contract_version
from matching.training import splink_model

SCORING = ("int_identity__candidate_pairs", "int_identity__compared_pairs", "int_identity__scored_pairs")
# What stands before: which rules this many records allow is measured by a build, not by Splink.
MEASURED = ("int_identity__matching_model", "int_identity__matching_rules")
TIMES_SPLINK = 2
TAUGHT_BY = 40_000
# Blocking that is chosen for so many pairs of each rule: some tens a person in all, where the contract allows more.
PAIRS_PER_RECORD = 2
# A number below `below`, and a syllable, out of what they are of.
MACROS = """
    create temp macro draw(seed, prime, below) as cast(hash(seed * prime) % below as integer);
    create temp macro syllable(seed, prime) as [
        'an','bel','cor','dan','el','fin','gra','hol','is','jo','ka','lin','mar','no','or','pet','ro','sa','tom','ul',
        'vi','wil','xe','yo','za'][1 + draw(seed, prime, 25)]
"""
# Persons have 1.6 records each, homes 1.7 persons.
PERSONS = """
    with records as (
        select range as number, draw(range, 7919, {size} * 5 // 8) as person from range({size})
    ),
    homes as (
        select *, draw(person, 31, {size} * 3 // 8) as home from records
    ),
    told as (
        select
            number,
            syllable(person, 3) || syllable(draw(person, 5, 8), 11) as first_name,
            syllable(home, 13) || syllable(home, 17) || syllable(home, 19) as last_name,
            cast(date '1930-01-01' + draw(person, 23, 27000) as varchar) as date_of_birth,
            'p' || draw(person, 29, 100000000) || '@mail' || person % 9 || '.example' as email,
            '0' || 200000000 + draw(home, 37, 700000000) as phone,
            1 + draw(home, 41, 200) || ' ' || syllable(home, 43) || syllable(home, 47) || ' street' as street,
            syllable(home, 53) || syllable(home, 59) || 'ton' as city,
            cast(10000 + draw(home, 61, 30000) as varchar) as postcode
        from homes
    )
    select 'r' || lpad(cast(number as varchar), 9, '0') as record_key, {columns} from told
"""
_TOLD = ("first_name", "last_name", "date_of_birth", "email", "phone", "street", "city", "postcode")


def measure(persons: tuple[int, ...], repeats: int = 3) -> Iterator[dict[str, Any]]:
    """One result for each number of persons."""
    for size in persons:
        with TemporaryDirectory(prefix="braid-bench-") as scratch:
            bench = Bench(Path(scratch))
            model = _taught(bench, size, replace(read(), pairs_per_record=PAIRS_PER_RECORD))
            bench.dbt("run", "--select", *MEASURED)
            with duckdb.connect(str(bench.database), read_only=True) as connection:
                used = {
                    name
                    for (name,) in connection.execute(
                        "select rule_name from identity.int_identity__matching_rules where is_used"
                    ).fetchall()
                }
            rules = [rule for rule in model.blocking if rule.name in used]
            yield _compared(bench, size, model, rules, repeats)


def _taught(bench: Bench, size: int, contract: Matching) -> Model:
    """Keys of so many persons, and the books that training leaves, learnt from the first of them."""
    columns = []
    for place, name in enumerate(PERSON_COLUMNS):
        columns.append(_spoilt(name, 67 + 2 * place) if name in _TOLD else f"cast(null as varchar) as {name}")
    with duckdb.connect(str(bench.database)) as connection:
        connection.execute("set threads = 2")
        connection.execute("create schema if not exists identity; create schema if not exists ops")
        connection.execute(MACROS)
        connection.execute(f"create temp table persons as {PERSONS.format(size=size, columns=', '.join(columns))}")
        load_nicknames(connection)
        made = matching_keys("persons", "nicknames", "duckdb")
        connection.execute(f"create table identity.int_identity__matching_keys as {made}")
        connection.execute("drop table nicknames")
    keys = "known.identity.int_identity__matching_keys"
    with duckdb.connect() as connection:
        connection.execute("set threads = 2")
        connection.execute(f"attach '{bench.database}' as known")
        taught_by = min(size, TAUGHT_BY)
        connection.execute(
            f"create table matching_keys as select * from {keys} "
            f"order by hash(record_key), record_key limit {taught_by}"
        )
        learnt = learn(connection, contract, share=taught_by / size)
        for name in ("match_weights", "term_frequencies"):
            connection.execute(f"create table known.ops.{name} as select * from {name}")
        version, link = contract_version(contract), learnt.model.link
        connection.execute(
            f"create table known.ops.match_models as select '{VERSION}' as model_version, "
            f"'{version}' as contract_version, {taught_by} as number_of_records, {link!r} as link_weight, "
            f"{link!r} as review_weight, timestamp '2026-01-01' as trained_at"
        )
        connection.execute(
            "create table known.ops.match_rules (model_version varchar, rule_name varchar, verdict varchar)"
        )
        connection.executemany(
            "insert into known.ops.match_rules values (?, ?, 'used')",
            [[VERSION, rule.name] for rule in learnt.model.blocking],
        )
    return learnt.model


def _spoilt(name: str, prime: int) -> str:
    """The column with a letter changed in a tenth of its values, and nothing in another tenth."""
    place = f"(2 + draw(number, {prime + 300}, 3))"
    letter = f"chr(97 + draw(number, {prime + 600}, 26))"
    wrong = f"left({name}, {place} - 1) || {letter} || substr({name}, {place} + 1)"
    return (
        f"case when draw(number, {prime}, 20) < 2 then null "
        f"when draw(number, {prime}, 20) < 4 then {wrong} else {name} end as {name}"
    )


def _compared(bench: Bench, size: int, model: Model, rules: list[Rule], repeats: int) -> dict[str, Any]:
    ours: list[dict[str, float]] = []
    theirs: list[float] = []
    for _ in range(repeats):
        bench.dbt("run", "--select", *SCORING)
        results = json.loads((bench.folder / "target" / "run_results.json").read_text())["results"]
        steps = {item["unique_id"].rsplit(".", 1)[-1]: item["execution_time"] for item in results}
        ours.append({name: steps[name] for name in SCORING})
        theirs.append(_splink(bench, model, rules))
    with duckdb.connect(str(bench.database), read_only=True) as connection:
        ((pairs, same, most),) = connection.execute(
            "select count(*), count(predicted.match_weight), max(abs(scored.match_weight - predicted.match_weight)) "
            "from identity.int_identity__scored_pairs as scored "
            "left join predicted on scored.record_key_a = predicted.a and scored.record_key_b = predicted.b"
        ).fetchall()
        ((all_of_splinks,),) = connection.execute("select count(*) from predicted").fetchall()
    assert pairs == same == all_of_splinks, f"{pairs} pairs, {same} of the {all_of_splinks} that Splink has"
    best = min(ours, key=lambda steps: sum(steps.values()))
    seconds, reference = sum(best.values()), min(theirs)
    return {
        "name": "scoring persons", "records": size, "pairs": pairs, "seconds": round(seconds, 2),
        "steps": {name: round(value, 2) for name, value in best.items()},
        "rules": [rule.name for rule in rules],
        "reference": "Splink's predict, same weights, blocking and threads", "reference_seconds": round(reference, 2),
        "differs_by": most, "times": round(seconds / reference, 2),
        "target": f"{TIMES_SPLINK} times", "ok": seconds <= TIMES_SPLINK * reference and most < 1e-6,
    }  # fmt: skip


def _splink(bench: Bench, model: Model, rules: list[Rule]) -> float:
    """Seconds of Splink's predict; leaves its pairs in the bench's database as ``predicted``."""
    from splink import DuckDBAPI, Linker, block_on

    database = bench.folder / "splink.duckdb"
    database.unlink(missing_ok=True)
    with duckdb.connect(str(database), config={"threads": 2, "preserve_insertion_order": False}) as connection:
        connection.execute(f"attach '{bench.database}' as bench")
        connection.execute("create table keys as select * from bench.identity.int_identity__matching_keys")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            settings = splink_model(
                model,
                blocking_rules_to_generate_predictions=[
                    block_on(*(part(item, lambda column: column) for item in rule.parts)) for rule in rules
                ],
            )
            api = DuckDBAPI(connection)
            linker = Linker(api.register("keys"), settings, log_level=logging.ERROR)
            for column in frequency_columns(model.comparisons):
                known = linker.table_management.compute_tf_table(column)
                # Splink's would be of all records; ours are of those that taught, and others have none.
                connection.execute(f"delete from {known.physical_name}")
                connection.execute(
                    f"insert into {known.physical_name} ({column}, tf_{column}) select term, term_frequency "
                    f"from bench.ops.term_frequencies where column_name = '{column}'"
                )
            began = time.perf_counter()
            found = linker.inference.predict()
            seconds = time.perf_counter() - began
        connection.execute(
            "create or replace table bench.predicted as select least(record_key_l, record_key_r) as a, "
            f"greatest(record_key_l, record_key_r) as b, match_weight from {found.physical_name}"
        )
    return seconds
