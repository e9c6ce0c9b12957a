"""Cleaning keeps what a reader sees and never fails."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.text import (
    MAX_TEXT,
    canonical_url,
    clean_text,
    content_hash,
    document_id,
    known_date,
    language,
    words,
)

FETCHED = datetime(2025, 5, 26, 1, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("kampung dan ampas", "kampung dan ampas"),  # "amp" inside words stays
        ("A &amp; B &#8220;x&#8221;", "A & B “x”"),
        ("satu\r\ndua\r\n\r\n\r\ntiga", "satu\ndua\ntiga"),
        ("\ufeffde\u00adsa \u202edan\u202c", "desa dan"),
        ("nol\x00bita", "nol bita"),
        ("   \n \t ", ""),
        ("Jum’at – “aman”", "Jum’at – “aman”"),
    ],
)
def test_clean_text(raw: str, clean: str) -> None:
    assert clean_text(raw) == clean


@given(st.text(max_size=400))
def test_cleaning_is_idempotent_and_keeps_words(text: str) -> None:
    once = clean_text(text)
    if "&" not in text:
        assert clean_text(once) == once
    assert len(once) <= len(text) * 3 + 1
    assert "\u200b" not in once


def test_a_text_too_long_is_cut_not_refused() -> None:
    assert len(clean_text("a" * (MAX_TEXT * 2))) == MAX_TEXT


@pytest.mark.parametrize(
    ("text", "lang"),
    [
        ("Warga Desa Bagelen bergotong royong memperbaiki saluran air sejak pagi hari.", "id"),
        ("Wong-wong padha kumpul ana ing bale desa arep rembugan bab banyu sawah, mugi-mugi lancar kabeh.", "jv"),
        (
            "Abdi sareng réréncangan badé ngiring kerja bakti di lembur énjing-énjing, hayu atuh sasarengan.",
            "su",
        ),
        ("", "und"),
        ("12345 !!!", "und"),
        ("👍👍🔥", "und"),
    ],
)
def test_language(text: str, lang: str) -> None:
    assert language(text) == lang


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("https://kabar.example/a?utm_source=x", "https://kabar.example/a"),
        ("https://kabar.example/a#komentar", "https://kabar.example/a"),
        ("HTTPS://KABAR.example/a", "https://kabar.example/a"),
        ("https://kabar.example:443/a", "https://kabar.example/a"),
    ],
)
def test_one_page_has_one_id(a: str, b: str) -> None:
    assert document_id(a) == document_id(b)


def test_different_pages_have_different_ids() -> None:
    assert document_id("https://kabar.example/?p=1") != document_id("https://kabar.example/?p=2")
    assert content_hash("a", "b") != content_hash("ab", "")


@given(st.text(max_size=80))
def test_any_address_is_taken(url: str) -> None:
    assert isinstance(canonical_url(url), str)
    assert isinstance(canonical_url("https://" + url), str)


@given(st.text(max_size=200))
def test_words_and_language_never_fail(text: str) -> None:
    assert all(word == word.casefold() for word in words(text))
    assert language(text)


@pytest.mark.parametrize(
    ("published", "known"),
    [
        (FETCHED - timedelta(hours=3), True),
        (FETCHED + timedelta(hours=20), True),  # a site's clock runs ahead
        (FETCHED + timedelta(days=3), False),
        (datetime(1970, 1, 1, tzinfo=UTC), False),
        (None, False),
    ],
)
def test_an_impossible_date_is_unknown(published: datetime | None, known: bool) -> None:
    assert known_date(published, FETCHED) == (published if known else None)
