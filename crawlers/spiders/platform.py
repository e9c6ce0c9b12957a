"""What the engines on platforms share: the key, the walk through pages that survives a kill, the platform's refusals.

A page's position goes through the pipeline behind its posts and is kept once they stand in the spool, so a visit
that was killed anywhere is taken up at the page it stood at: what is read twice is known by its address.
"""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Generator, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from scrapy import Request
from scrapy.http import Response

from crawlers.dates import plausible
from crawlers.errors import KeyMissing, ListingError
from crawlers.listings import Entry, Reached
from crawlers.network import retry_after
from crawlers.privacy import post_address
from crawlers.spiders.base import Output, Reader, SourceSpider, page_text
from crawlers.visit import Visit

_PAUSE = 900.0  # seconds of quiet where a platform refuses for too many requests and does not say how long


@dataclass(frozen=True, slots=True)
class Refusal:
    """One documented way in which a platform says no. `ends`: asking it anything else is pointless."""

    reason: str  # as it is counted
    advice: str
    ends: bool = True
    pauses: bool = False
    fails: bool = True  # False: it is counted, and the source is well


LIMITED = Refusal("rate_limited", "too many requests; it is left alone as long as it asks", pauses=True)
BROKEN = Refusal("platform_error", "the platform has a fault; the next run goes on", pauses=True)
UNKNOWN = Refusal("refused", "not a documented answer; has the interface changed?")


@dataclass(frozen=True, slots=True)
class Walk:
    """From the newest post down to what is known, page by page.

    `floor` is the newest post of the last walk that came to its end, "" where none has; `top` that of this walk;
    `token` names the page to be read next, "" for the first; `since` is when the first walk began, where that matters.
    """

    floor: str = ""
    top: str = ""
    token: str = ""
    since: str = ""

    @classmethod
    def of(cls, kept: str) -> Walk:
        """Return what `kept` was made of."""
        return cls(**json.loads(kept)) if kept else cls()

    def kept(self) -> str:
        """Return the walk as text."""
        return json.dumps(asdict(self))


