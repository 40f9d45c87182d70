"""The scored rows of a data set as columns of numbers, for everything that counts over all of them at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from qalens.errors import InputError, shown
from qalens.evaluation.rows import ExampleRow
from qalens.records import brief, read_only

Metric = Literal["exact", "f1"]
By = Literal["question", "text", "title"]
# What is drawn for an interval, in the words of a reader.
DRAWN: dict[By, str] = {"question": "questions", "text": "texts", "title": "articles"}
_LEAST_TITLES = 5  # with fewer articles the t quantile grows past use
# Below every margin that a reading can have, and still a threshold that answers.
_LOWEST = -np.finfo(np.float64).max


@brief
@read_only
@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """N rows with known gold answers as columns; all arrays are (N,) and read-only.

    Attributes
    ----------
    index : ndarray of int64
        The index of the row among those given.
    answerable : ndarray of bool
        Whether there is a gold answer.
    answered : ndarray of bool
        Whether the model answered.
    failed : ndarray of bool
        Whether the text could not be read.
    margin : ndarray of float64
        The null margin in logits; inf if the text could not be read, and never minus infinity.
    exact, f1 : ndarray of float64
        Of the decision, from 0 to 1.
    best_exact, best_f1 : ndarray of float64
        Of the best span, from 0 to 1.
    """

    index: NDArray[np.int64]
    answerable: NDArray[np.bool_]
    answered: NDArray[np.bool_]
    failed: NDArray[np.bool_]
    margin: NDArray[np.float64]
    exact: NDArray[np.float64]
    f1: NDArray[np.float64]
    best_exact: NDArray[np.float64]
    best_f1: NDArray[np.float64]

    def __post_init__(self) -> None:
        for field in fields(self):
            array = getattr(self, field.name)
            if array.shape != self.index.shape:
                raise InputError(f"{len(self)} rows cannot have {field.name} of shape {array.shape}.")
            array.flags.writeable = False

    def __len__(self) -> int:
        """N, the number of scored rows."""
        return len(self.index)

    def of_best(self, metric: Metric) -> NDArray[np.float64]:
        """A metric of the best span.

        Parameters
        ----------
        metric : Metric
            "exact" or "f1".

        Returns
        -------
        ndarray of float64
            (N,).
        """
        return self.best_exact if metric == "exact" else self.best_f1

    def take(self, rows: NDArray[np.bool_] | NDArray[np.int64]) -> Columns:
        """Some of the rows.

        Parameters
        ----------
        rows : ndarray of bool or ndarray of int64
            A mask (N,) or indices.

        Returns
        -------
        Columns
        """
        return Columns(*(getattr(self, field.name)[rows] for field in fields(self)))


def columns(rows: Sequence[ExampleRow]) -> Columns:
    """The rows with known gold answers, as columns.

    Parameters
    ----------
    rows : sequence of ExampleRow
        Rows of a data set.

    Returns
    -------
    Columns

    Raises
    ------
    InputError
        If there is no such row.

    Examples
    --------
    >>> from qalens.evaluation.rows import example_row
    >>> from qalens.testing import planted_reading
    >>> from qalens.text.examples import Example
    >>> reading = planted_reading("Who kept it?", "Ada kept it.", answer="Ada")
    >>> columns([example_row(Example("Who kept it?", "Ada kept it.", gold=()), reading)]).exact.tolist()
    [0.0]
    """
    index = np.array([k for k, row in enumerate(rows) if row.exact is not None], np.int64)
    if not len(index):
        raise InputError(
            f"None of the {len(rows):,} rows can be scored: a row needs known gold answers that lie within its text "
            "(an empty tuple for an unanswerable question)."
        )
    kept = [rows[k] for k in index.tolist()]

    def floats(values: Iterable[float | None], missing: float = np.nan) -> NDArray[np.float64]:
        return np.array([missing if value is None else value for value in values], np.float64)

    return Columns(
        index=index,
        answerable=np.array([bool(row.golds) for row in kept]),
        answered=np.array([row.answer is not None for row in kept]),
        failed=np.array([row.failed for row in kept]),
        margin=np.maximum(floats((row.margin for row in kept), np.inf), _LOWEST),
        exact=floats(row.exact for row in kept),
        f1=floats(row.f1 for row in kept),
        best_exact=floats(row.best_exact for row in kept),
        best_f1=floats(row.best_f1 for row in kept),
    )


def groups(rows: Sequence[ExampleRow], by: By) -> NDArray[np.int64]:
    """The index of the group of each row, counted from 0.

    Parameters
    ----------
    rows : sequence of ExampleRow
        N rows.
    by : By
        "question" puts every row into its own group, "text" the rows of one text together, "title" those of one
        article.

    Returns
    -------
    ndarray of int64
        (N,).

    Raises
    ------
    InputError
        For another `by`, and for "title" if a row has no title.

    Examples
    --------
    >>> groups([], "question").tolist()
    []
    """
    if by not in get_args(By):
        raise InputError(f"by has to be one of {', '.join(map(repr, get_args(By)))}, but is {shown(by)}.")
    if by == "question":
        return np.arange(len(rows))
    if by == "title" and any(row.title is None for row in rows):
        raise InputError('by="title" needs rows with titles; "text" groups the questions of one text.')
    known: dict[str, int] = {}
    names = (row.text_id if by == "text" else str(row.title) for row in rows)
    return np.array([known.setdefault(name, len(known)) for name in names], np.int64)


def drawn_by(rows: Sequence[ExampleRow], by: By | None) -> By:
    """Choose the groups that intervals resample.

    Parameters
    ----------
    rows : sequence of ExampleRow
        The rows.
    by : By or None
        The groups to use; None takes the widest groups that the rows know: articles ("title") if every row has a
        title and there are five or more of them, else texts.

    Returns
    -------
    By

    Examples
    --------
    >>> drawn_by([], None), drawn_by([], "question")
    ('text', 'question')
    """
    if by is not None:
        return by
    titles = {row.title for row in rows}
    return "title" if None not in titles and len(titles) >= _LEAST_TITLES else "text"


def check_metric(metric: str) -> None:
    """Check the name of a metric.

    Parameters
    ----------
    metric : str
        "exact" or "f1".

    Raises
    ------
    InputError
        For anything else.
    """
    if metric not in get_args(Metric):
        raise InputError(f'metric has to be "exact" or "f1", but is {shown(metric)}.')
