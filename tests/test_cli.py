"""The command line as a person or a script meets it."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pipelines.config import PROJECT
from run_monitor import cli

COMMANDS = "demo once run crawl process tables export backup doctor status sources score locate".split()
LINES = [
    {"id": "a", "text": "Dua kubu warga Desa Bagelen, Kecamatan Gedong Tataan, bentrok dan saling lempar batu."},
    {"id": "b", "text": "Harga beras besar naik", "title": "Pasar"},
    {"id": 3, "text": ""},
]


def invoke(*arguments: str, home: Path, stdin: str | None = None) -> Result:
    return CliRunner().invoke(cli, ["--home", str(home), *arguments], input=stdin, catch_exceptions=False)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str, tmp_path: Path) -> None:
    result = invoke(command, "--help", home=tmp_path)
    assert result.exit_code == 0
    assert len(result.output.splitlines()) > 4


def test_score_streams_a_line_for_a_line(tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl"
    source.write_text("\n".join(json.dumps(line) for line in LINES) + "\n\n", encoding="utf-8")
    target = tmp_path / "out.jsonl"
    result = invoke("score", "--input", str(source), "--output", str(target), home=tmp_path)
    assert result.exit_code == 0, result.output
    rows = [json.loads(line) for line in target.read_text(encoding="utf-8").splitlines()]
    assert [row["id"] for row in rows] == ["a", "b", 3]
    for row in rows:
        assert set(row) == {"id", "tension", "level", "levels", "sentiment", "act", "themes", "model_id"}
        assert len(row["levels"]) == 5
        assert sum(row["levels"]) == pytest.approx(1, abs=0.01)
        assert 0 <= row["tension"] <= 1
        assert row["sentiment"] in ("negatif", "netral", "positif")
        assert row["act"] in ("none", "cooling", "escalation")
    assert rows[0]["tension"] > rows[1]["tension"]
    assert rows[2]["sentiment"] == "netral"  # nothing to read: its shares are even
    result = invoke("score", "--input", str(source), "--sentences", home=tmp_path)
    carried = [json.loads(line)["sentences"] for line in result.output.splitlines()]
    assert [len(each) for each in carried] == [1, 1, 0]


def test_locate_reads_standard_input(tmp_path: Path) -> None:
    text = "\n".join(json.dumps(line) for line in LINES)
    result = invoke("locate", "--input", "-", home=tmp_path, stdin=text)
    assert result.exit_code == 0, result.output
    rows = [json.loads(line) for line in result.output.splitlines()]
    keys = {"id", "level", "desa", "desa_implied", "kecamatan", "kabupaten", "mentions"}
    assert all(keys <= set(row) for row in rows)
    assert (rows[0]["level"], rows[0]["desa"], rows[0]["kecamatan"]) == ("desa", ["18.09.01.2007"], ["18.09.01"])
    assert (rows[1]["level"], rows[1]["desa"], rows[1]["kabupaten"]) == ("none", [], False)
    mention = rows[0]["mentions"][0]
    assert LINES[0]["text"][mention["start"] : mention["end"]] == mention["span"]  # type: ignore[index]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b'{"id": 1}', "input line 2: needs a JSON object with `id` and `text`"),
        (b'{"id": 1, "text": null}', "input line 2"),
        (b"[1]", "input line 2"),
        (b"{", "input line 2"),
        (b'{"id": 1, "text": "\xff"}', "input line 2"),
    ],
)
@pytest.mark.parametrize("command", ["score", "locate"])
def test_a_line_that_cannot_be_read_is_named_and_the_ones_before_are_written(
    command: str, line: bytes, words: str, tmp_path: Path
) -> None:
    source = tmp_path / "in.jsonl"
    source.write_bytes(json.dumps(LINES[0]).encode() + b"\n" + line + b"\n")
    result = invoke(command, "--input", str(source), home=tmp_path)
    assert result.exit_code == 1
    assert words in result.stderr
    assert [json.loads(row)["id"] for row in result.stdout.splitlines()] == ["a"]


def test_one_text_is_shown_with_its_evidence(tmp_path: Path) -> None:
    text = str(LINES[0]["text"])
    located = invoke("locate", text, home=tmp_path)
    assert "18.09.01.2007" in located.output
    assert json.loads(invoke("locate", text, "--json", home=tmp_path).output)["level"] == "desa"
    scored = invoke("score", text, home=tmp_path)
    assert "tension" in scored.output
    assert json.loads(invoke("score", text, "--json", home=tmp_path).output)["sentences"]
    assert invoke("score", home=tmp_path).exit_code == 2
    assert "nothing in it can be read" in invoke("score", "😡", home=tmp_path).output
    assert "\x1b" not in invoke("score", "warga\x1b[31m menyegel kantor", home=tmp_path).output


def test_what_is_missing_is_said_with_the_remedy_and_a_non_zero_exit(tmp_path: Path) -> None:
    status = invoke("status", home=tmp_path)
    assert (status.exit_code, "make one with" in status.stderr) == (1, True)
    unknown = CliRunner().invoke(cli, ["--home", str(tmp_path), "--region", "atlantis", "status"])
    assert unknown.exit_code == 1
    assert "no region.toml" in unknown.stderr
    only = invoke("crawl", "--only", "nobody", home=tmp_path)
    assert (only.exit_code, "no source nobody" in only.stderr) == (1, True)


def test_doctor_finds_this_machine_fit_and_a_missing_model_not(tmp_path: Path) -> None:
    fit = invoke("doctor", "--json", home=tmp_path)
    findings = {what: (ok, detail) for what, ok, detail in (tuple(f.values()) for f in json.loads(fit.output))}
    assert {"python", "packages", "clock", "region", "sources", "model", "disk", "database"} == set(findings)
    assert findings["model"][0], findings
    assert "148 desa" in findings["region"][1]
    config = tmp_path / "sejuk.toml"
    config.write_text('model = "nowhere"\n')
    broken = CliRunner().invoke(cli, ["--config", str(config), "--home", str(tmp_path), "doctor"])
    assert broken.exit_code == 1
    assert "FAIL  model" in broken.output


def test_a_pipe_gets_plain_lines(tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, "run_monitor.py", "--home", str(tmp_path), "locate", "--input", "-"],
        cwd=PROJECT, input=json.dumps(LINES[1]), capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONWARNINGS": "error"},
    )  # fmt: skip
    assert "\x1b" not in result.stdout + result.stderr
    assert io.StringIO(result.stdout).readline().startswith('{"id": "b"')
