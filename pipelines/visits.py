"""The cooling ledger: where community police went to listen, and what came of it. No resident is named."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import takewhile
from typing import TYPE_CHECKING

import pandas as pd

from analysis.errors import MonitorError
from analysis.gazetteer import Gazetteer, normal
from analysis.records import THEMES
from crawlers.privacy import mask
from pipelines.audit import record
from pipelines.store import Row, Store

if TYPE_CHECKING:
    from analysis.visits import Effect

KINDS = ("sambang", "pos kamling", "forum warga", "kegiatan keagamaan", "kegiatan sosial", "mediasi")
TRIGGER = 0.5  # tension from which a visit answers something: level "sengketa"
COLUMNS = {  # of the CSV file, in Bahasa Indonesia or English
    "desa": "desa",
    "tanggal": "date", "date": "date",
    "jenis": "kind", "kind": "kind",
    "tema": "themes", "themes": "themes",
    "hasil": "outcome", "outcome": "outcome",
    "tindak_lanjut": "follow_up", "tindak lanjut": "follow_up", "follow_up": "follow_up",
}  # fmt: skip
NEEDED = {"desa": "desa", "date": "tanggal", "kind": "jenis"}
SHOWN_ERRORS = 20
_DATES = ("%Y-%m-%d", "%d-%m-%Y", "%d/%m/%Y")
_ROLES = frozenset(  # after "pak" or "bu", these speak of an office, not of a person
    "camat lurah kades kadus kepala sekretaris sekdes rt rw bhabin bhabinkamtibmas babinsa kapolsek kapolres danramil "
    "bupati wakil gubernur polisi guru imam ustad ustadz ustaz kiai kyai haji bidan dokter mantri kader ketua tokoh "
    "petugas penyuluh desa dusun hamil menyusui tani petani nelayan pedagang rumah pkk yang dan itu ini di".split()
)
_NAMED = re.compile(
    r"\b(?P<address>(?:(?i:pak|bu|bpk|sdr|sdri|mas|mbak|tn|ny)\b\.?\s+(?=[^\W\d_])"
    r"|(?i:bapak|ibu|saudara|saudari|haji|hj|kh|h|almarhum|alm|ustaz|ustadz|kiai|kyai|bernama|inisial|a\.n|atas nama)"
    r"\b\.?\s+(?=[A-Z])))(?P<name>[^\W\d_][\w']*(?:\s+[A-Z][\w'.]*)*)"
)


class VisitRefused(MonitorError):  # noqa: N818 (an answer, not a fault)
    """A visit that cannot be entered; says which column, and in a file which row."""


@dataclass(frozen=True, slots=True)
class Visit:
    """One visit as it is stored; the day is region-local."""

    desa_code: str
    day: date
    kind: str
    themes: tuple[str, ...] = ()
    outcome: str = ""
    follow_up: str = ""


def mask_residents(text: str) -> str:
    """Mask what names or reaches a resident: telephone, NIK, e-mail, account, and a name after an address.

    >>> mask_residents("Pak Budi Santoso, 0812-3456-7890, setuju; Pak Camat, Pak Haji Umar dan ibu-ibu PKK hadir")
    '[warga], [telepon], setuju; Pak Camat, Pak Haji [warga] dan ibu-ibu PKK hadir'
    """
    return _NAMED.sub(_masked, mask(" ".join(text.split())))


def _masked(match: re.Match[str]) -> str:
    """Keep the words of an office, mask what follows them."""
    words = match["name"].split()
    offices = list(takewhile(lambda word: word.casefold().rstrip(".") in _ROLES, words))
    if len(offices) == len(words):
        return match[0]
    return f"{match['address']}{' '.join(offices)} [warga]" if offices else "[warga]"


# -- reading what was written ---------------------------------------------------------------------


def read_visit(values: Mapping[str, str], gazetteer: Gazetteer, today: date) -> Visit:
    """Check one visit as people write it: desa, date, kind, themes, outcome, follow_up.

    Args: today: region-local; a visit lies not in the future.
    Raises: VisitRefused naming the column.
    """
    return Visit(
        find_desa(values.get("desa", ""), gazetteer),
        _day(values.get("date", ""), today),
        _kind(values.get("kind", "")),
        _themes(values.get("themes", "")),
        mask_residents(values.get("outcome", "")),
        mask_residents(values.get("follow_up", "")),
    )


def find_desa(place: str, gazetteer: Gazetteer) -> str:
    """Return the code of a desa given by code, name, or "name, kecamatan".

    Raises: VisitRefused where there is none, or more than one of that name.
    """
    place = place.strip()
    if place in gazetteer.desa:
        return place
    name, _, above = place.partition(",")
    form, above = re.sub(r"^(?:desa|kampung|kelurahan)\s+", "", normal(name)), normal(above)
    above = re.sub(r"^(?:kecamatan|kec)\s+", "", above)
    found = {sense.code for sense in gazetteer.senses.get(form, ()) if sense.level == "desa"}
    found = {c for c in found if not above or above == _kecamatan(c, gazetteer)}
    if len(found) == 1:
        return found.pop()
    if found:
        choices = ", ".join(
            f"{gazetteer.desa[c].name}, {_kecamatan(c, gazetteer).title()} ({c})" for c in sorted(found)
        )
        raise VisitRefused(f"kolom 'desa': {place!r} ada di beberapa kecamatan: {choices}")
    raise VisitRefused(f"kolom 'desa': {place!r} tidak dikenal; tulis kode atau nama desa di {gazetteer.name}")


def _kecamatan(code: str, gazetteer: Gazetteer) -> str:
    return normal(gazetteer.kecamatan[gazetteer.desa[code].kecamatan_code].name)


def _day(text: str, today: date) -> date:
    for form in _DATES:
        try:
            day = datetime.strptime(text.strip(), form).date()  # noqa: DTZ007 (a calendar day)
        except ValueError:
            continue
        if day > today:
            raise VisitRefused(f"kolom 'tanggal': {text.strip()} belum terjadi")
        return day
    raise VisitRefused(f"kolom 'tanggal': {text.strip()!r} bukan tanggal seperti 2025-05-26 atau 26-05-2025")


def _kind(text: str) -> str:
    kind = normal(text)
    if kind not in KINDS:
        raise VisitRefused(f"kolom 'jenis': {text.strip()!r} tidak dikenal; pilih {', '.join(KINDS)}")
    return kind


def _themes(text: str) -> tuple[str, ...]:
    named = [normal(part) for part in re.split(r"[;,|/]", text) if part.strip()]
    if unknown := [theme for theme in named if theme not in THEMES]:
        raise VisitRefused(f"kolom 'tema': {unknown[0]!r} tidak dikenal; pilih {', '.join(THEMES)}")
    return tuple(theme for theme in THEMES if theme in named)


def read_csv(data: bytes, gazetteer: Gazetteer, today: date) -> list[Visit]:
    """Read a CSV file (comma or semicolon, UTF-8) with the columns desa, tanggal, jenis, tema, hasil, tindak_lanjut.

    Raises: VisitRefused naming row and column of everything that is wrong; then nothing is entered.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row = data[: error.start].count(b"\n") + 1
        raise VisitRefused(f"baris {row}: bukan UTF-8; simpan ulang sebagai 'CSV UTF-8'") from error
    heading = text.split("\n", 1)[0]
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=";" if heading.count(";") > heading.count(",") else ",")
    columns = _columns(next(lines, []))
    visits, errors = [], []
    for cells in lines:
        if not any(cell.strip() for cell in cells):
            continue
        try:
            if len(cells) != len(columns):
                raise VisitRefused(f"{len(cells)} kolom, seharusnya {len(columns)}; teks berkoma perlu tanda kutip")
            visits.append(read_visit(dict(zip(columns, cells, strict=True)), gazetteer, today))
        except VisitRefused as error:
            errors.append(f"baris {lines.line_num}, {error}")
    if errors:
        more = f"\n… dan {len(errors) - SHOWN_ERRORS} lagi" if len(errors) > SHOWN_ERRORS else ""
        raise VisitRefused("\n".join(errors[:SHOWN_ERRORS]) + more + "\ntidak ada yang dimasukkan")
    if not visits:
        raise VisitRefused("berkas tidak berisi kunjungan")
    return visits


