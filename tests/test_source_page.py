"""What the page says of a source in each state, and that each counted reason has words."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from dashboard.access import Role
from dashboard.app import create_app
from dashboard.rendering import words
from pipelines import users
from pipelines.config import PROJECT, load_settings
from pipelines.source_health import look
from pipelines.store import Store
from tests.test_source_health import ZONE, begun, declare, silent, usual

NOW = datetime(2026, 3, 31, 5, 0, tzinfo=UTC)
COUNTED = (  # how the crawler writes a reason down
    r'rejected\["(\w+)"\]', r'Refusal\("(\w+)"', r'self\.end\("(\w+)"', r'reject\(entry, "(\w+)"',
    r'_broke\(entry, "(\w+)"', r'^ +return "(\w+)"(?:, | if |$)', r'Error, "(\w+)", "',
    r'(?<!spider_async\()reason="(\w+)"',
)  # fmt: skip


def test_the_page_tells_the_five_states_apart_and_what_got_worse(tmp_path: Path) -> None:
    settings = load_settings(environment={}, home=tmp_path, region=PROJECT / "data" / "regions" / "contoh")
    start = begun(NOW, 26)
    with Store(settings.database) as store:
        users.add(store, "pembaca", [Role.PEMBACA], "sandi-yang-panjang-1", "tes", NOW)
        session = users.sign_in(store, "pembaca", "sandi-yang-panjang-1", "x", NOW)
        declare(store, "sehat", usual(NOW, 12.0))
        declare(store, "sepi", usual(begun(NOW, 20), 12.0) + silent(begun(NOW, 20), NOW))
        declare(store, "diam", usual(start, 12.0) + silent(start, NOW))
        declare(store, "rusak", usual(start, 12.0) + silent(start, NOW, errors=("umpan answers 500",)))
        declare(store, "tolak", usual(start, 12.0) + silent(start, NOW, errors=("umpan answers 403",)))
        declare(store, "kosong", usual(start, 12.0) + silent(start, NOW, rejected='{"too_short": 1}'))
        look(store, NOW, ZONE)
    page = TestClient(create_app(settings, lambda: NOW + timedelta(minutes=1)))
    page.cookies.set("sejuk", session)
    rows = {}
    for row in page.get("/sumber").text.split("<tr")[2:]:
        name = re.search(r'<th scope="row">(\w+)', row)
        assert name
        rows[name[1]] = " ".join(row.split())
    said = {
        "Sehat": "terbaca",
        "Sepi": "lebih sepi dari biasa",
        "Diam": "diam",
        "Rusak": "rusak",
        "Tolak": "menolak dibaca",
    }
    for name, state in said.items():
        assert f">{state}</b>" in rows[name]
    assert "umpan answers 500" in rows["Rusak"]
    assert "halaman tanpa isi" in rows["Kosong"]  # with its share
    assert "terlalu pendek 1" in rows["Kosong"]
    assert all("sejak" in rows[name] for name in ("Sepi", "Diam", "Rusak", "Tolak", "Kosong"))


@pytest.mark.parametrize("status", [401, 403, 429, 500, 502, 503])
def test_common_refusals_have_words(status: int) -> None:
    assert str(status) in words()[f"tolakan_status_{status}"]["id"]


def test_every_reason_that_is_counted_has_words() -> None:
    counted = set()
    for file in (PROJECT / "crawlers").rglob("*.py"):
        text = file.read_text(encoding="utf-8")
        counted |= {reason for pattern in COUNTED for reason in re.findall(pattern, text, re.MULTILINE)}
    assert len(counted) > 50
    assert sorted(reason for reason in counted if f"tolakan_{reason}" not in words()) == []
