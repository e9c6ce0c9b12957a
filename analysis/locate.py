"""Text -> Location: names matched, their context weighed, abstaining where it is not certain."""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import ahocorasick

from analysis.gazetteer import Gazetteer, Sense
from analysis.records import Candidate, Location, Mention, PlaceLevel

_IGNORED = frozenset("\u00ad\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\ufeff")
_DESA = r"(?:desa|ds|kampung|kp|pekon|kelurahan|kel|tiyuh|balai desa|kantor desa|kepala desa|kades)"
_KECAMATAN = r"(?:kecamatan|kec|camat)"
_KABUPATEN = r"(?:kabupaten|kab|kota)"
_TRIGGER = re.compile(rf"(?:(?P<desa>{_DESA})|(?P<kecamatan>{_KECAMATAN})|(?P<kabupaten>{_KABUPATEN}))\W{{0,2}}$")
_LIST = re.compile(rf"\b{_DESA}\b[^.;:!?()\n]{{0,80}}(?:,|\bdan\b|\bserta\b|&|/)\s*$")
_ROLES = (
    ("organisation", r"(?:polsek|koramil|polres|kodim|smp|smpn|sma|sman|smk|smkn|sd|sdn|mts|man|puskesmas|rsud|rs|pt|"
                     r"cv|stasiun|pasar|bank|koperasi|partai|paguyuban|persatuan|ikatan|kapolsek|danramil|kua)\s+(?:\w+\s+)?"),
    ("road", r"(?:jalan|jln|jl|jalan raya|jalur|ruas|simpang jalan|lintas|tol|gang|gg)\W{1,2}(?:raya\s+)?"),
    ("river", r"(?:sungai|kali|aliran|das)\s+"),
    ("ship", r"(?:kmp|km|kapal)\s+"),
    ("home", r"(?:warga|asal|penduduk|berdomisili di|tinggal di|beralamat di|alamat|kelahiran|putra|putri|pemuda asal|"
             r"berasal dari|dari)\s+(?:(?:desa|ds|kampung|pekon|kelurahan|dusun|kecamatan|kec)\.?\s+)?"),
    ("comparison", r"(?:seperti|sebagaimana|layaknya|mirip|bukan|tidak|dibanding|dibandingkan)\s+(?:\w+\s+)?"
                   r"(?:di\s+)?(?:(?:desa|ds|kecamatan|kec|kabupaten)\.?\s+)?"),
    ("hamlet", r"(?:dusun|dsn|dukuh|lingkungan|rt|rw)\W{1,2}(?:\d+\W+)?"),
    ("person", r"(?:bapak|pak|ibu|bu|sdr|saudara|haji|bernama|almarhum|ustaz|kyai|kiai)\W{1,2}"),
)  # fmt: skip
_OFFICE = re.compile(r"(?:polsek|kapolsek|koramil|danramil|kua|puskesmas)\s+$")
_CORRECTED = re.compile(
    r"(?:lokasi\w*|tkp\w*|kejadian\w*|peristiwa\w*|ternyata|sebenarnya|sebetulnya|masuk wilayah|melainkan)"
    r"\W+(?:\w+\W+){0,4}$"
)
_AND = re.compile(r"\W*(?:dan|serta|hingga)\W+(?:\w+\W+)?")
_ROLE_BEFORE = tuple((role, re.compile(rf"(?:^|\W)(?:{pattern})$")) for role, pattern in _ROLES)
_TEASER = re.compile(r"(?:baca juga|simak juga|lihat juga|berita terkait|artikel lain)\s*:?[^\n.]*", re.IGNORECASE)
_NEAR = 80  # characters within which a parent's name belongs to a place's name


@dataclass(slots=True, eq=False)
class _Hit:
    """One name found: its place in the plain text and in the original, its senses, its trigger and role."""

    start: int
    end: int
    span: tuple[int, int]
    field: str
    name: str
    raw: str
    senses: list[Sense]
    trigger: str = ""
    role: str = "event"
    capital: bool = False
    chosen: Sense | None = None
    rule: str = "not decided"
    confidence: float = 0.0


@dataclass(slots=True)
class _Field:
    """A text as it is matched: lower case, without invisible characters; `at` leads back to the original."""

    name: str
    original: str
    plain: str
    at: list[int]


