"""The notebooks run top to bottom, draw what they say, and store no outputs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from benchmarks import year
from pipelines.config import PROJECT, load_settings

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")
pytest.importorskip("matplotlib")
NOTEBOOKS = sorted((PROJECT / "notebooks").glob("*.ipynb"))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("notebooks")
    year.fill(
        load_settings(environment={}, home=folder, region=PROJECT / "data" / "regions" / "contoh"),
        days=40, stories_a_day=12,
    )  # fmt: skip
    return folder


@pytest.mark.filterwarnings("default")  # the kernel's own
@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda file: file.stem)
def test_it_runs_and_draws(file: Path, home: Path) -> None:
    notebook = nbformat.read(file, as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells), "strip its outputs"
    env = os.environ | {"SEJUK_NOTEBOOK_HOME": str(home), "MPLBACKEND": "module://matplotlib_inline.backend_inline"}
    resources = {"metadata": {"path": str(PROJECT / "notebooks")}}
    client = nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3", resources=resources)
    client.execute(env=env)
    kinds = {kind for cell in notebook.cells for output in cell.get("outputs", ()) for kind in output.get("data", ())}
    assert kinds & {"image/png", "image/svg+xml"}


def test_there_are_five() -> None:
    assert [file.stem[:2] for file in NOTEBOOKS] == ["01", "02", "03", "04", "05"]
