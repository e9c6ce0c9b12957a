"""RSS and Atom; the article's page is read where the feed holds only a teaser."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from scrapy.http import Response

from crawlers.listings import read_feed
from crawlers.spiders.base import Output, SourceSpider


class FeedSpider(SourceSpider):
    """Read a feed."""

    async def begin(self) -> AsyncIterator[Any]:
        """Ask for the feed."""
        yield self.list_request(self.visit.source.address, self._read)

    def _read(self, response: Response, page: str) -> Output:
        run, source = self.visit.run, self.visit.source
        entries = read_feed(page, response.url, run.now(), run.local)
        urls = [entry.url for entry in entries if source.admits(entry.url)]
        if urls and run.state.visited(source.id) and not any(run.state.knows(source.id, url) for url in urls):
            self.visit.rejected["gap"] += 1  # it turned over since the last visit: something may have come and gone
        yield from self.take(entries)
