"""The ledger's models as dbt compiles them for each kind of build, and the books as dbt makes them.

    python -m tests.dbt.ledger_compiler WAREHOUSE ARGUMENT...

Works in an empty warehouse file, with one dbt that reads the project once and gets the arguments each time; prints as
JSON the texts, model -> SQL, and the books, name -> columns with their types. A text for builds that go by what changed
is that of ``<model> by changes``.
"""

from __future__ import annotations

import json
import re
import sys
from contextlib import redirect_stdout
from pathlib import Path

import duckdb

from tests.dbt.ledger_inputs import BOOKS, BY_CHANGES, INPUTS, MODELS, NUMBER, SCHEMAS

_EVERY_PART = re.compile(r'part_number in \(select part_number from "int_identity__links__changed"\)')


def main(warehouse: str, arguments: list[str]) -> None:
    """Compile for a first build, for one that compares everything, and for one that goes by what changed."""
    from dbt.cli.main import dbtRunner

    target = Path(arguments[arguments.index("--target-path") + 1])
    manifest = dbtRunner().invoke(["--quiet", "parse", *arguments]).result

    def compiled(*models: str) -> dict[str, str]:
        done = dbtRunner(manifest=manifest).invoke(["--quiet", "compile", *arguments, "--select", *models])
        if not done.success:
            sys.exit(f"dbt compile failed: {done.exception or [row.message for row in done.result]}")
        folder = target / "compiled" / "braid" / "models" / "identity"
        text = {model: (folder / f"{model}.sql").read_text() for model in models}
        if "int_identity__links" in text:
            text["int_identity__links"] = _EVERY_PART.sub("true", text["int_identity__links"])
        return text

    def execute(*statements: str) -> None:
        with duckdb.connect(warehouse) as connection:
            for statement in statements:
                connection.execute(statement)

    execute(*(f"create schema if not exists {schema}" for schema in SCHEMAS), INPUTS)
    first = compiled(*MODELS)
    execute(*(f"create table identity.{model} as {first[model]}" for model in MODELS))
    # What models ask the warehouse while they compile: is anything published, was anything ever cut.
    execute(
        "update identity.int_identity__build set last_graph_number = 1",
        "insert into ops.identity_decisions (decision_id, kind) values ('d', 'cut')",
    )
    text = compiled(*MODELS)
    execute(f"update identity.int_identity__build set compared_number = {NUMBER}")
    text |= {f"{model} by changes": sql for model, sql in compiled(*BY_CHANGES).items()}
    with duckdb.connect(warehouse) as connection:
        books = {
            name: [f"{row[0]} {row[1]}" for row in connection.execute(f"describe identity.{name}").fetchall()]
            for name in BOOKS
        }
    sys.__stdout__.write(json.dumps([text, books]))


if __name__ == "__main__":
    with redirect_stdout(sys.stderr):
        main(sys.argv[1], sys.argv[2:])
