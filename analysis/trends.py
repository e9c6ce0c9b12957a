"""Daily tension of each desa, kecamatan and the kabupaten: discounted empirical Bayes with an interval.

Silence is never drawn as calm: a day without a story keeps a decayed estimate marked `estimated`, and an
outage of the sources gives `no_data` and no number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

import numpy as np
import pandas as pd

from analysis.records import SENTIMENTS, THEMES
from analysis.story_table import (
    VOICES,
    Counts,
    Floats,
    Ints,
    StoryTable,
    as_date,
    count,
    local_day,
    ordinal,
    public_authors,
    read_coverage,
    read_places,
    read_stories,
    trailing,
)

ENOUGH = 3  # stories in 7 days from which a place stands on its own
FINAL_AFTER = 7  # days until a day is frozen
HISTORY = 365  # days before the first asked day that can still matter
SPAN = 400  # days before as_of that are always filtered
STALE = 30  # days without any story of a voice in the whole region, after which nothing can be said
FIT_DAYS, FIT_STORIES, FIT_CAP = 28, 200, 5
SHORT_LAGS, LONG_LAGS = (1, 2, 3), (14, 18, 22, 26, 30)
Z90 = 1.6448536269514722  # two-sided 90 % of the normal distribution
SINGLE = "satu laporan, belum dikuatkan"
HIDDEN = "kurang dari {k} penulis dalam 7 hari: hanya dihitung di tingkat kecamatan"
BORROWED = "diperkirakan dari kecamatan"


@dataclass(frozen=True, slots=True)
class Parameters:
    """Variances and rates of the estimate; tension in [0, 1], half-lives in days.

    Source: the region's own past through `fit`; these defaults stand until 28 days of it exist.
    """

    sigma2: float = 0.030  # of stories within a place and day
    tau2: float = 0.010  # of the passing deviation of a place from the level above
    tau_v2: float = 0.006  # of its lasting offset
    half_life: float = 2.0
    level_half_life: float = 4.0  # of the level above
    offset_half_life: float = 45.0
    pseudo_stories: float = 8.0  # by which a kecamatan leans on the kabupaten
    start: float = 0.2  # tension assumed before anything is known
    width: float = 1.0  # factor on the interval, calibrated on history
    k: int = 3  # distinct authors below which public stories count in the kecamatan alone
    timezone: str = "Asia/Jakarta"


DEFAULTS = {
    "desa": Parameters(),
    "kecamatan": Parameters(tau2=0.003, tau_v2=0.002),
    "kabupaten": Parameters(tau2=0.001, tau_v2=0.0005),
}
KEYS = {"desa": "desa_code", "kecamatan": "kecamatan_code", "kabupaten": "kabupaten_code"}


def estimate(
    stories: pd.DataFrame,
    places: pd.DataFrame,
    days: Sequence[date],
    as_of: datetime,
    coverage: pd.DataFrame | None = None,
    parameters: Parameters | None = None,
    authors: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Estimate the tension of every desa on each day, per voice and over all.

    Args:
        stories: one row a story and place: story_id, day, desa_code, kecamatan_code (either may be missing),
            tension in [0, 1], voice; optional level, level_2plus, copies, sources, authors, first_seen (UTC).
        places: desa_code, kecamatan_code.
        days: region-local days; those after `as_of` come out as no_data.
        as_of: what was known when; stories first seen later are ignored.
        coverage: day, voice, fraction of healthy sources in [0, 1]; 0 gives no_data.
        parameters: of the desa level; None takes `fit` where the past allows it.
        authors: distinct day, desa_code, author_hash of public stories.

    Returns: a row a day, desa and voice: day, desa_code, kecamatan_code, voice, n, n7, copies, sources,
        authors7, tension, low, high (90 %), weight, status, max_level, grave7, kecamatan_tension,
        kecamatan_low, kecamatan_high, coverage, as_of, final.

    Raises: ValueError naming the row of a bad input.
    """
    region = _Region.read(stories, places, days, as_of, coverage, authors, parameters)
    table = _level_table(region, "desa", parameters)
    above = _level_table(region, "kecamatan", None).set_index(["day", "kecamatan_code", "voice"])
    parent = dict(zip(places["desa_code"], places["kecamatan_code"], strict=True))
    table.insert(2, "kecamatan_code", table["desa_code"].map(parent))
    shape = (len(region.days), len(region.table.places.kecamatan), len(VOICES))
    for name in ("tension", "low", "high"):
        values = above[name].to_numpy(dtype=np.float64).reshape(shape)
        table.insert(len(table.columns) - 3, f"kecamatan_{name}", values[:, region.table.places.parent].ravel())
    return table


