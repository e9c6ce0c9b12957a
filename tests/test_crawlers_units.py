"""The small parts: declarations, masking, dates, extraction, listings, spool, addresses."""

from __future__ import annotations

import doctest
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crawlers import bounds, dates, extraction, listings, network, privacy, reasons
from crawlers.dates import parse_date
from crawlers.errors import DeclarationError, ListingError, SpoolError
from crawlers.extraction import extract, fragment_text
from crawlers.items import RawDocument
from crawlers.listings import decode, read_feed, read_posts, read_sitemap
from crawlers.network import is_public
from crawlers.privacy import author_hash, mask
from crawlers.sources import load_sources
from crawlers.spool import SpoolWriter, read_spool
from tests.crawling import PROJECT

NOW = datetime(2025, 6, 1, tzinfo=UTC)
WIB = timezone(timedelta(hours=7))
GOOD = """[[source]]
id = "a"
name = "A"
kind = "feed"
address = "https://contoh.id/feed"
voice = "press"
basis = "uji"
enabled = true
"""
POSTS = """[[source]]
id = "a"
name = "A"
kind = "mastodon"
address = "https://contoh.id"
voice = "public"
basis = "uji"
enabled = false
queries = ["x"]
"""


@pytest.mark.parametrize("module", [bounds, dates, extraction, listings, network, privacy, reasons])
def test_examples_in_docstrings_hold(module: object) -> None:
    result = doctest.testmod(module)  # type: ignore[arg-type]
    assert result.attempted > 0
    assert result.failed == 0


# -- declarations ---------------------------------------------------------------------------------


def test_the_shipped_sources_are_valid() -> None:
    sources = load_sources(PROJECT / "data/regions/pesawaran/sources.toml")
    platforms = [source for source in sources if source.is_platform]
    assert len(sources) - len(platforms) == 19
    assert {source.voice for source in sources if not source.is_platform} == {"press", "official"}
    assert platforms
    assert not any(source.enabled for source in platforms)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        (GOOD + 'addres = "x"', "source[a].addres"),
        (GOOD.replace('"feed"', '"rss"'), "source[a].kind"),
        (GOOD.replace("true", '"ya"'), "source[a].enabled"),
        (GOOD + "delay = true", "source[a].delay"),
        (GOOD + 'include = ["("]', "source[a].include"),
        (GOOD + GOOD, "source[a].id"),
        (GOOD + 'queries = ["x"]', "source[a].queries"),
        (POSTS.replace('queries = ["x"]', ""), "source[a].queries"),
        (POSTS.replace("false", "true"), "source[a].enabled"),
        (POSTS.replace('"public"', '"press"'), "source[a].voice"),
        (POSTS + 'key = "hunter2"', "source[a].key"),
        (POSTS + 'channels = ["UC1"]', "source[a].channels"),
        (POSTS + "limits = { units = 1 }", "source[a].limits"),
        (POSTS.replace("mastodon", "youtube") + 'limits = { units = "1" }', "source[a].limits"),
        (GOOD.replace("https:", "file:"), "source[a].address"),
        (GOOD.replace('basis = "uji"\n', ""), "source[a].basis"),
        (GOOD.replace('"feed"', '"listing"'), "source[a].link"),
        (GOOD + '[lain]\nx = 1', "lain"),
        ("[[source", "file"),
    ],
)  # fmt: skip
def test_a_wrong_declaration_is_named(tmp_path: Path, text: str, key: str) -> None:
    file = tmp_path / "sources.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(DeclarationError) as caught:
        load_sources(file)
    assert (caught.value.file, caught.value.key) == (file, key)


# -- privacy --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("WA 081234567890 ya", "WA [telepon] ya"),
        ("+62 812-3456-7890", "[telepon]"),
        ("telp (0721) 123456", "telp [telepon]"),
        ("NIK 1809 0101 0190 0001", "NIK [nik]"),
        ("NIK: 1809010101900001.", "NIK: [nik]."),
        ("ig @warga.desa_01!", "ig [akun]!"),
        ("surel a.b@desa.go.id, ya", "surel [email], ya"),
    ],
)
def test_what_reaches_a_person_is_masked(text: str, masked: str) -> None:
    assert mask(text) == masked


@pytest.mark.parametrize(
    "text",
    [
        "kampung Rp 15.000.000 dan Rp2.500.000,00",
        "24-05-2025 08.30, 2024/2025, 01.234 suara",
        "perolehan 128.715 suara (52,3 persen)",
        "1998 1999 2000 2001",
        "Pasal 187 ayat (1) UU 10/2016, nomor 400.10/123/2025",
        "koordinat -5.4567, 105.1234; https://contoh.id/2025/05/26/berita-0812345678",
    ],
)
def test_ordinary_numbers_stay(text: str) -> None:
    assert mask(text) == text


@given(st.text())
def test_masking_twice_changes_nothing(text: str) -> None:
    assert mask(mask(text)) == mask(text)


@given(st.lists(st.from_regex(r"[A-Za-z]{1,12}", fullmatch=True) | st.integers(0, 9_999_999).map(str), max_size=1))
def test_a_word_or_number_stays(words: list[str]) -> None:
    assert mask(" ".join(words)) == " ".join(words)


