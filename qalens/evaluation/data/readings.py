"""Questions of a data set with their readings, in order, whatever is wrong with some of them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any

from qalens.errors import InputError
from qalens.evaluation.data.inputs import Item
from qalens.evaluation.rows import with_its_question
from qalens.readings.reading import FailedReading, Reading
from qalens.text.examples import Example


def read_items(reader: Any, items: Iterable[Item]) -> Iterator[tuple[Item, Reading | FailedReading]]:
    """Each question with its reading, lazily; one that is broken or was read before never meets the model.

    Parameters
    ----------
    reader : object
        The reader.
    items : iterable of Item
        The questions.

    Returns
    -------
    iterator of (Item, Reading or FailedReading)

    Examples
    --------
    >>> from qalens.reader import Reader
    >>> from qalens.testing import toy_model, toy_tokenizer
    >>> given = [Item(Example("Who?", "Ada kept it."), "line 1"), Item(Example("", ""), "line 2", error="no question")]
    >>> [str(reading.error) for _, reading in read_items(Reader(toy_model(), toy_tokenizer()), given)]
    ['None', 'line 2: no question']
    """
    waiting: deque[Item] = deque()

    def to_read() -> Iterator[Example]:
        for item in items:
            waiting.append(item)
            if item.error is None and item.reading is None:
                yield item.example

    # To its end: a Ctrl-C that comes while an unfinished generator is thrown away is lost.
    for reading in reader.read_many(to_read(), progress=False):
        yield from _unread(waiting)
        yield waiting.popleft(), reading
    yield from _unread(waiting)


def _unread(waiting: deque[Item]) -> Iterator[tuple[Item, Reading | FailedReading]]:
    """The questions next in turn that never met the model: those that are broken, and those that were read before."""
    while waiting and (waiting[0].error is not None or waiting[0].reading is not None):
        item = waiting.popleft()
        if item.reading is None:
            yield item, FailedReading(item.example, InputError(f"{item.place}: {item.error}"))
        else:
            yield with_its_question(item.reading)
