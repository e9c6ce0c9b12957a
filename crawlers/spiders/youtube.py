"""YouTube: comments below the videos of channels, and below videos that a search finds (Data API v3).

Quota is written down before each request. Replies that a page does not carry are asked for before the page counts as
read, and a thread's first comment is recorded last, so that a killed visit leaves no thread half read.

Source: developers.google.com/youtube/v3, docs commentThreads/list, comments/list, search/list, errors and
determine_quota_cost, read 2026-11-25: since 2026-06-01 a search costs 1 of a bucket of its own (100 a day), every
other list call 1 of 10,000 a day; refused requests cost too; days end at midnight Pacific time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from scrapy import Request
from scrapy.http import Response

from crawlers.listings import Entry, Reached
from crawlers.spiders.base import Output, Reader
from crawlers.spiders.platform import BROKEN, LIMITED, PlatformSpider, Refusal, Walk, moment

_PACIFIC = ZoneInfo("America/Los_Angeles")
_SEARCH_EVERY = timedelta(hours=6)  # of each query: 100 searches a day are few
_VIDEO_KEPT = timedelta(days=14)  # comments below a found video are read for so long
_OVERLAP = timedelta(days=2)  # threads so far behind the newest known are looked at again for new replies
_QUOTA = Refusal("quota_exceeded", "the project's quota of the day is used up; it goes on after midnight Pacific time")
_KEY = Refusal("key_refused", "the key is not valid for the YouTube Data API v3 here; look at it in the Cloud console")
_QUERY = Refusal("bad_request", "a channel or query of the declaration is not understood", ends=False)
REFUSALS: dict[int | str, Refusal] = {
    "quotaExceeded": replace(_QUOTA, pauses=True),
    "dailyLimitExceeded": replace(_QUOTA, pauses=True),
    "rateLimitExceeded": LIMITED,
    "userRateLimitExceeded": LIMITED,
    "API_KEY_INVALID": _KEY,
    "API_KEY_SERVICE_BLOCKED": _KEY,
    "keyInvalid": _KEY,
    "keyExpired": _KEY,
    "accessNotConfigured": _KEY,
    "ipRefererBlocked": _KEY,
    401: _KEY,
    "commentsDisabled": Refusal("comments_disabled", "", ends=False, fails=False),
    "videoNotFound": Refusal("video_gone", "", ends=False, fails=False),
    "commentNotFound": Refusal("comment_gone", "", ends=False, fails=False),
    "commentThreadNotFound": Refusal("comment_gone", "", ends=False, fails=False),
    "channelNotFound": Refusal("channel_not_found", "a declared channel does not exist", ends=False),
    "channelClosed": Refusal("channel_not_found", "a declared channel was closed", ends=False),
    "channelSuspended": Refusal("channel_not_found", "a declared channel was suspended", ends=False),
    "invalidPageToken": Refusal("page_expired", "", ends=False, fails=False),
    "processingFailure": Refusal("processing_failure", "YouTube could not answer; the next run goes on", ends=False),
    "forbidden": Refusal("forbidden", "these comments are not open to the public", ends=False),
    400: _QUERY,
    404: Refusal("not_found", "there is no YouTube Data API at this address"),
    "backendError": BROKEN,
}


class YoutubeSpider(PlatformSpider):
    """Read comment threads newest first, down to two days below the newest that is known."""

    refusals = REFUSALS

    def targets(self) -> Iterator[Request]:
        """Ask for the channels, then search, then for the videos that searches found."""
        self.needed_key()
        source, run = self.visit.source, self.visit.run
        kept = run.state.positions(source.id, "video ")
        self._videos = {name: Walk.of(value) for name, value in kept.items() if " since " not in name}
        for channel in source.channels:
            yield from self._threads(f"channel {channel}", self.walk(f"channel {channel}"))
        for query in source.queries:
            last = moment(run.state.position(source.id, f"search {query}"))
            if last is None or run.now() - last >= _SEARCH_EVERY or run.since:
                yield from self._search(query)
        for name in list(self._videos):
            yield from self._threads(name, self.walk(name))

    # -- quota ------------------------------------------------------------------------------------

    def _get(self, method: str, bucket: str, query: dict[str, str], read: Reader, **passed: Any) -> Iterator[Request]:
        """Yield the request, its cost written down; nothing where the day's quota does not hold it."""
        source = self.visit.source
        day = self.visit.run.now().astimezone(_PACIFIC).date().isoformat()
        if not self.visit.run.state.spend(source.key_variable, bucket, day, 1, source.limit(bucket)):
            if bucket == "searches":
                self.visit.rejected["searches_spent"] += 1
            elif not self.ended:
                self.end("quota_spent")
            return
        url = f"{source.address.rstrip('/')}/{method}?{urlencode(query)}"
        yield self.ask(url, read, {"X-Goog-Api-Key": self.key}, passed=passed)

    def reset_of(self, response: Response) -> float | None:
        """Return the seconds until the day's quota begins anew, or what the answer says."""
        if not any(reason in response.body for reason in (b"quotaExceeded", b"dailyLimitExceeded")):
            return super().reset_of(response)
        now = self.visit.run.now().astimezone(_PACIFIC)
        midnight = datetime.combine(now.date() + timedelta(days=1), datetime.min.time(), _PACIFIC)
        return (midnight.astimezone(UTC) - now.astimezone(UTC)).total_seconds()

    def reason_of(self, answer: Any) -> str:
        """Return the reason that is most particular: of the details, else of the first error."""
        error = answer.get("error") if isinstance(answer, dict) else None
        if not isinstance(error, dict):
            return ""
        reasons = [str(each.get("reason")) for part in ("details", "errors") for each in error.get(part) or ()]
        return next((reason for reason in reasons if reason in REFUSALS), "")

    # -- searches ---------------------------------------------------------------------------------

    def _search(self, query: str) -> Iterator[Request]:
        run = self.visit.run
        since = datetime.combine(run.since, datetime.min.time(), run.local) if run.since else run.now() - _VIDEO_KEPT
        asked = {
            "part": "id", "type": "video", "q": query, "order": "date", "maxResults": "50", "regionCode": "ID",
            "publishedAfter": since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        }  # fmt: skip
        yield from self._get("search", "searches", asked, self._found, words=query)

    def _found(self, answer: Any, response: Response, words: str) -> Output:
        now = self.visit.run.now()
        for item in answer["items"]:
            name = f"video {item['id']['videoId']}"
            if name not in self._videos:
                self._videos[name] = Walk(since=now.isoformat())
                yield Reached(name, self._videos[name].kept())
        yield Reached(f"search {words}", now.isoformat())

    # -- threads ----------------------------------------------------------------------------------

    def _threads(self, name: str, walk: Walk) -> Iterator[Request]:
        kind, _, ident = name.partition(" ")
        query = {
            "part": "snippet,replies", "order": "time", "maxResults": "100", "textFormat": "plainText",
            "allThreadsRelatedToChannelId" if kind == "channel" else "videoId": ident,
        }  # fmt: skip
        if walk.token:
            query["pageToken"] = walk.token
        yield from self._get("commentThreads", "units", query, self._page, name=name, walk=walk)

    def _page(self, answer: Any, response: Response, name: str, walk: Walk) -> Output:
        threads = answer["items"]
        lacking = []
        for thread in threads:
            first = self._comment(thread["snippet"]["topLevelComment"], thread["snippet"]["totalReplyCount"])
            replies = (thread.get("replies") or {}).get("comments") or []
            if len(replies) < thread["snippet"]["totalReplyCount"] and self._is_news(first):
                lacking.append((thread["id"], first))
            else:
                yield from self.take_whole((*map(self._comment, replies), first))
        times = [str(thread["snippet"]["topLevelComment"]["snippet"]["publishedAt"]) for thread in threads]
        page = {"name": name, "walk": walk, "newest": max(times, default=""), "oldest": min(times, default="")}
        yield from self._go_on(page | {"onward": str(answer.get("nextPageToken") or ""), "lacking": lacking})

    def _go_on(self, page: dict[str, Any]) -> Output:
        """Ask for replies that are lacking; once there are none, count the page as read and ask for the next."""
        if page["lacking"]:
            yield from self._replies(page, "")
            return
        floor, oldest = moment(page["walk"].floor), moment(page["oldest"])
        at_floor = bool(oldest and floor and oldest < floor - _OVERLAP)
        if self.visit.run.since and oldest:
            at_floor = oldest.astimezone(self.visit.run.local).date() < self.visit.run.since
        name = page["name"]
        onward = yield from self.step(name, page["walk"], page["newest"], page["onward"], at_floor)
        begun = moment(page["walk"].since)
        if onward:
            yield from self._threads(name, onward)
        elif begun and self.visit.run.now() - begun > _VIDEO_KEPT:
            yield Reached(name, "")

    def _replies(self, page: dict[str, Any], token: str) -> Iterator[Request]:
        query = {
            "part": "snippet", "parentId": page["lacking"][0][0], "maxResults": "100", "textFormat": "plainText",
        }  # fmt: skip
        yield from self._get(
            "comments", "units", query | ({"pageToken": token} if token else {}), self._more, page=page
        )

    def _more(self, answer: Any, response: Response, page: dict[str, Any]) -> Output:
        yield from self.take_whole(tuple(map(self._comment, answer["items"])))
        if token := str(answer.get("nextPageToken") or ""):
            yield from self._replies(page, token)
            return
        yield from self.take_whole((page["lacking"][0][1],))
        yield from self._go_on(page | {"lacking": page["lacking"][1:]})

    def after_refusal(self, refusal: Refusal, passed: dict[str, Any]) -> Output:
        """Begin a walk anew whose page has expired, leave a video that is gone, pass over a thread that is gone."""
        name = passed.get("name", "")
        if refusal.reason == "page_expired" and name:
            yield self.reached(name, replace(passed["walk"], token="", top=""))
        elif refusal.reason in ("video_gone", "comments_disabled") and name.startswith("video "):
            yield Reached(name, "")
        elif refusal.reason in ("comment_gone", "page_expired") and "page" in passed:
            page = passed["page"]
            yield from self._go_on(page | {"lacking": page["lacking"][1:]})

    # -- comments ---------------------------------------------------------------------------------

    def _comment(self, comment: dict[str, Any], replies: int = 0) -> Entry:
        """Return a comment as a post; its version changes when it is edited and when its replies grow in number."""
        told = comment["snippet"]
        return self.post(
            str(comment["id"]),
            str((told.get("authorChannelId") or {}).get("value") or ""),
            str(told["textDisplay"]),
            moment(told["publishedAt"]),
            version=f"{told.get('updatedAt') or ''} {replies}",
        )

    def _is_news(self, first: Entry) -> bool:
        run = self.visit.run
        return run.state.wants(self.visit.source.id, first.url, first.version, run.now(), run.since is not None)
