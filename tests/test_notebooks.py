"""The notebooks are kept executed and light; `pytest --nbmake notebooks` executes them again."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

NOTEBOOKS = sorted(
    (Path(__file__).parents[1] / "notebooks").glob("*.ipynb"), key=lambda path: int(path.name.split("-")[0])
)
MACHINE_PATH = re.compile(r"(?:^|[\s'\"(])(/(?:home|root|tmp|Users|work|opt)/|[A-Z]:\\\\)")


def test_there_are_notebooks():
    assert NOTEBOOKS


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def path(request):
    return request.param


def cells(path, kind):
    return [cell for cell in json.loads(path.read_text("utf-8"))["cells"] if cell["cell_type"] == kind]


def test_begins_with_the_question_that_it_answers(path):
    heading = cells(path, "markdown")[0]["source"][0]
    assert heading.startswith("# ")
    assert heading.strip().endswith("?")


def test_is_executed_from_top_to_bottom_without_an_error(path):
    code = cells(path, "code")
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    assert not [out for cell in code for out in cell["outputs"] if out["output_type"] == "error"]


def test_uses_the_public_names_only(path):
    source = "\n".join("".join(cell["source"]) for cell in cells(path, "code"))
    assert not re.findall(r"(?:\bimport\s+_|\.)_[a-z]\w*", source)


def test_is_light_and_holds_no_path_of_a_machine(path):
    text = path.read_text("utf-8")
    assert len(text) < 1_000_000
    assert not MACHINE_PATH.findall(text)


def test_asks_no_other_machine_for_anything(path):
    shown = [out for cell in cells(path, "code") for out in cell["outputs"]]
    assert not re.findall(r"(?:src|href)=\\?[\"']https?:", json.dumps(shown))


def test_ends_with_two_exercises(path):
    last = "".join(cells(path, "markdown")[-1]["source"])
    exercises = last.split("## Try it yourself")[-1]
    assert re.findall(r"^(\d)\. ", exercises, re.MULTILINE) == ["1", "2"]
    assert json.loads(path.read_text("utf-8"))["cells"][-1]["cell_type"] == "markdown"


def is_hidden(cell):
    """Whether neither the site nor Jupyter shows what a cell does: it holds what the text says to what comes out."""
    kept = cell["metadata"].get("tags", []), cell["metadata"].get("jupyter", {})
    return kept == (["remove-cell"], {"source_hidden": True})


def test_holds_one_idea_in_ten_to_twenty_cells(path):
    shown = [cell for cell in json.loads(path.read_text("utf-8"))["cells"] if not is_hidden(cell)]
    assert 10 <= len(shown) <= 20


def test_asserts_what_its_text_says_where_nobody_has_to_read_it(path):
    holds = [
        cell for cell in cells(path, "code") if re.search(r"^assert ", "".join(cell["source"]), re.MULTILINE)
    ]
    assert len(holds) >= 3
    assert all(is_hidden(cell) and not cell["outputs"] for cell in holds)


def test_the_first_lesson_begins_with_what_one_types_into():
    first = cells(NOTEBOOKS[0], "code")[0]
    assert "".join(first["source"]).endswith("qalens.explore(reader)")
    assert any("text/html" in out.get("data", {}) for out in first["outputs"])


def test_the_numbers_run_without_a_gap():
    assert [int(path.name.split("-")[0]) for path in NOTEBOOKS] == list(range(1, len(NOTEBOOKS) + 1))