def estimate_kecamatan(
    stories: pd.DataFrame,
    places: pd.DataFrame,
    days: Sequence[date],
    as_of: datetime,
    coverage: pd.DataFrame | None = None,
    parameters: Parameters | None = None,
    authors: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Estimate the tension of every kecamatan; stories known only at that level count too.

    Args, Returns, Raises: as `estimate`, with kecamatan_code as the place.
    """
    region = _Region.read(stories, places, days, as_of, coverage, authors, parameters)
    return _level_table(region, "kecamatan", parameters)


def estimate_kabupaten(
    stories: pd.DataFrame,
    places: pd.DataFrame,
    days: Sequence[date],
    as_of: datetime,
    coverage: pd.DataFrame | None = None,
    parameters: Parameters | None = None,
    authors: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Estimate the tension of the kabupaten from all stories about the region.

    Args, Returns, Raises: as `estimate`, with kabupaten_code (the common start of the kecamatan codes).
    """
    region = _Region.read(stories, places, days, as_of, coverage, authors, parameters)
    return _level_table(region, "kabupaten", parameters)


@dataclass(frozen=True, slots=True)
class _Region:
    """What every level shares: checked stories, the asked days, and the span that is filtered."""

    table: StoryTable
    days: tuple[int, ...]
    first: int
    last: int
    today: int
    as_of: datetime
    coverage: Floats  # (days asked, voices)
    authors7: Floats  # (days, desa)
    counts: dict[str, Counts]  # by level

    @classmethod
    def read(
        cls,
        stories: pd.DataFrame,
        places: pd.DataFrame,
        days: Sequence[date],
        as_of: datetime,
        coverage: pd.DataFrame | None,
        authors: pd.DataFrame | None,
        parameters: Parameters | None,
    ) -> _Region:
        settings = parameters or Parameters()
        today = ordinal(local_day(as_of, settings.timezone))
        asked = tuple(sorted({ordinal(pd.Timestamp(day).date()) for day in days}))
        table = read_stories(stories, read_places(places), as_of)
        last = today  # the span follows from as_of, so that a day comes out alike however it is asked for
        edge = min(today - SPAN, min(asked, default=today) - HISTORY)
        table = table.take((table.day <= last) & (table.day >= edge))
        first = int(table.day.min(initial=last))
        listed = [read_coverage(coverage, min(asked), max(asked))] if asked else []
        shares = listed[0][np.array(asked) - asked[0]] if asked else np.ones((0, len(VOICES)))
        authors7 = public_authors(table, first, last, authors).astype(np.float64)
        shown = authors7 >= settings.k
        counts = {level: count(table, level, first, last, shown) for level in KEYS}
        return cls(table, asked, first, last, today, as_of, shares, authors7, counts)


def _level_table(region: _Region, level: str, parameters: Parameters | None) -> pd.DataFrame:
    counts, own = region.counts, region.counts[level]
    chosen = parameters or fit_counts(counts, level, region.table.places.parent, DEFAULTS[level])
    fields = _filter(counts, level, region.table.places.parent, chosen)
    fields |= _counted(region, own, level)
    heard = trailing(counts["kabupaten"].n, STALE) > 0  # (days, voices, 1)
    enough = trailing(own.weighted) >= ENOUGH
    rows = np.array(region.days, dtype=np.int64) - region.first
    inside = (rows >= 0) & (rows < len(own.n))
    silent = ~inside[:, None] | (region.coverage <= 0)
    at = np.clip(rows, 0, len(own.n) - 1)
    no_data = (silent[:, :, None] | ~heard[at]) & np.ones_like(own.n[at], dtype=np.bool_)
    status = np.where(no_data, "no_data", np.where(enough[at], "enough", "estimated"))
    columns = {name: values[at] for name, values in fields.items()}
    for name in ("n", "copies", "sources", "n7", "authors7", "grave7"):
        columns[name] = np.where(inside[:, None, None], columns[name], 0).astype(np.int64)
    for name in ("tension", "low", "high", "weight"):
        columns[name] = np.where(no_data, np.nan, columns[name])
    columns["max_level"] = np.where(inside[:, None, None], columns["max_level"], np.nan)
    columns["status"] = status
    columns["coverage"] = np.broadcast_to(region.coverage[:, :, None], status.shape)
    return _frame(region, level, columns)


def _counted(region: _Region, own: Counts, level: str) -> dict[str, Floats]:
    authors = np.zeros_like(own.n)
    if level == "desa":
        authors[:, 0] = authors[:, VOICES.index("public")] = region.authors7
    return {
        "n": own.n,
        "n7": trailing(own.n),
        "copies": own.copies,
        "sources": own.sources,
        "authors7": authors,
        "max_level": own.max_level,
        "grave7": trailing(own.grave),
    }


def _frame(region: _Region, level: str, columns: dict[str, Floats]) -> pd.DataFrame:
    """Lay the arrays (days, voices, places) out as rows ordered by day, place, voice."""
    codes = _codes(region.table, level)
    days = np.array([as_date(day) for day in region.days], dtype=object)
    per_day = len(codes) * len(VOICES)
    table = {
        "day": np.repeat(days, per_day),
        KEYS[level]: np.tile(np.repeat(np.array(codes, dtype=object), len(VOICES)), len(days)),
        "voice": np.tile(np.array(VOICES, dtype=object), len(days) * len(codes)),
    }
    order = ("n", "n7", "copies", "sources", "authors7", "tension", "low", "high", "weight", "status")
    for name in (*order, "max_level", "grave7", "coverage"):
        table[name] = columns[name].transpose(0, 2, 1).ravel()
    table["as_of"] = np.full(len(table["day"]), pd.Timestamp(region.as_of).tz_convert("UTC"), dtype=object)
    table["final"] = np.repeat(np.array(region.days, dtype=np.int64) + FINAL_AFTER <= region.today, per_day)
    frame = pd.DataFrame(table)
    frame["as_of"] = pd.to_datetime(frame["as_of"], utc=True)
    return frame


def _codes(table: StoryTable, level: str) -> tuple[str, ...]:
    if level == "desa":
        return table.places.desa
    if level == "kecamatan":
        return table.places.kecamatan
    return (table.places.kecamatan[0].rpartition(".")[0] if table.places.kecamatan else "",)


def _prior_counts(counts: dict[str, Counts], level: str, parent: Ints) -> tuple[Floats, Floats, Ints]:
    """Return counts and sums of the level above, and each place's position in it."""
    above = counts["kecamatan" if level == "desa" else "kabupaten"]
    position = parent if level == "desa" else np.zeros(counts[level].n.shape[2], dtype=np.int64)
    return above.weighted, above.total, position


def _filter(counts: dict[str, Counts], level: str, parent: Ints, p: Parameters) -> dict[str, Floats]:
    """Run the discounted empirical-Bayes recursion over the days.

    Source: docs/statistics.md. W, V, A are the discounted count, squared discount and surprise of a place;
    its prior is the level above without the place, leaned on the kabupaten, plus the place's slow offset.
    """
    n, s = counts[level].weighted, counts[level].total
    above_n, above_s, position = _prior_counts(counts, level, parent)
    region_n, region_s = counts["kabupaten"].weighted, counts["kabupaten"].total
    delta, slow, mid = (0.5 ** (1 / h) for h in (p.half_life, p.offset_half_life, p.level_half_life))
    m, kappa = p.sigma2 / p.tau2, p.sigma2 / p.tau_v2
    voices, places = n.shape[1:]
    w, v, a, r, big_n, own_n, own_s = (np.zeros((voices, places)) for _ in range(7))
    up_n, up_s = (np.zeros((voices, above_n.shape[2])) for _ in range(2))
    day_n, day_s = np.zeros((voices, 1)), np.zeros((voices, 1))
    anchor_n, anchor_s = np.full((voices, 1), p.pseudo_stories), np.full((voices, 1), p.start * p.pseudo_stories)
    out = {name: np.empty_like(n) for name in ("tension", "sd", "weight", "level_mean", "lead_mean", "lead_sd")}
    for t in range(len(n)):
        up_n, up_s = mid * up_n + above_n[t], mid * up_s + above_s[t]
        own_n, own_s = mid * own_n + n[t], mid * own_s + s[t]
        day_n, day_s = mid * day_n + region_n[t], mid * day_s + region_s[t]
        anchor = anchor_s / anchor_n
        top = (day_s + p.pseudo_stories * anchor) / (day_n + p.pseudo_stories) if level == "desa" else anchor
        rest_n, rest_s = up_n[:, position] - own_n, up_s[:, position] - own_s
        level_mean = (rest_s + p.pseudo_stories * top) / (rest_n + p.pseudo_stories)
        prior = np.clip(level_mean + r / (big_n + kappa), 0, 1)
        prior_var = p.tau_v2 * kappa / (big_n + kappa)
        out["lead_mean"][t] = prior + delta * a / (delta * w + m)
        before = delta**2 * _variance(w, v, delta, m, p) + p.tau2 * (1 - delta**2)
        out["lead_sd"][t] = np.sqrt(before + prior_var * (m / (delta * w + m)) ** 2)
        w, v, a = delta * w + n[t], delta**2 * v + n[t], delta * a + s[t] - n[t] * prior
        out["tension"][t] = np.clip(prior + a / (w + m), 0, 1)
        out["sd"][t] = np.sqrt(_variance(w, v, delta, m, p) + prior_var * (m / (w + m)) ** 2)
        out["weight"][t] = w / (w + m)
        out["level_mean"][t] = level_mean
        big_n, r = slow * big_n + n[t], slow * r + s[t] - n[t] * level_mean
        anchor_n, anchor_s = slow * anchor_n + region_n[t], slow * anchor_s + region_s[t]
        anchor_n, anchor_s = np.maximum(anchor_n, 1e-9), np.maximum(anchor_s, 0)
    reach = Z90 * p.width * out["sd"]
    out["low"], out["high"] = np.clip(out["tension"] - reach, 0, 1), np.clip(out["tension"] + reach, 0, 1)
    return out


def _variance(w: Floats, v: Floats, delta: float, m: float, p: Parameters) -> Floats:
    """Return the variance of the estimate around a known prior: sampling, shrinkage and drift."""
    return np.asarray(p.sigma2 * v / (w + m) ** 2 + p.tau2 * (m / (w + m)) ** 2 + p.tau2 * (1 - delta) * w / (w + m))


def fit_counts(counts: dict[str, Counts], level: str, parent: Ints, start: Parameters) -> Parameters:
    """Estimate the variances of a level from its own past, by moments over all voices.

    sigma2 is pooled within places and days. The autocovariance of a place's distance from the level above
    falls to tau_v2 at long lags and starts at tau_v2 + tau2. The width makes the one-step errors of the past
    as large as was said. `start` is returned unchanged before 28 days and 200 stories.
    """
    own = counts[level]
    n, total = own.weighted[:, 0], own.total[:, 0]
    if (counts["kabupaten"].weighted[:, 0].sum(axis=1) > 0).sum() < FIT_DAYS or n.sum() < FIT_STORIES:
        return start
    mean = np.divide(total, n, out=np.zeros_like(n), where=n > 0)
    within = float((own.squares[:, 0] - n * mean**2).sum())
    sigma2 = max(within / max(float(np.maximum(n - 1, 0).sum()), 1.0), 1e-3)
    distance = mean - _filter(counts, level, parent, start)["level_mean"][:, 0]
    weight = np.minimum(n, FIT_CAP)
    lasting = np.mean([_autocovariance(distance, weight, lag) for lag in LONG_LAGS if lag < len(n) // 2])
    keep = 0.5 ** (1 / start.half_life)
    passing = np.mean([(_autocovariance(distance, weight, lag) - lasting) / keep**lag for lag in SHORT_LAGS])
    tau_v2, tau2 = (float(np.clip(value, sigma2 / 200, sigma2)) for value in (lasting, passing))
    fitted = replace(start, sigma2=sigma2, tau2=tau2, tau_v2=tau_v2, width=1.0)
    lead = _filter(counts, level, parent, fitted)
    expected = np.clip(lead["lead_mean"][:, 0], 0.01, 0.99)
    binomial = expected * (1 - expected)  # the variance of stories follows their mean
    share = within / max(float((np.maximum(n - 1, 0) * binomial).sum()), 1e-9)
    error = (weight * ((mean - expected) ** 2 - share * binomial / np.maximum(n, 1))).sum()
    said = (weight * lead["lead_sd"][:, 0] ** 2).sum()
    return replace(fitted, width=float(np.clip(np.sqrt(max(error, 0) / said), 0.95, 1.5)))


def _autocovariance(distance: Floats, weight: Floats, lag: int) -> float:
    product = weight[lag:] * weight[:-lag]
    return float((product * distance[lag:] * distance[:-lag]).sum() / max(product.sum(), 1e-9))


def summarise(stories: pd.DataFrame, by: str = "desa_code") -> pd.DataFrame:
    """Average the sentiment and count the themes of each day, place and voice.

    Args:
        stories: as for `estimate`, with the columns negatif, netral, positif (shares) and one column a theme
            (true where the story carries it); stories without a place of that level are left out.
        by: desa_code or kecamatan_code; any other column with the region's code serves the kabupaten.

    Returns: day, place, voice, negative, neutral, positive (means), and a count a theme; only days with stories.
    """
    rows = stories[stories[by].notna()].drop_duplicates(["story_id", by])
    both = pd.concat([rows.assign(voice="all"), rows], ignore_index=True)
    both["day"] = pd.to_datetime(both["day"]).dt.date
    themes = [theme for theme in THEMES if theme in both]
    groups = both.groupby(["day", by, "voice"], sort=True)
    means = groups[list(SENTIMENTS)].mean()
    means.columns = pd.Index(["negative", "neutral", "positive"])
    return means.join(groups[themes].sum().astype(np.int64)).reset_index()


def publish(table: pd.DataFrame, k: int = 3) -> pd.DataFrame:
    """Apply the safeguards of publication to a desa table of `estimate`.

    The public voice of a desa-day is shown only with at least k distinct authors in 7 days. A desa with fewer
    than 3 stories in 7 days shows its kecamatan's estimate. A lone report of level 3 or 4 is flagged in `note`.

    Raises: ValueError where k is below 3.
    """
    if k < 3:
        raise ValueError(f"k = {k}: the privacy threshold may be raised, never lowered below 3")
    out = table.copy()
    hidden = ((out["voice"] == "public") & (out["authors7"] < k)).to_numpy()
    borrowed = (hidden | (out["status"] == "estimated").to_numpy()) & (out["status"] != "no_data").to_numpy()
    for name in ("tension", "low", "high"):
        out[name] = np.where(borrowed, out[f"kecamatan_{name}"], out[name])
    out["weight"] = np.where(borrowed, 0.0, out["weight"])
    out["status"] = np.where(borrowed, "estimated", out["status"])
    for name in ("n", "n7", "copies", "sources", "grave7"):
        out[name] = np.where(hidden, 0, out[name])
    out["max_level"] = np.where(hidden, np.nan, out["max_level"])
    out["authors7"] = np.where(out["authors7"] < k, 0, out["authors7"])
    single = (out["grave7"] == 1) & (out["n7"] < ENOUGH)
    note = np.where(borrowed, BORROWED, "")
    out["note"] = np.where(hidden, HIDDEN.format(k=k), np.where(single, SINGLE, note))
    return out.drop(columns=[f"kecamatan_{name}" for name in ("tension", "low", "high")])
