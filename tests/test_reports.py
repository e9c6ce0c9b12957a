"""Field reports and exports: what people type is taken row by row, and what is wrong is named by file and row."""

from __future__ import annotations

import json
import os
import threading
import time
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from tests.crawling import Crawl

HEADING = "id,text,title,published,url,author\n"


def crawl_of(folder: Path, address: str = "kotak", **more: Any) -> Crawl:
    (folder / "kotak").mkdir(exist_ok=True)
    crawl = Crawl(folder, [])
    source = {"id": "laporan", "kind": "files", "address": address, "voice": "official"}
    crawl.declare(source | more)
    return crawl


def settled(path: Path) -> Path:
    """Let a file be as old as one that nobody writes any more."""
    os.utime(path, (time.time() - 60, time.time() - 60))
    return path


def put(folder: Path, name: str, text: str | bytes) -> Path:
    path = folder / "kotak" / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return settled(path)


def texts(crawl: Crawl) -> set[str]:
    return {document.text for document in crawl.documents()}


def test_three_kinds_of_file_say_the_same(tmp_path: Path) -> None:
    crawl = crawl_of(tmp_path)
    put(tmp_path, "a.csv", HEADING + "1,Warga rukun di balai desa,Judul,26 Mei 2025 08.30 WIB,,Budi\n")
    line = {"id": 2, "text": "Ronda malam ramai", "published": "2025-05-26T08:30:00+07:00", "author": "Budi"}
    put(tmp_path, "b.jsonl", json.dumps(line) + "\n")
    book = openpyxl.Workbook()
    assert book.active is not None
    book.active.append(["ID", "Text ", "Published"])
    book.active.append([3.0, "Dua kampung berdamai", datetime(2025, 5, 26, 8, 30)])  # noqa: DTZ001 (a sheet knows no zones)
    book.active.append([None, None, None])
    book.save(tmp_path / "kotak" / "c.xlsx")
    settled(tmp_path / "kotak" / "c.xlsx")
    found = crawl.run("satu")["laporan"]
    assert (found["items"], found["errors"], found["rejected"]) == (3, [], {})
    assert {document.url for document in crawl.documents()} == {f"urn:sejuk:laporan:{number}" for number in (1, 2, 3)}
    assert {str(document.published) for document in crawl.documents()} == {"2025-05-26 01:30:00+00:00"}
    assert texts(crawl) == {"Warga rukun di balai desa", "Ronda malam ramai", "Dua kampung berdamai"}


def test_bad_rows_are_named_once_and_the_others_taken(tmp_path: Path) -> None:
    crawl = crawl_of(tmp_path)
    put(
        tmp_path,
        "a.csv",
        HEADING + "1,Satu warga,,,,\n,Tanpa nomor,,,,\n1,Dua kali,,,,\n2,Lima,,32 Mei 2025,,\n"
        "3,Enam,,,,,,\n4,Tujuh warga,,,,\n",
    )
    put(tmp_path, "b.jsonl", '{"id": 5, "text": "Lima warga"}\n{rusak\n[1]\n{"id": 6}\n')
    found = crawl.run("satu")["laporan"]
    assert (found["items"], found["rejected"]) == (3, {"bad_row": 7})
    said = found["errors"]
    assert said[:4] == [
        "a.csv, row 3: column 'id' is empty",
        "a.csv, row 4: id '1' stands in row 2 too",
        "a.csv, row 5: column 'published': '32 Mei 2025' is no day or lies in the future",
        "a.csv, row 6: has more columns than the heading",
    ]
    assert said[4].startswith("b.jsonl, row 2: is not JSON")
    assert said[5:] == ["b.jsonl, row 3: lacks id, text", "b.jsonl, row 4: lacks text"]
    again = crawl.run("dua")["laporan"]
    assert (again["items"], again["errors"], again["unchanged"]) == (0, [], 2)
    put(tmp_path, "a.csv", HEADING + "1,Satu warga,,,,\n2,Lima warga,,31 Mei 2025,,\n")
    assert crawl.run("tiga")["laporan"]["items"] == 1


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.xlsx", b"PK\x03\x04 separuh", "is no whole XLSX file"),
        ("a.csv", b"nomor,isi\n1,halo\n", "column 'id' is missing"),
    ],
)
def test_a_file_that_is_none_stops_no_other(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    crawl = crawl_of(tmp_path)
    put(tmp_path, name, content)
    put(tmp_path, "z.csv", "id;text\r\n1;Warga rukun; katanya\r\n2;Warga damai\r\n".replace("; katanya", ""))
    found = crawl.run("satu")["laporan"]
    assert (found["items"], said in found["errors"][0]) == (2, True)


def test_what_office_programs_write_is_understood(tmp_path: Path) -> None:
    crawl = crawl_of(tmp_path, columns={"id": "Nomor", "text": "Isi Laporan"})
    put(tmp_path, "a.csv", "Nomor;Isi Laporan\r\n1;Warga “rukun”, katanya\r\n".encode("windows-1252"))
    put(tmp_path, "~$a.xlsx", b"x")
    put(tmp_path, ".b.csv", "x")
    put(tmp_path, "c.csv.part", "x")
    found = crawl.run("satu")["laporan"]
    assert (found["errors"], texts(crawl)) == ([], {"Warga “rukun”, katanya"})


def test_a_file_that_is_still_written_is_left_and_then_taken_whole(tmp_path: Path) -> None:
    crawl = crawl_of(tmp_path)
    path = tmp_path / "kotak" / "a.csv"
    stop = threading.Event()

    def write() -> None:
        with open(path, "w", encoding="utf-8") as file:
            file.write(HEADING)
            number = 0
            while not stop.wait(0.05):
                number += 1
                file.write(f"{number},Warga nomor {number} rukun,,,,\n")
                file.flush()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        while not path.exists():
            time.sleep(0.01)
        found = crawl.run("satu")["laporan"]
    finally:
        stop.set()
        writer.join()
    assert (found["items"], found["rejected"], found["errors"]) == (0, {"still_written": 1}, [])
    settled(path)
    rows = len(path.read_text(encoding="utf-8").splitlines()) - 1
    assert crawl.run("dua")["laporan"]["items"] == rows


def test_an_empty_folder_is_well_and_a_missing_one_is_told(tmp_path: Path) -> None:
    assert crawl_of(tmp_path).run("satu")["laporan"]["errors"] == []
    assert "no folder and no file" in crawl_of(tmp_path, "tiada").run("dua")["laporan"]["errors"][0]


def test_a_long_file_is_taken_over_several_visits(tmp_path: Path) -> None:
    crawl = crawl_of(tmp_path, max_items=40)
    put(tmp_path, "a.csv", HEADING + "".join(f"{number},Warga nomor {number},,,,\n" for number in range(100)))
    assert [crawl.run(name)["laporan"]["items"] for name in ("satu", "dua", "tiga", "empat")] == [40, 40, 20, 0]
    assert crawl.addresses() == Counter(f"urn:sejuk:laporan:{number}" for number in range(100))


def test_a_residents_post_keeps_no_address_that_names_its_author(tmp_path: Path) -> None:
    crawl = crawl_of(tmp_path, voice="public")
    put(tmp_path, "a.csv", HEADING + "https://x.com/budi/status/1,Kata @budi rukun,,,https://x.com/budi,budi\n")
    assert crawl.run("satu")["laporan"]["items"] == 1
    (document,) = crawl.documents()
    assert "budi" not in document.to_json()
    assert document.url.startswith("urn:sejuk:laporan:")
