"""The brief as a page, as a text for WhatsApp, and as a PDF."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from functools import cache
from html import unescape
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from analysis.alerts_sources import DRIFTS
from analysis.errors import MonitorError, StorageError
from pipelines.brief import Brief, DesaLine, Estimate
from pipelines.brief_pictures import picture, spark
from pipelines.config import Settings
from pipelines.ledger import STATE_WORDS
from pipelines.source_health import STATES
from pipelines.store import Row
from pipelines.wording import STATUS, THEMES, day, number, signed

LONGEST_TEXT = 2500  # characters of a message that is still read on a phone


def headline(brief: Brief) -> str:
    """Return the sentence that answers first: how tense, how sure, and whether it changed."""
    whole = brief.whole
    if whole.tension is None:
        return f"Tidak ada data tentang {brief.region} untuk hari ini. Sepi bukan berarti tenang."
    words = f"Ketegangan {brief.region} {number(whole.tension)} ({number(whole.low)}–{number(whole.high)})"
    if whole.rise is not None:
        turn = "naik" if whole.rise >= 0.03 else "turun" if whole.rise <= -0.03 else "tidak banyak berubah"
        words += f", {turn} dari {number(whole.before)} sepekan lalu"
    told = [line.name for part in brief.parts for line in part.lines if (line.estimate.rise or 0) >= 0.05][:3]
    return words + (f". Yang naik: {', '.join(told)}." if told else ".")


def known(brief: Brief) -> str:
    """Return how much the day's figures rest on."""
    return (
        f"{brief.stories} laporan dalam 7 hari; {100 * brief.coverage:.0f} % sumber terbaca; selang dalam kurung: 90 %."
    )


def unknown(brief: Brief) -> list[str]:
    """Return what the day's figures cannot say."""
    lines = ["Apakah laporan sudah dicek di lapangan."]
    silent = [name for part in brief.parts for name in part.silent]
    if silent:
        lines.append(f"Tidak ada data dari {len(silent)} desa; sepi bukan berarti tenang.")
    if brief.sources:
        names = ", ".join(f"{row['name']} ({_trouble(row)})" for row in brief.sources[:6])
        more = len(brief.sources) - 6
        lines.append(f"Sumber yang tidak terbaca: {names}{f', dan {more} lagi' if more > 0 else ''}.")
    if brief.coverage < 0.95:
        lines.append(f"{100 * (1 - brief.coverage):.0f} % sumber tidak bisa dibaca untuk hari ini.")
    if brief.official_gap is not None:
        turn = "lebih tenang" if brief.official_gap < 0 else "lebih tegang"
        lines.append(f"Sumber resmi terdengar {turn} daripada pers (selisih {number(abs(brief.official_gap))}).")
    return lines


def _trouble(row: Row) -> str:
    """Return what is wrong with a source and for how long: "diam sejak 2 hari"."""
    if row["state"] not in STATES:
        return f"{100 * row['drift'][0]['share']:.0f} % {DRIFTS[row['drift'][0]['kind']]}"
    hours = row["since_hours"]
    if hours is None:
        return STATES[row["state"]]
    return f"{STATES[row['state']]} sejak {f'{hours / 24:.0f} hari' if hours >= 48 else f'{hours:.0f} jam'}"


def place(estimate: Estimate) -> str:
    """Return an estimate in words: how high, how sure, and its change.

    >>> place(Estimate("no_data", None, None, None, None))
    'tidak ada data'
    """
    if estimate.tension is None:
        return STATUS["no_data"]
    moved = "" if estimate.rise is None or abs(estimate.rise) < 0.03 else f", {signed(estimate.rise)} sepekan"
    return (
        f"{number(estimate.tension)} ({number(estimate.low)}–{number(estimate.high)}{moved}; {STATUS[estimate.status]})"
    )


def write_brief(settings: Settings, brief: Brief, folder: Path, form: str = "all") -> list[Path]:
    """Write the brief as files, whole or not at all; return them.

    Args: form: html, pdf, text or all.
    Raises: StorageError, MonitorError (no PDF library).
    """
    makers: dict[str, Callable[[Settings, Brief], str | bytes]] = {
        "html": to_html,
        "pdf": to_pdf,
        "text": lambda _, each: to_text(each),
    }
    content = {name: make(settings, brief) for name, make in makers.items() if form in (name, "all")}
    files = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, made in content.items():
            target = folder / f"laporan-{brief.day}.{'txt' if name == 'text' else name}"
            part = target.with_suffix(".part")
            part.write_bytes(made if isinstance(made, bytes) else made.encode())
            files.append(part.replace(target))
    except OSError as error:
        raise StorageError(f"cannot write to {folder}: {error.strerror or error}; choose another --out") from error
    return files


