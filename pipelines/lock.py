"""One run at a time: a lock that names its owner and that a killed run leaves open."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from analysis.errors import MonitorError, StorageError


class AlreadyRunning(MonitorError):  # noqa: N818 (a state, not a fault)
    """Another run holds the lock."""


@contextmanager
def one_run(home: Path, what: str) -> Iterator[None]:
    """Hold the lock of this home while the context lasts; the kernel frees it however the run ends.

    Raises: AlreadyRunning naming the owner, StorageError.
    """
    try:
        home.mkdir(parents=True, exist_ok=True)
        handle = (home / "run.lock").open("a+", encoding="utf-8")
    except OSError as error:
        raise StorageError(f"cannot write in {home}: {error.strerror}; choose another `home`") from error
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            handle.seek(0)
            owner = handle.read().strip() or "another run"
            raise AlreadyRunning(f"{owner} is at work in {home}; wait until it ends, or stop it") from None
        handle.truncate(0)
        handle.write(f"`{what}` (process {os.getpid()})")
        handle.flush()
        yield
        handle.truncate(0)
