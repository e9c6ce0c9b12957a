"""The JSON API: tokens that end, pages that lose nothing, numbers under the k-threshold, and never a 5xx."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import schemathesis
from click.testing import CliRunner
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given
from hypothesis import settings as trial
from schemathesis import Case
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance
from schemathesis.specs.openapi.schemas import OpenApiSchema

from benchmarks import year
from dashboard.app import create_app
from pipelines import audit, tokens
from pipelines.config import PROJECT, Settings, load_settings
from pipelines.store import Store
from run_monitor import cli

NOW = year.NOW


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    home = tmp_path_factory.mktemp("api")
    made = load_settings(environment={}, home=home, region=PROJECT / "data" / "regions" / "contoh")
    year.fill(made, days=20, stories_a_day=20)
    return made


@pytest.fixture(scope="module")
def client(settings: Settings) -> TestClient:
    return TestClient(create_app(settings, lambda: NOW), raise_server_exceptions=False)


@pytest.fixture(scope="module")
def bearer(settings: Settings) -> dict[str, str]:
    with Store(settings.database) as store:
        return {"Authorization": f"Bearer {tokens.add(store, 'uji', tokens.SCOPES, 'tes', NOW)[1]}"}


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    with Store(settings.database) as opened:
        yield opened


LISTS = ["/api/v1/desa-days", "/api/v1/kecamatan-days", "/api/v1/kabupaten-days", "/api/v1/alerts", "/api/v1/sources"]


# -- tokens ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [*LISTS, "/api/v1/alerts/x/evidence"])
def test_every_list_needs_a_token(client: TestClient, path: str) -> None:
    for headers in ({}, {"Authorization": "Basic eDp5"}, {"Authorization": "Bearer sejuk_0_0"}):
        answer = client.get(path, headers=headers)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"


def test_a_token_opens_its_scope_alone(client: TestClient, store: Store) -> None:
    _, text = tokens.add(store, "cuaca", ["sources"], "tes", NOW)
    codes = {path: client.get(path, headers={"Authorization": f"Bearer {text}"}).status_code for path in LISTS}
    assert codes == dict.fromkeys(LISTS[:-1], 403) | {"/api/v1/sources": 200}


def test_a_token_ends_when_it_expires_or_is_revoked(store: Store) -> None:
    token, text = tokens.add(store, "x", ["tables"], "tes", NOW, days=10)
    assert tokens.check(store, text, "tables", NOW + timedelta(days=9)) == token
    with pytest.raises(tokens.TokenRefused, match="expired"):
        tokens.check(store, text, "tables", NOW + timedelta(days=10))
    tokens.revoke(store, token.token_id, "tes", NOW)
    with pytest.raises(tokens.TokenRefused, match="revoked"):
        tokens.check(store, text, "tables", NOW)
    with pytest.raises(tokens.TokenRefused, match="no token"):
        tokens.revoke(store, token.token_id, "tes", NOW)


def test_the_secret_of_a_token_is_kept_nowhere(settings: Settings, store: Store) -> None:
    _, text = tokens.add(store, "rahasia", ["tables"], "tes", NOW)
    secret = text.split("_", 2)[2]
    everything = [json.dumps(store.rows(f"SELECT * FROM {name}"), default=str) for name in ("api_tokens", "audit_log")]
    assert not any(secret in kept for kept in everything)
    with pytest.raises(tokens.TokenRefused, match="unknown token"):
        tokens.check(store, text[:-1] + ("a" if text[-1] != "a" else "b"), "tables", NOW)


@pytest.mark.parametrize(
    ("label", "scopes", "days", "words"),
    [
        (" ", ["tables"], 9, "needs a label"),
        ("x", [], 9, "scopes missing"),
        ("x", ["semua"], 9, "scopes semua"),
        ("x", ["tables"], 366, "1 to 365 days"),
        ("x", ["tables"], 0, "1 to 365 days"),
    ],
)
def test_a_token_that_is_too_strong_or_nobodys_is_not_made(
    store: Store, label: str, scopes: list[str], days: int, words: str
) -> None:
    with pytest.raises(tokens.TokenRefused, match=words):
        tokens.add(store, label, scopes, "tes", NOW, days)


def test_tokens_by_command(settings: Settings, client: TestClient) -> None:
    base = ["--home", str(settings.home), "--region", str(settings.region), "tokens"]
    made = CliRunner().invoke(cli, [*base, "add", "papan", "--scope", "tables", "--by", "sari"])
    text = made.output.splitlines()[-1]
    name = text.split("_")[1]
    listed = CliRunner().invoke(cli, [*base, "list"]).output
    assert re.search(rf"{name}  valid +until .* tables +papan", listed)
    assert text not in listed
    revoked = CliRunner().invoke(cli, [*base, "revoke", name, "--by", "sari"])
    assert revoked.exit_code == 0
    assert (
        client.get(LISTS[0], headers={"Authorization": f"Bearer {text}"}).json()["detail"] == "this token was revoked"
    )
    rows = json.loads(CliRunner().invoke(cli, [*base, "list", "--json"]).output)
    assert {row["token_id"]: row["state"] for row in rows}[name] == "revoked"


# -- tables ---------------------------------------------------------------------------------------


def walk(client: TestClient, bearer: dict[str, str], path: str) -> list[dict[str, Any]]:
    """Follow `next` to the end."""
    items: list[dict[str, Any]] = []
    while path:
        answer = client.get(path, headers=bearer).json()
        items += answer["items"]
        path = answer["next"]
    return items


def test_pages_together_hold_every_place_day_once(client: TestClient, bearer: dict[str, str]) -> None:
    asked = "/api/v1/desa-days?since=2026-03-25&until=2026-03-27&limit="
    whole = walk(client, bearer, asked + "1000")
    assert len(whole) == 3 * 36 * 4
    assert walk(client, bearer, asked + "7") == whole
    keys = {(item["day"], item["code"], item["voice"]) for item in whole}
    assert len(keys) == len(whole)


def test_a_place_and_a_voice_may_be_asked_for(client: TestClient, bearer: dict[str, str]) -> None:
    items = walk(client, bearer, "/api/v1/desa-days?since=2026-03-31&code=99.01.01&voice=press")
    assert items
    assert {item["voice"] for item in items} == {"press"}
    assert all(item["code"].startswith("99.01.01.") for item in items)
    week = walk(client, bearer, "/api/v1/kabupaten-days?voice=all")
    assert [item["day"] for item in week] == [f"2026-03-{day}" for day in range(24, 32)], "by default the last week"


def test_the_public_voice_of_few_has_no_number(client: TestClient, bearer: dict[str, str], store: Store) -> None:
    raw = {
        (row["day"], row["desa_code"]): row
        for row in store.rows("SELECT * FROM desa_daily WHERE voice = 'public' AND authors7 < 3 AND n7 > 0")
    }
    items = walk(client, bearer, "/api/v1/desa-days?since=2026-03-01&voice=public")
    few = [item for item in items if (item["day"], item["code"]) in raw]
    assert len(few) == len(raw) > 10
    for item in few:
        assert (item["n"], item["n7"], item["copies"], item["grave7"], item["themes"]) == (0, 0, 0, 0, {})
        assert item["max_level"] is item["negative"] is None
        assert item["tension"] == raw[item["day"], item["code"]]["kecamatan_tension"]


# -- alerts, evidence, sources --------------------------------------------------------------------


def test_only_what_a_person_confirmed_leaves(client: TestClient, bearer: dict[str, str], store: Store) -> None:
    states = {item["state"] for item in walk(client, bearer, "/api/v1/alerts?limit=1")}
    assert states == {"confirmed"}
    row = store.rows("SELECT * FROM alerts WHERE state = 'confirmed'")[0]
    store.upsert("alerts", [row | {"alert_id": "baru", "state": "raised"}], "alert_id")
    assert "baru" not in str(walk(client, bearer, "/api/v1/alerts"))
    assert client.get("/api/v1/alerts/baru/evidence", headers=bearer).status_code == 404


def test_evidence_is_links_alone_never_a_residents_post_and_each_reading_is_entered(
    client: TestClient, bearer: dict[str, str], store: Store
) -> None:
    row = store.rows("SELECT * FROM alerts WHERE state = 'confirmed'")[0]
    pieces = [
        {"story_id": voice, "voice": voice, "title": "J", "url": f"https://{voice}.invalid", "source": voice,
         "published": "2026-03-30T00:00:00+00:00", "sentences": ["Kalimat."]}
        for voice in ("press", "public")
    ]  # fmt: skip
    store.upsert("alerts", [row | {"evidence": json.dumps(pieces)}], "alert_id")
    answer = client.get(f"/api/v1/alerts/{row['alert_id']}/evidence", headers=bearer)
    assert answer.json() == [
        {"source": "press", "published": "2026-03-30T00:00:00+00:00", "url": "https://press.invalid"}
    ]
    last = store.rows("SELECT * FROM audit_log ORDER BY seq DESC LIMIT 1")[0]
    assert re.fullmatch(r"token [0-9a-f]{8} \(uji\)", last["who"])
    assert (last["action"], json.loads(last["detail"])["alert"]) == ("read evidence", row["alert_id"])
    assert audit.verify(store) is None


def test_sources_tell_their_health_silent_ones_first(client: TestClient, bearer: dict[str, str]) -> None:
    items = client.get("/api/v1/sources", headers=bearer).json()
    assert (items[0]["source_id"], items[0]["state"]) == (year.SILENT, "broken")
    assert [item["source_id"] for item in items if item["state"] == "healthy"]
    assert len(items) == len(year.SOURCES)


# -- the description, and hostile callers ---------------------------------------------------------


def test_the_description_names_every_route_its_token_and_its_fields(client: TestClient) -> None:
    answer = client.get("/api/v1/openapi.json")
    described = answer.json()
    assert set(described["paths"]) == {*LISTS, "/api/v1/alerts/{alert_id}/evidence"}
    for path in described["paths"].values():
        assert path["get"]["security"] == [{"HTTPBearer": []}]
        assert path["get"]["summary"]
    assert {"tension", "low", "high", "status"} <= set(described["components"]["schemas"]["PlaceDay"]["properties"])


# A span may be reversed; and where a question was bad for its missing token alone, the token is put back.
NOT_OURS = [positive_data_acceptance, negative_data_rejection]


@pytest.fixture(scope="module")
def described(settings: Settings) -> OpenApiSchema:
    return schemathesis.openapi.from_asgi("/api/v1/openapi.json", create_app(settings, lambda: NOW))


@pytest.mark.parametrize("path", [*LISTS, "/api/v1/alerts/{alert_id}/evidence"])
@pytest.mark.parametrize("mode", schemathesis.GenerationMode)
def test_whatever_is_asked_the_answer_is_as_described(
    described: OpenApiSchema, bearer: dict[str, str], path: str, mode: schemathesis.GenerationMode
) -> None:
    """Questions that fit the description, and some that do not: no 5xx, no status or body that it does not name."""

    @trial(max_examples=8, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(case=described[path]["GET"].as_strategy(generation_mode=mode))
    def ask(case: Case) -> None:
        case.call_and_validate(headers=bearer, excluded_checks=NOT_OURS)

    ask()


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_nothing_can_be_written(client: TestClient, bearer: dict[str, str], method: str) -> None:
    assert client.request(method, LISTS[0], headers=bearer).status_code == 405


def test_bad_questions_are_answered_in_words(client: TestClient, bearer: dict[str, str]) -> None:
    for asked, words in (
        ("since=2026-03-02&until=2026-03-01", "lies after"),
        ("limit=5000", "less than or equal to 1000"),
        ("code=18", "match pattern"),
        ("voice=semua", "'all', 'press', 'official' or 'public'"),
        ("since=kemarin", "valid date"),
        ("desa=99.01", "Extra inputs are not permitted"),
    ):
        answer = client.get(f"/api/v1/desa-days?{asked}", headers=bearer)
        assert answer.status_code == 422
        assert words in answer.text
