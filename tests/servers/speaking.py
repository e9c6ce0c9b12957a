"""A platform on loopback: what it knows it answers in its documented form, and it says no when it is told to."""

from __future__ import annotations

import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

Answer = tuple[int, dict[str, str], Any]  # status, headers, what is sent as JSON (text is sent as it is)


class Platform:
    """Base of the platforms: `answer` is theirs; `refuses` holds answers that are given first, in order."""

    def __init__(self) -> None:
        self.refuses: list[Answer] = []
        self.asked: list[tuple[str, dict[str, str], dict[str, str]]] = []  # path, query, headers
        platform = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                if parts.path == "/robots.txt":
                    self._send(404, {}, {})
                    return
                query = {name: values[0] for name, values in parse_qs(parts.query).items()}
                headers = {name.lower(): value for name, value in self.headers.items()}
                platform.asked.append((parts.path, query, headers))
                refused = platform.refuses.pop(0) if platform.refuses else None
                self._send(*(refused or platform.answer(parts.path, query, headers)))

            def do_POST(self) -> None:
                self.body = self.rfile.read(int(self.headers["Content-Length"]))
                self.do_GET()

            def _send(self, status: int, headers: dict[str, str], told: Any) -> None:
                body = told.encode() if isinstance(told, str) else json.dumps(told).encode()
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Type", "application/json; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *parts: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: Any, client_address: Any) -> None:
                if not isinstance(sys.exception(), OSError):  # a killed client hangs up
                    super().handle_error(request, client_address)

        self._server = Server(("127.0.0.1", 0), Handler)
        self.host = f"127.0.0.1:{self._server.server_port}"
        self.url = f"http://{self.host}"
        self._serving = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def answer(self, path: str, query: dict[str, str], headers: dict[str, str]) -> Answer:
        """Return what the platform says to a request."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        self._serving.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._serving.join()
