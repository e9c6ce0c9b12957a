"""Files of field reports and exports, the way hand-collected posts come in: named ones, or all of a watched folder."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

from crawlers.errors import ListingError
from crawlers.listings import Entry
from crawlers.reports import SUFFIXES, is_report, read_report
from crawlers.spiders.base import SourceSpider

_SETTLED = 2.0  # seconds since its last change after which a file counts as written
_LOOK = 1.0  # seconds between two looks at one that is younger


class FilesSpider(SourceSpider):
    """Read CSV, XLSX and JSONL files; one that did not change since the last visit is passed over."""

    async def begin(self) -> AsyncIterator[Any]:
        """Yield the reports; no request is made."""
        for path in await self._written(self._paths()):
            try:
                for entry in self._entries(path):
                    yield entry
            except (ListingError, OSError) as error:
                self.visit.fail(str(error))

    def _paths(self) -> list[Path]:
        """Return the files of the address: one, a pattern, or a folder."""
        address = Path(self.visit.source.address)
        folder = Path(address.anchor) if address.is_absolute() else self.visit.run.folder
        pattern = str(address.relative_to(address.anchor)) if address.is_absolute() else str(address)
        if (folder / pattern).is_dir():
            return sorted(path for path in (folder / pattern).iterdir() if is_report(path))
        paths = sorted(path for path in folder.glob(pattern) if is_report(path))
        if not paths:
            kinds = ", ".join(SUFFIXES)
            self.visit.fail(f"no folder and no file ({kinds}) at {self.visit.source.address}")
        return paths

    async def _written(self, paths: list[Path]) -> list[Path]:
        """Leave out files that grow while they are looked at; the next visit takes them whole."""
        before = {path: _mark(path) for path in paths}
        if any(time.time() - path.stat().st_mtime < _SETTLED for path in paths):
            await asyncio.sleep(_LOOK)
        growing = [path for path in paths if _mark(path) != before[path]]
        if growing:
            self.visit.rejected["still_written"] += len(growing)
        return [path for path in paths if path not in growing]

    def _entries(self, path: Path) -> Iterator[Entry]:
        run, source = self.visit.run, self.visit.source
        mark = _mark(path)
        if run.since is None and run.state.validators(source.id, str(path)).get("If-None-Match") == mark:
            self.visit.unchanged += 1
            return
        self.visit.offer_validators(str(path), mark, None)
        for each in read_report(path, source, run.now(), run.local, run.salt):
            if isinstance(each, str):
                self.visit.rejected["bad_row"] += 1
                self.visit.tell(each)
            else:
                yield from self.take_whole((each,))


def _mark(path: Path) -> str:
    """Return what changes when a file does."""
    facts = path.stat()
    return f"{facts.st_size}-{facts.st_mtime_ns}"
