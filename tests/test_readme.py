"""The README is true: its example prints what stands below it, its main job what it shows, and its links lead somewhere."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest
from shown_pictures import same_up_to_the_last_digit

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).parents[1]
README = (REPOSITORY / "README.md").read_text("utf-8")


def block(before):
    """The code block after a line."""
    return README.split(before, 1)[1].split("\n```", 1)[1].split("\n", 1)[1].split("```", 1)[0].rstrip("\n")


def test_the_example_prints_what_stands_below_it(capsys):
    exec(compile(block("## In a notebook"), "README.md", "exec"), {"__name__": "__main__"})
    same_up_to_the_last_digit(capsys.readouterr().out.rstrip("\n"), block("<!-- output -->"))


def test_the_main_job_prints_what_is_shown(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "qalens"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    shown = block("same as a picture:")
    *lines, page = done.stdout.strip().splitlines()
    *expected, shown_page = shown.splitlines()
    same_up_to_the_last_digit("\n".join(lines), "\n".join(expected))
    assert page.endswith(shown_page.split("…")[1])
    assert (tmp_path / "qalens-reading.html").stat().st_size > 10_000


@pytest.fixture(scope="module")
def writer():
    """The module that writes the outputs anew; docs/ is no package."""
    spec = importlib.util.spec_from_file_location("readme_writer", REPOSITORY / "docs" / "readme.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_outputs_are_written_where_they_stand(writer):
    printed, shown = block("<!-- output -->"), block("same as a picture:")
    assert writer.with_outputs(README, f"{printed}\n", f"{shown}\n") == README
    changed = writer.with_outputs(README, "\\1 one\n", "two\n")
    assert changed == README.replace(printed, "\\1 one").replace(shown, "two")


def test_a_readme_without_a_place_for_an_output_is_refused(writer):
    with pytest.raises(ValueError, match="0 places"):
        writer.with_outputs(README.replace("<!-- output -->", ""), "", "")


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\((?!https?:)([^)#]+)", README))))
def test_a_link_leads_to_a_file(link):
    assert (REPOSITORY / link).exists()
