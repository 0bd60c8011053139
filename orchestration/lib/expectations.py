"""What a landed batch must look like: rules as data, and Great Expectations that tries them.

A suite is a tuple of rules for one object. Rules about shape (``mostly`` below 1) judge a batch as a whole, which a
handful of rows cannot carry: in a batch of fewer than ``SMALL_BATCH`` rows a broken one warns and does not block.
A rule about a column that the table does not have is left out, unless the object cannot be without it. Rows that
break a rule about single rows can be told apart (``breaking``), so that the others need not wait for them.

Great Expectations takes seconds to import, so that happens in ``judge`` and nowhere else. It gets Arrow batches as
pandas frames of ``CHUNK`` rows, never the whole of a first load.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import pyarrow as pa

SMALL_BATCH = 200
CHUNK = 200_000
# A source's clock may be ahead of ours by its time zone, wrongly kept; more than that is a broken value.
_CLOCK_SLACK = timedelta(days=1)
_EMAIL = r"^[^@\s]+@[^@\s]+\.[^@\s]+$"

Kind = Literal["not_null", "unique", "between", "not_after_extraction", "matches", "one_of"]


@dataclass(frozen=True)
class Rule:
    """One expectation on a batch. ``low`` and ``high`` are inclusive; None is open."""

    kind: Kind
    columns: tuple[str, ...]
    mostly: float = 1.0
    low: float | datetime | None = None
    high: float | datetime | None = None
    pattern: str = ""
    values: tuple[str, ...] = ()
    # The object cannot be without these columns; otherwise the rule is left out where they are missing.
    required: bool = False

    @property
    def sentence(self) -> str:
        """The rule in words, for metadata and messages."""
        what = " + ".join(self.columns)
        share = "" if self.mostly >= 1 else f" in {self.mostly:.0%} of rows"
        words = {
            "not_null": "is never null" if not share else "is not null",
            "unique": "is unique",
            "between": f"lies between {_shown(self.low)} and {_shown(self.high)}",
            "not_after_extraction": f"lies between {_shown(self.low)} and the extraction",
            "matches": "looks as it should",
            "one_of": "is one of " + ", ".join(self.values),
        }
        return f"{what} {words[self.kind]}{share}"


Suite = tuple[Rule, ...]


def keyed(*columns: str) -> Suite:
    """Every column of the key is there, and together they are unique."""
    return (
        *(Rule("not_null", (column,), required=True) for column in columns),
        Rule("unique", columns, required=True),
    )


def cursor(column: str) -> Suite:
    """What the watermark is read from: never null, and not in the future."""
    return (
        Rule("not_null", (column,), required=True),
        Rule("not_after_extraction", (column,), low=datetime(1990, 1, 1), required=True),  # noqa: DTZ001 - naive UTC
    )


def happened(*columns: str, since: int = 1990) -> Suite:
    """Times of things that have happened, not before the year ``since``: an empty time is often 1970-01-01."""
    return tuple(Rule("not_after_extraction", (column,), low=datetime(since, 1, 1)) for column in columns)  # noqa: DTZ001


def present(*columns: str, mostly: float = 1.0) -> Suite:
    """Columns that are filled."""
    return tuple(Rule("not_null", (column,), mostly=mostly) for column in columns)


def emails(*columns: str, mostly: float = 0.9) -> Suite:
    """Addresses look like addresses, mostly: people type anything into a CRM."""
    return tuple(Rule("matches", (column,), mostly=mostly, pattern=_EMAIL) for column in columns)


def between(column: str, low: float | None, high: float | None, *, mostly: float = 1.0) -> Suite:
    """Numbers in a range that makes sense."""
    return (Rule("between", (column,), mostly=mostly, low=low, high=high),)


def one_of(column: str, *values: str) -> Suite:
    """A closed list."""
    return (Rule("one_of", (column,), values=values),)


@dataclass(frozen=True)
class Broken:
    """A rule that does not hold: how many values, of how many looked at; ``blocking`` when the batch must not flow."""

    rule: Rule
    unexpected: int
    examined: int
    blocking: bool
    # Set when the rule could not be tried at all.
    problem: str = ""

    def __str__(self) -> str:
        """One line, without any value: those are somebody's data."""
        found = self.problem or f"{self.unexpected} of {self.examined} do not"
        return f"{self.rule.sentence}: {found}"