def _columns(heading: Sequence[str]) -> list[str]:
    columns = []
    for name in heading:
        key = " ".join(name.casefold().split())
        if key not in COLUMNS:
            raise VisitRefused(f"baris 1, kolom {name.strip()!r} tidak dikenal; kolom: {', '.join(COLUMNS)}")
        columns.append(COLUMNS[key])
    for column, name in NEEDED.items():
        if column not in columns:
            raise VisitRefused(f"baris 1: kolom {name!r} tidak ada")
    return columns


# -- the ledger -----------------------------------------------------------------------------------


def save_visits(store: Store, visits: Sequence[Visit], who: str, now: datetime) -> int:
    """Enter visits; one of the same desa, day and kind is corrected, not doubled. Return how many are new.

    Raises: StorageError.
    """
    rows = [
        {
            "desa_code": visit.desa_code,
            "day": visit.day.isoformat(),
            "kind": visit.kind,
            "themes": json.dumps(visit.themes),
            "outcome": visit.outcome,
            "follow_up": visit.follow_up,
            "entered_at": now.isoformat(),
            "entered_by": who,
        }
        for visit in visits
    ]
    with store.transaction():
        before = store.db.table("visits").count
        store.upsert("visits", rows, ("desa_code", "day", "kind"))
        record(store, "visits", {"visits": [(r["desa_code"], r["day"], r["kind"]) for r in rows]}, now, who)
        return store.db.table("visits").count - before


