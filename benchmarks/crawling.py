"""How fast pages become spooled documents, and what a large page costs.

Run: python -m benchmarks.crawling [--documents 200]. Measures on one core: extraction of news pages (trafilatura
with our cleaning), masking, and writing to the spool with a flush to the disk for each document.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from crawlers.extraction import extract
from crawlers.items import RawDocument
from crawlers.privacy import mask
from crawlers.spool import SpoolWriter, read_spool
from tests.fault_server import Answer, article, paragraphs

NOW = datetime(2025, 6, 1, tzinfo=UTC)
WIB = ZoneInfo("Asia/Jakarta")


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _text(answer: Answer) -> str:
    return answer.body.decode()


def _spool(writer: SpoolWriter, texts: list[str]) -> None:
    for text in texts:
        writer.write(RawDocument("a", "https://contoh.id", "", text, NOW))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=200)
    count = parser.parse_args().documents
    pages = [_text(article(number)) for number in range(count)]
    large = _text(article(0, extra=paragraphs(0) * 6200))
    extract(pages[0], "https://contoh.id/0", NOW, WIB)  # first use reads the language tables
    texts: list[str] = []
    extracting = _seconds(lambda: texts.extend(extract(page, "https://contoh.id/a", NOW, WIB).text for page in pages))
    masking = _seconds(lambda: [mask(text) for text in texts])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.jsonl.gz"
        with SpoolWriter(path) as writer:
            writing = _seconds(lambda: _spool(writer, texts))
        reading = _seconds(lambda: list(read_spool(path)))
    for name, took in {"extract": extracting, "mask": masking, "spool": writing, "read": reading}.items():
        print(f"{name:8} {count / took:10.0f} documents/s")
    big = _seconds(lambda: extract(large, "https://contoh.id/a", NOW, WIB))
    print(f"one page of {len(large) / 1e6:.1f} MB: {big:.1f} s")


if __name__ == "__main__":
    main()
