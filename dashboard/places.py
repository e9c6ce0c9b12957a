"""The places of a region and how they are reached."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from analysis.gazetteer import Desa, Gazetteer, Kecamatan
from pipelines.map import centroids


@dataclass(frozen=True, slots=True)
class Places:
    """A region's places by code."""

    region: str
    code: str
    desa: dict[str, Desa]
    kecamatan: dict[str, Kecamatan]
    points: dict[str, tuple[float, float]]  # of desa: latitude, longitude

    def name(self, code: str) -> str:
        """Return a place's name as it is read: a desa with its kecamatan."""
        if code in self.desa:
            desa = self.desa[code]
            return f"{desa.name} ({self.kecamatan[desa.kecamatan_code].name})"
        if code in self.kecamatan:
            return f"Kec. {self.kecamatan[code].name}"
        return f"Kab. {self.region}" if code == self.code else code

    def level(self, code: str) -> str:
        """Return the level of a code, or "" where the region has no such place."""
        if code in self.desa:
            return "desa"
        if code in self.kecamatan:
            return "kecamatan"
        return "kabupaten" if code == self.code else ""

    def path(self, code: str) -> str:
        """Return where a place is read."""
        level = self.level(code)
        return "/kabupaten" if level == "kabupaten" else f"/{level}/{code}"

    def parents(self, code: str) -> list[str]:
        """Return the places above, the highest first."""
        if code in self.desa:
            return [self.code, self.desa[code].kecamatan_code]
        return [self.code] if code in self.kecamatan else []

    def below(self, code: str) -> list[str]:
        """Return the places one level below."""
        if code == self.code:
            return list(self.kecamatan)
        return [desa.code for desa in self.desa.values() if desa.kecamatan_code == code]


@lru_cache(maxsize=4)
def places_of(region: Path) -> Places:
    """Return the places of a region's folder; read once.

    Raises: GazetteerError.
    """
    gazetteer = Gazetteer.load(region)
    return Places(gazetteer.name, gazetteer.code, gazetteer.desa, gazetteer.kecamatan, centroids(region))
