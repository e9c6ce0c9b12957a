"""Sources are declarations: one entry in sources.toml and no code."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

from crawlers.errors import DeclarationError

PLATFORMS = {  # platforms read through their official interface: the variable that holds the key, and whether it must
    "youtube": ("SEJUK_SECRET_YOUTUBE_KEY", True),
    "mastodon": ("SEJUK_SECRET_MASTODON_TOKEN", False),
    "bluesky": ("SEJUK_SECRET_BLUESKY_LOGIN", False),
    "x": ("SEJUK_SECRET_X_TOKEN", True),
}
LIMITS = {  # what is used at most where the declaration names no bound: YouTube's in a day, X's (paid) in a month
    "youtube": {"units": 10_000, "searches": 100},
    "x": {"posts": 1_000},
}
FRONTIER_VARIABLE = "SEJUK_SECRET_FRONTIER"  # address of the Redis in which machines share what they read of the web
WEB = ("feed", "sitemap", "wordpress", "listing")
KINDS = (*WEB, "files", *PLATFORMS)
VOICES = ("press", "official", "public")
FILE_COLUMNS = ("id", "text", "title", "published", "url", "author")
_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_NOTHING: Mapping[str, str] = MappingProxyType({})
_UNLIMITED: Mapping[str, int] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Source:
    """One declared source.

    `address` is a feed, sitemap or page address, a WordPress site, or (files) a path or glob relative to
    the declaring file. `include` and `exclude` are regular expressions searched in an address's path and
    query. `delay` is the least time in seconds between two requests; `max_items` and `max_minutes` bound
    one visit. `link`, `title`, `body`, `date` and `next` are CSS selectors of a listing and its articles.
    `queries` are what is asked of a platform (hashtags, search words), `channels` the YouTube channels whose comments
    are read; `limits` bound what is used of its quota; `key` names the environment variable that holds its key.
    A platform is never enabled by its declaration, only by `sources enable`.
    """

    id: str
    name: str
    kind: str
    address: str
    voice: str
    basis: str
    enabled: bool
    verified: bool = False
    enabled_by: str = ""
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    delay: float = 2.0
    max_items: int = 500
    max_minutes: float = 20.0
    link: str = ""
    title: str = ""
    body: str = ""
    date: str = ""
    next: str = ""
    columns: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    channels: tuple[str, ...] = ()
    limits: Mapping[str, int] = field(default_factory=lambda: _UNLIMITED)
    queries: tuple[str, ...] = ()
    key: str = ""

    @property
    def is_platform(self) -> bool:
        """Tell whether posts of residents come from here through a platform's interface."""
        return self.kind in PLATFORMS

    @property
    def key_variable(self) -> str:
        """Return the name of the environment variable that holds the key; "" where the kind has none."""
        return self.key or PLATFORMS.get(self.kind, ("", False))[0]

    def limit(self, bucket: str) -> int:
        """Return how much of a platform's quota may be used."""
        return self.limits.get(bucket, LIMITS[self.kind][bucket])

    @property
    def lacks_key(self) -> bool:
        """Tell whether the platform wants a key that the environment does not hold."""
        return PLATFORMS.get(self.kind, ("", False))[1] and not os.environ.get(self.key_variable, "").strip()

    @property
    def host(self) -> str:
        """Return the host and port of the address; empty for files."""
        return urlsplit(self.address).netloc if self.kind != "files" else ""

    def admits(self, url: str) -> bool:
        """Tell whether the path filters let `url` through."""
        parts = urlsplit(url)
        where = f"{parts.path}?{parts.query}" if parts.query else parts.path
        if self.include and not any(re.search(pattern, where) for pattern in self.include):
            return False
        return not any(re.search(pattern, where) for pattern in self.exclude)


_TYPES: dict[str, type | tuple[type, ...]] = {
    "enabled": bool,
    "verified": bool,
    "include": list,
    "exclude": list,
    "delay": (int, float),
    "max_items": int,
    "max_minutes": (int, float),
    "columns": dict,
    "queries": list,
    "channels": list,
    "limits": dict,
}
_FIELDS = {item.name: item for item in fields(Source)}
_REQUIRED = tuple(name for name, item in _FIELDS.items() if item.default is MISSING and item.default_factory is MISSING)


def load_sources(path: Path) -> tuple[Source, ...]:
    """Read and validate the `[[source]]` entries of a sources.toml.

    Raises: DeclarationError naming file and key; OSError where the file cannot be read.
    """
    if not path.exists():
        raise DeclarationError(path, "file", "is not there: declare the region's sources, see docs/sumber.md")
    try:
        declared = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DeclarationError(path, "file", f"is not valid TOML: {error}") from error
    for key in declared:
        if key != "source":
            raise DeclarationError(path, key, "unknown key; only [[source]] entries stand here")
    entries = declared.get("source", [])
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise DeclarationError(path, "source", "write each source as [[source]]")
    sources = tuple(_source(path, number, entry) for number, entry in enumerate(entries, 1))
    seen: set[str] = set()
    for source in sources:
        if source.id in seen:
            raise DeclarationError(path, f"source[{source.id}].id", "is declared twice")
        seen.add(source.id)
    return sources


