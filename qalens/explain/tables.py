"""Several methods of attribution side by side, tested on the same readings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from qalens.errors import InputError, QalensError
from qalens.explain.faithfulness import Faithfulness

_RESAMPLES = 2000


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean over readings with its 95 % interval, from a bootstrap over the readings."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.2f} [{self.low:.2f}, {self.high:.2f}]"


def bootstrap_mean(values: ArrayLike, *, seed: int = 0) -> Mean:
    """The mean of some values and the interval in which 95 % of the means of resamples fall; nan values are left out.

    >>> str(bootstrap_mean([1.0, 1.0, 1.0]))
    '1.00 [1.00, 1.00]'
    """
    x = np.asarray(values, float)
    x = x[~np.isnan(x)]
    if not len(x):
        return Mean(float("nan"), float("nan"), float("nan"))
    drawn = np.random.default_rng(seed).integers(0, len(x), (_RESAMPLES, len(x)))
    low, high = np.quantile(x[drawn].mean(1), [0.025, 0.975])
    return Mean(float(x.mean()), float(low), float(high))


@dataclass(frozen=True, slots=True)
class MethodRow:
    """One method over all readings: means of what `Faithfulness` measures.

    `comprehensiveness` and `sufficiency` are in logits, the `_z` in standard deviations of random rankings, where more is
    better for both, and the `_normalised` between the worst (0) and the best (1) order found; `deletion_area` (less is
    better) and `insertion_area` (more is better) in logits.
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

    @property
    def beats_random(self) -> bool:
        """Whether comprehensiveness is above that of random rankings, with its whole interval."""
        return self.comprehensiveness_z.low > 0


@dataclass(frozen=True, slots=True)
class FaithfulnessTable:
    """Methods by faithfulness, the one with the highest comprehensiveness z first.

    - `rows`: one `MethodRow` for each method
    - `readings`: how many readings all methods were tested on
    - `failed`: the number in the given order and the reason of each reading that was left out for all methods

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
        return "\n".join([*body, f"{self.readings} readings, {len(self.failed)} left out"])

    def _repr_html_(self) -> str:
        from qalens.views.faithfulness import faithfulness_table_html

        return faithfulness_table_html(self)


def faithfulness_table(
    tested: Sequence[Sequence[Faithfulness]],
    *,
    names: Sequence[str] | None = None,
    failed: Sequence[tuple[int, QalensError]] = (),
    seed: int = 0,
) -> FaithfulnessTable:
    """Rank methods that were tested on the same readings: one sequence for each reading, the methods in one order.

    `names` tells methods apart that differ in their options alone; None takes the methods' own. Raises `InputError` where there is no reading, or readings were tested with different methods.
    """
    if not tested:
        reason = f" The first was: {failed[0][1]}" if failed else ""
        raise InputError(f"No reading could be tested.{reason}")
    methods = [f.method for f in tested[0]]
    if any([f.method for f in one] != methods for one in tested):
        raise InputError("All readings have to be tested with the same methods, in the same order.")
    shown = methods if names is None else names
    rows = [_row(name, [one[k] for one in tested], seed) for k, name in enumerate(shown)]
    rows.sort(key=lambda row: -np.nan_to_num(row.comprehensiveness_z.value, nan=-np.inf))
    return FaithfulnessTable(tuple(rows), len(tested), tuple(failed))


def table_of_outcomes(
    outcomes: Sequence[tuple[Faithfulness, ...] | QalensError], *, names: Sequence[str], seed: int = 0
) -> FaithfulnessTable:
    """Rank methods by what testing them gave for each reading, or why one of them could not be tested there."""
    tested = [found for found in outcomes if not isinstance(found, QalensError)]
    failed = [(number, found) for number, found in enumerate(outcomes) if isinstance(found, QalensError)]
    return faithfulness_table(tested, names=names, failed=failed, seed=seed)


def _row(method: str, found: Sequence[Faithfulness], seed: int) -> MethodRow:
    def mean(values: Sequence[float]) -> Mean:
        return bootstrap_mean(values, seed=seed)

    return MethodRow(
        method=method,
        comprehensiveness=mean([f.comprehensive.value for f in found]),
        comprehensiveness_z=mean([f.comprehensive.z for f in found]),
        comprehensiveness_normalised=mean([f.comprehensive.normalised for f in found]),
        sufficiency=mean([f.sufficient.value for f in found]),
        sufficiency_z=mean([f.sufficient.z for f in found]),
        sufficiency_normalised=mean([f.sufficient.normalised for f in found]),
        deletion_area=mean([f.deletion_area for f in found]),
        insertion_area=mean([f.insertion_area for f in found]),
    )
