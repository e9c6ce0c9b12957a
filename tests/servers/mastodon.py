"""A Mastodon server's hashtag timeline, as docs.joinmastodon.org describes it: ids, paging, Link and limit headers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote

from tests.servers.speaking import Answer, Platform

BEGUN = datetime(2026, 5, 20, tzinfo=UTC)


class Mastodon(Platform):
    """Posts by hashtag; `remaining` is what the limit headers tell, `token` what it wants where it wants one."""

    def __init__(self, token: str = "") -> None:
        super().__init__()
        self.token, self.remaining = token, 299
        self.posts: dict[str, list[dict[str, Any]]] = {}

    def publish(self, tag: str, text: str, author: str = "budi", **more: Any) -> dict[str, Any]:
        """Publish a post; later ones have greater ids."""
        number = sum(map(len, self.posts.values())) + 1
        ident = str(110000000000000000 + number * 1000)
        account = {
            "id": "1", "acct": f"{author}@kampung.example", "username": author, "display_name": author.title(),
            "url": f"https://kampung.example/@{author}", "bot": False, "noindex": False,
        }  # fmt: skip
        post = {
            "id": ident,
            "uri": f"https://kampung.example/users/{author}/statuses/{ident}",
            "url": f"https://kampung.example/@{author}/{ident}",
            "created_at": (BEGUN + timedelta(minutes=number)).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
            "edited_at": None,
            "visibility": "public",
            "spoiler_text": "",
            "content": f"<p>{text} <a href='{self.url}/tags/{tag}' class='mention hashtag'>#<span>{tag}</span></a></p>",
            "reblog": None,
            "account": account | more.pop("account", {}),
        } | more
        self.posts.setdefault(tag, []).append(post)
        return post

    def answer(self, path: str, query: dict[str, str], headers: dict[str, str]) -> Answer:
        tag = unquote(path.removeprefix("/api/v1/timelines/tag/"))
        limits = {
            "X-RateLimit-Limit": "300",
            "X-RateLimit-Remaining": str(self.remaining),
            "X-RateLimit-Reset": (datetime.now(UTC) + timedelta(minutes=3)).strftime("%Y-%m-%dT%H:%M:%S.000000Z"),
        }
        if self.token and headers.get("authorization") != f"Bearer {self.token}":
            return 401, limits, {"error": "The access token is invalid"}
        if not path.startswith("/api/v1/timelines/tag/"):
            return 404, limits, "<html>tidak ada</html>"
        if tag not in self.posts:
            return 404, limits, {"error": "Record not found"}
        page = self._page(self.posts[tag], query)
        if page:
            base = f"https://elsewhere.example{path}"  # whoever follows the address itself takes the token elsewhere
            limits["Link"] = (
                f'<{base}?max_id={page[-1]["id"]}>; rel="next", <{base}?min_id={page[0]["id"]}>; rel="prev"'
            )
        return 200, limits, page

    def _page(self, posts: list[dict[str, Any]], query: dict[str, str]) -> list[dict[str, Any]]:
        size = min(int(query.get("limit", 20)), 40)
        if "min_id" in query:  # the posts right after it, newest first within the page
            return [post for post in posts if int(post["id"]) > int(query["min_id"])][:size][::-1]
        older = [post for post in posts if int(post["id"]) < int(query.get("max_id", 2**63))]
        return older[::-1][:size]
