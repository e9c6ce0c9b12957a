"""Batches of work here, one after another, or on the workers of a Dask cluster; results come in the order of batches.

Only the caller stores anything: a worker that dies leaves nothing behind, and its batch is given to another one.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar

from analysis.errors import ConfigError, MonitorError

log = logging.getLogger(__name__)
B = TypeVar("B")
R = TypeVar("R")

_CONNECT = 5  # seconds to reach the scheduler
_PATIENCE = 30.0  # seconds between two looks at whether any worker is left
_AHEAD = 2  # batches in hand for each thread of the cluster


class Spread(Protocol):
    """A way to do work on batches: yields each batch with its result, in order."""

    def __call__(self, work: Callable[[B], R], batches: Iterable[B]) -> Iterator[tuple[B, R]]:
        """Do the work."""


def here(work: Callable[[B], R], batches: Iterable[B]) -> Iterator[tuple[B, R]]:
    """Do the work in this process."""
    for batch in batches:
        yield batch, work(batch)


@contextmanager
def spread_over(scheduler: str) -> Iterator[Spread]:
    """Yield a way to work on the cluster of a scheduler, or here where there is none ("").

    Raises: ConfigError (Dask is missing, the scheduler cannot be reached), MonitorError (no worker).
    """
    if not scheduler:
        yield here
        return
    try:
        from distributed import Client
    except ImportError as error:
        raise ConfigError("scheduler", "Dask is not installed; install the extra `scale`") from error
    try:
        client: Any = Client(scheduler, timeout=_CONNECT, set_as_default=False)  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:
        raise ConfigError("scheduler", f"{scheduler} cannot be reached; is `dask scheduler` running?") from error
    with client:
        yield _Cluster(client)


class _Cluster:
    def __init__(self, client: Any) -> None:
        self._client = client

    def __call__(self, work: Callable[[B], R], batches: Iterable[B]) -> Iterator[tuple[B, R]]:
        waiting: deque[tuple[B, Any]] = deque()
        ahead = _AHEAD * self._threads()
        for batch in batches:
            waiting.append((batch, self._client.submit(_safely, work, batch, pure=False)))
            while len(waiting) >= ahead:
                yield self._next(waiting)
        while waiting:
            yield self._next(waiting)

    def _next(self, waiting: deque[tuple[B, Any]]) -> tuple[B, Any]:
        batch, future = waiting.popleft()
        while True:
            try:
                return batch, future.result(timeout=_PATIENCE)
            except TimeoutError:
                self._threads()
            except MonitorError:
                raise
            except Exception as error:  # KilledWorker, or a fault of the worker's own
                raise MonitorError(f"the cluster gave up on a batch ({error}); what was done is kept") from error

    def _threads(self) -> int:
        """Return how many threads the workers have together.

        Raises: MonitorError where no worker is left.
        """
        threads = sum(self._client.nthreads().values())
        if not threads:
            raise MonitorError("the cluster has no worker; start `dask worker`. What was done is kept")
        return int(threads)


def _safely(work: Callable[[B], R], batch: B) -> R:
    """Do the work on a worker; an expected failure travels back as its message."""
    try:
        return work(batch)
    except MonitorError as error:
        raise MonitorError(str(error)) from None
