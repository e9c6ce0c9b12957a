"""Numbers, days and subjects as they are written in Bahasa Indonesia."""

from __future__ import annotations

from datetime import date

MONTHS = "Januari Februari Maret April Mei Juni Juli Agustus September Oktober November Desember".split()
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


def number(value: float | None, places: int = 2) -> str:
    """Return a number with a decimal comma; a dash where there is none.

    >>> number(0.314), number(None)
    ('0,31', '–')
    """
    return "–" if value is None or value != value else f"{value:.{places}f}".replace(".", ",")


def change(value: float) -> str:
    """Return a difference with its sign.

    >>> change(0.05), change(-0.2)
    ('+0,05', '−0,20')
    """
    return ("+" if value >= 0 else "−") + number(abs(value))


def day(value: date, weekday: bool = False) -> str:
    """Return a day in words.

    >>> day(date(2025, 5, 24), weekday=True)
    'Sabtu, 24 Mei 2025'
    """
    words = f"{value.day} {MONTHS[value.month - 1]} {value.year}"
    return f"{DAYS[value.weekday()]}, {words}" if weekday else words
