"""One process, many visits: the sources of one host take turns, hosts go side by side."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

from scrapy.crawler import AsyncCrawlerProcess, Crawler
from scrapy.settings import Settings

from crawlers.settings import process_settings, source_settings
from crawlers.spiders.base import SourceSpider
from crawlers.spiders.bluesky import BlueskySpider
from crawlers.spiders.feed import FeedSpider
from crawlers.spiders.files import FilesSpider
from crawlers.spiders.listing import ListingSpider
from crawlers.spiders.mastodon import MastodonSpider
from crawlers.spiders.sitemap import SitemapSpider
from crawlers.spiders.wordpress import WordpressSpider
from crawlers.spiders.x import XSpider
from crawlers.spiders.youtube import YoutubeSpider
from crawlers.visit import Visit

log = logging.getLogger(__name__)

ENGINES: dict[str, type[SourceSpider]] = {
    "feed": FeedSpider,
    "sitemap": SitemapSpider,
    "wordpress": WordpressSpider,
    "listing": ListingSpider,
    "files": FilesSpider,
    "youtube": YoutubeSpider,
    "mastodon": MastodonSpider,
    "bluesky": BlueskySpider,
    "x": XSpider,
}
_SIDE_BY_SIDE = 8  # hosts


class Process(AsyncCrawlerProcess):
    """Scrapy's process, which starts the next visit of a host when the one before has ended."""

    def __init__(self, allow_hosts: Sequence[str] = (), contact: str = "") -> None:
        super().__init__(process_settings(allow_hosts, contact), install_root_handler=False)
        self.stopping = self.interrupted = False  # Scrapy stops its process after the last visit, too

    def run(self, visits: Sequence[Visit], engines: dict[str, type[SourceSpider]]) -> dict[str, dict[str, Any]]:
        """Make all visits; SIGTERM and SIGINT end them after the answers in hand.

        Returns: Scrapy's counts by source id.
        """
        self._counts: dict[str, dict[str, Any]] = {}
        loop = asyncio.get_event_loop()
        task = loop.create_task(self._all(visits, engines))
        self._active.add(task)  # joined and awaited like a crawl
        task.add_done_callback(self._active.discard)
        self.start()
        if task.done() and not task.cancelled() and (error := task.exception()):
            raise error
        return self._counts

    async def stop(self) -> None:
        """Let no further visit begin and end those under way."""
        self.stopping = True
        await super().stop()

    async def _all(self, visits: Sequence[Visit], engines: dict[str, type[SourceSpider]]) -> None:
        hosts: dict[str, list[Visit]] = {}
        for visit in visits:
            hosts.setdefault(visit.source.host, []).append(visit)
        places = asyncio.Semaphore(_SIDE_BY_SIDE)
        try:
            await asyncio.gather(*(self._host(each, engines, places) for each in hosts.values()))
        finally:
            self.interrupted = self.stopping

    async def _host(
        self, visits: list[Visit], engines: dict[str, type[SourceSpider]], places: asyncio.Semaphore
    ) -> None:
        for visit in visits:
            async with places:
                if not self.stopping:
                    await self._visit(visit, engines[visit.source.kind])

    async def _visit(self, visit: Visit, engine: type[SourceSpider]) -> None:
        log.info("crawl event=visit source=%s kind=%s", visit.source.id, visit.source.kind)
        settings = Settings(self.settings.copy_to_dict())
        settings.setdict(source_settings(visit.source))
        crawler = Crawler(engine, settings)
        self.crawlers.add(crawler)
        try:
            await crawler.crawl_async(visit=visit)
        finally:
            self.crawlers.discard(crawler)
            self._counts[visit.source.id] = crawler.stats.get_stats() if crawler.stats else {}
        log.info(
            "crawl event=visited source=%s items=%d known=%d errors=%d",
            *(visit.source.id, visit.items, visit.known, len(visit.errors)),
        )