def test_author_hash_counts_a_week_and_names_nobody() -> None:
    day, salt = date(2025, 5, 24), b"rahasia"
    assert author_hash("Budi  Santoso", salt, day) == author_hash("budi santoso", salt, day)
    assert author_hash("Budi", salt, day) != author_hash("Budi", salt, date(2025, 5, 26))
    assert author_hash("Budi", b"", day) is None


# -- dates ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2025-05-26T08:30:00+07:00", "2025-05-26T01:30"),
        ("2025-05-26 08:30:00", "2025-05-26T01:30"),
        ("Mon, 26 May 2025 01:30:00 +0000", "2025-05-26T01:30"),
        ("Mon, 26 May 2025 08:30:00 WIB", "2025-05-26T01:30"),
        ("Senin, 26 Mei 2025 08:30 WIB", "2025-05-26T01:30"),
        ("Senin, 26 Mei 2025 pukul 08.30 WIB", "2025-05-26T01:30"),
        ("Jum'at, 30 Mei 2025 - 09:30 WITA", "2025-05-30T01:30"),
        ("26/05/2025 08:30", "2025-05-26T01:30"),
        ("3 Agustus 2024", "2024-08-02T17:00"),
        ("2099-01-01", None),
        ("kemarin pagi sekali entah", None),
        ("", None),
    ],
)
def test_dates_as_written(text: str, expected: str | None) -> None:
    found = parse_date(text, NOW, WIB)
    assert (found.strftime("%Y-%m-%dT%H:%M") if found else None) == expected


@given(st.text(max_size=60))
def test_any_text_is_a_date_or_none(text: str) -> None:
    found = parse_date(text, NOW, WIB)
    assert found is None or found <= NOW + timedelta(days=1)


# -- extraction and listings ----------------------------------------------------------------------


@settings(deadline=None)  # the first text pays for what the extraction loads
@given(
    st.text(max_size=300) | st.lists(st.sampled_from(["<p>", "</p>", "<div>", "<!--", "x", "&#0;", "<h1"])).map("".join)
)
def test_bad_html_gives_a_reason(page: str) -> None:
    assert extract(page, "https://contoh.id/a", NOW, WIB).reason in ("no_words", "too_short", "error_page")


def test_deep_html_is_survived() -> None:
    assert fragment_text("<div>" * 20_000 + "halo") in ("halo", "")


def test_teasers_and_bylines_go_and_words_stay() -> None:
    body = """<p>Warga kampung damai.</p><p>BACA JUGA: Lain</p><ul><li>Editor: Budi</li></ul>
    <p>Mereka membaca juga hasil rapat. (Baca juga: Judul)</p><div class="related-posts">Terkait</div>
    <h3>Berita Terkait</h3><p>Judul lain</p>"""
    assert fragment_text(body) == "Warga kampung damai.\nMereka membaca juga hasil rapat."


@pytest.mark.parametrize("read", [read_feed, read_sitemap, read_posts])
@given(page=st.text(max_size=200))
def test_any_answer_is_a_listing_or_named(read: object, page: str) -> None:
    arguments = (page, "https://contoh.id/", NOW, WIB) if read is read_feed else (page, NOW, WIB)
    try:
        entries = read(*arguments)  # type: ignore[operator]
    except ListingError:
        return  # any other exception would end the visit as a fault of ours
    assert not getattr(entries, "entries", entries)


@given(st.text())
def test_utf8_is_read_whatever_is_claimed(text: str) -> None:
    assert decode(text.encode("utf-8", "ignore"), "windows-1252") == text.removeprefix("\ufeff")


# -- spool and addresses --------------------------------------------------------------------------


def _document(number: int) -> RawDocument:
    return RawDocument("a", f"https://contoh.id/{number}", "Judul", f"Isi {number} " * 20, NOW)


@given(cut=st.integers(0, 700))
def test_a_torn_tail_keeps_what_came_before(cut: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("spool") / "a" / "x.jsonl.gz"
    ends = [0]
    with SpoolWriter(path) as writer:
        for number in range(4):
            writer.write(_document(number))
            ends.append(path.stat().st_size)
    path.write_bytes(path.read_bytes()[:cut])
    whole = sum(end <= cut for end in ends[1:])
    assert list(read_spool(path)) == [_document(number) for number in range(whole)]


def test_an_old_file_is_never_continued(tmp_path: Path) -> None:
    with SpoolWriter(tmp_path / "x.jsonl.gz") as writer:
        writer.write(_document(1))
    with pytest.raises(SpoolError, match="File exists"), SpoolWriter(tmp_path / "x.jsonl.gz") as second:
        second.write(_document(2))
    assert list(read_spool(tmp_path / "x.jsonl.gz")) == [_document(1)]


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("103.10.10.10", True),
        ("2001:4860:4860::8888", True),
        ("192.168.1.1", False),
        ("172.16.0.9", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("fe80::1%eth0", False),
        ("::ffff:10.0.0.1", False),
        ("64:ff9b::7f00:1", False),
        ("2002:7f00:1::", False),
    ],
)
def test_only_public_addresses_pass(address: str, public: bool) -> None:
    assert is_public(address) is public
