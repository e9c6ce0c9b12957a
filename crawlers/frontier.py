"""One frontier for the crawlers of many machines: what is known, wanted and waiting stands in a Redis.

A host is read by one crawler at a time: whoever begins a visit takes the host's lease and renews it, so robots.txt,
pace and one request at a time hold as they do on one machine. A crawler that dies lets its lease run out; the next one
finds the requests that waited (Scrapy's queue lies in Redis too, through scrapy-redis) and every page that was wanted
and not answered. What is read from Redis is JSON, never pickle: nothing of it is run.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from datetime import datetime
from typing import Any

from crawlers.errors import StateError
from crawlers.listings import Entry
from crawlers.privacy import mask
from crawlers.state import OPEN, State, after_failure

log = logging.getLogger(__name__)
LEASE = 15.0  # seconds for which a host stays with a crawler that is no longer heard
_ANSWER = 5.0  # seconds in which Redis has to answer

# -- requests as text: scrapy-redis calls these two ------------------------------------------------


def dumps(request: dict[str, Any]) -> bytes:
    """Return a request as JSON, the same for the same request, so that it waits once."""
    headers = {name.decode("latin-1"): [_text(each) for each in values] for name, values in request["headers"].items()}
    return json.dumps(request | {"headers": headers}, default=_packed, ensure_ascii=False, sort_keys=True).encode()


def loads(text: bytes) -> dict[str, Any]:
    """Return the request that `dumps` packed."""
    request: dict[str, Any] = json.loads(text, object_hook=_unpacked)
    return request


def _text(value: bytes) -> str:
    return value.decode("latin-1")


def _packed(value: Any) -> dict[str, Any]:
    if isinstance(value, bytes):
        return {"_bytes": _text(value)}
    if isinstance(value, Entry):  # whoever wrote it stays out of Redis
        published = value.published.isoformat() if value.published else None
        return {"_entry": asdict(value) | {"published": published, "title": mask(value.title), "author": ""}}
    raise TypeError(f"a request holds {type(value).__name__}, which no other machine could read")


def _unpacked(value: dict[str, Any]) -> Any:
    if set(value) == {"_bytes"}:
        return value["_bytes"].encode("latin-1")
    if set(value) == {"_entry"}:
        published = value["_entry"]["published"]
        return Entry(**value["_entry"] | {"published": datetime.fromisoformat(published) if published else None})
    return value


# -- what is known --------------------------------------------------------------------------------


class Frontier(State):
    """URL state of a region's sources in a Redis. Platforms, whose quotas one machine keeps, have no part in it.

    Raises: StateError (the Redis cannot be reached, the extra is missing).
    """

    def __init__(self, address: str, region: str) -> None:
        try:
            import redis
        except ImportError as error:
            raise StateError("redis is not installed; install the extra `scale`") from error
        self.failures = (redis.RedisError,)
        self._address = address
        self._keys = f"sejuk:{region}"
        try:
            self._redis: Any = redis.Redis.from_url(address, decode_responses=True, socket_timeout=_ANSWER)
            self._redis.ping()
        except (redis.RedisError, ValueError) as error:
            raise StateError(f"the frontier's Redis cannot be reached: {error}") from error

    def close(self) -> None:
        """Let go of the Redis."""
        self._redis.close()

    def scrapy_settings(self) -> dict[str, Any]:
        """Return the settings by which Scrapy's queue lies in Redis; a visit that ends empties it, a killed one not."""
        return {
            "REDIS_URL": self._address,
            "REDIS_PARAMS": {"socket_timeout": _ANSWER},
            "SCHEDULER": "scrapy_redis.scheduler.Scheduler",
            "SCHEDULER_QUEUE_CLASS": "scrapy_redis.queue.PriorityQueue",
            "SCHEDULER_QUEUE_KEY": f"{self._keys}:queue:%(spider)s",
            "SCHEDULER_SERIALIZER": __name__,
            "DUPEFILTER_CLASS": "scrapy_redis.dupefilter.RFPDupeFilter",
            "SCHEDULER_DUPEFILTER_KEY": f"{self._keys}:asked:%(spider)s",
        }

    def positions(self, source_id: str, prefix: str) -> dict[str, str]:
        """As in State."""
        kept: dict[str, str] = self._redis.hgetall(self._key("reached", source_id))
        return {name: value for name, value in kept.items() if name.startswith(prefix)}

    def keep_position(self, source_id: str, name: str, value: str, now: datetime) -> None:
        """As in State."""
        if value:
            self._redis.hset(self._key("reached", source_id), name, value)
        else:
            self._redis.hdel(self._key("reached", source_id), name)

    def expire_positions(self, before: datetime) -> None:
        """Do nothing: what platforms call their posts is kept of platforms alone."""

    # -- hosts -----------------------------------------------------------------------------------

    @contextmanager
    def lease(self, host: str, lost: Callable[[str], None]) -> Iterator[bool]:
        """Yield whether this crawler may read a host now; `lost` is called when it no longer may."""
        lock = self._redis.lock(f"sejuk:host:{host}", timeout=LEASE, thread_local=False)
        if not lock.acquire(blocking=False):
            yield False
            return
        renewing = asyncio.ensure_future(self._renew(lock, lost))
        try:
            yield True
        finally:
            renewing.cancel()
            with suppress(*self.failures):
                lock.release()

    async def _renew(self, lock: Any, lost: Callable[[str], None]) -> None:
        while True:
            await asyncio.sleep(LEASE / 4)
            try:
                lock.reacquire()
            except self.failures as error:
                log.warning("frontier event=lease_lost error=%s", error)
                lost(f"stopped: the frontier's Redis no longer leaves the host to this crawler ({error})")
                return

    def is_done(self, source_id: str, since: datetime) -> bool:
        """Tell whether a visit came to its end since a time: another machine's."""
        return (self._source(source_id, "finished") or "") >= since.isoformat()

    # -- addresses -------------------------------------------------------------------------------

    def _key(self, what: str, source_id: str) -> str:
        return f"{self._keys}:{what}:{source_id}"

    def _row(self, source_id: str, url: str) -> dict[str, Any]:
        return dict(json.loads(self._redis.hget(self._key("urls", source_id), url) or "{}"))

    def _keep(self, source_id: str, url: str, row: dict[str, Any], due: datetime | None = None) -> None:
        with self._redis.pipeline() as pipe:
            pipe.hset(self._key("urls", source_id), url, json.dumps(row))
            if due:
                pipe.zadd(self._key("due", source_id), {url: due.timestamp()})
            else:
                pipe.zrem(self._key("due", source_id), url)
            pipe.execute()

    def wants(self, source_id: str, url: str, version: str | None, now: datetime, backfill: bool) -> bool:
        """As in State."""
        row = self._row(source_id, url)
        if not row:
            return True
        if row["status"] in OPEN:
            return float(self._redis.zscore(self._key("due", source_id), url) or 0) <= now.timestamp()
        if row["status"] == "skipped":
            return backfill
        return version is not None and version != row["version"]

    def knows(self, source_id: str, url: str) -> bool:
        """As in State."""
        return bool(self._row(source_id, url))

    def awaits_retry(self, source_id: str, url: str) -> bool:
        """As in State."""
        return self._row(source_id, url).get("status") in OPEN

    def has_failed(self, source_id: str, url: str) -> bool:
        """As in State."""
        return bool(self._row(source_id, url).get("failures"))

    def same(self, source_id: str, url: str, content_hash: str) -> bool:
        """As in State."""
        return self._row(source_id, url).get("hash") == content_hash

    def _mark(self, source_id: str, url: str, status: str, version: str | None, digest: str | None) -> None:
        digest = digest or self._row(source_id, url).get("hash")
        self._keep(source_id, url, {"status": status, "version": version, "hash": digest})

    def mark_failed(self, source_id: str, url: str, now: datetime) -> None:
        """As in State."""
        row = self._row(source_id, url)
        failures = row.get("failures", 0) + 1
        status, due = after_failure(failures, now)
        self._keep(source_id, url, {"version": None} | row | {"status": status, "failures": failures}, due)

    def want(self, source_id: str, pages: Iterable[tuple[str, str | None]], due: datetime) -> None:
        """As in State."""
        for url, version in pages:
            self._keep(source_id, url, self._row(source_id, url) | {"status": "wanted", "version": version}, due)

    def due(self, source_id: str, now: datetime) -> list[tuple[str, str | None]]:
        """As in State."""
        urls = self._redis.zrangebyscore(self._key("due", source_id), "-inf", now.timestamp())
        return [(url, self._row(source_id, url).get("version")) for url in urls]

    def skip(self, source_id: str, urls: Iterable[str]) -> None:
        """As in State."""
        for url in urls:
            self._redis.hsetnx(self._key("urls", source_id), url, json.dumps({"status": "skipped", "version": None}))

    # -- listings, sources, spool files ------------------------------------------------------------

    def validators(self, source_id: str, url: str) -> dict[str, str]:
        """As in State."""
        values = json.loads(self._redis.hget(self._key("listings", source_id), url) or "[]")
        names = ("If-None-Match", "If-Modified-Since")
        return {name: value for name, value in zip(names, values, strict=False) if value}

    def save_validators(self, source_id: str, url: str, etag: str | None, modified: str | None) -> None:
        """As in State."""
        self._redis.hset(self._key("listings", source_id), url, json.dumps([etag, modified]))

    def finish(self, source_id: str, now: datetime, cursor: str | None) -> None:
        """As in State."""
        values = {"finished": now.isoformat()} | ({"cursor": cursor} if cursor else {})
        self._redis.hset(self._key("source", source_id), mapping=values)

    def pause(self, source_id: str, until: datetime) -> None:
        """As in State."""
        self._redis.hset(self._key("source", source_id), "paused_until", until.isoformat())

    def _source(self, source_id: str, column: str) -> str | None:
        value: str | None = self._redis.hget(self._key("source", source_id), column)
        return value

    def settled(self, source_id: str) -> set[str]:
        """As in State."""
        return set(self._redis.smembers(self._key("spooled", source_id)))

    def settle(self, source_id: str, name: str, documents: Iterable[tuple[str, str]]) -> None:
        """As in State."""
        for url, digest in documents:
            if not self.same(source_id, url, digest):
                self._keep(source_id, url, {"status": "seen", "version": None, "hash": digest})
        self._redis.sadd(self._key("spooled", source_id), name)
