"""Sitemaps, news sitemaps and indexes of them, newest first, within bounds."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

from scrapy.http import Response
from scrapy.utils.gz import gunzip

from crawlers.errors import ListingError
from crawlers.listings import decode, read_sitemap
from crawlers.settings import BODY_LIMIT
from crawlers.spiders.base import Output, SourceSpider

_MAX_SITEMAPS = 50  # read in one visit
_MAX_DEPTH = 3
_NOT_NEWS = re.compile(r"users|author|taxonom|categor|[-_]tags?[-_.]|post_tag|posts-page|page-sitemap|-image", re.I)


class SitemapSpider(SourceSpider):
    """Read a sitemap and those it names."""

    async def begin(self) -> AsyncIterator[Any]:
        """Ask for the first sitemap."""
        self._asked = {self.visit.source.address}
        yield self.list_request(self.visit.source.address, self._read, conditional=False, depth=1)

    def _read(self, response: Response, page: str, depth: int) -> Output:
        run = self.visit.run
        if response.body[:2] == b"\x1f\x8b":
            page = _unpacked(response.body)
        sitemap = read_sitemap(page, run.now(), run.local)
        yield from self.take(sitemap.entries)
        for address, lastmod in sitemap.children:
            if self._is_new(address, lastmod, depth):
                self._asked.add(address)
                yield self.list_request(address, self._read, depth=depth + 1)

    def _is_new(self, address: str, lastmod: str, depth: int) -> bool:
        if address in self._asked or _NOT_NEWS.search(address.rsplit("/", 1)[-1]):
            return False
        since = self.visit.run.since
        if since and lastmod and lastmod[:10] < since.isoformat():
            return False
        return depth < _MAX_DEPTH and len(self._asked) < _MAX_SITEMAPS


def _unpacked(body: bytes) -> str:
    try:
        return decode(gunzip(body, max_size=BODY_LIMIT))
    except Exception as error:  # its own private class says that it grew too large; any damage reads the same
        raise ListingError("is a packed sitemap that is damaged or larger than 5 MB") from error
