"""S3 through Arrow's own client, for every source that reads files."""

from __future__ import annotations

import os
from urllib.parse import parse_qs, urlsplit

from pyarrow import fs

CONNECT_SECONDS, READ_SECONDS = 10.0, 60.0


def s3_folder(url: str) -> tuple[fs.FileSystem, str]:
    """The file system and the path in it of ``s3://bucket/prefix?region=…``.

    Credentials, region and the endpoint of other makers' S3 are found as every AWS client finds them. Raises OSError.
    """
    parts = urlsplit(url)
    asked = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or ""
    region = asked.get("region") or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    if region is None and not endpoint:
        region = fs.resolve_s3_region(str(parts.hostname))
    s3 = fs.S3FileSystem(
        region=region,
        scheme="http" if endpoint.startswith("http://") else "https",
        endpoint_override=endpoint.rpartition("//")[2].rstrip("/") or None,
        connect_timeout=CONNECT_SECONDS,
        request_timeout=READ_SECONDS,
    )
    return s3, parts.netloc + parts.path
