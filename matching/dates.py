"""Dates of birth as files write them, made ISO text by SQL on DuckDB.

A column is read as a whole: '03/12/1980' is the third of December when some value of the column can only be day first
and more are so than month first. What no calendar has ('1862-88-05') keeps its digits, for it is one typing error away
from a date; what is no date at all becomes null.
"""

from __future__ import annotations

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
# Two-digit years: up to this they are of this century.
_NEWEST_SHORT_YEAR = 29

_ISO = "^([0-9]{4})[-/. ]([0-9]{1,2})[-/. ]([0-9]{1,2})([T ].*)?$"
_YEAR_LAST = "^([0-9]{1,2})[-/. ]([0-9]{1,2})[-/. ]([0-9]{4}|[0-9]{2})([T ,].*)?$"
_DAY_WORD_YEAR = "^([0-9]{1,2})(st|nd|rd|th)?[-/. ]+([a-z]{3})[a-z]*[-/., ]+([0-9]{4}|[0-9]{2})$"
_WORD_DAY_YEAR = "^([a-z]{3})[a-z]*[-/. ]+([0-9]{1,2})(st|nd|rd|th)?[-/., ]+([0-9]{4}|[0-9]{2})$"


def day_first(table: str, column: str) -> str:
    """Whether dates like '03/12/1980' of the column have the day first: one row, ``day_first``.

    Undecided (no part above 12, or as many either way) counts as day first, the custom of most of the world.
    """
    text = f"trim(cast({column} as varchar))"
    first, second = (f"try_cast(regexp_extract({text}, '{_YEAR_LAST}', {group}) as integer)" for group in (1, 2))
    return (
        f"select count(*) filter (where {first} > 12 and {second} <= 12) "
        f">= count(*) filter (where {second} > 12 and {first} <= 12) as day_first from {table}"
    )


def iso_date(column: str, is_day_first: bool) -> str:
    """The column as '1980-03-12', '1980-03', '1980', or null."""
    text = f"lower(trim(cast({column} as varchar)))"
    day, month = (1, 2) if is_day_first else (2, 1)
    cases = [
        (f"regexp_matches({text}, '{_ISO}')", _joined(text, _ISO, 1, 2, 3)),
        (f"regexp_matches({text}, '{_YEAR_LAST}')", _joined(text, _YEAR_LAST, 3, month, day)),
        (f"regexp_matches({text}, '{_DAY_WORD_YEAR}')", _joined(text, _DAY_WORD_YEAR, 4, 3, 1, word=True)),
        (f"regexp_matches({text}, '{_WORD_DAY_YEAR}')", _joined(text, _WORD_DAY_YEAR, 4, 1, 2, word=True)),
        (f"regexp_matches({text}, '^(1[5-9]|20)[0-9]{{6}}([.]0)?$')", _cut(text, 1, 5, 7)),
        (f"regexp_matches({text}, '^[0-9]{{4}}(1[5-9]|20)[0-9]{{2}}$')", _cut(text, 5, *_day_and_month(is_day_first))),
        (f"regexp_matches({text}, '^[0-9]{{8}}$')", _cut(text, 1, 5, 7)),
        (f"regexp_matches({text}, '^[0-9]{{4}}-[0-9]{{2}}$')", text),
        (f"regexp_matches({text}, '^(1[5-9]|20)[0-9]{{2}}([.]0)?$')", f"left({text}, 4)"),
    ]
    whens = "\n".join(f"        when {condition} then {value}" for condition, value in cases)
    return f"case\n{whens}\n    end"


def _day_and_month(is_day_first: bool) -> tuple[int, int]:
    """Where month and day begin in eight digits that end with the year."""
    return (3, 1) if is_day_first else (1, 3)


def _cut(text: str, year: int, month: int, day: int) -> str:
    return f"substr({text}, {year}, 4) || '-' || substr({text}, {month}, 2) || '-' || substr({text}, {day}, 2)"


def _joined(text: str, pattern: str, year: int, month: int, day: int, word: bool = False) -> str:
    def part(group: int) -> str:
        return f"regexp_extract({text}, '{pattern}', {group})"

    long_year = (
        f"case when length({part(year)}) = 4 then {part(year)} "
        f"when cast({part(year)} as integer) <= {_NEWEST_SHORT_YEAR} then '20' || {part(year)} "
        f"else '19' || {part(year)} end"
    )
    number = _month_number(part(month)) if word else f"lpad({part(month)}, 2, '0')"
    return f"({long_year}) || '-' || {number} || '-' || lpad({part(day)}, 2, '0')"


def _month_number(word: str) -> str:
    whens = " ".join(f"when '{name}' then '{number:02d}'" for number, name in enumerate(_MONTHS, start=1))
    return f"(case {word} {whens} end)"
