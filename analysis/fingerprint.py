"""Which state of its own code a stored result was made by."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from types import ModuleType


@cache
def fingerprint(*modules: ModuleType) -> bytes:
    """Return 16 bytes that change with the source of these modules."""
    digest = hashlib.blake2b(digest_size=16)
    for module in modules:
        digest.update(Path(str(module.__file__)).read_bytes())
    return digest.digest()
