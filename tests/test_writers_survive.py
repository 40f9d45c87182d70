"""Every writer of files is killed at random moments, and what stands there is always whole."""

from __future__ import annotations

import importlib.util
import os
import random
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "kill_writers.py"
WRITERS = 10


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the writers are forked")
@pytest.mark.slow
def test_no_writer_that_is_killed_leaves_half_a_file(tmp_path):
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--kills", "3", "--seed", "5"],
        capture_output=True,
        text=True,
        timeout=600,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(re.findall(r"3 kills, 3 times whole$", done.stdout, flags=re.MULTILINE)) == WRITERS


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the writers are forked")
def test_a_writer_in_place_would_be_found_out(tmp_path, monkeypatch):
    spec = importlib.util.spec_from_file_location("kill_writers", SCRIPT)
    kill_writers = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "kill_writers", kill_writers)
    spec.loader.exec_module(kill_writers)

    def in_place(content, path):
        with path.open("wb") as file:
            for _ in range(40):
                file.write(content)
                file.flush()
                time.sleep(0.005)  # so slow that a kill falls into it also where the child comes late

    versions = tuple(lambda path, one=one: in_place(one, path) for one in (b"a" * 1000, b"b" * 1000))
    case = kill_writers.Case(versions, Path.read_bytes)
    seen = kill_writers.torment("in place", case, tmp_path, 8, random.Random(0))
    assert seen["mixed"] >= 1
