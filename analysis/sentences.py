"""Cut a text into sentences, and a long text into what fits the classifier's window."""

from __future__ import annotations

import re
from collections.abc import Sequence

_END = re.compile(
    r"(?<=[.!?…])[\"')\u201d]*\s+(?=[\"'(\u201c]?[A-Z0-9\u00c0-\u00dd])|\n+|(?<=[!?])\s+(?=\w)",
)
_SHORT = re.compile(
    r"(?:\b(?:Jl|Jln|No|Rp|Dr|Drs|Ir|H|Hj|Kec|Kab|Ds|Dsn|Gg|Prof|Sdr|Bpk|Tn|Ny|St|Moh|Muh|M|dll|dsb|a\.n|u\.p)|"
    r"\b[A-Z])\.$"
)


def spans(text: str) -> list[tuple[int, int]]:
    """Return the (start, end) of each sentence, without surrounding blanks.

    >>> text = "Kantor di Jl. Merdeka disegel. Warga marah! Kades diam."
    >>> [text[a:b] for a, b in spans(text)]
    ['Kantor di Jl. Merdeka disegel.', 'Warga marah!', 'Kades diam.']
    """
    found, start = [], 0
    for match in _END.finditer(text):
        if "\n" not in match.group() and _SHORT.search(text, start, match.start()):
            continue
        found.append((start, match.end()))
        start = match.end()
    found.append((start, len(text)))
    return [trimmed for a, b in found if (trimmed := _trim(text, a, b))[1] > trimmed[0]]


def _trim(text: str, start: int, end: int) -> tuple[int, int]:
    inner = text[start:end]
    return start + len(inner) - len(inner.lstrip()), start + len(inner.rstrip())


def condense(title: str, sentences: Sequence[str], weight: Sequence[float], words: int, lead: int = 2) -> str:
    """Return title, lead and the weightiest sentences, in their order, up to about `words` words.

    Args:
        title: the headline, kept whole.
        sentences: the body's sentences.
        weight: how contentious each sentence is.
        words: the budget; the lead is kept even where it exceeds it.
        lead: sentences kept from the beginning.

    >>> condense("Judul", ["Satu dua.", "Tiga empat.", "Lima."], [0, 0, 1], words=4, lead=1)
    'Judul. Satu dua. Lima.'
    """
    kept = set(range(min(lead, len(sentences))))
    budget = words - len(title.split()) - sum(len(sentences[i].split()) for i in kept)
    for i in sorted(range(len(sentences)), key=lambda i: -weight[i]):
        size = len(sentences[i].split())
        if i not in kept and size <= budget:
            kept.add(i)
            budget -= size
    return joined(title, " ".join(sentences[i] for i in sorted(kept)))


def joined(title: str, text: str) -> str:
    """Return title and text as one string.

    >>> joined("Kades didemo", "Warga datang."), joined("", "Warga datang.")
    ('Kades didemo. Warga datang.', 'Warga datang.')
    """
    title = title.strip()
    if not title:
        return text
    return f"{title}{'' if title[-1] in '.!?' else '.'} {text}".strip()
