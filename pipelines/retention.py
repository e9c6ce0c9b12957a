"""Raw texts go after their time, from the evidence of alerts too; tables, scores and counts stay."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from analysis.story_match import WINDOW
from pipelines import deliver, evidence, labels, users
from pipelines.config import Settings
from pipelines.grouping import COPY_WINDOW
from pipelines.store import Store

log = logging.getLogger(__name__)

PLATFORM_DAYS = {"youtube": 29}  # YouTube API Services Developer Policies: what it gave may be kept for 30 days at most
TRAITS_KEPT = 2 * WINDOW  # a version of a release is looked for within the window; late arrivals have as long again
FINAL_AFTER = timedelta(days=7)  # a day is frozen then, and its author hashes are no longer needed


def purge(settings: Settings, store: Store, now: datetime) -> dict[str, int]:
    """Remove what may no longer be kept.

    Texts and spool files older than `retention.raw_days` (and the titles, addresses and labels of public posts, and the
    words that tell why texts are one story); the words of messages that were sent; ended sessions; author hashes of
    final days; fingerprints and traits too old for a copy to be looked for.
    Returns: counts of what was removed.
    """
    limit = now - timedelta(days=settings.retention.raw_days)
    counts = store.purge(
        texts_before=limit,
        authors_before=now - FINAL_AFTER - timedelta(days=1),
        fingerprints_before=now - max(COPY_WINDOW, timedelta(days=settings.retention.raw_days)),
        traits_before=now - TRAITS_KEPT,
    )
    counts |= expire_platforms(settings, store, now)
    counts["evidence"] += evidence.purge(store, limit)
    counts["messages"] = deliver.purge(store, limit)
    counts["sessions"] = users.purge(store, now - FINAL_AFTER)
    counts["spool_files"] = 0
    done = store.taken_in()
    for path in settings.spool.glob("*/*.jsonl.gz"):
        taken = str(path.relative_to(settings.spool)) in done
        if taken and datetime.fromtimestamp(path.stat().st_mtime, now.tzinfo) < limit:
            path.unlink()
            counts["spool_files"] += 1
    log.info("purge %s", " ".join(f"{key}={value}" for key, value in counts.items()))
    return counts


def expire_platforms(settings: Settings, store: Store, now: datetime) -> dict[str, int]:
    """Remove what platforms bar keeping, whatever `retention.raw_days` says: words, author hashes, fingerprints, spool.

    Returns: documents stripped (`expired`), alerts changed (`evidence`), labels removed with their words (`labels`).
    """
    counts = {"expired": 0, "evidence": 0}
    for kind, days in PLATFORM_DAYS.items():
        limit = now - timedelta(days=days)
        counts["expired"] += store.strip(kind, limit)
        counts["evidence"] += evidence.purge(store, limit, voice="public")
        for source in store.rows("SELECT source_id FROM sources WHERE kind = :kind", {"kind": kind}):
            for path in (settings.spool / source["source_id"]).glob("*.jsonl.gz"):
                if datetime.fromtimestamp(path.stat().st_mtime, now.tzinfo) < limit:
                    path.unlink()
    counts["labels"] = labels.purge(store, now - timedelta(days=settings.retention.raw_days))
    return counts