@dataclass
class Verdict:
    """What a batch's suite found."""

    rows: int
    rules: int
    broken: list[Broken] = field(default_factory=list)
    # Rows set apart, without which the rest of the batch was judged.
    apart: int = 0

    @property
    def status(self) -> str:
        """``passed``, ``warned`` or ``failed``."""
        if any(item.blocking for item in self.broken):
            return "failed"
        return "warned" if self.broken or self.apart else "passed"


def applicable(suite: Suite, columns: Sequence[str]) -> Suite:
    """The rules that can be asked of a table with these columns; required ones stay, and fail if they must."""
    there = set(columns)
    return tuple(rule for rule in suite if rule.required or there.issuperset(rule.columns))


def columns_of(suite: Suite) -> tuple[str, ...]:
    """The columns a suite looks at, each once, in order."""
    return tuple(dict.fromkeys(column for rule in suite for column in rule.columns))


def judge(batch: pa.Table, suite: Suite, *, extracted_at: datetime | None = None) -> Verdict:
    """Try ``suite`` on ``batch``, sorted by the key (the columns of its unique rules) so that repeats are neighbours.

    ``extracted_at`` (naive UTC) is the newest extraction in the batch. No rows pass.
    """
    verdict = Verdict(batch.num_rows, len(suite))
    if not batch.num_rows or not suite:
        return verdict
    seen: dict[int, tuple[int, int]] = {}
    problems: dict[int, str] = {}
    for chunk in _chunks(batch, suite):
        for number, outcome in _try(chunk, suite, extracted_at).items():
            if isinstance(outcome, str):
                problems[number] = outcome
            else:
                unexpected, examined = seen.get(number, (0, 0))
                seen[number] = (unexpected + outcome[0], examined + outcome[1])
    for number, rule in enumerate(suite):
        unexpected, examined = seen.get(number, (0, 0))
        allowed = (1 - rule.mostly) * examined
        if number not in problems and unexpected <= allowed + 1e-9:
            continue
        blocking = number in problems or rule.mostly >= 1 or batch.num_rows >= SMALL_BATCH
        verdict.broken.append(Broken(rule, unexpected, examined, blocking, problems.get(number, "")))
    return verdict


