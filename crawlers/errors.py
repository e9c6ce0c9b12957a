"""Expected failures of the crawling room; every message names what to change."""

from __future__ import annotations

from pathlib import Path


class CrawlError(Exception):
    """Base of every expected failure here."""


class DeclarationError(CrawlError):
    """A declaration in sources.toml is missing, unknown or malformed; names file and key."""

    def __init__(self, file: Path, key: str, message: str) -> None:
        super().__init__(f"{file}: {key}: {message}")
        self.file, self.key = file, key


class SourceError(CrawlError):
    """One source cannot be read; the others go on."""

    def __init__(self, source_id: str, message: str) -> None:
        super().__init__(f"source {source_id}: {message}")
        self.source_id = source_id


class SpoolError(CrawlError):
    """The spool cannot be written (full disk, no permission); nothing half-written is kept."""


class StateError(CrawlError):
    """The URL state cannot be opened, or another crawl holds it."""


class ListingError(CrawlError):
    """An answer is not the listing it was declared to be; the message says what it is instead."""


class KeyMissing(CrawlError):  # noqa: N818 (what is wrong, in its name)
    """A platform wants a key and the environment holds none; names the variable."""

    def __init__(self, variable: str) -> None:
        super().__init__(f"needs its key in the environment variable {variable}; keys never stand in a file")
        self.variable = variable
