"""How much of other people's markup a parser is given: hostile pages cost a second and no gigabyte."""

from __future__ import annotations

import re
from itertools import islice

_MAX_PAGE = 2_000_000  # characters of HTML looked at
_MAX_TAGS = 20_000  # a news page has 500 to 6,000; the readers need a second for so many, a gigabyte for a million
_LONG_TAG = re.compile(r"<([a-zA-Z]\w*)[^<>]{4000,}>?")  # a parser compares each attribute with all before it


def bounded(page: str) -> str:
    """Return as much of a page as a parser can be given without harm: so many characters, so many tags, none endless.

    >>> bounded("<p>Warga</p>")
    '<p>Warga</p>'
    """
    return before(_LONG_TAG.sub(r"<\1>", page)[:_MAX_PAGE], "<", _MAX_TAGS)


def before(page: str, mark: str, most: int) -> str:
    """Return a page up to the mark (a regular expression) that is one too many.

    >>> before("<i>a<i>b<i>c", "<i>", 2)
    '<i>a<i>b'
    """
    beyond = next(islice(re.finditer(mark, page), most, None), None)
    return page[: beyond.start()] if beyond else page