def visits(
    store: Store, since: date | None = None, until: date | None = None, desa_code: str | None = None
) -> list[Row]:
    """Return the visits between two days, both included, newest first; themes as a list."""
    rows = store.rows(
        """SELECT * FROM visits WHERE day BETWEEN :since AND :until AND (:code IS NULL OR desa_code = :code)
           ORDER BY day DESC, desa_code, kind""",
        {
            "since": (since or date.min).isoformat(),
            "until": (until or date.max).isoformat(),
            "code": desa_code,
        },
    )
    return [row | {"themes": json.loads(row["themes"])} for row in rows]


def effect(store: Store, threshold: float = TRIGGER, voice: str = "all") -> Effect:
    """Estimate the pooled effect of all visits, with interval and power, or refuse in words.

    Raises: VisitRefused for a threshold outside [0, 1].
    """
    if not 0 <= threshold <= 1:
        raise VisitRefused(f"ambang {threshold} tidak di antara 0 dan 1")
    entered = pd.DataFrame(visits(store), columns=["desa_code", "day"])
    entered["day"] = _days(entered["day"])
    from analysis import visits as effects  # scipy.stats weighs 22 MB, which the page need not carry

    return effects.effect(_tension(store, voice), entered, threshold)


def trajectory(store: Store, desa_code: str, day: date, voice: str = "all") -> pd.DataFrame:
    """Return the tension of a desa 14 days around a visit: shown, never subtracted. Columns day, tension, offset."""
    from analysis import visits as effects

    return effects.trajectory(_tension(store, voice), desa_code, day)[["day", "tension", "offset"]]


def _tension(store: Store, voice: str) -> pd.DataFrame:
    table = store.frame(
        "SELECT day, desa_code, tension FROM desa_daily WHERE voice = :voice ORDER BY day, desa_code", {"voice": voice}
    )
    return table.assign(day=_days(table["day"]), tension=table["tension"].astype(float))


def _days(texts: pd.Series[str]) -> pd.Series[date]:
    return pd.Series([date.fromisoformat(text) for text in texts], index=texts.index, dtype=object)
