"""Mastodon: the public timeline of each hashtag, on the server that is declared.

Source: docs.joinmastodon.org, methods/timelines (hashtag), api/rate-limits, api/guidelines (paging), read 2026-11-25.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

from scrapy import Request
from scrapy.http import Response

from crawlers.extraction import fragment_text
from crawlers.listings import Entry, Reached
from crawlers.spiders.base import Output
from crawlers.spiders.platform import BROKEN, LIMITED, PlatformSpider, Refusal, Walk, moment

_PAGE = 40  # posts; a server gives no more
_LINK = re.compile(r'<([^<>]+)>\s*;\s*rel="(\w+)"')
REFUSALS: dict[int | str, Refusal] = {
    401: Refusal("unauthorized", "this server wants a valid token in the key's variable"),
    403: Refusal("forbidden", "the token lacks read:statuses, or the server bars us; do not go around it"),
    "Record not found": Refusal("no_such_tag", "there is no such hashtag", ends=False, fails=False),
    404: Refusal("not_found", "there is no Mastodon at this address"),
    410: Refusal("gone", "the server has closed this interface"),
    422: Refusal("unprocessable", "the server wants a signed-in reader (give a token), or the hashtag is none"),
    429: LIMITED,
    503: BROKEN,
}


class MastodonSpider(PlatformSpider):
    """Read hashtags: forward from the newest post known, or from the newest back on a first visit and a backfill."""

    refusals = REFUSALS

    def targets(self) -> Iterator[Request]:
        """Ask for the hashtags, one after another."""
        for tag in self.visit.source.queries:
            yield self._page(tag, self.walk(tag))

    def _page(self, tag: str, walk: Walk) -> Request:
        query: dict[str, str | int] = {"limit": _PAGE}
        if walk.token:
            query["max_id"] = walk.token
        elif walk.floor:
            query["min_id"] = walk.floor
        base = self.visit.source.address.rstrip("/")
        url = f"{base}/api/v1/timelines/tag/{quote(tag.lstrip('#'), safe='')}?{urlencode(query)}"
        headers = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        return self.ask(url, self._read, headers, passed={"tag": tag, "walk": walk})

    def _read(self, answer: Any, response: Response, tag: str, walk: Walk) -> Output:
        if not isinstance(answer, list):
            raise TypeError("no list of posts")
        ids = [str(status["id"]) for status in answer]
        newest = max(ids, key=_order, default="")
        forward = bool(walk.floor) and not walk.token
        yield from self.take_whole(tuple(self._entries(answer)))
        if forward:
            onward = yield from self._forward(tag, walk, newest, ids)
        else:
            since = self.visit.run.since
            oldest = moment(answer[-1]["created_at"]) if answer else None
            at_floor = bool(since and oldest and oldest.astimezone(self.visit.run.local).date() < since)
            onward = yield from self.step(tag, walk, newest, _linked(response, "next", "max_id"), at_floor)
        if response.headers.get("X-RateLimit-Remaining") == b"0":
            self.end("rate_limit_reached", self.reset_of(response) or 300.0)
        elif onward:
            yield self._page(tag, onward)

    def _forward(self, tag: str, walk: Walk, newest: str, ids: list[str]) -> Generator[Reached, None, Walk | None]:
        """Move the floor up a page; a page that could not be taken whole is read again by the next visit."""
        if not ids or self.visit.is_full:
            self.visit.unsettled += bool(ids)
            return None
        walk = Walk(floor=newest)
        yield self.reached(tag, walk)
        return walk

    def _entries(self, statuses: list[dict[str, Any]]) -> Iterator[Entry]:
        for status in statuses:
            account = status["account"]
            if reason := _unwanted(status, account):
                self.visit.rejected[reason] += 1
                continue
            warning = str(status.get("spoiler_text") or "")
            text = "\n".join(part for part in (warning, fragment_text(str(status["content"]))) if part)
            yield self.post(
                str(status.get("url") or status["uri"]),
                str(account.get("url") or account["acct"]),
                text,
                moment(status["created_at"]),
                version=str(status.get("edited_at") or ""),
            )

    def reason_of(self, answer: Any) -> str:
        """Return the server's words for an error."""
        return str(answer.get("error") or "") if isinstance(answer, dict) else ""

    def reset_of(self, response: Response) -> float | None:
        """Return the seconds until the server's window begins anew."""
        told = moment((response.headers.get("X-RateLimit-Reset") or b"").decode("latin-1"))
        return max(0.0, (told - datetime.now(UTC)).total_seconds()) if told else super().reset_of(response)


def _unwanted(status: dict[str, Any], account: dict[str, Any]) -> str:
    """Return why a post is not taken: its author did not mean it for everybody, or is no person. "" for none."""
    if status.get("visibility") != "public":
        return "not_public"
    if account.get("noindex"):
        return "noindex"
    if status.get("reblog"):
        return "reblog"
    return "bot" if account.get("bot") else ""


def _order(ident: str) -> tuple[int, str]:
    """Order ids as servers do: they are numbers that grow longer."""
    return len(ident), ident


def _linked(response: Response, relation: str, parameter: str) -> str:
    """Return the page token in the Link header; the address itself is not followed, for it may lead elsewhere."""
    header = (response.headers.get("Link") or b"").decode("latin-1")
    for address, name in _LINK.findall(header):
        if name == relation:
            return str(parse_qs(urlsplit(address).query).get(parameter, [""])[0])
    return ""
