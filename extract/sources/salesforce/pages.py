"""The CSV pages of a finished Bulk job, into the spool as they came, a few at once.

A page names the next one in its headers, before its rows: so the next is asked for while the rows of this one are read.
Each is counted against ``Sforce-NumberOfRecords``, and read again when it falls short.
"""

from __future__ import annotations

import csv
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from queue import SimpleQueue

import requests

from extract.source import MalformedAnswer, ObjectInfo, ReadContext, Unreachable
from extract.sources.rest import cause
from extract.sources.salesforce import settings
from extract.sources.salesforce.client import Client
from extract.sources.salesforce.row_counts import Quotes, RowEnds

# Small enough to be counted and written while it is in the processor's cache.
CHUNK = 1 << 18
# Seconds that pages under way have to notice that they are no longer wanted.
GRACE = 1.0


class BrokenPage(Exception):
    """A page is not what it says it is; the message is the end of a sentence about it."""


class _Unwanted(Exception):
    """Another page has failed."""


@dataclass(frozen=True)
class _Begun:
    """A page answers; ``following`` is the locator of the next one, None after the last."""

    following: str | None


@dataclass(frozen=True)
class _Read:
    """A page is in the spool."""

    rows: int


def read(client: Client, info: ObjectInfo, context: ReadContext, path: str, fields: Sequence[str]) -> int:
    """Spool all pages below ``path``; returns their rows. Raises SourceError, with some pages spooled."""
    reader = _Reader(client, info, context, path, fields)
    threads = [threading.Thread(target=reader.work, daemon=True) for _ in range(settings.PAGES_AT_ONCE)]
    for thread in threads:
        thread.start()
    try:
        return reader.follow()
    finally:
        reader.stop(len(threads))
        # A server that says nothing more holds its thread, not us: it ends with its time-out or the process.
        for thread in threads:
            thread.join(GRACE)


class _Reader:
    """Pages in the order of their locators: ``follow`` on the caller's thread, ``work`` on those that read."""

    def __init__(
        self, client: Client, info: ObjectInfo, context: ReadContext, path: str, fields: Sequence[str]
    ) -> None:
        self._client = client
        self._info = info
        self._context = context
        self._path = path
        self._fields = fields
        self._wanted: SimpleQueue[tuple[str | None] | None] = SimpleQueue()
        self._news: SimpleQueue[_Begun | _Read | BaseException] = SimpleQueue()
        self._stopped = threading.Event()

    def follow(self) -> int:
        """Ask for one page after the other until all are read; how many rows they have."""
        asked: set[str | None] = {None}
        self._wanted.put((None,))
        under_way, rows = 1, 0
        while under_way:
            news = self._news.get()
            if isinstance(news, BaseException):
                raise news
            if isinstance(news, _Read):
                under_way -= 1
                rows += news.rows
                self._context.progress(news.rows)
            elif news.following in asked and news.following is not None:
                raise MalformedAnswer(
                    f"{self._client.where} leads us in a circle through the Bulk pages of {self._info.name}; try again."
                )
            elif news.following is not None:
                asked.add(news.following)
                under_way += 1
                self._wanted.put((news.following,))
        return rows

    def stop(self, threads: int) -> None:
        """Let the threads end: at once between pages, at the next piece within one."""
        self._stopped.set()
        for _ in range(threads):
            self._wanted.put(None)

    def work(self) -> None:
        """Read wanted pages until told to stop."""
        while (wanted := self._wanted.get()) is not None and not self._stopped.is_set():
            try:
                self._news.put(_Read(self._page_again(wanted[0])))
            except _Unwanted:
                return
            except BaseException as error:
                self._news.put(error)
                return

    def _page_again(self, locator: str | None) -> int:
        """One page into the spool; its rows. Pages can be read again as long as the job exists."""
        client, name = self._client, self._info.name
        announced: list[str | None] = []
        for attempt in range(1, settings.PAGE_ATTEMPTS + 1):
            last = attempt == settings.PAGE_ATTEMPTS
            try:
                # Counting row ends is exact but for values that hold one; then every quote is looked at.
                return self._page(locator, announced, RowEnds() if attempt == 1 else Quotes())
            except BrokenPage as error:
                if last:
                    raise MalformedAnswer(
                        f"{client.where} sends a Bulk page of {name} that {error}; try again."
                    ) from None
            except requests.RequestException as error:
                if last:
                    raise Unreachable(
                        f"{client.where} cannot be reached: {cause(error)}; check SALESFORCE_URL and the network."
                    ) from None
            client.session.back_off(attempt)
        raise AssertionError("the last attempt returns or raises")

    def _page(self, locator: str | None, announced: list[str | None], counter: RowEnds | Quotes) -> int:
        params = {"maxRecords": str(settings.BULK_PAGE_ROWS)} | ({"locator": locator} if locator else {})
        with self._client.stream(self._path, params) as response:
            told = response.headers.get("Sforce-NumberOfRecords")
            named = response.headers.get("Sforce-Locator")
            self._announce(None if named in (None, "", "null") else named, announced)

            def copy(write: Callable[[bytes], object]) -> None:
                for chunk in _after_header(response.iter_content(CHUNK), self._fields):
                    if self._stopped.is_set():
                        raise _Unwanted
                    counter.add(chunk)
                    write(chunk)
                if not counter.whole:
                    raise BrokenPage("breaks off")
                if told is not None and told != str(counter.rows):
                    raise BrokenPage(f"announces {told:.20} rows and has {counter.rows}")

            self._context.spool.csv_page(copy)
        return counter.rows

    def _announce(self, following: str | None, announced: list[str | None]) -> None:
        """Say which page is next; one that is read again must say the same, for that one may be read by now."""
        if not announced:
            announced.append(following)
            self._news.put(_Begun(following))
        elif announced != [following]:
            raise MalformedAnswer(
                f"{self._client.where} names another page than before as the next one of {self._info.name}; try again."
            )


def _after_header(chunks: Iterable[bytes], fields: Sequence[str]) -> Iterable[bytes]:
    """The chunks, once the first line has proved to be the header asked for. Raises BrokenPage."""
    held, checked = b"", False
    for chunk in chunks:
        if checked:
            yield chunk
            continue
        held += chunk
        if b"\n" in held:
            line = held[: held.index(b"\n")].decode("utf-8", "replace")
            if next(csv.reader([line]), []) != list(fields):
                raise BrokenPage("has other columns than were asked for")
            checked = True
            yield held
    if not checked:
        raise BrokenPage("has no header")
