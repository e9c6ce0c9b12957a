"""The seam between crawling and the rest: files of gzip members, one document a member."""

from __future__ import annotations

import fcntl
import gzip
import logging
import os
import zlib
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from crawlers.errors import SpoolError
from crawlers.items import RawDocument

log = logging.getLogger(__name__)
_BLOCK = 1 << 16
_LONGEST = 64 << 20  # bytes of one unpacked document; more is damage, not a document


def spool_path(spool: Path, source_id: str, day: date, run_id: str) -> Path:
    """Return the file in which a run keeps what a source gave."""
    return spool / source_id / f"{day.isoformat()}-{run_id}.jsonl.gz"


class SpoolWriter:
    """Write documents so that each, once `write` returns, survives any crash.

    The file is made with the first document and must not exist yet: a run never appends to an old one.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: BinaryIO | None = None
        self._end = 0

    def write(self, document: RawDocument) -> None:
        """Append one document, flushed to the disk.

        Raises: SpoolError; what was being written is taken back.
        """
        member = gzip.compress(document.to_json().encode() + b"\n", mtime=0)
        try:
            file = self._file or self._open()
            rest = memoryview(member)
            while rest:  # an unbuffered file may take a part, as a disk does that is about to be full
                rest = rest[file.write(rest) :]
            os.fsync(file.fileno())
        except OSError as error:
            self._take_back()
            raise SpoolError(f"cannot write {self.path}: {error.strerror or error}") from error
        self._end += len(member)

    @property
    def made(self) -> bool:
        """Tell whether a document was written."""
        return self._end > 0

    def _open(self) -> BinaryIO:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = open(self.path, "xb", buffering=0)  # noqa: SIM115 (held open for the run)
        fcntl.flock(self._file, fcntl.LOCK_EX)  # until it is closed, or whoever writes has died
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        return self._file

    def _take_back(self) -> None:
        if self._file is not None:
            try:
                self._file.truncate(self._end)
                self._file.seek(self._end)
            except OSError as error:
                log.warning("spool event=tail_left path=%s error=%s", self.path.name, error)

    def close(self) -> None:
        """Close the file, if one was made."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def is_growing(path: Path) -> bool:
    """Tell whether a crawl still writes to a file; one that holds nothing may not be locked yet."""
    with open(path, "rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return os.fstat(file.fileno()).st_size == 0


def read_spool(path: Path) -> Iterator[RawDocument]:
    """Yield the documents of one file; a torn tail (kill, full disk) ends it with a warning, not an error."""
    for number, line in enumerate(_members(path), 1):
        try:
            yield RawDocument.from_json(line.decode())
        except (ValueError, TypeError) as error:
            log.warning("spool event=bad_line path=%s line=%d error=%s", path.name, number, error)


def _members(path: Path) -> Iterator[bytes]:
    """Yield each whole gzip member's bytes; stop at the first that is torn or damaged."""
    with open(path, "rb") as file:
        rest = b""
        while rest or (rest := file.read(_BLOCK)):
            unpack = zlib.decompressobj(wbits=31)
            parts, size = [], 0
            try:
                while not unpack.eof and size <= _LONGEST:
                    block = rest or file.read(_BLOCK)
                    rest = b""
                    if not block:
                        break
                    parts.append(unpack.decompress(block))
                    size += len(parts[-1])
            except zlib.error as error:
                log.warning("spool event=torn_tail path=%s error=%s", path.name, error)
                return
            if not unpack.eof:
                log.warning("spool event=torn_tail path=%s error=cut short", path.name)
                return
            rest = unpack.unused_data
            yield b"".join(parts)
