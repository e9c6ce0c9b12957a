"""Copies become one story; distinct texts stay apart."""

from __future__ import annotations

import random

import pytest

from analysis.stories import best_match, fingerprints, shingles, similarity

RELEASE = (
    "Warga Desa Tirta Mukti menggelar kerja bakti membersihkan saluran irigasi sepanjang dua kilometer pada Minggu "
    "pagi. Kegiatan itu diikuti seratus orang dari lima dusun dan dibantu alat berat milik pemerintah kecamatan. "
    "Kepala desa mengatakan saluran akan diperbaiki permanen tahun depan. Petani berharap air kembali lancar sebelum "
    "musim tanam dimulai bulan Oktober. Ibu-ibu menyiapkan makan siang di balai dusun."
)
STABLE = [3264879029, 2042398128, 1301718335]  # of RELEASE
VOCABULARY = (
    "air anak balai bantuan barang beras bersama besok bupati camat dana desa dusun gotong guru hujan ibu irigasi "
    "jalan jembatan kantor kebun kecamatan kelompok kepala kerja kopi lahan listrik lomba makan malam mandor masjid "
    "musim nelayan obat pagi panen pasar pemuda petani polisi pupuk rapat rusak sawah sekolah siang siswa sungai "
    "tanah tani tokoh truk warga warung"
).split()


def _article(rng: random.Random, length: int) -> str:
    return " ".join(rng.choice(VOCABULARY) + rng.choice(["", "", ",", "."]) for _ in range(length))


def _near_copy(rng: random.Random, text: str) -> str:
    """Do what outlets do to a release: swap a few words, put a dateline before, drop or add a sentence."""
    tokens = text.split()
    for _ in range(max(1, len(tokens) // 25)):
        tokens[rng.randrange(len(tokens))] = rng.choice(VOCABULARY)
    edited = " ".join(tokens)
    return rng.choice([f"KOTA - {edited}", f"{edited} Redaksi menerima tanggapan pembaca.", edited.upper(), edited])


def test_planted_near_copies_are_found_and_distinct_texts_never_merge() -> None:
    rng = random.Random(7)
    originals = [_article(rng, rng.randint(40, 300)) for _ in range(2000)]
    copies = [_near_copy(rng, text) for text in originals[:1000]]
    prints = fingerprints(originals)
    bands: dict[int, list[int]] = {}
    for number, fingerprint in enumerate(prints):
        for key in fingerprint.keys:
            bands.setdefault(key, []).append(number)

    def found(text: str) -> str | None:
        mine = fingerprints([text])[0]
        near = {n for key in mine.keys for n in bands.get(key, ())}
        return best_match(mine, [(str(n), prints[n].signature) for n in near])

    hits = sum(found(copy) == str(number) for number, copy in enumerate(copies))
    assert hits >= 980  # 98 % of planted near copies
    merged = sum(
        best_match(p, [(str(n), prints[n].signature) for n in {m for k in p.keys for m in bands[k]} if n != i])
        is not None
        for i, p in enumerate(prints)
    )
    assert merged == 0


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        (RELEASE, RELEASE.replace("seratus", "ratusan"), True),
        (RELEASE, "BANDAR KOTA, Kabar - " + RELEASE + " (red)", True),
        (RELEASE, RELEASE.split(". Ibu")[0] + ".", True),  # the last sentence cut off
        (RELEASE, "Harga cabai naik tajam di pasar induk karena pasokan berkurang akibat hujan sepekan.", False),
        ("Ojo rusuh yo", "ojo RUSUH, yo!", True),
        ("Ojo rusuh yo", "Ojo rusuh rek", False),
        ("👍👍", "🔥🔥", False),
    ],
)
def test_pairs(a: str, b: str, same: bool) -> None:
    one, other = fingerprints([a, b])
    assert (best_match(one, [("b", other.signature)]) == "b") is same
    assert bool(set(one.keys) & set(other.keys)) >= same


def test_the_match_does_not_depend_on_the_order_of_arrival() -> None:
    mine, first, second = fingerprints([RELEASE, RELEASE + " Selesai.", RELEASE + " Selesai."])
    pairs = [("b", second.signature), ("a", first.signature)]
    assert best_match(mine, pairs) == best_match(mine, reversed(pairs)) == "a"


def test_signatures_are_stable_across_program_versions() -> None:
    # stored bands are compared for months; a change here asks for a migration of `fingerprints` and `bands`
    assert [int(v) for v in fingerprints([RELEASE])[0].signature[:3]] == STABLE


def test_empty_input() -> None:
    assert fingerprints([]) == []
    assert shingles("") == [""]
    one = fingerprints([""])[0]
    assert similarity(one.signature, one.signature) == 1.0
