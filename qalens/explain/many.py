"""Many readings explained one after the other: what fails becomes its reason and harms no other."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from qalens.errors import QalensError
from qalens.readings.reading import FailedReading, Reading

_T = TypeVar("_T")


def each(
    readings: Iterable[Reading | FailedReading], explain: Callable[[Reading | FailedReading], _T]
) -> Iterator[tuple[Reading | FailedReading, _T | QalensError]]:
    """Explain readings one after the other; a failure becomes its reason and does not affect others.

    Parameters
    ----------
    readings : iterable of Reading or FailedReading
        The readings.
    explain : callable
        Explains one of them.

    Returns
    -------
    iterator of tuple of (Reading or FailedReading, _T or QalensError)
        Each reading with its explanation or the reason why there is none, lazily and in order.

    Examples
    --------
    >>> from qalens.explain.targets import resolve
    >>> from qalens.testing import planted_reading
    >>> readings = [planted_reading("Who?", "Ada kept it.", answer=name) for name in ("Ada", "kept")]
    >>> [target.words for _, target in each(readings, resolve)]
    ['score of “Ada”', 'score of “kept”']
    """
    for reading in readings:
        try:
            found: _T | QalensError = explain(reading)
        except QalensError as error:
            _let_go(error)
            found = error
        yield reading, found


def _let_go(error: BaseException | None) -> None:
    """Free what the frames of an error hold, such as the tensors that filled a GPU: the error is kept for long."""
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        error = error.__cause__
