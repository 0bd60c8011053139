"""The keys that records are matched by, as SQL over a relation of persons.

In: ``record_key`` and, all text and any of them null, the columns of ``PERSON_COLUMNS``; a date of birth is ISO
(``1980-03-12``, a year or year and month alone, or one that no calendar has: a typing error is compared like text).
Out: one row per record with the columns that contracts/matching.yml may name. Nothing is guessed but this: a first and
a last name are taken from the full name where they are missing, and a title is no first name.
"""

from __future__ import annotations

PERSON_COLUMNS = (
    "first_name",
    "middle_name",
    "last_name",
    "full_name",
    "date_of_birth",
    "email",
    "phone",
    "street",
    "city",
    "state",
    "postcode",
    "country",
    "national_id",
    "occupation",
    "birth_place",
)
# What forms and exports write where they know nothing; compared after `words` has put blanks for punctuation.
NOTHING = ("n a", "na", "nan", "nil", "none", "null", "unknown", "undefined", "not known", "not available")
# Quotation marks that stand for an apostrophe are no punctuation to the warehouses.
_BETWEEN_WORDS = "[[:punct:][:space:]\u2019\u2018\u00b4]+"
_TITLES = "mr|mrs|ms|miss|mx|dr|prof|professor|sir|lady|lord|dame|rev|reverend|hon"
_MARKED = "àáâãäåāăąçćčďđèéêëēėęěğìíîïīįıłľñńňòóôõöøōőŕřśşšșťţțùúûüūůűųýÿžźż"
_PLAIN = "aaaaaaaaacccddeeeeeeeegiiiiiiillnnnoooooooorrsssstttuuuuuuuuyyzzz"


def matching_keys(persons: str, nicknames: str, dialect: str) -> str:
    """One row per person with its keys; ``nicknames`` has ``name`` and ``root``, each name once."""
    split = "split" if dialect == "snowflake" else "string_split"
    text = {name: _words(name, dialect) for name in PERSON_COLUMNS}
    return f"""with

cleaned as (
    select
        record_key,
        {_untitled(text["first_name"], dialect)} as first_name,
        {text["middle_name"]} as middle_name,
        {text["last_name"]} as last_name,
        {_untitled(_words(_in_order("full_name", dialect), dialect), dialect)} as full_name,
        nullif(trim(date_of_birth), '') as date_of_birth,
        case when email like '%_@_%' then lower(trim(email)) end as email,
        {_only("phone", "[^0-9]", dialect)} as phone_digits,
        {text["street"]} as street,
        {text["city"]} as city,
        {text["state"]} as state,
        {_only("lower(postcode)", "[^a-z0-9]", dialect)} as postcode,
        {_only("lower(national_id)", "[^a-z0-9]", dialect)} as national_id,
        {text["occupation"]} as occupation,
        {text["birth_place"]} as birth_place
    from {persons}
),

named as (
    select
        cleaned.*,
        coalesce(first_name, split_part(full_name, ' ', 1)) as given_name,
        coalesce(last_name, case when full_name like '% %' then split_part(full_name, ' ', -1) end) as family_name,
        coalesce(
            full_name,
            nullif(
                trim(coalesce(first_name || ' ', '') || coalesce(middle_name || ' ', '') || coalesce(last_name, '')), ''
            )
        ) as whole_name,
        {_only("date_of_birth", "[^0-9]", dialect)} as birth_digits
    from cleaned
)

select
    record_key,
    given_name as first_name,
    coalesce(nicknames.root, given_name) as first_name_root,
    middle_name,
    family_name as last_name,
    {split}(whole_name, ' ') as name_parts,
    birth_digits,
    left(birth_digits, 4) as birth_year,
    case when length(birth_digits) = 8 then substr(birth_digits, 5) end as birth_day,
    try_cast(date_of_birth as date) as birth_date,
    email,
    split_part(email, '@', 1) as email_name,
    case when length(phone_digits) >= 6 then right(phone_digits, 9) end as phone,
    street,
    city,
    state,
    postcode,
    case
        when length(postcode) < 4 then postcode
        when {_begins_with_letter("postcode")} then left(postcode, length(postcode) - 3)
        else left(postcode, least(length(postcode), 5) - 2)
    end as postal_area,
    national_id,
    occupation,
    birth_place
from named
left join {nicknames} as nicknames
    on named.given_name = nicknames.name"""


def _words(expression: str, dialect: str) -> str:
    """Lower case, Latin letters without marks, one blank for each run of punctuation; null when nothing is said."""
    plain = f"translate(replace(lower({expression}), 'ß', 'ss'), '{_MARKED}', '{_PLAIN}')"
    words = f"trim({_replaced(plain, _BETWEEN_WORDS, ' ', dialect)})"
    nothing = ", ".join(f"'{word}'" for word in NOTHING)
    return f"case when {words} not in ('', {nothing}) then {words} end"


def _only(expression: str, others: str, dialect: str) -> str:
    return f"nullif({_replaced(expression, others, '', dialect)}, '')"


def _untitled(expression: str, dialect: str) -> str:
    return f"nullif(trim({_replaced(expression, f'^(({_TITLES}) )*(({_TITLES})$)?', '', dialect)}), '')"


def _in_order(expression: str, dialect: str) -> str:
    """A full name written 'Lovelace, Ada' the other way round; with several commas it stays."""
    return (
        f"case when {expression} like '%, %' and {expression} not like '%,%,%' and {expression} not like '% %, %' "
        f"then split_part({expression}, ', ', 2) || ' ' || split_part({expression}, ', ', 1) else {expression} end"
    )


def _replaced(expression: str, pattern: str, replacement: str, dialect: str) -> str:
    everywhere = "" if dialect == "snowflake" else ", 'g'"
    return f"regexp_replace({expression}, '{pattern}', '{replacement}'{everywhere})"


def _begins_with_letter(expression: str) -> str:
    return f"left({expression}, 1) between 'a' and 'z'"
