"""Several methods of attribution side by side, tested on the same readings."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qalens.errors import InputError, QalensError, shown
from qalens.explain.faithfulness.masking_test import Faithfulness
from qalens.records import Shown, brief


@brief
@dataclass(frozen=True, slots=True)
class Mean:
    """A mean over readings with its 95 % interval of Student's t.

    Attributes
    ----------
    value : float
        The mean.
    low, high : float
        The ends of the interval; nan for fewer than two readings.
    """

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.2f} [{self.low:.2f}, {self.high:.2f}]"


def mean_interval(values: ArrayLike) -> Mean:
    """The mean of independent values and its 95 % interval of Student's t.

    A percentile bootstrap is too narrow for few values: with 4 of them it holds the mean 80 times out of 100. The
    interval of one value is nan.

    Parameters
    ----------
    values : ArrayLike
        The values; nan values are left out.

    Returns
    -------
    Mean

    Examples
    --------
    >>> str(mean_interval([1.0, 2.0, 3.0]))
    '2.00 [-0.48, 4.48]'
    """
    x = np.asarray(values, float)
    x = x[~np.isnan(x)]
    if not len(x):
        return Mean(float("nan"), float("nan"), float("nan"))
    if len(x) == 1:
        return Mean(float(x[0]), float("nan"), float("nan"))
    from scipy import stats  # half a second to load

    half = float(stats.t.ppf(0.975, len(x) - 1) * x.std(ddof=1) / np.sqrt(len(x)))
    return Mean(float(x.mean()), float(x.mean()) - half, float(x.mean()) + half)


def sign_test(wins: int, losses: int, *, two_sided: bool = False) -> float:
    """The exact p of a number of wins if both outcomes are equally likely.

    Parameters
    ----------
    wins, losses : int
        Whole numbers.
    two_sided : bool, default False
        Whether as many losses count as well.

    Returns
    -------
    float
        nan without wins and losses.

    Examples
    --------
    >>> sign_test(5, 0), sign_test(5, 1, two_sided=True)
    (0.03125, 0.21875)
    """
    if not wins + losses:
        return float("nan")
    from scipy import stats  # half a second to load

    alternative = "two-sided" if two_sided else "greater"
    return float(stats.binomtest(wins, wins + losses, 0.5, alternative=alternative).pvalue)


def holm(p: Sequence[float]) -> list[float]:
    """Adjust several p so that calling those up to α significant is wrong about any of them at most in a share α of cases.

    Parameters
    ----------
    p : sequence of float
        From 0 to 1; nan stays and counts as no test.

    Returns
    -------
    list of float

    References
    ----------
    Holm 1979, A simple sequentially rejective multiple test procedure.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    found = np.array(p, float)
    order = np.argsort(found, kind="stable")[: int((~np.isnan(found)).sum())]
    left = np.arange(len(order), 0, -1)
    found[order] = np.minimum(1.0, np.maximum.accumulate(left * found[order]))
    return found.tolist()


@brief
@dataclass(frozen=True, slots=True)
class MethodRow:
    """The means of one method over all readings.

    `comprehensiveness` and `sufficiency` are in logits, the `_z` in standard deviations of random rankings, where
    more is better for both, and the `_normalised` between the lowest (0) and the highest (1) that any order was found
    to reach on the same reading; `deletion_area` (less is better) and `insertion_area` (more is better) in logits.

    `random_p` is the one-sided p of an exact sign test over the readings: in how many of them does the method's
    comprehensiveness rank in the better half of the random orders? nan where no reading tells orders apart.

    Attributes
    ----------
    method : str
        The method.
    comprehensiveness, sufficiency : Mean
        In logits.
    comprehensiveness_z, sufficiency_z : Mean
        In standard deviations of random rankings; more is better for both.
    comprehensiveness_normalised, sufficiency_normalised : Mean
        Between the lowest (0) and the highest (1) value of any order on the same reading.
    deletion_area, insertion_area : Mean
        In logits; for deletion less is better, for insertion more.
    random_p : float
        The one-sided p of an exact sign test over the readings: in how many of them is the method's comprehensiveness
        in the better half of the random orders? nan if no reading tells orders apart.
    """

    method: str
    comprehensiveness: Mean
    comprehensiveness_z: Mean
    comprehensiveness_normalised: Mean
    sufficiency: Mean
    sufficiency_z: Mean
    sufficiency_normalised: Mean
    deletion_area: Mean
    insertion_area: Mean
    random_p: float

    @property
    def beats_random(self) -> bool:
        """Whether `random_p` is below 0.025, which takes at least six readings."""
        return self.random_p < 0.025


