"""A source is read only while somebody answers for it, and the audit log says who, on what basis, what for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from fastapi.testclient import TestClient

from dashboard.access import Role
from dashboard.app import create_app
from pipelines import audit, grants, users
from pipelines.collect import collect
from pipelines.config import PROJECT, Settings, load_settings
from pipelines.store import Store, utc_now
from run_monitor import cli

DECLARED = """[[source]]
id = "laporan"
name = "Laporan petugas"
kind = "files"
address = "laporan.csv"
voice = "official"
basis = "dasar yang dideklarasikan"
enabled = false
delay = 0
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "sources.toml").write_text(DECLARED, encoding="utf-8")
    (tmp_path / "laporan.csv").write_text("id,text\n1,Warga desa bermusyawarah di balai desa.\n", encoding="utf-8")
    made = load_settings(environment={}, home=tmp_path / "home", region=PROJECT / "data" / "regions" / "contoh")
    return replace(made, sources=tmp_path / "sources.toml")


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    with Store(settings.database) as opened:
        yield opened


def crawled(settings: Settings, store: Store, run_id: str) -> dict[str, int]:
    return collect(settings, store, grants.in_force(settings, store), run_id)


def test_a_source_is_read_only_while_it_is_switched_on(settings: Settings, store: Store) -> None:
    assert crawled(settings, store, "r1")["sources"] == 0
    grants.enable(settings, store, "laporan", "UU 14/2008", "mendengar desa", "Kasi Humas", utc_now())
    assert crawled(settings, store, "r2")["items"] == 1
    grants.disable(settings, store, "laporan", "Kapolres", "izin berakhir", utc_now())
    assert crawled(settings, store, "r3")["sources"] == 0
    told = [(row["who"], row["action"], json.loads(row["detail"])) for row in reversed(audit.latest(store))]
    assert told == [
        (
            "Kasi Humas",
            "source enabled",
            {"source": "laporan", "kind": "files", "basis": "UU 14/2008", "purpose": "mendengar desa"},
        ),
        ("Kapolres", "source disabled", {"source": "laporan", "kind": "files", "reason": "izin berakhir"}),
    ]
    assert audit.verify(store) is None


@pytest.mark.parametrize(
    ("source", "basis", "purpose", "said"),
    [("tiada", "b", "p", "no source tiada"), ("laporan", " ", "p", "--basis"), ("laporan", "b", "", "--purpose")],
)
def test_what_is_not_said_switches_nothing_on(
    settings: Settings, store: Store, source: str, basis: str, purpose: str, said: str
) -> None:
    with pytest.raises(grants.GrantRefused, match=said):
        grants.enable(settings, store, source, basis, purpose, "Sari", utc_now())
    assert not grants.listed(store)
    assert not audit.latest(store)


def command(settings: Settings, *arguments: str) -> Result:
    config = settings.home.parent / "sejuk.toml"
    config.write_text(f'sources = "{settings.sources}"\n', encoding="utf-8")
    line = ["--config", str(config), "--home", str(settings.home), "--region", str(settings.region)]
    return CliRunner().invoke(cli, [*line, *arguments], catch_exceptions=False)


def test_the_list_shows_the_basis_that_is_in_force(settings: Settings) -> None:
    before = json.loads(command(settings, "sources", "list", "--json").output)[0]
    assert (before["enabled"], before["basis"]) == (0, "dasar yang dideklarasikan")
    done = command(settings, "sources", "enable", "laporan", "--basis", "UU 14/2008", "--purpose", "p", "--by", "Sari")
    assert (done.exit_code, "on from the next run" in done.output) == (0, True)
    after = json.loads(command(settings, "sources", "list", "--json").output)[0]
    assert (after["enabled"], after["basis"]) == (1, "UU 14/2008")
    assert command(settings, "sources", "disable", "laporan", "--by", "Sari").exit_code == 0
    assert json.loads(command(settings, "sources", "list", "--json").output)[0]["enabled"] == 0
    missing = command(settings, "sources", "enable", "laporan", "--by", "Sari")
    assert (missing.exit_code, "--basis" in missing.output) == (2, True)


def test_an_admin_reads_who_switched_a_source_on_and_what_for(settings: Settings, store: Store) -> None:
    grants.enable(settings, store, "laporan", "UU 14/2008", "mendengar <desa>", "Kasi Humas", utc_now())
    users.add(store, "admin", [Role.ADMIN], "sandi-yang-panjang-1", "tes", utc_now())
    page = TestClient(create_app(settings), follow_redirects=False)
    page.cookies.set("sejuk", users.sign_in(store, "admin", "sandi-yang-panjang-1", "x", utc_now()))
    text = page.get("/kelola").text
    assert all(word in text for word in ("UU 14/2008", "Tujuan: mendengar &lt;desa&gt;", "Dinyalakan oleh: Kasi Humas"))
