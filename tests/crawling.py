"""Run the real crawler as its users do, and read what it left."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from crawlers.items import RawDocument
from crawlers.spool import read_spool

PROJECT = Path(__file__).resolve().parent.parent


def peak_memory(process: subprocess.Popen[str], timeout: float) -> tuple[float, str]:
    """Wait for a process; return the most memory it held, in MB, as the kernel counts it, and its standard error."""
    peak = [0.0]

    def watch() -> None:
        while process.returncode is None:
            with suppress(OSError):  # it has ended
                status = Path(f"/proc/{process.pid}/status").read_text(encoding="utf-8")
                if found := re.search(r"VmHWM:\s+(\d+) kB", status):
                    peak[0] = max(peak[0], int(found[1]) / 1024)
            time.sleep(0.02)

    watching = threading.Thread(target=watch)
    watching.start()
    _, said = process.communicate(timeout=timeout)
    watching.join()
    return peak[0], said


@dataclass(frozen=True)
class Crawl:
    """A folder in which runs follow each other."""

    folder: Path
    hosts: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def sources(self) -> Path:
        return self.folder / "sources.toml"

    def declare(self, *entries: dict[str, Any]) -> None:
        """Write sources.toml; what an entry leaves out is filled in."""
        base = {"name": "Portal Uji", "voice": "press", "basis": "uji", "enabled": True, "delay": 0}
        lines = []
        for entry in entries:
            lines.append("[[source]]")
            for key, value in (base | entry).items():
                if isinstance(value, dict):
                    inner = ", ".join(f"{each} = {json.dumps(text)}" for each, text in value.items())
                    lines.append(f"{key} = {{ {inner} }}")
                else:
                    lines.append(f"{key} = {json.dumps(value)}")
        self.sources.write_text("\n".join(lines), encoding="utf-8")

    def command(self, run_id: str, *more: str) -> list[str]:
        line = [sys.executable, "-m", "crawlers", "crawl", "--run-id", run_id, "--sources", str(self.sources)]
        line += ["--state", str(self.folder / "state.sqlite"), "--spool", str(self.folder / "spool")]
        line += ["--summary", str(self.folder / f"{run_id}.json"), "--author-salt-env", "UJI_SALT", *more]
        for host in self.hosts:
            line += ["--allow-host", host]
        return line

    def start(self, run_id: str, *more: str) -> subprocess.Popen[str]:
        environment = {**os.environ, "UJI_SALT": "rahasia", "PYTHONWARNINGS": "default", **self.environment}
        return subprocess.Popen(
            self.command(run_id, *more), cwd=PROJECT, env=environment, stderr=subprocess.PIPE, text=True
        )

    def run(self, run_id: str, *more: str) -> dict[str, dict[str, Any]]:
        """Crawl to the end; returns the summary's entries by source id."""
        return self.measured(run_id, *more)[0]

    def measured(self, run_id: str, *more: str) -> tuple[dict[str, dict[str, Any]], float]:
        """Crawl to the end; returns the summary's entries by source id, and the most memory it held, in MB."""
        process = self.start(run_id, *more)
        peak, said = peak_memory(process, 240)
        assert process.returncode == 0, said
        summary = json.loads((self.folder / f"{run_id}.json").read_text(encoding="utf-8"))
        assert summary["run_id"] == run_id
        return {entry["source_id"]: entry for entry in summary["sources"]}, peak

    def forget_pauses(self) -> None:
        """Let the time pass for which sources are left alone."""
        with closing(sqlite3.connect(self.folder / "state.sqlite")) as state, state:
            state.execute("UPDATE sources SET paused_until = NULL")

    def let_time_pass(self) -> None:
        """Let what failed be due again."""
        with closing(sqlite3.connect(self.folder / "state.sqlite")) as state, state:
            state.execute("UPDATE urls SET retry_at = '' WHERE retry_at IS NOT NULL")

    def addresses(self, source_id: str = "*") -> Counter[str]:
        """Return how often each address stands in the spool."""
        return Counter(document.url for document in self.documents(source_id))

    def documents(self, source_id: str = "*") -> list[RawDocument]:
        """Return all that stands in the spool, oldest first."""
        paths = sorted((self.folder / "spool").glob(f"{source_id}/*.jsonl.gz"))
        found = [document for path in paths for document in read_spool(path)]
        return sorted(found, key=lambda document: document.fetched_at)
