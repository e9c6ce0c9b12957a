"""A Jetstream of its own making: it replays what it holds and then says no, breaks or falls silent, as it is told."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from types import TracebackType
from typing import Any, Self

from aiohttp import web

POSTS = "app.bsky.feed.post"


class Jetstream:
    """Events in order; `refuses` is the status of the handshake, `breaks_after` the number of events then cut off."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.cursors: list[int] = []
        self.refuses, self.breaks_after, self.garbage = 0, 0, ""
        self._loop = asyncio.new_event_loop()
        self._serving = threading.Thread(target=self._loop.run_forever, daemon=True)

    def tell(self, text: str, author: str = "did:plc:satu", operation: str = "create", rkey: str = "") -> str:
        """Add a post, or the deletion of one; returns its key."""
        at = int(time.time() * 1_000_000)
        if self.events:
            at = max(at, self.events[-1]["time_us"] + 1)
        key = rkey or f"3l{len(self.events):011}"
        commit: dict[str, Any] = {"rev": key, "operation": operation, "collection": POSTS, "rkey": key}
        if operation != "delete":
            created = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at / 1e6))
            commit |= {"record": {"$type": POSTS, "text": text, "createdAt": created}, "cid": f"bafy{at}"}
        self.events.append({"did": author, "time_us": at, "kind": "commit", "commit": commit})
        return key

    async def _front(self, request: web.Request) -> web.StreamResponse:
        return web.Response(text="Jetstream")

    async def _subscribe(self, request: web.Request) -> web.StreamResponse:
        if self.refuses:
            return web.Response(status=self.refuses, headers={"Retry-After": "40"})
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.cursors.append(int(request.query["cursor"]))
        for number, event in enumerate(list(self.events), 1):
            if event["time_us"] > int(request.query["cursor"]):
                await socket.send_str(json.dumps(event))
            if self.breaks_after and number >= self.breaks_after:
                await (socket.send_str(self.garbage) if self.garbage else socket.close(code=1011))
        while not socket.closed:
            await socket.receive()
        return socket

    async def _begin(self) -> None:
        app = web.Application()
        app.router.add_get("/", self._front)
        app.router.add_get("/subscribe", self._subscribe)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.host = f"127.0.0.1:{self._runner.addresses[0][1]}"
        self.url = f"ws://{self.host}"

    def __enter__(self) -> Self:
        self._serving.start()
        asyncio.run_coroutine_threadsafe(self._begin(), self._loop).result(10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._runner.cleanup(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._serving.join()
        self._loop.close()
