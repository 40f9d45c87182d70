"""From which probability on a place is one of several answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from qalens.checks import is_number
from qalens.errors import InputError, shown
from qalens.evaluation.rows import ExampleRow
from qalens.records import brief
from qalens.spans.summary import LEAST_PLACE


@brief
@dataclass(frozen=True, slots=True)
class AnswerCut:
    """The smallest cut whose answers are precise enough, on the questions that it was found on.

    - `cut`: for `Reading.answers(cut=…)`; 1 where no cut is precise enough, which leaves the single best answer
    - `precision`: the share of places with this probability or more that are right, in `right` of `taken`; `wanted`: what
      was asked for
    - `a_question`: how many answers a question has that is answered at all

    Attributes
    ----------
    cut : float
        For `Reading.answers(cut=…)`; 1 if no cut is precise enough, which leaves the single best answer.
    wanted : float
        The requested precision.
    right : int
        The number of right places among those taken.
    taken : int
        The number of places with this probability or more.
    a_question : float
        How many answers an answered question has on average.
    """

    cut: float
    wanted: float
    right: int
    taken: int
    a_question: float

    @property
    def precision(self) -> float:
        """The share of right places among those that were taken, from 0 to 1; nan if none was."""
        return self.right / self.taken if self.taken else float("nan")


def answer_cut(rows: Sequence[ExampleRow], *, precision: float = 0.9) -> AnswerCut:
    """Find the smallest probability such that places with more are right often enough.

    Parameters
    ----------
    rows
        Rows of questions with known gold answers; those that the reader answers count. Where each question has one answer,
        every further place counts as wrong, so fit the cut on questions with several.
    precision
        The share of right ones among all places that are taken, between 0 and 1. It is what these rows had, not a promise
        for others.

    Raises
    ------
    InputError
        For a precision that is none, and where no answered row has known gold answers.
    """
    if not is_number(precision) or not 0 < precision < 1:
        raise InputError(f"precision has to lie between 0 and 1, as 0.9, but is {shown(precision)}.")
    answered = [row for row in rows if row.right_places is not None and row.answer is not None and row.places]
    if not answered:
        raise InputError(
            "A cut needs questions that are answered and whose gold answers are known, but there is none."
        )
    masses = np.array([mass for row in answered for mass in row.places])
    right = np.array([k in (row.right_places or ()) for row in answered for k in range(len(row.places))])
    order = np.argsort(-masses, kind="stable")
    found, taken = np.cumsum(right[order]), np.arange(1, len(order) + 1)
    ends = np.append(np.diff(masses[order]) < 0, True)  # equal probabilities are taken together
    good = np.flatnonzero(ends & (found >= precision * taken))
    if not len(good):
        return AnswerCut(1.0, precision, 0, 0, 0.0)
    last = int(good[-1])
    cut = max(float(masses[order][last]), LEAST_PLACE)
    return AnswerCut(cut, precision, int(found[last]), last + 1, (last + 1) / len(answered))
