"""HTML lists: the declaration says which links are articles."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from scrapy.http import Response

from crawlers.listings import read_links
from crawlers.spiders.base import Output, SourceSpider

_MAX_PAGES = 3  # of a visit that finds nothing new, and of a first one
_MOST_PAGES = 50  # of a backfill, and while there is something new
_DEPTH = "pages"  # how many a visit set out to read; kept until one has come to its end


class ListingSpider(SourceSpider):
    """Read a list of links and, where a `next` selector is declared, the pages behind it.

    What was published while nobody looked lies on later pages: they are read as long as they hold something new,
    and again as far as a visit had set out that was stopped on its way.
    """

    async def begin(self) -> AsyncIterator[Any]:
        """Ask for the first page."""
        self._asked = {self.visit.source.address}
        self._depth = int(self.visit.run.state.position(self.visit.source.id, _DEPTH) or _MAX_PAGES)
        yield self.list_request(self.visit.source.address, self._read)

    def _read(self, response: Response, page: str) -> Output:
        entries, onward = read_links(page, response.url, self.visit.source)
        new = list(self.take(entries))
        yield from new
        if onward and onward not in self._asked and self._goes_on(bool(new) or self.visit.is_full):
            self._asked.add(onward)
            self._remember(len(self._asked))
            yield self.list_request(onward, self._read, conditional=False)
        else:
            self._remember(0)

    def _goes_on(self, is_new: bool) -> bool:
        run, pages = self.visit.run, len(self._asked)
        is_catching_up = is_new and run.state.visited(self.visit.source.id)
        return pages < (_MOST_PAGES if run.since or is_catching_up else self._depth)

    def _remember(self, pages: int) -> None:
        """Keep how far this visit sets out, 0: it has come to its end."""
        if pages > self._depth or not pages:
            depth = str(pages) if pages else ""
            self.visit.run.state.keep_position(self.visit.source.id, _DEPTH, depth, self.visit.run.now())
