"""SOQL read into a tree: a small recursive-descent parser that refuses what Salesforce refuses.

Supported: field lists, ``COUNT()``, aggregates with aliases, ``FIELDS(...)``, ``WHERE`` with every comparison,
``GROUP BY``, ``ORDER BY``, ``LIMIT`` and ``OFFSET``. Not supported: relationship paths, subqueries, ``HAVING``,
``TYPEOF``. Names are kept as written; what they mean is decided by ``query.py`` against the object's fields.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Literal as OneOf
from typing import NoReturn


class SoqlError(Exception):
    """A query Salesforce answers with 400: ``code`` is its errorCode."""

    def __init__(self, code: str, message: str) -> None:
        """Keep both for the error envelope."""
        super().__init__(message)
        self.code = code
        self.message = message


LiteralKind = OneOf["string", "number", "boolean", "null", "datetime", "date", "relative"]
Value = str | int | float | bool | date | datetime | None


@dataclass(frozen=True)
class Literal:
    """A constant. ``pattern`` is the same text for LIKE, with a backslash before literal ``%`` and ``_``.

    ``relative`` literals (``LAST_N_DAYS:3``) carry their upper-cased text and are resolved against the server's clock.
    """

    kind: LiteralKind
    value: Value
    pattern: str = ""


@dataclass(frozen=True)
class FieldRef:
    """A field as written, and where."""

    name: str
    position: int


@dataclass(frozen=True)
class Aggregate:
    """``COUNT(Id)``, ``MAX(SystemModstamp) newest``; ``field`` is None for ``COUNT()``."""

    function: str
    field: FieldRef | None
    alias: str | None
    position: int


@dataclass(frozen=True)
class FieldsOf:
    """``FIELDS(ALL|STANDARD|CUSTOM)``."""

    group: str
    position: int


@dataclass(frozen=True)
class Comparison:
    """``field operator value``; ``in`` and ``not in`` have a tuple of values."""

    field: FieldRef
    operator: str
    values: tuple[Literal, ...]


@dataclass(frozen=True)
class Not:
    """Negation."""

    condition: Condition


@dataclass(frozen=True)
class Junction:
    """``and`` or ``or`` over two or more conditions."""

    operator: str
    conditions: tuple[Condition, ...]


Condition = Comparison | Not | Junction
SelectItem = FieldRef | Aggregate | FieldsOf


@dataclass(frozen=True)
class OrderItem:
    """One sort key; nulls come first unless the query says otherwise, in both directions."""

    field: FieldRef
    descending: bool
    nulls_first: bool


@dataclass(frozen=True)
class Query:
    """A parsed SELECT."""

    text: str
    select: tuple[SelectItem, ...]
    entity: FieldRef
    where: Condition | None
    group_by: tuple[FieldRef, ...]
    order_by: tuple[OrderItem, ...]
    limit: int | None
    offset: int | None

    @property
    def is_plain_count(self) -> bool:
        """Whether this is ``SELECT COUNT() FROM ...``, which returns no records, only totalSize."""
        return len(self.select) == 1 and isinstance(self.select[0], Aggregate) and self.select[0].field is None

    @property
    def is_aggregate(self) -> bool:
        """Whether rows are AggregateResult rows."""
        return bool(self.group_by) or any(isinstance(item, Aggregate) for item in self.select)


def where_it_went_wrong(text: str, position: int) -> str:
    """The fragment, caret and row:column line with which Salesforce opens the message of a bad query."""
    start = max(0, position - 20)
    fragment = " ".join(text[start : position + 30].splitlines())
    row = text.count("\n", 0, position) + 1
    column = position - (text.rfind("\n", 0, position) + 1) + 1
    return f"\n{fragment}\n{' ' * (position - start)}^\nERROR at Row:{row}:Column:{column}\n"


_TOKEN = re.compile(
    r"""\s*(?:
    (?P<datetime>\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:?\d{2}))(?![\w:])
  | (?P<date>\d{4}-\d{2}-\d{2})(?![\w:])
  | (?P<number>[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)(?![\w:])
  | (?P<relative>[A-Za-z_]+:\d+)\b
  | (?P<name>[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)
  | (?P<string>'(?:[^'\\]|\\.)*')
  | (?P<symbol><=|>=|!=|<>|=|<|>|\(|\)|,)
  | (?P<end>$)
    )""",
    re.VERBOSE | re.DOTALL,
)

_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}
_AGGREGATES = frozenset({"COUNT", "COUNT_DISTINCT", "MIN", "MAX", "SUM", "AVG"})
_CLAUSES = frozenset(
    {"FROM", "WHERE", "GROUP", "ORDER", "LIMIT", "OFFSET", "AND", "OR", "NOT", "HAVING", "WITH", "FOR"}
)
_RELATIVE_DAYS = frozenset({"YESTERDAY", "TODAY", "TOMORROW", "LAST_WEEK", "THIS_MONTH", "LAST_MONTH", "THIS_YEAR"})


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    position: int

    @property
    def word(self) -> str:
        return self.text.upper() if self.kind == "name" else ""


def _tokens(text: str) -> list[_Token]:
    found: list[_Token] = []
    position = 0
    while True:
        match = _TOKEN.match(text, position)
        if match is None or match.lastgroup is None:
            rest = text[position:].lstrip()
            at = len(text) - len(rest)
            if rest.startswith("'"):
                raise SoqlError(
                    "MALFORMED_QUERY", where_it_went_wrong(text, at) + "line 1:-1 no viable alternative at character"
                )
            token = re.match(r"\S+", rest)
            _unexpected(text, at, token.group() if token else rest)
        token_text = match.group(match.lastgroup)
        found.append(_Token(match.lastgroup, token_text, match.start(match.lastgroup)))
        if match.lastgroup == "end":
            return found
        position = match.end()


def _unexpected(text: str, position: int, token: str) -> NoReturn:
    shown = f"'{token}'" if token else "'<EOF>'"
    raise SoqlError("MALFORMED_QUERY", where_it_went_wrong(text, position) + f"unexpected token: {shown}")


def _unquote(raw: str) -> tuple[str, str]:
    """The text of a quoted string, and its form for LIKE."""
    plain: list[str] = []
    pattern: list[str] = []
    inside = raw[1:-1]
    at = 0
    while at < len(inside):
        char = inside[at]
        if char != "\\":
            plain.append(char)
            pattern.append(char)
            at += 1
            continue
        escape = inside[at + 1]
        if escape == "u" and re.match(r"[0-9A-Fa-f]{4}", inside[at + 2 : at + 6]):
            decoded = chr(int(inside[at + 2 : at + 6], 16))
            at += 6
        else:
            decoded = _ESCAPES.get(escape.lower(), escape)
            at += 2
        plain.append(decoded)
        pattern.append("\\" + decoded if decoded in "%_\\" else decoded)
    return "".join(plain), "".join(pattern)


def _datetime(token: str) -> datetime:
    """Naive UTC."""
    text = re.sub(r"\.(\d+)", lambda m: "." + (m.group(1) + "000000")[:6], token)
    moment = datetime.fromisoformat(re.sub(r"([+-]\d{2})(\d{2})$", r"\1:\2", text))
    return moment.astimezone(UTC).replace(tzinfo=None)


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = _tokens(text)
        self.at = 0

    @property
    def next(self) -> _Token:
        return self.tokens[self.at]

    def take(self) -> _Token:
        token = self.next
        self.at += 1
        return token

    def refuse(self, token: _Token | None = None) -> NoReturn:
        token = token or self.next
        _unexpected(self.text, token.position, token.text)

    def has_word(self, *words: str) -> bool:
        return all(self.tokens[min(self.at + n, len(self.tokens) - 1)].word == word for n, word in enumerate(words))

    def take_words(self, *words: str) -> bool:
        if not self.has_word(*words):
            return False
        self.at += len(words)
        return True

    def expect_word(self, word: str) -> None:
        if not self.take_words(word):
            self.refuse()

    def take_symbol(self, symbol: str) -> bool:
        if self.next.kind == "symbol" and self.next.text == symbol:
            self.at += 1
            return True
        return False

    def expect_symbol(self, symbol: str) -> None:
        if not self.take_symbol(symbol):
            self.refuse()

    def name(self) -> FieldRef:
        token = self.next
        if token.kind != "name" or token.word in _CLAUSES:
            self.refuse()
        self.take()
        return FieldRef(token.text, token.position)

    def query(self) -> Query:
        self.expect_word("SELECT")
        select = [self.select_item()]
        while self.take_symbol(","):
            select.append(self.select_item())
        self.expect_word("FROM")
        entity = self.name()
        where = self.condition() if self.take_words("WHERE") else None
        group_by: list[FieldRef] = []
        if self.take_words("GROUP", "BY"):
            group_by.append(self.name())
            while self.take_symbol(","):
                group_by.append(self.name())
        order_by: list[OrderItem] = []
        if self.take_words("ORDER", "BY"):
            order_by.append(self.order_item())
            while self.take_symbol(","):
                order_by.append(self.order_item())
        limit = self.count() if self.take_words("LIMIT") else None
        offset = self.count() if self.take_words("OFFSET") else None
        if self.next.kind != "end":
            self.refuse()
        return Query(self.text, tuple(select), entity, where, tuple(group_by), tuple(order_by), limit, offset)

    def select_item(self) -> SelectItem:
        token = self.next
        opens = self.tokens[min(self.at + 1, len(self.tokens) - 1)]
        if opens.kind != "symbol" or opens.text != "(":
            return self.name()
        if token.word == "FIELDS":
            self.at += 2
            group = self.take()
            if group.word not in ("ALL", "STANDARD", "CUSTOM"):
                self.refuse(group)
            self.expect_symbol(")")
            return FieldsOf(group.word, token.position)
        if token.word not in _AGGREGATES:
            self.refuse(opens)
        self.at += 2
        field = None if token.word == "COUNT" and self.next.text == ")" else self.name()
        self.expect_symbol(")")
        alias = self.name().name if self.next.kind == "name" and self.next.word not in _CLAUSES else None
        return Aggregate(token.word, field, alias, token.position)

    def condition(self) -> Condition:
        """Terms joined by AND or by OR; both at one level are refused, as Salesforce does."""
        terms = [self.term()]
        joined_by = ""
        while self.has_word("AND") or self.has_word("OR"):
            if joined_by and self.next.word != joined_by:
                self.refuse()
            joined_by = self.take().word
            terms.append(self.term())
        return terms[0] if len(terms) == 1 else Junction(joined_by.lower(), tuple(terms))

    def term(self) -> Condition:
        if self.take_words("NOT"):
            return Not(self.term())
        if self.take_symbol("("):
            inner = self.condition()
            self.expect_symbol(")")
            return inner
        return self.comparison()

    def comparison(self) -> Comparison:
        field = self.name()
        if self.take_words("NOT", "IN"):
            return Comparison(field, "not in", self.literals())
        if self.take_words("IN"):
            return Comparison(field, "in", self.literals())
        if self.take_words("LIKE"):
            return Comparison(field, "like", (self.literal(),))
        token = self.take()
        if token.kind != "symbol" or token.text in "(),":
            self.refuse(token)
        return Comparison(field, "!=" if token.text == "<>" else token.text, (self.literal(),))

    def literals(self) -> tuple[Literal, ...]:
        self.expect_symbol("(")
        found = [self.literal()]
        while self.take_symbol(","):
            found.append(self.literal())
        self.expect_symbol(")")
        return tuple(found)

    def literal(self) -> Literal:
        token = self.take()
        try:
            if token.kind == "string":
                plain, pattern = _unquote(token.text)
                return Literal("string", plain, pattern)
            if token.kind == "number":
                return Literal("number", float(token.text) if re.search(r"[.eE]", token.text) else int(token.text))
            if token.kind == "datetime":
                return Literal("datetime", _datetime(token.text))
            if token.kind == "date":
                return Literal("date", date.fromisoformat(token.text))
        except ValueError:
            self.refuse(token)
        if token.word in ("TRUE", "FALSE"):
            return Literal("boolean", token.word == "TRUE")
        if token.word == "NULL":
            return Literal("null", None)
        if token.word in _RELATIVE_DAYS or (
            token.kind == "relative" and re.fullmatch(r"(LAST|NEXT)_N_DAYS:\d+", token.text.upper())
        ):
            return Literal("relative", token.text.upper())
        return self.refuse(token)

    def order_item(self) -> OrderItem:
        field = self.name()
        descending = self.take_words("DESC")
        if not descending:
            self.take_words("ASC")
        nulls_first = True
        if self.take_words("NULLS", "LAST"):
            nulls_first = False
        elif self.has_word("NULLS"):
            self.take()
            self.expect_word("FIRST")
        return OrderItem(field, descending, nulls_first)

    def count(self) -> int:
        token = self.take()
        if token.kind != "number" or not token.text.isdigit():
            self.refuse(token)
        return int(token.text)


def parse(text: str) -> Query:
    """Parse one SELECT. Raises SoqlError with MALFORMED_QUERY."""
    if not text.strip():
        raise SoqlError("MALFORMED_QUERY", "A query string has to be specified")
    return _Parser(text).query()
