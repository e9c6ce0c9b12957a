"""Who may use the page: users, roles, sessions. Of passwords and sessions only hashes are kept."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

from analysis.errors import MonitorError
from pipelines.audit import record
from pipelines.store import Row, Store

SHORTEST = 12  # characters of a password
IDLE, ABSOLUTE = timedelta(hours=2), timedelta(hours=12)  # a session ends after these
SEEN_EVERY = timedelta(minutes=5)  # how exactly the last use of a session is noted
LOCK = timedelta(minutes=15)
FAILURES = {"name": 5, "address": 20}  # within LOCK, before further attempts are refused
COMMON = frozenset("password passw0rd qwerty 12345 sejuk polisi bhabin admin rahasia indonesia".split())
DEMONSTRATION = "demo"  # exists in the demonstration's database alone
_NAME = re.compile(r"[a-z][a-z0-9._-]{2,31}")
# Source: OWASP Password Storage Cheat Sheet, argon2id with 19 MiB, two passes, one lane.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)


class Role(StrEnum):
    """What a user may do; everyone may read."""

    PEMBACA = "pembaca"  # read tables
    ANALIS = "analis"  # evidence, corrections, visits
    PENGULAS = "pengulas"  # review alerts and corrections
    KOMANDO = "komando"  # briefs, alerts, acknowledge
    ADMIN = "admin"  # users, sources, retention, audit log


@dataclass(frozen=True, slots=True)
class User:
    """Someone signed in. `kecamatan` empty means the whole region."""

    name: str
    roles: frozenset[Role]
    kecamatan: frozenset[str]
    must_change: bool = False

    def may(self, *roles: Role) -> bool:
        """Tell whether the user has one of the roles; everyone may read."""
        return Role.PEMBACA in roles or not self.roles.isdisjoint(roles)

    def covers(self, code: str) -> bool:
        """Tell whether a place lies where the user may look closer."""
        return not self.kecamatan or any(code == k or code.startswith(f"{k}.") for k in self.kecamatan)


class UserRefused(MonitorError):  # noqa: N818 (an answer, not a fault)
    """A user, password or sign-in that is not accepted; the message says why."""


def add(
    store: Store, name: str, roles: Iterable[Role], password: str, who: str, now: datetime,
    kecamatan: Iterable[str] = (), must_change: bool = False,
) -> User:  # fmt: skip
    """Make a user.

    Args: must_change: the password was given to them and is changed at the first sign-in.
    Raises: UserRefused (name, roles, weak password), StorageError.
    """
    name = name.strip().lower()
    if not _NAME.fullmatch(name):
        raise UserRefused(f"{name!r}: 3 to 32 letters, digits, dots, dashes; a letter first")
    user = User(name, frozenset(roles), frozenset(kecamatan), must_change)
    if not user.roles:
        raise UserRefused(f"give {name} at least one role: {', '.join(Role)}")
    check_strength(password, name)
    with store.transaction():
        if _row(store, name):
            raise UserRefused(f"{name} exists already; `users password {name}` sets a new password")
        row = {
            "name": name, "roles": json.dumps(sorted(user.roles)), "kecamatan": json.dumps(sorted(user.kecamatan)),
            "hash": _HASHER.hash(password), "must_change": int(must_change), "created_at": now.isoformat(),
            "created_by": who,
        }  # fmt: skip
        store.upsert("users", [row], "name")
        record(store, "user added", {"user": name, "roles": sorted(user.roles)}, now, who)
    return user


def check_strength(password: str, name: str) -> None:
    """Raise UserRefused where a password is short, common, or made of the name."""
    plain = password.lower()
    rest = plain.replace(name, "")
    for word in COMMON:
        rest = rest.replace(word, "")
    if len(password) < SHORTEST:
        raise UserRefused(f"kata sandi terlalu pendek: paling sedikit {SHORTEST} karakter, misalnya empat kata acak")
    if len(rest) < 6 or len(set(plain)) < 5:
        raise UserRefused("kata sandi mudah ditebak: jangan pakai nama, kata umum atau huruf berulang")


def set_password(store: Store, name: str, password: str, who: str, now: datetime, must_change: bool = False) -> None:
    """Set a password and end the user's sessions.

    Raises: UserRefused, StorageError.
    """
    name = name.strip().lower()
    check_strength(password, name)
    with store.transaction():
        _change(store, name, {"hash": _HASHER.hash(password), "must_change": int(must_change)})
        _revoke(store, name, now)
        record(store, "password set", {"user": name}, now, who)


def disable(store: Store, name: str, who: str, now: datetime, enabled: bool = False) -> None:
    """Bar a user and end their sessions; `enabled` lets them in again.

    Raises: UserRefused, StorageError.
    """
    with store.transaction():
        _change(store, name, {"disabled_at": None if enabled else now.isoformat()})
        _revoke(store, name, now)
        record(store, "user enabled" if enabled else "user disabled", {"user": name}, now, who)


def revoke(store: Store, name: str, who: str, now: datetime) -> int:
    """End all sessions of a user; return how many were open."""
    with store.transaction():
        ended = _revoke(store, name, now)
        record(store, "sessions revoked", {"user": name, "sessions": ended}, now, who)
    return ended


def listed(store: Store, now: datetime) -> list[Row]:
    """Return name, roles, kecamatan, created_at, disabled_at and the number of open sessions of every user."""
    rows = store.rows(
        """SELECT name, roles, kecamatan, must_change, created_at, disabled_at,
                  (SELECT count(*) FROM sessions s WHERE s.name = u.name AND revoked_at IS NULL
                   AND expires_at > :now) AS sessions, (SELECT max(last_seen) FROM sessions s WHERE s.name = u.name)
                  AS last_seen FROM users u ORDER BY name""",
        {"now": now.isoformat()},
    )
    return [row | {key: json.loads(row[key]) for key in ("roles", "kecamatan")} for row in rows]


def sign_in(store: Store, name: str, password: str, address: str, now: datetime) -> str:
    """Check a password and open a session; return its secret, which only the browser keeps.

    Raises: UserRefused: wrong, barred or too many attempts; it never says whether the name exists.
    """
    name = name.strip().lower()
    subjects = {_hashed(f"name:{name}"): FAILURES["name"], _hashed(f"address:{address}"): FAILURES["address"]}
    since = (now - LOCK).isoformat()
    for subject, most in subjects.items():
        failed = store.rows(
            "SELECT count(*) AS n FROM failed_logins WHERE subject = :s AND at > :since", {"s": subject, "since": since}
        )
        if failed[0]["n"] >= most:
            raise UserRefused("terlalu banyak percobaan; coba lagi 15 menit lagi")
    row = _row(store, name)
    known = row is not None and row["disabled_at"] is None
    right = _matches(row["hash"] if row and known else _nobody(), password)
    with store.transaction():
        if not (known and right):
            for subject in subjects:
                store.db.execute("INSERT INTO failed_logins VALUES (?, ?)", [subject, now.isoformat()])
            record(store, "sign-in failed", {"address": _hashed(address)[:12]}, now, name if known else "?")
        else:
            store.db.execute("DELETE FROM failed_logins WHERE at < ? OR subject = ?", [since, next(iter(subjects))])
            secret = secrets.token_urlsafe(32)
            moments = {"created_at": now.isoformat(), "last_seen": now.isoformat()}
            session = {"hash": _hashed(secret), "name": name, "expires_at": (now + ABSOLUTE).isoformat()} | moments
            store.upsert("sessions", [session], "hash")
            record(store, "signed in", {}, now, name)
            return secret
    raise UserRefused("nama atau kata sandi salah")


def sign_out(store: Store, secret: str, now: datetime) -> None:
    """End one session."""
    with store.transaction():
        store.db.execute(
            "UPDATE sessions SET revoked_at = ? WHERE hash = ? AND revoked_at IS NULL",
            [now.isoformat(), _hashed(secret)],
        )


def of_session(store: Store, secret: str, now: datetime) -> tuple[User, bool] | None:
    """Return the user of an open session, and whether its use is to be noted (`seen`); None where it ended."""
    rows = store.rows(
        """SELECT u.name, u.roles, u.kecamatan, u.must_change, s.last_seen FROM sessions s JOIN users u USING (name)
           WHERE s.hash = :hash AND s.revoked_at IS NULL AND u.disabled_at IS NULL
             AND s.expires_at > :now AND s.last_seen > :idle""",
        {"hash": _hashed(secret), "now": now.isoformat(), "idle": (now - IDLE).isoformat()},
    )
    if not rows:
        return None
    row = rows[0]
    roles = frozenset(map(Role, json.loads(row["roles"])))
    user = User(row["name"], roles, frozenset(json.loads(row["kecamatan"])), bool(row["must_change"]))
    return user, now - datetime.fromisoformat(row["last_seen"]) > SEEN_EVERY


def seen(store: Store, secret: str, now: datetime) -> None:
    """Note that a session was used."""
    with store.transaction():
        store.db.execute("UPDATE sessions SET last_seen = ? WHERE hash = ?", [now.isoformat(), _hashed(secret)])


def purge(store: Store, before: datetime) -> int:
    """Remove ended sessions and failed attempts from before a time; return how many rows."""
    with store.transaction():
        ended = store.db.execute("DELETE FROM sessions WHERE expires_at < ?", [before.isoformat()]).rowcount
        failed = store.db.execute("DELETE FROM failed_logins WHERE at < ?", [before.isoformat()]).rowcount
    return int(ended + failed)


def check_password(store: Store, name: str, password: str) -> bool:
    """Tell whether this is the user's password (asked again before it is changed)."""
    row = _row(store, name)
    return row is not None and _matches(row["hash"], password)


