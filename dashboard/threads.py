"""How the page lies in memory: few threads, for each that has read a table keeps memory, and a quiet collector."""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import asynccontextmanager
from multiprocessing import get_context
from typing import Any, TypeVar

from anyio.to_thread import current_default_thread_limiter
from fastapi import FastAPI

from dashboard.places import places_of
from pipelines import map as pictures

AT_ONCE = 6  # requests that are worked on at once; the others wait in line
T = TypeVar("T")


@asynccontextmanager
async def few_threads(app: FastAPI) -> AsyncIterator[None]:
    """Hold the number of threads while the page is served; what is loaded by now is never looked through again."""
    current_default_thread_limiter().total_tokens = AT_ONCE
    points = places_of(app.state.settings.region).points
    desa = tuple(sorted((code, lat, lon) for code, (lat, lon) in points.items()))
    pictures.LAID_OUT[desa] = apart(pictures.assign, desa)
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


def apart(work: Callable[..., T], *given: Any) -> T:
    """Return what work gives in a process of its own, whose memory goes when it is done."""
    with ProcessPoolExecutor(1, get_context("spawn")) as process:
        return process.submit(work, *given).result()
