"""The region's places by name: desa, kecamatan, landmarks, and the namesakes that speak against them."""

from __future__ import annotations

import csv
import re
import tomllib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from analysis.errors import GazetteerError

_JOINS = (("way ", "wai "), ("gedong ", "gedung "), ("negeri ", "negri "))
_SHORT = (("padang ", "pdg "), ("gedong ", "gdg "), ("negeri ", "ngr "), ("tanjung ", "tj "), ("gunung ", "gn "),
          ("way ", "wy "), ("teluk ", "tlk "), ("gedong ", "gd "), ("negara ", "ngr "), ("talang ", "tlg "),
          ("marga ", "mg "))  # fmt: skip
COMMON = 3  # desa elsewhere from which a name says little by itself; one kecamatan is enough


@dataclass(frozen=True, slots=True)
class Desa:
    """One village; `code` in Kemendagri form."""

    code: str
    name: str
    kecamatan_code: str


@dataclass(frozen=True, slots=True)
class Kecamatan:
    """One district."""

    code: str
    name: str


@dataclass(frozen=True, slots=True, eq=False)
class Sense:
    """What a name may mean. `code` is empty outside the region; `kabupaten` names the one it lies in.

    A sense is equal to itself alone, so that it is quick to look up; compare codes where names differ.
    """

    level: str  # desa, kecamatan, kabupaten, landmark, elsewhere_desa, elsewhere_kecamatan, elsewhere_kabupaten
    code: str
    name: str
    kabupaten: str = ""
    parent: str = ""


@dataclass(slots=True)
class Gazetteer:
    """A region's places and every name under which a text may know them."""

    name: str
    code: str
    desa: dict[str, Desa] = field(default_factory=dict)
    kecamatan: dict[str, Kecamatan] = field(default_factory=dict)
    senses: dict[str, list[Sense]] = field(default_factory=dict)  # normal form -> senses
    risky: frozenset[str] = frozenset()  # names that are words, parties or persons too
    words: frozenset[str] = frozenset()  # names of places elsewhere that are words: "Serang", to attack
    namesakes: frozenset[str] = frozenset()  # names that three desa or a kecamatan elsewhere in Indonesia bear

    @classmethod
    def load(cls, folder: Path) -> Gazetteer:
        """Read a region's folder.

        Raises: GazetteerError naming file, row and column.
        """
        facts = tomllib.loads((folder / "region.toml").read_text(encoding="utf-8"))
        gazetteer = cls(str(facts["name"]), str(facts["code"]))
        gazetteer.words = frozenset(map(normal, facts.get("words", ())))
        gazetteer._read_kecamatan(folder)
        gazetteer._read_desa(folder)
        for alias in (gazetteer.name, *facts.get("aliases", ())):
            gazetteer._add(alias, Sense("kabupaten", gazetteer.code, gazetteer.name))
        gazetteer._read_variants(folder)
        gazetteer._read_landmarks(folder)
        gazetteer._read_elsewhere(folder)
        return gazetteer

    def _read_kecamatan(self, folder: Path) -> None:
        for number, row in _rows(folder, "kecamatan.csv", ("code", "kecamatan")):
            if row["code"] in self.kecamatan:
                raise GazetteerError("kecamatan.csv", number, "code", f"{row['code']} stands twice")
            self.kecamatan[row["code"]] = Kecamatan(row["code"], row["kecamatan"])
            for name in (row["kecamatan"], *_split(row.get("alt_names", ""))):
                self._add(name, Sense("kecamatan", row["code"], row["kecamatan"], parent=self.code))

    def _read_desa(self, folder: Path) -> None:
        for number, row in _rows(folder, "desa.csv", ("code", "name", "kecamatan_code")):
            if row["code"] in self.desa:
                raise GazetteerError("desa.csv", number, "code", f"{row['code']} stands twice")
            if row["kecamatan_code"] not in self.kecamatan:
                raise GazetteerError("desa.csv", number, "kecamatan_code", f"no kecamatan {row['kecamatan_code']}")
            self.desa[row["code"]] = Desa(row["code"], row["name"], row["kecamatan_code"])
            for name in (row["name"], *_split(row.get("alt_names", ""))):
                self._add(name, Sense("desa", row["code"], row["name"], parent=row["kecamatan_code"]))

    def _read_variants(self, folder: Path) -> None:
        for _, row in _rows(folder, "variants.csv", ("code", "variant_lower"), required=False):
            if desa := self.desa.get(row["code"]):
                self._add(row["variant_lower"], Sense("desa", desa.code, desa.name, parent=desa.kecamatan_code))
            elif kecamatan := self.kecamatan.get(row["code"]):
                self._add(row["variant_lower"], Sense("kecamatan", kecamatan.code, kecamatan.name, parent=self.code))

    def _read_landmarks(self, folder: Path) -> None:
        for number, row in _rows(folder, "localities.csv", ("locality", "desa_code"), required=False):
            if row["desa_code"] not in self.desa:
                raise GazetteerError("localities.csv", number, "desa_code", f"no desa {row['desa_code']}")
            parent = self.desa[row["desa_code"]].kecamatan_code
            for name in _split(row["locality"]):
                self._add(name, Sense("landmark", row["desa_code"], name, parent=parent))

    def _read_elsewhere(self, folder: Path) -> None:
        for _, row in _rows(folder, "neighbours.csv", ("name", "level", "kabupaten"), required=False):
            if row["code"].startswith(self.code):
                continue
            if row["level"] == "kabupaten":
                short = re.sub(r"^(kabupaten|kota) ", "", row["name"], flags=re.I)
                for name in (row["name"], short):
                    self._add(name, Sense("elsewhere_kabupaten", "", row["name"], row["name"]))
            else:
                self._add(row["name"], Sense(f"elsewhere_{row['level']}", "", row["name"], row["kabupaten"]))
        for _, row in _rows(folder, "elsewhere.csv", ("name",), required=False):
            self._add(row["name"], Sense("elsewhere_kabupaten", "", row["name"], row["name"]))
        names: Counter[str] = Counter()
        for _, row in _rows(folder, "namesakes.csv", ("name",), required=False):
            names[normal(row["name"])] += COMMON if row.get("level") == "kecamatan" else 1
        self.namesakes = frozenset(name for name, count in names.items() if count >= COMMON)
        ambiguous = _rows(folder, "ambiguity.csv", ("desa", "needs_trigger"), required=False)
        risky = [row["desa"] for _, row in ambiguous if row["needs_trigger"] == "yes"]
        self.risky = frozenset(normal(name) for name in risky)

    def _add(self, name: str, sense: Sense) -> None:
        if not name.strip():
            raise GazetteerError("names", None, "name", f"an empty name for {sense.code or sense.name}")
        for form in _forms(normal(name)):
            senses = self.senses.setdefault(form, [])
            if not any((s.level, s.code, s.kabupaten) == (sense.level, sense.code, sense.kabupaten) for s in senses):
                senses.append(sense)


