"""Rows of a Bulk page are counted while it passes, however the network cuts it into pieces."""

from __future__ import annotations

import csv
import io
import itertools

from hypothesis import given
from hypothesis import strategies as st

from extract.sources.salesforce.row_counts import Quotes, RowEnds

# What Bulk writes: every value in quotes, quotes inside doubled, rows ended by a line feed.
VALUES = st.text(st.sampled_from(['"', "\n", "\r", ",", "a", "é", "\0", " "]), max_size=4)
# A line feed that is all of a value looks like the end of a row; such a page is read again and its quotes counted.
PLAIN = st.text(st.sampled_from(["\n", "\r", ",", "a", "é", " "]), max_size=4).filter(lambda value: value != "\n")


def _page(rows: list[list[str]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerows([["Id", "Name"], *rows])
    return text.getvalue().encode()


def _rows_of(values: st.SearchStrategy[str]) -> st.SearchStrategy[list[list[str]]]:
    return st.lists(st.lists(values, min_size=2, max_size=2), max_size=6)


def _fed(counter: RowEnds | Quotes, page: bytes, cuts: list[int]) -> RowEnds | Quotes:
    edges = [0, *sorted(min(cut, len(page)) for cut in cuts), len(page)]
    for begin, end in itertools.pairwise(edges):
        counter.add(page[begin:end])
    return counter


@given(_rows_of(PLAIN), st.lists(st.integers(0, 80), max_size=12))
def test_row_ends_are_exact_where_no_value_holds_one(rows: list[list[str]], cuts: list[int]) -> None:
    counter = _fed(RowEnds(), _page(rows), cuts)
    assert (counter.rows, counter.whole) == (len(rows), True)


@given(_rows_of(VALUES), st.lists(st.integers(0, 80), max_size=12))
def test_quotes_are_exact_for_any_value(rows: list[list[str]], cuts: list[int]) -> None:
    counter = _fed(Quotes(), _page(rows), cuts)
    assert (counter.rows, counter.whole) == (len(rows), True)


@given(_rows_of(VALUES), st.integers(1, 60), st.lists(st.integers(0, 80), max_size=12))
def test_a_page_that_breaks_off_is_not_whole_with_all_its_rows(
    rows: list[list[str]], lost: int, cuts: list[int]
) -> None:
    page = _page(rows)
    seen = _fed(Quotes(), page[: max(0, len(page) - lost)], cuts)
    assert not (seen.whole and seen.rows >= len(rows))
