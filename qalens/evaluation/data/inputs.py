"""Questions from files and from memory, one after the other; a broken one keeps its place and says why."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sized
from pathlib import Path
from typing import Any

from qalens.errors import InputError, QalensError, shown
from qalens.readings.documents import DocumentsReading
from qalens.readings.reading import Reading
from qalens.text.examples import Example
from qalens.text.file_index import pieces_of
from qalens.text.question_rows import Item, column, item_of, row_as_json, rows_inside
from qalens.text.squad_files import load_items
from qalens.text.tables import is_listed, rows_of_table

__all__ = ["Item", "read_examples", "row_as_json", "rows_of"]


def read_examples(source: Any) -> Iterator[Item]:
    """The questions of a data set, lazily and in their order; a broken one is an `Item` with its `error`.

    This is the one way in for questions: `qalens.evaluate`, `reader.read_many`, runs in a folder and the commands all use it.

    Parameters
    ----------
    source : str, Path, data frame, table, dict or iterable
        - a file: SQuAD 1.1 or 2.0 JSON, JSON lines, or a JSON array of rows, paragraphs or articles; which one is recognised by its
          content. Packed with gzip, bzip2 or xz, and in UTF-8, UTF-16 or UTF-32. One paragraph or row is held at a time.
        - rows from any iterable, as `datasets` gives them: {"id", "question", "context", "answers": {"text": […],
          "answer_start": […]}}; "title", "cause" and "is_impossible" are kept too. A row may also be an article or a paragraph.
        - a pandas or polars data frame, an Arrow table, or a dictionary of columns
        - `Example` objects and (question, context) pairs
        - the dictionary that a SQuAD file holds
        - readings that were made already, also of many documents (`DocumentsReading.with_gold`); a run in a folder has no use
          for them

    Yields
    ------
    Item
        One question. Broken are: a missing, blank or otherwise unreadable question or text, another type than expected, a gold
        answer that is not in the text where the data says, and gold answers under a name that is not known.

    Raises
    ------
    InputError
        If the source itself is of another kind, or a file is no whole JSON.

    Notes
    -----
    - Columns go by their usual other names too, without regard to case, dots and dashes: "query", "passage", "qid",
      "answers.text" with "answers.answer_start", "answer" with "answer_start". A cell may hold its list or dictionary in words, as
      CSV files do.
    - Empty cells of data frames (NaN, NA) are nothing. A whole number is an id.
    - `is_impossible` is true, false, 1, 0, "true" or "false". Where there are answers, these count, as in the scripts of SQuAD.
    - Without answers nothing is known; with an empty list, or with `is_impossible`, there is no answer.

    Examples
    --------
    >>> rows = [{"question": "Who kept the lamp?", "context": "Ada kept the lamp."}, {"question": "Who?"}]
    >>> [item.error for item in read_examples(rows)]
    [None, "There is no 'context'."]
    """
    if isinstance(source, str | Path):
        yield from load_items(source)
        return
    for number, given in enumerate(rows_of(source), 1):
        place = f"row {number}"
        if isinstance(given, Reading | DocumentsReading):
            yield Item(Example(given.question, ""), place, reading=given)
        else:
            yield item_of(given, place)


def questions_in(source: Any) -> Iterator[Any]:
    """The questions of a source for `reader.read_many`: rows and files as `Item` objects, `Example` objects and pairs unchanged.

    Parameters
    ----------
    source : object
        As in `read_examples`.

    Returns
    -------
    iterator of object

    Examples
    --------
    >>> [type(one).__name__ for one in questions_in([("Who?", "Ada."), {"question": "Who?", "context": "Ada."}])]
    ['tuple', 'Item']
    """
    if isinstance(source, str | Path):
        yield from load_items(source)
        return
    for number, given in enumerate(rows_of(source), 1):
        yield item_of(given, f"row {number}") if isinstance(given, Mapping) else given


def number_of_questions(source: Any, limit: int | None = None) -> int | None:
    """The number of questions of a source.

    Parameters
    ----------
    source : object
        As in `read_examples`.
    limit : int or None, default None
        The most questions that count; None sets no limit.

    Returns
    -------
    int or None
        None if it cannot be known without consuming the source.

    Examples
    --------
    >>> number_of_questions([("Who?", "Ada."), ("Why?", "Ada.")]), number_of_questions(iter([]))
    (2, None)
    """
    try:
        found = _count(source)
    except (
        QalensError,
        OSError,
        ValueError,
    ):  # told when the questions are read, in the place where it happens
        return None
    return found if found is None or limit is None else min(found, limit)


def _count(source: Any) -> int | None:
    if isinstance(source, str | Path):
        return sum(piece.questions for piece in pieces_of(source)) if Path(source).is_file() else None
    if isinstance(source, list | tuple | Mapping):
        return sum(1 for _ in rows_of(source))
    return len(source) if isinstance(source, Sized) else None


def rows_of(source: Any) -> Iterator[Any]:
    """The questions of a data set in memory, one row each; articles and paragraphs are split into their questions.

    Parameters
    ----------
    source : object
        As in `read_examples`.

    Returns
    -------
    iterator of object
    """
    for given in _given(source):
        yield from (row for _, row in rows_inside(given))


def _given(source: Any) -> Iterable[Any]:
    if isinstance(source, Mapping):
        return _given_by_name(source)
    table = rows_of_table(source)
    if table is not None:
        return table
    if isinstance(source, Iterable) and not isinstance(source, str | bytes):
        return source
    if is_listed(source):  # a data set of torch, which ends by its length
        return (source[k] for k in range(len(source)))
    raise InputError(
        "A data set is a file, a data frame, or rows with 'question' and 'context' from any iterable, but got "
        f"{type(source).__name__}: {shown(source)}."
    )


def _given_by_name(source: Mapping[Any, Any]) -> Iterable[Any]:
    if isinstance(source.get("data"), list) or any(
        is_listed(source.get(name)) for name in ("paragraphs", "qas")
    ):
        return [source]
    question = column(source, "question")
    rows = rows_of_table(source) if is_listed(question) else None
    if rows is not None:
        return rows
    if isinstance(question, str):
        return [source]
    raise InputError(
        "A dictionary is read as what a SQuAD file holds, with a list under 'data', as one row with 'question' and 'context', "
        "or as such columns of one length; this one has the keys "
        f"{', '.join(map(shown, list(source)[:8])) or 'none'}. Give one part of a DatasetDict, not all of them."
    )
