"""What real systems would have: a database of purchases, and page views as Segment's S3 destination writes them.

python docs/examples/profile_unifier/prepare.py <folder>
"""

from __future__ import annotations

import gzip
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

HERE = Path(__file__).parent
# Folders of the archive are days of receipt, in milliseconds.
DAY = "1767571200000"


def prepare(folder: Path) -> None:
    """Make both below ``folder``, anew."""
    archive = folder / "archive" / "segment-logs" / "website" / DAY
    archive.mkdir(parents=True, exist_ok=True)
    (archive / "page_views.gz").write_bytes(gzip.compress((HERE / "page_views.jsonl").read_bytes(), mtime=0))
    database = folder / "purchases.db"
    database.unlink(missing_ok=True)
    with closing(sqlite3.connect(database)) as connection:
        connection.executescript((HERE / "purchases.sql").read_text(encoding="utf-8"))


if __name__ == "__main__":
    prepare(Path(sys.argv[1]))
