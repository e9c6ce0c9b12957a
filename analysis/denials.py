"""A story that denies another: recognised by how denials are worded and by what both tell of.

Conservative: a link is a proposal that an analyst may reject, and the rumour keeps its level, for the scale labels
what was said; the denial is not the thing denied (docs/skala.md).
"""

from __future__ import annotations

import re

_DENIAL = re.compile(
    r"\bho(?:aks|ax)\b|\bkabar bohong\b|\b(?:berita|informasi|isu|kabar) (?:bohong|palsu|sesat|keliru)\b"
    r"|\bdisinformasi\b|\bmisinformasi\b|\btidak benar\b|\btak benar\b|\b(?:bukan|tidak|tak) (?:fakta|terbukti benar)\b"
    r"|\b(?:mem)?bantah(?:an)?\b|\bdibantah\b|\b(?:me)?(?:n)?epis\b|\bditepis\b|\b(?:me)?luruskan\b|\bdiluruskan\b"
    r"|\b(?:meng|di)klarifikasi\b|(?<!minta )(?<!mintai )(?<!memberi )(?<!berikan )\bklarifikasi\b"
    r"|\bcek fakta\b|\bmenyangkal\b|\bsangkal\b"
)


def denies(title: str, lead: str) -> bool:
    """Tell whether a text, by its title and first sentence, says that something told before is not so.

    >>> denies("Polres: Kabar Penculikan Anak di Sukamaju Hoaks", "")
    True
    >>> denies("Warga Sukamaju Ronda Bersama", "Warga berjaga setiap malam.")
    False
    >>> denies("Pelapor dan Saksi Dimintai Klarifikasi", "")
    False
    """
    return bool(_DENIAL.search(title.lower()) or _DENIAL.search(lead.lower()))
