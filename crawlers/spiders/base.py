"""What all engines share: asking for listings and articles, and settling every answer."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from scrapy import Request, Spider, signals
from scrapy.exceptions import CloseSpider, DontCloseSpider
from scrapy.http import Response

from crawlers.errors import KeyMissing, ListingError
from crawlers.extraction import Extracted, Selectors, extract, judged
from crawlers.listings import Entry, Reached, Withdrawn, decode
from crawlers.network import retry_after
from crawlers.reasons import LASTING, explain, is_text
from crawlers.visit import Visit

Output = Iterator[Request | Entry | Reached | Withdrawn]
Reader = Callable[..., Iterable[Request | Entry | Reached | Withdrawn]]
_PAUSE = 3600.0  # seconds of quiet where a host answers 429 and does not say how long
_WALL = re.compile(r"consent|cookie|captcha|challenge|login|masuk", re.IGNORECASE)
_MOST_BROKEN = 5  # articles in a row that the host fails to give, before it is left alone for this run


class SourceSpider(Spider):
    """An engine at work on one declared source."""

    name = "source"

    def __init__(self, visit: Visit) -> None:
        super().__init__(name=visit.source.id)
        self.visit = visit
        self._in_a_row = 0  # articles in a row
        self._was_answered = self._has_asked_again = False

    @classmethod
    def from_crawler(cls, crawler: Any, *args: Any, **kwargs: Any) -> SourceSpider:
        """Make the spider and have it end its visit with the crawl."""
        spider: SourceSpider = super().from_crawler(crawler, *args, **kwargs)
        crawler.signals.connect(spider._idle, signal=signals.spider_idle)
        crawler.signals.connect(spider._closed, signal=signals.spider_closed)
        crawler.signals.connect(spider._bug, signal=signals.spider_error)
        crawler.signals.connect(spider._bug, signal=signals.item_error)
        return spider

    def _closed(self, reason: str) -> None:
        if reason == "closespider_timeout":
            self.visit.fail(f"stopped after {self.visit.source.max_minutes:g} minutes; the next run goes on")
        self.visit.close(finished=reason == "finished")

    def _idle(self) -> None:
        """Ask for what earlier visits owe, once this one's listings are read and were no reason to stop."""
        if self._has_asked_again or not self._was_answered:
            return
        self._has_asked_again = True
        if owed := self.visit.owed():
            for entry in owed:
                self.crawler.engine.crawl(self._page_of(entry))
            raise DontCloseSpider

    def _bug(self, failure: Any) -> None:
        self.visit.fail(f"unexpected {failure.type.__name__}: {failure.getErrorMessage()}")

    async def start(self) -> AsyncIterator[Any]:
        """Begin, and have a failure to begin reported as the source's."""
        try:
            async for each in self.begin():
                yield each
        except KeyMissing as error:
            self.visit.fail(str(error))
        except Exception as error:  # the loop over sources: one that cannot begin stops no other
            self.visit.fail(f"unexpected {type(error).__name__}: {error}")

    def begin(self) -> AsyncIterator[Any]:
        """Return the first requests or entries of the engine."""
        raise NotImplementedError

    # -- listings -------------------------------------------------------------------------------

    def list_request(self, url: str, read: Reader, conditional: bool = True, **passed: Any) -> Request:
        """Return the request for a listing; `read(response, page, **passed)` gets its decoded answer."""
        headers = self.visit.run.state.validators(self.visit.source.id, url) if conditional else {}
        return Request(
            url,
            headers=headers,
            callback=self._listed,
            errback=self._list_failed,
            cb_kwargs={"read": read.__name__, "passed": passed},  # a name: the frontier may lie elsewhere
            priority=1,
            dont_filter=True,
        )

    def _listed(self, response: Response, read: str, passed: dict[str, Any]) -> Output:
        asked = _asked(response.request)
        if response.status == 304:
            self._was_answered = True
            self.visit.unchanged += 1
            return
        if response.status != 200:
            self._pause_if_asked(response)
            self.visit.fail(f"{asked} answers {response.status}")
            return
        if "partial" not in response.flags:
            etag, modified = (response.headers.get(name) for name in ("ETag", "Last-Modified"))
            self.visit.offer_validators(asked, *(each.decode("latin-1") if each else None for each in (etag, modified)))
        try:
            yield from getattr(self, read)(response, page_text(response), **passed)
            self._was_answered = True
        except ListingError as error:
            self.visit.fail(f"{asked}: {error}")

    def _list_failed(self, failure: Any) -> None:
        self.visit.fail(f"{_asked(failure.request)}: {explain(failure)[1]}")

    def _pause_if_asked(self, response: Response) -> None:
        asked = retry_after(response)
        if response.status == 429 or asked is not None:
            self.visit.pause(_PAUSE if asked is None else asked)

    # -- articles -------------------------------------------------------------------------------

    def take(self, entries: tuple[Entry, ...]) -> Output:
        """Yield the entries that are wanted and carry their text, and requests for the others' pages."""
        chosen = self.visit.choose(entries)
        self.visit.expect(chosen)
        for entry in chosen:
            if entry.text:
                yield from self.offer(entry)
            else:
                yield self._page_of(entry)

    def _page_of(self, entry: Entry) -> Request:
        return Request(
            entry.url,
            callback=self._article,
            errback=self._article_failed,
            cb_kwargs={"entry": entry},
            dont_filter=True,
        )

    def take_whole(self, entries: tuple[Entry, ...]) -> Iterator[Entry]:
        """Yield the entries that are wanted, of a listing that always carries their text."""
        for entry in self.visit.choose(entries):
            yield from self.offer(entry)

    def offer(self, entry: Entry, least: int = 0) -> Iterator[Entry]:
        """Yield an entry with its text, unless there is nothing to read in it."""
        reason = judged(Extracted(entry.title, entry.text), least).reason
        if reason:
            self.visit.reject(entry, reason)
        else:
            yield entry

    def _article(self, response: Response, entry: Entry) -> Output:
        if response.status != 200:
            self._refused(response, entry)
            return
        page = page_text(response)
        is_cut = "<html" in page and "</html" not in page
        if "partial" in response.flags and is_cut:
            self._broke(entry, "cut_short")
            return
        self._in_a_row = 0
        if is_cut and not self.visit.run.state.has_failed(self.visit.source.id, entry.url):
            self.visit.reject(entry, "cut_short", lasting=False)  # a false length? should it end so again, it is whole
            return
        if not is_text(page):
            self.visit.reject(entry, "not_text", lasting=not _kind(response).startswith("text/"))
            return
        if urlsplit(response.url).path in ("", "/") and urlsplit(entry.url).path not in ("", "/"):
            self.visit.reject(entry, "redirected_home", lasting=False)  # sites under repair do so, too
            return
        if response.url != entry.url and _WALL.search(urlsplit(response.url).path) and not _WALL.search(entry.url):
            self.visit.reject(entry, "wall", lasting=False)
            return
        source, run = self.visit.source, self.visit.run
        chosen = Selectors(source.title, source.body, source.date)
        found = extract(page, response.url, run.now(), run.local, source.name, chosen)
        if found.reason:
            is_itself = response.url == entry.url  # else what came may be a door
            self.visit.reject(entry, found.reason, lasting=is_itself and found.reason not in ("error_page", "wall"))
            return
        entry = replace(entry, title=found.title or entry.title, text=found.text)
        if entry.published is None:
            entry = replace(entry, published=found.published, published_from=found.published_from)
        if run.since and entry.published and entry.published.astimezone(run.local).date() < run.since:
            self.visit.reject(entry, "before_since")
            return
        yield entry

    def _refused(self, response: Response, entry: Entry) -> None:
        if response.status in (404, 410):  # only 410 says that it is for good; a list may name a page too early
            self._in_a_row = 0
            self.visit.reject(entry, "gone", lasting=response.status == 410, gone=True)
            return
        if response.status == 429:
            self._pause_if_asked(response)
            self.visit.reject(entry, "status_429", lasting=False)
            self.visit.fail(f"{entry.url} answers 429: the host wants fewer requests; raise `delay`")
            raise CloseSpider("too_many_requests")
        self._broke(entry, f"status_{response.status}")

    def _article_failed(self, failure: Any) -> None:
        entry = failure.request.cb_kwargs["entry"]
        reason, _ = explain(failure)
        if reason in ("robots", *LASTING):
            self.visit.reject(entry, reason, lasting=reason in LASTING)
        else:
            self._broke(entry, reason)

    def _broke(self, entry: Entry, reason: str) -> None:
        """Count an article that the host failed to give, and leave a host alone that only fails."""
        self.visit.reject(entry, reason, lasting=False)
        self._in_a_row += 1
        if self._in_a_row == _MOST_BROKEN:
            self.visit.fail(f"{self._in_a_row} pages in a row could not be had ({reason}); the next run goes on")
            raise CloseSpider("host_fails")


def page_text(response: Response) -> str:
    """Return a response's text whatever charset it claims."""
    return decode(response.body, _kind(response).partition("charset=")[2].strip(" \"';"))


def _kind(response: Response) -> str:
    return (response.headers.get("Content-Type") or b"").decode("latin-1").strip().lower()


def _asked(request: Any) -> str:
    """Return the address that was first asked for, before any redirect."""
    return str(request.meta.get("redirect_urls", [request.url])[0])
