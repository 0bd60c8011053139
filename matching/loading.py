"""Person records out of CSV and Parquet files, as the relation that keys are made of.

Columns are found by our names, by the names that others commonly give them, or as told. Nothing is cleaned here but
dates, whose order (day or month first) can only be told from a whole column.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import duckdb

from matching import MatchingError
from matching.dates import day_first, iso_date
from matching.keys import PERSON_COLUMNS

# What others call our columns; a file that has both ours and theirs is read by ours.
OTHER_NAMES: Mapping[str, tuple[str, ...]] = {
    "first_name": ("given_name", "forename", "firstname", "fname", "givenname"),
    "middle_name": ("middlename", "second_name"),
    "last_name": ("surname", "family_name", "lastname", "lname", "familyname"),
    "full_name": ("name", "fullname"),
    "date_of_birth": ("dob", "birth_date", "birthdate", "birthday", "dateofbirth"),
    "email": ("email_address", "e_mail", "mail"),
    "phone": ("phone_number", "telephone", "mobile", "phonenumber"),
    "street": ("street_address", "address_1", "address1", "address", "address_line_1"),
    "city": ("town", "suburb", "locality"),
    "state": ("region", "province", "county"),
    "postcode": ("postal_code", "zip", "zip_code", "zipcode", "post_code", "postcode_fake"),
    "national_id": ("soc_sec_id", "ssn", "social_security_number", "national_number", "nino"),
    "occupation": ("job", "profession"),
    "birth_place": ("birthplace", "place_of_birth"),
}
_READERS = {
    ".csv": "read_csv(?, all_varchar = true, null_padding = true, sample_size = -1)",
    ".tsv": "read_csv(?, all_varchar = true, null_padding = true, sample_size = -1)",
    ".parquet": "read_parquet(?)",
}


def load_persons(
    connection: duckdb.DuckDBPyConnection,
    files: Sequence[Path],
    *,
    truth: str | None = None,
    record_id: str | None = None,
    names: Mapping[str, str] | None = None,
) -> list[str]:
    """Make the table ``persons`` of all rows of the files and return the columns of ours that they have.

    ``record_key`` is text: the column ``record_id``, or the place of the row in the files; ``truth`` the column told.
    ``names`` has theirs by ours. Raises MatchingError for a file, column or name that is not there, or an id that
    comes twice.
    """
    names = dict(names or {})
    for ours in names:
        if ours not in (*PERSON_COLUMNS, "record_id", "source"):
            raise MatchingError(f"{ours!r} is no column of ours; --map takes one of {', '.join(PERSON_COLUMNS)}.")
    record_id = record_id or names.pop("record_id", None)
    names.pop("source", None)
    relations = []
    for place, file in enumerate(files):
        _read(connection, file, place)
        relations.append(f"select {place} as file_number, row_number() over () as row_number, * from file_{place}")
    connection.execute(f"create or replace temp table files as {' union all by name '.join(relations)}")
    theirs = {str(row[0]).lower(): str(row[0]) for row in connection.execute("describe files").fetchall()}
    for column in (truth, record_id, *names.values()):
        if column is not None and column.lower() not in theirs:
            raise MatchingError(f"No file has the column {column!r}; they have {', '.join(list(theirs)[2:])}.")
    reserved = {column.lower() for column in (truth, record_id) if column}
    found = _found(names, [name for name in theirs if name not in reserved])
    if not found:
        raise MatchingError("The files have no column of persons; name at least one with --map ours=theirs.")
    selects = ["file_number", "row_number", _key(record_id) + " as record_key"]
    if truth is not None:
        selects.append(f"{_text(truth)} as truth")
    for ours in PERSON_COLUMNS:
        selects.append(f"{_value(connection, ours, found.get(ours))} as {ours}")
    connection.execute(
        f"create or replace table persons as select {', '.join(selects)} from files order by file_number, row_number"
    )
    ((twice,),) = connection.execute("select count(*) - count(distinct record_key) from persons").fetchall()
    if twice:
        raise MatchingError(f"{record_id} is no id: {twice} rows have none of their own; name another with --id.")
    return list(found)


def _read(connection: duckdb.DuckDBPyConnection, file: Path, place: int) -> None:
    reader = _READERS.get(file.suffix.lower())
    if reader is None:
        raise MatchingError(f"{file} is neither CSV nor Parquet; convert it and name the result.")
    if not file.is_file():
        raise MatchingError(f"{file} is no file; check the path.")
    try:
        connection.execute(f"create or replace temp table file_{place} as select * from {reader}", [str(file)])
    except duckdb.Error as error:
        raise MatchingError(f"{file} cannot be read: {str(error).splitlines()[0]}; check its format.") from error


def _found(names: Mapping[str, str], theirs: Sequence[str]) -> dict[str, str]:
    found = dict(names)
    taken = {column.lower() for column in names.values()}
    for ours in PERSON_COLUMNS:
        for candidate in (ours, *OTHER_NAMES.get(ours, ())):
            if ours not in found and candidate in theirs and candidate not in taken:
                found[ours] = candidate
                taken.add(candidate)
    return found


def _key(record_id: str | None) -> str:
    return _text(record_id) if record_id else "lpad(cast(file_number * 1000000000 + row_number as varchar), 12, '0')"


def _text(column: str) -> str:
    quoted = column.replace('"', '""')
    return f"nullif(trim(cast(\"{quoted}\" as varchar)), '')"


def _value(connection: duckdb.DuckDBPyConnection, ours: str, theirs: str | None) -> str:
    if theirs is None:
        return "cast(null as varchar)"
    if ours != "date_of_birth":
        return _text(theirs)
    quoted = '"' + theirs.replace('"', '""') + '"'
    ((is_day_first,),) = connection.execute(day_first("files", quoted)).fetchall()
    return iso_date(quoted, bool(is_day_first))
