"""Places: pinned with evidence, or honestly to nothing finer than is certain."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.errors import GazetteerError
from analysis.gazetteer import Gazetteer
from analysis.locate import Locator

REGIONS = Path(__file__).parent.parent / "data" / "regions"
PESAWARAN = Locator(Gazetteer.load(REGIONS / "pesawaran"))
CONTOH = Locator(Gazetteer.load(REGIONS / "contoh"))

BAGELEN, KEJADIAN, HANURA = "18.09.01.2007", "18.09.03.2002", "18.09.10.2004"
CASES = [
    # text, level, desa, kecamatan
    ("Warga Desa Bagelen, Kecamatan Gedong Tataan, bergotong royong", "desa", [BAGELEN], ["18.09.01"]),
    ("Di Kecamatan Gedong Tataan, tepatnya di Desa Bagelen, dua kubu bertikai", "desa", [BAGELEN], ["18.09.01"]),
    ("GEDONG TATAAN - Pemuda ds. Bagelen kec. Gedung Tataan ribut", "desa", [BAGELEN], ["18.09.01"]),
    ("Harga beras besar naik", "none", [], []),
    ("angin barat di kota kami", "none", [], []),
    ("Sebuah kejadian aneh membuat warga Pesawaran heboh", "kabupaten", [], []),
    ("Kejadian di Desa Kejadian, Kecamatan Tegineneng, mengejutkan warga", "desa", [KEJADIAN], ["18.09.03"]),
    ("Partai Hanura menggelar rapat di Desa Hanura, Kecamatan Teluk Pandan", "desa", [HANURA], ["18.09.10"]),
    ("Kader Hanura Pesawaran menyerahkan berkas", "kabupaten", [], []),
    ("Banjir melanda Kecamatan Padang Cermin, Pesawaran", "kecamatan", [], ["18.09.05"]),
    ("Perampokan terjadi di Kecamatan Natar, Kabupaten Lampung Selatan", "elsewhere", [], []),
    ("Warga Desa Sukaraja, Kecamatan Rajabasa, Lampung Selatan, mengungsi", "elsewhere", [], []),
    ("Rumah warga Desa Cipadang, Kecamatan Cileunyi, dan gudang di Kota Bandung terbakar", "elsewhere", [], []),
    ("Bupati Pesawaran meninjau pasar", "kabupaten", [], []),
    ("Resep sayur asem yang enak", "none", [], []),
    ("", "none", [], []),
]


@pytest.mark.parametrize(("text", "level", "desa", "kecamatan"), CASES)
def test_cases(text: str, level: str, desa: list[str], kecamatan: list[str]) -> None:
    found = PESAWARAN.locate(text)
    assert (found.level.value, list(found.desa), list(found.kecamatan)) == (level, desa, kecamatan), found.reason
    assert found.kabupaten is (level in ("desa", "kecamatan", "kabupaten"))


def test_padang_cermin_is_a_kecamatan_and_two_desa() -> None:
    by_name = {code for code, desa in PESAWARAN.gazetteer.desa.items() if desa.name == "Padang Cermin"}
    assert len(by_name) == 2
    for kecamatan, code in (("Padang Cermin", "18.09.05"), ("Way Khilau", "18.09.09")):
        found = PESAWARAN.locate(f"Musyawarah digelar di Desa Padang Cermin, Kecamatan {kecamatan}, Senin pagi.")
        assert len(found.desa) == 1
        assert found.desa[0].startswith(code)
    alone = PESAWARAN.locate("Warga Pesawaran resah, rumah di Desa Padang Cermin dilempari batu.")
    assert alone.desa == ()


def test_every_twin_abstains_without_and_resolves_with_its_kecamatan() -> None:
    names: dict[str, list[str]] = {}
    for code, desa in PESAWARAN.gazetteer.desa.items():
        names.setdefault(desa.name.replace(" ", "").lower(), []).append(code)
    twins = {name: codes for name, codes in names.items() if len(codes) > 1}
    assert len(twins) == 12
    for codes in twins.values():
        name = PESAWARAN.gazetteer.desa[codes[0]].name
        assert PESAWARAN.locate(f"Warga Pesawaran berkumpul di Desa {name} sejak pagi.").desa == (), name
        for code in codes:
            kecamatan = PESAWARAN.gazetteer.kecamatan[code.rsplit(".", 1)[0]].name
            found = PESAWARAN.locate(f"Warga berkumpul di Desa {name}, Kecamatan {kecamatan}, Pesawaran.")
            assert found.desa == (code,), (name, kecamatan, found.reason)


def test_lists_pin_every_desa_named() -> None:
    found = PESAWARAN.locate("Bantuan tiba di Desa Bagelen, Sukadadi, dan Cipadang, Kecamatan Gedong Tataan.")
    assert set(found.desa) == {BAGELEN, "18.09.01.2005", "18.09.01.2003"}


@pytest.mark.parametrize(
    "text",
    [
        "Kebakaran terjadi di Bandar Lampung. Baca juga: Warga Desa Bagelen Gedong Tataan panen raya",
        "Kapal KMP Legundi sandar di Pelabuhan Merak",
        "Tawuran pecah di Kota Metro, pelaku asal Desa Bagelen kabur",
    ],
)
def test_what_is_not_the_place_of_the_event_pins_no_desa(text: str) -> None:
    assert PESAWARAN.locate(text).desa == ()


GERNING, SUKA_BANJAR, PENENGAHAN, WAY_HARONG = "18.09.03.2010", "18.09.01.2014", "18.09.09.2001", "18.09.04.2011"
_MISSED = pytest.mark.xfail(strict=True, reason="the rules had it right, the weights do not")
TOLD = [
    # title, text, desa
    ("", "HR (27), warga Desa Bumi Agung, tewas ditikam dalam pesta di Desa Gerning, Tegineneng.", [GERNING]),
    ("Pos Kamling Sukabanjar Hidup Lagi", "Warga Desa Sukabanjar, Gedongtataan, kembali meronda.", [SUKA_BANJAR]),
    pytest.param(
        "Warga Bumi Agung Kehilangan Motor di Gerning",
        "Motor itu diparkir di Desa Gerning, Tegineneng.",
        [GERNING],
        marks=_MISSED,
    ),
    pytest.param(
        "Pos Kamling Sukabanjar Hidup Lagi",
        "Warga Desa Sukabanjar, Gedongtataan, meronda. Desa Bernung ingin meniru.",
        [SUKA_BANJAR],
        marks=_MISSED,
    ),
    pytest.param(
        "",
        "Parkir di Mutun mahal, kata yang membandingkan Mutun dengan Pantai Sebalang.",
        ["18.09.10.2008"],
        marks=_MISSED,
    ),
    (
        "Listrik Masuk Dusun",
        "Warga Desa Penengahan, Way Khilau, menikmati listrik. Dua dusun di Tanggamus masih menunggu.",
        [PENENGAHAN],
    ),
    ("", "PMI bakal muter di way lima: senin way harong, yg belum sarapan jangan donor dulu", [WAY_HARONG]),
    ("Massa Serang Balai Desa Bagelen", "Kaca pecah di Desa Bagelen, Kecamatan Gedong Tataan.", [BAGELEN]),
    ("", "TANGGAMUS - Berbeda dari Pesawaran yang ramai, di sini botol kami bawa sampai ke Kota Agung.", []),
    ("Puskesmas Penuh", "Ibu hamil Desa Gerning, Tegineneng, dirujuk ke puskesmas di Hanura.", [GERNING]),
    ("", "Parkir di Pantai Sebalang mahal, kata yang membandingkannya dengan Mutun.", []),
    ("", "Menara berdiri di Maja, tak jauh dari Penyandingan, kata Camat Marga Punduh.", ["18.09.08.2002"]),
    ("Foto Harimau Masuk Kampung Way Khilau Ternyata dari Suoh", "Kandang jebak dipasang di Suoh, Lampung Barat.", []),
    ("", "Final voli putra di lapangan Desa Bagelen, Kecamatan Gedong Tataan, ditonton ratusan warga.", [BAGELEN]),
    ("", "lapor min, listrik mati 4 hari, ini Sukamaju Punduh ya bukan yg Kedondong", ["18.09.06.2020"]),
]


@pytest.mark.parametrize(("title", "text", "desa"), TOLD)
def test_the_place_of_the_matter_is_told_from_places_named_beside_it(title: str, text: str, desa: list[str]) -> None:
    found = PESAWARAN.locate(text, title=title)
    assert sorted(found.desa) == sorted(desa), found.reason


def test_a_long_name_is_known_with_any_one_letter_wrong() -> None:
    name = "kurungan nyawa"
    written = {
        name[:i] + change + name[i + 1 :] for i in range(1, len(name) - 1) for change in ("", "q", "q" + name[i])
    }
    missed = [
        word for word in written if PESAWARAN.locate(f"ribut di desa {word} tadi malam").desa != ("18.09.01.2011",)
    ]
    assert missed == []


def test_another_region_is_another_folder() -> None:
    found = CONTOH.locate("Desa Karangsejuk, Kecamatan Tirta Wening, ramai")
    assert found.desa == ("99.01.01.2002",)
    assert CONTOH.locate("Desa Bagelen, Kecamatan Gedong Tataan, ramai").desa == ()
    assert CONTOH.locate("Petani Desa Sumber Rukun berselisih soal air").desa == ()  # two desa share the name


NOISE = st.sampled_from(["\u200b", "\u00ad", "\u202e", " ", "\n", "&amp;", "<b>", "ﬁ", "İ", "ß", "👍🏽", "é", "."])
PIECES = st.lists(
    st.one_of(
        NOISE, st.sampled_from(["Desa Bagelen", "Kecamatan Gedong Tataan", "Pesawaran", "Natar"]), st.text(max_size=9)
    ),
    max_size=30,
)


@given(PIECES)
@settings(max_examples=150)
def test_every_mention_stands_in_the_original_at_its_offsets(pieces: list[str]) -> None:
    text = "".join(pieces)
    found = PESAWARAN.locate(text, title=text[:20])
    for mention in found.mentions:
        field = text if mention.field == "text" else text[:20]
        assert field[mention.start : mention.end] == mention.span
        assert mention.span
    assert 0 <= found.confidence <= 1


def test_invisible_characters_inside_a_name_do_not_hide_it() -> None:
    text = "Warga De\u00adsa Ba\u200bgelen, Kecamatan Gedong\u00a0Tataan"
    found = PESAWARAN.locate(text)
    assert found.desa == (BAGELEN,)
    assert "Ba\u200bgelen" in {m.span for m in found.mentions}


def test_a_text_of_five_megabytes_is_located() -> None:
    text = "Hujan turun sejak pagi di seluruh wilayah. " * 120_000 + "Desa Bagelen, Kecamatan Gedong Tataan."
    assert PESAWARAN.locate(text).desa == (BAGELEN,)


def test_a_text_of_ten_thousand_names_is_located() -> None:
    found = PESAWARAN.locate("Banjir di Desa Bernung, Kecamatan Gedong Tataan. " + "Bagelen, " * 10_000)
    assert len(found.mentions) == 10_002
    assert {"18.09.01.2013", BAGELEN} <= {mention.code for mention in found.mentions}


@pytest.mark.parametrize(
    ("file", "content", "words"),
    [
        (
            "desa.csv",
            "code,name,kecamatan_code\n1.1.1,A,1.9\n",
            "row 2, column 'kecamatan_code': no kecamatan 1.9",
        ),
        (
            "desa.csv",
            "code,name,kecamatan_code\n1.1.1,A,1.1\n1.1.1,B,1.1\n",
            "row 3, column 'code': 1.1.1 stands",
        ),
        ("desa.csv", "code,kecamatan_code\n1.1.1,1.1\n", "desa.csv, row 1, column 'name': no such column"),
        ("desa.csv", "code,name,kecamatan_code\n1.1.1,,1.1\n", "desa.csv, row 2, column 'name': is empty"),
        ("localities.csv", "locality,desa_code\nPasar,9.9\n", "localities.csv, row 2, column 'desa_code': no desa 9.9"),
    ],
)
def test_an_inconsistent_table_is_named_by_row_and_column(file: str, content: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "region.toml").write_text('name = "X"\ncode = "1"\ntimezone = "Asia/Jakarta"\n')
    (tmp_path / "kecamatan.csv").write_text("code,kecamatan\n1.1,K\n")
    (tmp_path / "desa.csv").write_text("code,name,kecamatan_code\n1.1.1,A,1.1\n")
    (tmp_path / file).write_text(content)
    with pytest.raises(GazetteerError) as caught:
        Gazetteer.load(tmp_path)
    assert words in str(caught.value)