class PlatformSpider(SourceSpider):
    """An engine on a platform's official interface."""

    refusals: Mapping[int | str, Refusal] = {}  # by HTTP status or by the platform's own name for it

    def __init__(self, visit: Visit) -> None:
        super().__init__(visit)
        self.ended = False
        self._targets: Iterator[Request] = iter(())
        self.key = os.environ.get(visit.source.key_variable, "").strip()

    def needed_key(self) -> str:
        """Return the key.

        Raises: KeyMissing naming the variable.
        """
        if not self.key:
            raise KeyMissing(self.visit.source.key_variable)
        return self.key

    async def begin(self) -> AsyncIterator[Any]:
        """Ask for the first page of the first target; the others follow one after another."""
        self._targets = self.targets()
        for request in self._following():
            yield request

    def targets(self) -> Iterator[Request]:
        """Yield the first request of each thing to be read; each is made when its turn comes."""
        raise NotImplementedError

    def _following(self) -> Iterator[Request]:
        if not self.ended and not self.visit.is_full:
            yield from islice(self._targets, 1)

    def end(self, reason: str, pause: float = 0.0) -> None:
        """Ask nothing more in this visit, because of a bound that is no fault, and leave the platform alone so long."""
        self.ended = True
        self.visit.rejected[reason] += 1
        self.visit.unsettled += 1
        if pause:
            self.visit.pause(pause)

    # -- asking -----------------------------------------------------------------------------------

    def ask(self, url: str, read: Reader, headers: Mapping[str, str] | None = None, **more: Any) -> Request:
        """Return a request; `read(answer, response, **passed)` gets its JSON.

        It is not tried again within the visit (that may cost quota), nor sent on to another host (it holds the key).
        Args: more: arguments of Request, and `passed`.
        """
        passed = more.pop("passed", {})
        meta = {"dont_retry": True, "dont_redirect": True} | more.pop("meta", {})
        return Request(
            url,
            headers=dict(headers or {}),
            callback=self._answered,
            errback=self._list_failed,
            cb_kwargs={"read": read, "passed": passed},
            meta=meta,
            dont_filter=True,
            **more,
        )

    def _answered(self, response: Response, read: Reader, passed: dict[str, Any]) -> Output:
        try:
            answer = json.loads(page_text(response) or "null")
        except (ValueError, RecursionError):
            answer = None
        where = response.url.partition("?")[0]
        if response.status != 200:
            refusal = self.refusal(response, answer)
            self.refused(where, response, refusal)
            yield from self._relay(self.after_refusal(refusal, passed))
            return
        if not isinstance(answer, (dict, list)):
            self.visit.rejected["no_json"] += 1
            self.visit.fail(f"{where} answers no JSON; is the address right?")
            return
        try:
            yield from self._relay(read(answer, response, **passed))
        except (ListingError, KeyError, TypeError, AttributeError, ValueError) as error:
            self.visit.rejected["bad_answer"] += 1
            self.visit.fail(f"{where} answers in another form than documented ({type(error).__name__}: {error})")

    def _relay(self, outputs: Iterable[Any]) -> Output:
        """Yield what was read; where no request is among it, the target is done and the next one follows."""
        went_on = False
        for each in outputs:
            went_on = went_on or isinstance(each, Request)
            yield each
        if not went_on:
            yield from self._following()

    # -- refusals ---------------------------------------------------------------------------------

    def refusal(self, response: Response, answer: Any) -> Refusal:
        """Return what a status other than 200 means."""
        for name in (self.reason_of(answer), response.status):
            if name in self.refusals:
                return self.refusals[name]
        if response.status == 429:
            return LIMITED
        return BROKEN if response.status >= 500 else UNKNOWN

    def reason_of(self, answer: Any) -> str:
        """Return the platform's own name for an error, "" where it has none."""
        return ""

    def after_refusal(self, refusal: Refusal, passed: dict[str, Any]) -> Output:
        """Yield what a refusal changes about how far was read. Args: passed: as given to `ask`."""
        yield from ()

    def reset_of(self, response: Response) -> float | None:
        """Return the seconds until the platform may be asked again, None where it does not say."""
        return retry_after(response)

    def refused(self, where: str, response: Response, refusal: Refusal) -> None:
        """Count a refusal and, where nothing else can be had, end the visit."""
        self.visit.rejected[refusal.reason] += 1
        if refusal.pauses:
            asked = self.reset_of(response)
            self.visit.pause(_PAUSE if asked is None else asked)
        if refusal.fails:
            self.visit.fail(f"{where} answers {response.status}, {refusal.reason}: {refusal.advice}")
        self.ended = self.ended or refusal.ends

    # -- walking ----------------------------------------------------------------------------------

    def walk(self, name: str) -> Walk:
        """Return where the reading of a query stands. A backfill is a walk of its own."""
        return Walk.of(self.visit.run.state.position(self.visit.source.id, self._walk_name(name)))

    def reached(self, name: str, walk: Walk) -> Reached:
        """Return what records where the reading of a query stands."""
        return Reached(self._walk_name(name), walk.kept())

    def _walk_name(self, name: str) -> str:
        since = self.visit.run.since
        return f"{name} since {since}" if since else name

    def step(
        self, name: str, walk: Walk, newest: str, onward: str, at_floor: bool
    ) -> Generator[Reached, None, Walk | None]:
        """Yield what records that a page was taken; return the walk to its next page, None where it ends here.

        Args: newest: the page's newest post; onward: the next page's token; at_floor: the rest is known.
        """
        walk, backfill = replace(walk, top=walk.top or newest), self.visit.run.since is not None
        if self.visit.is_full and (walk.floor or backfill):  # the page may hold more than was taken
            self.visit.unsettled += 1
            yield self.reached(name, walk)
            return None
        if not onward or at_floor or self.visit.is_full:  # a first visit leaves the archive to a backfill
            yield self.reached(
                name, Walk() if backfill else replace(walk, floor=walk.top or walk.floor, top="", token="")
            )
            return None
        walk = replace(walk, token=onward)
        yield self.reached(name, walk)
        return walk

    # -- posts ------------------------------------------------------------------------------------

    def post(self, name: str, author: str, text: str, published: datetime | None, version: str | None = None) -> Entry:
        """Return a post as an entry that names neither its author nor its address.

        Args: name, author: what the platform calls the post and its author; both are hashed before anything is kept.
        """
        kind = self.visit.source.kind
        when = plausible(published, self.visit.run.now()) if published else None
        return Entry(
            url=post_address(kind, name, self.visit.run.salt),
            text=text,
            published=when,
            published_from="api" if when else "none",
            version=version,
            author=f"{kind}:{author}" if author else "",
        )


def moment(text: Any) -> datetime | None:
    """Return an ISO time in UTC, None where it is none.

    >>> moment("2026-05-26T08:30:00.000Z").isoformat()
    '2026-05-26T08:30:00+00:00'
    """
    try:
        time = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return time if time.tzinfo else time.replace(tzinfo=UTC)
