"""Does an answer hang on where the windows are cut? The record of one way to cut them."""

from __future__ import annotations

from dataclasses import dataclass

from qalens.reading import Reading
from qalens.spans import Answer


@dataclass(frozen=True, slots=True)
class Variant:
    """What one choice of window length and stride makes of a question: a row of `Reader.stability`."""

    max_length: int
    stride: int
    windows: int
    answer: Answer | None
    best: Answer | None
    no_answer_probability: float
    margin: float


def variant_of(reading: Reading, *, max_length: int, stride: int) -> Variant:
    """The row of a reading whose windows were cut in this way.

    >>> from qalens.testing import planted_reading
    >>> reading = planted_reading("Who kept the lamp?", "Ada kept the lamp.", answer="Ada")
    >>> variant_of(reading, max_length=384, stride=128).answer.text
    'Ada'
    """
    return Variant(
        max_length=max_length,
        stride=stride,
        windows=len(reading.windows),
        answer=reading.answer,
        best=reading.decision.best,
        no_answer_probability=reading.no_answer_probability,
        margin=reading.margin,
    )
