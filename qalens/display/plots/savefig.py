"""Figures as files, without a date and without random names, so that the same picture stays the same file."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from qalens.forks import lock_that_forks_wait_for

_ONE_AT_A_TIME = lock_that_forks_wait_for()


@contextmanager
def _settings(changed: dict[str, Any]) -> Iterator[None]:
    """Settings of matplotlib for one file.

    They are those of the whole process, so one picture is written after the other; other settings are left alone, which
    another thread may be changing meanwhile.
    """
    with _ONE_AT_A_TIME:
        settings: Any = mpl.rcParams  # its type knows the names of settings one by one
        before = {name: settings[name] for name in changed}
        settings.update(changed)
        try:
            yield
        finally:
            settings.update(before)


def svg(figure: Figure) -> str:
    """A figure as SVG. Text stays text: it can be searched and copied, in the fonts of whoever looks at it.

    >>> svg(Figure(figsize=(1, 1))).startswith("<?xml")
    True
    """
    buffer = io.StringIO()
    with _settings({"svg.hashsalt": "qalens", "svg.fonttype": "none"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": "qalens"})
    return buffer.getvalue()


def png(figure: Figure, dpi: int) -> bytes:
    """A figure as PNG of `dpi` dots an inch.

    >>> png(Figure(figsize=(1, 1)), 50)[:4]
    b'\\x89PNG'
    """
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi, metadata={"Software": "qalens"})
    return buffer.getvalue()


def pdf(figure: Figure) -> bytes:
    """A figure as a PDF whose letters stay text.

    >>> pdf(Figure(figsize=(1, 1)))[:5]
    b'%PDF-'
    """
    buffer = io.BytesIO()
    with _settings({"pdf.fonttype": 42}):
        figure.savefig(buffer, format="pdf", metadata={"CreationDate": None, "Creator": "qalens"})
    return buffer.getvalue()
