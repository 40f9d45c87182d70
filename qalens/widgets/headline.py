"""The head of an explorer, as JSON: the same question, words and numbers as the head of every still picture."""

from __future__ import annotations

from typing import Any

from qalens.display.content.heading import heading
from qalens.display.parts import Line, Quote, words
from qalens.readings.documents import DocumentsReading
from qalens.readings.reading import Reading


def head_view(reading: Reading | DocumentsReading) -> dict[str, Any]:
    """What was asked, what was said, and what its number is; lines as [text, whether it is quoted] for each of their pieces.

    >>> from qalens.testing import planted_reading
    >>> view = head_view(planted_reading("Who kept it?", "Ada kept it.", answer="Ada"))
    >>> view["said"], view["number"], view["notes"][0]
    ([['Ada', True]], '>99.9%', [['probability that the answer is here', False]])
    """
    part = heading(reading)
    return {
        "asked": words(part.asked),
        "said": _pieces(part.said),
        "number": part.number,
        "tone": part.tone,
        "notes": [_pieces(one) for one in part.notes],
        "below": [_pieces(one) for one in part.below],
    }


def in_one_line(reading: Reading | DocumentsReading) -> str:
    """What was said, with its number.

    >>> from qalens.testing import planted_reading
    >>> in_one_line(planted_reading("Who kept it?", "Ada kept it.", answer=None))
    'no answer (>99.9%)'
    """
    part = heading(reading)
    return f"{words(part.said)} ({part.number})"


def _pieces(line: Line) -> list[list[Any]]:
    pieces = (line,) if isinstance(line, str) else line
    return [[str(piece), isinstance(piece, Quote)] for piece in pieces]
