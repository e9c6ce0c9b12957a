"""How the page lies in memory: few threads, for each that has read a table keeps memory, and a quiet collector."""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from anyio.to_thread import current_default_thread_limiter

AT_ONCE = 6  # requests that are worked on at once; the others wait in line


@asynccontextmanager
async def few_threads(_: Any) -> AsyncIterator[None]:
    """Hold the number of threads while the page is served; what is loaded by now is never looked through again."""
    current_default_thread_limiter().total_tokens = AT_ONCE
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()
