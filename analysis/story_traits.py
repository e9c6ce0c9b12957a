"""What a rewriting keeps of a release: rare words, names, numbers, quotes, dates, offices and places of a text."""

from __future__ import annotations

import csv
import json
import math
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path

from analysis.denials import denies
from analysis.records import Location, PlaceLevel

LEAST_WORD, LEAST_STEM = 3, 3  # letters; shorter ones say nothing
LEAST_QUOTE = 8  # characters
MOST_STEMS = 400  # rarest ones of a text that are compared; a report of 2,000 words is no rewritten release
PLACE, PLACE_RARITY = "@", 4.0  # mark of a stem that names a place, and how rare it counts, whatever the table says
ROUND = (2000, 2030)  # numbers within are years
_TOKEN = re.compile(r"\d+(?:[.,/:]\d+)*|[^\W\d_]+|[.!?\n]+")
_QUOTE = re.compile(rf'["“]([^"“”]{{{LEAST_QUOTE},}})["”]')
_SENTENCE = re.compile(r'(?<=[.!?])["”]?\s+')
_WORD = re.compile(r"[^\W\d_]+")
_THOUSANDS = re.compile(r"\d{1,3}(?:\.\d{3})+(?:,\d+)?")
_PREFIXES = "meng meny mem men peng peny pem pen ber ter per me di pe se ke be te".split()
_SUFFIXES = "nya kan lah kah an i mu ku".split()
_UNITS = {w: n for n, w in enumerate("nol satu dua tiga empat lima enam tujuh delapan sembilan".split())}
_TEENS = {"sepuluh": 10, "sebelas": 11, "seratus": 100, "seribu": 1000}
_SPELLED = _UNITS.keys() | _TEENS.keys()
_SCALES = {"ribu": 1e3, "rb": 1e3, "juta": 1e6, "jt": 1e6, "miliar": 1e9, "triliun": 1e12}
_TENS = {"puluh": 10, "ratus": 100}
_MONTHS = "januari februari maret april mei juni juli agustus september oktober november desember".split()
_COMMON = frozenset(
    """yang dan di ke dari untuk pada dengan dalam ini itu adalah akan telah sudah tidak tak bukan oleh sebagai
    juga atau karena saat ada para tersebut bisa dapat harus agar supaya lebih hanya masih saja lagi bahwa
    kata ujar katanya ujarnya menurut mengatakan menyebut menyampaikan menjelaskan menuturkan serta hingga
    sampai secara setelah sebelum sejak kini kemarin hari pagi siang sore malam wib pukul jam warga desa
    kecamatan kabupaten kab kec puluh ratus ribu juta belas ia dia mereka kami kita saya orang seorang salah
    antara sekitar seperti menjadi merupakan namun tetapi tapi sementara selain sebelumnya kalau jika bila
    usai jelang menjelang guna demi maupun yakni yaitu sebuah beberapa sejumlah semua setiap tiap masing
    pihak lalu kemudian ketika sewaktu sambil melalui lewat terhadap tentang soal terkait atas bagi belum
    sangat paling sekali cukup pula baru lain masa lokasi""".split()
) | frozenset(_UNITS)
_NO_NAME = frozenset(
    """senin selasa rabu kamis jumat sabtu minggu desa kecamatan kabupaten kepala kapolres kapolsek kasat
    bupati camat ketua dinas polres polsek wib iptu ipda akp akbp kompol aipda aiptu bripka bripda kades
    kadis sekda wakil polisi warga ia menurut kini kata rp drh haji bu pak mbah pemerintah pemkab badan
    kantor sekolah sma smp sd smk rt rw ktp kk indonesia provinsi lampung""".split()
) | frozenset(_MONTHS)
_OFFICES = {  # how an office and who holds it are written -> the office
    **dict.fromkeys("polres mapolres kapolres wakapolres satlantas satresnarkoba satreskrim".split(), "polres"),
    **dict.fromkeys("polsek mapolsek kapolsek".split(), "polsek"),
    **dict.fromkeys("bupati wabup pemkab sekda".split(), "pemkab"),
    **dict.fromkeys("kodim dandim koramil danramil babinsa".split(), "kodim"),
    **dict.fromkeys("puskesmas dinkes".split(), "kesehatan"),
    **dict.fromkeys("kejari kejaksaan jaksa kajari".split(), "kejaksaan"),
    **{w: w for w in "kpu bawaslu bpbd disperindag dishub dprd pln pmi bhabinkamtibmas basarnas damkar camat".split()},
}


