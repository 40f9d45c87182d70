"""`explore`: one call for whatever there is to look at."""

from __future__ import annotations

from typing import Any

from ipywidgets import Box

from qalens.errors import InputError, shown
from qalens.readings.documents import DocumentsReading
from qalens.readings.reading import FailedReading, Reading
from qalens.widgets.explorer import check_reading
from qalens.widgets.explorers.dataset_explorer import DatasetExplorer
from qalens.widgets.explorers.reading_explorer import ReadingExplorer

_QUESTION = "When was the road over the pass closed?"
_CONTEXT = (
    "The road over the pass was closed from November to April. In those months Mathis Brunner carried the mail across "
    "on skis, twice a week and alone. His sister Lena ran the post office in the valley, sorted the letters by lamplight, "
    "and noted in a green book on which days he did not come back before dark."
)


def explore(x: Any, question: str | None = None, context: Any = None, *, reader: Any = None) -> Box:
    """Explore anything: type a question and a text, or open what was read.

    `x` may be

    - a `Reader`: fields for a question and a text, which are read while one types, and the explorers of the reading
      below them as tabs

    - a `Reading` or `DocumentsReading`: its explorers that need no model; with `reader` all of them

    - a `Report`, or several readings: the list of its questions, and beside it the explorers of the open one

    - with `reader` anything that `qalens.evaluate` takes: a SQuAD file, rows, a data frame, examples

    Parameters
    ----------
    x : object
        What is explored.
    question, context : str or None, default None
        With a `Reader`, the first question and text; without them a small example. `context` may also be several
        documents, which are read together.
    reader : object, default None
        The `Reader` for what is not read yet.

    Returns
    -------
    Box
        A `ReadingExplorer`, whose `reading` is what is shown, or a box of a `DatasetExplorer` with what is open.

    Raises
    ------
    InputError
        For anything else, and as `reader.read` does.

    Examples
    --------
    >>> from qalens.reader import Reader
    >>> from qalens.testing import toy_model, toy_tokenizer
    >>> explored = explore(Reader(toy_model(), toy_tokenizer()), "Who kept the lamp?", "Ada kept the lamp.")
    >>> explored.reading.question
    'Who kept the lamp?'
    """
    if isinstance(x, FailedReading):
        raise InputError(f"There is nothing to explore, since the text could not be read: {x.error}")
    if callable(getattr(x, "read", None)):
        return _explore_with(x, question, context)
    if question is not None or context is not None:
        raise InputError(
            "What was read has its question and its text already; give explore a reader to read others."
        )
    if isinstance(x, Reading | DocumentsReading):
        return ReadingExplorer(check_reading(x, "explore"), reader=reader)
    try:
        return DatasetExplorer(x, reader=reader).with_details()
    except InputError as error:
        raise InputError(
            f"explore needs a Reader, as qalens.load() gives it, a Reading, several of them, a Report, or with reader=… a "
            f"data set, but got {shown(x)}. {error}"
        ) from error


def _explore_with(reader: Any, question: str | None, context: Any) -> ReadingExplorer:
    """The fields of a reader, with what they begin with."""
    if (question is None) != (context is None):
        raise InputError("explore needs both a question and a text to begin with, or neither.")
    if question is None or context is None:
        return ReadingExplorer(reader.read(_QUESTION, _CONTEXT), reader=reader)
    if isinstance(context, str):
        return ReadingExplorer(reader.read(question, context), reader=reader)
    return ReadingExplorer(check_reading(reader.read_documents(question, context), "explore"))
