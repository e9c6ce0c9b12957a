"""How requests go out: to public addresses only, at the host's pace, never against its robots.txt."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

from scrapy import signals
from scrapy.downloadermiddlewares.retry import RetryMiddleware
from scrapy.downloadermiddlewares.robotstxt import RobotsTxtMiddleware
from scrapy.exceptions import IgnoreRequest
from scrapy.extensions.throttle import AutoThrottle
from scrapy.http import Request, Response
from twisted.internet.interfaces import IHostnameResolver, IResolutionReceiver
from zope.interface import implementer  # type: ignore[import-untyped]  # ships no types

log = logging.getLogger(__name__)

ROBOT_NAME = "Sejuk"
MAX_WAIT = 120.0  # seconds waited inside a visit when a host asks for it; beyond it the source is paused
_REFUSED: set[tuple[str, int]] = set()  # (host, port) whose resolved addresses were all refused in this process


def is_public(address: str) -> bool:
    """Tell whether an IP address is one of the public internet, also inside IPv6 wrappings.

    >>> [is_public(each) for each in ("8.8.8.8", "10.1.2.3", "127.0.0.1", "::ffff:127.0.0.1", "::1")]
    [True, False, False, False, False]
    """
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        wrapped = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if wrapped is None and ip in ipaddress.ip_network("64:ff9b::/96"):
            wrapped = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if wrapped is not None:
            return is_public(str(wrapped))
    return ip.is_global and not ip.is_multicast


def was_refused(url: str) -> bool:
    """Tell whether the host of `url` was refused for resolving to private addresses only."""
    parts = urlsplit(url)
    return (parts.hostname or "", parts.port or {"https": 443}.get(parts.scheme, 80)) in _REFUSED


@implementer(IHostnameResolver)
class PublicResolver:
    """Resolve names as the system does, and pass on only public addresses.

    It is the one door of every connection, IP literals included, so redirects and names that change their
    address between two look-ups meet it too. Hosts in ALLOWED_HOSTS ("host:port") pass.
    """

    def __init__(self, reactor: Any, allowed: Sequence[str]) -> None:
        self._reactor = reactor
        self._inner = reactor.nameResolver
        self._allowed = frozenset(allowed)

    @classmethod
    def from_crawler(cls, crawler: Any, reactor: Any) -> PublicResolver:
        """Make the resolver from the process's settings."""
        return cls(reactor, crawler.settings.getlist("ALLOWED_HOSTS"))

    def install_on_reactor(self) -> None:
        """Put the resolver before every connection."""
        self._reactor.installNameResolver(self)

    def resolveHostName(  # noqa: N802 (Twisted's name)
        self,
        resolutionReceiver: Any,  # noqa: N803
        hostName: str,  # noqa: N803
        portNumber: int = 0,  # noqa: N803
        addressTypes: Any = None,  # noqa: N803
        transportSemantics: str = "TCP",  # noqa: N803
    ) -> Any:
        """Resolve as Twisted asks."""
        host = f"[{hostName}]" if ":" in hostName else hostName
        is_allowed = f"{host}:{portNumber}" in self._allowed
        receiver = resolutionReceiver if is_allowed else _PublicOnly(resolutionReceiver, hostName, portNumber)
        return self._inner.resolveHostName(receiver, hostName, portNumber, addressTypes, transportSemantics)


@implementer(IResolutionReceiver)
class _PublicOnly:
    def __init__(self, receiver: Any, host: str, port: int) -> None:
        self._receiver, self._host, self._port = receiver, host, port
        self._kept = self._refused = 0

    def resolutionBegan(self, resolution: Any) -> None:  # noqa: N802 (Twisted's name)
        self._receiver.resolutionBegan(resolution)

    def addressResolved(self, address: Any) -> None:  # noqa: N802
        if is_public(address.host):
            self._kept += 1
            self._receiver.addressResolved(address)
        else:
            self._refused += 1

    def resolutionComplete(self) -> None:  # noqa: N802
        if self._refused and not self._kept:
            _REFUSED.add((self._host, self._port))
            log.warning("network event=refused_private host=%s", self._host)
        self._receiver.resolutionComplete()


