"""Does an answer depend on where the windows begin and end? The record of one choice."""

from __future__ import annotations

from dataclasses import dataclass

from qalens.readings.reading import Reading
from qalens.records import brief
from qalens.spans.distribution import Answer


@brief
@dataclass(frozen=True, slots=True)
class Variant:
    """One choice of window length and stride, and what the model answers with it: a row of `Reader.stability`.

    Attributes
    ----------
    max_length : int
        Tokens of one window.
    stride : int
        Overlap of neighbouring windows in tokens.
    windows : int
        How many windows there are.
    answer : Answer or None
        The answer, or None.
    best : Answer or None
        The best span, whether it was taken or not.
    no_answer_probability : float
        P(∅).
    margin : float
        The null margin, in logits.
    """

    max_length: int
    stride: int
    windows: int
    answer: Answer | None
    best: Answer | None
    no_answer_probability: float
    margin: float


def variant_of(reading: Reading, *, max_length: int, stride: int) -> Variant:
    """The row of a reading.

    Parameters
    ----------
    reading : Reading
        A reading with windows of these lengths.
    max_length, stride : int
        The lengths in tokens.

    Returns
    -------
    Variant

    Examples
    --------
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
