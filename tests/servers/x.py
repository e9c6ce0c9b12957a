"""The recent search of X's API v2 as docs.x.com describes it: newest first, next_token, since_id, problems, limits."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.servers.speaking import Answer, Platform

EPOCH = 1288834974657


def problem(status: int, kind: str, title: str, headers: dict[str, str] | None = None) -> Answer:
    """Return a problem as the interface words it."""
    told = {"title": title, "detail": title, "type": f"https://api.twitter.com/2/problems/{kind}", "status": status}
    return status, headers or {}, told


class X(Platform):
    """Posts of the last days, whatever is asked for; it counts the posts that it charges."""

    def __init__(self, token: str) -> None:
        super().__init__()
        self.token, self.remaining, self.charged = token, 449, 0
        self.posts: list[dict[str, Any]] = []

    def publish(self, text: str, author: str = "77", **more: Any) -> str:
        """Publish a post; later ones have greater ids."""
        at = datetime.now(UTC) - timedelta(days=2) + timedelta(minutes=len(self.posts))
        ident = str((int(at.timestamp() * 1000) - EPOCH) << 22)
        when = at.strftime("%Y-%m-%dT%H:%M:%S.000Z")
        post = {"id": ident, "text": text, "author_id": author, "created_at": when, "edit_history_tweet_ids": [ident]}
        self.posts.append(post | more)
        return ident

    def answer(self, path: str, query: dict[str, str], headers: dict[str, str]) -> Answer:
        limits = {
            "x-rate-limit-limit": "450",
            "x-rate-limit-remaining": str(self.remaining),
            "x-rate-limit-reset": str(int(time.time()) + 600),
        }
        if headers.get("authorization") != f"Bearer {self.token}":
            return 401, limits, {"title": "Unauthorized", "type": "about:blank", "status": 401}
        if path != "/2/tweets/search/recent" or not 10 <= int(query["max_results"]) <= 100 or len(query["query"]) > 512:
            return problem(400, "invalid-request", "Invalid Request", limits)
        since = int(query.get("since_id", 0))
        if since and since < (int((time.time() - 7 * 86400) * 1000) - EPOCH) << 22:
            return problem(400, "invalid-request", "'since_id' must be a tweet id created within 7 days", limits)
        newest = [post for post in reversed(self.posts) if int(post["id"]) > since]
        start, size = int(query.get("next_token", "n0")[1:]), int(query["max_results"])
        page = newest[start : start + size]
        self.charged += len(page)
        meta: dict[str, Any] = {"result_count": len(page)}
        if page:
            meta |= {"newest_id": page[0]["id"], "oldest_id": page[-1]["id"]}
        if start + size < len(newest):
            meta["next_token"] = f"n{start + size}"
        return 200, limits, {"meta": meta} | ({"data": page} if page else {})