def _source(path: Path, number: int, entry: dict[str, Any]) -> Source:
    at = f"source[{entry.get('id', number)}]"
    for key, value in entry.items():
        _check_type(path, at, key, value)
    for key in _REQUIRED:
        if key not in entry:
            raise DeclarationError(path, f"{at}.{key}", "is missing")
    values = dict(entry)
    for key in ("include", "exclude", "queries", "channels"):
        values[key] = tuple(values.get(key, ()))
    for key in ("columns", "limits"):
        values[key] = MappingProxyType(dict(values.get(key, {})))
    source = Source(**values)
    for key, message in _faults(source):
        raise DeclarationError(path, f"{at}.{key}", message)
    return source


def _check_type(path: Path, at: str, key: str, value: Any) -> None:
    if key not in _FIELDS:
        raise DeclarationError(path, f"{at}.{key}", f"unknown key; known are {', '.join(_FIELDS)}")
    wanted = _TYPES.get(key, str)
    is_flag_for_number = isinstance(value, bool) and wanted is not bool
    if not isinstance(value, wanted) or is_flag_for_number:
        names = wanted if isinstance(wanted, tuple) else (wanted,)
        kinds = " or ".join(each.__name__ for each in names)
        raise DeclarationError(path, f"{at}.{key}", f"must be {kinds}, not {type(value).__name__}")
    parts = value if isinstance(value, list) else list(value.values()) if isinstance(value, dict) else []
    inner, named = (int, "whole numbers") if key == "limits" else (str, "text")
    if not all(type(part) is inner for part in parts):
        raise DeclarationError(path, f"{at}.{key}", f"must hold only {named}")


def _faults(source: Source) -> list[tuple[str, str]]:
    """Return (key, message) for each rule a well-typed declaration breaks."""
    unknown_columns = sorted(set(source.columns) - set(FILE_COLUMNS))
    unknown_limits = sorted(set(source.limits) - set(LIMITS.get(source.kind, ())))
    rules = [
        (bool(_ID.fullmatch(source.id)), "id", "use small letters, digits and hyphens"),
        (bool(source.name.strip()), "name", "must not be empty"),
        (source.kind in KINDS, "kind", f"must be one of {', '.join(KINDS)}"),
        (source.voice in VOICES, "voice", f"must be one of {', '.join(VOICES)}"),
        (bool(source.basis.strip()), "basis", "name the legal basis for reading this source"),
        (bool(source.address.strip()), "address", "must not be empty"),
        (source.kind == "files" or _is_web(source.address, source.kind), "address", "must be an http or https address"),
        (source.delay >= 0, "delay", "must be 0 or more seconds"),
        (source.max_items > 0, "max_items", "must be 1 or more"),
        (source.max_minutes > 0, "max_minutes", "must be more than 0"),
        (source.kind != "listing" or bool(source.link), "link", "a listing needs the selector of its links"),
        (source.kind == "files" or not source.columns, "columns", "only files have columns"),
        (not source.is_platform or source.voice == "public", "voice", "residents' posts have the voice public"),
        (
            not source.is_platform or not source.enabled,
            "enabled",
            "a platform is switched on by `sources enable` alone",
        ),
        (not source.is_platform or bool(source.queries or source.channels), "queries", "name what to ask for"),
        (source.kind != "x" or all(len(each) <= 490 for each in source.queries), "queries", "X takes 490 characters"),
        (source.kind == "youtube" or not source.channels, "channels", "only YouTube has channels"),
        (not unknown_limits, "limits", f"unknown {unknown_limits} for this kind"),
        (all(limit >= 0 for limit in source.limits.values()), "limits", "must be 0 or more"),
        (source.is_platform or not source.queries, "queries", "only platforms have queries"),
        (source.is_platform or not source.key, "key", "only platforms have a key"),
        (not source.key or source.key.startswith("SEJUK_SECRET_"), "key", "names a variable SEJUK_SECRET_…, not a key"),
        (not unknown_columns, "columns", f"unknown {unknown_columns}; known are {', '.join(FILE_COLUMNS)}"),
    ]
    for key in ("include", "exclude"):
        for pattern in getattr(source, key):
            rules.append((_compiles(pattern), key, f"{pattern!r} is not a regular expression"))
    return [(key, message) for holds, key, message in rules if not holds]


def _is_web(address: str, kind: str) -> bool:
    schemes = ("http", "https", "ws", "wss") if kind == "bluesky" else ("http", "https")
    try:
        parts = urlsplit(address)
        return parts.scheme in schemes and bool(parts.hostname)
    except ValueError:
        return False


def _compiles(pattern: str) -> bool:
    try:
        re.compile(pattern)
    except re.error:
        return False
    return True
