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

    - `compute(watch)` does it, and calls `watch(how_far)` now and then with whatever says how much is done
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
        compute: Callable[[Callable[[Any], None]], Any],
        *,
        report: Callable[[Any], None],
        finish: Callable[[Any], None],
        after: Work | None = None,
    ):
        self._compute, self._report, self._finish, self._after = compute, report, finish, after
        self._stopped = threading.Event()
        self._starting, self._began = threading.Lock(), False
        self._told = time.monotonic()
        self._loop: asyncio.AbstractEventLoop | None = None
        # A daemon, so that a kernel that is shut down does not wait for it.
        self._thread = threading.Thread(target=self._run, name="qalens-work", daemon=True)

    def start(self) -> None:
        """Begin; `finish` may be called before this returns."""
        self._loop = _running_loop()
        if self._after is not None:
            self._after.stop()
        with self._starting:
            self._thread.start()
            self._began = True

    def stop(self) -> None:
        """End the work at its next `watch`; nothing is heard of it any more."""
        self._stopped.set()
        after = self._after
        if not self._began and after is not None:
            after.stop()  # it would have stopped that at its start

    def wait(self, seconds: float | None = None) -> None:
        """Wait until the thread has ended, or for some seconds."""
        with self._starting:
            began = self._began
        after = self._after
        if began:
            self._thread.join(seconds)
        elif after is not None:
            # Another thread made this work and did not start it yet; what it would wait for may be running.
            after.wait(seconds)

    def _run(self) -> None:
        if self._after is not None:
            self._after.wait()
            self._after = None
        try:
            self._check()
            outcome = self._compute(self._watch)
        except CancelledError:
            return
        except Exception as error:  # there is nobody above who could hear of it
            outcome = error
        self._tell(self._finish, outcome)

    def _check(self) -> None:
        if self._stopped.is_set():
            raise CancelledError

    def _watch(self, how_far: Any) -> None:
        self._check()
        if time.monotonic() - self._told >= _BETWEEN_REPORTS:
            self._told = time.monotonic()
            self._tell(self._report, how_far)

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
