"""Snowflake SQL read without Snowflake: does it parse, and does it call only functions that exist there?

fakesnow accepts functions Snowflake does not have, so a green build there proves little on this point. sqlglot's own
Snowflake parser names each call; a name outside the list below, taken from Snowflake's function reference, fails.
"""

from __future__ import annotations

import re
from itertools import pairwise

import sqlglot
from sqlglot.tokens import TokenType

IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

# Snowflake's function reference; grows only by names looked up there.
DOCUMENTED = frozenset(
    """
    abs any_value array_agg array_size as_varchar avg boolor_agg cast ceil coalesce concat contains count count_if
    current_timestamp current_warehouse
    dateadd datediff date_trunc dense_rank div0 editdistance equal_null exp first_value flatten floor
    get get_path greatest hash iff ilike_any array_construct jarowinkler_similarity lag last_value lead least left
    length listagg ln lower lpad ltrim max max_by md5 median min mod nullif nvl
    object_construct parse_json position power rank
    regexp_count regexp_instr regexp_like regexp_replace regexp_substr replace right round row_number rtrim sha2 split
    split_part sqrt startswith strtok substr substring sum sysdate to_char to_date to_decimal to_json to_number
    to_timestamp to_timestamp_ntz to_varchar translate trim try_cast try_parse_json try_to_decimal try_to_number
    try_to_date try_to_timestamp try_to_timestamp_ntz typeof upper year month day convert_timezone
    """.split()
)

# Words that stand before a parenthesis without calling anything, types with a length among them.
SYNTAX = frozenset(
    """
    all and as between by case char decimal distinct else exists from group having in insert into is join lateral
    like ilike limit not number numeric on or order over partition select set string table then timestamp timestamp_ntz
    union using values varchar when where with within
    """.split()
)


def unknown_functions(sql: str) -> set[str]:
    """Names of called functions that Snowflake does not document; raises sqlglot's ParseError when it does not parse.

    Names are taken from the text, not from the parsed tree: sqlglot knows many foreign functions and would quietly
    read ``sha256(x)``, which Snowflake refuses, as ``sha2(x, 256)``.
    """
    sqlglot.parse(sql, read="snowflake", error_level=sqlglot.ErrorLevel.RAISE)
    tokens = list(sqlglot.tokenize(sql, read="snowflake"))
    called = {
        word.text.lower()
        for before, word, following in zip(tokens, tokens[1:], tokens[2:], strict=False)
        if following.token_type is TokenType.L_PAREN
        and before.token_type is not TokenType.DOT  # schema.table (columns), not a call
        and IDENTIFIER.fullmatch(word.text)
    }
    defined = {
        word.text.lower()
        for word, following in pairwise(tokens)
        if following.token_type is TokenType.ALIAS  # a common table expression: name as (...)
    }
    # ... or name (columns) as (...).
    opened: list[int] = []
    for place, token in enumerate(tokens[:-2]):
        if token.token_type is TokenType.L_PAREN:
            opened.append(place)
        elif token.token_type is TokenType.R_PAREN and opened:
            start = opened.pop()
            following = [one.token_type for one in tokens[place + 1 : place + 3]]
            if start and following == [TokenType.ALIAS, TokenType.L_PAREN]:
                defined.add(tokens[start - 1].text.lower())
    return called - DOCUMENTED - SYNTAX - defined
