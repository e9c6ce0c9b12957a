"""What all engines share: asking for listings and articles, and settling every answer."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from scrapy import Request, Spider, signals
from scrapy.exceptions import CannotResolveHostError, CloseSpider, DownloadCancelledError, IgnoreRequest
from scrapy.http import Response

from crawlers.errors import KeyMissing, ListingError
from crawlers.extraction import Extracted, Selectors, extract, judged
from crawlers.listings import Entry, Reached, Withdrawn, decode
from crawlers.network import retry_after, was_refused
from crawlers.visit import Visit

Output = Iterator[Request | Entry | Reached | Withdrawn]
Reader = Callable[..., Iterable[Request | Entry | Reached | Withdrawn]]
_GONE = (404, 410)
_PAUSE = 3600.0  # seconds of quiet where a host answers 429 and does not say how long


class SourceSpider(Spider):
    """An engine at work on one declared source."""

    name = "source"

    def __init__(self, visit: Visit) -> None:
        super().__init__(name=visit.source.id)
        self.visit = visit

    @classmethod
    def from_crawler(cls, crawler: Any, *args: Any, **kwargs: Any) -> SourceSpider:
        """Make the spider and have it end its visit with the crawl."""
        spider: SourceSpider = super().from_crawler(crawler, *args, **kwargs)
        crawler.signals.connect(spider._closed, signal=signals.spider_closed)
        crawler.signals.connect(spider._bug, signal=signals.spider_error)
        crawler.signals.connect(spider._bug, signal=signals.item_error)
        return spider

    def _closed(self, reason: str) -> None:
        if reason == "closespider_timeout":
            self.visit.fail(f"stopped after {self.visit.source.max_minutes:g} minutes; the next run goes on")
        self.visit.close(finished=reason == "finished")

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
            cb_kwargs={"read": read, "passed": passed},
            priority=1,
            dont_filter=True,
        )

    def _listed(self, response: Response, read: Reader, passed: dict[str, Any]) -> Output:
        asked = _asked(response.request)
        if response.status == 304:
            self.visit.unchanged += 1
            return
        if response.status != 200:
            self._pause_if_asked(response)
            self.visit.fail(f"{asked} answers {response.status}")
            return
        etag, modified = (response.headers.get(name) for name in ("ETag", "Last-Modified"))
        self.visit.offer_validators(asked, *(each.decode("latin-1") if each else None for each in (etag, modified)))
        try:
            yield from read(response, page_text(response), **passed)
        except ListingError as error:
            self.visit.fail(f"{asked}: {error}")

    def _list_failed(self, failure: Any) -> None:
        self.visit.fail(f"{_asked(failure.request)}: {_explain(failure)[1]}")

    def _pause_if_asked(self, response: Response) -> None:
        asked = retry_after(response)
        if response.status == 429 or asked is not None:
            self.visit.pause(_PAUSE if asked is None else asked)

    # -- articles -------------------------------------------------------------------------------

    def take(self, entries: tuple[Entry, ...]) -> Output:
        """Yield the entries that are wanted and carry their text, and requests for the others' pages."""
        for entry in self.visit.choose(entries):
            if entry.text:
                yield from self.offer(entry)
            else:
                yield Request(
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
        if urlsplit(response.url).path in ("", "/") and urlsplit(entry.url).path not in ("", "/"):
            self.visit.reject(entry, "redirected_home", gone=True)
            return
        source, run = self.visit.source, self.visit.run
        chosen = Selectors(source.title, source.body, source.date)
        found = extract(page_text(response), response.url, run.now(), run.local, source.name, chosen)
        if found.reason:
            self.visit.reject(entry, found.reason, lasting=found.reason != "error_page")
            return
        entry = replace(entry, title=found.title or entry.title, text=found.text)
        if entry.published is None:
            entry = replace(entry, published=found.published, published_from=found.published_from)
        if run.since and entry.published and entry.published.astimezone(run.local).date() < run.since:
            self.visit.reject(entry, "before_since")
            return
        yield entry

    def _refused(self, response: Response, entry: Entry) -> None:
        gone = response.status in _GONE
        self.visit.reject(entry, "gone" if gone else f"status_{response.status}", lasting=gone, gone=gone)
        if response.status == 429:
            self._pause_if_asked(response)
            self.visit.fail(f"{entry.url} answers 429: the host wants fewer requests; raise `delay`")
            raise CloseSpider("too_many_requests")

    def _article_failed(self, failure: Any) -> None:
        entry = failure.request.cb_kwargs["entry"]
        reason, _ = _explain(failure)
        self.visit.reject(entry, reason, lasting=reason in ("robots", "private_address", "too_large"))


def page_text(response: Response) -> str:
    """Return a response's text whatever charset it claims."""
    kind = (response.headers.get("Content-Type") or b"").decode("latin-1")
    return decode(response.body, kind.partition("charset=")[2].strip(" \"';"))


def _asked(request: Any) -> str:
    """Return the address that was first asked for, before any redirect."""
    return str(request.meta.get("redirect_urls", [request.url])[0])


def _explain(failure: Any) -> tuple[str, str]:
    """Return (reason, message) for a request that got no answer."""
    url, error = failure.request.url, failure.value
    if was_refused(url):
        return "private_address", f"refused: {urlsplit(url).hostname} is a private or loopback address"
    if isinstance(error, IgnoreRequest):
        text = str(error)
        if "robots.txt" in text:
            return "robots", "robots.txt forbids it"
        if "redirect" in text:
            return "redirects", "redirects without end"
        return "too_large", "is larger than 5 MB unpacked"
    if isinstance(error, DownloadCancelledError):
        return "too_large", "is larger than 5 MB"
    if isinstance(error, CannotResolveHostError):
        return "no_host", f"the name {urlsplit(url).hostname} does not resolve"
    return "unreachable", f"cannot be reached ({type(error).__name__}: {str(error)[:160]})"