# -- HTML -----------------------------------------------------------------------------------------


def to_html(settings: Settings, brief: Brief, body_only: bool = False) -> str:
    """Return the brief as a page of its own, or only its body for a page around it."""
    template = _environment().get_template("brief_body.html.j2" if body_only else "brief.html.j2")
    return template.render(
        b=brief, headline=headline(brief), known=known(brief), unknown=unknown(brief), state=STATE_WORDS,
        map=Markup(picture(settings, brief)), trend=Markup(spark(brief.trend)), time=_time(brief, settings.timezone),  # noqa: S704 (drawn here, names escaped)
    )  # fmt: skip


@cache
def _environment() -> Environment:
    folder = Path(__file__).parent / "templates"
    environment = Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {"day": day, "place": place}
    environment.filters |= {"theme": THEMES.__getitem__, "web": web_address}
    return environment


def _time(brief: Brief, zone: ZoneInfo) -> str:
    local = brief.as_of.astimezone(zone)
    return f"{day(local.date())} pukul {local:%H.%M}"


def web_address(address: str) -> str:
    """Return a web address, "#" for anything else: nothing that a browser would run.

    >>> web_address("javascript:alert(1)"), web_address("https://a.example/x")
    ('#', 'https://a.example/x')
    """
    return address if re.match(r"https?://[^\s\"'<>]+$", address) else "#"


# -- WhatsApp -------------------------------------------------------------------------------------


def to_text(brief: Brief) -> str:
    """Return the brief as a message for WhatsApp: bold by asterisks, at most 2,500 characters, the gravest first."""
    head = [f"*Laporan harian {brief.region}*", day(brief.day, weekday=True), "", plain(headline(brief)), known(brief)]
    tail = ["", "*Yang tidak diketahui*", *(f"- {plain(line)}" for line in unknown(brief))]
    if brief.topics:
        tail = ["", "*Bahan dialog*", *(f"- {theme}: {words}" for theme, words in brief.topics), *tail]
    middle: list[str] = []
    if brief.alerts or brief.waiting:
        middle += ["", "*Peringatan*"]
        middle += [f"- {plain(a['place'])} ({a['tier']}): {plain(a['words'])}" for a in brief.alerts]
        middle += [f"- {brief.waiting} menunggu tinjauan"] if brief.waiting else []
    for part in brief.parts:
        middle += ["", f"*{plain(part.name)}* {place(part.estimate)}"]
        middle += [_line(line) for line in part.lines]
    if not brief.parts:
        middle += ["", "Tidak ada perubahan yang jelas. Itu bukan bukti bahwa keadaan tenang."]
    room = LONGEST_TEXT - len("\n".join(head + tail)) - 40
    kept: list[str] = []
    for line in middle:
        if len("\n".join([*kept, line])) > room:
            kept += ["", "(selengkapnya di halaman laporan)"]
            break
        kept.append(line)
    return "\n".join(head + kept + tail)


def _line(line: DesaLine) -> str:
    parts = [f"- {plain(line.name)}: {place(line.estimate)}, {line.stories} laporan"]
    if line.single:
        parts.append("satu laporan, belum dikuatkan")
    if line.themes:
        parts.append("tentang " + ", ".join(THEMES[theme] for theme in line.themes))
    return ", ".join(parts) + "".join(
        f"\n  {plain(report.title)} ({plain(report.source)})" for report in line.reports[:1]
    )


def plain(text: str) -> str:
    """Return a text in one line, without the signs that WhatsApp would format by.

    >>> plain("a *tebal*\\n_miring_")
    'a tebal miring'
    """
    return re.sub(r"[*_~`]", "", " ".join(text.split()))


# -- PDF ------------------------------------------------------------------------------------------


