"""A hub of models on loopback, with one repository: what huggingface_hub asks to fetch files by name."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

COMMIT = "c0ffee" + "0" * 34


@contextmanager
def hub(name: str, folder: Path) -> Iterator[str]:
    """Yield the address of a hub that serves a folder as the repository `name`."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            path, api = urlsplit(self.path).path, f"/api/models/{name}"
            file = folder / Path(path).name
            if path == api:
                self.answer(200, json.dumps({"id": name, "sha": COMMIT, "private": False}).encode())
            elif path.startswith(f"{api}/tree/"):
                self.answer(200, b"[]")
            elif path.startswith(f"/{name}/resolve/") and file.is_file():
                self.answer(200, file.read_bytes(), ETag=f'"{file.name}"')
            else:
                self.answer(404, b"", **{"X-Error-Code": "EntryNotFound" if name in path else "RepoNotFound"})

        def do_GET(self) -> None:
            self.do_HEAD()

        def answer(self, code: int, body: bytes, **headers: str) -> None:
            self.send_response(code)
            for key, value in {"Content-Length": str(len(body)), "X-Repo-Commit": COMMIT, **headers}.items():
                self.send_header(key, value)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
