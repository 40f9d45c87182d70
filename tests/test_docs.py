"""The Python in the pages runs: every block of a page, one after the other, in one namespace and an empty folder."""

from __future__ import annotations

import importlib.util
import os
import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(text: str) -> list[tuple[int, str]]:
    """The Python blocks of a Markdown text, each with the line on which its code begins."""
    return [(text.count("\n", 0, found.start(1)) + 1, found[1]) for found in BLOCK.finditer(text)]


def run(path: Path) -> None:
    """Run the blocks of a page; an error names the page and its line."""
    namespace: dict[str, object] = {"__name__": "__main__"}
    for line, code in blocks(path.read_text("utf-8")):
        # Blank lines above, so that a traceback counts as the page does.
        exec(compile("\n" * (line - 1) + code, str(path), "exec"), namespace)


PAGES = [path for path in sorted((REPOSITORY / "docs").rglob("*.md")) if blocks(path.read_text("utf-8"))]


# What a page uses beside qalens and all that comes with it.
OTHERS = {"dashboard.md": ["nbformat"], "migration.md": ["haystack"]}


def test_there_are_pages_with_code():
    assert len(PAGES) >= 8


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_the_code_of_a_page_runs(path, tmp_path, monkeypatch):
    if not os.environ.get("QALENS_REQUIRE_ALL"):
        for package in OTHERS.get(path.name, ()):
            pytest.importorskip(package)
    monkeypatch.chdir(tmp_path)
    run(path)


def test_a_block_that_fails_is_found_with_its_line(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# A page\n\n```python\nx = 1\n```\n\nText.\n\n```python\nassert x == 2\n```\n")
    with pytest.raises(AssertionError) as caught:
        run(page)
    assert caught.traceback[-1].lineno + 1 == 10


def test_blocks_of_other_languages_are_left_alone():
    assert blocks("```\nvoila explore.ipynb\n```\n\n```python\nx = 1\n```\n") == [(6, "x = 1\n")]


def test_the_tables_of_modules_say_what_the_modules_say():
    spec = importlib.util.spec_from_file_location("modules", REPOSITORY / "docs" / "modules.py")
    modules = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(modules)
    assert modules.PAGE.read_text(encoding="utf-8") == modules.page_with(modules.tables()), (
        "run python docs/modules.py"
    )
