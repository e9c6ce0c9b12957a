"""One TOML file and the environment -> a frozen Settings; an unknown key fails by its name."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import time
from pathlib import Path
from typing import Any, TypeVar, get_type_hints
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from analysis.errors import ConfigError

PROJECT = Path(__file__).resolve().parent.parent
_Record = TypeVar("_Record")

ENVIRONMENT_PREFIX = "SEJUK_"  # SEJUK_REGION=…, SEJUK_CRAWL_CONTACT=… (section and key joined by _)


@dataclass(frozen=True, slots=True)
class CrawlSettings:
    """How sources are visited; delays and caps of a single source stand in sources.toml."""

    contact: str = ""  # e-mail or address named in the user agent, so that a site can reach the operator
    every_minutes: int = 60  # between two visits of a source
    fastest_minutes: int = 20  # of one that gives more than a document in that time
    slowest_minutes: int = 360  # of one that is silent, broken or blocked
    timeout_minutes: int = 45  # of one crawl run; what is fetched until then is kept
    allow_hosts: tuple[str, ...] = ()  # host:port on loopback or a private network that may be visited
    scrapyd: tuple[str, ...] = ()  # http://NAME:PASSWORD@HOST:6800 of the machines that visit the web sources


@dataclass(frozen=True, slots=True)
class TableSettings:
    """How the daily tables are made and shown."""

    k: int = 3  # distinct authors in 7 days below which a desa's public voice is not shown; can only be raised
    close_at: time = time(0, 10)  # region-local time at which the day before is closed
    history_days: int = 400  # how far back a backfill may reach


@dataclass(frozen=True, slots=True)
class RetentionSettings:
    """How long raw texts are kept; tables stay."""

    raw_days: int = 30


@dataclass(frozen=True, slots=True)
class ReviewSettings:
    """How an alert is reviewed before anything leaves."""

    two_person: bool = False  # whoever takes an alert into review may not be the one who confirms it


@dataclass(frozen=True, slots=True)
class Recipient:
    """Who is told what; the address stands in the environment, never in a file."""

    id: str = ""
    channel: str = ""  # NAME of the variable, SEJUK_SECRET_…, that holds an Apprise address
    role: str = "komando"
    kecamatan: tuple[str, ...] = ()  # codes; empty: the whole region
    what: tuple[str, ...] = ("alerts", "brief")


@dataclass(frozen=True, slots=True)
class DeliverySettings:
    """When and how confirmed alerts and the brief leave."""

    recipient: tuple[Recipient, ...] = ()
    quiet_from: time = time(21, 0)  # region-local; what is not urgent waits until quiet_until
    quiet_until: time = time(5, 0)
    red_passes_quiet: bool = True
    daily_cap: int = 10  # messages a recipient and day; the rest goes the next day, red first
    attempts: int = 8  # until a message counts as failed and a person is told
    retry_minutes: int = 5  # before the second attempt; each further wait doubles


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything a run needs to know; paths are absolute."""

    region: Path = PROJECT / "data" / "regions" / "pesawaran"
    sources: Path | None = None  # None: the region's own sources.toml
    model: Path = PROJECT / "data" / "models" / "kecil"
    home: Path = Path("var")  # database, spool, exports, backups
    crawl: CrawlSettings = field(default_factory=CrawlSettings)
    tables: TableSettings = field(default_factory=TableSettings)
    retention: RetentionSettings = field(default_factory=RetentionSettings)
    review: ReviewSettings = field(default_factory=ReviewSettings)
    delivery: DeliverySettings = field(default_factory=DeliverySettings)

    @property
    def database(self) -> Path:
        """Return where the tables lie."""
        return self.home / "sejuk.sqlite"

    @property
    def crawl_state(self) -> Path:
        """Return where the crawler remembers addresses."""
        return self.home / "crawl.sqlite"

    @property
    def spool(self) -> Path:
        """Return the folder through which documents come in."""
        return self.home / "spool"

    @property
    def sources_file(self) -> Path:
        """Return the declarations in force."""
        return self.sources or self.region / "sources.toml"

    @property
    def timezone(self) -> ZoneInfo:
        """Return the region's time zone: days are its calendar days.

        Raises: ConfigError where region.toml is missing or names no known zone.
        """
        return ZoneInfo(self.region_facts()["timezone"])

    def region_facts(self) -> dict[str, Any]:
        """Return region.toml: name, code, province, timezone, aliases, seasons.

        Raises: ConfigError.
        """
        facts = _read_toml(self.region / "region.toml", "region")
        for key in ("name", "code", "timezone"):
            if not isinstance(facts.get(key), str):
                raise ConfigError("region", f"{self.region / 'region.toml'} needs a text {key!r}")
        try:
            ZoneInfo(facts["timezone"])
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ConfigError("region", f"unknown time zone {facts['timezone']!r}") from error
        return facts