def one_time_password() -> str:
    """Return a password to be read out once and changed at the first sign-in."""
    return "-".join(secrets.token_hex(2) for _ in range(4))


def for_demonstration(store: Store, now: datetime) -> str:
    """Give the demonstration's user, who may do everything there, a new password; return it."""
    password = one_time_password()
    if _row(store, DEMONSTRATION) is None:
        add(store, DEMONSTRATION, list(Role), password, "demo", now)
    else:
        set_password(store, DEMONSTRATION, password, "demo", now)
    return password


def _row(store: Store, name: str) -> Row | None:
    rows = store.rows("SELECT * FROM users WHERE name = :name", {"name": name})
    return rows[0] if rows else None


def _change(store: Store, name: str, changes: Row) -> None:
    row = _row(store, name)
    if row is None:
        raise UserRefused(f"no user {name!r}; see `run_monitor.py users list`")
    store.upsert("users", [row | changes], "name")


def _revoke(store: Store, name: str, now: datetime) -> int:
    sql = "UPDATE sessions SET revoked_at = ? WHERE name = ? AND revoked_at IS NULL AND expires_at > ?"
    return int(store.db.execute(sql, [now.isoformat(), name, now.isoformat()]).rowcount)


def _hashed(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _matches(stored: str, password: str) -> bool:
    try:
        return _HASHER.verify(stored, password)
    except (VerifyMismatchError, InvalidHashError):
        return False


@cache
def _nobody() -> str:
    """Return a hash that no password fits, so that an unknown name takes as long as a known one."""
    return _HASHER.hash(secrets.token_hex(32))
