"""Another kabupaten is another folder, made from a table of places by one command."""

from __future__ import annotations

import csv
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner

from analysis.errors import ConfigError
from analysis.gazetteer import Gazetteer
from analysis.locate import Locator
from pipelines.config import PROJECT
from pipelines.region import new_region
from run_monitor import cli

LAMPUNG = PROJECT / "data" / "regions" / "pesawaran" / "neighbours.csv"
HEAD = "code,name,level,kecamatan,kabupaten\n"
SYNTHETIC = HEAD + (
    "98.01,Kabupaten Antah,kabupaten,,\n"
    "98.01.01,Hulu,kecamatan,,Kabupaten Antah\n"
    "98.01.02,Hilir,kecamatan,,Kabupaten Antah\n"
    "98.01.01.2001,Mekar,desa,Hulu,Kabupaten Antah\n"
    "98.01.02.2001,Mekar,desa,Hilir,Kabupaten Antah\n"
    "98.01.02.2002,Hulu,desa,Hilir,Kabupaten Antah\n"
    "98.01.02.2003,Damai,desa,Hilir,Kabupaten Antah\n"
    "98.02,Kabupaten Berantah,kabupaten,,\n"
    "98.02.01.2001,Damai,desa,Jauh,Kabupaten Berantah\n"
)


def write(folder: Path, content: str) -> Path:
    file = folder / "places.csv"
    file.write_text(content.replace("98.", "18."), encoding="utf-8")
    return file


def test_a_synthetic_region_locates_and_abstains_by_its_own_names(tmp_path: Path) -> None:
    made = new_region("18.01", write(tmp_path, SYNTHETIC), tmp_path / "antah", words=["damai"])
    assert (made.name, made.kecamatan, made.desa, made.neighbours) == ("Antah", 2, 4, 2)
    found = {row.code: (row.same_in_region, row.same_elsewhere, row.kecamatan_of_region) for row in made.ambiguous}
    assert found == {
        "18.01.01.2001": (1, 0, ""),
        "18.01.02.2001": (1, 0, ""),
        "18.01.02.2002": (0, 0, "Hulu"),
        "18.01.02.2003": (0, 1, ""),
    }
    assert tomllib.loads((made.folder / "region.toml").read_text())["timezone"] == "Asia/Jakarta"
    locator = Locator(Gazetteer.load(made.folder))
    assert locator.locate("Warga Desa Mekar, Kecamatan Hulu, resah").desa == ("18.01.01.2001",)
    assert locator.locate("Warga Antah resah, kata warga Desa Mekar").desa == ()
    assert locator.locate("Suasana damai di Antah").desa == ()


def test_another_real_kabupaten_of_the_table_locates_its_desa(tmp_path: Path) -> None:
    made = new_region("18.10", LAMPUNG, tmp_path / "pringsewu")
    assert (made.name, made.kecamatan) == ("Pringsewu", 9)
    locator = Locator(Gazetteer.load(made.folder))
    with LAMPUNG.open(encoding="utf-8") as handle:
        desa = [row for row in csv.DictReader(handle) if row["code"].startswith("18.10.") and row["level"] == "desa"]
    assert len(desa) == made.desa > 100
    right = 0
    for row in desa:
        text = f"Warga berkumpul di Pekon {row['name']}, Kecamatan {row['kecamatan']}, Kabupaten Pringsewu."
        right += locator.locate(text).desa == (row["code"],)
    assert right == len(desa)


@pytest.mark.parametrize(
    ("content", "code", "words"),
    [
        ("code,name\n", "98.01", "no column level, kecamatan, kabupaten"),
        (HEAD + "98.01.1,A,desa,K,X\n", "98.01", "row 2: code '18.01.1' is no desa"),
        (HEAD + "98.01.01.2001,,desa,K,X\n", "98.01", "row 2: column 'name' is empty"),
        (SYNTHETIC, "98.09", "'18.09' has no places in places.csv; it knows 18.01, 18.02"),
    ],
)
def test_a_wrong_table_is_refused_with_its_row(content: str, code: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        new_region(code.replace("98.", "18."), write(tmp_path, content), tmp_path / "x")
    assert words in str(refused.value)
    assert not (tmp_path / "x").exists()


def test_the_command_reports_ambiguous_names_and_overwrites_nothing(tmp_path: Path) -> None:
    arguments = ["region", "new", "18.01", "--from", str(write(tmp_path, SYNTHETIC)), "--out", str(tmp_path / "antah")]
    first, second = (CliRunner().invoke(cli, arguments) for _ in range(2))
    assert (first.exit_code, second.exit_code) == (0, 1)
    assert "3 ambiguous names" in first.output
    assert "exists already" in second.output
