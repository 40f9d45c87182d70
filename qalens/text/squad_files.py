"""Questions from files, one paragraph or row in memory at a time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from qalens.errors import InputError
from qalens.text.examples import Example
from qalens.text.file_index import load_pieces, pieces_of
from qalens.text.question_rows import Item, item_of, rows_inside


def read_squad(path: str | Path) -> Iterator[Example]:
    """The questions of a file, one after the other, up to the first that is broken.

    The file is of any form that `qalens.evaluate` reads: SQuAD 1.1 or 2.0, JSON lines, or JSON arrays of rows, paragraphs or
    articles; packed or not. Answers and what counts as no answer are read as there.

    Parameters
    ----------
    path : str or Path
        The file.

    Yields
    ------
    Example
        A question with its text. `gold` is empty where the question has no answer, None where nothing is known (a test file).

    Raises
    ------
    InputError
        If the file cannot be read, and at the first question that is broken, with its place; `qalens.evaluate` keeps such a
        question as a row with its error, and goes on behind it.

    Examples
    --------
    >>> import json, tempfile
    >>> paragraph = {"context": "Ada kept the lamp.", "qas": [{"id": "1", "question": "Who kept the lamp?",
    ...     "answers": [{"text": "Ada", "answer_start": 0}]}]}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "dev.json"
    ...     _ = path.write_text(json.dumps({"data": [{"paragraphs": [paragraph]}]}))
    ...     [example.gold for example in read_squad(path)]
    [(CharSpan(start=0, end=3),)]
    """
    for item in load_items(path):
        if item.error is not None:
            name = "" if item.example.id is None else f" (id {item.example.id!r})"
            raise InputError(
                f"{path}, {item.place}{name}: {item.error} qalens.evaluate keeps such a question as a row with its error, and "
                "goes on."
            )
        yield item.example


def load_items(path: str | Path) -> Iterator[Item]:
    """Read the questions of a file, one paragraph or row at a time.

    Parameters
    ----------
    path : str or Path
        A file of any form that `read_squad` reads.

    Returns
    -------
    iterator of Item
        A broken question keeps its place and has an `error`.

    Raises
    ------
    InputError
        For a file that cannot be read.
    """
    return (_item(place, row) for place, row in load_rows(path))


def load_rows(path: str | Path) -> Iterator[tuple[str, Any]]:
    """Read the questions of a file as rows in the form of the file, with their places.

    Parameters
    ----------
    path : str or Path
        A file of any form that `read_squad` reads.

    Returns
    -------
    iterator of tuple of (str, object)
        The place and the row; an `InputError` in its place if a line is not JSON.
    """
    for piece, value in load_pieces(path, pieces_of(path)):
        yield from rows_inside(value, piece.place, piece.title)


def items_of_piece(place: str, title: str | None, value: Any) -> list[Item]:
    """The questions of one row, paragraph or article; anything else becomes one broken question.

    Parameters
    ----------
    place : str
        Where the piece is found, in words.
    title : str or None
        The title of the article that it belongs to.
    value : object
        The piece as it was read from JSON.

    Returns
    -------
    list of Item
    """
    return [_item(where, row) for where, row in rows_inside(value, place, title)]


def _item(place: str, row: Any) -> Item:
    return Item(Example("", ""), place, error=str(row)) if isinstance(row, Exception) else item_of(row, place)
