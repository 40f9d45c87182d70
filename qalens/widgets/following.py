"""Reading along: what was typed last is read in the background, and what was typed before it is dropped."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qalens.progress import HowFar, listening
from qalens.widgets.kernel_thread import Work

IDLE = {"state": "idle", "words": "", "share": None}
READING = {"state": "reading", "words": "reading…", "share": None}
STOPPED = {"state": "stopped", "words": "Stopped.", "share": None}


def so_far(doing: str, how_far: HowFar) -> dict[str, Any]:
    """What fields say while something is read: its `words`, and the `share` that is done where that is known.

    >>> so_far("reading", HowFar(3, 40, "window"))
    {'state': 'reading', 'words': 'reading window 3 of 40', 'share': 0.075}
    """
    if not how_far.total:
        return {"state": "reading", "words": f"{doing}, {how_far.unit} {how_far.done:,}", "share": None}
    words = f"{doing} {how_far.unit} {how_far.done:,} of {how_far.total:,}"
    return {"state": "reading", "words": words, "share": how_far.done / how_far.total}


class Following:
    """Does one piece of work at a time in a thread; the last one that was asked for wins.

    - `finish(outcome)` gets what the last work returned, or the exception that it raised; of work that was overtaken
      nothing is heard
    - `report(how_far)` is told how far it is, at most five times a second

    >>> heard = []
    >>> following = Following(heard.append)
    >>> following.ask(lambda: 6 * 7)
    >>> following.wait()
    >>> heard, following.busy
    ([42], False)
    """

    def __init__(self, finish: Callable[[Any], None], report: Callable[[HowFar], None] = lambda _: None):
        self._finish, self._report = finish, report
        self._last: Work | None = None
        self.busy = False

    def ask(self, work: Callable[[], Any]) -> None:
        """Begin this instead of what was asked for before, which ends where it next tells how far it is."""

        def compute(watch: Callable[[Any], None]) -> Any:
            with listening(watch):
                return work()

        self._last = Work(compute, report=self._report, finish=self._heard, after=self._last)
        self.busy = True
        self._last.start()

    def drop(self) -> None:
        """Let nothing be heard any more of what was asked for."""
        if self._last is not None:
            self._last.stop()
        self.busy = False

    def wait(self, seconds: float | None = None) -> None:
        """Wait until the work has ended, or for some seconds; in a notebook its outcome is heard after the cell."""
        if self._last is not None:
            self._last.wait(seconds)

    def _heard(self, outcome: Any) -> None:
        work = self._last
        try:
            self._finish(outcome)
        finally:
            # What hears of it may have asked for more.
            if self._last is work:
                self.busy = False