def retry_after(response: Response) -> float | None:
    """Return the seconds a host asks to be left alone, None where it does not say."""
    value = (response.headers.get("Retry-After") or b"").decode("latin-1").strip()
    if value.isdigit():
        return float(value)
    try:
        return max(0.0, (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return None


class PatientRetry(RetryMiddleware):
    """Retry what may pass, waiting twice as long each time, or as long as the host asks."""

    async def process_response(  # type: ignore[override]  # Scrapy awaits either form
        self, request: Request, response: Response
    ) -> Request | Response:
        """Wait before a retry; an answer that asks for more than MAX_WAIT goes to the spider as it is."""
        if response.status not in self.retry_http_codes:
            return response
        asked = retry_after(response) if response.status in (429, 503) else None
        if asked is not None and asked > MAX_WAIT:
            return response
        again = super().process_response(request, response)
        if again is not response:
            await asyncio.sleep(asked if asked is not None else self._pause(request))
        return again

    async def process_exception(  # type: ignore[override]  # as above
        self, request: Request, exception: Exception
    ) -> Request | Response | None:
        """Wait before a retry of a broken connection."""
        again = super().process_exception(request, exception)
        if again is not None:
            await asyncio.sleep(self._pause(request))
        return again

    def _pause(self, request: Request) -> float:
        delay = self.crawler.settings.getfloat("DOWNLOAD_DELAY")
        return float(min(MAX_WAIT, delay * 2 ** (1 + request.meta.get("retry_times", 0))))


class RobotsUnreachable(IgnoreRequest):
    """A host's robots.txt could not be had; its cause says why."""


class CarefulRobots(RobotsTxtMiddleware):
    """Obey robots.txt; where the server fails to give it, nothing is allowed, where it has none, all is.

    Source: RFC 9309, section 2.3.1.
    """

    def __init__(self, crawler: Any) -> None:
        super().__init__(crawler)
        self._failed: dict[str, Exception] = {}

    async def process_request(self, request: Request, spider: Any = None) -> None:
        """Let a request through that is allowed.

        Raises: IgnoreRequest (forbidden), RobotsUnreachable.
        """
        await super().process_request(request)
        cause = self._failed.get(urlsplit(request.url).netloc)
        if cause is not None and not request.meta.get("dont_obey_robotstxt"):
            raise RobotsUnreachable("robots.txt cannot be had") from cause

    def _robots_error(self, exc: Exception, netloc: str) -> None:
        self._failed[netloc] = exc
        super()._robots_error(exc, netloc)

    async def _parse_robots(self, response: Response, netloc: str, request: Request) -> None:
        if response.status >= 500 or response.status == 429:
            response = response.replace(body=b"User-agent: *\nDisallow: /")
        elif response.status >= 400:
            response = response.replace(body=b"")
        await super()._parse_robots(response, netloc, request)


class PolitePace(AutoThrottle):
    """AutoThrottle that never goes below the Crawl-delay of a host's robots.txt."""

    def __init__(self, crawler: Any) -> None:
        super().__init__(crawler)
        self._least: dict[str, float] = {}
        crawler.signals.connect(self._robots_parsed, signal=signals.robots_parsed)

    def _robots_parsed(self, robotparser: Any, request: Request) -> None:
        asked = robotparser.crawl_delay(ROBOT_NAME)
        downloader = self.crawler.engine.downloader
        key = downloader.get_slot_key(request)
        if not asked or asked <= self.mindelay:
            return
        log.info("network event=crawl_delay host=%s seconds=%g", key, asked)
        self._least[key] = float(asked)
        downloader.per_slot_settings[key] = {"delay": float(asked)}  # for a slot that is made anew
        if slot := downloader.slots.get(key):
            slot.delay, slot.lastseen = float(asked), monotonic()

    def _adjust_delay(self, slot: Any, latency: float, response: Response) -> None:
        super()._adjust_delay(slot, latency, response)
        slots = self.crawler.engine.downloader.slots
        slot.delay = max(slot.delay, *(least for key, least in self._least.items() if slots.get(key) is slot), 0)
