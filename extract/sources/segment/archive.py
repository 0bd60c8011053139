"""Segment's event archive: raw calls as its S3 destination writes them.

Source  ``{archive}/segment-logs/{source id}/{received day, unix ms of UTC midnight}/{name}.gz``: gzip, one JSON call a
        line; the archive is a folder (``file://``) or a bucket (``s3://bucket/prefix?region=…``; credentials, endpoint
        and region from AWS's usual environment variables)
Grain   one row per ``messageId``; a call without one is known by the hash of its line. Files may repeat calls
Cursor  none: files not landed yet, or of another size or time than when they landed
Units   times naive UTC. A time the client wrote that cannot be read is null (``timestamp``: when it was received), the
        payload keeps its words. ``userId`` and ``anonymousId`` that are blank or "null" are null
Errors  MalformedAnswer names file and line of a truncated file. A line that is no call, or whose ``receivedAt`` is no
        time, goes to quarantine
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import fs

from extract.source import (
    AccessDenied,
    ConfigurationError,
    MalformedAnswer,
    ReadContext,
    Rejected,
    SourceError,
    Unreachable,
)
from extract.sources.buckets import s3_folder
from extract.sources.calls import CONTEXT, is_utf8, parser, schema_of
from extract.sources.times import TIMESTAMP
from warehouse.types import naive_utc

SETTING = "SEGMENT_ARCHIVE_URL"
FOLDER = "segment-logs"
BLOCK_BYTES = 8 << 20
ROWS_A_TABLE = 2_000
Reject = Callable[[Sequence[Rejected]], None]

TEXTS = ("context", "properties", "traits", "consent", "region", "source", "payload")
COLUMN_TYPES: dict[str, pa.DataType] = {
    **dict.fromkeys(("message_id", "type", "event", "user_id", "anonymous_id"), pa.string()),
    **dict.fromkeys(("timestamp", "original_timestamp", "sent_at", "received_at"), TIMESTAMP),
    **dict.fromkeys(TEXTS, pa.string()),
}
SCHEMA = schema_of(COLUMN_TYPES)
FIELDS = {
    "message_id": "messageId",
    "user_id": "userId",
    "anonymous_id": "anonymousId",
    "original_timestamp": "originalTimestamp",
    "sent_at": "sentAt",
    "received_at": "receivedAt",
    "consent": "context.consent",
    "region": "context.location.country",
}

# Parsed once a line; what a call has beside this stays in its payload.
CALL = (
    '{"messageId":"VARCHAR","type":"VARCHAR","event":"VARCHAR","userId":"VARCHAR","anonymousId":"VARCHAR",'
    '"timestamp":"VARCHAR","originalTimestamp":"VARCHAR","sentAt":"VARCHAR","receivedAt":"VARCHAR",'
    '"context":"JSON","properties":"JSON","traits":"JSON"}'
)

NO_CALLS = """
select line, payload from lines
where not json_valid(payload) or case when json_valid(payload) then json_type(payload) <> 'OBJECT' end
order by line
"""

COLUMNS = f"""
with

calls as (
    select line, payload, from_json(payload, '{CALL}') as call
    from lines
),

contexts as (
    select *, from_json(call.context, '{CONTEXT}') as context
    from calls
),

moments as (
    select *, moment(call.receivedAt) as received_at
    from contexts
)

select
    coalesce(identifier(call.messageId), 'braid-' || sha256(payload)) as message_id,
    call.type as type,
    call.event as event,
    identifier(call.userId) as user_id,
    identifier(call.anonymousId) as anonymous_id,
    coalesce(moment(call.timestamp), received_at, $received_day) as timestamp,
    moment(call.originalTimestamp) as original_timestamp,
    moment(call.sentAt) as sent_at,
    coalesce(received_at, $received_day) as received_at,
    cast(call.context as varchar) as context,
    cast(call.properties as varchar) as properties,
    cast(all_traits(context.traits, call.traits) as varchar) as traits,
    cast(context.consent as varchar) as consent,
    identifier(context.location.country) as region,
    'segment_archive' as source,
    payload,
    case when received_at is null and call.receivedAt is not null then line end as untimed_line
