"""A data set in equal parts: a shard is what one worker computes at a time, and what a run has or has not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from qalens.text.file_index import Piece, load_pieces, pieces_of
from qalens.text.question_rows import Item
from qalens.text.squad_files import items_of_piece


class Part(NamedTuple):
    """Questions `[start, stop)` of one piece of a file.

    Attributes
    ----------
    piece : Piece
        The piece.
    start, stop : int
        Indices of questions in it.
    """

    piece: Piece
    start: int
    stop: int


class Shard(NamedTuple):
    """Questions `[first, first + questions)` of a data set, and where they are in its file.

    Attributes
    ----------
    number : int
        The index of the shard, from 0.
    first : int
        The index of its first question, from 0.
    questions : int
        How many there are.
    parts : tuple of Part
        The pieces of the file that hold them.
    """

    number: int
    first: int
    questions: int
    parts: tuple[Part, ...]

    @property
    def words(self) -> str:
        """The name of the shard in messages, which count questions from 1."""
        return f"shard {self.number} (questions {self.first + 1:,} to {self.first + self.questions:,})"


def shards_of(path: str | Path, *, size: int, limit: int | None = None) -> Iterator[Shard]:
    """Divide the questions of a file into shards; the file is read once and lazily.

    Parameters
    ----------
    path : str or Path
        The file.
    size : int
        Questions of one shard; the last may be smaller.
    limit : int or None, default None
        Only the first questions; None takes all.

    Returns
    -------
    iterator of Shard

    Examples
    --------
    >>> from qalens.datasets import SAMPLE_FILE
    >>> [(shard.first, shard.questions) for shard in shards_of(SAMPLE_FILE, size=25, limit=60)]
    [(0, 25), (25, 25), (50, 10)]
    """
    number = first = held = 0
    parts: list[Part] = []
    for part in _limited(pieces_of(path), limit):
        start = part.start
        while start < part.stop:
            stop = min(part.stop, start + size - held)
            parts.append(Part(part.piece, start, stop))
            held += stop - start
            start = stop
            if held == size:
                yield Shard(number, first, held, tuple(parts))
                number, first, held, parts = number + 1, first + held, 0, []
    if held:
        yield Shard(number, first, held, tuple(parts))


def _limited(pieces: Iterator[Piece], limit: int | None) -> Iterator[Part]:
    left = limit
    for piece in pieces:
        stop = piece.questions if left is None else min(piece.questions, left)
        yield Part(piece, 0, stop)
        if left is not None and (left := left - stop) == 0:
            return


def items_of(path: str | Path, shard: Shard) -> list[Item]:
    """Read the questions of a shard from the file.

    Parameters
    ----------
    path : str or Path
        The file.
    shard : Shard
        The shard.

    Returns
    -------
    list of Item

    Examples
    --------
    >>> from qalens.datasets import SAMPLE_FILE
    >>> first, second = shards_of(SAMPLE_FILE, size=2, limit=3)
    >>> [len(items_of(SAMPLE_FILE, shard)) for shard in (first, second)]
    [2, 1]
    """
    items: list[Item] = []
    loaded = load_pieces(path, (part.piece for part in shard.parts))
    for part, (piece, value) in zip(shard.parts, loaded, strict=True):
        found = items_of_piece(piece.place, piece.title, value)
        items += found[part.start : part.stop]
    return items
