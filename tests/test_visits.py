"""Effects of visits: pooled, with an interval, and refused where nothing can be said."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from analysis.visits import effect, trajectory, triggers
from benchmarks.visits import THRESHOLD, naive, simulate_visits
from run_monitor import cli


def test_a_single_visit_has_no_effect_to_report() -> None:
    table, visits = simulate_visits(1, 0.0)
    found = effect(table, visits.iloc[:1], THRESHOLD)
    assert np.isnan(found.effect)
    assert "satu kunjungan tidak pernah dilaporkan" in found.words


def test_no_visits_and_no_table_are_refused_in_words() -> None:
    table, visits = simulate_visits(1, 0.0)
    assert np.isnan(effect(table, visits.iloc[:0], THRESHOLD).effect)
    assert effect(table, visits, 1.0).visited == 0


@pytest.mark.parametrize("true", [0.0, -0.087])
def test_intervals_hold_the_truth_and_the_naive_difference_lies(true: float) -> None:
    runs = [simulate_visits(seed, true) for seed in range(8)]
    found = [effect(table, visits, THRESHOLD) for table, visits in runs]
    assert sum(e.low <= true <= e.high for e in found) >= 6
    assert np.mean([e.effect for e in found]) == pytest.approx(true, abs=0.012)
    assert naive(*runs[0]) < true - 0.05
    assert all(0 <= e.power <= 1 and e.needed > 0 for e in found)


def test_the_trajectory_shows_the_days_around_a_visit() -> None:
    table, visits = simulate_visits(1, 0.0)
    code, day = next(iter(visits.itertuples(index=False)))
    around = trajectory(table, code, day, 7)
    assert around["offset"].iloc[-1] == 7
    assert set(around["desa_code"]) == {code}


def test_triggers_of_one_desa_lie_fourteen_days_apart() -> None:
    days = [date(2025, 1, 1) + timedelta(days=i) for i in range(30)]
    table = pd.DataFrame({"day": days, "desa_code": "a", "tension": 0.9})
    assert [(d - days[0]).days for d in triggers(table, 0.5)["day"]] == [0, 14, 28]


def test_missing_columns_and_thresholds_are_named() -> None:
    table, visits = simulate_visits(1, 0.0)
    with pytest.raises(ValueError, match="threshold"):
        effect(table, visits, 2.0)
    with pytest.raises(ValueError, match="visits: no column desa_code"):
        effect(table, visits.drop(columns="desa_code"), THRESHOLD)


# -- by command -----------------------------------------------------------------------------------


def _say(home: Path, *arguments: str) -> str:
    return CliRunner().invoke(cli, ["--home", str(home), "--region", "contoh", "visits", *arguments]).output


def test_a_visit_is_recorded_corrected_and_listed_by_command(tmp_path: Path) -> None:
    given = ("add", "--desa", "Karangsejuk", "--date", "25-05-2025", "--kind", "sambang", "--theme", "pemilu")
    assert _say(tmp_path, *given) == "recorded: Karangsejuk, 2025-05-25, sambang\n"
    assert _say(tmp_path, *given, "--outcome", "Pak Budi setuju").startswith("corrected")
    (row,) = json.loads(_say(tmp_path, "list", "--json"))
    assert (row["themes"], row["outcome"]) == (["pemilu"], "[warga] setuju")
    assert "Karangsejuk" in _say(tmp_path, "list")
    assert "kolom 'jenis'" in _say(tmp_path, *given[:-4], "--kind", "razia")
    assert "Belum bisa dihitung: 0 kunjungan" in _say(tmp_path, "effect")


def test_a_file_of_visits_is_entered_whole_or_not_at_all(tmp_path: Path) -> None:
    file = tmp_path / "kunjungan.csv"
    file.write_text("desa;tanggal;jenis\nKarangsejuk;25-05-2025;sambang\nAntah;25-05-2025;sambang\n", encoding="utf-8")
    assert "baris 3, kolom 'desa'" in _say(tmp_path, "import", str(file))
    file.write_text("desa;tanggal;jenis\nKarangsejuk;25-05-2025;sambang\n", encoding="utf-8")
    assert _say(tmp_path, "import", str(file)) == "1 recorded, 0 corrected\n"
