"""Real servers for the tests, each on loopback, in a folder of its own, ended with its test."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.crawling import PROJECT

IS_ROOT = os.geteuid() == 0


def _postgres_folder() -> str:
    """Return where PostgreSQL's programs lie, "" where it is not installed."""
    if found := shutil.which("initdb"):
        return str(Path(found).parent)
    return max((str(path) for path in Path("/usr/lib/postgresql").glob("*/bin")), default="")


def need(*programs: str) -> None:
    """Skip the module where a program is missing; where all are promised, fail."""
    missing = [name for name in programs if not (_postgres_folder() if name == "postgres" else shutil.which(name))]
    if missing and os.environ.get("REQUIRE_SYSTEM") == "1":
        pytest.fail(f"REQUIRE_SYSTEM=1, but {', '.join(missing)} not installed", pytrace=False)
    if missing:
        pytest.skip(f"{', '.join(missing)} not installed", allow_module_level=True)


def free_port() -> int:
    """Return a port that nobody holds now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def wait_for(port: int, process: subprocess.Popen[Any], seconds: float = 30) -> None:
    """Wait until somebody answers at a port."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        if process.poll() is not None:
            break
        time.sleep(0.05)
    raise RuntimeError(f"nothing answers at port {port}: {process.args!r}")


@contextmanager
def running(command: Sequence[Any], **more: Any) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server in a group of its own until the block ends."""
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "start_new_session": True, "cwd": PROJECT}
    process = subprocess.Popen([str(each) for each in command], **(quiet | more))
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def redis(folder: Path) -> Iterator[str]:
    """Yield the address of an empty Redis."""
    port = free_port()
    command = ["redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "", "--dir", folder]
    with running(command) as process:
        wait_for(port, process)
        yield f"redis://127.0.0.1:{port}/0"


@contextmanager
def scrapyd(folder: Path, environment: Mapping[str, str]) -> Iterator[str]:
    """Yield the address of a Scrapyd that runs this project's jobs."""
    port = free_port()
    lines = ["[scrapyd]", f"http_port = {port}", "username = sejuk", "password = r@hasia", "poll_interval = 0.5"]
    lines += ["max_proc = 2", "runner = pipelines.crawl_job", "[settings]", "sejuk = crawlers.settings"]
    folder.mkdir()
    (folder / "scrapyd.conf").write_text("\n".join(lines), encoding="utf-8")
    seen = {**os.environ, "PYTHONPATH": str(PROJECT), **environment}
    with running([sys.executable, "-m", "scrapyd"], cwd=folder, env=seen) as process:
        wait_for(port, process)
        yield f"http://sejuk:r%40hasia@127.0.0.1:{port}"


@contextmanager
def postgres(folder: Path) -> Iterator[str]:
    """Yield the address of an empty PostgreSQL database; it refuses root, so there it runs as its own user."""
    port, programs, owner = free_port(), Path(_postgres_folder()), "postgres" if IS_ROOT else None
    home = folder / "pg"
    home.mkdir()
    if IS_ROOT:
        shutil.chown(home, "postgres")
        for parent in home.parents:  # its user has to reach it
            if parent.stat().st_uid == 0 and parent.is_relative_to("/tmp") and parent != Path("/tmp"):
                parent.chmod(parent.stat().st_mode | 0o011)
    make = [programs / "initdb", "-D", home / "data", "-U", "sejuk", "--auth=trust", "-E", "UTF8", "-N", "--locale=C"]
    subprocess.run(make, check=True, capture_output=True, user=owner, cwd=home)
    settings = {"listen_addresses": "127.0.0.1", "fsync": "off", "unix_socket_directories": home}
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    command = [programs / "postgres", "-D", home / "data", "-p", port, *options]
    with running(command, user=owner, cwd=home) as process:
        wait_for(port, process)
        yield f"postgresql://sejuk@127.0.0.1:{port}/postgres"


@contextmanager
def dask_cluster(workers: int) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """Yield the address of a scheduler and its workers, each a process with one thread."""
    port = free_port()
    address = f"tcp://127.0.0.1:{port}"
    dask = [sys.executable, "-m", "dask"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "30s"}
    with ExitStack() as stack:
        scheduler = [*dask, "scheduler", "--host", "127.0.0.1", "--port", port, "--no-dashboard", "--no-show"]
        wait_for(port, stack.enter_context(running(scheduler, env=environment)))
        bare = ["--no-nanny", "--no-dashboard", "--nthreads", "1", "--host", "127.0.0.1"]
        command = [*dask, "worker", address, *bare]
        yield address, [stack.enter_context(running(command, env=environment)) for _ in range(workers)]
