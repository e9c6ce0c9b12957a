"""Tokens of the JSON API: shown once, kept as hashes, limited in scope and time, revocable."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from analysis.errors import MonitorError
from pipelines.audit import record
from pipelines.store import Row, Store

SCOPES = ("tables", "alerts", "sources", "evidence")
DEFAULT_DAYS, LONGEST_DAYS = 90, 365
PREFIX = "sejuk"


class TokenRefused(MonitorError):  # noqa: N818 (an answer, not a fault)
    """A token that cannot be made, is not known, or may not be used (any more) or not for this."""


class ScopeRefused(TokenRefused):
    """A valid token that may not be used for this."""


@dataclass(frozen=True, slots=True)
class Token:
    """What a token may do. Its secret is never kept."""

    token_id: str
    label: str
    scopes: tuple[str, ...]
    expires_at: datetime


def add(
    store: Store, label: str, scopes: Sequence[str], who: str, now: datetime, days: int = DEFAULT_DAYS
) -> tuple[Token, str]:
    """Make a token; return it with its text, which nobody can read again.

    Args:
        label: which programme uses it.
        days: until it expires, 365 at most.

    Raises: TokenRefused, StorageError.
    """
    if not label.strip():
        raise TokenRefused("a token needs a label: which programme uses it")
    unknown = sorted(set(scopes) - set(SCOPES))
    if unknown or not scopes:
        raise TokenRefused(f"scopes {', '.join(unknown) or 'missing'}; choose from {', '.join(SCOPES)}")
    if not 1 <= days <= LONGEST_DAYS:
        raise TokenRefused(f"a token lives 1 to {LONGEST_DAYS} days, not {days}")
    token = Token(secrets.token_hex(4), label.strip(), tuple(sorted(set(scopes))), now + timedelta(days=days))
    secret = secrets.token_urlsafe(32)
    row = {
        "token_id": token.token_id,
        "label": token.label,
        "hash": _hash(secret),
        "scopes": json.dumps(token.scopes),
        "created_at": now.isoformat(),
        "created_by": who,
        "expires_at": token.expires_at.isoformat(),
        "revoked_at": None,
    }
    with store.transaction():
        store.upsert("api_tokens", [row], "token_id")
        record(store, "token added", {"token": token.token_id, "label": token.label, "scopes": token.scopes}, now, who)
    return token, f"{PREFIX}_{token.token_id}_{secret}"


def check(store: Store, text: str, scope: str, now: datetime) -> Token:
    """Return the token of a text where it may be used for a scope now.

    Raises: TokenRefused in words that do not tell whether such a token exists, ScopeRefused.
    """
    prefix, _, rest = text.partition("_")
    token_id, _, secret = rest.partition("_")
    rows = store.rows("SELECT * FROM api_tokens WHERE token_id = :id", {"id": token_id})
    known = rows[0]["hash"] if rows else _hash("")
    same = hmac.compare_digest(_hash(secret), known)
    if not rows or not same or prefix != PREFIX:
        raise TokenRefused("unknown token")
    row = rows[0]
    if row["revoked_at"]:
        raise TokenRefused("this token was revoked")
    if datetime.fromisoformat(row["expires_at"]) <= now:
        raise TokenRefused("this token has expired")
    scopes = tuple(json.loads(row["scopes"]))
    if scope not in scopes:
        raise ScopeRefused(f"this token may not read {scope}")
    return Token(row["token_id"], row["label"], scopes, datetime.fromisoformat(row["expires_at"]))


def listed(store: Store, now: datetime) -> list[Row]:
    """Return every token, newest first: token_id, label, scopes, created_at, created_by, expires_at, state."""
    rows = store.rows(
        """SELECT token_id, label, scopes, created_at, created_by, expires_at, revoked_at FROM api_tokens
           ORDER BY created_at DESC, token_id"""
    )
    for row in rows:
        row["scopes"] = json.loads(row["scopes"])
        expired = datetime.fromisoformat(row["expires_at"]) <= now
        row["state"] = "revoked" if row["revoked_at"] else "expired" if expired else "valid"
    return rows


def revoke(store: Store, token_id: str, who: str, now: datetime) -> None:
    """Revoke a token at once.

    Raises: TokenRefused where there is none that is still in force.
    """
    with store.transaction():
        changed = store.db.execute(
            "UPDATE api_tokens SET revoked_at = :at WHERE token_id = :id AND revoked_at IS NULL",
            {"at": now.isoformat(), "id": token_id},
        ).rowcount
        if not changed:
            raise TokenRefused(f"no token {token_id!r} to revoke; see `run_monitor.py tokens list`")
        record(store, "token revoked", {"token": token_id}, now, who)


def _hash(secret: str) -> str:
    """Hash a secret of 256 random bits; that needs no slow hash."""
    return hashlib.sha256(secret.encode()).hexdigest()