from moments
order by line
"""


class Archive:
    """The archive at one address; nothing is opened before ``open``."""

    def __init__(self, url: str) -> None:
        """Raises ConfigurationError unless ``url`` is file:// or s3://."""
        parts = urlsplit(url)
        if parts.scheme not in ("file", "s3") or (parts.scheme == "s3" and not parts.hostname):
            raise ConfigurationError(f"{SETTING} must be file:///folder or s3://bucket/prefix.")
        if parts.username or parts.password:
            raise ConfigurationError(f"{SETTING} must not hold credentials; set AWS_ACCESS_KEY_ID and its secret.")
        self._url = url
        self.where = f"{parts.scheme}://{parts.netloc}{parts.path}"
        self._files: fs.FileSystem | None = None
        self._root = ""

    def open(self) -> None:
        """Find the archive's folder. Raises ConfigurationError, AccessDenied or Unreachable."""
        try:
            files, root = self._filesystem()
            self.use(files, root.rstrip("/"))
        except OSError as error:
            raise self._failure(error) from None

    def use(self, files: fs.FileSystem, root: str) -> None:
        """Read from ``root`` of an open file system."""
        inside = f"{root}/{FOLDER}" if root else FOLDER
        for folder in (inside, root):
            found = files.get_file_info(folder).type == fs.FileType.Directory
            if found and folder.rsplit("/", 1)[-1] == FOLDER:
                self._files, self._root = files, folder
                return
        raise ConfigurationError(f"{self.where} has no folder {FOLDER}; check {SETTING}.")

    def read(self, context: ReadContext) -> None:
        """Spool the calls of every file that is new or has changed."""
        with closing(parser()) as opened:
            self._read(opened, context)

    def _read(self, parser: duckdb.DuckDBPyConnection, context: ReadContext) -> None:
        # Most files hold an hour of one source: a few calls, too few for a table of their own.
        waiting: list[pa.Table] = []
        for info in self._infos():
            modified = naive_utc(info.mtime) if info.mtime else None
            landed = context.landed_files.get(info.path)
            if landed and (landed.size_bytes, landed.modified_at) == (info.size, modified):
                continue
            rows, digest = 0, hashlib.sha256()
            for table in self._tables(parser, info.path, digest, context.spool.reject):
                waiting.append(table)
                rows += table.num_rows
                if sum(table.num_rows for table in waiting) >= ROWS_A_TABLE:
                    _spool(context, waiting)
            context.spool.file_done(
                info.path, size_bytes=info.size, modified_at=modified, content_hash=digest.hexdigest(), rows=rows
            )
        _spool(context, waiting)

    def _filesystem(self) -> tuple[fs.FileSystem, str]:
        if urlsplit(self._url).scheme == "file":
            files, root = fs.FileSystem.from_uri(self._url)
            return files, root
        return s3_folder(self._url)

    def _infos(self) -> list[fs.FileInfo]:
        """The archive's files, oldest day first."""
        if self._files is None:
            self.open()
        assert self._files is not None
        try:
            found = self._files.get_file_info(fs.FileSelector(self._root, recursive=True))
        except OSError as error:
            raise self._failure(error) from None
        files = [info for info in found if info.type == fs.FileType.File and info.path.endswith(".gz")]
        return sorted(files, key=lambda info: (_received_day(info.path), info.path))

    def _tables(self, parser: duckdb.DuckDBPyConnection, path: str, digest: Any, reject: Reject) -> Iterator[pa.Table]:
        """A file's calls in tables of some megabytes; ``digest`` takes in the compressed bytes."""
        line = 1
        try:
            for block in self._blocks(path, digest):
                lines = block.split(b"\n")
                yield from _columns(parser, lines, line, path, reject)
                line += len(lines)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise MalformedAnswer(
                f"{path}: the gzip stream is broken after line {line - 1} ({error}); replace the file by a whole one."
            ) from None
        except OSError as error:
            raise self._failure(error) from None

    def _blocks(self, path: str, digest: Any) -> Iterator[bytes]:
        """Uncompressed text in blocks of whole lines, without the last line's end."""
        assert self._files is not None
        rest = b""
        with self._files.open_input_stream(path, compression=None) as stream:
            raw = io.BufferedReader(_Hashed(stream, digest), buffer_size=1 << 20)
            with gzip.GzipFile(fileobj=raw) as text:
                while block := text.read(BLOCK_BYTES):
                    whole, newline, tail = block.rpartition(b"\n")
                    if newline:
                        yield rest + whole
                        rest = tail
                    else:
                        rest += block
        if rest:
            yield rest

    def _failure(self, error: OSError) -> SourceError:
        """What a file system's error means; its own words may hold whole requests, so they stay out."""
        text = str(error)
        if isinstance(error, PermissionError) or "ACCESS_DENIED" in text or "INVALID_ACCESS_KEY" in text:
            return AccessDenied(f"{self.where} may not be read with these AWS credentials or file permissions.")
        if isinstance(error, FileNotFoundError) or "NO_SUCH_BUCKET" in text or "does not exist" in text:
            return ConfigurationError(f"{self.where} does not exist; check {SETTING}.")
        return Unreachable(f"{self.where} cannot be read ({type(error).__name__}); check {SETTING} and the network.")