@brief
@dataclass(frozen=True, slots=True)
class MethodDifference:
    """One method minus another, paired by reading.

    Attributes
    ----------
    method, other : str
        The two methods.
    comprehensiveness, sufficiency : Mean
        Mean differences in logits; more comprehensiveness and less sufficiency are better for `method`.
    comprehensiveness_z, sufficiency_z : Mean
        The same in standard deviations of the random rankings of each reading.
    p : float
        The exact two-sided p of a sign test on comprehensiveness, of this pair alone; nan if the two are equal on every
        reading.
    adjusted_p : float
        The same after Holm (1979) for all pairs of the table: calling those below 0.05 different is wrong about any of them
        in at most 5 % of tables. The intervals are each of its own pair.
    """

    method: str
    other: str
    comprehensiveness: Mean
    comprehensiveness_z: Mean
    sufficiency: Mean
    sufficiency_z: Mean
    p: float
    adjusted_p: float


@brief
@dataclass(frozen=True, slots=True)
class FaithfulnessTable(Shown):
    """Methods by faithfulness, the one with the highest comprehensiveness z first.

    Attributes
    ----------
    rows : tuple of MethodRow
        One `MethodRow` for each method.
    readings : int
        The number of readings that all methods were tested on.
    failed : tuple of tuple of (int, QalensError)
        The index and the reason of each reading that was left out for all methods.
    differences : tuple of MethodDifference, default ()
        One `MethodDifference` for each pair of methods, the higher one minus the other.

    Examples
    --------
    >>> import qalens
    >>> from qalens.testing import toy_model, toy_tokenizer
    >>> reader = qalens.Reader(toy_model(), toy_tokenizer())
    >>> reading = reader.read("Who kept the lamp?", "Ada kept the lamp. Tobias slept.")
    >>> table = reader.rank_methods([reading], methods=("input_x_gradient",))
    >>> table.readings, [row.method for row in table.rows]
    (1, ['input_x_gradient'])
    """

    rows: tuple[MethodRow, ...]
    readings: int
    failed: tuple[tuple[int, QalensError], ...]
    differences: tuple[MethodDifference, ...] = ()

    def difference(self, method: str, other: str) -> MethodDifference:
        """The difference of two methods, in the order of the table.

        Parameters
        ----------
        method, other : str
            The methods, in either order.

        Returns
        -------
        MethodDifference

        Raises
        ------
        InputError
            For methods that are not in the table.
        """
        for one in self.differences:
            if {one.method, one.other} == {method, other}:
                return one
        known = ", ".join(row.method for row in self.rows)
        raise InputError(f"There is no pair of {shown(method)} and {shown(other)}; the methods are {known}.")

    def __str__(self) -> str:
        head = ("method", "comprehensiveness", "z", "normalised", "sufficiency", "z", "normalised")
        lines = [head] + [
            (
                row.method,
                str(row.comprehensiveness),
                f"{row.comprehensiveness_z.value:+.2f}",
                f"{row.comprehensiveness_normalised.value:.2f}",
                str(row.sufficiency),
                f"{row.sufficiency_z.value:+.2f}",
                f"{row.sufficiency_normalised.value:.2f}",
            )
            for row in self.rows
        ]
        widths = [max(len(line[k]) for line in lines) for k in range(len(head))]
        body = (
            "  ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)).rstrip() for line in lines
        )
        pairs = (
            f"{d.method} minus {d.other}: comprehensiveness {d.comprehensiveness}, sign test p {d.p:.3f}, "
            f"{d.adjusted_p:.3f} after Holm"
            for d in self.differences
        )
        return "\n".join([*body, *pairs, f"{self.readings} readings, {len(self.failed)} left out"])