@dataclass(frozen=True, slots=True)
class Traits:
    """What is compared of one text. Words are stems, each with a form in which it was written."""

    published: datetime
    words: Mapping[str, str]  # stem -> as written
    lead: tuple[frozenset[str], ...]  # stems of the title and the first sentence
    quotes: tuple[frozenset[str], ...]  # stems of what stands between quotation marks
    names: frozenset[str]  # capitalised within a sentence, lower case
    numbers: frozenset[float]  # values of 4 and more, written in digits or words; no years
    dates: frozenset[str]  # full dates, ISO
    offices: frozenset[str]
    desa: frozenset[str]  # codes where its matter takes place
    elsewhere: frozenset[str]  # places outside the region
    denies: bool  # says that something told before is not so
    square: float  # summed squared rarity of its words, the square of its length as a vector

    def to_json(self) -> str:
        """Return the traits as they are stored."""
        plain = {name: _plain(getattr(self, name)) for name in self.__slots__}
        return json.dumps(plain, ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def from_json(cls, stored: str) -> Traits:
        """Read what `to_json` wrote."""
        plain = json.loads(stored)
        for name in ("lead", "quotes"):
            plain[name] = tuple(map(frozenset, plain[name]))
        for name in ("names", "numbers", "dates", "offices", "desa", "elsewhere"):
            plain[name] = frozenset(plain[name])
        return cls(**plain | {"published": datetime.fromisoformat(plain["published"])})


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, tuple):
        return [sorted(part) for part in value]
    return sorted(value) if isinstance(value, frozenset) else value


class Rarity(dict[str, float]):
    """How rare each stem is: inverse document frequency, from a table of texts of the field.

    A stem that the table lacks counts as held by one text.
    Source: Spärck Jones 1972, idf = ln((N + 1) / (n + 0.5)).
    """

    def __init__(self, texts: int, counts: Mapping[str, int]) -> None:
        super().__init__({word: math.log((texts + 1) / (count + 0.5)) for word, count in counts.items()})
        self._unknown = math.log((texts + 1) / 1.5)

    def __missing__(self, word: str) -> float:
        self[word] = PLACE_RARITY if word.startswith(PLACE) else self._unknown
        return self[word]

    @classmethod
    def load(cls, file: Path) -> Rarity:
        """Read a table of (stem, texts that hold it); its first row is the number of texts."""
        with file.open(encoding="utf-8", newline="") as handle:
            rows = [(row[0], int(row[1])) for row in csv.reader(handle)]
        return cls(rows[0][1], dict(rows[1:]))

    def weight(self, words: Iterable[str]) -> float:
        """Return the summed rarity of stems."""
        return sum(map(self.__getitem__, words))


def stem(word: str) -> str:
    """Return a lower-case Indonesian word without its affixes, crudely: two forms of one word become equal.

    The first letter that a nasal prefix swallows (k, p, t, s) is left out everywhere.

    >>> stem("menyambut") == stem("disambut") == stem("sambutan")
    True
    >>> stem("pengiriman") == stem("dikirimkan")
    True
    """
    for _ in range(2):
        for suffix in _SUFFIXES:
            if word.endswith(suffix) and len(word) - len(suffix) >= LEAST_STEM + 1:
                word = word[: -len(suffix)]
                break
    for _ in range(2):
        for prefix in _PREFIXES:
            if word.startswith(prefix) and len(word) - len(prefix) >= LEAST_STEM:
                word = word[len(prefix) :]
                break
    swallowed = len(word) > LEAST_STEM and word[0] in "kpts" and word[1] in "aiueo"
    return word[1:] if swallowed else word


def read_traits(title: str, text: str, published: datetime, location: Location, rarity: Rarity) -> Traits:
    """Read a text's traits.

    Words of the names of places are marked and weigh little: two matters of one village share them too.

    Args: location: where its matter takes place, as the locator tells it.
    """
    tokens = _TOKEN.findall(text)
    lower = [token.lower() for token in tokens]
    heading = [word.lower() for word in _WORD.findall(title)]
    placed = {word for mention in location.mentions for word in _WORD.findall(mention.span.lower())}
    words = {s if word not in placed else PLACE + s: word for word in [*heading, *lower] if (s := _content(word))}
    if len(words) > MOST_STEMS:
        words = {s: words[s] for s in sorted(words, key=lambda s: (-rarity[s], s))[:MOST_STEMS]}
    first = _SENTENCE.split(text, maxsplit=1)[0]
    numbers = {round(value, 3) for value in _numbers([*map(str.lower, _TOKEN.findall(title)), *lower])}
    return Traits(
        published,
        words,
        tuple(filter(None, (_stems(title, placed), _stems(first, placed)))),
        tuple(found for quote in _QUOTE.findall(f"{title}. {text}") if len(found := _stems(quote, placed)) > 1),
        frozenset(_names(tokens, lower)) - placed,
        frozenset(value for value in numbers if value >= 4 and not ROUND[0] <= value <= ROUND[1]),
        frozenset(_dates(lower, published)),
        frozenset(_OFFICES[word] for word in [*heading, *lower] if word in _OFFICES),
        frozenset(location.desa),
        frozenset(_elsewhere(location)),
        denies(title, first),
        sum(rarity[word] ** 2 for word in words),
    )


