"""Files of field reports and exports, the way hand-collected posts come in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from crawlers.errors import ListingError
from crawlers.listings import read_file
from crawlers.spiders.base import SourceSpider


class FilesSpider(SourceSpider):
    """Read CSV and JSONL files; one that did not change since the last visit is passed over."""

    async def begin(self) -> AsyncIterator[Any]:
        """Yield the reports; no request is made."""
        address = Path(self.visit.source.address)
        folder = Path(address.anchor) if address.is_absolute() else self.visit.run.folder
        pattern = str(address.relative_to(address.anchor)) if address.is_absolute() else str(address)
        paths = sorted(path for path in folder.glob(pattern) if path.suffix in (".csv", ".jsonl"))
        if not paths:
            self.visit.fail(f"no .csv or .jsonl file at {self.visit.source.address}")
        for path in paths:
            try:
                for entry in self._entries(path):
                    yield entry
            except (ListingError, OSError) as error:
                self.visit.fail(str(error))

    def _entries(self, path: Path) -> Any:
        run, source = self.visit.run, self.visit.source
        facts = path.stat()
        mark = f"{facts.st_size}-{facts.st_mtime_ns}"
        if run.since is None and run.state.validators(source.id, str(path)).get("If-None-Match") == mark:
            self.visit.unchanged += 1
            return
        self.visit.offer_validators(str(path), mark, None)
        for entry in read_file(path, source, run.now(), run.local):
            yield from self.take_whole((entry,))
