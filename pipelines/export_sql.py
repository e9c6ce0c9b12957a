"""The daily tables of many regions in one PostgreSQL: each region writes its own rows, again and again the same."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

import pandas as pd

from analysis.errors import ConfigError, StorageError
from pipelines.config import Settings
from pipelines.pages import shown
from pipelines.store import DAILY, Store

_LOCK = 0x5E1C  # one region at a time makes or fills the tables


def without_password(address: str) -> str:
    """Return a database's address as it may be shown.

    >>> without_password("postgresql://sejuk:rahasia@db.internal/pusat")
    'postgresql://sejuk:***@db.internal/pusat'
    """
    return str(_url(address)).replace("+psycopg", "")


def export_to(
    settings: Settings, store: Store, address: str, since: date | None = None, until: date | None = None
) -> dict[str, int]:
    """Put the region's daily tables into a PostgreSQL; its rows of these days are replaced, all or none of them.

    The safeguards of every export hold (k-threshold, no text). A column `region` holds the region's code.

    Returns: rows a table. Raises: ConfigError (no PostgreSQL address, extra missing), StorageError.
    """
    from sqlalchemy import create_engine, inspect, text
    from sqlalchemy.exc import SQLAlchemyError

    region = settings.region_facts()["code"]
    counts = {}
    engine = create_engine(_url(address), connect_args={"connect_timeout": 10})
    try:
        with engine.begin() as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            for level, name in DAILY.items():
                table = store.daily(level, since, until)
                table = shown(settings, table) if level == "desa" else table
                kinds = store.column_types(name)
                whole = [column for column in table.columns if kinds.get(column) == "INTEGER"]
                table[whole] = table[whole].astype("Int64")  # as missing ones have made them floats
                table.insert(0, "region", region)
                is_new = not inspect(connection).has_table(name)
                if not is_new:
                    days = " AND day >= :since" * bool(since) + " AND day <= :until" * bool(until)
                    values = {"region": region, "since": str(since), "until": str(until)}
                    connection.execute(text(f"DELETE FROM {name} WHERE region = :region{days}"), values)  # noqa: S608
                table.to_sql(name, connection, if_exists="append", index=False, method=_copy, dtype=_types(kinds))
                if is_new:
                    key = f"region, day, {level}_code, voice"
                    connection.execute(text(f"CREATE UNIQUE INDEX {name}_key ON {name} ({key})"))
                counts[name] = len(table)
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
        raise StorageError(f"{without_password(address)}: {reason}; nothing was changed there") from error
    finally:
        engine.dispose()
    return counts


def _types(kinds: dict[str, str]) -> dict[str, Any]:
    """Return PostgreSQL's type of each column."""
    from sqlalchemy import BigInteger, Date, DateTime, Double, Text

    known = {"INTEGER": BigInteger(), "REAL": Double()}
    named = {"day": Date(), "as_of": DateTime(timezone=True)}
    return {column: named.get(column) or known.get(kind, Text()) for column, kind in kinds.items()}


def _url(address: str) -> Any:
    try:
        from sqlalchemy import make_url
        from sqlalchemy.exc import ArgumentError
    except ImportError as error:
        raise ConfigError("to", "SQLAlchemy is not installed; install the extra `scale`") from error
    try:
        url = make_url(address)
    except ArgumentError:
        url = None
    if url is None or url.get_backend_name() != "postgresql":
        raise ConfigError("to", "write postgresql://USER:PASSWORD@HOST/DATABASE")
    return url.set(drivername="postgresql+psycopg")


def _copy(table: Any, connection: Any, keys: list[str], rows: Iterable[tuple[Any, ...]]) -> None:
    """Write rows by COPY, as pandas asks of a method."""
    columns = ", ".join(f'"{key}"' for key in keys)
    with (
        connection.connection.cursor() as cursor,
        cursor.copy(f"COPY {table.name} ({columns}) FROM STDIN") as copy,
    ):
        for row in rows:
            copy.write_row([None if pd.isna(value) else value for value in row])
