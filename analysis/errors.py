"""Errors that a user can act on; every message says what is wrong and what to do."""

from __future__ import annotations


class MonitorError(Exception):
    """Base of every expected failure; the command line prints it and exits non-zero."""


class ConfigError(MonitorError):
    """A setting is missing, unknown or malformed."""

    def __init__(self, key: str, message: str) -> None:
        super().__init__(f"configuration: {key}: {message}")
        self.key = key


class GazetteerError(MonitorError):
    """A region's place table is inconsistent; names file, row and column."""

    def __init__(self, file: str, row: int | None, column: str | None, message: str) -> None:
        at_row = f", row {row}" if row is not None else ""
        at_column = f", column {column!r}" if column else ""
        super().__init__(f"gazetteer: {file}{at_row}{at_column}: {message}")
        self.file, self.row, self.column = file, row, column


class ModelError(MonitorError):
    """A model folder is missing, broken or does not fit; a score is never invented in its place."""


class StorageError(MonitorError):
    """The database or a file cannot be read or written."""