class Locator:
    """Locate texts in one region; build it once, it holds no state between texts."""

    def __init__(self, gazetteer: Gazetteer) -> None:
        self.gazetteer = gazetteer
        self._automaton = ahocorasick.Automaton()
        for name, senses in gazetteer.senses.items():
            self._automaton.add_word(name, (name, senses))
        self._automaton.make_automaton()

    def locate(self, text: str, title: str = "", source_region: str | None = None) -> Location:
        """Locate one text with its title.

        Args: source_region: code of the region a source writes about; weak evidence.
        """
        fields = [_plain("title", title), _plain("text", text)]
        hits = [hit for field in fields for hit in self._hits(field)]
        if not hits:
            return Location(PlaceLevel.NONE, reason="no place of the region is named")
        plain = {field.name: field.plain for field in fields}
        for hit in hits:
            self._role(hit, plain[hit.field])
        return self._decide(hits, plain, source_region == self.gazetteer.code)

    # -- finding ----------------------------------------------------------------------------------

    def _hits(self, field: _Field) -> list[_Hit]:
        """Return the longest names that stand as whole words, outside teasers."""
        teasers = [match.span() for match in _TEASER.finditer(field.plain)]
        found = []
        for last, (name, senses) in self._automaton.iter(field.plain):
            start, end = last - len(name) + 1, last + 1
            whole = not _wordlike(field.plain, start - 1) and not _wordlike(field.plain, end)
            if whole and not any(a <= start < b for a, b in teasers):
                found.append((start, end, name, senses))
        found.sort(key=lambda f: (f[0], -(f[1] - f[0])))
        hits: list[_Hit] = []
        for start, end, name, senses in found:
            if not hits or start >= hits[-1].end:
                span = (field.at[start], field.at[end - 1] + 1)
                hit = _Hit(start, end, span, field.name, name, field.original[slice(*span)], senses)
                hit.capital = field.original[span[0]].isupper() or not any(c.isupper() for c in field.original)
                hits.append(hit)
        return hits

    def _role(self, hit: _Hit, plain: str) -> None:
        """Read the words before a name: what kind of place it says, and what part it plays."""
        before = plain[max(0, hit.start - 90) : hit.start]
        if match := _TRIGGER.search(before):
            hit.trigger = str(match.lastgroup)
            before_trigger = before[: match.start()]
        elif _LIST.search(before) and "kecamatan" not in _levels(hit):
            hit.trigger, before_trigger = "desa", ""
        else:
            before_trigger = before
        for role, pattern in _ROLE_BEFORE:
            if pattern.search(before) or (
                hit.trigger and role in ("home", "comparison") and pattern.search(before_trigger)
            ):
                hit.role = role
                return
        if hit.field == "text" and hit.start < 40 and re.match(r"[\s.]*(?:\([^)]{2,40}\)\s*)?[-–—]", plain[hit.end :]):
            hit.role = "dateline"

    # -- deciding ---------------------------------------------------------------------------------

    def _decide(self, hits: list[_Hit], plain: dict[str, str], own_source: bool) -> Location:
        home_names = {s.level for h in hits for s in h.senses if s.level == "kabupaten"}
        named = self._kecamatan_named(hits)
        competing = self._competing(hits)
        about = bool(home_names) or bool(named)
        for hit in hits:
            self._resolve(hit, hits, plain, about, named, bool(competing), own_source)
        events = [h for h in hits if h.chosen and h.role in ("event", "dateline", "implied")]
        if not any(h.chosen and h.chosen.level in ("desa", "landmark", "elsewhere_desa") for h in events):
            events += [h for h in hits if h.chosen and h.role == "home"]  # nothing says that it happened elsewhere
        desa = _unique(h.chosen.code for h in events if h.chosen and h.chosen.level in ("desa", "landmark"))
        implied_only = {h.chosen.code for h in events if h.chosen and h.chosen.level == "landmark"} - {
            h.chosen.code for h in events if h.chosen and h.chosen.level == "desa"
        }
        parents = [self.gazetteer.desa[code].kecamatan_code for code in desa]
        kecamatan = _unique([*parents, *(h.chosen.code for h in events if h.chosen and h.chosen.level == "kecamatan")])
        at_home = () if any(h.chosen and h.chosen.level.startswith("elsewhere") for h in events) else ("home",)
        region = any(
            h.chosen and h.chosen.level == "kabupaten" and h.role in ("event", "dateline", "organisation", *at_home)
            for h in hits
        )
        elsewhere = [h for h in events if h.chosen and h.chosen.level.startswith("elsewhere")]
        mentions = tuple(_mention(h) for h in hits)
        if desa or kecamatan:
            level = PlaceLevel.DESA if desa else PlaceLevel.KECAMATAN
            finest = [h.confidence for h in events if h.chosen and h.chosen.code in (desa or kecamatan)]
            reason = "; ".join(_unique(f"{h.name}: {h.rule}" for h in events if h.chosen and h.chosen.code))
            found = tuple(c for c in desa if c in implied_only)
            return Location(level, tuple(desa), found, tuple(kecamatan), True, mentions, reason, max(finest))
        if region and not self._outweighed(elsewhere, hits, plain):
            return Location(PlaceLevel.KABUPATEN, (), (), (), True, mentions, "the region is named", 0.9)
        if elsewhere:
            return Location(PlaceLevel.ELSEWHERE, mentions=mentions, reason="another place is named", confidence=0.8)
        return Location(PlaceLevel.NONE, mentions=mentions, reason="no name is certain", confidence=0.5)

    def _outweighed(self, elsewhere: Sequence[_Hit], hits: Sequence[_Hit], plain: dict[str, str]) -> bool:
        """Tell whether the region is only named beside an event somewhere else."""
        region = [h for h in hits if "kabupaten" in _levels(h)]
        if any(_CORRECTED.search(plain[h.field][max(0, h.start - 70) : h.start]) for h in elsewhere):
            return True
        together = any(
            a.field == b.field and _AND.fullmatch(plain[a.field][a.end : b.start])
            for a, b in itertools.pairwise(hits)
            if {a, b} & set(elsewhere) and {a, b} & set(region)
        )
        return bool(elsewhere) and not together and _first(elsewhere) < _first(region)

    def _kecamatan_named(self, hits: Sequence[_Hit]) -> set[str]:
        """Return the region's kecamatan that are named as such, or by a name that is nothing else."""
        return {
            s.code
            for h in hits
            for s in h.senses
            if s.level == "kecamatan"
            and (h.trigger == "kecamatan" or ("desa" not in _levels(h) and h.capital and h.trigger != "desa"))
        }

    def _competing(self, hits: Sequence[_Hit]) -> list[_Hit]:
        """Return the names of other kabupaten and of their kecamatan said as such."""
        return [
            h for h in hits
            if "elsewhere_kabupaten" in _levels(h)
            or ("elsewhere_kecamatan" in _levels(h) and h.trigger == "kecamatan" and "kecamatan" not in _levels(h))
        ]  # fmt: skip

    def _resolve(
        self, hit: _Hit, hits: Sequence[_Hit], plain: dict[str, str], about: bool, named: set[str], competing: bool,
        own_source: bool,
    ) -> None:  # fmt: skip
        """Choose what one name means, with the rule that decided, or leave it open."""
        levels = _levels(hit)
        if "kabupaten" in levels:
            self._choose(hit, "kabupaten", "name of the region", 0.95)
            return
        parent = self._parent_after(hit, hits, plain)
        if parent and parent.startswith("elsewhere"):
            self._choose_elsewhere(hit, "another kabupaten or kecamatan follows the name")
            return
        if "elsewhere_kabupaten" in levels:
            self._choose_elsewhere(hit, "name of another kabupaten")
            return
        desa = [s for s in hit.senses if s.level == "desa"]
        if hit.trigger == "kecamatan" or ("kecamatan" in levels and hit.trigger != "desa" and hit.capital):
            if "kecamatan" in levels and not (competing and not about):
                self._choose(hit, "kecamatan", "said to be a kecamatan" if hit.trigger else "name of a kecamatan", 0.9)
            elif "elsewhere_kecamatan" in levels:
                self._choose_elsewhere(hit, "kecamatan of another kabupaten")
            return
        if desa:
            self._resolve_desa(hit, desa, parent, about, named, competing, own_source)
            return
        if "landmark" in levels and (about or not competing):
            self._choose(hit, "landmark", "landmark of a desa", 0.8)
            hit.role = "implied" if hit.role == "event" else hit.role
            return
        if hit.trigger or "elsewhere_kecamatan" in levels:
            self._choose_elsewhere(hit, "place outside the region")

    def _resolve_desa(
        self, hit: _Hit, desa: list[Sense], parent: str, about: bool, named: set[str], competing: bool, own: bool
    ) -> None:  # fmt: skip
        fitting = [s for s in desa if s.parent == parent] if parent else [s for s in desa if s.parent in named]
        common = any(level.startswith("elsewhere") for level in _levels(hit)) or hit.name in self.gazetteer.namesakes
        if len(fitting) == 1:
            if hit.trigger or (hit.capital and hit.name not in self.gazetteer.risky):
                hit.chosen, hit.rule, hit.confidence = fitting[0], "its kecamatan is named", 0.97 if parent else 0.9
            return
        if len(desa) > 1:
            hit.rule = "shared by several desa and no kecamatan decides"
            return
        if competing and not about:
            self._choose_elsewhere(hit, "the text speaks of another kabupaten")
            return
        if not hit.trigger and (hit.name in self.gazetteer.risky or not hit.capital):
            hit.rule = "a common word without desa before it"
            return
        if about or own:
            hit.chosen, hit.rule, hit.confidence = desa[0], "the text speaks of the region", 0.9 if hit.trigger else 0.8
        elif not common and not competing:
            hit.chosen, hit.rule, hit.confidence = desa[0], "no other place has this name", 0.85 if hit.trigger else 0.7
        else:
            hit.rule = "has namesakes elsewhere and nothing speaks of the region"

    def _parent_after(self, hit: _Hit, hits: Sequence[_Hit], plain: dict[str, str]) -> str:
        """Return the kecamatan said right after a name (or before a list of names), or "elsewhere"."""
        for other in hits:
            if other.field != hit.field or other is hit or other.start < hit.end or other.start - hit.end > _NEAR:
                continue
            between = plain[hit.field][hit.end : other.start]
            if re.search(r"[.!?;\n]\s", between):
                break
            levels = _levels(other)
            if other.trigger == "kecamatan" or (
                other.start - hit.end <= 3 and "kecamatan" in levels and other.trigger != "desa"
            ):
                own = [s.code for s in other.senses if s.level == "kecamatan"]
                return own[0] if own else "elsewhere_kecamatan"
            if "elsewhere_kabupaten" in levels and (other.trigger == "kabupaten" or other.start - hit.end <= 30):
                return "elsewhere_kabupaten"
            if other.trigger == "desa" and ("desa" in levels):
                continue
        return ""

    @staticmethod
    def _choose(hit: _Hit, level: str, rule: str, confidence: float) -> None:
        hit.chosen = next(s for s in hit.senses if s.level == level)
        hit.rule, hit.confidence = rule, confidence

    @staticmethod
    def _choose_elsewhere(hit: _Hit, rule: str) -> None:
        other = next((s for s in hit.senses if s.level.startswith("elsewhere")), None)
        hit.chosen = other or Sense("elsewhere_desa", "", hit.name)
        hit.rule, hit.confidence = rule, 0.8


