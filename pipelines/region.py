"""A region's folder from one table of places, with a report of the names that will be hard to tell apart."""

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from analysis.errors import ConfigError
from analysis.gazetteer import Gazetteer, normal

COLUMNS = ("code", "name", "level", "kecamatan", "kabupaten")
_CODE = {"kabupaten": r"\d\d\.\d\d", "kecamatan": r"\d\d\.\d\d\.\d\d", "desa": r"\d\d\.\d\d\.\d\d\.\d{4}"}
TIME_ZONES = {  # Source: Keppres 41/1987; provinces by the first two digits of the Kemendagri code
    **dict.fromkeys("11 12 13 14 15 16 17 18 19 21 31 32 33 34 35 36 61 62".split(), "Asia/Jakarta"),
    **dict.fromkeys("51 52 53 63 64 65 71 72 73 74 75 76".split(), "Asia/Makassar"),
    **dict.fromkeys("81 82 91 92 93 94 95 96".split(), "Asia/Jayapura"),
}


@dataclass(frozen=True, slots=True)
class Ambiguity:
    """How hard one desa's name is to tell from others."""

    code: str
    desa: str
    kecamatan: str
    same_in_region: int  # other desa of the region
    same_elsewhere: int  # desa of other kabupaten in the table
    kecamatan_of_region: str  # the kecamatan of the region with this name
    kecamatan_elsewhere: str  # the first kabupaten elsewhere with a kecamatan of this name
    needs_trigger: str  # "yes": never pinned without "desa" before it


@dataclass(frozen=True, slots=True)
class NewRegion:
    """What was written and what an operator should look at."""

    folder: Path
    name: str
    kecamatan: int
    desa: int
    neighbours: int
    ambiguous: tuple[Ambiguity, ...]


def new_region(code: str, table: Path, folder: Path, words: Iterable[str] = ()) -> NewRegion:
    """Write a region's folder for the kabupaten `code` from a table of places, its neighbours included.

    Args:
        table: CSV with code, name, level (kabupaten, kecamatan, desa), kecamatan, kabupaten; optional lat, lon.
        folder: must not exist yet.
        words: everyday words; a desa so named needs "desa" before it.

    Raises: ConfigError (code, table or folder), GazetteerError.
    """
    if folder.exists():
        raise ConfigError("region", f"{folder} exists already; move it away or choose another --out")
    rows = _read(table)
    own = [row for row in rows if row["code"] == code or row["code"].startswith(f"{code}.")]
    if not re.fullmatch(_CODE["kabupaten"], code) or not own:
        known = ", ".join(sorted({row["code"][:5] for row in rows})[:20])
        raise ConfigError("code", f"{code!r} has no places in {table.name}; it knows {known}")
    name = next((row["name"] for row in own if row["level"] == "kabupaten"), own[0]["kabupaten"])
    if not name:
        raise ConfigError("code", f"{table.name} does not name the kabupaten {code}")
    short = re.sub(r"^(kabupaten|kota) ", "", name, flags=re.IGNORECASE)
    kecamatan = [row for row in own if row["level"] == "kecamatan"]
    desa = [row | {"kecamatan_code": row["code"].rpartition(".")[0]} for row in own if row["level"] == "desa"]
    neighbours = [row for row in rows if row not in own]
    ambiguous = ambiguity(desa, kecamatan, neighbours, words)
    files = {
        "region.toml": _facts(short, name, code),
        "kecamatan.csv": _csv(("code", "kecamatan", "lat", "lon"), [r | {"kecamatan": r["name"]} for r in kecamatan]),
        "desa.csv": _csv(("code", "name", "kecamatan_code", "kecamatan", "alt_names", "lat", "lon"), desa),
        "neighbours.csv": _csv(COLUMNS, neighbours),
        "ambiguity.csv": _csv(tuple(f.name for f in fields(Ambiguity)), [asdict(each) for each in ambiguous]),
    }
    folder.mkdir(parents=True)
    for file, content in files.items():
        (folder / file).write_text(content, encoding="utf-8")
    Gazetteer.load(folder)
    hard = tuple(each for each in ambiguous if each.needs_trigger or each.same_in_region or each.kecamatan_of_region)
    return NewRegion(folder, short, len(kecamatan), len(desa), len(neighbours), hard)


def ambiguity(
    desa: Sequence[dict[str, str]],
    kecamatan: Sequence[dict[str, str]],
    neighbours: Sequence[dict[str, str]],
    words: Iterable[str] = (),
) -> list[Ambiguity]:
    """Count for each desa who else bears its name."""
    inside = Counter(normal(row["name"]) for row in desa)
    outside = Counter(normal(row["name"]) for row in neighbours if row["level"] == "desa")
    own = {normal(row["name"]): row["name"] for row in kecamatan}
    other = {normal(row["name"]): row["kabupaten"] for row in reversed(neighbours) if row["level"] == "kecamatan"}
    everyday = {normal(word) for word in words}
    found = []
    for row in desa:
        name = normal(row["name"])
        found.append(
            Ambiguity(
                row["code"], row["name"], row["kecamatan"], inside[name] - 1, outside[name], own.get(name, ""),
                other.get(name, ""), "yes" if name in everyday or outside[name] >= 3 else "",
            )
        )  # fmt: skip
    return found


def _read(table: Path) -> list[dict[str, str]]:
    try:
        with table.open(encoding="utf-8-sig", newline="") as handle:
            reader = csv.DictReader(handle)
            if missing := [column for column in COLUMNS if column not in (reader.fieldnames or ())]:
                raise ConfigError("from", f"{table.name}: no column {', '.join(missing)}")
            rows = [{key: (value or "").strip() for key, value in row.items() if key} for row in reader]
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError("from", f"cannot read {table}: {error}") from error
    for number, row in enumerate(rows, start=2):
        if not re.fullmatch(_CODE.get(row["level"], ""), row["code"]):
            raise ConfigError(
                "from", f"{table.name}, row {number}: code {row['code']!r} is no {row['level'] or 'level'}"
            )
        if not row["name"]:
            raise ConfigError("from", f"{table.name}, row {number}: column 'name' is empty")
    return rows


def _facts(short: str, name: str, code: str) -> str:
    zone = TIME_ZONES.get(code[:2])
    if zone is None:
        raise ConfigError("code", f"{code!r} lies in no known province, so its time zone is unknown")
    return (
        f"# Made from a table of places; sources.toml, localities.csv, variants.csv and calendar.csv are to come.\n"
        f'name = {json.dumps(short)}\nlevel = "kabupaten"\ncode = "{code}"\ntimezone = "{zone}"\n'
        f"aliases = {json.dumps([name, f'Kab. {short}'])}\n"
    )


def _csv(columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, extrasaction="ignore", restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
