"""HTML lists: the declaration says which links are articles."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from scrapy.http import Response

from crawlers.listings import read_links
from crawlers.spiders.base import Output, SourceSpider

_MAX_PAGES = 3
_MAX_PAGES_SINCE = 50


class ListingSpider(SourceSpider):
    """Read a list of links and, where a `next` selector is declared, the pages behind it."""

    async def begin(self) -> AsyncIterator[Any]:
        """Ask for the first page."""
        self._asked = {self.visit.source.address}
        yield self.list_request(self.visit.source.address, self._read)

    def _read(self, response: Response, page: str) -> Output:
        entries, onward = read_links(page, response.url, self.visit.source)
        yield from self.take(entries)
        most = _MAX_PAGES_SINCE if self.visit.run.since else _MAX_PAGES
        if onward and onward not in self._asked and len(self._asked) < most:
            self._asked.add(onward)
            yield self.list_request(onward, self._read, conditional=False)
