"""Numbers, days and subjects as they are written: in Bahasa Indonesia, numbers and days in English too."""

from __future__ import annotations

from datetime import date

MONTHS = {
    "id": "Januari Februari Maret April Mei Juni Juli Agustus September Oktober November Desember".split(),
    "en": "January February March April May June July August September October November December".split(),
}
DAYS = "Senin Selasa Rabu Kamis Jumat Sabtu Minggu".split()
STATUS = {"enough": "cukup data", "estimated": "diperkirakan", "no_data": "tidak ada data"}
VOICES = {"press": "pers", "official": "resmi", "public": "warga"}
THEMES = {
    "pemilu": "pemilu",
    "agraria": "lahan dan sumber air",
    "layanan": "layanan umum",
    "aparat": "kinerja aparat",
    "sara": "kerukunan",
    "kriminal": "keamanan",
    "pemuda": "pemuda",
    "lain": "lain-lain",
}
# What a visit may open a talk with: always a question to listen to, never a person and never enforcement.
TOPICS = {
    "pemilu": "Mendengar harapan warga dari semua pilihan; cara menyampaikan keberatan lewat jalur resmi.",
    "agraria": "Mengajak pihak yang berbatas lahan atau berbagi air duduk bersama; siapa yang dipercaya semua pihak?",
    "layanan": "Menanyakan layanan yang paling mendesak; meneruskannya kepada dinas dengan kabar balik kepada warga.",
    "aparat": "Mendengar kritik tanpa membela diri; menjelaskan apa yang sudah dan belum bisa dijawab.",
    "sara": "Bersilaturahmi dengan tokoh semua kelompok; kegiatan bersama apa yang bisa dihidupkan lagi?",
    "kriminal": "Menanyakan rasa aman warga dan menghidupkan ronda bersama; tidak menyebut atau menduga pelaku.",
    "pemuda": "Mengajak pemuda kedua pihak menentukan kegiatan bersama; mendengar apa yang memicu perselisihan.",
    "lain": "Mendengar apa yang sedang ramai dibicarakan warga.",
}


def number(value: float | None, places: int = 2, lang: str = "id") -> str:
    """Return a number with the language's decimal mark; a dash where there is none.

    >>> number(0.314), number(None), number(0.5, lang="en")
    ('0,31', '–', '0.50')
    """
    if value is None or value != value:
        return "–"
    text = f"{value:.{places}f}"
    return text if lang == "en" else text.replace(".", ",")


def signed(value: float, lang: str = "id") -> str:
    """Return a difference with its sign.

    >>> signed(0.05), signed(-0.2)
    ('+0,05', '−0,20')
    """
    return ("+" if value >= 0 else "−") + number(abs(value), lang=lang)


def percent(value: float | None) -> str:
    """Return a share in percent.

    >>> percent(0.9), percent(None)
    ('90 %', '–')
    """
    return "–" if value is None else f"{value * 100:.0f} %"


def day(value: date | str, lang: str = "id", weekday: bool = False) -> str:
    """Return a day in words.

    >>> day("2025-05-24", weekday=True), day(date(2025, 5, 24), "en")
    ('Sabtu, 24 Mei 2025', '24 May 2025')
    """
    value = date.fromisoformat(value) if isinstance(value, str) else value
    words = f"{value.day} {MONTHS[lang][value.month - 1]} {value.year}"
    return f"{DAYS[value.weekday()]}, {words}" if weekday else words
