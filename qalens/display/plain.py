"""A content as plain text for a terminal or a log. It draws parts and knows no record."""

from __future__ import annotations

import itertools
import textwrap
from dataclasses import replace
from typing import Any

from qalens.display.labels import clip_middle, columns
from qalens.display.parts import (
    Bars,
    Cell,
    Cells,
    Chart,
    Content,
    Heading,
    Intervals,
    Line,
    Row,
    Sentence,
    ShadedText,
    Table,
    words,
)
from qalens.text.visible import visible

_LEAST = 12  # columns of the first column of a table


def text(content: Content, width: int = 88) -> str:
    """The heading, the tables and the sentences of a content, in at most `width` columns.

    >>> print(text(Content("", (Heading("Who?", "Ada", "97.8%"), Sentence("It is so.")))))
    Who?
    Ada  97.8%
    <BLANKLINE>
    It is so.
    """
    flat = (p for part in content.parts for p in (part if isinstance(part, tuple) else (part,)))
    blocks = [block for part in flat if (block := _block(part, width))]
    return "\n\n".join(blocks)


def _block(part: Any, width: int) -> str:
    if isinstance(part, Heading):
        return _heading(part, width)
    if isinstance(part, Sentence):
        # How to read a picture is nothing for where there is none.
        return "" if part.kind == "caption" else _wrapped(f"{_lead(part.lead)}{_said(part.text)}", width)
    if isinstance(part, Table):
        return _titled(part.title, part.about, _table(part, width), width)
    if isinstance(part, Intervals):
        return _titled(part.title, part.about, _grid(("", *part.columns), _interval_rows(part), width), width)
    if isinstance(part, Bars):
        rows = tuple(Row((Cell(bar.name), Cell(bar.text))) for bar in part.rows)
        return _titled(part.title, part.about, _grid(("", ""), rows, width), width)
    if isinstance(part, Chart | Cells):
        return _titled(part.title, part.about, _wrapped(part.said, width), width)
    if isinstance(part, ShadedText):
        return _marked(part, width)
    return ""


def _lead(lead: str) -> str:
    if not lead:
        return ""
    return f"{lead} " if lead[-1] in ".?" else f"{lead}: "


def _said(line: Line) -> str:
    return visible(words(line))


def _wrapped(said: str, width: int) -> str:
    # textwrap counts characters: a text of wide signs gets so many fewer.
    return "\n".join(textwrap.wrap(said, max(1, width * len(said) // max(len(said), columns(said)))))


def _heading(part: Heading, width: int) -> str:
    number = f"  {part.number}" if part.number else ""
    said = f"{clip_middle(_said(part.said), width - len(number))}{number}"
    notes = [f"  {clip_middle(_said(note), width - 2)}" for note in part.notes]
    below = [_wrapped(_said(line), width) for line in part.below if line]
    return "\n".join([clip_middle(_said(part.asked), width), said, *notes, *below])


def _titled(title: str, about: str, body: str, width: int) -> str:
    head = _wrapped(f"{title}: {about}" if about else title, width) if title else ""
    return "\n".join(line for line in (head, body) if line)


def _table(part: Table, width: int) -> str:
    """A table without the columns that a narrow picture leaves out."""
    kept = [k for k, name in enumerate(part.columns) if name not in part.narrow]
    rows = tuple(
        replace(row, cells=tuple(row.cells[k] for k in kept)) if len(row.cells) == len(part.columns) else row
        for row in part.rows
    )
    return _grid(tuple(part.columns[k] for k in kept), rows, width)


def _interval_rows(part: Intervals) -> tuple[Row, ...]:
    return tuple(
        Row((Cell(row.name), *(Cell(f"{one.text} {one.small}".strip()) for one in row.intervals)))
        for row in part.rows
    )


def _grid(names: tuple[str, ...], rows: tuple[Row, ...], width: int) -> str:
    """Cells in columns, numbers to the right; the first column takes what is left."""
    full = [row for row in rows if len(row.cells) == len(names)]
    told = [[_cell(cell) for cell in row.cells] for row in full]
    wide = [max([columns(name), *(columns(line[k]) for line in told)]) for k, name in enumerate(names)]
    # What is too wide takes it from its widest column, the first one last.
    while sum(wide) + 2 * (len(wide) - 1) > width and max(wide) > 1:
        rest = wide[1:] if wide[0] <= _LEAST and max(wide[1:], default=0) > 1 else wide
        wide[len(wide) - len(rest) + rest.index(max(rest))] -= 1
    lines = [list(names)] * any(names) + told
    return "\n".join(_line(line, wide) for line in lines)


def _cell(cell: Cell) -> str:
    return " ".join(f"{_said(cell.before)}{_said(cell.text)}{_said(cell.small)}".split())


def _line(cells: list[str], wide: list[int]) -> str:
    first, *rest = (clip_middle(cell, size) for cell, size in zip(cells, wide, strict=True))
    padded = first + " " * (wide[0] - columns(first))
    return "  ".join(
        [padded, *(" " * (w - columns(c)) + c for c, w in zip(rest, wide[1:], strict=True))]
    ).rstrip()


def _marked(part: ShadedText, width: int) -> str:
    """The text with what is marked in brackets and what is gone or new in braces; what is folded as an ellipsis."""
    said = []
    for (change, mark, number, fold), runs in itertools.groupby(
        part.runs, key=lambda run: (run.change, run.mark, run.number, run.fold)
    ):
        piece = " … " if fold else "".join(run.text for run in runs)
        piece = piece if number is None else f"{number}: {piece}"
        piece = f"[{piece}]" if mark in ("answer", "rejected", "best") else piece
        said.append({"gone": f"{{−{piece}}}", "new": f"{{+{piece}}}"}.get(change, piece))
    return _titled(part.title, part.about, _wrapped(visible("".join(said)), width), width)
