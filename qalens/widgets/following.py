"""Reading along: what was typed last is read in the background, and what was typed before it is dropped."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qalens.widgets.background import Work

IDLE = {"state": "idle", "words": ""}
READING = {"state": "reading", "words": "reading…"}


class Following:
    """Does one piece of work at a time in a thread; the last one that was asked for wins.

    - `finish(outcome)` gets what the last work returned, or the exception that it raised; of work that was overtaken
      nothing is heard

    >>> heard = []
    >>> following = Following(heard.append)
    >>> following.ask(lambda: 6 * 7)
    >>> following.wait()
    >>> heard, following.busy
    ([42], False)
    """

    def __init__(self, finish: Callable[[Any], None]):
        self._finish = finish
        self._last: Work | None = None
        self.busy = False

    def ask(self, work: Callable[[], Any]) -> None:
        """Begin this instead of what was asked for before; it starts when a reading that runs has come to its end."""
        self._last = Work(lambda watch: work(), report=lambda _: None, finish=self._heard, after=self._last)
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
