"""Delivery: only what was confirmed leaves, to whom it concerns, once; nothing is lost whatever the channel does."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from apprise.plugins.telegram import NotifyTelegram
from hypothesis import given
from hypothesis import strategies as st

from analysis.errors import ConfigError
from pipelines import deliver, ledger
from pipelines.config import PROJECT, DeliverySettings, Recipient, Settings, load_settings
from pipelines.store import Store
from tests.test_ledger import NAME, enter, found

NOON = datetime(2025, 5, 26, 5, 0, tzinfo=UTC)  # 12.00 in the region
NIGHT = datetime(2025, 5, 26, 15, 0, tzinfo=UTC)  # 22.00
KANIT = Recipient("kanit", "SEJUK_SECRET_KANIT", kecamatan=("99.01.01",))
KAPOLRES = Recipient("kapolres", "SEJUK_SECRET_KAPOLRES")
ELSEWHERE = Recipient("jauh", "SEJUK_SECRET_JAUH", kecamatan=("99.01.02",))


class Hook(BaseHTTPRequestHandler):
    """A webhook receiver that answers as it is told."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        answer = self.server.answers.pop(0) if self.server.answers else 200  # type: ignore[attr-defined]
        if answer == "reset":
            self.connection.close()
            return
        self.server.taken.append(json.loads(body))  # type: ignore[attr-defined]
        self.send_response(answer)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def hook() -> Iterator[Any]:
    server: Any = ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    server.answers, server.taken = [], []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "sejuk.sqlite") as opened:
        enter(opened, found())
        ledger.take(opened, NAME, "Sari", NOON)
        yield opened


def confirmed(store: Store) -> Store:
    ledger.confirm(store, NAME, "Sari", NOON)
    return store


def settings(tmp_path: Path, *to: Recipient, **rules: Any) -> Settings:
    base = load_settings(environment={}, home=tmp_path, region=PROJECT / "data" / "regions" / "contoh")
    return replace(base, delivery=replace(DeliverySettings(recipient=to), **rules))


def run(settings: Settings, store: Store, now: datetime, hook: Any) -> deliver.Outcome:
    address = f"json://127.0.0.1:{hook.server_address[1]}/rahasia-1234"
    channels = dict.fromkeys(("SEJUK_SECRET_KANIT", "SEJUK_SECRET_KAPOLRES", "SEJUK_SECRET_JAUH"), address)
    return deliver.deliver(settings, store, now, channels)


def test_only_a_confirmed_alert_leaves_and_only_to_whom_it_concerns(tmp_path: Path, store: Store, hook: Any) -> None:
    rules = settings(tmp_path, KANIT, KAPOLRES, ELSEWHERE)
    assert run(rules, store, NOON, hook).sent == 0  # in review
    assert run(rules, confirmed(store), NOON, hook).sent == 2
    assert run(rules, store, NOON, hook).sent == 0  # once
    assert {row["recipient"] for row in deliver.receipts(store, NAME)} == {"kanit", "kapolres"}
    assert ledger.alert(store, NAME)["state"] == "delivered"
    message = hook.taken[0]
    assert message["title"].startswith("Peringatan merah: Karangsejuk")
    for words in ("10 laporan tegang", "Untuk dialog", "satu sumber diam", NAME):
        assert words in message["message"]


def test_an_unreachable_channel_loses_nothing_and_stops_nobody(tmp_path: Path, store: Store, hook: Any) -> None:
    rules = settings(tmp_path, KANIT, KAPOLRES, retry_minutes=5)
    hook.answers[:] = [500, 200]
    assert run(rules, confirmed(store), NOON, hook) == deliver.Outcome(2, 1, 0, 1, 0)
    assert run(rules, store, NOON + timedelta(minutes=4), hook).sent == 0  # too early
    hook.answers[:] = ["reset"]
    assert run(rules, store, NOON + timedelta(minutes=6), hook).waiting == 1
    assert run(rules, store, NOON + timedelta(minutes=12), hook).sent == 0  # the wait doubles
    assert run(rules, store, NOON + timedelta(minutes=17), hook) == deliver.Outcome(0, 1, 0, 0, 0)


