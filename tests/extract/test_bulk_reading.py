"""Pages of a Bulk job, several at once: which are asked for when, and what happens when one of them fails."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from simple_salesforce.exceptions import SalesforceExpiredSession

from extract.source import MalformedAnswer
from extract.sources.salesforce import pages, settings
from extract.sources.salesforce.client import Client

pytestmark = pytest.mark.timeout(60)

SOON = 20.0
HEADER = b'"Id"\n'


class Page:
    """One answer: its rows, the locator of the next page, and what happens before its rows come."""

    def __init__(
        self, rows: int, following: str = "null", *, before: Callable[[], object] | None = None, said: int | None = None
    ) -> None:
        self.headers = {"Sforce-Locator": following, "Sforce-NumberOfRecords": str(rows if said is None else said)}
        self._body = HEADER + b'"1"\n' * rows
        self._before = before

    def iter_content(self, size: int) -> Iterator[bytes]:
        yield self._body[:8]
        if self._before is not None:
            self._before()
        yield self._body[8:]

    def __enter__(self) -> Page:
        return self

    def __exit__(self, *error: object) -> None:
        pass


class Job:
    """A client whose only job has these pages: by locator, one after the other when it is asked for again."""

    where = "Salesforce"

    def __init__(self, answers: dict[str, list[Page]]) -> None:
        self._answers = answers
        self.asked: list[str] = []
        self.session = SimpleNamespace(back_off=lambda attempt: None)

    def stream(self, path: str, params: dict[str, str]) -> Page:
        locator = params.get("locator", "")
        self.asked.append(locator)
        found = self._answers[locator]
        return found.pop(0) if len(found) > 1 else found[0]


class Spool:
    """Pages that were written whole."""

    def __init__(self) -> None:
        self.pages: list[bytes] = []

    def csv_page(self, chunks: Callable[[Callable[[bytes], object]], None]) -> None:
        pieces: list[bytes] = []
        chunks(pieces.append)
        self.pages.append(b"".join(pieces))


def _read(job: Job) -> tuple[int, Spool, list[int]]:
    spool, progress = Spool(), list[int]()
    context: Any = SimpleNamespace(spool=spool, progress=progress.append)
    info: Any = SimpleNamespace(name="contact")
    client: Any = job
    return pages.read(client, info, context, "results", ["Id"]), spool, progress


def test_the_next_page_is_asked_for_before_the_rows_of_this_one_have_come() -> None:
    second = threading.Event()
    first = Page(3, "b", before=lambda: second.wait(SOON) or pytest.fail("the second page was not asked for"))
    rows, spool, progress = _read(Job({"": [first], "b": [Page(4, before=second.set)]}))
    assert (rows, sum(progress)) == (7, 7)
    assert sorted(len(page) for page in spool.pages) == sorted(len(HEADER) + 4 * rows for rows in (3, 4))


def test_no_more_pages_are_under_way_than_the_setting_says() -> None:
    lock, now, most = threading.Lock(), 0, 0
    together = threading.Barrier(settings.PAGES_AT_ONCE)

    def under_way() -> None:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        together.wait(SOON)
        with lock:
            now -= 1

    count = settings.PAGES_AT_ONCE * 4
    names = ["", *(f"page{number}" for number in range(1, count)), "null"]
    job = Job({name: [Page(2, after, before=under_way)] for name, after in itertools.pairwise(names)})
    assert _read(job)[0] == 2 * count
    assert most == settings.PAGES_AT_ONCE
    assert sorted(job.asked) == sorted(names[:-1])


def test_a_page_that_breaks_off_is_read_again_and_counted_once() -> None:
    rows, spool, progress = _read(Job({"": [Page(3, "b", said=9), Page(3, "b")], "b": [Page(4)]}))
    assert rows == sum(progress) == 7
    assert len(spool.pages) == 2


def test_a_page_read_again_must_name_the_same_next_one() -> None:
    with pytest.raises(MalformedAnswer, match="names another page than before as the next one of contact; try again"):
        _read(Job({"": [Page(3, "b", said=9), Page(3, "c")], "b": [Page(4)], "c": [Page(4)]}))


def test_a_circle_of_pages_is_noticed() -> None:
    with pytest.raises(MalformedAnswer, match="in a circle"):
        _read(Job({"": [Page(1, "b")], "b": [Page(1, "c")], "c": [Page(1, "b")]}))


def test_a_failing_page_does_not_wait_for_one_that_stalls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "GRACE", 0.05)
    released = threading.Event()
    stalled = Page(3, "b", before=lambda: released.wait(SOON))
    job = Job({"": [stalled], "b": [Page(4, said=9)]})
    try:
        with pytest.raises(MalformedAnswer, match="announces 9 rows and has 4"):
            _read(job)
        assert not released.is_set()
    finally:
        released.set()


def test_what_interrupts_the_reader_is_not_held_up_by_a_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "GRACE", 0.05)
    released = threading.Event()
    spool = Spool()

    def interrupted(rows: int) -> None:
        raise KeyboardInterrupt

    context: Any = SimpleNamespace(spool=spool, progress=interrupted)
    info: Any = SimpleNamespace(name="contact")
    job: Any = Job({"": [Page(1, "b")], "b": [Page(1, before=lambda: released.wait(SOON))]})
    try:
        with pytest.raises(KeyboardInterrupt):
            pages.read(job, info, context, "results", ["Id"])
    finally:
        released.set()


def test_of_threads_whose_session_ended_one_signs_in(monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client("http://127.0.0.1:1", "id", "secret")
    signed_in: list[object] = []

    def sign_in() -> None:
        signed_in.append(object())
        client._api = signed_in[-1]

    monkeypatch.setattr(client, "sign_in", sign_in)
    together = threading.Barrier(4)
    used: list[object] = []

    def send(api: object) -> object:
        if api is signed_in[0]:
            # All four have met with the session that has ended before one of them gets another.
            together.wait(SOON)
            raise SalesforceExpiredSession("url", 401, "resource", b"[]")
        used.append(api)
        return api

    client._session_after(None)
    threads = [threading.Thread(target=client._signed_in, args=(send,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SOON)
    assert len(signed_in) == 2
    assert used == [signed_in[1]] * 4
