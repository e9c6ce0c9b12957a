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
    """Read posts, latest edit first, so that an edit while paging shows a post twice and never hides one."""

    async def begin(self) -> AsyncIterator[Any]:
        """Ask for the first page."""
        self._query = {"per_page": _PAGE, "orderby": "modified", "order": "desc", "_fields": _FIELDS}
        cursor = self.visit.run.state.cursor(self.visit.source.id)
        if self.visit.run.since:
            self._query |= {"after": f"{self.visit.run.since}T00:00:00", "orderby": "date"}
        elif cursor:
            after = datetime.fromisoformat(cursor).replace(tzinfo=None) - _OVERLAP
            self._query["modified_after"] = after.isoformat(timespec="seconds")
        yield self._page(1)

    def _page(self, number: int) -> Any:
        address = self.visit.source.address.rstrip("/")
        if "wp-json" not in address and "rest_route" not in address:
            address += "/wp-json/wp/v2/posts"
        joint = "&" if "?" in address else "?"
        url = f"{address}{joint}{urlencode(self._query | {'page': number})}"
        return self.list_request(url, self._read, conditional=False, number=number)

    def _read(self, response: Response, page: str, number: int) -> Output:
        run = self.visit.run
        entries = read_posts(page, run.now(), run.local)
        if number == 1 and run.since is None:
            self.visit.cursor = max((entry.version for entry in entries if entry.version), default=None)
        first_visit = run.since is None and run.state.cursor(self.visit.source.id) is None
        yield from self.take_whole(entries)
        full = number * _PAGE >= self.visit.source.max_items and first_visit
        if entries and not full and number < self._pages(response):
            yield self._page(number + 1)

    def _pages(self, response: Response) -> int:
        """Return how many pages there are, by the counts or the Link header."""
        total = (response.headers.get("X-WP-TotalPages") or b"").decode("latin-1")
        posts = (response.headers.get("X-WP-Total") or b"").decode("latin-1")
        if total.isdigit():
            return min(int(total), _MAX_PAGES)
        if posts.isdigit():
            return min(-(-int(posts) // _PAGE), _MAX_PAGES)
        return _MAX_PAGES if b'rel="next"' in (response.headers.get("Link") or b"") else 1
