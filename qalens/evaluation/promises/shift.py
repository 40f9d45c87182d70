"""Are new questions like those that a promise was made on? A test that needs no gold answers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qalens.checks import check_seed
from qalens.errors import InputError, shown
from qalens.evaluation.rows import ExampleRow, Readable, row_of
from qalens.records import brief, read_only

_PERMUTATIONS = 999
_NAMES = ("null margin", "probability of the most probable place")


@brief
@read_only
@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """Two numbers of each of n questions that are compared without gold answers.

    Attributes
    ----------
    values : ndarray of float64
        (2, n): the null margin, and the probability of the most probable place, no answer included.
    group : ndarray of int64
        (n,): the text of each question.
    """

    values: NDArray[np.float64]
    group: NDArray[np.int64]

    def __post_init__(self) -> None:
        if self.values.shape != (2, len(self.group)):
            raise InputError(f"{len(self.group)} questions cannot have values of shape {self.values.shape}.")
        for array in (self.values, self.group):
            array.flags.writeable = False

    def __len__(self) -> int:
        """n, the number of questions."""
        return len(self.group)


@brief
@dataclass(frozen=True, slots=True)
class ShiftCheck:
    """The result of a test whether new questions are like those of the calibration.

    Attributes
    ----------
    fires : bool
        Whether they differ more than by chance, at `level`.
    p : float
        How often a split of exchangeable texts differs at least as much.
    level : float
        Of the test.
    distance : float
        The larger of the two Kolmogorov–Smirnov distances.
    of : str
        The number that it is about.
    calibration, new : int
        How many questions there are on either side.
    """

    fires: bool
    p: float
    level: float
    distance: float
    of: str
    calibration: int
    new: int

    def __str__(self) -> str:
        sides = f"{self.new:,} new questions and {self.calibration:,} of the calibration"
        if self.fires:
            return (
                f"The promise does not hold here: {sides} differ in the {self.of} (distance {self.distance:.2f}, "
                f"p = {self.p:.3g}). Calibrate on questions of the new kind."
            )
        return f"{sides} show no difference (p = {self.p:.3g}); that is no proof that there is none."


def evidence_of(readings: Iterable[Readable | ExampleRow]) -> Evidence:
    """The numbers of readings or rows that are compared.

    Parameters
    ----------
    readings : iterable of Readable or ExampleRow
        Readings or rows; those that could not be read are left out.

    Returns
    -------
    Evidence

    Raises
    ------
    InputError
        If nothing is left.
    """
    rows = [row for row in map(row_of, readings) if row.margin is not None and np.isfinite(row.margin)]
    if not rows:
        raise InputError("There is no reading to compare: every text failed, or none was given.")
    tops = [max([row.no_answer_probability or 0.0, *row.places[:1]]) for row in rows]
    known: dict[str, int] = {}
    group = [known.setdefault(row.text_id, len(known)) for row in rows]
    values = np.array([[row.margin for row in rows], tops], np.float64)
    return Evidence(values, np.array(group, np.int64))


def compare_evidence(before: Evidence, new: Evidence, *, level: float = 0.05, seed: int = 0) -> ShiftCheck:
    """Compare two sets of questions by the larger of two Kolmogorov–Smirnov distances, with whole texts permuted.

    Parameters
    ----------
    before, new
        Questions of the calibration, and new ones. Texts are taken as exchangeable, not questions, since those of one text
        are alike; so texts are what is permuted, 999 times.
    level
        How often it may fire where nothing differs.
    seed
        Of the permutations.

    Raises
    ------
    InputError
        For a level that is no probability.
    """
    if not 0 < level < 1:
        raise InputError(f"level has to lie between 0 and 1, as 0.05, but is {shown(level)}.")
    values = np.concatenate([before.values, new.values], axis=1)
    group = np.concatenate([before.group, new.group + before.group.max() + 1])
    orders = [_Order.of(row) for row in values]
    is_new = np.arange(len(group)) >= len(before)
    texts_new = np.zeros(int(group.max()) + 1, bool)
    texts_new[group[is_new]] = True
    seen = np.array([order.distance(is_new) for order in orders])
    generator = np.random.default_rng(check_seed(seed))
    most = [
        max(order.distance(drawn) for order in orders)
        for drawn in (generator.permutation(texts_new)[group] for _ in range(_PERMUTATIONS))
    ]
    p = (1 + int((np.array(most) >= seen.max() - 1e-12).sum())) / (1 + _PERMUTATIONS)
    return ShiftCheck(
        fires=p <= level,
        p=p,
        level=level,
        distance=float(seen.max()),
        of=_NAMES[int(seen.argmax())],
        calibration=len(before),
        new=len(new),
    )


@dataclass(frozen=True, slots=True)
class _Order:
    """Values once sorted, so that a distance between two sides is two running sums."""

    order: NDArray[np.int64]
    ends: NDArray[np.bool_]  # of runs of equal values, where the two distribution functions are compared

    @classmethod
    def of(cls, values: NDArray[np.float64]) -> _Order:
        order = np.argsort(values, kind="stable")
        return cls(order, np.append(np.diff(values[order]) > 0, True))

    def distance(self, is_new: NDArray[np.bool_]) -> float:
        side = is_new[self.order]
        n = int(side.sum())
        if not 0 < n < len(side):
            return 0.0
        gaps = np.abs(np.cumsum(side) / n - np.cumsum(~side) / (len(side) - n))
        return float(gaps[self.ends].max())
