"""One run at a time, whatever becomes of the one before."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.lock import AlreadyRunning, one_run

HOLD = """
import sys, time, pathlib
from pipelines.lock import one_run
with one_run(pathlib.Path(sys.argv[1]), "once"):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_run_is_told_who_is_at_work_and_a_killed_one_leaves_the_lock_open(tmp_path: Path) -> None:
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(AlreadyRunning, match=rf"`once` \(process {holder.pid}\) is at work"), one_run(tmp_path, "run"):
        pass
    os.kill(holder.pid, signal.SIGKILL)
    holder.communicate()
    with one_run(tmp_path, "run"):
        pass