def to_pdf(settings: Settings, brief: Brief) -> bytes:
    """Return the brief as an A4 page, a second one where the day was long.

    Raises: MonitorError where the PDF library is not installed.
    """
    try:
        from fpdf import FPDF
    except ImportError as error:
        raise MonitorError("PDF memerlukan pustaka fpdf2: `pip install sejuk[pdf]`; HTML tetap bisa dicetak") from error
    pdf = FPDF(format="A4")
    pdf.core_fonts_encoding = "cp1252"
    pdf.set_creation_date(brief.as_of)
    pdf.set_title(latin(f"Laporan harian {brief.region}, {day(brief.day)}"))
    pdf.set_lang("id")
    pdf.set_auto_page_break(True, 12)
    pdf.set_margins(14, 12)
    pdf.add_page()
    say = _writer(pdf)
    say(f"Laporan harian Cooling System, {brief.region}", 9)
    say(day(brief.day, weekday=True), 16, "B")
    say(headline(brief), 11)
    say(known(brief), 9)
    top = pdf.get_y() + 2
    _draw(pdf, picture(settings, brief), 14, top, 96, 74)
    _draw(pdf, spark(brief.trend), 116, top, 80, 30)
    pdf.set_xy(116, top + 34)
    pdf.set_font("Helvetica", "", 8)
    legend = "Peta: pucat diperkirakan dari kecamatan, abu-abu tidak ada data. Garis: kabupaten, putus tanpa data."
    pdf.multi_cell(80, 3.7, legend, align="L")
    pdf.set_y(top + 76)
    with pdf.text_columns(ncols=2, gutter=6, text_align="LEFT", line_height=1.12) as columns:
        for title, lines in _sections(brief):
            pdf.set_font("Helvetica", "B", 10)
            columns.write(latin(title) + "\n")
            pdf.set_font("Helvetica", "", 8.5)
            columns.write(latin("\n".join(lines)) + "\n")
        pdf.set_font("Helvetica", "", 7.5)
        made = f"Dihitung {_time(brief, settings.timezone)}."
        columns.write(latin(f"\nAngka 0 sampai 1 adalah ketegangan dalam berita, bukan penilaian atas orang.\n{made}"))
    return bytes(pdf.output())


def _sections(brief: Brief) -> list[tuple[str, list[str]]]:
    alerts = [f"{a['place']} ({a['tier']}, {STATE_WORDS[a['state']]}): {a['words']}" for a in brief.alerts]
    alerts += [f"{brief.waiting} menunggu tinjauan"] if brief.waiting else []
    sections = [("Peringatan", alerts)] if alerts else []
    for part in brief.parts:
        lines = []
        for line in part.lines:
            note = " Satu laporan, belum dikuatkan." if line.single else ""
            lines.append(f"- {line.name}: {place(line.estimate)}, {line.stories} laporan dalam 7 hari.{note}")
            lines += [f"   {report.title} ({report.source})" for report in line.reports]
        sections.append((f"{part.name}: {place(part.estimate)}", lines))
    sections.append(("Bahan dialog", [f"- {theme}: {words}" for theme, words in brief.topics]))
    visits = [f"- {v['desa']}: {v['kind']}. {v['outcome']}" for v in brief.visits] or ["Belum ada yang dicatat."]
    sections += [("Kunjungan hari ini", visits), ("Yang tidak diketahui", [f"- {line}" for line in unknown(brief)])]
    return [(title, lines) for title, lines in sections if lines]


def _writer(pdf: Any) -> Callable[..., None]:
    def say(text: str, size: float, style: str = "") -> None:
        pdf.set_font("Helvetica", style, size)
        pdf.multi_cell(0, size * 0.46, latin(text), align="L", new_x="LMARGIN", new_y="NEXT")

    return say


def _draw(pdf: Any, svg: str, x: float, y: float, width: float, height: float) -> None:
    """Draw an SVG into a box in mm: its hatching as paleness and its words in a built-in font, as the library can."""
    bare = re.sub(r"<(text|title|defs)\b.*?</\1>", "", svg, flags=re.DOTALL).replace(
        ' font-family="system-ui, sans-serif"', ""
    )
    bare = bare.replace('fill="url(#hatch)"', 'fill="#ffffff" fill-opacity="0.55"')
    across, down = map(float, re.findall(r'viewBox="0 0 (\S+) (\S+)"', svg)[0])
    scale = min(width / across, height / down)
    pdf.image(io.BytesIO(latin(bare).encode()), x, y, across * scale, down * scale)
    names, _, legend = svg.partition('class="legend"')
    for part, style, share in ((names, "B", 0.5), (legend, "", 0.0)) if legend else ((names, "", 0.0),):
        pdf.set_font("Helvetica", style, 6.5)
        for left, base, more, word in re.findall(r'<text x="([\d.]+)" y="([\d.]+)"([^>]*)>([^<]*)</text>', part):
            written = latin(unescape(word))
            back = pdf.get_string_width(written) * (1.0 if '"end"' in more else share)
            pdf.text(x + float(left) * scale - back, y + float(base) * scale, written)


def latin(text: str) -> str:
    """Return a text in the letters of the PDF's built-in fonts; what they lack becomes a question mark.

    >>> latin("0,31–0,42 − ≥ 🙂")
    '0,31–0,42 - >= ?'
    """
    for sign, simple in (("−", "-"), ("≥", ">="), ("≤", "<="), ("→", "->"), ("‹", "<"), ("›", ">")):
        text = text.replace(sign, simple)
    return text.encode("cp1252", "replace").decode("cp1252")
