"""What a person sees in the terminal of one text: its score or place, with the evidence (loads no tables)."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from analysis.records import LEVELS
from pipelines.store import Row


def shown(text: str) -> str:
    """Return a text whose control characters cannot steer the terminal, each replaced by one sign.

    >>> shown("warga" + chr(27) + "[31m ribut")
    'warga·[31m ribut'
    """
    return "".join(c if c in "\n\t" or unicodedata.category(c) != "Cc" else "·" for c in text)


def show_score(result: Row, text: str, console: Console | None = None) -> None:
    """Print one text's score with the sentences that carried it."""
    console = console or Console()
    level = result["level"]
    console.print(f"tension {result['tension']:.2f}   level {level} ({LEVELS[level]})   act {result['act']}")
    shares = "  ".join(f"{name} {share:.2f}" for name, share in zip(LEVELS, result["levels"], strict=True))
    console.print(f"{shares}\nthemes {', '.join(result['themes']) or '-'}   sentiment {result['sentiment']}")
    if not result["readable"]:
        console.print("nothing in it can be read: this is the fixed, spread-out answer, no judgement")
    for sentence in sorted(result["sentences"], key=lambda s: -s["tension"])[:3]:
        console.print(Text(f"  {sentence['tension']:.2f}  {shown(text[sentence['start'] : sentence['end']])}"))
    console.print(f"model {result['model_id']}", style="dim")


def show_location(result: Row, text: str, title: str = "", console: Console | None = None) -> None:
    """Print one text's place with every mention highlighted and the rule that decided it."""
    console = console or Console()
    for field, content in (("title", title), ("text", text)):
        words = Text(shown(content))
        for mention in result["mentions"]:
            if mention["field"] == field:
                words.stylize("bold green" if mention["code"] else "yellow", mention["start"], mention["end"])
        if content:
            console.print(words)
    codes = {key: ", ".join(result[key]) or "-" for key in ("desa", "desa_implied", "kecamatan")}
    console.print(
        f"\nlevel {result['level']}   desa {codes['desa']}   implied {codes['desa_implied']}   "
        f"kecamatan {codes['kecamatan']}   kabupaten {'yes' if result['kabupaten'] else 'no'}   "
        f"confidence {result['confidence']:.2f}\n{result['reason']}",
        highlight=False,
        markup=False,
    )
    table = Table("span", "resolved", "role", "rule", "candidates")
    for mention in result["mentions"]:
        candidates = ", ".join(_candidate(c) for c in mention["candidates"][:4])
        table.add_row(*(escape(str(mention[k] or "-")) for k in ("span", "code", "role", "rule")), escape(candidates))
    if result["mentions"]:
        console.print(table)
    if result["reasons"]:
        console.print(_weighed(result["reasons"]))


def _weighed(reasons: Sequence[dict[str, Any]]) -> Table:
    """Return the chance of each place that the matter lies there, and the words that weighed most."""
    table = Table("place", "chance", "speaks for it", "speaks against it")
    for reason in reasons:
        sides = ([f"{said} {weight:+.1f}" for said, weight in reason["said"] if weight * s > 0] for s in (1, -1))
        table.add_row(escape(reason["name"]), f"{reason['chance']:.2f}", *(escape("; ".join(side)) for side in sides))
    return table


def _candidate(candidate: dict[str, Any]) -> str:
    return f"{candidate['name']} {candidate['code']} ({candidate['weight']:.2f})"
