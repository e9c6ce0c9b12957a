"""A server's searchPosts and createSession, as their lexicons and XRPC's errors describe them."""

from __future__ import annotations

from typing import Any

from tests.servers.speaking import Answer, Platform


def error(status: int, name: str, headers: dict[str, str] | None = None) -> Answer:
    """Return an error of XRPC."""
    return status, headers or {}, {"error": name, "message": name}


class Bluesky(Platform):
    """Posts that any query finds, newest first; where it has a login, it wants one."""

    def __init__(self, login: str = "") -> None:
        super().__init__()
        self.login = login
        self.views: list[dict[str, Any]] = []

    def view(self, number: int, text: str, labels: tuple[str, ...] = (), author: str = "did:plc:satu") -> str:
        """Add a post and return its address."""
        uri = f"at://{author}/app.bsky.feed.post/3k{number:011}"
        at = f"2026-11-20T{number // 60 % 24:02}:{number % 60:02}:00.000Z"
        view = {
            "uri": uri, "cid": f"bafy{number}", "indexedAt": at, "labels": [],
            "author": {"did": author, "handle": "satu.test", "labels": [{"val": each} for each in labels]},
            "record": {"$type": "app.bsky.feed.post", "text": text, "createdAt": at},
        }  # fmt: skip
        self.views.insert(0, view)
        return uri

    def answer(self, path: str, query: dict[str, str], headers: dict[str, str]) -> Answer:
        if path == "/xrpc/com.atproto.server.createSession":
            return 200, {}, {"accessJwt": "jwt-rahasia", "refreshJwt": "x", "did": "did:plc:x", "handle": "x"}
        if self.login and headers.get("authorization") != "Bearer jwt-rahasia":
            return error(403, "Forbidden")
        start, size = int(query.get("cursor", "0")), int(query["limit"])
        told: dict[str, Any] = {"posts": self.views[start : start + size]}
        if start + size < len(self.views):
            told["cursor"] = str(start + size)
        return 200, {}, told
