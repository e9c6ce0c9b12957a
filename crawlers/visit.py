"""One visit to one source: what it may take, what it took, and what it leaves for the next."""

from __future__ import annotations

import hashlib
import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any

from crawlers.listings import Entry
from crawlers.sources import Source
from crawlers.spool import SpoolWriter, read_spool, spool_path
from crawlers.state import State

log = logging.getLogger(__name__)
_MAX_ERRORS = 20


@dataclass(frozen=True, slots=True)
class Run:
    """What all visits of one crawl share."""

    id: str
    state: State
    spool: Path
    folder: Path  # of sources.toml; file addresses are relative to it
    local: tzinfo
    since: date | None = None
    salt: bytes = b""
    started: datetime = field(default_factory=lambda: datetime.now(UTC))

    def now(self) -> datetime:
        """Return the time in UTC."""
        return datetime.now(UTC)


def content_hash(title: str, text: str) -> str:
    """Return the fingerprint by which an unchanged article is known."""
    return hashlib.sha256(f"{title}\n{text}".encode("utf-8", "replace")).hexdigest()


@dataclass(slots=True)
class Visit:
    """The tally of one visit and the decisions that need memory.

    `unsettled` counts what has to be asked for again: while it is not 0 the listing's validators and
    cursor are not kept, so that the next visit sees the whole listing again.
    """

    source: Source
    run: Run
    items: int = 0
    unchanged: int = 0
    known: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    errors: list[str] = field(default_factory=list)
    last_published: datetime | None = None
    cursor: str | None = None
    unsettled: int = 0
    finished: bool = False
    elsewhere: bool = False  # another machine made it meanwhile
    _wanted: int = 0
    _validators: dict[str, tuple[str | None, str | None]] = field(default_factory=dict)
    _listed: set[str] = field(default_factory=set)
    _writer: SpoolWriter | None = None

    @property
    def writer(self) -> SpoolWriter:
        """Return the spool file of this visit."""
        if self._writer is None:
            today = self.run.now().astimezone(self.run.local).date()
            self._writer = SpoolWriter(spool_path(self.run.spool, self.source.id, today, self.run.id))
        return self._writer

    @property
    def is_full(self) -> bool:
        """Tell whether the bound of one visit is reached."""
        return self._wanted >= self.source.max_items

    def is_due(self) -> bool:
        """Tell whether the source may be visited now; report why not, unless another machine just did."""
        paused = self.run.state.paused_until(self.source.id)
        self.elsewhere = self.run.state.is_done(self.source.id, self.run.started)
        if paused and paused > self.run.now():
            self.fail(f"left alone until {paused.isoformat(timespec='minutes')}, as its host asked")
        return not self.errors and not self.elsewhere

    def recover(self) -> None:
        """Take over what a killed run spooled and could not record."""
        settled = self.run.state.settled(self.source.id)
        for path in sorted((self.run.spool / self.source.id).glob("*.jsonl.gz")):
            if path.name not in settled:
                spooled = list(read_spool(path))
                found = [(each.url, content_hash(each.title, each.text)) for each in spooled if not each.withdrawn]
                self.run.state.settle(self.source.id, path.name, found)
                for each in spooled:
                    if each.withdrawn:
                        self.run.state.withdraw(each.url)
                log.info("visit event=recovered source=%s documents=%d", self.source.id, len(found))

    def choose(self, entries: tuple[Entry, ...]) -> list[Entry]:
        """Return the entries to read: admitted, new or changed, within the bounds of a visit."""
        chosen: list[Entry] = []
        left: list[Entry] = []
        for entry in entries:
            if entry.url in self._listed or not self.source.admits(entry.url) or self._too_old(entry):
                continue
            self._listed.add(entry.url)
            if not self._wants(entry):
                self.known += 1
                self.unsettled += self.run.state.awaits_retry(self.source.id, entry.url)
            elif self._wanted < self.source.max_items:
                self._wanted += 1
                chosen.append(entry)
            else:
                left.append(entry)
        self._leave(left)
        return chosen

    def expect(self, entries: Sequence[Entry]) -> None:
        """Note pages that are about to be asked for: whatever ends this visit, a later one asks again."""
        pages = ((entry.url, entry.version) for entry in entries)
        self.run.state.want(self.source.id, pages, self.run.now())

    def owed(self) -> list[Entry]:
        """Return the pages that an earlier visit wanted and did not get, and that no listing names any more."""
        due = self.run.state.due(self.source.id, self.run.now())
        owed = [Entry(url, version=version) for url, version in due if url not in self._listed]
        owed = [entry for entry in owed if self.source.admits(entry.url)][: self.source.max_items - self._wanted]
        self._listed.update(entry.url for entry in owed)
        self.expect(owed)
        return owed

    def _wants(self, entry: Entry) -> bool:
        is_backfill = self.run.since is not None
        return self.run.state.wants(self.source.id, entry.url, entry.version, self.run.now(), is_backfill)

    def _leave(self, entries: list[Entry]) -> None:
        """Leave what exceeds the bound: the archive of a first visit for a backfill, else for the next visit."""
        is_archive = self.run.since is None and self.source.kind != "files"
        if entries and is_archive and not self.run.state.visited(self.source.id):
            self.run.state.skip(self.source.id, [entry.url for entry in entries])
        else:
            self.unsettled += len(entries)
            self.expect([entry for entry in entries if not entry.text or self.source.kind == "feed"])

    def _too_old(self, entry: Entry) -> bool:
        if self.run.since is None or entry.published is None:
            return False
        return entry.published.astimezone(self.run.local).date() < self.run.since

    def fail(self, message: str) -> None:
        """Report a failure of the source itself."""
        self.unsettled += 1
        self.tell(message)

    def tell(self, message: str) -> None:
        """Report what somebody has to put right, without asking for it again until it has changed."""
        if len(self.errors) < _MAX_ERRORS:
            self.errors.append(message)
        log.warning("visit event=error source=%s message=%s", self.source.id, message)

    def reject(self, entry: Entry, reason: str, lasting: bool = True, gone: bool = False) -> None:
        """Count an article that gave no document. A lasting reason is not asked about again."""
        self.rejected[reason] += 1
        if lasting:
            self.run.state.mark(self.source.id, entry.url, "gone" if gone else "rejected", entry.version)
        else:
            self.unsettled += 1
            self.run.state.mark_failed(self.source.id, entry.url, self.run.now())

    def pause(self, seconds: float) -> None:
        """Leave the source alone for as long as its host asks, a day at most."""
        pause = timedelta(seconds=min(seconds, 86400.0))
        self.run.state.pause(self.source.id, self.run.now() + pause)

    def offer_validators(self, url: str, etag: str | None, modified: str | None) -> None:
        """Hold a listing's validators until the visit has settled all it listed."""
        if etag or modified:
            self._validators[url] = (etag, modified)

    def close(self, finished: bool) -> None:
        """End the visit; only one that came to its end moves the source's marks forward."""
        self.writer.close()
        if self.writer.made:
            self.run.state.settle(self.source.id, self.writer.path.name, ())
        self.finished = finished
        if finished and not self.unsettled:
            for url, (etag, modified) in self._validators.items():
                self.run.state.save_validators(self.source.id, url, etag, modified)
        if finished and not self.errors:
            self.run.state.finish(self.source.id, self.run.now(), None if self.unsettled else self.cursor)

    def summary(self, stats: dict[str, Any]) -> dict[str, Any]:
        """Return this visit's part of the summary. Args: stats: Scrapy's counts."""
        prefix = "downloader/response_status_count/"
        return {
            "source_id": self.source.id,
            "requests": stats.get("downloader/request_count", 0),
            "items": self.items,
            "unchanged": self.unchanged,
            "known": self.known,
            "rejected": dict(sorted(self.rejected.items())),
            "status": {key[len(prefix) :]: stats[key] for key in sorted(stats) if key.startswith(prefix)},
            "errors": self.errors,
            "robots_denied": stats.get("robotstxt/forbidden", 0),
            "bytes": stats.get("downloader/response_bytes", 0),
            "last_published": self.last_published.isoformat() if self.last_published else None,
        }
