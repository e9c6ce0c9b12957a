"""What a spider hands over: the seam between crawling and everything else (standard library only)."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class RawDocument:
    """One fetched article or post, already extracted and masked, before it is cleaned or understood.

    `url` is the address the source gave (for files: `urn:sejuk:<source_id>:<id>`). Times are UTC-aware.
    `published` is None where the source does not tell; `published_from` then is "none", else one of
    "feed", "api", "meta", "text", "file". `author_hash` is a keyed hash, never a name.
    `withdrawn`: its author deleted it; it holds no words, and what is stored under its address is removed.
    """

    source_id: str
    url: str
    title: str
    text: str
    fetched_at: datetime
    published: datetime | None = None
    published_from: str = "none"
    author_hash: str | None = None
    withdrawn: bool = False

    def to_json(self) -> str:
        """Return one line of JSON; times in ISO 8601 with their offset."""
        record = asdict(self)
        record["fetched_at"] = self.fetched_at.isoformat()
        record["published"] = self.published.isoformat() if self.published else None
        return json.dumps(record, ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def from_json(cls, line: str) -> RawDocument:
        """Read what `to_json` wrote.

        Raises: ValueError (bad JSON or time), TypeError (missing or unknown field).
        """
        record: dict[str, Any] = json.loads(line)
        record["fetched_at"] = datetime.fromisoformat(record["fetched_at"])
        if record.get("published"):
            record["published"] = datetime.fromisoformat(record["published"])
        return cls(**record)
