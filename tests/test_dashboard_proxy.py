"""The page behind a TLS proxy, set up as docs/halaman.md says."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from benchmarks import browser, year
from pipelines import users
from pipelines.config import PROJECT, load_settings
from pipelines.store import Store
from pipelines.users import Role

NGINX = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
pytestmark = pytest.mark.skipif(
    not (NGINX and shutil.which("openssl")) and not os.environ.get("REQUIRE_SYSTEM"), reason="needs nginx and openssl"
)
AROUND = """daemon off; pid {folder}/pid; error_log {folder}/error.log;
events {{}}
http {{ access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
{server} }}"""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


@pytest.fixture
def through_nginx(tmp_path: Path) -> Iterator[str]:
    """The page's address through nginx with the configuration of the documentation, its names and ports replaced."""
    settings = load_settings(environment={}, home=tmp_path / "home", region=PROJECT / "data" / "regions" / "contoh")
    with Store(settings.database) as store:
        users.add(store, "sari", [Role.ADMIN], browser.PASSWORD, "tes", year.NOW)
    key, certificate, port = tmp_path / "sejuk.key", tmp_path / "sejuk.pem", free_port()
    made = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=sejuk.contoh.id"
    subprocess.run([*made.split(), "-keyout", key, "-out", certificate], check=True, capture_output=True)
    documented = (PROJECT / "docs" / "halaman.md").read_text(encoding="utf-8")
    found = re.search(r"^server \{.*?^\}", documented, re.S | re.M)
    assert found
    with browser.served(settings, lambda: year.NOW) as address:
        server = found[0].replace("/etc/ssl/sejuk.key", str(key)).replace("/etc/ssl/sejuk.pem", str(certificate))
        server = server.replace("listen 443", f"listen 127.0.0.1:{port}").replace(
            "127.0.0.1:8787", urlsplit(address).netloc
        )
        (tmp_path / "nginx.conf").write_text(AROUND.format(folder=tmp_path, server=server))
        with subprocess.Popen([str(NGINX), "-c", tmp_path / "nginx.conf", "-e", tmp_path / "error.log"]) as process:
            try:
                for _ in range(100):
                    try:
                        socket.create_connection(("127.0.0.1", port), 1).close()
                        break
                    except OSError:
                        time.sleep(0.05)
                yield f"https://127.0.0.1:{port}"
            finally:
                process.terminate()


def test_behind_tls_the_session_only_travels_encrypted_and_leads_back_to_the_same_host(through_nginx: str) -> None:
    with httpx.Client(base_url=through_nginx, verify=False, headers={"Host": "sejuk.contoh.id"}) as client:
        shown = client.get("/masuk")
        assert shown.status_code == 200
        token = re.findall(r'name="csrf" value="(\w+)"', shown.text)[0]
        before = shown.headers["set-cookie"]
        assert "Secure" in before
        form = {"csrf": token, "nama": "sari", "sandi": browser.PASSWORD}
        cookie = {"Cookie": before.split(";")[0]}
        answer = client.post("/masuk", data=form, headers=cookie)
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        session = next(each for each in answer.headers.get_list("set-cookie") if each.startswith("sejuk="))
        assert "Secure" in session
        assert "HttpOnly" in session
        inside = client.get("/kelola", headers={"Cookie": session.split(";")[0]})
        assert inside.status_code == 200
        assert inside.headers["content-security-policy"].startswith("default-src 'none'")
