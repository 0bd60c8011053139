"""The event archive in a bucket: Arrow's own S3 client, against the few S3 calls that reading takes."""

import gzip
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

import pytest

from extract.source import AccessDenied, ConfigurationError, LandedFile, Unreachable
from extract.sources.segment import Segment
from extract.sources.segment.archive import Archive

pytestmark = pytest.mark.timeout(60)

KEY_ID, SECRET = "AKIDFORTESTS", "secret-for-tests"


class Bucket(BaseHTTPRequestHandler):
    """HEAD and GET of objects, ranges included, and ListObjectsV2, over the files of a folder."""

    root: Path
    denied = False

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        query = {name: values[-1] for name, values in parse_qs(url.query, keep_blank_values=True).items()}
        _, bucket, key = (unquote(url.path) + "/").split("/", 2)
        key = key.strip("/")
        if self.denied or KEY_ID not in self.headers.get("Authorization", ""):
            return self.answer(403, b"<Error><Code>AccessDenied</Code><Message>no</Message></Error>")
        if bucket != "calls":
            return self.answer(404, b"<Error><Code>NoSuchBucket</Code><Message>no</Message></Error>")
        if "list-type" in query:
            return self.answer(200, self.listing(query.get("prefix", ""), query.get("delimiter", "")))
        file = self.root / key
        if not key or not file.is_file():
            return self.answer(404 if key else 200, b"")
        body = file.read_bytes()
        if "Range" in self.headers:
            first, last = self.headers["Range"].removeprefix("bytes=").split("-")
            return self.answer(206, body[int(first) : int(last) + 1], len(body))
        return self.answer(200, body)

    def listing(self, prefix: str, delimiter: str) -> bytes:
        keys = sorted(path.relative_to(self.root).as_posix() for path in self.root.rglob("*.gz"))
        keys = [key for key in keys if key.startswith(prefix)]
        folders = {prefix + key[len(prefix) :].split("/")[0] + "/" for key in keys if "/" in key[len(prefix) :]}
        if not delimiter:
            folders = set()
        files = [key for key in keys if not any(key.startswith(folder) for folder in folders)]
        contents = "".join(
            f"<Contents><Key>{escape(key)}</Key><LastModified>2026-01-04T11:40:00.000Z</LastModified>"
            f"<Size>{(self.root / key).stat().st_size}</Size></Contents>"
            for key in files
        )
        prefixes = "".join(f"<CommonPrefixes><Prefix>{escape(folder)}</Prefix></CommonPrefixes>" for folder in folders)
        return f"<ListBucketResult><IsTruncated>false</IsTruncated>{contents}{prefixes}</ListBucketResult>".encode()

    def answer(self, status: int, body: bytes, whole: int | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Last-Modified", "Sun, 04 Jan 2026 11:40:00 GMT")
        if whole is not None:
            self.send_header("Content-Range", f"bytes */{whole}")
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


@pytest.fixture
def bucket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[type[Bucket], str]]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY_ID)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    handler = type("Own", (Bucket,), {"root": tmp_path})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"http://127.0.0.1:{server.server_port}")
    yield handler, "s3://calls/here?region=eu-west-1"
    server.shutdown()
    server.server_close()


def test_a_bucket_is_read_like_a_folder(
    bucket: tuple[type[Bucket], str], tmp_path: Path, spooled: Callable[..., Any]
) -> None:
    folder = tmp_path / "here" / "segment-logs" / "web" / "1767484800000"
    folder.mkdir(parents=True)
    (folder / "one.gz").write_bytes(gzip.compress(b'{"messageId":"m1"}\n{"messageId":"m2"}\n'))
    (folder / "two.gz").write_bytes(gzip.compress(b'{"messageId":"m3"}\n'))
    source = Segment(Archive(bucket[1]), None)
    source.connect()
    spool = spooled(source, "events")
    assert sorted(row["message_id"] for row in spool.pylist) == ["m1", "m2", "m3"]
    assert {file["path"].rsplit("/", 1)[0] for file in spool.files} == {"calls/here/segment-logs/web/1767484800000"}
    landed = {file["path"]: LandedFile(file["size_bytes"], file["modified_at"], file["hash"]) for file in spool.files}
    assert spooled(source, "events", landed_files=landed).files == []


def test_a_bucket_that_may_not_be_read_is_denied(bucket: tuple[type[Bucket], str]) -> None:
    bucket[0].denied = True
    with pytest.raises(AccessDenied, match="s3://calls/here may not be read") as error:
        Archive(bucket[1]).open()
    assert SECRET not in str(error.value)
    assert KEY_ID not in str(error.value)


@pytest.mark.parametrize("url", ["s3://calls/elsewhere?region=eu-west-1", "s3://others/here?region=eu-west-1"])
def test_a_bucket_without_the_folder_is_a_wrong_setting(bucket: tuple[type[Bucket], str], url: str) -> None:
    with pytest.raises(ConfigurationError, match="SEGMENT_ARCHIVE_URL"):
        Archive(url).open()


def test_an_unreachable_endpoint_ends_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY_ID)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    with pytest.raises(Unreachable, match="s3://calls/here cannot be read"):
        Archive("s3://calls/here?region=eu-west-1").open()
