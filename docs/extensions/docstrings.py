"""Docstrings as this project writes them, for Sphinx: single backticks are code, and nothing else is markup.

The docstrings are made to be read in a terminal. `|x|`, `*` and a trailing `_` mean themselves there, while
reStructuredText would take them for references and emphasis.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import groupby

_CODE = re.compile(r"`([^`]+)`")
_MARKUP = re.compile(r"([*|_\\])")


def to_rst(lines: list[str]) -> list[str]:
    """The lines of a docstring as reStructuredText; examples (`>>>`) stay as they are."""
    written: list[str] = []
    for example, block in groupby(lines, _in_example()):
        these = list(block)
        written += these if example else _prose(these)
    return written


def _in_example() -> Callable[[str], bool]:
    """Whether a line belongs to an example, which goes on until a blank line."""
    inside = False

    def example(line: str) -> bool:
        nonlocal inside
        inside = line.lstrip().startswith(">>>") or (inside and bool(line.strip()))
        return inside

    return example


def _prose(lines: list[str]) -> list[str]:
    # Code may go over the end of a line, so a block is looked at as a whole.
    pieces = _CODE.split("\n".join(_apart(lines)))
    text = _MARKUP.sub(r"\\\1", pieces[0])
    for code, prose in zip(pieces[1::2], pieces[2::2], strict=True):
        # Letters that follow at once, as in a plural, need a break that is not seen.
        text += f"``{code}``" + ("\\ " if prose[:1].isalnum() else "") + _MARKUP.sub(r"\\\1", prose)
    return text.split("\n")


def _apart(lines: list[str]) -> Iterator[str]:
    """The lines with a blank one before each list that follows a paragraph: else it would be a part of that."""
    listed, before = False, ""
    for line in lines:
        item = line.startswith("- ")
        if item and not listed and before.strip():
            yield ""
        listed = item or (listed and line.startswith(" "))
        before = line
        yield line


def _process(_app, _what, _name, _obj, _options, lines: list[str]) -> None:
    lines[:] = to_rst(lines)


def setup(app) -> dict[str, bool]:
    app.connect("autodoc-process-docstring", _process)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
