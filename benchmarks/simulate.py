"""Simulate a region's stories: sparse counts, copies, late arrivals, a weekly cycle, planted events, visits.

Source: the small-area design in docs/statistics.md. Everything follows from `seed`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]

WEEKDAY = np.array([1.15, 1.10, 1.05, 1.05, 1.00, 0.80, 0.85])  # Monday first
KIND_OF_EVENT_SHARE = 0.75  # mean tension of an event's stories


@dataclass(frozen=True, slots=True)
class World:
    """What is simulated; rates per day, tension in [0, 1]."""

    desa: int = 148
    kecamatan: int = 11
    days: int = 280
    stories: float = 234.0  # origins a day in the whole region
    spread: float = 1.5  # sd of the log rate of a desa: about half of the desa-days stay empty
    dispersion: float = 1.2  # variance over mean of a desa-day count
    mean: float = 0.25
    kecamatan_sd: float = 0.05
    desa_sd: float = 0.07
    passing_sd: float = 0.06  # of the deviation that decays with half-life 3 days
    passing_half_life: float = 3.0
    precision: float = 4.0  # of the Beta of a story's tension around the truth
    copied: float = 0.30  # of stories that are syndicated, each 1 to 8 times
    late: float = 0.25  # of stories seen 1 to 3 days late
    leak: float = 0.0  # of copies that are taken for stories of their own
    start: date = date(2025, 1, 6)


@dataclass(frozen=True, slots=True)
class Simulated:
    """A simulated region: its stories, its places, and the truth behind them."""

    stories: pd.DataFrame
    places: pd.DataFrame
    truth: Floats  # (days, desa) tension
    rate: Floats  # (days, desa) expected stories without events
    events: pd.DataFrame  # day (index), desa (position), size
    world: World

    def day(self, index: int) -> date:
        """Return the region-local day of a row of `truth`."""
        return self.world.start + timedelta(days=int(index))

    def evening(self, index: int) -> datetime:
        """Return the end of that day in UTC, when its table is made (WIB, UTC+7)."""
        return datetime.combine(self.day(index), datetime.min.time(), UTC) + timedelta(hours=16, minutes=59)


def simulate(seed: int, world: World | None = None, event_size: int = 0, events: int = 0, quiet: int = 90) -> Simulated:
    """Simulate one region.

    Args:
        event_size: extra stories of each planted event, on one desa-day.
        events: number of events, spread over the days after the first `quiet`.
    """
    world = world or World()
    rng = np.random.default_rng(seed)
    places = _places(world)
    parent = np.arange(world.desa) * world.kecamatan // world.desa
    truth = _truth(rng, world, parent)
    rate = _rate(rng, world)
    planted = _plant(rng, world, event_size, events, quiet)
    size = rate / (world.dispersion - 1)
    counts = rng.poisson(rng.gamma(np.maximum(size, 1e-9), world.dispersion - 1))
    day, desa = (axis.repeat(counts.ravel()) for axis in (a.ravel() for a in np.indices(rate.shape)))
    tension = _beta(rng, truth[day, desa], world.precision)
    event_day, event_desa = planted["day"].to_numpy(), planted["desa"].to_numpy()
    day = np.concatenate([day, event_day.repeat(planted["size"])])
    desa = np.concatenate([desa, event_desa.repeat(planted["size"])])
    hot = _beta(rng, np.full(int(planted["size"].sum()), KIND_OF_EVENT_SHARE), world.precision)
    stories = _stories(rng, world, places, day, desa, np.concatenate([tension, hot]))
    return Simulated(stories, places, truth, rate, planted, world)


def _beta(rng: np.random.Generator, mean: Floats, precision: float) -> Floats:
    return np.asarray(rng.beta(mean * precision, (1 - mean) * precision))


def _places(world: World) -> pd.DataFrame:
    parent = np.arange(world.desa) * world.kecamatan // world.desa
    number = np.arange(world.desa) - np.searchsorted(parent, parent)
    return pd.DataFrame(
        {
            "desa_code": [f"99.01.{k + 1:02d}.{2001 + i}" for k, i in zip(parent, number, strict=True)],
            "kecamatan_code": [f"99.01.{k + 1:02d}" for k in parent],
        }
    )


def _walk(rng: np.random.Generator, days: int, size: int, sd: float, half_life: float) -> Floats:
    """Return a stationary first-order autoregression of standard deviation `sd`."""
    keep = 0.5 ** (1 / half_life)
    shocks = rng.normal(0, sd, (days, size))
    out = np.empty((days, size))
    out[0] = shocks[0]
    for t in range(1, days):
        out[t] = keep * out[t - 1] + np.sqrt(1 - keep**2) * shocks[t]
    return out


def _truth(rng: np.random.Generator, world: World, parent: NDArray[np.int64]) -> Floats:
    level = world.mean + _walk(rng, world.days, 1, 0.02, 20.0)
    kecamatan = _walk(rng, world.days, world.kecamatan, world.kecamatan_sd, 14.0)
    lasting = rng.normal(0, world.desa_sd, world.desa)
    passing = _walk(rng, world.days, world.desa, world.passing_sd, world.passing_half_life)
    return np.asarray(np.clip(level + kecamatan[:, parent] + lasting + passing, 0.02, 0.95))


def _rate(rng: np.random.Generator, world: World) -> Floats:
    share = rng.lognormal(0, world.spread, world.desa)
    week = WEEKDAY[(world.start.weekday() + np.arange(world.days)) % 7]
    return np.asarray(world.stories * week[:, None] / week.mean() * share / share.sum())


def _plant(rng: np.random.Generator, world: World, size: int, number: int, quiet: int) -> pd.DataFrame:
    """Plant events on desa-days at least 10 days apart in one desa."""
    day = rng.integers(quiet, max(world.days - 3, quiet + 1), number)
    desa = rng.permutation(np.arange(max(number, world.desa)) % world.desa)[:number]
    return pd.DataFrame({"day": day, "desa": desa, "size": np.full(number, size, dtype=np.int64)})


def _stories(
    rng: np.random.Generator,
    world: World,
    places: pd.DataFrame,
    day: NDArray[np.int64],
    desa: NDArray[np.int64],
    tension: Floats,
) -> pd.DataFrame:
    number = len(day)
    copies = 1 + np.where(rng.random(number) < world.copied, rng.integers(1, 9, number), 0)
    leaked = rng.binomial(copies - 1, world.leak)
    order = np.repeat(np.arange(number), 1 + leaked)
    day, desa, tension, copies = day[order], desa[order], tension[order], copies[order]
    delay = np.where(rng.random(len(order)) < world.late, rng.integers(1, 4, len(order)), 0)
    start = np.datetime64(world.start, "s")
    seen = start + (day + delay) * np.timedelta64(86400, "s") + np.timedelta64(5, "h")  # noon WIB
    return pd.DataFrame(
        {
            "story_id": np.char.add("s", np.arange(len(order)).astype(str)),
            "day": (start + day * np.timedelta64(86400, "s")).astype("datetime64[D]").astype(str),
            "desa_code": places["desa_code"].to_numpy()[desa],
            "kecamatan_code": places["kecamatan_code"].to_numpy()[desa],
            "tension": tension,
            "level_2plus": tension >= 0.375,
            "voice": "press",
            "copies": copies,
            "sources": copies,
            "authors": 0,
            "first_seen": pd.to_datetime(seen, utc=True),
        }
    )
