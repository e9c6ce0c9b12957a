"""Why a request gave no document: one word that is counted, and a sentence for whoever runs this."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from OpenSSL import SSL
from scrapy.exceptions import (
    CannotResolveHostError,
    DownloadCancelledError,
    DownloadConnectionRefusedError,
    DownloadTimeoutError,
    IgnoreRequest,
    ResponseDataLossError,
)
from twisted.internet.error import ConnectionClosed
from twisted.web.client import ResponseFailed

from crawlers.network import RobotsUnreachable, was_refused

LASTING = ("private_address", "too_large")  # what would be the same an hour later
_TYPES: tuple[tuple[type[BaseException], str, str], ...] = (
    (DownloadCancelledError, "too_large", "is larger than 5 MB"),
    (DownloadTimeoutError, "timeout", "takes too long to answer"),
    (ResponseDataLossError, "cut_short", "sends less than it announced"),
    (DownloadConnectionRefusedError, "refused", "refuses the connection"),
)
_OWN_ROBOTS = ("timeout", "cut_short", "reset", "bad_answer", "garbled", "too_large", "redirects", "unreachable")


def explain(failure: Any) -> tuple[str, str]:
    """Return (reason, message) for a request that got no answer. Args: failure: as Scrapy hands it to an errback."""
    return _explain(failure.request.url, failure.value)


def _explain(url: str, error: BaseException) -> tuple[str, str]:
    host = urlsplit(url).hostname
    if was_refused(url):
        return "private_address", f"refused: {host} is a private or loopback address"
    if isinstance(error, RobotsUnreachable):
        reason, message = _explain(url, error.__cause__ or error)
        if reason in _OWN_ROBOTS:
            return "robots_unreachable", f"its robots.txt cannot be had ({message}), so nothing is allowed"
        return reason, message
    if isinstance(error, IgnoreRequest):
        return _ignored(str(error))
    if isinstance(error, CannotResolveHostError):
        return "no_host", f"the name {host} does not resolve"
    for kind, reason, message in _TYPES:
        if isinstance(error, kind):
            return reason, message
    return _broken(error)


def _ignored(text: str) -> tuple[str, str]:
    if "robots.txt" in text:
        return "robots", "robots.txt forbids it"
    if "redirect" in text:
        return "redirects", "redirects without end"
    return "too_large", "is larger than 5 MB unpacked"


def _broken(error: BaseException) -> tuple[str, str]:
    """Tell the ways in which a connection or its answer breaks."""
    cause = error.__cause__
    inner = [each.value for each in cause.reasons] if isinstance(cause, ResponseFailed) else [error]
    if any(isinstance(each, SSL.Error) for each in inner):
        return "tls", f"has no valid certificate or speaks no TLS ({inner[0]})"
    if any(isinstance(each, ConnectionClosed) for each in inner):
        return "reset", "breaks the connection off"
    if isinstance(cause, ResponseFailed):
        return "bad_answer", f"answers no HTTP ({inner[0]})"
    if isinstance(error, OSError | EOFError) or type(error).__module__ in ("zlib", "brotli", "_brotli"):
        return "garbled", f"is packed wrongly ({error})"
    return "unreachable", f"cannot be reached ({type(error).__name__}: {str(error)[:160]})"


def is_text(page: str) -> bool:
    """Tell whether a page is text, and not the bytes of a picture, a PDF or a packing that nobody asked for.

    >>> is_text("<p>Warga berkumpul</p>"), is_text("%PDF-1.7 " + chr(0) + chr(1))
    (True, False)
    """
    head = page[:2000]
    return sum(character < " " and character not in "\t\n\r\f" for character in head) <= len(head) // 100
