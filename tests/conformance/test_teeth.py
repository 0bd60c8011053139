"""The suite can fail: connectors with the faults of the field, each caught by the case that is there for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pytest

from docs.examples.connector import tickets
from docs.examples.connector.tickets import Tickets
from extract.source import ObjectInfo, ReadContext, SourceError, Window
from extract.spool import DiskSpool
from tests.conformance.bench import Bench
from tests.conformance.desk import Desk, serving
from tests.conformance.suite import Conformance
from tests.conformance.system import CAPABILITIES, Patch

pytestmark = pytest.mark.timeout(60)


class OnePage(Tickets):
    """Believes that a page is all."""

    def read(self, info: ObjectInfo, context: ReadContext) -> None:
        params = [*tickets._within(context.window), *(("field", name) for name in info.fields.values())]
        rows = self._desk.get("/tickets", [*params, ("limit", str(tickets.PAGE))]).listing("tickets")
        context.spool.rows(tickets._typed(rows, info, context))

    def count(self, info: ObjectInfo, window: Window) -> int | None:
        return None


class Uncounted(Desk):
    """The harm must show in the rows, not only in the proof."""

    cannot = {"count": "to see whether the rows are looked at"}  # noqa: RUF012


class ByTimeAlone(Tickets):
    """Goes on after the last row's time, whoever shares it."""

    def read(self, info: ObjectInfo, context: ReadContext) -> None:
        real = self._desk.get

        def get(path: str, params: Sequence[tuple[str, str]] = (), **more: Any) -> Any:
            return real(path, [(name, "999999" if name == "after_id" else value) for name, value in params], **more)

        self._desk.get = get  # type: ignore[method-assign]
        try:
            super().read(info, context)
        finally:
            self._desk.get = real  # type: ignore[method-assign]

    def count(self, info: ObjectInfo, window: Window) -> int | None:
        return None


class NeverLate(Tickets):
    """Reads on from exactly where it was."""

    def describe(self, name: str) -> ObjectInfo:
        return replace(super().describe(name), overlap=timedelta(seconds=1))


class Closed(Tickets):
    """Takes the end of a window along."""

    def read(self, info: ObjectInfo, context: ReadContext) -> None:
        wider = Window(context.window.start, context.window.end + timedelta(seconds=1))
        super().read(info, replace(context, window=wider))

    def count(self, info: ObjectInfo, window: Window) -> int | None:
        return super().count(info, Window(window.start, window.end + timedelta(seconds=1)))


class Later(Tickets):
    """Leaves the start of a window out."""

    def read(self, info: ObjectInfo, context: ReadContext) -> None:
        start = context.window.start
        super().read(info, replace(context, window=Window(start and start + timedelta(seconds=1), context.window.end)))


class Swallowing(Tickets):
    """Takes a broken answer for the end of the list."""

    def read(self, info: ObjectInfo, context: ReadContext) -> None:
        try:
            super().read(info, context)
        except SourceError:
            return


class CountsWhatItReads(Tickets):
    """Proves itself by itself."""

    def count(self, info: ObjectInfo, window: Window) -> int | None:
        found: list[int] = []
        with TemporaryDirectory() as folder, DiskSpool(info, Path(folder)) as spool:
            self.read(info, ReadContext(window, spool, found.append))
        return sum(found)


class CountsAll(Tickets):
    """Says the same of any window."""

    def count(self, info: ObjectInfo, window: Window) -> int | None:
        return super().count(info, Window(None, window.end))


class BlindToDeletes(Tickets):
    """Does not land the flag."""

    def describe(self, name: str) -> ObjectInfo:
        info = super().describe(name)
        return info.narrowed(column for column in info.schema.names if column != "is_deleted")


class WindowedSweep(Tickets):
    """Shows of all keys those of the last days only."""

    def read(self, info: ObjectInfo, context: ReadContext) -> None:
        if context.window.start is None and len(info.schema) < 4:
            context = replace(context, window=Window(context.window.end - timedelta(hours=30), context.window.end))
        super().read(info, context)


class FixedFields(Tickets):
    """Knows its fields by heart."""

    def describe(self, name: str) -> ObjectInfo:
        info = super().describe(name)
        return info.narrowed(
            column for column in info.schema.names if column in ("subject", "minutes_spent", "is_deleted")
        )


class DropsMisfits(Tickets):
    """Makes null of what it does not understand."""

    def read(self, info: ObjectInfo, context: ReadContext) -> None:
        real = self._desk.get

        def get(path: str, params: Sequence[tuple[str, str]] = (), **more: Any) -> Any:
            answer = real(path, params, **more)
            for row in answer.body.get("tickets", ()):
                if isinstance(row.get("MinutesSpent"), str):
                    row["MinutesSpent"] = None
            return answer

        self._desk.get = get  # type: ignore[method-assign]
        super().read(info, context)


