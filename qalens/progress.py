"""A progress bar for work that takes its time."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sized
from typing import TypeVar

_SECONDS_BEFORE_BAR = 2.0
_T = TypeVar("_T")


class Bar:
    """A progress bar that is only made when it is shown: a hidden one leaves an empty widget in a notebook.

    - `total`: how many items there will be, None where nobody knows
    - `show`: None shows it when the work takes longer than two seconds
    - `unit`: what is counted; `done`: how many were there before

    >>> with Bar(2, False) as bar:
    ...     list(bar.counted("ab"))
    ['a', 'b']
    """

    def __init__(self, total: int | None, show: bool | None, unit: str = "questions", *, done: int = 0):
        self._total, self._show, self._unit = total, show, unit
        self._began, self._done, self._bar = time.monotonic(), done, None

    def __enter__(self) -> Bar:
        return self

    def counted(self, items: Iterable[_T]) -> Iterator[_T]:
        """The same items, each counted when it is there."""
        for item in items:
            self.update()
            yield item

    def update(self, count: int = 1) -> None:
        """Count one item more, or several."""
        self._done += count
        late = time.monotonic() - self._began > _SECONDS_BEFORE_BAR
        if self._bar is not None:
            self._bar.update(count)
        elif self._show or (self._show is None and late):
            from tqdm.auto import tqdm

            self._bar = tqdm(total=self._total, initial=self._done, unit=f" {self._unit}")

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()


def number_of(items: object) -> int | None:
    """How many items there are, where that can be told without going through them.

    >>> number_of([1, 2]), number_of(iter([1, 2]))
    (2, None)
    """
    return len(items) if isinstance(items, Sized) else None
