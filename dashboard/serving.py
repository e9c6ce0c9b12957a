"""The page on a port of this machine."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
from collections.abc import Callable
from datetime import datetime

import uvicorn

from analysis.errors import MonitorError
from dashboard.app import create_app
from pipelines.config import Settings
from pipelines.store import Store, utc_now

GRACE_SECONDS = 3


def serve_page(settings: Settings, host: str, port: int, say: Callable[[str], None]) -> None:
    """Serve the page until SIGINT or SIGTERM.

    Raises: MonitorError (the port is taken), ConfigError, StorageError (the database cannot be opened).
    """
    with Store(settings.database):  # brings the schema up to date: requests only read
        pass
    listening = listen(host, port)
    if not is_loopback(host):
        say(f"warning: {host} can be reached from other machines; put a TLS proxy in front (docs/halaman.md)")
    say(f"http://{'[' + host + ']' if ':' in host else host}:{listening.getsockname()[1]}/  (Ctrl-C ends it)")
    with contextlib.suppress(KeyboardInterrupt):  # raised again once the answers under way are finished
        server(settings).run(sockets=[listening])


def server(settings: Settings, clock: Callable[[], datetime] = utc_now) -> uvicorn.Server:
    """Return a server for one configuration, not yet started."""
    config = uvicorn.Config(
        create_app(settings, clock), log_level="warning", access_log=False, server_header=False, date_header=False,
        proxy_headers=True, forwarded_allow_ips="127.0.0.1,::1", timeout_graceful_shutdown=GRACE_SECONDS,
        limit_concurrency=200, h11_max_incomplete_event_size=65_536,
    )  # fmt: skip
    return uvicorn.Server(config)


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that takes connections from now on; they are answered once the server runs.

    Raises: MonitorError where the port is taken or the host is not of this machine.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, kind, protocol)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(2048)
    except OSError as error:
        raise MonitorError(f"cannot listen on {host}:{port}: {error.strerror}; choose another with --port") from error
    return listening


def is_loopback(host: str) -> bool:
    """Tell whether an address is only reached from this machine.

    >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("0.0.0.0")
    (True, True, False)
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