def test_after_the_last_attempt_it_is_failed_and_says_why_without_the_secret(
    tmp_path: Path, store: Store, hook: Any
) -> None:
    rules = settings(tmp_path, KANIT, attempts=2, retry_minutes=1)
    hook.answers[:] = [503, 503]
    run(rules, confirmed(store), NOON, hook)
    assert run(rules, store, NOON + timedelta(minutes=2), hook).failed == 1
    (row,) = deliver.listed(store)
    assert row["state"] == "failed"
    assert row["last_error"]
    assert "rahasia" not in json.dumps(store.rows("SELECT * FROM deliveries"))


def test_the_words_of_a_sent_message_go_with_age_and_its_receipt_stays(tmp_path: Path, store: Store, hook: Any) -> None:
    run(settings(tmp_path, KANIT), confirmed(store), NOON, hook)
    assert (deliver.purge(store, NOON), deliver.purge(store, NOON + timedelta(days=30))) == (0, 1)
    assert deliver.receipts(store, NAME)[0]["state"] == "sent"
    assert store.rows("SELECT body FROM deliveries") == [{"body": ""}]


def test_a_missing_variable_is_named_and_tried_again(tmp_path: Path, store: Store) -> None:
    outcome = deliver.deliver(settings(tmp_path, KANIT), confirmed(store), NOON, {})
    assert outcome.waiting == 1
    assert deliver.receipts(store, NAME)[0]["last_error"] == "variabel SEJUK_SECRET_KANIT belum diisi"


def test_a_run_that_was_killed_before_marking_sends_again_and_never_loses(tmp_path: Path, store: Store) -> None:
    class Killed(BaseException):
        pass

    def dies(address: str, title: str, body: str) -> str:
        raise Killed

    rules, channels = settings(tmp_path, KANIT), {"SEJUK_SECRET_KANIT": "json://127.0.0.1:9"}
    with pytest.raises(Killed):
        deliver.deliver(rules, confirmed(store), NOON, channels, dies)
    sent: list[str] = []
    with Store(store.path) as again:
        deliver.deliver(rules, again, NOON, channels, lambda address, title, body: sent.append(title) or "")
    assert len(sent) == 1


def test_the_brief_waits_for_morning_and_a_red_alert_does_not(tmp_path: Path, store: Store, hook: Any) -> None:
    rules = settings(tmp_path, KANIT)
    deliver.queue_brief(rules, confirmed(store), date(2025, 5, 26), "isi", NIGHT)
    assert run(rules, store, NIGHT, hook) == deliver.Outcome(1, 1, 1, 0, 0)
    assert hook.taken[0]["title"].startswith("Peringatan merah")
    morning = datetime(2025, 5, 26, 22, 0, tzinfo=UTC)  # 05.00 of the next day
    assert run(rules, store, morning - timedelta(minutes=1), hook).sent == 0
    assert run(rules, store, morning, hook).sent == 1
    assert hook.taken[1]["title"] == "Laporan harian 26 Mei 2025"


def test_over_the_daily_cap_the_rest_goes_the_next_day(tmp_path: Path, store: Store, hook: Any) -> None:
    rules = settings(tmp_path, KANIT, daily_cap=1)
    confirmed(store)
    deliver.queue_brief(rules, store, date(2025, 5, 26), "isi", NOON)
    assert run(rules, store, NOON, hook) == deliver.Outcome(1, 1, 1, 0, 0)
    assert "Peringatan" in hook.taken[0]["title"]  # red first
    assert run(rules, store, NOON + timedelta(hours=8), hook).sent == 0
    assert run(rules, store, NOON + timedelta(hours=18), hook).sent == 1


