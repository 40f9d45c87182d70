"""How far work is: a progress bar, and a listener that can stop it.

What is counted is what has been computed, not what was handed on: the batches hold windows of many questions, whose readings
come all at once when the last batch is done.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sized
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, TypeVar

# Work that takes longer has a bar; it is shown as soon as that is known.
_SECONDS_BEFORE_BAR = 2.0
_SECONDS_BEFORE_GUESS = 0.3
_END = object()
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class HowFar:
    """The progress of some work.

    Attributes
    ----------
    done : int
        How many units are finished.
    total : int or None
        How many there are, None if this is not known.
    unit : str
        What is counted, such as "window".
    """

    done: int
    total: int | None
    unit: str


class _Listener:
    """Who listens, and the count of windows that go through the model in between."""

    def __init__(self, hear: Callable[[HowFar], None]):
        self.hear, self.done, self.total = hear, 0, 0


_listener: ContextVar[_Listener | None] = ContextVar("qalens_listener", default=None)


@contextmanager
def listening(hear: Callable[[HowFar], None]) -> Iterator[None]:
    """Report the progress of this thread to a function while the context is open.

    Parameters
    ----------
    hear : callable
        Called with each `HowFar`; an error that it raises ends the work.

    Examples
    --------
    >>> with listening(print):
    ...     tell(HowFar(1, 3, "window"))
    HowFar(done=1, total=3, unit='window')
    """
    token = _listener.set(_Listener(hear))
    try:
        yield
    finally:
        _listener.reset(token)


def tell(how_far: HowFar) -> None:
    """Report progress to the listener of this thread, if there is one.

    Parameters
    ----------
    how_far : HowFar
        The progress.
    """
    listener = _listener.get()
    if listener is not None:
        listener.hear(how_far)


def expect_windows(count: int) -> None:
    """Announce the number of windows that the model will read.

    Parameters
    ----------
    count : int
        The number of windows.
    """
    listener = _listener.get()
    if listener is not None:
        listener.done, listener.total = 0, count
    windows_passed(0)


def windows_passed(windows: int, *, texts: int = 0) -> None:
    """Report windows that the model has read, and texts that are finished with them.

    A progress bar counts the texts; a listener to work without a bar gets the windows.

    Parameters
    ----------
    windows : int
        The number of windows.
    texts : int, default 0
        The number of texts that are read to their end.
    """
    bar, listener = _bar.get(), _listener.get()
    if bar is not None:
        bar.read(texts)
    elif listener is not None and listener.total:
        listener.done += windows
        listener.hear(HowFar(listener.done, listener.total, "window"))


class Bar:
    """A progress bar in text, created when it is shown; a widget would be lost when a notebook is opened again.

    Parameters
    ----------
    total : int or None
        The number of items, None if it is not known.
    show : bool or None
        True or False; None shows it if the work takes longer than two seconds, unless the work is part of other work
        with a bar.
    unit : str, default "questions"
        What is counted.
    done : int, default 0
        How many items were finished before.
    leave : bool, default True
        Whether the bar stays when the work is finished; if not, it makes place for the next bar in a loop.

    Examples
    --------
    >>> with Bar(2, False) as bar:
    ...     list(bar.counted("ab"))
    ['a', 'b']
    """

    def __init__(
        self,
        total: int | None,
        show: bool | None,
        unit: str = "questions",
        *,
        done: int = 0,
        leave: bool = True,
    ):
        self._total, self._show, self._unit, self._leave = total, show, unit, leave
        self._began, self._before, self._done = time.monotonic(), done, done
        self._outer = _bar.get()
        self._reads = False
        self._bar: Any = None

    def __enter__(self) -> Bar:
        self._refresh()
        return self

    def counted(self, items: Iterable[_T], *, reads: bool = False) -> Iterator[_T]:
        """Iterate over items and count each.

        Parameters
        ----------
        items : iterable of _T
            Any items.
        reads : bool, default False
            Count an item already when its text is read.

        Returns
        -------
        iterator of _T
        """
        for number, item in enumerate(self.through(items, reads=reads), self._before + 1):
            self.reach(number)
            yield item

    def through(self, items: Iterable[_T], *, reads: bool = True) -> Iterator[_T]:
        """Iterate over items without counting them.

        Parameters
        ----------
        items : iterable of _T
            Any items.
        reads : bool, default True
            Count each text that is read on the way to the items.

        Returns
        -------
        iterator of _T
        """
        self._reads = reads
        source = iter(items)
        while True:
            token = _bar.set(self)
            try:
                item: Any = next(source, _END)
            finally:
                _bar.reset(token)
            if item is _END:
                return
            yield item

    def read(self, texts: int) -> None:
        """Count texts that are read, on the way to the items that are counted.

        Parameters
        ----------
        texts : int
            How many more.
        """
        self.reach(self._done + texts if self._reads else self._done)

    def update(self, count: int = 1) -> None:
        """Count one item or several.

        Parameters
        ----------
        count : int, default 1
            How many more.
        """
        self.reach(self._done + count)

    def reach(self, done: int) -> None:
        """Set the number of items that are finished; items are never counted twice.

        Parameters
        ----------
        done : int
            The number in all.
        """
        more = max(0, done - self._done)
        self._done += more
        self._refresh(more)
        if self._outer is None:
            tell(HowFar(self._done, self._total, self._unit))
        elif self._outer._unit == self._unit:
            self._outer.read(more)

    def _refresh(self, more: int = 0) -> None:
        if self._bar is not None:
            self._bar.update(more)
        elif self._is_due():
            self._bar = self._made()

    def _is_due(self) -> bool:
        if self._show is not None or self._outer is not None or _listener.get() is not None:
            return bool(self._show)
        seconds, done = time.monotonic() - self._began, self._done - self._before
        if self._total is not None and done and seconds > _SECONDS_BEFORE_GUESS:
            seconds *= (self._total - self._before) / done
        return seconds > _SECONDS_BEFORE_BAR

    def _made(self) -> Any:
        from tqdm import tqdm

        # Without smoothing the rate is that of all that was done, since the work began.
        bar = tqdm(
            total=self._total, initial=self._before, unit=f" {self._unit}", leave=self._leave, smoothing=0
        )
        bar.start_t -= time.monotonic() - self._began
        bar.update(self._done - self._before)
        return bar

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()


_bar: ContextVar[Bar | None] = ContextVar("qalens_bar", default=None)


def number_of(items: object) -> int | None:
    """The number of items, if it is known without iterating over them.

    Parameters
    ----------
    items : object
        Any iterable.

    Returns
    -------
    int or None
        None if it is not known.

    Examples
    --------
    >>> number_of([1, 2]), number_of(iter([1, 2]))
    (2, None)
    """
    # The length of a path or of a dictionary is not that of the questions in it.
    return len(items) if isinstance(items, Sized) and not isinstance(items, str | Mapping) else None
