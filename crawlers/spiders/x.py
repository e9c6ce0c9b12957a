"""X: recent search of the API v2, the last seven days.

X charges each post that it gives. As many as a page may hold are written down before it is asked for, and what it
did not hold is given back after; a killed visit leaves the ledger too high, never too low.

Source: docs.x.com, x-api/posts/search (paging, queries of 512 characters), x-api/fundamentals/rate-limits,
post-cap and response codes, read 2026-11-25.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from scrapy import Request
from scrapy.http import Response

from crawlers.spiders.base import Output
from crawlers.spiders.platform import BROKEN, LIMITED, PlatformSpider, Refusal, Walk, moment

_PAGE, _LEAST = 100, 10  # posts of a page: at most, and at least that X lets be asked for
_REACH = timedelta(days=6, hours=23)  # of recent search; what is older is refused
_EPOCH = 1288834974657  # milliseconds; ids carry their time since then
_LIMITED = replace(LIMITED, advice="too many requests within a quarter of an hour; it waits for the next")
REFUSALS: dict[int | str, Refusal] = {
    "invalid-request": Refusal("bad_request", "a query of the declaration is not understood", ends=False),
    "usage-capped": Refusal("usage_capped", "the project's cap of posts is reached", pauses=True),
    "credits": Refusal("credits_spent", "the project has no credits left", pauses=True),
    "client-forbidden": Refusal("forbidden", "the app is not enrolled for this interface"),
    "unsupported-authentication": Refusal("key_refused", "this interface wants an app-only bearer token"),
    400: Refusal("bad_request", "a query of the declaration is not understood", ends=False),
    401: Refusal("key_refused", "the bearer token is not valid; look at it in the developer console"),
    402: Refusal("credits_spent", "the project has no credits left", pauses=True),
    403: Refusal("forbidden", "X bars this use; its terms restrict governments (docs/sumber.md)"),
    404: Refusal("not_found", "there is no X API v2 at this address"),
    429: _LIMITED,
    503: BROKEN,
}


class XSpider(PlatformSpider):
    """Search newest first, down to the newest post known."""

    refusals = REFUSALS

    def targets(self) -> Iterator[Request]:
        """Ask for the queries, one after another."""
        self.needed_key()
        for query in self.visit.source.queries:
            walk = self.walk(query)
            floor = _time_of(walk.floor)
            if floor and self.visit.run.now() - floor > _REACH:
                walk = Walk()  # X refuses so old an id; what it has begins after it
            yield from self._page(query, walk)

    def _page(self, query: str, walk: Walk) -> Iterator[Request]:
        run, source = self.visit.run, self.visit.source
        month = f"{run.now():%Y-%m}"
        size = min(_PAGE, source.limit("posts") - run.state.spent(source.key_variable, "posts", month))
        if size < _LEAST or not run.state.spend(source.key_variable, "posts", month, size, source.limit("posts")):
            self.end("posts_spent")
            return
        asked = {
            "query": f"{query} -is:retweet", "max_results": str(size),
            "tweet.fields": "created_at,author_id,edit_history_tweet_ids,note_tweet",
        }  # fmt: skip
        if walk.floor:
            asked["since_id"] = walk.floor
        elif run.since:
            begin = datetime.combine(run.since, datetime.min.time(), run.local).astimezone(UTC)
            asked["start_time"] = max(begin, run.now() - _REACH).strftime("%Y-%m-%dT%H:%M:%SZ")
        if walk.token:
            asked["next_token"] = walk.token
        url = f"{source.address.rstrip('/')}/tweets/search/recent?{urlencode(asked)}"
        passed = {"query": query, "walk": walk, "reserved": (month, size)}
        yield self.ask(url, self._read, {"Authorization": f"Bearer {self.key}"}, passed=passed)

    def _read(self, answer: Any, response: Response, query: str, walk: Walk, reserved: tuple[str, int]) -> Output:
        posts, meta = answer.get("data") or [], answer["meta"]
        self._give_back(reserved, len(posts))
        if answer.get("errors"):
            self.visit.rejected["partly_refused"] += len(answer["errors"])
        yield from self.take_whole(tuple(map(self._post, posts)))
        newest = str(meta.get("newest_id") or "")
        onward = yield from self.step(query, walk, newest, str(meta.get("next_token") or ""), at_floor=False)
        if response.headers.get("x-rate-limit-remaining") == b"0":
            self.end("rate_limit_reached", self.reset_of(response) or 900.0)
        elif onward:
            yield from self._page(query, onward)

    def after_refusal(self, refusal: Refusal, passed: dict[str, Any]) -> Output:
        """Give back what was reserved: a refused request brings no posts."""
        self._give_back(passed["reserved"], 0)
        yield from ()

    def _give_back(self, reserved: tuple[str, int], used: int) -> None:
        month, size = reserved
        self.visit.run.state.refund(self.visit.source.key_variable, "posts", month, size - used)

    def _post(self, told: dict[str, Any]) -> Any:
        """Return a post under the id of its first version, so that an edit replaces it."""
        versions = told.get("edit_history_tweet_ids") or [told["id"]]
        text = (told.get("note_tweet") or {}).get("text") or told["text"]
        return self.post(
            str(versions[0]), str(told.get("author_id") or ""), text, moment(told["created_at"]), str(told["id"])
        )

    # -- refusals ---------------------------------------------------------------------------------

    def reason_of(self, answer: Any) -> str:
        """Return the last part of the problem's type."""
        return str(answer.get("type") or "").rpartition("/")[2] if isinstance(answer, dict) else ""

    def reset_of(self, response: Response) -> float | None:
        """Return the seconds until the window of a quarter of an hour begins anew."""
        told = (response.headers.get("x-rate-limit-reset") or b"").decode("latin-1")
        if not told.isdigit():
            return super().reset_of(response)
        return max(0.0, float(told) - self.visit.run.now().timestamp())


def _time_of(ident: str) -> datetime | None:
    """Return when a post was made, by its id."""
    if not ident.isdigit():
        return None
    return datetime.fromtimestamp(((int(ident) >> 22) + _EPOCH) / 1000, UTC)
