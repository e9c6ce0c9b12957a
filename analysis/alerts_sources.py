"""Source drop-out: a source that fell silent is told to the analyst within 24 hours."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pandas as pd

from analysis.alerts import Alert
from analysis.alerts_counts import BASELINE, WEEKDAY_PRIOR
from analysis.story_table import local_day

ALPHA = 0.001  # chance of so long a silence of a healthy source
LEAST_DAYS = 14  # of history before a silence can be judged


def detect_sources(daily: pd.DataFrame, as_of: datetime, timezone: str = "Asia/Jakarta") -> list[Alert]:
    """Find sources that answered before and no longer do, or that fell silent for longer than chance allows.

    Args:
        daily: source_id, day, ok (answered and was understood), documents (new ones of the day); days up to
            the day before `as_of` are judged.

    Returns: one yellow alert a source, with the silent days as its window.

    Raises: ValueError for a missing column.
    """
    if missing := [c for c in ("source_id", "day", "ok", "documents") if c not in daily]:
        raise ValueError(f"daily: no column {', '.join(missing)}")
    last = local_day(as_of, timezone) - timedelta(days=1)
    frame = daily.assign(day=pd.to_datetime(daily["day"]))
    frame = frame[frame["day"] <= pd.Timestamp(last)]
    alerts = [_judge(str(source), rows, as_of) for source, rows in frame.groupby("source_id", sort=True)]
    return [alert for alert in alerts if alert is not None]


def _judge(source: str, rows: pd.DataFrame, as_of: datetime) -> Alert | None:
    rows = rows.sort_values("day").tail(BASELINE)
    documents, ok = rows["documents"].to_numpy(dtype=np.float64), rows["ok"].to_numpy(dtype=np.bool_)
    active = np.flatnonzero(documents > 0)
    silent = len(rows) - 1 - (active[-1] if len(active) else -1)
    broken = len(ok) >= 2 and not ok[-1] and bool(ok[:-1].any())
    rate = documents[: len(rows) - silent].sum() / (max(len(rows) - silent, 1) + WEEKDAY_PRIOR)
    p = float(np.exp(-rate * silent))
    quiet = len(rows) >= LEAST_DAYS and silent > 0 and p < ALPHA
    if not (broken or quiet):
        return None
    first = rows["day"].iloc[-max(silent, 1)].date()
    words = (
        f"Sumber {source} tidak terbaca sejak {first:%d-%m-%Y}; skor hari itu kurang lengkap"
        if broken
        else f"Sumber {source} diam {silent} hari, biasanya {rate:.1f} dokumen sehari; mungkin alamatnya berubah"
    )
    unknown = ("Yang belum diketahui: apakah sumbernya berhenti terbit atau pengambilannya yang rusak",)
    return Alert(
        "source", "kuning", "source", source, first, rows["day"].iloc[-1].date(), words,
        float(documents[-max(silent, 1) :].sum()), rate * max(silent, 1), p, float("nan"), 7 * ALPHA,
        float(ok[-1]), unknown, (), (), as_of,
    )  # fmt: skip