def test_an_alert_arrives_by_a_real_mail_server(tmp_path: Path, store: Store) -> None:
    letters: list[bytes] = []

    class Keeper:
        async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 (the library's name)
            letters.append(envelope.content)
            return "250 OK"

    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    controller = Controller(Keeper(), hostname="127.0.0.1", port=port)
    controller.start()
    try:
        address = f"mailto://127.0.0.1:{port}?from=sejuk@contoh.invalid&to=kanit@contoh.invalid&mode=insecure"
        outcome = deliver.deliver(settings(tmp_path, KANIT), confirmed(store), NOON, {"SEJUK_SECRET_KANIT": address})
    finally:
        controller.stop()
    assert outcome.sent == 1
    assert b"Peringatan" in letters[0]
    assert b"kanit@contoh.invalid" in letters[0]


TELEGRAM = os.environ.get("TELEGRAM_TEST_API", "")  # folder of the npm package telegram-test-api
EMULATOR = """
const Server = require(process.argv[1]); const server = new Server({port: Number(process.argv[2])});
server.start().then(() => console.log('ready'));
process.stdin.on('data', () => console.log(JSON.stringify(server.storage.botMessages.map((m) => m.message))));
"""


@pytest.mark.skipif(not TELEGRAM, reason="TELEGRAM_TEST_API names no folder of the npm package telegram-test-api")
def test_an_alert_arrives_at_a_telegram_server(tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    # The plugin knows one host; its address alone is changed, everything else is the plugin's own.
    monkeypatch.setattr(NotifyTelegram, "notify_url", f"http://127.0.0.1:{port}/bot")
    command = ["node", "-e", EMULATOR, TELEGRAM, str(port)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as emulator:
        try:
            assert emulator.stdin is not None
            assert emulator.stdout is not None
            assert emulator.stdout.readline().strip() == "ready"
            channels = {"SEJUK_SECRET_KANIT": "tgram://123456789:abcdefg_hijklmnop/4711"}
            outcome = deliver.deliver(settings(tmp_path, KANIT), confirmed(store), NOON, channels)
            emulator.stdin.write("x\n")
            emulator.stdin.flush()
            (message,) = json.loads(emulator.stdout.readline())
        finally:
            emulator.kill()
    assert outcome.sent == 1
    assert str(message["chat_id"]) == "4711"
    assert "10 laporan tegang" in message["text"]


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ('[[delivery.recipient]]\nid = "a"\nchannel = "tgram://1:2/3"\n', "names a variable SEJUK_SECRET_"),
        ('[[delivery.recipient]]\nchannel = "SEJUK_SECRET_A"\n', "needs an id of its own"),
        (
            '[[delivery.recipient]]\nid = "a"\nchannel = "SEJUK_SECRET_A"\nto = 1\n',
            "delivery.recipient.to: unknown key",
        ),
        ('[[delivery.recipient]]\nid = "a"\nchannel = "SEJUK_SECRET_A"\nwhat = ["all"]\n', "choose alerts, brief"),
        ("[delivery]\ndaily_cap = 0\n", "delivery.daily_cap: must be at least 1"),
    ],
)
def test_a_wrong_recipient_is_refused_by_its_key(written: str, words: str, tmp_path: Path) -> None:
    file = tmp_path / "sejuk.toml"
    file.write_text(written, encoding="utf-8")
    with pytest.raises(ConfigError) as refused:
        load_settings(file, environment={})
    assert words in str(refused.value)


@given(st.from_regex(r"[a-z]{3,8}://[A-Za-z0-9]{5,12}:[A-Za-z0-9_-]{6,20}@[a-z.]{4,12}/[0-9]{5,10}", fullmatch=True))
def test_no_part_of_an_address_that_could_be_a_secret_survives(address: str) -> None:
    secret = address.split(":")[2].split("@")[0]
    if not secret.isalpha():
        assert secret not in deliver.redact(f"failed: {address} ({secret})", address)


@pytest.mark.parametrize(("now", "quiet"), [(time(13), True), (time(15), False), (time(12, 59), False)])
def test_quiet_hours_may_lie_within_a_day(now: time, quiet: bool) -> None:
    rules = DeliverySettings(quiet_from=time(13), quiet_until=time(15))
    assert deliver.in_quiet_hours(rules, now) is quiet
