"""A run that is killed at random moments, again and again, ends as if nothing had happened."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

KILL = Path(__file__).parents[2] / "benchmarks" / "kill.py"


# With processes it is the one that drives them that is killed; they have to end with it.
@pytest.mark.parametrize(("engine", "kills"), [("loop", 8), ("processes", 3)])
def test_a_run_that_is_killed_at_random_moments_loses_and_doubles_nothing(engine, kills):
    counts = ["--kills", str(kills), "--questions", "64", "--seed", "3"]
    done = subprocess.run(
        [sys.executable, str(KILL), "--engine", engine, *counts],
        capture_output=True,
        text=True,
        timeout=900,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    said = done.stdout.splitlines()[-1]
    runs = re.search(
        rf"{kills} kills \(.*\) over (\d+) runs .*: 0 rows lost, 0 doubled, (\d+) of (\d+) byte-identical",
        said,
    )
    assert runs is not None, said
    assert runs[1] == runs[2] == runs[3]
    assert int(runs[1]) >= 1