def load_settings(file: Path | None = None, environment: Mapping[str, str] | None = None, **overrides: Any) -> Settings:
    """Read the settings: defaults, then the file, then the environment, then `overrides` (None is skipped).

    Args:
        file: a TOML file; None takes `sejuk.toml` in the current folder where there is one.
        environment: defaults to the process environment; only names under SEJUK_ count.

    Raises: ConfigError naming the key.
    """
    environment = os.environ if environment is None else environment
    if file is None and Path("sejuk.toml").is_file():
        file = Path("sejuk.toml")
    values = _read_toml(file, "file") if file else {}
    base = file.parent if file else Path()
    settings = _merge(Settings(), values, base)
    settings = _merge(settings, _from_environment(environment), Path())
    settings = _merge(settings, {k: v for k, v in overrides.items() if v is not None}, Path())
    settings = replace(
        settings,
        home=settings.home.absolute(),
        region=_region_folder(settings.region),
        model=settings.model.absolute(),
    )
    _check(settings)
    return settings


def _read_toml(file: Path, key: str) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(key, f"cannot read {file}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(key, f"{file}: {error}") from error


def _region_folder(region: Path) -> Path:
    """Take a folder, or the name of one under data/regions."""
    named = PROJECT / "data" / "regions" / region
    return named if len(region.parts) == 1 and named.is_dir() else region.absolute()


def _from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    """Sort SEJUK_CRAWL_CONTACT=x into {"crawl": {"contact": "x"}}; secrets (SEJUK_SECRET_*) stay outside."""
    values: dict[str, Any] = {}
    sections = {name for name, kind in get_type_hints(Settings).items() if hasattr(kind, "__dataclass_fields__")}
    for name, value in environment.items():
        if not name.startswith(ENVIRONMENT_PREFIX) or name.startswith(("SEJUK_SECRET_", "SEJUK_NLP")):
            continue
        key = name.removeprefix(ENVIRONMENT_PREFIX).lower()
        section, _, inner = key.partition("_")
        if section in sections and inner:
            values.setdefault(section, {})[inner] = value
        else:
            values[key] = value
    return values


def _merge(record: _Record, values: Mapping[str, Any], base: Path, prefix: str = "") -> _Record:
    """Return the dataclass with `values` put in, each converted to the field's type."""
    hints = get_type_hints(type(record))
    changes: dict[str, Any] = {}
    for key, value in values.items():
        if key not in hints:
            raise ConfigError(prefix + key, f"unknown key; known are {', '.join(sorted(hints))}")
        current = getattr(record, key)
        if hints[key] == tuple[Recipient, ...]:
            changes[key] = _recipients(value, prefix + key)
        elif isinstance(value, Mapping):
            if not hasattr(type(current), "__dataclass_fields__"):
                raise ConfigError(prefix + key, "takes a value, not a table")
            changes[key] = _merge(current, value, base, f"{prefix}{key}.")
        else:
            changes[key] = _convert(value, hints[key], base, prefix + key)
    return replace(record, **changes)  # type: ignore[type-var]  # always one of the dataclasses above


def _convert(value: Any, kind: Any, base: Path, key: str) -> Any:
    """Convert a TOML value or an environment string to the type of its field."""
    if kind in (Path, Path | None):
        path = Path(str(value)).expanduser()
        return path if len(path.parts) == 1 and key == "region" else base / path
    if kind is bool:
        words = {"true": True, "1": True, "false": False, "0": False}
        known = words.get(str(value).lower())
        return _refuse(key, "true or false", value) if known is None else known
    if kind is int:
        try:
            return int(value) if not isinstance(value, bool) else _refuse(key, "a whole number", value)
        except (TypeError, ValueError):
            return _refuse(key, "a whole number", value)
    if kind is time:
        try:
            return value if isinstance(value, time) else time.fromisoformat(str(value))
        except ValueError:
            return _refuse(key, "a time such as 00:10", value)
    if kind == tuple[str, ...]:
        items = value.split(",") if isinstance(value, str) else value
        if not isinstance(items, list) or not all(isinstance(i, str) for i in items):
            return _refuse(key, "a list of texts", value)
        return tuple(item.strip() for item in items if item.strip())
    if kind is str and isinstance(value, str):
        return value
    return _refuse(key, f"a {getattr(kind, '__name__', kind)}", value)


def _recipients(rows: Any, key: str) -> tuple[Recipient, ...]:
    """Read [[delivery.recipient]] tables."""
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
        raise ConfigError(key, "needs [[delivery.recipient]] tables")
    found = tuple(_merge(Recipient(), row, Path(), f"{key}.") for row in rows)
    for each in found:
        if not each.id or sum(other.id == each.id for other in found) > 1:
            raise ConfigError(f"{key}.id", f"{each.id!r}: every recipient needs an id of its own")
        if not each.channel.startswith("SEJUK_SECRET_"):
            raise ConfigError(f"{key}.channel", "names a variable SEJUK_SECRET_… of the environment, not an address")
        if unknown := set(each.what) - {"alerts", "brief"}:
            raise ConfigError(f"{key}.what", f"{', '.join(sorted(unknown))}: choose alerts, brief")
    return found


def _refuse(key: str, wanted: str, value: object) -> Any:
    raise ConfigError(key, f"needs {wanted}, got {value!r}")


def _check(settings: Settings) -> None:
    """Hold the bounds that safeguard people and sources."""
    if settings.tables.k < 3:
        raise ConfigError("tables.k", "may be raised, never lowered below 3 (privacy safeguard)")
    for name in ("every_minutes", "fastest_minutes"):
        if getattr(settings.crawl, name) < 5:
            raise ConfigError(f"crawl.{name}", "must be at least 5, out of courtesy to the sources")
    if not 5 <= settings.crawl.slowest_minutes <= 720:
        raise ConfigError("crawl.slowest_minutes", "must lie between 5 and 720, so that silence is told in a day")
    if not all(each.startswith(("http://", "https://")) for each in settings.crawl.scrapyd):
        raise ConfigError("crawl.scrapyd", "needs addresses such as http://node1:6800")
    for key, value in (
        ("crawl.timeout_minutes", settings.crawl.timeout_minutes),
        ("retention.raw_days", settings.retention.raw_days),
        ("tables.history_days", settings.tables.history_days),
        ("delivery.daily_cap", settings.delivery.daily_cap),
        ("delivery.attempts", settings.delivery.attempts),
        ("delivery.retry_minutes", settings.delivery.retry_minutes),
    ):
        if value < 1:
            raise ConfigError(key, "must be at least 1")
    if not (settings.region / "region.toml").is_file():
        raise ConfigError("region", f"no region.toml in {settings.region}; regions lie in data/regions/<name>")
