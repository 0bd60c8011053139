"""Person records out of CSV and Parquet files, as the relation that keys are made of.

Columns are found by our names, by the names that others commonly give them, or as told. Nothing is cleaned here but
dates, whose order (day or month first) can only be told from a whole column.
"""

from __future__ import annotations

import re
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
# Text that is no UTF-8 is read as what Windows and older exports write.
_ENCODINGS = ("utf-8", "latin-1")
_TEXT = "read_csv(?, all_varchar = true, null_padding = true, sample_size = -1, encoding = '{encoding}')"
_TEXT_FILES = (".csv", ".tsv", ".txt", ".csv.gz")
_PARQUET_FILES = (".parquet", ".pq")


def load_persons(
    connection: duckdb.DuckDBPyConnection,
    files: Sequence[Path],
    *,
    truth: str | None = None,
    record_id: str | None = None,
    names: Mapping[str, str] | None = None,
) -> list[str]:
    """Make the table ``persons`` of all rows of the files and return the columns of ours that they have.

    ``record_key`` is text: the column ``record_id`` (with the file's number where files repeat each other's), or the
    place of the row in the files; ``truth`` the column told.
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
    ((rows,),) = connection.execute("select count(*) from files").fetchall()
    if not rows:
        raise MatchingError("The files hold no records; name files with a line of column names and records below it.")
    theirs = {_plain(str(row[0])): str(row[0]) for row in connection.execute("describe files").fetchall()}
    for column in (truth, record_id, *names.values()):
        if column is not None and _plain(column) not in theirs:
            raise MatchingError(f"No file has the column {column!r}; they have {', '.join(list(theirs.values())[2:])}.")
    truth, record_id = (theirs[_plain(column)] if column else None for column in (truth, record_id))
    names = {ours: theirs[_plain(column)] for ours, column in names.items()}
    free = {plain: column for plain, column in theirs.items() if column not in (truth, record_id)}
    found = _found(names, free)
    if not found:
        raise MatchingError("The files have no column of persons; name at least one with --map ours=theirs.")
    selects = ["file_number", "row_number", _key(connection, record_id) + " as record_key"]
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
    name = file.name.lower()
    if not name.endswith(_TEXT_FILES + _PARQUET_FILES):
        raise MatchingError(f"{file} is neither CSV nor Parquet; convert it and name the result.")
    if not file.is_file():
        raise MatchingError(f"{file} is no file; check the path.")
    if file.stat().st_size == 0:
        raise MatchingError(f"{file} is empty; name a file with a line of column names and records below it.")
    readers = [_TEXT.format(encoding=encoding) for encoding in _ENCODINGS]
    failure = ""
    for reader in readers if name.endswith(_TEXT_FILES) else ["read_parquet(?)"]:
        try:
            connection.execute(f"create or replace temp table file_{place} as select * from {reader}", [str(file)])
        except duckdb.Error as error:
            failure = failure or str(error).splitlines()[0]
        else:
            return
    raise MatchingError(f"{file} cannot be read: {failure}; check its format.")


def _plain(column: str) -> str:
    """A column's name without case, blanks and punctuation: 'First Name' is first_name."""
    return re.sub("[^a-z0-9]+", "_", column.lower()).strip("_") or column


def _found(names: Mapping[str, str], theirs: Mapping[str, str]) -> dict[str, str]:
    """Their column for each of ours; ``theirs`` has the columns that may be taken by their plain names."""
    found = dict(names)
    for ours in PERSON_COLUMNS:
        for candidate in (ours, *OTHER_NAMES.get(ours, ())):
            if ours not in found and candidate in theirs and theirs[candidate] not in found.values():
                found[ours] = theirs[candidate]
    return found


def _key(connection: duckdb.DuckDBPyConnection, record_id: str | None) -> str:
    """The id, or the place of the row; where two files number their records alike, with the number of the file."""
    if record_id is None:
        return "lpad(cast(file_number * 1000000000 + row_number as varchar), 12, '0')"
    value = _text(record_id)
    ((repeated, in_one_file),) = connection.execute(
        f"select count(*) > count(distinct {value}), count(*) > count(distinct ({value}, file_number)) from files"
    ).fetchall()
    return f"(file_number + 1) || ':' || {value}" if repeated and not in_one_file else value


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
