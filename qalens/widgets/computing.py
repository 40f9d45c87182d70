"""Explorers that compute what is chosen in them: in the background, once each, and until they are told to stop."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import traitlets

from qalens.errors import InputError, QalensError, shown
from qalens.widgets.explorer import Explorer
from qalens.widgets.kernel_thread import Work

_IDLE = {"state": "idle", "words": ""}


class ComputingExplorer(Explorer):
    """An explorer that shows one of several records, and with a reader computes those that are not there yet.

    - `records`: what was given and computed, in that order; `record`: the one that is shown, or None
    - `compute()` computes what is chosen and waits for it; `cancel()` stops what a choice started in the background

    A child says what its options ask for (`choice`), which record is an answer to that (`_fits`), how to compute one
    (`_compute`), what that is called (`_doing`, `_progress`), and what the browser gets of it (`_entry`). Its own options
    start a computation by `_show_or_compute` when they change.
    """

    found = traitlets.List().tag(sync=True)
    shown = traitlets.Int(-1).tag(sync=True)
    live = traitlets.Bool(False).tag(sync=True)
    status = traitlets.Dict().tag(sync=True)

    # Of the class, so that one that was refused can be let go.
    _work: Work | None = None
    _stopped: Work | None = None

    def __init__(self, records: Sequence[Any], reader: Any, data: Mapping[str, Any], **options: Any):
        self.reader = reader
        self._records = list(records)
        self._asked: Any = None
        self._settled = False
        own = {
            "found": [self._entry(one) for one in self._records],
            "shown": -1,
            "live": reader is not None,
            "status": _IDLE,
        }
        super().__init__({**data, **own}, **options)

    def _settle(self) -> None:
        """From now on a change of an option shows or computes something; the children call it when they are made."""
        self.shown = self._place(self.choice)
        self._settled = True
        self.on_msg(self._heard)

    @property
    def choice(self) -> Any:
        """What the options ask for, as something that can be compared."""
        raise NotImplementedError

    def _fits(self, choice: Any, record: Any) -> bool:
        raise NotImplementedError

    def _compute(self, choice: Any, watch: Callable[[Any], None] | None) -> Any:
        raise NotImplementedError

    def _doing(self, choice: Any) -> str:
        raise NotImplementedError

    def _progress(self, done: Any) -> str:
        raise NotImplementedError

    def _entry(self, record: Any) -> dict[str, Any]:
        raise NotImplementedError

    @property
    def records(self) -> tuple[Any, ...]:
        """All that was given and computed, in that order."""
        return tuple(self._records)

    @property
    def record(self) -> Any:
        """What is shown; None where nothing was computed yet."""
        return self._records[self.shown] if self.shown >= 0 else None

    @property
    def computing(self) -> bool:
        """Whether something is being computed in the background."""
        return self._work is not None

    def compute(self) -> Any:
        """Compute what the options ask for, show it, and return it; at once where it was computed before.

        This waits, where a choice in the picture is computed in the background. Raises `InputError` without a reader and
        for what cannot be explained, `ModelError` where the model cannot be explained.
        """
        choice = self.choice
        if self._place(choice) < 0:
            self.cancel()
            self._keep(self._computed(choice, None))
        place = self._place(choice)
        self.shown, self.status = place, _IDLE
        return self._records[place]

    def begin(self) -> None:
        """Compute in the background what the options ask for, where there is a reader and nothing to show yet."""
        if self.record is None:
            self._show_or_compute()

    def cancel(self) -> None:
        """Stop what is being computed in the background, if anything is; the picture stays."""
        if self._work is not None:
            self._work.stop()
            self._stopped, self._work = self._work, None
            self.status = {"state": "cancelled", "words": "Stopped; nothing was changed."}

    def close(self) -> None:
        """Stop what is being computed, and take the explorer off every page."""
        self.cancel()
        super().close()

    @traitlets.validate("shown")
    def _check_shown(self, proposal: Mapping[str, Any]) -> int:
        if not -1 <= proposal["value"] < len(self._records):
            raise InputError(
                f"shown has to be from 0 to {len(self._records) - 1}, or -1, but is {proposal['value']}."
            )
        return proposal["value"]

    def _place(self, choice: Any) -> int:
        """Where the outcome of a choice is kept, or -1; of several that fit the one that is shown."""
        fit = [k for k, one in enumerate(self._records) if self._fits(choice, one)]
        return self.shown if self.shown in fit else next(iter(fit), -1)

    def _show_or_compute(self) -> None:
        if not self._settled:
            return
        choice = self.choice
        place = self._place(choice)
        asked = self.computing and self._asked == choice
        if place >= 0:
            if not asked:
                self.cancel()
            self.shown, self.status = place, _IDLE
        elif self.reader is not None and not asked:
            self._start(choice)

    def _computed(self, choice: Any, watch: Callable[[Any], None] | None) -> Any:
        if self.reader is None:
            raise InputError(
                "This was not computed, and there is no reader to compute it; pass one as reader=…"
            )
        return self._compute(choice, watch)

    def _start(self, choice: Any) -> None:
        """Compute in the background; what was being computed is stopped first."""
        began, doing = time.monotonic(), self._doing(choice)

        def report(done: Any) -> None:
            said = f"{self._progress(done)}, {time.monotonic() - began:.0f} s"
            self.status = {"state": "computing", "words": doing, "done": said}

        def finish(outcome: Any) -> None:
            if isinstance(outcome, Exception):
                self.status = {"state": "failed", "words": failure(outcome)}
            else:
                self._keep(outcome)
                self.shown, self.status = len(self._records) - 1, _IDLE
            # Last, so that who waits for it finds everything in its place.
            if self._work is work:
                self._work = None

        before = self._stopped if self._work is None else self._work
        self._asked = choice
        self.status = {"state": "computing", "words": doing, "done": ""}
        self._work = work = Work(
            lambda watch: self._computed(choice, watch), report=report, finish=finish, after=before
        )
        work.start()

    def _keep(self, record: Any) -> None:
        self._records.append(record)
        self.found = [*self.found, self._entry(record)]

    def _heard(self, _: object, content: Any, __: object) -> None:
        """A button of the picture was pressed."""
        asked = content.get("do") if isinstance(content, dict) else None
        if asked == "compute":
            self._show_or_compute()
        elif asked == "cancel":
            self.cancel()


def several(given: Any, kinds: type | tuple[type, ...]) -> list[Any]:
    """What was given as a list: one record, several, or something that is none, for the caller to refuse.

    >>> several(3, str), several("a", str), several(("a", "b"), str)
    ([3], ['a'], ['a', 'b'])
    """
    return [given] if isinstance(given, kinds) or not isinstance(given, Iterable) else list(given)


def check_choice(name: str, value: Any, known: Sequence[Any]) -> Any:
    """The value, or `InputError` where it is not among those `known`.

    >>> check_choice("by", "zero", ("zero", "mean"))
    'zero'
    """
    if value not in known:
        raise InputError(f"{name} has to be one of {', '.join(map(repr, known))}, but is {shown(value)}.")
    return value


def failure(error: Exception) -> str:
    """An error as a sentence in the picture.

    >>> failure(ValueError("no luck"))
    'ValueError: no luck'
    """
    return str(error) if isinstance(error, QalensError) else f"{type(error).__name__}: {error}"
