"""The figures of a set of rows with their intervals: over all questions, and apart for questions of each kind."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from qalens.checks import is_whole
from qalens.errors import InputError, shown
from qalens.evaluation.columns import DRAWN, By, Columns, columns, drawn_by, groups
from qalens.evaluation.intervals import Estimate, check_level, clustered_variance, shares, t_p
from qalens.evaluation.rows import ExampleRow
from qalens.evaluation.scores.answer_types import ANSWER_TYPES, answer_type
from qalens.records import brief
from qalens.text.examples import NO_ANSWER
from qalens.text.visible import visible

SliceBy = Literal["question word", "answer type", "answer length", "text length", "windows", "cause", "title"]
# Where a new bin begins, in words, characters and windows.
_EDGES = {
    "answer length": (1, 2, 3, 5, 9),
    "text length": (0, 500, 1000, 2000, 5000),
    "windows": (1, 2, 3, 5),
}
_UNITS = {"answer length": "words", "text length": "characters", "windows": "windows"}


@brief
@dataclass(frozen=True, slots=True)
class Figures:
    """Exact match and F1 in percent with their intervals, over all scored questions and by kind.

    Attributes
    ----------
    exact, f1 : Estimate
        Over all questions.
    has_answer_exact, has_answer_f1 : Estimate
        Over answerable questions.
    no_answer_exact : Estimate
        Over unanswerable questions.
    abstained : Estimate
        The share of questions without an answer.
    by : By
        What the intervals resample: "question", "text" or "title".
    groups : int
        How many groups there are.
    level : float
        Of the intervals.
    unscored : int
        Rows without known gold answers.
    failed : int
        Texts that could not be read, which count as no answer.
    """

    exact: Estimate
    f1: Estimate
    has_answer_exact: Estimate
    has_answer_f1: Estimate
    no_answer_exact: Estimate
    abstained: Estimate
    by: By
    groups: int
    level: float
    unscored: int
    failed: int

    def __str__(self) -> str:
        named = {
            "exact": self.exact,
            "F1": self.f1,
            "HasAns exact": self.has_answer_exact,
            "HasAns F1": self.has_answer_f1,
            "NoAns exact": self.no_answer_exact,
            "abstained": self.abstained,
        }
        lines = [
            f"{name:<14}{estimate!s:<24}{estimate.count:>8,}"
            for name, estimate in named.items()
            if estimate.count
        ]
        return "\n".join([*lines, f"{self.level:.0%} intervals over {self.groups:,} {DRAWN[self.by]}"])


@brief
@dataclass(frozen=True, slots=True)
class Slice:
    """The questions of one kind: their metrics in percent, and whether they differ from all others.

    Attributes
    ----------
    name : str
        The kind.
    exact, f1 : Estimate
        In percent.
    abstained : Estimate
        The share of questions without an answer.
    p : float, default math.nan
        Of the hypothesis that their F1 is that of the other questions; nan if there are no others.
    q : float, default math.nan
        The same after Benjamini and Hochberg, for all slices of one table: marking slices with q up to 0.05 makes, on
        average, 5 % of the marks false.
    """

    name: str
    exact: Estimate
    f1: Estimate
    abstained: Estimate
    p: float = math.nan
    q: float = math.nan

    @property
    def count(self) -> int:
        """The number of scored questions."""
        return self.exact.count


@brief
@dataclass(frozen=True, slots=True)
class Slices:
    """All scored questions by one property; a question is in exactly one slice.

    Attributes
    ----------
    by : SliceBy
        The property.
    slices : tuple of Slice
        In the order of the property, or largest first if it has none.
    whole : Slice
        The metrics over all of them.
    drawn : By
        What the intervals resample.
    level : float
        Of the intervals, one for each slice: of twenty, one may miss by chance. A slice differs from the others if it
        is among `marked`.
    """

    by: SliceBy
    slices: tuple[Slice, ...]
    whole: Slice
    drawn: By
    level: float

    @property
    def marked(self) -> tuple[Slice, ...]:
        """The slices whose F1 differs from that of the other questions, at a false discovery rate of 1 − `level`."""
        return tuple(one for one in self.slices if one.q <= 1 - self.level)

    def __len__(self) -> int:
        return len(self.slices)

    def __getitem__(self, name: str) -> Slice:
        for one in self.slices:
            if one.name == name:
                return one
        raise InputError(
            f"There is no slice {shown(name)}; there are {', '.join(one.name for one in self.slices[:20])}."
        )

    def __str__(self) -> str:
        lines = [
            f"{visible(one.name):<24}{one.count:>7,}  {one.exact!s:<24}{one.f1!s:<24}{one.abstained.value:>6.1f}"
            f"{'  *' if one in self.marked else ''}"
            for one in (*self.slices, self.whole)
        ]
        note = (
            f"{self.level:.0%} intervals over {DRAWN[self.drawn]}, each for its own slice; * F1 differs from that of the "
            f"other questions (Benjamini–Hochberg, {1 - self.level:.0%} of the marks false)"
        )
        return "\n".join([f"{self.by:<24}{'n':>7}  {'exact':<24}{'F1':<24}{'abst.':>6}", *lines, note])


def figures(
    rows: Sequence[ExampleRow],
    *,
    by: By | None = None,
    level: float = 0.95,
) -> Figures:
    """The figures of rows with their intervals.

    Parameters
    ----------
    rows
        Those without known gold answers are left out, and counted.
    by
        What is thought of as drawn: "question", or whole groups, "text" or "title", since questions of one text or
        article share its difficulty. None takes articles where every row has a title and there are five or more of
        them, else texts.
    level
        How often such intervals should hold the figure of all questions there could be.

    Returns
    -------
    Figures
        The intervals are those of `qalens.evaluation.intervals.shares`.

    Raises
    ------
    InputError
        If no row can be scored, for another `by`, and for "title" if a row has none.

    Examples
    --------
    >>> from qalens.evaluation.rows import example_row
    >>> from qalens.testing import planted_reading
    >>> from qalens.text.examples import Example
    >>> said = planted_reading("Who kept it?", "Ada kept it.", answer=None)
    >>> row = example_row(Example("Who kept it?", "Ada kept it.", gold=()), said)
    >>> print(figures([row, row], by="question").exact)
    100.00 [34.24, 100.00]
    """
    table = columns(rows)
    kept = [rows[k] for k in table.index.tolist()]
    has = table.answerable.astype(float)
    ones = np.ones(len(table))
    abstained = (~table.answered).astype(float)
    parts = [table.exact, table.f1, table.exact * has, table.f1 * has, table.exact * (1 - has), abstained]
    above = np.stack(parts, axis=1)
    below = np.stack([ones, ones, has, has, 1 - has, ones], axis=1)
    by = drawn_by(kept, by)
    group = groups(kept, by)
    return Figures(
        *shares(above, below, group, level=level),
        by=by,
        groups=len(np.unique(group)),
        level=level,
        unscored=len(rows) - len(table),
        failed=int(table.failed.sum()),
    )


def slices(
    rows: Sequence[ExampleRow],
    property: SliceBy = "question word",
    *,
    most: int | None = None,
    by: By | None = None,
    level: float = 0.95,
) -> Slices:
    """The figures apart for questions of each kind, and which kinds differ from the others.

    Parameters
    ----------
    rows, by, level
        As in `figures`.
    property
        "question word", "answer type" by the form of the shortest gold answer (see `answer_types.answer_type`), "answer
        length" in words of it, "text length" in characters, "windows", "cause" of unanswerability, or "title".
    most
        If there are more slices than this, the largest have one each and all others share one; None: all.

    Returns
    -------
    Slices
        Each slice has the intervals of its own questions alone, and for its F1 the p of a score test against all other
        questions by groups, with q after Benjamini and Hochberg (1995) over the slices.

    Raises
    ------
    InputError
        For another property or a `most` below 2, and where no row can be scored.

    Examples
    --------
    >>> from qalens.evaluation.rows import example_row
    >>> from qalens.testing import planted_reading
    >>> from qalens.text.examples import Example
    >>> said = planted_reading("Who kept it?", "Ada kept it.", answer=None)
    >>> row = example_row(Example("Who kept it?", "Ada kept it.", gold=()), said)
    >>> [(one.name, one.count) for one in slices([row, row]).slices]
    [('who', 2)]
    """
    if property not in get_args(SliceBy):
        raise InputError(
            f"There are slices by {', '.join(map(repr, get_args(SliceBy)))}, but not by {shown(property)}."
        )
    if most is not None and (not is_whole(most, 2)):
        raise InputError(f"most has to be a whole number of slices from 2 on, or None, but is {shown(most)}.")
    check_level(level)
    table = columns(rows)
    kept = [rows[k] for k in table.index.tolist()]
    names = _largest([_KINDS[property](row) for row in kept], most)
    by = drawn_by(kept, by)
    group = groups(kept, by)
    inside = {name: np.array([one == name for one in names]) for name in _order(names, property)}
    p = np.array([_difference_p(table.f1, group, some) for some in inside.values()])
    made = [
        replace(_slice(name, table, group, some, level), p=float(p[k]), q=float(q))
        for k, ((name, some), q) in enumerate(zip(inside.items(), _adjusted(p), strict=True))
    ]
    whole = _slice("all", table, group, np.ones(len(table), bool), level)
    return Slices(property, tuple(made), whole, by, level)


def _slice(
    name: str, table: Columns, group: NDArray[np.int64], inside: NDArray[np.bool_], level: float
) -> Slice:
    """One slice; its intervals come from its own questions alone."""
    own = table.take(inside)
    above = np.stack([own.exact, own.f1, ~own.answered], axis=1).astype(float)
    exact, f1, abstained = shares(above, np.ones_like(above), group[inside], level=level)
    return Slice(name, exact, f1, abstained)


def _difference_p(f1: NDArray[np.float64], group: NDArray[np.int64], inside: NDArray[np.bool_]) -> float:
    """Two-sided p that F1 is the same inside and outside, by a score test: the spread is that of all questions together.

    So a slice of two questions that are both right has a spread, too. The degrees of freedom are those of the smaller side.
    """
    groups = min(len(np.unique(group[inside])), len(np.unique(group[~inside])))
    if groups < 2:
        return math.nan
    part = np.where(inside, 1 / inside.sum(), -1 / (~inside).sum())
    difference = float((part * f1).sum())
    variance, _ = clustered_variance(part * (f1 - f1.mean()), group)
    return math.nan if not variance else t_p(difference / math.sqrt(variance), groups - 1)


def _adjusted(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """p after Benjamini and Hochberg; nan stays and counts as no test."""
    from scipy.stats import false_discovery_control

    found, tested = np.full(len(p), np.nan), ~np.isnan(p)
    if tested.any():
        found[tested] = false_discovery_control(p[tested])
    return found


def _largest(names: list[str], most: int | None) -> list[str]:
    """The names with one for all that are not among the `most` largest, itself counted."""
    count = Counter(names)
    if most is None or len(count) <= most:
        return names
    kept = {name for name, _ in count.most_common(most - 1)}
    rest = f"{len(count) - len(kept):,} others"
    return [name if name in kept else rest for name in names]


def _order(names: Sequence[str], property: SliceBy) -> list[str]:
    """The names of the slices in the order in which they are shown."""
    count = Counter(names)
    planned = (
        ANSWER_TYPES if property == "answer type" else _bin_names(property) if property in _EDGES else ()
    )
    if planned:
        return sorted(count, key=[*planned, *_WITHOUT].index)
    return sorted(count, key=lambda name: (name.endswith(" others"), name in _WITHOUT, -count[name], name))


_WITHOUT = (NO_ANSWER, "not known", "not read", "answerable")


def _bin_names(property: SliceBy) -> list[str]:
    edges, unit = _EDGES[property], _UNITS[property]
    names = []
    for k, low in enumerate(edges):
        high = edges[k + 1] - 1 if k + 1 < len(edges) else None
        number = f"{low:,}" if high == low else f"{low:,} or more" if high is None else f"{low:,}–{high:,}"
        names.append(f"{number} {unit[:-1] if number == '1' else unit}")
    return names


def _bin(property: SliceBy, value: int | None, without: str) -> str:
    if value is None:
        return without
    at = int(np.searchsorted(_EDGES[property], value, side="right")) - 1
    return _bin_names(property)[max(0, at)]


def _cause(row: ExampleRow) -> str:
    return "answerable" if row.golds else "not known" if row.cause is None else row.cause


_KINDS: dict[SliceBy, Callable[[ExampleRow], str]] = {
    "question word": lambda row: row.question_word,
    "answer type": lambda row: answer_type(row.gold_texts) or NO_ANSWER,
    "answer length": lambda row: _bin("answer length", row.answer_length, NO_ANSWER),
    "text length": lambda row: _bin("text length", row.text_length, "not read"),
    "windows": lambda row: _bin("windows", row.windows, "not read"),
    "cause": _cause,
    "title": lambda row: "not known" if row.title is None else row.title,
}


def kind_of(row: ExampleRow, property: SliceBy) -> str:
    """The name of the slice of a row.

    Parameters
    ----------
    row : ExampleRow
        The row.
    property : SliceBy
        What kinds are formed by.

    Returns
    -------
    str

    Examples
    --------
    >>> from qalens.evaluation.rows import row_of
    >>> from qalens.testing import planted_reading
    >>> kind_of(row_of(planted_reading("Who kept it?", "Ada kept it.", answer="Ada")), "question word")
    'who'
    """
    return _KINDS[property](row)
