"""The REST interface of WordPress: whole bodies, exact times, and edits since the last visit."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from scrapy.http import Response

from crawlers.listings import read_posts
from crawlers.spiders.base import Output, SourceSpider

_PAGE = 100  # posts; WordPress gives no more
_MAX_PAGES = 100
_OVERLAP = timedelta(hours=1)  # read again before the newest modification known
_FIELDS = "id,link,title,content,date,date_gmt,modified,author"


class WordpressSpider(SourceSpider):
    """Read posts: the latest edits since the last visit, then the newest dates.

    Edits come latest first, so that one made while paging shows a post twice and never hides one. Dates
    are read beside them because a scheduled or back-dated post appears with an old time of modification.
    """

    async def begin(self) -> AsyncIterator[Any]:
        """Ask for the first page of each order."""
        run = self.visit.run
        query: dict[str, str | int] = {"per_page": _PAGE, "order": "desc", "_fields": _FIELDS}
        by_date = query | {"orderby": "date"}
        cursor = run.state.cursor(self.visit.source.id)
        if run.since:
            yield self._page(by_date | {"after": f"{run.since}T00:00:00"}, 1)
            return
        edits = query | {"orderby": "modified"}
        if cursor:
            after = datetime.fromisoformat(cursor).replace(tzinfo=None) - _OVERLAP
            edits["modified_after"] = after.isoformat(timespec="seconds")
        yield self._page(edits, 1)
        if cursor:
            yield self._page(by_date, 1)

    def _page(self, query: dict[str, str | int], number: int) -> Any:
        address = self.visit.source.address.rstrip("/")
        if "wp-json" not in address and "rest_route" not in address:
            address += "/wp-json/wp/v2/posts"
        joint = "&" if "?" in address else "?"
        url = f"{address}{joint}{urlencode(query | {'page': number})}"
        return self.list_request(url, self._read, conditional=False, query=query, number=number)

    def _read(self, response: Response, page: str, query: dict[str, str | int], number: int) -> Output:
        run = self.visit.run
        entries = read_posts(page, run.now(), run.local)
        if number == 1 and query["orderby"] == "modified":
            self.visit.cursor = max((entry.version for entry in entries if entry.version), default=None)
        known_before = self.visit.known
        yield from self.take_whole(entries)
        all_known = self.visit.known - known_before == len(entries)
        if entries and number < self._pages(response) and not self._is_enough(query, number, all_known):
            yield self._page(query, number + 1)

    def _is_enough(self, query: dict[str, str | int], number: int, all_known: bool) -> bool:
        """Tell whether to stop paging: by date at a page of known posts, on a first visit at its bound."""
        if "after" in query or "modified_after" in query:
            return False
        if query["orderby"] == "date":
            return all_known or number >= 3
        return number * _PAGE >= self.visit.source.max_items

    def _pages(self, response: Response) -> int:
        """Return how many pages there are, by the counts or the Link header."""
        total = (response.headers.get("X-WP-TotalPages") or b"").decode("latin-1")
        posts = (response.headers.get("X-WP-Total") or b"").decode("latin-1")
        if total.isdigit():
            return min(int(total), _MAX_PAGES)
        if posts.isdigit():
            return min(-(-int(posts) // _PAGE), _MAX_PAGES)
        return _MAX_PAGES if b'rel="next"' in (response.headers.get("Link") or b"") else 1
