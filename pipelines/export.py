"""The daily tables as files: CSV, Parquet and XLSX. No raw text ever leaves through here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path

import fastparquet
import pandas as pd

from analysis.errors import StorageError
from pipelines.store import DAILY, Store

FORMATS = ("csv", "parquet", "xlsx")
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")  # a cell that begins so would be run by a spreadsheet


def export_tables(
    store: Store,
    folder: Path,
    published: Callable[[pd.DataFrame], pd.DataFrame],
    formats: Sequence[str] = FORMATS,
    since: date | None = None,
    until: date | None = None,
) -> list[Path]:
    """Write each daily table in each format; return the files, written whole or not at all.

    Args: published: applies the safeguards to a desa table (k-threshold), see `tables.published`.
    Raises: StorageError.
    """
    files = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for level, name in DAILY.items():
            table = store.daily(level, since, until)
            if level == "desa":
                table = published(table)
            for kind in formats:
                files.append(_write(_safe(table), folder / f"{name}.{kind}", name))
    except OSError as error:
        raise StorageError(f"cannot write to {folder}: {error.strerror or error}; nothing stored is lost") from error
    return files


def _write(table: pd.DataFrame, target: Path, name: str) -> Path:
    """Write beside the target, then put it in place."""
    part = target.with_name(f".{target.name}.part")
    if target.suffix == ".csv":
        table.to_csv(part, index=False)
    elif target.suffix == ".parquet":
        fastparquet.write(str(part), table, compression="SNAPPY", object_encoding="utf8")
    else:
        with pd.ExcelWriter(part, engine="openpyxl") as writer:
            table.to_excel(writer, sheet_name=name, index=False)
    return part.replace(target)


def _safe(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table with texts that a spreadsheet would run as a formula quoted."""
    table = table.copy()
    for name in table.columns:
        if pd.api.types.is_string_dtype(table[name]) or table[name].dtype == object:
            text = table[name].map(lambda v: f"'{v}" if isinstance(v, str) and v.startswith(_FORMULA_STARTS) else v)
            table[name] = text
    return table
