"""Entry with its text -> masked RawDocument in the spool; only then is its address known."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from scrapy.exceptions import DropItem

from crawlers.errors import SpoolError
from crawlers.items import RawDocument
from crawlers.listings import Entry, Reached, Withdrawn
from crawlers.privacy import author_hash, mask
from crawlers.visit import Visit, content_hash

log = logging.getLogger(__name__)


class Intake:
    """Scrapy's item pipeline: the one way into the spool."""

    def __init__(self, crawler: Any) -> None:
        self._crawler = crawler
        self._refused = False  # the disk refused a document: what comes after it is read again

    @classmethod
    def from_crawler(cls, crawler: Any) -> Intake:
        """Make the pipeline for one source."""
        return cls(crawler)

    async def process_item(self, entry: Entry | Reached | Withdrawn) -> Entry:
        """Spool one article or withdrawal, once, or record how far was read.

        Raises: DropItem (no article; unchanged since it was spooled; or the disk refuses: then the visit ends).
        """
        visit: Visit = self._crawler.spider.visit
        if isinstance(entry, Reached):
            if not self._refused:
                visit.run.state.keep_position(visit.source.id, entry.name, entry.value, visit.run.now())
            raise DropItem("position", log_level="DEBUG")
        if isinstance(entry, Withdrawn):
            self._spool(visit, RawDocument(visit.source.id, entry.url, "", "", visit.run.now(), withdrawn=True))
            visit.run.state.withdraw(entry.url)
            visit.rejected["withdrawn"] += 1
            raise DropItem("withdrawn", log_level="DEBUG")
        document = _document(entry, visit)
        digest = content_hash(document.title, document.text)
        if visit.run.state.same(visit.source.id, entry.url, digest):
            visit.unchanged += 1
            visit.run.state.mark_seen(visit.source.id, entry.url, entry.version, digest)
            raise DropItem("unchanged", log_level="DEBUG")
        self._spool(visit, document)
        visit.run.state.mark_seen(visit.source.id, entry.url, entry.version, digest)
        visit.items += 1
        if document.published and (not visit.last_published or document.published > visit.last_published):
            visit.last_published = document.published
        log.info("crawl event=item source=%s items=%d", visit.source.id, visit.items)
        return entry

    def _spool(self, visit: Visit, document: RawDocument) -> None:
        """Write a document.

        Raises: DropItem where the disk refuses; then the visit ends.
        """
        try:
            visit.writer.write(document)
        except SpoolError as error:
            self._refused = True
            if not any(message == str(error) for message in visit.errors):
                visit.fail(str(error))
                engine = self._crawler.engine  # closing waits for this very item, so it goes on beside it
                self._closing = asyncio.ensure_future(engine.close_spider_async(reason="spool"))
            raise DropItem(str(error), log_level="DEBUG") from error


def _document(entry: Entry, visit: Visit) -> RawDocument:
    now = visit.run.now()
    return RawDocument(
        source_id=visit.source.id,
        url=entry.url,
        title=mask(entry.title),
        text=mask(entry.text),
        fetched_at=now,
        published=entry.published,
        published_from=entry.published_from if entry.published else "none",
        author_hash=author_hash(entry.author, visit.run.salt, now.astimezone(visit.run.local).date()),
    )
