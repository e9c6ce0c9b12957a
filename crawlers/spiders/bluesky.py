"""Bluesky: the whole network's posts through Jetstream, sifted by the region's names; or a server's search.

An address wss://… is a Jetstream: each visit replays what was posted since the last one, keeps what names the
region, and removes what its author deleted. An address https://… is asked with searchPosts, where it allows that;
its operators ask that programs read the stream instead, and a search tells nothing of deletions.

Source: docs.bsky.app and the lexicons app.bsky.feed.searchPosts, com.atproto.server.createSession; the rate-limit
headers of XRPC; read 2026-11-25.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any
from urllib.parse import urlencode, urlsplit

from scrapy import Request
from scrapy.http import Response

from crawlers.jetstream import POSTS, StreamError
from crawlers.jetstream import posts as stream_of
from crawlers.listings import Entry, Reached, Withdrawn
from crawlers.privacy import post_address
from crawlers.spiders.base import Output
from crawlers.spiders.platform import BROKEN, LIMITED, PlatformSpider, Refusal, Walk, moment
from crawlers.words import region_words

_FIRST = timedelta(hours=24)  # of the stream that a first visit replays
_OVERLAP = timedelta(seconds=5)  # replayed again, as another instance of Jetstream may lag
_SEARCH_OVERLAP = timedelta(hours=1)  # a post may be indexed late
_EVERY = 500  # events after which the position is recorded
_LOGIN = Refusal("login_refused", "SEJUK_SECRET_BLUESKY_LOGIN must hold handle:app-password of this server")
REFUSALS: dict[int | str, Refusal] = {
    "InvalidRequest": Refusal("bad_request", "a query of the declaration is not understood", ends=False),
    "BadQueryString": Refusal("bad_query", "a query of the declaration is not understood", ends=False),
    "RateLimitExceeded": LIMITED,
    "MethodNotImplemented": Refusal("not_supported", "this server has no search; read a Jetstream (wss://…)"),
    "XRPCNotSupported": Refusal("not_supported", "this server has no search; read a Jetstream (wss://…)"),
    **dict.fromkeys(
        ("AuthenticationRequired", "AuthMissing", "InvalidToken", "ExpiredToken", "AuthFactorTokenRequired"), _LOGIN
    ),
    "AccountTakedown": Refusal("login_refused", "the account that reads was taken down"),
    400: Refusal("bad_request", "a query of the declaration is not understood", ends=False),
    401: _LOGIN,
    403: Refusal("forbidden", "search is for signed-in readers here (give a login), or read a Jetstream (wss://…)"),
    404: Refusal("not_found", "there is no such interface at this address"),
    413: Refusal("bad_request", "a query of the declaration is too long", ends=False),
    429: LIMITED,
    501: Refusal("not_supported", "this server has no search; read a Jetstream (wss://…)"),
}


class BlueskySpider(PlatformSpider):
    """Read a Jetstream or search a server, as the address says."""

    refusals = REFUSALS

    def targets(self) -> Iterator[Request]:
        """Ask the stream's server for its front page (and its robots.txt), or sign in and search."""
        address = self.visit.source.address
        if urlsplit(address).scheme in ("ws", "wss"):
            front = f"http{address.removeprefix('ws').rstrip('/')}/"
            yield Request(front, callback=self._stream, errback=self._list_failed, dont_filter=True)
            return
        self._session = ""
        if self.key:
            yield self._sign_in()
        for query in self.visit.source.queries:
            yield self._search(query, self.walk(query))

    # -- stream -----------------------------------------------------------------------------------

    async def _stream(self, response: Response) -> AsyncIterator[Any]:
        if response.status >= 500:
            self.refused(response.url, response, self.refusal(response, None))
            return
        run, source = self.visit.run, self.visit.source
        self._words = region_words(run.folder, source.queries)
        self._known = run.state.known_addresses(f"urn:sejuk:{source.kind}:")
        settings = self.crawler.settings
        events = stream_of(source.address, self._cursor(), settings.getlist("ALLOWED_HOSTS"), settings["USER_AGENT"])
        try:
            async with aclosing(events):
                async for each in self._sifted(events):
                    yield each
        except StreamError as error:
            self._broken(error)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            self.visit.rejected["bad_answer"] += 1
            self.visit.fail(f"{source.address} sends events in another form than documented ({error})")

    def _cursor(self) -> int:
        run = self.visit.run
        kept = run.state.position(self.visit.source.id, "stream")
        begin = run.now() - _FIRST
        if run.since:
            begin = datetime.combine(run.since, datetime.min.time(), run.local)
        elif kept:
            return int(kept) - _OVERLAP // timedelta(microseconds=1)
        return int(begin.timestamp() * 1_000_000)

    async def _sifted(self, events: AsyncGenerator[dict[str, Any]]) -> AsyncIterator[Any]:
        """Yield what the events bring up to the present, and every so often how far that is."""
        until = int(self.visit.run.now().timestamp() * 1_000_000)
        end = monotonic() + 54 * self.visit.source.max_minutes
        number, reached = 0, 0
        async for event in events:
            for each in self._of_event(event):
                yield each
            number, reached = number + 1, event["time_us"]
            is_cut = monotonic() > end or self.visit.is_full or not self.crawler.crawling
            if number % _EVERY == 0 or is_cut or reached >= until:
                yield Reached("stream", str(reached))
            if is_cut:
                self.visit.rejected["not_caught_up"] += 1
            if is_cut or reached >= until:
                return
        if reached:
            yield Reached("stream", str(reached))

    def _of_event(self, event: dict[str, Any]) -> Iterator[Entry | Withdrawn]:
        commit = event.get("commit")
        if event.get("kind") != "commit" or not isinstance(commit, dict) or commit.get("collection") != POSTS:
            return
        name = f"at://{event['did']}/{POSTS}/{commit['rkey']}"
        if commit["operation"] == "delete":
            yield from self._deleted(post_address(self.visit.source.kind, name, self.visit.run.salt))
            return
        record = commit.get("record") or {}
        text = str(record.get("text") or "")
        if self._words.found_in(text):
            seen = datetime.fromtimestamp(event["time_us"] / 1_000_000, UTC)
            for entry in self.take_whole((self._post(name, event["did"], text, record, seen, commit.get("cid")),)):
                self._known.add(entry.url)
                yield entry

    def _deleted(self, address: str) -> Iterator[Withdrawn]:
        if address in self._known:
            self._known.discard(address)
            yield Withdrawn(address)

    def _broken(self, error: StreamError) -> None:
        """Report a stream that broke; where its server wants quiet, it gets it."""
        reason = LIMITED if error.status == 429 else BROKEN if error.status >= 500 else None
        self.visit.rejected[reason.reason if reason else "stream_broken"] += 1
        if reason:
            asked = str(error.headers.get("Retry-After") or "")
            self.visit.pause(float(asked) if asked.isdigit() else 900.0)
        self.visit.fail(f"{self.visit.source.address} {error}")

    # -- search -----------------------------------------------------------------------------------

    def _xrpc(self, method: str) -> str:
        return f"{self.visit.source.address.rstrip('/')}/xrpc/{method}"

    def _sign_in(self) -> Request:
        name, _, password = self.key.partition(":")
        body = json.dumps({"identifier": name, "password": password})
        headers = {"Content-Type": "application/json"}
        url = self._xrpc("com.atproto.server.createSession")
        return self.ask(url, self._signed_in, headers, method="POST", body=body)

    def _signed_in(self, answer: Any, response: Response) -> Output:
        self._session = str(answer["accessJwt"])
        yield from ()

    def _search(self, query: str, walk: Walk) -> Request:
        asked = {"q": query, "sort": "latest", "limit": "100"} | ({"cursor": walk.token} if walk.token else {})
        headers = {"Authorization": f"Bearer {self._session}"} if self._session else {}
        url = f"{self._xrpc('app.bsky.feed.searchPosts')}?{urlencode(asked)}"
        return self.ask(url, self._found, headers, passed={"query": query, "walk": walk})

    def _found(self, answer: Any, response: Response, query: str, walk: Walk) -> Output:
        views = answer["posts"]
        yield from self.take_whole(tuple(self._of_views(views)))
        times = [str(view["indexedAt"]) for view in views]
        oldest, floor, since = moment(min(times, default="")), moment(walk.floor), self.visit.run.since
        at_floor = bool(oldest and floor and oldest < floor - _SEARCH_OVERLAP)
        if since and oldest:
            at_floor = oldest.astimezone(self.visit.run.local).date() < since
        onward = yield from self.step(
            query, walk, max(times, default=""), str(answer.get("cursor") or "") if views else "", at_floor
        )
        if response.headers.get("RateLimit-Remaining") == b"0":
            self.end("rate_limit_reached", self.reset_of(response) or 300.0)
        elif onward:
            yield self._search(query, onward)

    def _of_views(self, views: list[dict[str, Any]]) -> Iterator[Entry]:
        for view in views:
            labels = {str(label.get("val")) for part in (view, view["author"]) for label in part.get("labels") or ()}
            if hidden := labels & {"!no-unauthenticated", "!hide", "!takedown"}:
                self.visit.rejected["signed_in_only" if hidden == {"!no-unauthenticated"} else "hidden"] += 1
                continue
            seen = moment(view["indexedAt"]) or self.visit.run.now()
            text = str(view["record"]["text"])
            yield self._post(str(view["uri"]), str(view["author"]["did"]), text, view["record"], seen, view.get("cid"))

    def reason_of(self, answer: Any) -> str:
        """Return the error's name."""
        return str(answer.get("error") or "") if isinstance(answer, dict) else ""

    def reset_of(self, response: Response) -> float | None:
        """Return the seconds until the server's window begins anew."""
        told = (response.headers.get("RateLimit-Reset") or b"").decode("latin-1")
        if not told.isdigit():
            return super().reset_of(response)
        return max(0.0, float(told) - self.visit.run.now().timestamp())

    # -- posts ------------------------------------------------------------------------------------

    def _post(self, name: str, author: str, text: str, record: dict[str, Any], seen: datetime, cid: Any) -> Entry:
        """Return a post; its author's clock is believed only where it does not run ahead of the network's."""
        said = moment(record.get("createdAt")) or seen
        entry = self.post(name, author, text, min(said, seen), str(cid or ""))
        return entry if entry.published else replace(entry, published=seen, published_from="api")