def faithfulness_table(
    tested: Sequence[Sequence[Faithfulness]],
    *,
    names: Sequence[str] | None = None,
    failed: Sequence[tuple[int, QalensError]] = (),
) -> FaithfulnessTable:
    """Rank methods that were tested on the same readings.

    Parameters
    ----------
    tested : sequence of sequence of Faithfulness
        One sequence for each reading, with the methods in the same order.
    names : sequence of str or None, default None
        Names for methods that differ in their options alone; None takes the methods' own.
    failed : sequence of tuple of (int, QalensError), default ()
        Readings that were left out, with the reason.

    Returns
    -------
    FaithfulnessTable

    Raises
    ------
    InputError
        For no readings, and for readings that were tested with different methods.
    """
    if not tested:
        reason = f" The first was: {failed[0][1]}" if failed else ""
        raise InputError(f"No reading could be tested.{reason}")
    methods = [f.method for f in tested[0]]
    if any([f.method for f in one] != methods for one in tested):
        raise InputError("All readings have to be tested with the same methods, in the same order.")
    columns = {name: [one[k] for one in tested] for k, name in enumerate(methods if names is None else names)}
    rows = [_row(name, found) for name, found in columns.items()]
    rows.sort(key=lambda row: -np.nan_to_num(row.comprehensiveness_z.value, nan=-np.inf))
    pairs = combinations([row.method for row in rows], 2)
    found = [_difference(a, columns[a], b, columns[b]) for a, b in pairs]
    adjusted = holm([one.p for one in found])
    differences = tuple(replace(one, adjusted_p=p) for one, p in zip(found, adjusted, strict=True))
    return FaithfulnessTable(tuple(rows), len(tested), tuple(failed), differences)


def table_of_outcomes(
    outcomes: Sequence[tuple[Faithfulness, ...] | QalensError], *, names: Sequence[str]
) -> FaithfulnessTable:
    """Rank methods by the outcome of each reading.

    Parameters
    ----------
    outcomes : sequence of tuple of Faithfulness or QalensError
        The tests of each reading, or the reason why a method could not be tested there.
    names : sequence of str
        The names of the methods.

    Returns
    -------
    FaithfulnessTable
    """
    tested = [found for found in outcomes if not isinstance(found, QalensError)]
    failed = [(number, found) for number, found in enumerate(outcomes) if isinstance(found, QalensError)]
    return faithfulness_table(tested, names=names, failed=failed)


def _row(method: str, found: Sequence[Faithfulness]) -> MethodRow:
    ranked = [f.comprehensive.p for f in found if not np.isnan(f.comprehensive.z)]
    better = sum(p < 0.5 for p in ranked)
    return MethodRow(
        method=method,
        comprehensiveness=mean_interval([f.comprehensive.value for f in found]),
        comprehensiveness_z=mean_interval([f.comprehensive.z for f in found]),
        comprehensiveness_normalised=mean_interval([f.comprehensive.normalised for f in found]),
        sufficiency=mean_interval([f.sufficient.value for f in found]),
        sufficiency_z=mean_interval([f.sufficient.z for f in found]),
        sufficiency_normalised=mean_interval([f.sufficient.normalised for f in found]),
        deletion_area=mean_interval([f.deletion_area for f in found]),
        insertion_area=mean_interval([f.insertion_area for f in found]),
        random_p=sign_test(better, len(ranked) - better),
    )


def _difference(
    method: str, found: Sequence[Faithfulness], other: str, theirs: Sequence[Faithfulness]
) -> MethodDifference:
    def paired(number: Callable[[Faithfulness], float]) -> NDArray[np.float64]:
        return np.array([number(a) - number(b) for a, b in zip(found, theirs, strict=True)])

    change = paired(lambda f: f.comprehensive.value)
    return MethodDifference(
        method,
        other,
        comprehensiveness=mean_interval(change),
        comprehensiveness_z=mean_interval(paired(lambda f: f.comprehensive.z)),
        sufficiency=mean_interval(paired(lambda f: f.sufficient.value)),
        sufficiency_z=mean_interval(paired(lambda f: f.sufficient.z)),
        p=sign_test(int((change > 0).sum()), int((change < 0).sum()), two_sided=True),
        adjusted_p=math.nan,
    )
