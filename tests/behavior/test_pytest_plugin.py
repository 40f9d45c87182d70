"""In pytest an assertion about a failure rate quotes cases."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

HERE = Path(__file__).parent
ASSERTION = """
import sys
sys.path.insert(0, {here!r})
from rule_readers import SABOTEURS, RuleReader
from qalens import behavior


def test_negation():
    report = behavior.run(RuleReader(SABOTEURS["negation"]), tests=["negation"])
    assert report["negation"].failure_rate.high < 0.1
"""


def test_a_failed_assertion_quotes_three_cases(tmp_path) -> None:
    file = tmp_path / "test_mine.py"
    file.write_text(ASSERTION.format(here=str(HERE)))
    loaded = (
        []
        if any(one.name == "qalens" for one in entry_points(group="pytest11"))
        else ["-p", "qalens.behavior.pytest_plugin"]
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *loaded, str(file)]
    said = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=240).stdout
    assert "1 failed" in said
    assert "assert 1.0 < 0.1" in said
    assert said.count("expected: ") == 3
    assert "Who is " in said
