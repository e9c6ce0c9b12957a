"""Weekly counts: 42 scenarios, this project's regression beside R's farringtonFlexible on the same series.

Source: Noufaily et al. 2013, Statistics in Medicine 32(7), scenarios of their simulation study.
Run: python -m benchmarks.weekly [--quick] [--series N] [--no-r]
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from analysis.alerts_counts import weekly_p

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

WEEKS, FIRST, BASELINE = 624, 575, (312, 575)  # FIRST: row of the first of the 49 judged weeks
SETS = (  # theta, beta, gamma1, gamma2, phi
    (0.1, 0.0025, 0.6, 0.6, 1.5),
    (-2.0, 0.005, 0.1, 0.3, 2.0),
    (1.5, 0.003, 0.2, -0.4, 1.0),
    (0.5, 0.002, 0.5, 0.5, 5.0),
    (2.5, 0.001, 1.0, 0.1, 3.0),
    (3.75, 0.001, 0.1, -0.1, 1.1),
    (5.0, 0.0001, 0.05, 0.01, 1.2),
)
ALPHA = 0.01


@dataclass(frozen=True, slots=True)
class Weekly:
    """Series (rows) of counts, and the cases that their current outbreak added."""

    counts: Floats  # (series, 624)
    current: Floats  # (series, 624)


def simulate(seed: int, per_scenario: int) -> Weekly:
    """Draw series of each of the 42 scenarios; past sizes from {0, 2, 3, 5, 10}, current from 1 to 10."""
    rng = np.random.default_rng(seed)
    rows = [
        _series(rng, values, trend, harmonics)
        for values in SETS
        for trend in (0, 1)
        for harmonics in (0, 1, 2)
        for _ in range(per_scenario)
    ]
    return Weekly(np.array([row[0] for row in rows]), np.array([row[1] for row in rows]))


def _series(rng: np.random.Generator, values: tuple[float, ...], trend: int, harmonics: int) -> tuple[Floats, Floats]:
    theta, beta, gamma1, gamma2, phi = values
    week = np.arange(1, WEEKS + 1)
    log_mean = theta + trend * beta * week
    for j in range(1, harmonics + 1):
        angle = 2 * np.pi * j * week / 52
        log_mean = log_mean + gamma1 * np.cos(angle) + gamma2 * np.sin(angle)
    mean = np.exp(log_mean)
    counts = _negative_binomial(rng, mean, phi)
    k = rng.choice([0, 2, 3, 5, 10])
    for start in rng.integers(BASELINE[0], BASELINE[1], 4).tolist():
        counts += _outbreak(rng, start, k * np.sqrt(phi * mean[start]))
    start = int(rng.integers(FIRST, WEEKS))
    current = _outbreak(rng, start, rng.integers(1, 11) * np.sqrt(phi * mean[start]))
    return counts + current, current


def _negative_binomial(rng: np.random.Generator, mean: Floats, phi: float) -> Floats:
    drawn = rng.poisson(mean) if phi == 1 else rng.negative_binomial(mean / (phi - 1), 1 / phi)
    return drawn.astype(np.float64)


def _outbreak(rng: np.random.Generator, start: int, size: float) -> Floats:
    weeks = start + np.floor(rng.lognormal(0, 0.5, rng.poisson(size))).astype(int)
    return np.bincount(weeks[weeks < WEEKS], minlength=WEEKS).astype(np.float64)


def judge(series: Weekly, flags: Bools) -> tuple[float, float]:
    """Return false positive rate over weeks without, and probability of detection of, the current outbreak."""
    outbreak = series.current[:, FIRST:] > 0
    present = np.any(outbreak, axis=1)
    found = np.any(flags & outbreak, axis=1)
    return float(flags[~outbreak].mean()), float(found[present].mean())


def ours(series: Weekly) -> Bools:
    """Flag each of the 49 weeks."""
    return np.column_stack([weekly_p(series.counts, week) < ALPHA for week in range(FIRST, WEEKS)])


def peer(series: Weekly) -> tuple[Bools, float]:
    """Run farringtonFlexible; return its flags and its seconds."""
    with tempfile.TemporaryDirectory() as folder:
        counts, flags = Path(folder, "series.csv"), Path(folder, "flags.csv")
        np.savetxt(counts, series.counts, fmt="%d", delimiter=",")
        script = Path(__file__).with_name("weekly.R")
        done = subprocess.run(
            ["Rscript", str(script), str(counts), str(flags)], check=True, capture_output=True, text=True
        )
        return np.loadtxt(flags, delimiter=",", ndmin=2).astype(np.bool_), float(done.stdout.split()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="2 series a scenario")
    parser.add_argument("--series", type=int, default=24, help="series a scenario")
    parser.add_argument("--no-r", action="store_true", help="leave R out")
    parser.add_argument("--seed", type=int, default=2013)
    arguments = parser.parse_args()
    series = simulate(arguments.seed, 2 if arguments.quick else arguments.series)
    started = time.perf_counter()
    flags = ours(series)
    seconds = time.perf_counter() - started
    print(f"{len(series.counts)} series, alpha {ALPHA}")
    print("sejuk              FPR {:.4f}  POD {:.3f}  {:.1f} s".format(*judge(series, flags), seconds))
    if not arguments.no_r and shutil.which("Rscript"):
        flags, seconds_r = peer(series)
        print("farringtonFlexible FPR {:.4f}  POD {:.3f}  {:.1f} s".format(*judge(series, flags), seconds_r))
        print(f"times faster       {seconds_r / seconds:.0f}")


if __name__ == "__main__":
    main()
