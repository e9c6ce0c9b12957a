"""The structure that design promises: imports point down, start-up stays light, no person is profiled."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
from sqlite_utils import Database

from pipelines.migrations import schema

ROOT = Path(__file__).resolve().parent.parent
ALLOWED = {
    "analysis": {"analysis"},
    "crawlers": {"crawlers"},
    "pipelines": {"pipelines", "analysis"}
    | {f"crawlers.{name}" for name in ("items", "sources", "spool", "errors", "privacy")},
    "dashboard": {"dashboard", "pipelines", "analysis"},
    "commands": {"commands", "dashboard", "pipelines", "analysis"},
    "run_monitor": {"commands", "analysis.errors"},
}
ROOMS = ("analysis", "crawlers", "pipelines", "dashboard", "commands")


def _imports(file: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names if node.module in ROOMS}
    return {name for name in names if name.split(".")[0] in (*ROOMS, "benchmarks", "tests", "run_monitor")}


def _files() -> list[tuple[str, Path]]:
    rooms = [(room, file) for room in ROOMS for file in sorted((ROOT / room).rglob("*.py"))]
    return [*rooms, ("run_monitor", ROOT / "run_monitor.py")]


@pytest.mark.parametrize(("room", "file"), _files(), ids=lambda value: getattr(value, "stem", value))
def test_imports_point_down(room: str, file: Path) -> None:
    allowed = ALLOWED[room]
    upward = {
        name
        for name in _imports(file)
        if not any(name == base or name.startswith(f"{base}.") for base in allowed)
        and not (room == "pipelines" and name == "crawlers")
    }
    assert not upward, f"{file.relative_to(ROOT)} imports {sorted(upward)}"


def test_starting_the_command_loads_neither_torch_nor_transformers() -> None:
    code = (
        "import sys, run_monitor; print([m for m in ('torch', 'transformers', 'pandas', 'scrapy') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_the_page_stays_small() -> None:
    heavy = (
        "scipy.optimize",
        "scipy.stats",
        "onnxruntime",
        "transformers",
        "scrapy",
        "trafilatura",
        "openpyxl",
        "fpdf",
    )
    code = f"import sys, dashboard.app as a; a.load_screens(); print([m for m in {heavy} if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_only_training_may_import_torch() -> None:
    users = {
        file.name
        for _, file in _files()
        if any(line.strip().startswith(("import torch", "from torch")) for line in file.read_text().splitlines())
    }
    assert all(name.startswith("training") for name in users), users


def test_no_code_names_the_region() -> None:
    named = [
        str(file.relative_to(ROOT))
        for _, file in _files()
        if re.search(r"18\.09|pesawaran", file.read_text(encoding="utf-8"), re.IGNORECASE)
        if file.name not in ("config.py", "run_monitor.py")  # the default region and its help text
    ]
    assert not named


def test_the_schema_holds_no_column_for_a_person() -> None:
    database = Database(memory=True)
    schema.apply(database)
    forbidden = {
        "author",
        "author_name",
        "name_author",
        "handle",
        "avatar",
        "email",
        "phone",
        "nik",
        "profile",
        "username",
    }
    for table in database.tables:
        assert not forbidden & {column.name for column in table.columns}, table.name
    assert {"author_hash"} == {c.name for c in database["documents"].columns if "author" in c.name}
