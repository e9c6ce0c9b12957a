"""Who may do what on the page: every route by every role, sessions, form tokens, headers, hostile input."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import year
from dashboard.app import HEADERS, create_app
from dashboard.rendering import words
from dashboard.screens.masuk import _inside
from pipelines import audit, ledger, users
from pipelines.config import PROJECT, Settings, load_settings
from pipelines.store import Store
from pipelines.users import Role
from tests.test_ledger import found as alert_found

PASSWORD = "empat-kata-acak-sekali"
EVERYONE = set(Role)
REVIEW = {Role.ANALIS, Role.PENGULAS, Role.KOMANDO, Role.ADMIN}
CORRECT = {Role.ANALIS, Role.PENGULAS, Role.ADMIN}
ADMIN = {Role.ADMIN}
OPEN = "anyone, signed in or not"
ROUTES: dict[tuple[str, str], set[Role] | str] = {
    ("GET", "/masuk"): OPEN,
    ("POST", "/masuk"): OPEN,
    ("GET", "/bahasa/{chosen}"): OPEN,
    ("POST", "/keluar"): EVERYONE,
    ("GET", "/sandi"): EVERYONE,
    ("POST", "/sandi"): EVERYONE,
    ("GET", "/"): EVERYONE,
    ("GET", "/desa/{code}"): EVERYONE,
    ("GET", "/kecamatan/{code}"): EVERYONE,
    ("GET", "/kabupaten"): EVERYONE,
    ("GET", "/desa/{code}/tren.json"): EVERYONE,
    ("GET", "/kecamatan/{code}/tren.json"): EVERYONE,
    ("GET", "/kabupaten/tren.json"): EVERYONE,
    ("GET", "/desa/{code}/bukti"): CORRECT,
    ("GET", "/kecamatan/{code}/bukti"): CORRECT,
    ("GET", "/kabupaten/bukti"): CORRECT,
    ("GET", "/sumber"): EVERYONE,
    ("GET", "/data"): EVERYONE,
    ("GET", "/data/unduh"): EVERYONE,
    ("GET", "/laporan"): EVERYONE,
    ("GET", "/laporan/{day}"): EVERYONE,
    ("GET", "/laporan/{day}/pdf"): EVERYONE,
    ("GET", "/peringatan"): REVIEW,
    ("GET", "/peringatan/{name}"): REVIEW,
    ("POST", "/peringatan/{name}/{step}"): REVIEW,
    ("GET", "/kunjungan"): REVIEW,
    ("POST", "/kunjungan"): {Role.ANALIS, Role.KOMANDO},
    ("GET", "/koreksi"): CORRECT,
    ("POST", "/koreksi/hapus"): ADMIN,
    ("POST", "/koreksi/klarifikasi"): CORRECT,
    ("POST", "/koreksi/{number}/putus"): {Role.PENGULAS, Role.ADMIN},
    ("GET", "/koreksi/berita/{story}"): CORRECT,
    ("POST", "/koreksi/berita/{story}"): CORRECT,
    ("GET", "/kelola"): ADMIN,
    ("POST", "/kelola/pengguna"): ADMIN,
    ("POST", "/kelola/pengguna/{name}/{step}"): ADMIN,
    ("POST", "/kelola/token/{token_id}/cabut"): ADMIN,
}
VALUES = {"code": "99.01.01.2002", "day": "2026-03-31", "name": "x", "step": "take", "number": "1", "story": "x"}


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    made = load_settings(
        environment={}, home=tmp_path_factory.mktemp("page"), region=PROJECT / "data" / "regions" / "contoh"
    )
    year.fill(made, days=30, stories_a_day=12)
    with Store(made.database) as store:
        for role in Role:
            users.add(store, f"si-{role}", [role], PASSWORD, "tes", year.NOW)
        ledger.raise_alerts(store, [alert_found(year.NOW.date(), words="rahasia")], {}, "m", "r", year.NOW)
        users.add(store, "setempat", [Role.PENGULAS], PASSWORD, "tes", year.NOW, ["99.01.03"])
    return made


def client(settings: Settings, name: str = "", now: object = year.NOW) -> TestClient:
    app = create_app(settings, lambda: now)  # type: ignore[arg-type, return-value]
    found = TestClient(app, follow_redirects=False)
    if name:
        with Store(settings.database) as store:
            found.cookies.set("sejuk", users.sign_in(store, name, PASSWORD, name, year.NOW))
    return found


def csrf(found: TestClient, path: str = "/sandi") -> str:
    match = re.search(r'name="csrf" value="([0-9a-f]+)"', found.get(path).text)
    assert match
    return match[1]


def filled(path: str) -> str:
    return re.sub(r"{(\w+)}", lambda match: VALUES.get(match[1], "x"), path)


# -- routes and roles -----------------------------------------------------------------------------


def routes(settings: Settings) -> set[tuple[str, str]]:
    """Every method and path that the application answers, shipped files apart."""
    there, stack = set(), list(create_app(settings).routes)
    while stack:
        route = stack.pop()
        stack += getattr(getattr(route, "original_router", None), "routes", [])
        path = getattr(route, "path", "")
        if path and path != "/static":
            there |= {(method, path) for method in getattr(route, "methods", None) or ("?",) if method != "HEAD"}
    return there


def test_every_route_of_the_page_stands_in_the_table(settings: Settings) -> None:
    api = {route for route in routes(settings) if route[1].startswith("/api/")}
    assert routes(settings) - api == set(ROUTES)


def test_every_route_of_the_api_needs_a_token_but_its_description(settings: Settings) -> None:
    api = {route for route in routes(settings) if route[1].startswith("/api/")}
    found = client(settings, "si-admin")  # a session of the page is no token
    codes = {path: found.request(method, filled(path)).status_code for method, path in api}
    assert len(codes) >= 7
    assert codes == dict.fromkeys(codes, 401) | {"/api/v1/openapi.json": 200}


@pytest.mark.parametrize("role", [None, *Role])
def test_each_role_reaches_its_routes_and_no_other(settings: Settings, role: Role | None) -> None:
    found = client(settings, f"si-{role}" if role else "")
    token = csrf(found) if role else "0"
    for (method, path), allowed in ROUTES.items():
        if path in ("/keluar", "/bahasa/{chosen}", "/masuk"):
            continue
        answer = found.request(method, filled(path), headers={"X-CSRF": token}, data={} if method == "POST" else None)
        if role is None:
            barred = (303,) if method == "GET" else (303, 403)  # a form without a session has no token either
            assert answer.status_code in barred, path
            assert method == "POST" or answer.headers["location"].startswith("/masuk")
        elif role in allowed:  # type: ignore[operator]
            assert answer.status_code not in (401, 403, 500) or (path, role) in STEP_LIMITS, (role, method, path)
        else:
            assert answer.status_code == 403, (role, method, path)


STEP_LIMITS = {("/peringatan/{name}/{step}", role) for role in (Role.ANALIS, Role.KOMANDO, Role.ADMIN)}  # may not take


def test_command_staff_see_only_what_was_confirmed_and_no_texts_of_evidence(settings: Settings) -> None:
    with Store(settings.database) as store:
        states = {row["alert_id"]: row["state"] for row in ledger.alerts(store)}
    assert {"raised", "confirmed"} <= set(states.values())
    komando, pengulas = client(settings, "si-komando"), client(settings, "si-pengulas")
    for name, state in states.items():
        seen = state not in ("raised", "in_review", "dismissed")
        assert komando.get(f"/peringatan/{name}").status_code == (200 if seen else 404)
        assert pengulas.get(f"/peringatan/{name}").status_code == 200


def test_a_reviewer_of_one_kecamatan_sees_and_touches_that_alone(settings: Settings) -> None:
    found = client(settings, "setempat")
    with Store(settings.database) as store:
        others = [row["alert_id"] for row in ledger.alerts(store) if not row["code"].startswith("99.01.03")]
    assert others
    token = csrf(found)
    for name in others:
        assert found.get(f"/peringatan/{name}").status_code == 404
        assert found.post(f"/peringatan/{name}/take", headers={"X-CSRF": token}, data={}).status_code == 404


# -- sessions -------------------------------------------------------------------------------------


@pytest.mark.parametrize("secret", ["", "x", "A" * 43, "A" * 5000, "'; DROP TABLE sessions; --" + "A" * 30])
def test_a_forged_session_is_nobody(settings: Settings, secret: str) -> None:
    found = client(settings)
    assert found.get("/", headers={"Cookie": f"sejuk={secret}"}).status_code == 303


def test_a_session_is_only_known_by_its_whole_secret_and_not_by_what_is_stored_of_it(settings: Settings) -> None:
    secret = client(settings, "si-admin").cookies["sejuk"]
    with Store(settings.database) as store:
        stored = [str(value) for row in store.rows("SELECT * FROM sessions") for value in row.values()]
    assert secret not in stored
    for forged in (*(value for value in stored if len(value) >= 20), secret[:-1], secret + "A", secret.swapcase()):
        assert client(settings).get("/", headers={"Cookie": f"sejuk={forged}"}).status_code == 303, forged


def test_other_forged_cookies_change_nothing(settings: Settings) -> None:
    found = client(settings, "si-pembaca")
    for cookie in ("bahasa=../../etc/passwd", "bahasa=<script>", "sejuk_masuk=" + "x" * 5000, "peran=admin"):
        answer = found.get("/sandi", headers={"Cookie": f"sejuk={found.cookies['sejuk']}; {cookie}"})
        assert (answer.status_code, '<html lang="id">' in answer.text) == (200, True), cookie
        assert found.get("/kelola", headers={"Cookie": f"sejuk={found.cookies['sejuk']}; {cookie}"}).status_code == 403


def test_an_admin_ends_the_sessions_of_somebody_and_of_whom_they_bar(settings: Settings) -> None:
    admin = client(settings, "si-admin")
    token = csrf(admin)
    with Store(settings.database) as store:
        users.add(store, "pinjam", [Role.PEMBACA], PASSWORD, "tes", year.NOW)
    for step in ("keluarkan", "larang"):
        lost = client(settings, "pinjam")
        assert lost.get("/sumber").status_code == 200
        assert admin.post(f"/kelola/pengguna/pinjam/{step}", data={"csrf": token}).status_code == 303
        assert lost.get("/sumber").status_code == 303
    with Store(settings.database) as store:
        actions = [row["action"] for row in store.rows("SELECT action FROM audit_log ORDER BY seq DESC LIMIT 3")]
    assert {"sessions revoked", "user disabled"} <= set(actions)


@pytest.mark.parametrize(("after", "status"), [(timedelta(hours=1), 200), (users.IDLE, 303), (users.ABSOLUTE, 303)])
def test_a_session_ends_when_it_is_not_used(settings: Settings, after: timedelta, status: int) -> None:
    secret = client(settings, "si-pembaca").cookies["sejuk"]
    later = client(settings, now=year.NOW + after)
    later.cookies.set("sejuk", secret)
    assert later.get("/sandi").status_code == status


def test_signing_out_ends_the_session_on_the_server(settings: Settings) -> None:
    found = client(settings, "si-pembaca")
    secret = found.cookies["sejuk"]
    assert found.post("/keluar", data={"csrf": csrf(found)}).status_code == 303
    again = client(settings)
    again.cookies.set("sejuk", secret)
    assert again.get("/").status_code == 303


def test_a_person_signs_in_by_the_form_and_is_led_where_they_wanted(settings: Settings) -> None:
    found = client(settings)
    token = csrf(found, "/masuk?ke=/sumber")
    form = {"csrf": token, "nama": "SI-Pembaca ", "sandi": PASSWORD, "ke": "/sumber"}
    answer = found.post("/masuk", data=form)
    assert (answer.status_code, answer.headers["location"]) == (303, "/sumber")
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert found.get("/sumber").status_code == 200


def test_five_wrong_passwords_lock_a_name_and_no_answer_tells_whether_it_exists(tmp_path: Path) -> None:
    own = load_settings(environment={}, home=tmp_path, region=PROJECT / "data" / "regions" / "contoh")
    with Store(own.database) as store:
        users.add(store, "sari", [Role.ADMIN], PASSWORD, "tes", year.NOW)
    found = client(own)
    token = csrf(found, "/masuk")

    def attempt(name: str, password: str) -> tuple[int, str]:
        answer = found.post("/masuk", data={"csrf": token, "nama": name, "sandi": password})
        said = re.search(r'role="alert">([^<]*)', answer.text)
        return answer.status_code, said[1] if said else ""

    assert attempt("sari", "salah") == attempt("bukan-siapa", "salah") == (401, "nama atau kata sandi salah")
    for _ in range(4):
        attempt("sari", "salah")
    assert attempt("sari", PASSWORD)[0] == 429
    later = client(own, now=year.NOW + users.LOCK)
    token = csrf(later, "/masuk")
    assert later.post("/masuk", data={"csrf": token, "nama": "sari", "sandi": PASSWORD}).status_code == 303
    with Store(own.database) as store:
        assert audit.verify(store) is None


def test_a_given_password_must_be_changed_before_anything_else(tmp_path: Path) -> None:
    own = load_settings(environment={}, home=tmp_path, region=PROJECT / "data" / "regions" / "contoh")
    with Store(own.database) as store:
        users.add(store, "sari", [Role.ADMIN], PASSWORD, "tes", year.NOW, must_change=True)
    found = client(own, "sari")
    assert found.get("/kelola").headers["location"] == "/sandi"
    form = {"csrf": csrf(found), "lama": PASSWORD, "baru": "lima-kucing-di-atap", "ulang": "lima-kucing-di-atap"}
    assert found.post("/sandi", data=form | {"baru": "pendek", "ulang": "pendek"}).status_code == 400
    assert found.post("/sandi", data=form).headers["location"] == "/masuk"
    with Store(own.database) as store:
        assert users.check_password(store, "sari", "lima-kucing-di-atap")


@pytest.mark.parametrize(
    "weak", ["pendek", "sari-sari-sari-sari", "password12345", "aaaaaaaaaaaaaaaa", "sejukpassword9"]
)
def test_a_weak_password_is_refused(weak: str) -> None:
    with pytest.raises(users.UserRefused):
        users.check_strength(weak, "sari")


# -- forms and headers ----------------------------------------------------------------------------


@pytest.mark.parametrize("token", [None, "", "0" * 64])
def test_a_form_from_elsewhere_changes_nothing(settings: Settings, token: str | None) -> None:
    found = client(settings, "si-analis")
    form = {"desa": "Karangsejuk", "date": "2026-03-30", "kind": "sambang"} | ({"csrf": token} if token else {})
    assert found.post("/kunjungan", data=form).status_code == 403
    other = csrf(client(settings, "si-komando"))
    assert found.post("/kunjungan", data=form | {"csrf": other}).status_code == 403
    with Store(settings.database) as store:
        assert not store.rows("SELECT 1 FROM visits WHERE day = '2026-03-30' AND kind = 'sambang'")


@pytest.mark.parametrize("path", ["/masuk", "/", "/tidak-ada", "/static/sejuk.css", "/api/v1/desa-days", "/sandi"])
def test_every_answer_carries_the_headers(settings: Settings, path: str) -> None:
    answer = client(settings, "si-pembaca").get(path)
    for name, value in HEADERS.items():
        assert answer.headers[name] == value, name
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    if not path.startswith("/static"):
        assert "style=" not in answer.text
        assert not re.search(r"<script(?![^>]*src=)|\son\w+=", answer.text)


def test_pages_are_kept_by_nobody_and_shipped_files_for_good(settings: Settings) -> None:
    found = client(settings, "si-pembaca")
    page = found.get("/")
    assert page.headers["Cache-Control"] == "no-store"
    for address in re.findall(r'(?:src|href)="(/static/[^"]+)"', page.text):
        answer = found.get(address)
        assert answer.status_code == 200, address
        assert "immutable" in answer.headers["Cache-Control"], address


def test_a_form_that_is_too_large_is_refused(settings: Settings) -> None:
    found = client(settings, "si-analis")
    form = {"csrf": csrf(found), "desa": "x" * 1_100_000, "date": "2026-03-30", "kind": "sambang"}
    assert found.post("/kunjungan", data=form).status_code == 413


@pytest.mark.parametrize(
    "path",
    ["/static/../app.py", "/static/%2e%2e/app.py", "/static/..%2fapp.py", "/static/%2fetc/passwd",
     "/laporan/..%2f..%2fetc", "/desa/..%2f..%2fvar", "/peringatan/..%2f..%2fsejuk.sqlite",
     "/koreksi/berita/..%2f..%2f", "/bahasa/..%2fid",
     "/laporan/2026-03-31%00", "/%2e%2e/%2e%2e/etc/passwd"],
)  # fmt: skip
def test_a_path_that_climbs_out_finds_nothing(settings: Settings, path: str) -> None:
    answer = client(settings, "si-admin").get(path)
    assert answer.status_code in (400, 404), path
    assert "root:" not in answer.text
    assert "create_app" not in answer.text


@pytest.mark.parametrize("name", ["%3Cscript%3Ealert(1)%3C%2Fscript%3E", "'%20OR%201=1--", "x" * 5000])
def test_a_hostile_address_is_not_echoed_as_markup(settings: Settings, name: str) -> None:
    found = client(settings, "si-admin")
    for path in (f"/peringatan/{name}", f"/koreksi/berita/{name}", f"/desa/{name}", f"/?day={name}&suara={name}"):
        answer = found.get(path)
        assert answer.status_code in (200, 404, 405), path
        assert "<script>alert" not in answer.text


HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>"


def test_hostile_words_are_text_on_every_screen(settings: Settings) -> None:
    found = client(settings, "si-admin")
    with Store(settings.database) as store, store.transaction():
        titled = (
            "UPDATE documents SET title = :x, url = 'javascript:alert(' || document_id || ')' WHERE voice = 'press'"
        )
        store.db.execute(titled, {"x": HOSTILE})
        store.db.execute("UPDATE alerts SET words = :x, place = :x", {"x": HOSTILE})
        store.db.execute("UPDATE visits SET outcome = :x, follow_up = :x", {"x": HOSTILE})
        store.db.execute("UPDATE sources SET name = :x, basis = :x", {"x": HOSTILE})
        store.db.execute("UPDATE alerts SET evidence = replace(evidence, 'https://', 'javascript:')")
        name = store.rows("SELECT alert_id FROM alerts WHERE state = 'confirmed' AND evidence <> '[]'")[0]["alert_id"]
        code = store.rows("SELECT code FROM alerts WHERE alert_id = :id", {"id": name})[0]["code"]
        story = store.rows("SELECT story_id FROM stories WHERE voice = 'press' LIMIT 1")[0]["story_id"]
    seen = 0
    for path in ("/", f"/desa/{code}", "/kabupaten/bukti", "/peringatan", f"/peringatan/{name}", "/laporan/2026-03-31",
                 "/kunjungan", "/sumber", "/koreksi", f"/koreksi/berita/{story}", "/kelola", "/data"):  # fmt: skip
        answer = found.get(path)
        assert answer.status_code == 200, path
        seen += "&lt;script&gt;" in answer.text
        assert "<script>alert" not in answer.text, path
        assert "<img" not in answer.text, path
        assert not re.search(r'href="\s*javascript:', answer.text), path
    assert seen >= 6, "the words are shown, as text"


@given(st.text(max_size=60))
def test_nobody_is_led_away_after_signing_in(address: str) -> None:
    kept = _inside(address)
    assert kept.startswith("/")
    assert not kept.startswith(("//", "/\\"))


def test_every_word_has_two_languages_and_every_page_knows_its_words(settings: Settings) -> None:
    assert all(texts["id"] and texts["en"] for texts in words().values())
    found = client(settings, "si-admin")
    found.cookies.set("bahasa", "en")
    assert "Sign out" in found.get("/kelola").text


# -- the screens that write -----------------------------------------------------------------------


def test_a_visit_is_entered_once_however_often_it_arrives_and_names_nobody(settings: Settings) -> None:
    found = client(settings, "si-komando")
    form = {
        "csrf": csrf(found), "desa": "Karangsejuk, Tirta Wening", "date": "2026-03-29", "kind": "mediasi",
        "themes": ["agraria", "pemuda"], "outcome": "Pak Budi Santoso setuju <b>damai</b>", "follow_up": "",
    }  # fmt: skip
    assert [found.post("/kunjungan", data=form).status_code for _ in range(2)] == [303, 303]
    page = found.get("/kunjungan").text
    with Store(settings.database) as store:
        where = {"day": "2026-03-29", "code": "99.01.01.2002"}
        rows = store.rows("SELECT outcome FROM visits WHERE day = :day AND desa_code = :code", where)
    assert [row["outcome"] for row in rows] == ["[warga] setuju <b>damai</b>"]
    assert "Budi" not in page
    assert "&lt;b&gt;damai" in page
    wrong = found.post("/kunjungan", data=form | {"date": "2027-01-01"})
    assert wrong.status_code == 400
    assert "belum terjadi" in wrong.text
    assert "Karangsejuk, Tirta Wening" in wrong.text  # what was typed is not lost


def test_an_alert_goes_through_review_on_the_page(settings: Settings) -> None:
    pengulas = client(settings, "si-pengulas")
    with Store(settings.database) as store:
        name = next(row["alert_id"] for row in ledger.alerts(store, ["raised"]))
    token = csrf(pengulas)

    def step(what: str, note: str = "") -> int:
        return pengulas.post(f"/peringatan/{name}/{what}", data={"csrf": token, "catatan": note}).status_code

    assert step("confirm") == 409  # nothing is skipped
    assert step("take") == 303
    assert step("dismiss") == 409  # without a reason
    assert [step("confirm"), step("told", "lisan kepada Kapolsek"), step("acknowledge"), step("close", "damai")] == [
        303
    ] * 4
    assert "lisan kepada Kapolsek" in pengulas.get(f"/peringatan/{name}").text
    with Store(settings.database) as store:
        assert ledger.alert(store, name)["state"] == "closed"
        read = store.rows("SELECT count(*) AS n FROM audit_log WHERE action = 'read evidence' AND who = 'si-pengulas'")
        assert read[0]["n"] >= 1


def test_every_reading_of_evidence_and_of_the_brief_is_entered_and_no_other(settings: Settings) -> None:
    found = client(settings, "si-analis")
    with Store(settings.database) as store:
        name = store.rows("SELECT alert_id FROM alerts WHERE state = 'confirmed'")[0]["alert_id"]
        story = store.rows("SELECT story_id FROM places WHERE level = 'desa' LIMIT 1")[0]["story_id"]
    noted = {
        "/desa/99.01.01.2002/bukti": ("read evidence", "place"), "/kabupaten/bukti": ("read evidence", "place"),
        f"/peringatan/{name}": ("read evidence", "alert"), f"/koreksi/berita/{story}": ("read evidence", "story"),
        "/laporan/2026-03-31": ("read brief", "day"),
    }  # fmt: skip
    for path, (action, what) in noted.items():
        for _ in range(2):
            before = _entries(settings)
            assert found.get(path).status_code == 200
            last, *_ = new = _entries(settings)
            assert len(new) == len(before) + 1, path
            assert (last["who"], last["action"], what in last["detail"]) == ("si-analis", action, True), path
    before = _entries(settings)
    for path in ("/", "/desa/99.01.01.2002", "/kabupaten", "/peringatan", "/kunjungan", "/sumber", "/koreksi", "/data"):
        assert found.get(path).status_code == 200
    assert _entries(settings) == before


def _entries(settings: Settings) -> list[dict[str, object]]:
    with Store(settings.database, read_only=True) as store:
        assert audit.verify(store) is None
        return store.rows("SELECT who, action, detail FROM audit_log ORDER BY seq DESC")


def test_a_correction_needs_a_second_person_on_the_page_too(settings: Settings) -> None:
    analis, pengulas = client(settings, "si-analis"), client(settings, "si-pengulas")
    with Store(settings.database) as store:
        story = store.rows("SELECT story_id FROM places WHERE level = 'desa' LIMIT 1")[0]["story_id"]
    form = {
        "csrf": csrf(analis),
        "jenis": "place",
        "nilai": "Kec. Bukit Rangkul (99.01.05)",
        "alasan": "teks <i>lain</i>",
    }
    assert analis.post(f"/koreksi/berita/{story}", data=form).status_code == 303
    assert "teks &lt;i&gt;lain" in pengulas.get("/koreksi").text
    assert pengulas.post("/koreksi/1/putus", data={"csrf": csrf(pengulas), "setuju": "true"}).status_code == 303
    with Store(settings.database) as store:
        rows = store.rows("SELECT code FROM places WHERE story_id = :s", {"s": story})
    assert [row["code"] for row in rows] == ["99.01.05"]


def test_an_admin_makes_a_user_whose_password_is_shown_once(settings: Settings) -> None:
    admin = client(settings, "si-admin")
    form = {"csrf": csrf(admin), "nama": "Baru", "peran": ["pembaca"], "kecamatan": ["99.01.01"]}
    made = admin.post("/kelola/pengguna", data=form)
    password = re.search(r"<code>([0-9a-f]{4}(?:-[0-9a-f]{4}){3})</code>", made.text)
    assert password
    assert password[1] not in admin.get("/kelola").text
    assert admin.post("/kelola/pengguna/baru/larang", data={"csrf": form["csrf"]}).status_code == 303
    with Store(settings.database) as store, pytest.raises(users.UserRefused):
        users.sign_in(store, "baru", password[1], "x", year.NOW)
