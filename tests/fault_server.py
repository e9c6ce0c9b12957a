"""A site on loopback that answers what it is told to, faults included, and keeps a record of who asked."""

from __future__ import annotations

import hashlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self


@dataclass(frozen=True)
class Answer:
    """One answer. With `conditional` it carries an ETag and 304 is given to who knows it."""

    body: bytes = b""
    status: int = 200
    type: str = "text/html; charset=utf-8"
    headers: dict[str, str] = field(default_factory=dict)
    conditional: bool = False


@dataclass(frozen=True)
class Raw:
    """What is said on the bare connection, which ends after it."""

    talk: Callable[[socket.socket], None]


Route = Answer | Raw | Callable[[str], Answer | Raw]


class Site:
    """A site of routes; what has none is answered by `otherwise`. With `tls` it speaks HTTPS."""

    def __init__(self, address: tuple[str, int] = ("127.0.0.1", 0), tls: ssl.SSLContext | None = None) -> None:
        self.routes: dict[str, Route] = {}
        self.otherwise: Route = Answer(b"tidak ada", 404)
        self.requests: list[tuple[str, dict[str, str]]] = []
        site = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                site.requests.append((self.path, dict(self.headers.items())))
                route = site.routes.get(self.path) or site.routes.get(self.path.partition("?")[0])
                route = route or site.otherwise
                answer = route(self.path) if callable(route) else route
                if isinstance(answer, Raw):
                    self.close_connection = True
                    answer.talk(self.connection)
                else:
                    self._send(answer)

            def _send(self, answer: Answer) -> None:
                etag = f'"{hashlib.md5(answer.body).hexdigest()}"'
                if answer.conditional and self.headers.get("If-None-Match") == etag:
                    answer = Answer(status=304, headers={"ETag": etag})
                self.send_response(answer.status)
                if answer.conditional:
                    self.send_header("ETag", etag)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Type", answer.type)
                self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                self.wfile.write(answer.body)

            def log_message(self, *parts: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: Any, client_address: Any) -> None:
                pass  # a killed or bounded client hangs up; that is what is tested

        self._server = Server(address, Handler)
        self.port = self._server.server_port
        self.host = f"{address[0]}:{self.port}"
        self.url = f"{'https' if tls else 'http'}://{self.host}"
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def asked(self, path: str) -> int:
        """Count the requests for a path."""
        return sum(each == path for each, _ in self.requests)


def drip(wait: Callable[[], object], head: bytes = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n") -> Raw:
    """Answer a byte at a time, without end; `wait` is called between two."""

    def talk(connection: socket.socket) -> None:
        connection.sendall(head)
        while True:
            connection.sendall(b"x")
            wait()

    return Raw(talk)


def cut(answer: Answer, at: int, length: str = "", reset: bool = False) -> Raw:
    """Send an answer up to its byte `at`, whatever length it claims; then hang up, or reset the connection."""
    length = length or str(len(answer.body))
    head = f"HTTP/1.1 {answer.status} OK\r\nContent-Type: {answer.type}\r\nContent-Length: {length}\r\n\r\n".encode()

    def talk(connection: socket.socket) -> None:
        connection.sendall((head + answer.body)[:at])
        if reset:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()

    return Raw(talk)


SENTENCES = (
    "Warga berkumpul di balai desa sejak pagi untuk membahas hasil pemungutan suara ulang.",
    "Kepala desa mengajak semua pihak menahan diri dan menunggu penetapan yang sah.",
    "Petugas berjaga tanpa senjata dan berbincang dengan para pemuda di gardu ronda.",
    "Pertemuan itu menghasilkan kesepakatan untuk membersihkan spanduk bersama-sama.",
    "Perwakilan perempuan meminta pasar tetap dibuka agar kebutuhan keluarga terpenuhi.",
)


def paragraphs(number: int) -> str:
    """Return the body of article `number`, as HTML."""
    own = f"Pertemuan ke-{number} berlangsung di kampung nomor {number} dengan tertib dan dihadiri warga."
    return "".join(f"<p>{line}</p>" for line in (own, *SENTENCES))


def article(number: int, title: str = "", extra: str = "", published: str = "2025-05-26T08:30:00+07:00") -> Answer:
    """Return the page of article `number`, with what news pages carry around it."""
    title = title or f"Warga kampung {number} bermusyawarah"
    meta = f'<meta property="article:published_time" content="{published}">' if published else ""
    page = f"""<!doctype html><html lang="id"><head><meta charset="utf-8"><title>{title} - Portal Uji</title>
    <meta property="og:site_name" content="Portal Uji"><meta property="og:title" content="{title} - Portal Uji">
    {meta}</head><body><nav><a href="/">Beranda</a><a href="/x">Politik</a></nav>
    <article><h1>{title}</h1>{paragraphs(number)}{extra}</article>
    <footer>Copyright © 2025 Portal Uji</footer></body></html>"""
    return Answer(page.encode())


def feed(site: Site, paths: list[str], extra: str = "") -> Answer:
    """Return an RSS feed of teasers for the given paths."""
    items = "".join(
        f"<item><title>Warga bermusyawarah {path}</title><link>{site.url}{path}</link>"
        f"<description>Ringkasan {path}</description>{extra}</item>"
        for path in paths
    )
    body = f'<?xml version="1.0" encoding="UTF-8"?><rss version="2.0"><channel><title>U</title>{items}</channel></rss>'
    return Answer(body.encode(), type="application/rss+xml", conditional=True)


def paged(site: Site, newest: int, broken: int = 0) -> None:
    """Serve a list of articles from the newest down to 0, two a page; page `broken` answers 500."""

    def page(path: str) -> Answer:
        number = int(path.rpartition("=")[2]) if "=" in path else 1
        if number == broken:
            return Answer(status=500)
        shown = [each for each in range(newest - 2 * number + 2, newest - 2 * number, -1) if each >= 0]
        links = "".join(f"<h2><a href='/berita/{each}'>Berita {each}</a></h2>" for each in shown)
        return Answer(f"<html><body>{links}<a class=n href='/indeks?hal={number + 1}'>Lama</a></body></html>".encode())

    site.routes["/indeks"] = page
    site.routes |= {f"/berita/{number}": article(number) for number in range(newest + 1)}
