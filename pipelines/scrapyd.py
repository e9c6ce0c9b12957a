"""Visits handed to crawlers on other machines: each a job of a Scrapyd that runs `pipelines.crawl_job`."""

from __future__ import annotations

import json
import logging
import os
import urllib.request
import zlib
from base64 import b64encode
from collections.abc import Sequence
from datetime import date
from urllib.parse import unquote, urlencode, urlsplit

from analysis.errors import ConfigError, MonitorError
from crawlers.sources import FRONTIER_VARIABLE, Source

log = logging.getLogger(__name__)

PROJECT_NAME = "sejuk"
_PATIENCE = 15  # seconds: the first job has Scrapyd read the declarations


def hand_out(nodes: Sequence[str], sources: Sequence[Source], run_id: str, since: date | None = None) -> int:
    """Hand visits out, one job a node, those of one host to the same; to the next node where one does not answer.

    A job for each source would start a crawler for each, which costs more than reading it does.

    Args: nodes: addresses, http://NAME:PASSWORD@HOST:6800.
    Returns: how many jobs were taken. Raises: ConfigError (no frontier), MonitorError (no node takes them).
    """
    if not os.environ.get(FRONTIER_VARIABLE):
        raise ConfigError("crawl.scrapyd", f"crawlers on many machines need a frontier: set {FRONTIER_VARIABLE}")
    dead: dict[str, str] = {}
    shares: dict[int, list[str]] = {}
    for source in sources:
        shares.setdefault(zlib.crc32(source.host.encode()) % len(nodes), []).append(source.id)
    for first, ids in shares.items():
        job = {"project": PROJECT_NAME, "spider": ids[0], "only": ",".join(ids), "jobid": f"{run_id}-{first}"}
        for node in [*nodes[first:], *nodes[:first]]:
            if node in dead:
                continue
            try:
                _schedule(node, job | ({"since": since.isoformat()} if since else {}))
                break
            except (OSError, ValueError) as error:
                dead[node] = str(error)
                log.warning("scrapyd event=refused node=%s error=%s", urlsplit(node).hostname, error)
        else:
            said = "; ".join(f"{urlsplit(node).hostname}: {why}" for node, why in dead.items())
            raise MonitorError(f"no Scrapyd takes the visit to {', '.join(ids)} ({said}); the next run asks again")
    return len(shares)


def _schedule(node: str, job: dict[str, str]) -> None:
    """Put a job into a node's queue.

    Raises: OSError (no answer), ValueError (refused, with the node's words).
    """
    parts = urlsplit(node)
    address = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl().rstrip("/")
    request = urllib.request.Request(f"{address}/schedule.json", urlencode(job).encode())  # noqa: S310 (checked setting)
    if parts.username:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        request.add_header("Authorization", f"Basic {b64encode(pair.encode()).decode()}")
    with urllib.request.urlopen(request, timeout=_PATIENCE) as answer:  # noqa: S310
        said = json.load(answer)
    if said.get("status") != "ok":
        raise ValueError(str(said.get("message", said)))