def _plain(name: str, text: str) -> _Field:
    """Lower the case, drop invisible characters, turn white space and hyphens into spaces; keep the way back."""
    characters: list[str] = []
    at: list[int] = []
    for position, character in enumerate(text):
        if character in _IGNORED:
            continue
        folded = unicodedata.normalize("NFKC", character).casefold()
        if character.isspace():
            if characters and characters[-1] == " ":
                continue
            folded = "\n" if character == "\n" else " "
        for one in folded:
            characters.append(one)
            at.append(position)
    return _Field(name, text, "".join(characters), at)


def _wordlike(text: str, position: int) -> bool:
    return 0 <= position < len(text) and (text[position].isalnum() or text[position] == "_")


def _levels(hit: _Hit) -> set[str]:
    return {sense.level for sense in hit.senses}


def _first(hits: Sequence[_Hit]) -> tuple[bool, int]:
    return min(((hit.field != "title", hit.start) for hit in hits), default=(True, 1 << 60))


def _unique(values: object) -> list[str]:
    return list(dict.fromkeys(values))  # type: ignore[call-overload]


_PLACE_LEVEL = {"desa": PlaceLevel.DESA, "landmark": PlaceLevel.DESA, "kecamatan": PlaceLevel.KECAMATAN,
                "kabupaten": PlaceLevel.KABUPATEN}  # fmt: skip


def _mention(hit: _Hit) -> Mention:
    weights = {id(s): (hit.confidence if s is hit.chosen else 0.0) for s in hit.senses}
    candidates = tuple(
        Candidate(s.code, s.name if not s.kabupaten else f"{s.name}, {s.kabupaten}",
                  _PLACE_LEVEL.get(s.level, PlaceLevel.ELSEWHERE), weights[id(s)])
        for s in hit.senses
    )  # fmt: skip
    code = hit.chosen.code or None if hit.chosen else None
    return Mention(hit.raw, *hit.span, hit.field, candidates, code, hit.rule, hit.role)
