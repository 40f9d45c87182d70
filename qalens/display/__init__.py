"""Pictures of records: HTML, matplotlib, plain text. Nothing here knows the model.

`content_of` says what is shown of a record, and which module says so is looked up by the class of the record, so that no
record imports its picture.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qalens.checks import is_whole
from qalens.errors import InputError, shown
from qalens.files import write_file

if TYPE_CHECKING:
    from qalens.display.parts import Content

__all__ = ["content_of", "to_html", "to_text"]

_NARROWEST = 48  # columns that a table needs
# Class of a record -> the module of `display.content`, and its function.
CONTENTS: dict[str, tuple[str, str]] = {
    "Reading": ("reading", "content"),
    "FailedReading": ("reading", "failed"),
    "DocumentsReading": ("documents", "content"),
    "Attribution": ("attribution", "content"),
    "FailedAttribution": ("attribution", "failed"),
    "LayerTrace": ("layers", "logit_lens"),
    "HeadAblation": ("layers", "heads"),
    "ReadingDiff": ("difference", "content"),
    "SentenceEffects": ("sentences", "effects"),
    "SmallestSentences": ("sentences", "smallest_sentences"),
    "SmallestFlip": ("sentences", "smallest_flip"),
    "Faithfulness": ("faithfulness", "content"),
    "FaithfulnessTable": ("faithfulness", "table"),
    "Report": ("evaluation.report", "content"),
    "ThresholdCurve": ("evaluation.confidence", "thresholds"),
    "Slices": ("evaluation.report", "slices"),
    "Calibration": ("evaluation.confidence", "content"),
    "Comparison": ("evaluation.comparison", "content"),
    "PredictionSet": ("evaluation.promises", "prediction_set"),
    "SetCurve": ("evaluation.promises", "set_curve"),
    "RiskControl": ("evaluation.promises", "risk_control"),
    "RiskCurve": ("evaluation.promises", "risk_curve"),
    "ControlledDecision": ("evaluation.promises", "controlled_decision"),
    "BehaviorReport": ("evaluation.behavior", "content"),
    "BehaviorResult": ("evaluation.behavior", "result"),
    "ModelComparison": ("evaluation.models", "content"),
}


def content_of(record: Any) -> Content:
    """What is shown of a record, made of parts that hold words and places and know no medium.

    Parameters
    ----------
    record
        A reading, an explanation, an evaluation, or a list of readings.

    Raises
    ------
    InputError
        For what has no picture.

    Examples
    --------
    >>> from qalens.testing import planted_reading
    >>> content_of(planted_reading("Who kept it?", "Ada kept the lamp.", answer="Ada")).title
    'Who kept it?'
    """
    if isinstance(record, list | tuple):
        return importlib.import_module("qalens.display.content.brief").content(record)
    for kind in type(record).__mro__:
        if kind.__name__ in CONTENTS and kind.__module__.startswith("qalens."):
            module, function = CONTENTS[kind.__name__]
            return getattr(importlib.import_module(f"qalens.display.content.{module}"), function)(record)
    raise InputError(
        f"There is no picture of {shown(record)}. Give a reading, an explanation, a report, or a list of readings."
    )


def to_html(record: Any, path: str | Path | None = None) -> str:
    """One record, or many readings as one plain report, as a whole HTML page that needs nothing else.

    Parameters
    ----------
    record
        A reading, an explanation or an evaluation; or a list of readings, which makes a page for people who only want the
        answers: what was asked, what was answered, where it is from, how sure it is, or why there is none.
    path
        Where to write the page; None writes nothing.

    Returns
    -------
    str
        The page: no network, no scripts, light and dark, any width, and fit to be printed.

    Raises
    ------
    InputError
        For what has no picture.

    Examples
    --------
    >>> from qalens.testing import planted_reading
    >>> to_html(planted_reading("Who kept it?", "Ada kept the lamp.", answer="Ada")).splitlines()[0]
    '<!doctype html>'
    """
    from qalens.display.html.page import page

    made = page(content_of(record))
    if path is not None:
        write_file(path, made)
    return made


def to_text(record: Any, width: int = 88) -> str:
    """One record as plain text for a terminal or a log, in at most `width` columns.

    Control characters and direction marks of texts are shown as a visible stand-in, so that a text cannot rearrange the
    terminal. Raises `InputError` for what has no picture, and for a `width` below 48 columns.

    Examples
    --------
    >>> from qalens.testing import planted_reading
    >>> to_text(planted_reading("Who kept it?", "Ada kept it.", answer="Ada")).splitlines()[:3]
    ['Who kept it?', 'Ada  >99.9%', '  probability that the answer is here']
    """
    from qalens.display.plain import text

    if not is_whole(width, least=_NARROWEST):
        raise InputError(
            f"width has to be a whole number of columns from {_NARROWEST} on, but is {shown(width)}."
        )
    return text(content_of(record), width)


def notebook_html(record: Any) -> str:
    """One record as a piece of HTML that a notebook shows, see `records.Shown`."""
    from qalens.display.html.page import fragment

    return fragment(content_of(record))
