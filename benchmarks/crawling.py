"""What a crawl costs beside the waiting: pages a CPU-second, a conditional re-crawl, memory.

Run: python -m benchmarks.crawling [--pages 2000]. Needs nginx. A local nginx serves news pages; the real crawler reads
them as it does every hour (one request at a time, robots.txt, masking, a flush to the disk for each document), once
with the extraction replaced by a constant and once whole, beside Scrapy with nothing around it. CPU seconds are those
of the whole process, start included.
"""

from __future__ import annotations

import argparse
import os
import resource
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from crawlers.extraction import extract
from tests.crawling import PROJECT, Crawl, peak_memory
from tests.fault_server import article, paragraphs

SOURCES = 20  # of the conditional re-crawl
_LINKS = "".join(f'<li><a href="/x/{number}">Berita lain nomor {number} dari daerah</a></li>' for number in range(150))
AROUND = (  # what stands around the text of a news page: 30 kB
    f"<script>{'var iklan = 1; ' * 900}</script><style>{'.a {color: red} ' * 300}</style>"
    f"<aside class='related'><ul>{_LINKS}</ul></aside>"
)
NOW = datetime(2025, 6, 1, tzinfo=UTC)
WITHOUT_EXTRACTION = """
import sys
import crawlers.spiders.base as base
from crawlers.extraction import Extracted
base.extract = lambda page, url, *rest: Extracted(url, f"Warga rukun di {url}. " * 20)
from crawlers.__main__ import main
sys.exit(main())
"""
RAW = """
import sys, scrapy
from scrapy.crawler import CrawlerProcess
class Raw(scrapy.Spider):
    name = "raw"
    start_urls = [f"{sys.argv[1]}/berita/{number}.html" for number in range(int(sys.argv[2]))]
    def parse(self, response):
        yield {"url": response.url, "size": len(response.text)}
process = CrawlerProcess({"LOG_ENABLED": False, "TELNETCONSOLE_ENABLED": False})
process.crawl(Raw)
process.start()
"""


@contextmanager
def nginx(folder: Path, root: Path) -> Iterator[str]:
    """Serve a folder on loopback; yields HOST:PORT."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config = folder / "nginx.conf"
    temporary = " ".join(f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi"))
    config.write_text(
        f"daemon off; pid {folder}/pid; error_log {folder}/error; worker_processes 1;"
        f"{'user root;' if os.geteuid() == 0 else ''}"
        f"events {{}} http {{ access_log off; {temporary} uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;"
        f"types {{ text/html html; application/xml xml; }} keepalive_requests 1000000;"
        f"server {{ listen 127.0.0.1:{port}; root {root}; }} }}",
        encoding="utf-8",
    )
    server = subprocess.Popen(["nginx", "-c", config, "-e", folder / "error"])
    try:
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                time.sleep(0.05)
        yield f"127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait()


def write_site(root: Path, pages: int) -> None:
    """Write the pages; the sitemap and feeds follow once the address is known."""
    (root / "berita").mkdir(parents=True)
    for number in range(pages):
        page = article(number, extra=paragraphs(number + 1) * 2).body
        (root / "berita" / f"{number}.html").write_bytes(page.replace(b"<footer>", AROUND.encode() + b"<footer>"))


def write_listings(root: Path, host: str, pages: int) -> None:
    """Write a sitemap of all pages, and the feeds of many small sources."""
    rows = "".join(f"<url><loc>http://{host}/berita/{number}.html</loc></url>" for number in range(pages))
    (root / "peta.xml").write_text(f"<urlset>{rows}</urlset>", encoding="utf-8")
    for source in range(SOURCES):
        items = "".join(
            f"<item><title>Berita {number}</title><link>http://{host}/berita/{number}.html</link></item>"
            for number in range(source * 20, source * 20 + 20)
        )
        feed = f'<rss version="2.0"><channel>{items}</channel></rss>'
        (root / f"umpan-{source}.xml").write_text(feed, encoding="utf-8")


def cpu_of(command: list[str]) -> tuple[float, float]:
    """Run a command; return (CPU seconds, most memory in MB)."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    process = subprocess.Popen(command, cwd=PROJECT, stderr=subprocess.PIPE, text=True)
    megabytes, said = peak_memory(process, 1800)
    if process.returncode:
        raise SystemExit(said)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, megabytes


def crawled(folder: Path, host: str, entries: list[dict[str, object]], run: str, launcher: str = "") -> list[str]:
    """Declare sources in a folder of its own; return the command that crawls them."""
    folder.mkdir(exist_ok=True)
    crawl = Crawl(folder, [host])
    crawl.declare(*entries)
    command = crawl.command(run)
    return [command[0], "-c", launcher, *command[3:]] if launcher else command


def throughput(folder: Path, host: str, pages: int) -> None:
    """Print pages a CPU-second of Scrapy alone, of the crawl without extraction, and of the whole crawl."""
    source = {"id": "situs", "kind": "sitemap", "address": f"http://{host}/peta.xml", "max_items": pages}
    for name, command in {
        "Scrapy alone": [sys.executable, "-c", RAW, f"http://{host}", str(pages)],
        "extraction off": crawled(folder / "off", host, [source], "satu", WITHOUT_EXTRACTION),
        "whole": crawled(folder / "whole", host, [source], "satu"),
    }.items():
        seconds, megabytes = cpu_of(command)
        print(f"{name:15} {pages / seconds:6.0f} pages a CPU-second ({seconds:.1f} s), {megabytes:.0f} MB", flush=True)
    for name in ("off", "whole"):
        found = len(Crawl(folder / name, []).documents())
        if found != pages:
            raise SystemExit(f"{name}: {found} documents of {pages} pages")


def unchanged(folder: Path, host: str) -> float:
    """Print what a second visit of sources costs that have nothing new; return CPU seconds a source."""
    entries: list[dict[str, object]] = [
        {"id": f"sumber-{number}", "kind": "feed", "address": f"http://{host}/umpan-{number}.xml"}
        for number in range(SOURCES)
    ]
    cpu_of(crawled(folder / "tetap", host, entries, "satu"))
    seconds, megabytes = cpu_of(crawled(folder / "tetap", host, entries, "dua"))
    print(f"{SOURCES} unchanged sources again: {seconds:.1f} CPU seconds, {megabytes:.0f} MB")
    return seconds / SOURCES


def large_page() -> None:
    """Print what a page at the limit costs."""
    page = article(0, extra=paragraphs(0) * 6200).body.decode()
    started = time.process_time()
    extract(page, "https://contoh.id/a", NOW, ZoneInfo("Asia/Jakarta"))
    print(f"one page of {len(page) / 1e6:.1f} MB: {time.process_time() - started:.1f} s")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", type=int, default=2000)
    pages = max(parser.parse_args().pages, SOURCES * 20)
    with tempfile.TemporaryDirectory() as scratch:
        folder, root = Path(scratch), Path(scratch) / "site"
        write_site(root, pages)
        folder.chmod(0o755)
        with nginx(folder, root) as host:
            write_listings(root, host, pages)
            throughput(folder, host, pages)
            unchanged(folder, host)
    large_page()


if __name__ == "__main__":
    main()
