"""Where a plot draws, and the checks of what it is asked for."""

from __future__ import annotations

from typing import Any

from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from qalens.errors import InputError
from qalens.reading import FailedReading, Reading


def axes(ax: Axes | None, height: float) -> Axes:
    """The axes to draw into: those given, or those of a new figure of 6.4 × `height` inches.

    >>> axes(None, 2.0).figure.get_size_inches().tolist()
    [6.4, 2.0]
    >>> plt.close()
    """
    if ax is None:
        return plt.subplots(figsize=(6.4, height), layout="constrained")[1]
    if not isinstance(ax, Axes):
        raise InputError(f"ax has to be a matplotlib Axes, as plt.subplots() gives it, but is {ax!r:.80}.")
    return ax


def check_reading(reading: Any) -> None:
    """Raise `InputError` for what is no reading."""
    if isinstance(reading, FailedReading):
        raise InputError(f"There is nothing to draw, since the text could not be read: {reading.error}")
    check_kind(reading, Reading, "reader.read(question, context)")


def check_kind(record: Any, kind: type, made_by: str) -> None:
    """Raise `InputError` for what is no record of a kind; `made_by` is the call that gives one."""
    if not isinstance(record, kind):
        article = "an" if kind.__name__[0] in "AEIOU" else "a"
        raise InputError(
            f"A plot needs {article} {kind.__name__}, as {made_by} gives it, but got {record!r:.80}."
        )


def check_choice(name: str, value: Any, choices: tuple[Any, ...]) -> None:
    """Raise `InputError` for an option that is none of the choices."""
    if value not in choices:
        raise InputError(f"{name} has to be one of {', '.join(map(repr, choices))}, but is {value!r}.")


def check_count(name: str, value: Any, least: int) -> None:
    """Raise `InputError` for what is no whole number from `least` on."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise InputError(f"{name} has to be a whole number from {least} on, but is {value!r}.")