class TrustsNames(Tickets):
    """Takes the system's names for columns as they are."""

    def describe(self, name: str) -> ObjectInfo:
        info = super().describe(name)
        own = {column: field if field.islower() else column for column, field in info.fields.items()}
        schema = pa.schema([pa.field(own[item.name], item.type) for item in info.schema])
        return replace(info, schema=schema, fields={own[column]: field for column, field in info.fields.items()})


class ConnectsLater(Tickets):
    """Finds out about its token at the first object."""

    def connect(self) -> None:
        pass


class TellsItsToken(Tickets):
    """Shows what it should keep to itself."""

    def connect(self) -> None:
        try:
            super().connect()
        except SourceError as error:
            raise type(error)(f"{error} (stolen-token)") from None


class Remembers(Tickets):
    """Keeps a cursor of its own, and moves it before anything has landed."""

    file: Path

    @classmethod
    def from_environment(cls, env: Mapping[str, str]) -> Tickets:
        found = super().from_environment(env)
        assert isinstance(found, Remembers)
        found.file = Path(env["TICKETS_CURSOR"])
        return found

    def read(self, info: ObjectInfo, context: ReadContext) -> None:
        window = context.window
        if window.start is not None and self.file.exists():
            window = Window(datetime.fromisoformat(self.file.read_text()), window.end)
        if window.start is not None:
            self.file.write_text(window.end.isoformat())
        super().read(info, replace(context, window=window))


class Remembering(Desk):
    kind = Remembers

    def environment(self) -> Mapping[str, str]:
        return {**super().environment(), "TICKETS_CURSOR": str(self.file)}

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.file = file


CASES = [
    (OnePage, Conformance.test_more_rows_than_pages_hold),
    (ByTimeAlone, Conformance.test_more_rows_of_one_time_than_pages_hold),
    (NeverLate, Conformance.test_late_commits_are_found),
    (Closed, Conformance.test_windows_are_half_open),
    (Later, Conformance.test_windows_are_half_open),
    (Swallowing, Conformance.test_a_fault_half_way_changes_nothing),
    (Swallowing, Conformance.test_a_fault_in_a_sweep_marks_nothing),
    (CountsWhatItReads, Conformance.test_the_count_does_not_come_from_the_reading),
    (CountsAll, Conformance.test_the_count_is_of_what_is_read),
    (BlindToDeletes, Conformance.test_soft_deletes_are_marked_and_undone),
    (WindowedSweep, Conformance.test_hard_deletes_are_swept_and_undone),
    (FixedFields, Conformance.test_a_new_field_is_filled_in_old_rows),
    (DropsMisfits, Conformance.test_a_value_that_does_not_fit_sets_its_row_aside),
    (TrustsNames, Conformance.test_field_names_are_data),
    (ConnectsLater, Conformance.test_wrong_credentials_are_refused_before_any_work),
    (TellsItsToken, Conformance.test_wrong_credentials_are_refused_before_any_work),
]


@pytest.fixture
def benched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    def make(desk: Desk) -> Bench:
        desk.prepare(patch, desk.environment())
        return Bench(desk, tmp_path / "bench")

    patch: Patch = monkeypatch.setattr
    return make


@pytest.mark.parametrize(("kind", "case"), CASES, ids=lambda value: value.__name__.removeprefix("test_"))
def test_a_case_catches_its_fault(
    benched: Any, monkeypatch: pytest.MonkeyPatch, kind: type[Tickets], case: Any
) -> None:
    base = Uncounted if kind in (OnePage, ByTimeAlone) else Desk
    suite = Conformance()
    more = {"monkeypatch": monkeypatch} if "monkeypatch" in case.__code__.co_varnames else {}
    with (
        serving(type("Broken", (base,), {"kind": kind})()) as desk,
        pytest.raises((AssertionError, SourceError, pytest.fail.Exception)),
    ):
        case(suite, benched(desk), **more)


def test_a_cursor_of_ones_own_does_not_survive_a_kill(benched: Any, tmp_path: Path) -> None:
    with serving(Remembering(tmp_path / "cursor")) as desk:
        bench = benched(desk)
        with pytest.raises(AssertionError, match="landed"):
            Conformance().test_a_kill_changes_nothing_in_the_end(bench, "reading", tmp_path)


def test_each_capability_has_a_case() -> None:
    cases = [getattr(Conformance, name) for name in dir(Conformance) if name.startswith("test_")]
    needed = {capability for case in cases for capability in getattr(case, "needs", ())}
    assert needed == CAPABILITIES.keys()


def test_what_a_system_declares_is_checked(benched: Any) -> None:
    """A capability is not passed over because its author did not write it, and none is denied that is there."""

    class Lazy(Desk):
        def flag(self, number: int, at: datetime) -> None:
            super(Desk, self).flag(number, at)

    with serving(Lazy()) as desk, pytest.raises(NotImplementedError):
        Conformance().test_soft_deletes_are_marked_and_undone(benched(desk))
    with serving(Uncounted()) as desk, pytest.raises(AssertionError, match="take `count` out"):
        Conformance().test_the_count_is_of_what_is_read(benched(desk))