def _spool(context: ReadContext, waiting: list[pa.Table]) -> None:
    if waiting:
        table = pa.concat_tables(waiting)
        context.spool.rows(table)
        context.progress(table.num_rows)
        waiting.clear()


class _Hashed(io.RawIOBase):
    """A stream that shows what is read from it to a digest."""

    def __init__(self, stream: Any, digest: Any) -> None:
        self._stream = stream
        self._digest = digest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._stream.read(len(buffer))
        self._digest.update(data)
        buffer[: len(data)] = data
        return len(data)


def _columns(
    parser: duckdb.DuckDBPyConnection, lines: list[bytes], first: int, path: str, reject: Reject
) -> Iterator[pa.Table]:
    """The calls in ``lines``, which begin with line number ``first``, as a table; blank lines are passed over."""
    numbered = {first + i: line.removesuffix(b"\r") for i, line in enumerate(lines) if line and not line.isspace()}
    if not numbered:
        return
    try:
        payload = pa.array(numbered.values(), pa.binary()).cast(pa.string())
    except pa.ArrowInvalid:
        broken = [number for number, text in numbered.items() if not is_utf8(text)]
        reject([_rejected(path, n, numbered.pop(n).decode(errors="replace"), "not UTF-8", "utf8") for n in broken])
        payload = pa.array(numbered.values(), pa.binary()).cast(pa.string())
    parser.register("lines", pa.table({"line": pa.array(list(numbered), pa.int64()), "payload": payload}))
    if broken_lines := parser.sql(NO_CALLS).fetchall():
        reject([_rejected(path, line, text, "not a JSON object", "json") for line, text in broken_lines])
        rest = [line for line in numbered if line not in {line for line, _ in broken_lines}]
        texts = pa.array([numbered[line] for line in rest], pa.binary()).cast(pa.string())
        parser.register("lines", pa.table({"line": pa.array(rest, pa.int64()), "payload": texts}))
    table = parser.sql(COLUMNS, params={"received_day": _received_day(path)}).to_arrow_table()
    parser.unregister("lines")
    untimed = table.filter(pc.is_valid(table["untimed_line"]))
    if untimed.num_rows:
        found = zip(*(untimed[name].to_pylist() for name in ("untimed_line", "payload", "message_id")), strict=True)
        reject([_rejected(path, line, text, "receivedAt is not a time", "type:received_at", key)
                for line, text, key in found])  # fmt: skip
        table = table.filter(pc.is_null(table["untimed_line"]))
    yield table.select(SCHEMA.names).cast(SCHEMA)


def _rejected(path: str, line: int, text: str, problem: str, rule: str, key: str | None = None) -> Rejected:
    payload = text if rule.startswith("type:") else json.dumps({"line": text}, ensure_ascii=False)
    return Rejected(
        payload, rule, f"{path}, line {line}: {problem}; correct or remove it.", f"{path}, line {line}", key
    )


def _received_day(path: str) -> datetime:
    """The day in the path, which stands in for a missing ``receivedAt``; 1970 when the path has none."""
    found = re.search(r"/(\d{12,14})/[^/]+$", path)
    return datetime.fromtimestamp(int(found[1]) / 1000 if found else 0, UTC).replace(tzinfo=None)
