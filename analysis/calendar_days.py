"""Known events of a region: days that are expected to be loud, and therefore no baseline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import pandas as pd


@dataclass(frozen=True, slots=True)
class KnownEvent:
    """An event with its first and last region-local day."""

    start: date
    end: date
    name: str


def read_calendar(calendar: pd.DataFrame | None) -> tuple[KnownEvent, ...]:
    """Read start, end and name; events may overlap, and each is then named.

    Raises: ValueError naming the row: a missing column, an unreadable day, an end before its start.
    """
    if calendar is None or not len(calendar):
        return ()
    if missing := [c for c in ("start", "end", "name") if c not in calendar]:
        raise ValueError(f"calendar: no column {', '.join(missing)}")
    events = []
    for row, (start, end, name) in enumerate(calendar[["start", "end", "name"]].itertuples(index=False)):
        try:
            event = KnownEvent(pd.Timestamp(start).date(), pd.Timestamp(end).date(), str(name))
        except ValueError as error:
            raise ValueError(f"calendar: row {row} ({name}): {error}") from error
        if event.end < event.start:
            raise ValueError(f"calendar: row {row} ({name}): ends {event.end}, before it starts {event.start}")
        events.append(event)
    return tuple(sorted(events, key=lambda event: (event.start, event.end, event.name)))


def events_between(events: Sequence[KnownEvent], first: date, last: date) -> tuple[KnownEvent, ...]:
    """Return the events that touch the days `first` to `last`."""
    return tuple(event for event in events if event.start <= last and event.end >= first)
