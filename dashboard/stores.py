"""The database as a request sees it: read-only to read, so that a crawl never blocks a reader; writable to review."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from fastapi import Request

from analysis.errors import StorageError
from pipelines.store import Store

READ_WAIT, WRITE_WAIT = 2.0, 10.0  # seconds to wait for another process


@contextmanager
def reading(request: Request) -> Iterator[Store]:
    """Open the database read-only for one request.

    Raises: StorageError, which becomes a page in words.
    """
    with Store(request.app.state.settings.database, read_only=True, busy_seconds=READ_WAIT) as store:
        yield store


@contextmanager
def writing(request: Request, wait: float | None = None) -> Iterator[Store]:
    """Open the database to write reviews, visits, corrections or users.

    Raises: StorageError, which becomes a page in words.
    """
    database = request.app.state.settings.database
    if not database.is_file():
        raise StorageError(f"{database}: no database yet; make one with `run_monitor.py once`")
    with Store(database, busy_seconds=WRITE_WAIT if wait is None else wait) as store:
        yield store
