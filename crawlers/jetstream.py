"""Jetstream: Bluesky's public stream of records as JSON over one WebSocket, replayed from a point in time.

Source: github.com/bluesky-social/jetstream, README (subscribe, cursor, event format), read 2026-11-25.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Sequence
from typing import Any
from urllib.parse import urlencode, urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

from crawlers.network import is_public

POSTS = "app.bsky.feed.post"
QUIET = 5.0  # seconds without an event after which there is nothing more to replay
_LONGEST = 1 << 20  # bytes of one event


class StreamError(Exception):
    """The stream cannot be opened or broke; `status` is the answer to the handshake, 0 where there was none."""

    def __init__(self, message: str, status: int = 0, headers: Any = None) -> None:
        super().__init__(message)
        self.status, self.headers = status, headers or {}


class _PublicOnly(AbstractResolver):
    """The door of crawlers.network for connections that Scrapy does not make."""

    def __init__(self, allowed: Sequence[str]) -> None:
        self._inner, self._allowed = ThreadedResolver(), frozenset(allowed)

    async def resolve(self, host: str, port: int = 0, family: Any = 0) -> list[ResolveResult]:
        found = await self._inner.resolve(host, port, family)
        kept = [each for each in found if f"{host}:{port}" in self._allowed or is_public(each["host"])]
        if not kept:
            raise OSError(f"{host} resolves to private addresses only")
        return kept

    async def close(self) -> None:
        await self._inner.close()


async def posts(address: str, cursor: int, allowed: Sequence[str], agent: str) -> AsyncGenerator[dict[str, Any]]:
    """Yield the events about posts from a time on, until none comes for a while.

    Args: cursor: microseconds since 1970. allowed: private hosts that may be reached.
    Raises: StreamError.
    """
    parts = urlsplit(address)
    if _is_barred(parts.hostname or "", parts.netloc, allowed):
        raise StreamError(f"refused: {parts.hostname} is a private or loopback address")
    url = f"{address.rstrip('/')}/subscribe?{urlencode({'wantedCollections': POSTS, 'cursor': cursor})}"
    connector = aiohttp.TCPConnector(resolver=_PublicOnly(allowed))
    try:
        async with (
            aiohttp.ClientSession(connector=connector, headers={"User-Agent": agent}) as session,
            session.ws_connect(url, heartbeat=30, max_msg_size=_LONGEST, compress=15) as socket,
        ):
            while (event := await _next(socket)) is not None:
                yield event
    except aiohttp.WSServerHandshakeError as error:
        raise StreamError(f"answers {error.status} to the handshake", error.status, error.headers) from error
    except (aiohttp.ClientError, OSError) as error:
        raise StreamError(f"cannot be reached ({type(error).__name__})") from error


async def _next(socket: aiohttp.ClientWebSocketResponse) -> dict[str, Any] | None:
    """Return the next event; None where nothing comes any more.

    Raises: StreamError where the stream breaks or says something else than documented.
    """
    try:
        message = await socket.receive(timeout=QUIET)
    except TimeoutError:
        return None
    if message.type is not aiohttp.WSMsgType.TEXT:
        raise StreamError("closed the stream; the next run goes on")
    try:
        event = json.loads(message.data)
    except ValueError as error:
        raise StreamError("sends something else than JSON") from error
    if not isinstance(event, dict) or not isinstance(event.get("time_us"), int):
        raise StreamError("sends events in another form than documented")
    return event


def _is_barred(host: str, netloc: str, allowed: Sequence[str]) -> bool:
    """Tell whether a host is written as a private IP address (those are not resolved)."""
    try:
        return netloc not in allowed and not is_public(host)
    except ValueError:
        return False
