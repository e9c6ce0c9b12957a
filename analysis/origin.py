"""Whether a press text retells an official release or is the outlet's own report.

Releases speak through officials in almost every sentence; own reports let residents speak and tell of harm and
grievance. The verdict is careful: only a text that is clearly a release leaves the press voice.
"""

from __future__ import annotations

import math
import re

_WORD = re.compile(r"[^\W\d_]+")
_SENTENCE = re.compile(r"(?<=[.!?])\s+")
OFFICIAL = frozenset(
    """polres mapolres kapolres wakapolres satlantas satresnarkoba satreskrim polsek kapolsek kasat kanit kasi
    wakil bupati wabup pemkab sekda sekretaris kodim dandim koramil danramil babinsa bhabinkamtibmas
    puskesmas dinkes kejari kejaksaan jaksa kpu bawaslu bpbd kalaksa disperindag dishub dprd pln pmi camat
    kadis kepala dinas badan ketua iptu ipda akp akbp kompol aipda aiptu bripka bripda letkol kapten serda
    satgas satuan personel petugas komisioner drh bidan polisi tersangka sosialisasi imbau mengimbau program
    apel kegiatan penyuluhan pelaku barang bukti koperasi paket menyalurkan bantuan""".split()
)
RESIDENT = frozenset(
    """warga petani pedagang nelayan ibu korban saksi pemilik sopir pekebun peternak penumpang siswa wali orang
    tua tetangga anak nenek istri pemuda mengeluh keluhan mengeluhkan kesal resah protes dikeluhkan kades
    rumah sawah hilang hanyut harga""".split()
)
# Log-odds. Source: logistic regression on the press texts of the dev split of data/labels/rewrites.jsonl
# (`python -m benchmarks.stories --fit`).
BIAS, OFFICIAL_SENTENCES, RESIDENT_SENTENCES, OFFICIAL_WORDS, RESIDENT_WORDS = -0.38, 1.51, 0.17, 13.07, -8.41
RELEASE = (
    1.5  # mean log-odds of a story's press texts from which its origin counts as official; precision before recall
)


def parts(title: str, text: str) -> tuple[float, float, float, float]:
    """Return the share of sentences with an official, with a resident, and the share of such words."""
    sentences = [frozenset(_WORD.findall(part.lower())) for part in _SENTENCE.split(text)]
    words = [word.lower() for word in _WORD.findall(f"{title} {text}")]
    few = max(len(words), 1)
    return (
        sum(bool(sentence & OFFICIAL) for sentence in sentences) / len(sentences),
        sum(bool(sentence & RESIDENT) for sentence in sentences) / len(sentences),
        math.sqrt(sum(word in OFFICIAL for word in words) / few),
        math.sqrt(sum(word in RESIDENT for word in words) / few),
    )


def release_likeness(title: str, text: str) -> float:
    """Return the log-odds that a text retells an official release."""
    weights = (OFFICIAL_SENTENCES, RESIDENT_SENTENCES, OFFICIAL_WORDS, RESIDENT_WORDS)
    return BIAS + sum(w * part for w, part in zip(weights, parts(title, text), strict=True))