@lru_cache(maxsize=1 << 16)
def _content(word: str) -> str:
    """Return the stem of a word that says something, else nothing."""
    if len(word) < LEAST_WORD or word in _COMMON or not word.isalpha():
        return ""
    found = stem(word)
    return found if len(found) >= LEAST_STEM else ""


def _stems(text: str, placed: Collection[str] = ()) -> frozenset[str]:
    words = ((word, _content(word)) for word in _WORD.findall(text.lower()))
    return frozenset(PLACE + s if word in placed else s for word, s in words if s)


def _names(tokens: list[str], lower: list[str]) -> Iterator[str]:
    """Yield words that are capitalised within a sentence, and initials such as RD."""
    inside = False
    for token, plain in zip(tokens, lower, strict=True):
        capital = token[0].isupper()
        if capital and len(token) > 1 and plain not in _NO_NAME and (inside or (len(token) == 2 and token.isupper())):
            yield plain
        inside = token[0].isalnum()


def _numbers(tokens: list[str]) -> Iterator[float]:
    """Yield the values of numbers in digits or words: "Rp95 ribu", "sembilan puluh lima ribu", "1.200"."""
    past = 0
    for at, token in enumerate(tokens):
        if at < past:
            continue
        if token in _SPELLED:
            past, value = _spelled(tokens, at)
            yield value
        elif token[0].isdigit() and (found := _digits(token)) is not None:
            past = at + 1
            while past < len(tokens) and tokens[past] in _SCALES:
                found *= _SCALES[tokens[past]]
                past += 1
            yield found


def _digits(token: str) -> float | None:
    if "/" in token or ":" in token:
        return None
    plain = token.replace(".", "").replace(",", ".") if _THOUSANDS.fullmatch(token) else token.replace(",", ".")
    try:
        return float(plain)
    except ValueError:
        return None


def _spelled(tokens: list[str], at: int) -> tuple[int, float]:
    """Read a number in words from a place on; return the place after it and its value."""
    total = part = 0.0
    while at < len(tokens):
        word, following = tokens[at], tokens[at + 1] if at + 1 < len(tokens) else ""
        if word in _UNITS and following in (*_TENS, "belas"):
            part += 10 + _UNITS[word] if following == "belas" else _UNITS[word] * _TENS[following]
            at += 1
        elif word in _UNITS or word in _TEENS:
            part += _UNITS.get(word, _TEENS.get(word, 0))
        elif word in _SCALES:
            total, part = total + (part or 1) * _SCALES[word], 0.0
        else:
            break
        at += 1
    return at, total + part


def _dates(tokens: list[str], published: datetime) -> Iterator[str]:
    """Yield full dates: 3/6/2025, 3/6 (of the year of publication), 3 Juni."""
    for at, token in enumerate(tokens):
        if not token[0].isdigit():
            continue
        parts = token.split("/")
        following = tokens[at + 1] if at + 1 < len(tokens) else ""
        if following in _MONTHS and token.isdigit():
            parts = [token, str(_MONTHS.index(following) + 1)]
        if len(parts) in (2, 3) and all(part.isdigit() for part in parts):
            year = int(parts[2]) if len(parts) == 3 else published.year
            try:
                yield date(year + 2000 * (year < 100), int(parts[1]), int(parts[0])).isoformat()
            except ValueError:
                continue


def _elsewhere(location: Location) -> Iterator[str]:
    for mention in location.mentions:
        if mention.role not in ("comparison", "teaser", "home"):
            yield from (c.name.lower() for c in mention.candidates if c.level is PlaceLevel.ELSEWHERE)


def count_words(texts: Collection[str], least: int = 3) -> list[tuple[str, int]]:
    """Count in how many texts each stem stands: the rows of a `Rarity` table, those below `least` left out."""
    counts: dict[str, int] = {}
    for text in texts:
        for word in _stems(text):
            counts[word] = counts.get(word, 0) + 1
    return [("", len(texts)), *sorted((w, n) for w, n in counts.items() if n >= least)]
