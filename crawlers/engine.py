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
_ASK_AGAIN = 1.0  # seconds, for a host that another machine reads


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
        self._await(task)
        self.start()
        if task.done() and not task.cancelled() and (error := task.exception()):
            raise error
        return self._counts

    def _await(self, task: asyncio.Task[None]) -> None:
        """Have the process wait for a task, as for a crawl."""
        self._active.add(task)
        task.add_done_callback(self._active.discard)

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
            while not self.stopping and not await self._turn(visit, engines[visit.source.kind], places):
                await asyncio.sleep(_ASK_AGAIN)

    async def _turn(self, visit: Visit, engine: type[SourceSpider], places: asyncio.Semaphore) -> bool:
        """Make a visit that is still to be made; return False where another machine reads its host."""
        async with places:
            with visit.run.state.lease(visit.source.host, lambda why: self._end(visit, why)) as is_ours:
                if is_ours and not self.stopping and visit.is_due():
                    visit.recover()
                    await self._visit(visit, engine)
                return is_ours

    def _end(self, visit: Visit, why: str) -> None:
        visit.fail(why)
        for crawler in self.crawlers:
            if isinstance(crawler.spider, SourceSpider) and crawler.spider.visit is visit:
                self._await(asyncio.create_task(crawler.stop_async()))

    async def _visit(self, visit: Visit, engine: type[SourceSpider]) -> None:
        log.info("crawl event=visit source=%s kind=%s", visit.source.id, visit.source.kind)
        settings = Settings(self.settings.copy_to_dict())
        settings.setdict(source_settings(visit.source) | visit.run.state.scrapy_settings())
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
