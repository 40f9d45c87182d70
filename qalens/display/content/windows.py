"""What each window of a long text says on its own, and where along the text the answer would start."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qalens.display.numbers import logit
from qalens.readings.reading import Reading
from qalens.spans.distribution import Answer
from qalens.spans.per_window import window_distributions


@dataclass(frozen=True, slots=True)
class WindowRow:
    """One window on its own: the characters it sees, its best span, its null score and its null margin.

    - `number`: from 0; people read `name`, which counts from 1
    - `answers`: whether it would answer alone
    - `holds_best`, `gives_null`: whether it holds the best span of all, and gives the null score that counts
    """

    number: int
    start: int
    end: int
    best: Answer | None
    null_score: float
    margin: float
    answers: bool
    holds_best: bool
    gives_null: bool

    @property
    def name(self) -> str:
        """What it is called."""
        return window_name(self.number)


def window_name(number: int) -> str:
    """What a window is called: windows count from 1 wherever a person reads of them.

    >>> window_name(0)
    'window 1'
    """
    return f"window {number + 1}"


def window_rows(reading: Reading) -> list[WindowRow]:
    """Every window on its own, in the order of the text."""
    ranges, best = reading.windows.char_ranges.tolist(), reading.decision.best
    alone = window_distributions(reading.logits, max_answer_length=reading.max_answer_length)
    giving = null_window(reading)
    rows = []
    for w, (spans, (start, end)) in enumerate(zip(alone, ranges, strict=True)):
        top = next(iter(spans.top(1)), None)
        margin = math.inf if top is None else spans.null_score - top.score
        rows.append(
            WindowRow(
                number=w,
                start=start,
                end=end,
                best=top,
                null_score=spans.null_score,
                margin=margin,
                answers=top is not None and -math.inf < reading.decision.threshold >= margin,
                holds_best=best is not None and best.window == w,
                gives_null=giving == w,
            )
        )
    return rows


def null_window(reading: Reading) -> int | None:
    """The window whose null score counts, or None where it is the mean of several.

    >>> from qalens.testing import planted_reading
    >>> null_window(planted_reading("Who?", "Ada kept the lamp.", answer="Ada"))
    0
    """
    same = np.flatnonzero(reading.spans.null_scores == reading.spans.null_score)
    return int(same[0]) if len(same) else None


def start_mass(reading: Reading, bins: int) -> NDArray[np.float64]:
    """(bins,): the probability, given an answer, that it starts in each of equal pieces of the text.

    >>> from qalens.testing import planted_reading
    >>> start_mass(planted_reading("Who?", "Ada kept the lamp.", answer="lamp"), 2).round(2).tolist()
    [0.0, 1.0]
    """
    starts, _ = reading.spans.marginals(given_answer=True)
    place = np.arange(len(starts)) * bins // len(starts)
    return np.bincount(place, starts, bins).astype(np.float64)


def windows_sentence(reading: Reading) -> str:
    """Which window holds the best span, and which gives the null score."""
    spans, best, null = reading.spans, reading.decision.best, null_window(reading)
    said = [
        "Each box is a window that the model read by itself, with its own null margin in logits (null score − best "
        "span); a filled one would answer alone."
    ]
    if best is not None:
        said.append(f"Window {best.window + 1} of {len(reading.windows)} holds the best span.")
    if null is None:
        said.append(f"The null score {logit(spans.null_score)} is taken from all windows together.")
    else:
        said.append(f"Window {null + 1} gives the null score {logit(spans.null_score)}.")
    return " ".join(said)
