"""What a place's figures rest on: headlines, why they were located here, the sentences that carried the score.

A resident's post is shown only where the public voice of its desa reaches the k-threshold, and without its author.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date, datetime
from urllib.parse import urlsplit

from pipelines.audit import record
from pipelines.config import Settings
from pipelines.evidence import clarifications, versions
from pipelines.store import Row, Store

SENTENCES, LONGEST = 3, 400  # sentences of a story that are shown, and characters of one
MOST = 40  # stories
_WITHIN = {  # the places of a story that count for a place of a level
    "desa": "p.code = :code",
    "kecamatan": "(p.code = :code OR substr(p.code, 1, length(:code) + 1) = :code || '.')",
    "kabupaten": "1",
}


def read_place(
    settings: Settings, store: Store, level: str, code: str, since: date, until: date, who: str, now: datetime
) -> list[Row]:
    """Return the stories of a place between two days, newest first, and enter the reading in the audit log.

    Args: store: open for writing; level: desa, kecamatan or kabupaten.
    Returns: story_id, day, published, voice, source, title, url (None unless http), copies, tension, level, act,
        themes, confidence, reason, mentions (span, rule, role, field), sentences ({text, tension}), clarified,
        versions.
    """
    record(store, "read evidence", {"place": code, "since": since, "until": until}, now, who)
    rows = store.rows(
        f"""SELECT DISTINCT s.story_id, s.day, s.published, s.voice, s.copies, d.title, d.text, d.url,
                   coalesce(o.name, d.source_id) AS source, l.confidence, l.reason, l.mentions,
                   c.tension, c.level, c.act, c.themes, c.evidence
            FROM stories s JOIN locations l ON l.story_id = s.story_id AND l.kabupaten
            JOIN documents d ON d.document_id = s.origin_id
            JOIN scores c ON c.story_id = s.story_id AND c.model_id =
                 (SELECT model_id FROM kabupaten_daily ORDER BY day DESC LIMIT 1)
            LEFT JOIN places p ON p.story_id = s.story_id
            LEFT JOIN sources o ON o.source_id = d.source_id
            WHERE {_WITHIN[level]} AND s.day BETWEEN :since AND :until
              AND (s.voice <> 'public' OR (
                EXISTS (SELECT 1 FROM places q WHERE q.story_id = s.story_id AND q.level = 'desa')
                AND NOT EXISTS (
                  SELECT 1 FROM places q WHERE q.story_id = s.story_id AND q.level = 'desa' AND NOT EXISTS (
                    SELECT 1 FROM desa_daily v WHERE v.voice = 'public' AND v.desa_code = q.code
                      AND v.day BETWEEN s.day AND date(s.day, '+6 days') AND v.authors7 >= :k))))
            ORDER BY s.published DESC, s.story_id LIMIT :most""",  # noqa: S608 (constants)
        {
            "code": code,
            "since": since.isoformat(),
            "until": until.isoformat(),
            "k": settings.tables.k,
            "most": MOST,
        },
    )
    ids = [row["story_id"] for row in rows]
    beside, others = clarifications(store, ids), versions(store, ids)
    for row in rows:
        row |= {"clarified": beside.get(row["story_id"], []), "versions": others.get(row["story_id"], [])}
    return [_story(row, code) for row in rows]


def _story(row: Row, code: str) -> Row:
    text = row.pop("text")
    spans = sorted(json.loads(row.pop("evidence")), key=lambda span: -span[2])[:SENTENCES]
    row["sentences"] = [
        {"text": text[start:end].strip()[:LONGEST], "tension": tension}
        for start, end, tension in sorted(spans)
        if text[start:end].strip()
    ]
    row["url"] = row["url"] if urlsplit(row["url"]).scheme in ("http", "https") else None
    row["themes"] = json.loads(row["themes"])
    row["mentions"] = _mentions(json.loads(row["mentions"]), code)
    return row


def _mentions(mentions: Sequence[Row], code: str) -> list[Row]:
    """Return the mentions that led to a place, each span and rule once."""
    led = [m for m in mentions if m["code"] == code or str(m["code"]).startswith(f"{code}.")]
    each = {(m["span"], m["rule"]): {name: m[name] for name in ("span", "rule", "role", "field")} for m in led}
    return list(each.values())
