"""The YouTube Data API v3 as its reference describes it: searches, comment threads with some replies, page tokens."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.servers.speaking import Answer, Platform

PAGE, INLINE = 100, 5  # threads of a page; replies that a thread carries at most


def error(code: int, reason: str, domain: str = "youtube.common", detail: str = "") -> Answer:
    """Return an error as Google's interfaces word it."""
    told: dict[str, Any] = {
        "code": code, "message": f"{reason}.", "errors": [{"message": reason, "domain": domain, "reason": reason}],
    }  # fmt: skip
    if detail:
        info = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": detail, "domain": "googleapis.com"}
        told |= {"status": "INVALID_ARGUMENT", "details": [info]}
    return code, {}, {"error": told}


class Youtube(Platform):
    """Threads by channel or video, each with its replies; `key` is the one it wants. It counts what it charges."""

    def __init__(self, key: str) -> None:
        super().__init__()
        self.key = key
        self.threads: dict[str, list[dict[str, Any]]] = {}
        self.replies: dict[str, list[dict[str, Any]]] = {}
        self.found: dict[str, list[str]] = {}
        self.charged = {"units": 0, "searches": 0}
        self._made = 0

    def comment(self, below: str, text: str, author: str = "UCbudi", at: datetime | None = None) -> str:
        """Write a comment below a channel's or a video's name, or a reply below a thread's."""
        self._made += 1
        at = at or datetime.now(UTC).replace(microsecond=0) - timedelta(days=6) + timedelta(minutes=self._made)
        ident = f"Ug{self._made:08}"
        when = at.strftime("%Y-%m-%dT%H:%M:%SZ")
        told = {
            "id": ident,
            "snippet": {
                "textDisplay": text, "authorDisplayName": f"@{author}", "authorChannelId": {"value": author},
                "authorChannelUrl": f"http://www.youtube.com/@{author}", "publishedAt": when, "updatedAt": when,
            },
        }  # fmt: skip
        if below in self.replies:
            self.replies[below].append(told)
        else:
            self.threads.setdefault(below, []).append(told)
            self.replies[ident] = []
        return ident

    def answer(self, path: str, query: dict[str, str], headers: dict[str, str]) -> Answer:
        method = path.rpartition("/")[2]
        self.charged["searches" if method == "search" else "units"] += 1
        if headers.get("x-goog-api-key") != self.key:
            return error(400, "badRequest", "global", "API_KEY_INVALID")
        if "key" in query:
            return error(400, "badRequest", "the key is in the address, where it is logged")
        if method == "search":
            ids = self.found.get(query["q"], [])
            return 200, {}, {"items": [{"id": {"kind": "youtube#video", "videoId": ident}} for ident in ids]}
        if method == "comments":
            return self._paged(self.replies[query["parentId"]], query)
        name = query.get("allThreadsRelatedToChannelId") or query["videoId"]
        if name not in self.threads:
            reason = "channelNotFound" if "allThreadsRelatedToChannelId" in query else "videoNotFound"
            return error(404, reason, "youtube.commentThread")
        newest = sorted(self.threads[name], key=lambda comment: comment["snippet"]["publishedAt"], reverse=True)
        status, more, told = self._paged(newest, query)
        if status == 200:
            told["items"] = [self._as_thread(comment) for comment in told["items"]]
        return status, more, told

    def _paged(self, every: list[dict[str, Any]], query: dict[str, str]) -> Answer:
        token = query.get("pageToken", "t0")
        if not token[1:].isdigit():
            return error(400, "invalidPageToken", "youtube.parameter")
        start = int(token[1:])
        size = min(PAGE, int(query["maxResults"]))
        told: dict[str, Any] = {"items": every[start : start + size]}
        if start + size < len(every):
            told["nextPageToken"] = f"t{start + size}"
        return 200, {}, told

    def _as_thread(self, comment: dict[str, Any]) -> dict[str, Any]:
        replies = self.replies[comment["id"]]
        thread: dict[str, Any] = {
            "id": comment["id"],
            "snippet": {"topLevelComment": comment, "totalReplyCount": len(replies)},
        }
        return thread | ({"replies": {"comments": replies[:INLINE]}} if replies else {})
