"""Work beside the notebook: a thread that tells how far it is, and that can be stopped."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import CancelledError
from typing import Any

_BETWEEN_REPORTS = 0.2  # seconds


class Work:
    """One computation in a thread of its own, from `start()` on.

    - `compute(watch)` does it, and calls `watch(count)` now and then with how much is done
    - `report(count)` is told that, at most five times a second
    - `finish(outcome)` gets what `compute` returned, or the exception that it raised
    - `after`: earlier work, which is stopped at the start; this one waits for its end

    Both are called in the event loop that runs at the start, where there is one (a kernel has one, and its widgets belong
    to it), else in the thread. What was stopped ends at its next `watch` and calls neither of them again.

    >>> found = []
    >>> work = Work(lambda watch: 6 * 7, report=print, finish=found.append)
    >>> work.start()
    >>> work.wait()
    >>> found
    [42]
    """

    def __init__(
        self,
        compute: Callable[[Callable[[int], None]], Any],
        *,
        report: Callable[[int], None],
        finish: Callable[[Any], None],
        after: Work | None = None,
    ):
        self._compute, self._report, self._finish, self._after = compute, report, finish, after
        self._stopped = threading.Event()
        self._told = time.monotonic()
        self._loop: asyncio.AbstractEventLoop | None = None
        # A daemon, so that a kernel that is shut down does not wait for it.
        self._thread = threading.Thread(target=self._run, name="qalens-work", daemon=True)

    def start(self) -> None:
        """Begin; `finish` may be called before this returns."""
        self._loop = _running_loop()
        if self._after is not None:
            self._after.stop()
        self._thread.start()

    def stop(self) -> None:
        """End the work at its next `watch`; nothing is heard of it any more."""
        self._stopped.set()

    def wait(self, seconds: float | None = None) -> None:
        """Wait until the thread has ended, or for some seconds."""
        self._thread.join(seconds)

    def _run(self) -> None:
        if self._after is not None:
            self._after.wait()
            self._after = None
        try:
            self._watch(0)
            outcome = self._compute(self._watch)
        except CancelledError:
            return
        except Exception as error:  # there is nobody above who could hear of it
            outcome = error
        self._tell(self._finish, outcome)

    def _watch(self, count: int) -> None:
        if self._stopped.is_set():
            raise CancelledError
        if time.monotonic() - self._told >= _BETWEEN_REPORTS:
            self._told = time.monotonic()
            self._tell(self._report, count)

    def _tell(self, hear: Callable[[Any], None], what: Any) -> None:
        def unless_stopped() -> None:
            if not self._stopped.is_set():
                hear(what)

        if self._loop is None or self._loop.is_closed():
            unless_stopped()
        else:
            self._loop.call_soon_threadsafe(unless_stopped)


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
