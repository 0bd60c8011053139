"""What a failure means to a rerun.

Dagster retries in three places: the op's retry policy (any exception, unless it is a ``Failure`` with
``allow_retries=False``), the run's (``run_retries`` in dagster.yaml, here only for runs whose process died), and a
schedule's next tick. Something that only a person can put right must reach the second and third as failed, and the
first not at all.
"""

from __future__ import annotations

import os
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from extract.source import SourceError
from matching import MatchingError
from orchestration.lib.redact import redacted, secret_values
from value import ValueModelError
from warehouse.base import WarehouseError

# Half a minute, a minute, two: a source that hiccups is back by then, one that is down is for the next tick.
TRANSIENT = dg.RetryPolicy(max_retries=3, delay=30, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS)


@contextmanager
def as_dagster_failures() -> Iterator[None]:
    """Errors of the rooms become failures that say whether to try again; nothing secret reaches the event log."""
    try:
        yield
    except dg.Failure:
        raise
    except SourceError as error:
        raise dg.Failure(_clean(str(error)), allow_retries=not error.permanent) from None
    except WarehouseError as error:
        raise dg.Failure(_clean(str(error)), allow_retries=True) from None
    except (MatchingError, ValueModelError) as error:
        # The same records teach no more the next time.
        raise dg.Failure(_clean(str(error)), allow_retries=False) from None
    except Exception as error:
        # A surprise is a mistake of ours more often than of the network: the same input would surprise again.
        where = {"traceback": dg.MetadataValue.text(_clean(traceback.format_exc()))}
        raise dg.Failure(_clean(f"{type(error).__name__}: {error}"), metadata=where, allow_retries=False) from None


def _clean(text: str) -> str:
    return redacted(text, secret_values(os.environ))
