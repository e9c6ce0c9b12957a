"""Files of field reports and exports -> entries: CSV, XLSX and JSON lines in one form of columns."""

from __future__ import annotations

import csv
import io
import json
import re
import zipfile
from collections.abc import Iterator, Mapping
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any

from crawlers.dates import parse_date
from crawlers.errors import ListingError
from crawlers.extraction import plain
from crawlers.listings import Entry, decode, digest_of, is_web
from crawlers.privacy import post_address
from crawlers.sources import FILE_COLUMNS, Source

SUFFIXES = (".csv", ".jsonl", ".xlsx")
_LARGEST = 50 << 20  # bytes of a file
_HARMLESS = re.compile(r"[\w.-]{1,64}")  # an id that can be no address and no account
Row = Mapping[str, Any]


def is_report(path: Path) -> bool:
    """Tell whether a file may be read: not one that is hidden, locked by an office program or still being copied.

    >>> [is_report(Path(name)) for name in ("a.csv", "A.XLSX", ".a.csv", "~$a.xlsx", "a.csv.part")]
    [True, True, False, False, False]
    """
    return path.suffix.lower() in SUFFIXES and not path.name.startswith((".", "~$"))


def read_report(path: Path, source: Source, now: datetime, local: tzinfo, salt: bytes) -> Iterator[Entry | str]:
    """Yield each row as an entry, or what is wrong with it, named by file and row; the others are taken all the same.

    Raises: ListingError (not readable, a column is missing); OSError.
    """
    names = {column: source.columns.get(column, column) for column in FILE_COLUMNS}
    if path.suffix.lower() != ".jsonl":  # headings are typed by people
        names = {column: _column(name) for column, name in names.items()}
    seen: dict[str, int] = {}
    for number, row in _rows(path, names):
        where = f"{path.name}, row {number}"
        if isinstance(row, str):
            yield f"{where}: {row}"
            continue
        told = {column: _text(row.get(name)) for column, name in names.items()}
        published = parse_date(told["published"], now, local)
        if fault := _fault(told, names, seen, published is not None):
            yield f"{where}: {fault}"
            continue
        seen[told["id"]] = number
        yield Entry(
            url=_address(told, source, salt),
            title=plain(told["title"]),
            text=told["text"],
            published=published,
            published_from="file" if published else "none",
            version=digest_of(told["text"], told["title"], told["published"]),
            author=told["author"],
        )


def _fault(told: Mapping[str, str], names: Mapping[str, str], seen: Mapping[str, int], is_dated: bool) -> str:
    """Return what is wrong with a row, "" for nothing."""
    if not told["id"]:
        return f"column {names['id']!r} is empty"
    if told["id"] in seen:
        return f"{names['id']} {told['id']!r} stands in row {seen[told['id']]} too"
    if told["published"] and not is_dated:
        return f"column {names['published']!r}: {told['published']!r} is no day or lies in the future"
    return ""


def _address(told: Mapping[str, str], source: Source, salt: bytes) -> str:
    """Return a row's address; that of a resident's post may hold its author's name and is not kept."""
    if source.voice != "public":
        return told["url"] if is_web(told["url"]) else f"urn:sejuk:{source.id}:{told['id']}"
    if _HARMLESS.fullmatch(told["id"]):
        return f"urn:sejuk:{source.id}:{told['id']}"
    return post_address(source.id, told["id"], salt)


def _text(value: Any) -> str:
    """Return a cell as text: whole numbers without their decimals, times in ISO form."""
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value.isoformat() if isinstance(value, datetime) else str(value).strip()


def _rows(path: Path, names: Mapping[str, str]) -> Iterator[tuple[int, Row | str]]:
    """Yield each row with its number in the file, or what is wrong with it."""
    if path.stat().st_size > _LARGEST:
        raise ListingError(f"{path.name}: is larger than 50 MB; split it")
    if path.suffix.lower() == ".xlsx":
        yield from _sheet(path, names)
    elif path.suffix.lower() == ".csv":
        yield from _table(path, names)
    else:
        yield from _lines(path, names)


def _table(path: Path, names: Mapping[str, str]) -> Iterator[tuple[int, Row | str]]:
    text = decode(path.read_bytes())
    header = text.partition("\n")[0]
    separator = max(",;\t", key=header.count)  # office programs write ; where , divides numbers
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=separator)
    try:
        reader.fieldnames = [_column(name) for name in reader.fieldnames or ()]
        _require(path, names, reader.fieldnames)
        for row in reader:
            many = None in row
            yield reader.line_num, "has more columns than the heading" if many else row
    except csv.Error as error:
        raise ListingError(f"{path.name}, row {reader.line_num}: {error}") from error


def _lines(path: Path, names: Mapping[str, str]) -> Iterator[tuple[int, Row | str]]:
    for number, line in enumerate(decode(path.read_bytes()).split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            yield number, f"is not JSON ({error})"
            continue
        missing = [names[key] for key in ("id", "text") if not isinstance(row, dict) or names[key] not in row]
        yield number, f"lacks {', '.join(missing)}" if missing else row


def _sheet(path: Path, names: Mapping[str, str]) -> Iterator[tuple[int, Row | str]]:
    import openpyxl  # slow to load, and few crawls meet such a file

    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    except (zipfile.BadZipFile, KeyError, ValueError, OSError) as error:
        raise ListingError(f"{path.name}: is no whole XLSX file ({error})") from error
    try:
        rows = book.worksheets[0].iter_rows(values_only=True)
        heading = [_column(str(cell or "")) for cell in next(rows, ())]
        _require(path, names, heading)
        for number, row in enumerate(rows, 2):
            if any(cell not in (None, "") for cell in row):
                yield number, dict(zip(heading, row, strict=False))
    finally:
        book.close()


def _column(name: str) -> str:
    return name.strip().lower()


def _require(path: Path, names: Mapping[str, str], present: Any) -> None:
    for column in ("id", "text"):
        if names[column] not in present:
            raise ListingError(f"{path.name}: column {names[column]!r} is missing")