def normal(name: str) -> str:
    """Return a name as it is compared: lower case, single spaces, no punctuation.

    >>> normal("Way  Khilau'")
    'way khilau'
    """
    return " ".join(re.findall(r"\w+", name.casefold()))


def _forms(name: str) -> Iterator[str]:
    """Yield the spellings of a name: Way and Wai, Gedong and Gedung, joined where it stays long enough."""
    forms = {name}
    for a, b in _JOINS:
        forms |= {f.replace(a, b) for f in forms} | {f.replace(b, a) for f in forms}
    yield from forms
    for full, short in _SHORT:
        if name.startswith(full):
            yield short + name.removeprefix(full)
            yield f"{short} {name.removeprefix(full)}"  # "Gdg. Tataan": the full stop is read as a space
    for form in forms:
        if " " in form and len(form) >= 8:
            yield form.replace(" ", "")


def _split(names: str) -> list[str]:
    return [name.strip() for name in names.split(";") if name.strip()]


def _rows(
    folder: Path, file: str, columns: tuple[str, ...], required: bool = True
) -> Iterator[tuple[int, dict[str, str]]]:
    path = folder / file
    if not path.is_file():
        if required:
            raise GazetteerError(file, None, None, f"missing in {folder}")
        return
    with path.open(encoding="utf-8-sig", newline="") as handle:
        reader = csv.DictReader(handle)
        if missing := [column for column in columns if column not in (reader.fieldnames or ())]:
            raise GazetteerError(file, 1, missing[0], "no such column")
        for number, row in enumerate(reader, start=2):
            for column in columns:
                if not (row[column] or "").strip() and column not in ("kabupaten", "needs_trigger"):
                    raise GazetteerError(file, number, column, "is empty")
            yield number, row
