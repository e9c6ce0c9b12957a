"""How Scrapy runs here: politely, within bounds, and without doors of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from crawlers.network import ROBOT_NAME
from crawlers.sources import Source

BODY_LIMIT = 5 << 20  # bytes of one answer, as sent and as unpacked
_OWN = "crawlers.network"


def user_agent(contact: str = "") -> str:
    """Return the name under which sites see us, with who answers for it."""
    return f"{ROBOT_NAME}/0.1 (village tension monitor; {f'contact: {contact}' if contact else 'no contact given'})"


def process_settings(allow_hosts: Sequence[str], contact: str = "") -> dict[str, Any]:
    """Return what holds for every source."""
    scrapy = "scrapy.downloadermiddlewares"
    return {
        "ALLOWED_HOSTS": list(allow_hosts),
        "TWISTED_DNS_RESOLVER": f"{_OWN}.PublicResolver",
        "USER_AGENT": user_agent(contact),
        "ROBOTSTXT_OBEY": True,
        "ROBOTSTXT_USER_AGENT": ROBOT_NAME,
        "DEFAULT_REQUEST_HEADERS": {"Accept": "*/*", "Accept-Language": "id,en;q=0.5"},
        "DOWNLOADER_MIDDLEWARES": {
            f"{scrapy}.robotstxt.RobotsTxtMiddleware": None,
            f"{_OWN}.CarefulRobots": 100,
            f"{scrapy}.retry.RetryMiddleware": None,
            f"{_OWN}.PatientRetry": 550,
        },
        "EXTENSIONS": {"scrapy.extensions.throttle.AutoThrottle": None, f"{_OWN}.PolitePace": 0},
        "ITEM_PIPELINES": {"crawlers.intake.Intake": 100},
        "AUTOTHROTTLE_ENABLED": True,
        "CONCURRENT_REQUESTS": 1,
        "CONCURRENT_ITEMS": 1,  # in the order in which a spider gives them: a position comes after its posts
        "CONCURRENT_REQUESTS_PER_DOMAIN": 1,
        "DOWNLOAD_DELAY_JITTER": 0,
        "DOWNLOAD_MAXSIZE": BODY_LIMIT,
        "DOWNLOAD_WARNSIZE": 0,
        "DOWNLOAD_VERIFY_CERTIFICATES": True,
        "DOWNLOAD_HANDLERS": dict.fromkeys(("file", "ftp", "s3", "data")),
        "REDIRECT_MAX_TIMES": 5,
        "METAREFRESH_ENABLED": False,
        "RETRY_TIMES": 2,
        "RETRY_PRIORITY_ADJUST": 1,  # before anything new is asked of a host that fails
        # A name that does not resolve, or only to private addresses, does so again a second later.
        "RETRY_EXCEPTIONS": [
            "scrapy.exceptions.DownloadConnectionRefusedError",
            "scrapy.exceptions.DownloadFailedError",
            "scrapy.exceptions.DownloadTimeoutError",
            "scrapy.exceptions.ResponseDataLossError",
        ],
        "HTTPERROR_ALLOW_ALL": True,
        "SCHEDULER_MEMORY_QUEUE": "scrapy.squeues.FifoMemoryQueue",
        "COOKIES_ENABLED": False,
        "HTTPPROXY_ENABLED": False,  # behind a proxy the address check would see only the proxy
        "TELNETCONSOLE_ENABLED": False,
        "REMOTE_CONTROL_ENABLED": False,
        "REFERER_ENABLED": False,
        "LOG_ENABLED": False,
        "LOGSTATS_INTERVAL": 0,
        "STATS_DUMP": False,
        "MEMUSAGE_ENABLED": False,
    }


def source_settings(source: Source) -> dict[str, Any]:
    """Return what one declaration sets."""
    return {
        "DOWNLOAD_DELAY": source.delay,
        "AUTOTHROTTLE_START_DELAY": source.delay,
        "AUTOTHROTTLE_MAX_DELAY": max(60.0, source.delay),
        "DOWNLOAD_TIMEOUT": min(30.0, source.max_minutes * 15),  # seconds for the whole of an answer
        "CLOSESPIDER_TIMEOUT": source.max_minutes * 60,
    }