def breaking(batch: pa.Table, rule: Rule, *, extracted_at: datetime | None = None) -> pa.Table:
    """The rows of ``batch`` that break ``rule``, which must hold of each row by itself; none for any other rule."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if rule.mostly < 1 or rule.kind == "unique" or not set(rule.columns) <= set(batch.column_names):
        return batch.slice(0, 0)
    column: Any = batch[rule.columns[0]]
    wrong: Any
    if rule.kind == "not_null":
        return batch.filter(pc.is_null(column))
    if rule.kind == "matches":
        wrong = pc.invert(pc.match_substring_regex(column, rule.pattern))
    elif rule.kind == "one_of":
        wrong = pc.invert(pc.is_in(column, value_set=pa.array(rule.values)))
        wrong = pc.and_(wrong, pc.is_valid(column))
    else:
        high = _highest(rule, extracted_at)
        sides: list[Any] = [pc.less(column, pa.scalar(rule.low))] if rule.low is not None else []
        sides += [pc.greater(column, pa.scalar(high))] if high is not None else []
        wrong = sides[0] if len(sides) == 1 else pc.or_(*sides)
    return batch.filter(wrong)


def _highest(rule: Rule, extracted_at: datetime | None) -> float | datetime | None:
    """What a value may be at most."""
    if rule.kind == "not_after_extraction" and extracted_at is not None:
        return extracted_at + _CLOCK_SLACK
    return rule.high


def _chunks(batch: pa.Table, suite: Suite) -> Iterator[pa.Table]:
    key = next((rule.columns for rule in suite if rule.kind == "unique"), ())
    key = tuple(column for column in key if column in batch.column_names)
    start = 0
    while start < batch.num_rows:
        end = min(start + CHUNK, batch.num_rows)
        # A key must not straddle two chunks, or its repeat would go unseen.
        while key and end < batch.num_rows and _key(batch, key, end) == _key(batch, key, end - 1):
            end += 1
        yield batch.slice(start, end - start)
        start = end


def _key(batch: pa.Table, key: Sequence[str], row: int) -> tuple[Any, ...]:
    return tuple(batch[column][row].as_py() for column in key)


def _try(chunk: pa.Table, suite: Suite, extracted_at: datetime | None) -> dict[int, tuple[int, int] | str]:
    """Per rule number: (unexpected, examined), or what kept it from being tried."""
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    logging.getLogger("great_expectations").setLevel(logging.ERROR)
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    asset = context.data_sources.add_pandas("landed").add_dataframe_asset("batch")
    batch = asset.add_batch_definition_whole_dataframe("whole").get_batch({"dataframe": _frame(chunk)})
    expectations = gx.ExpectationSuite(name="landed")
    for number, rule in enumerate(suite):
        expectations.add_expectation(_expectation(rule, number, extracted_at))
    # Never the values themselves: they would end in Dagster's event log.
    results = batch.validate(expectations, result_format={"result_format": "BASIC", "partial_unexpected_count": 0})
    found: dict[int, tuple[int, int] | str] = {}
    for result in results.results:
        number = int(result.expectation_config.meta["rule"])
        counts = result.result
        if "unexpected_count" not in counts:
            missing = [column for column in suite[number].columns if column not in chunk.column_names]
            found[number] = f"there is no column {', '.join(missing)}" if missing else "it could not be tried"
            continue
        examined = int(counts["element_count"]) - int(counts.get("missing_count") or 0)
        found[number] = (int(counts["unexpected_count"]), examined)
    return found


def _frame(chunk: pa.Table) -> Any:
    """A pandas frame whose numbers are floats and whose dates compare with times."""
    import pyarrow as pa

    schema = pa.schema(
        [
            pa.field(item.name, pa.float64()) if pa.types.is_decimal(item.type) else item
            for item in chunk.schema
        ]
    )  # fmt: skip
    return chunk.cast(schema, safe=False).to_pandas(date_as_object=False)


def _expectation(rule: Rule, number: int, extracted_at: datetime | None) -> Any:
    import great_expectations.expectations as gxe

    meta = {"rule": number}
    column = rule.columns[0]
    if rule.kind == "not_null":
        return gxe.ExpectColumnValuesToNotBeNull(column=column, mostly=rule.mostly, meta=meta)
    if rule.kind == "unique":
        if len(rule.columns) == 1:
            return gxe.ExpectColumnValuesToBeUnique(column=column, meta=meta)
        return gxe.ExpectCompoundColumnsToBeUnique(column_list=list(rule.columns), meta=meta)
    if rule.kind == "matches":
        return gxe.ExpectColumnValuesToMatchRegex(column=column, regex=rule.pattern, mostly=rule.mostly, meta=meta)
    if rule.kind == "one_of":
        return gxe.ExpectColumnValuesToBeInSet(column=column, value_set=list(rule.values), meta=meta)
    return gxe.ExpectColumnValuesToBeBetween(
        column=column, min_value=rule.low, max_value=_highest(rule, extracted_at), mostly=rule.mostly, meta=meta
    )


def _shown(limit: float | datetime | None) -> str:
    if limit is None:
        return "anything"
    return f"{limit:%Y-%m-%d}" if isinstance(limit, datetime) else f"{limit:g}"
