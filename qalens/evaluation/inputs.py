"""Questions from files and from memory, one after the other; a broken one keeps its place and says why."""

from __future__ import annotations

import json
import math
import numbers
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qalens.documents import DocumentsReading
from qalens.errors import InputError
from qalens.evaluation.pieces import load_pieces, pieces_of
from qalens.evaluation.rows import Readable
from qalens.reading import Reading
from qalens.text import CharSpan, Example, check_text, gold_span, whole_place


@dataclass(frozen=True, slots=True)
class Item:
    """One question of a data set, or what could be kept of a broken one.

    - `example`: the question, its text and its gold answers
    - `place`: where it stood, such as "line 12" or "article 3, paragraph 2, question 7", counted from 1
    - `title`: the article, `cause`: why there is no answer, where the data has them
    - `error`: why it cannot be used, else None
    - `reading`: where it came read already, else None
    """

    example: Example
    place: str
    title: str | None = None
    cause: str | None = None
    error: str | None = None
    reading: Readable | None = None


def read_examples(source: Any) -> Iterator[Item]:
    """The questions of a data set, lazily and in their order; a broken one is an `Item` with its `error`.

    `source` is one of

    - a file: SQuAD 1.1 or 2.0 JSON, JSON lines, or a JSON array of rows; which one is told by its content (and by the
      ending .jsonl or .ndjson). Of a file one paragraph or row is held at a time.
    - rows as `datasets` gives them: {"id", "question", "context", "answers": {"text": […], "answer_start": […]}}, from any
      iterable; "title", "cause" and "is_impossible" are kept too. JSON lines have the same form.
    - a pandas DataFrame with these columns
    - `Example`s and (question, context) pairs
    - the dictionary that a SQuAD file holds
    - readings that were made already, also of many documents (`DocumentsReading.with_gold`); a run in a folder has no use
      for them

    Broken are: a missing, blank or otherwise unreadable question or text, another type than expected, a gold answer that
    does not stand in the text where the data says. Without "answers" nothing is known; with an empty list, or with
    "is_impossible", there is no answer. Raises `InputError` where the source itself is of another kind, or a file is no
    whole JSON.

    >>> rows = [{"question": "Who kept the lamp?", "context": "Ada kept the lamp."}, {"question": "Who?"}]
    >>> [item.error for item in read_examples(rows)]
    [None, "There is no 'context'."]
    """
    if isinstance(source, str | Path):
        yield from load_items(source)
    else:
        yield from items_of_rows(rows_of(source))


def load_items(path: str | Path) -> Iterator[Item]:
    """The questions of a file, one paragraph or row at a time."""
    for piece, value in load_pieces(path, pieces_of(path)):
        yield from items_of_piece(piece.place, piece.title, value, is_paragraph=piece.is_paragraph)


def items_of_piece(place: str, title: str | None, value: Any, *, is_paragraph: bool) -> list[Item]:
    """The questions of one paragraph or of one row; what is no paragraph at all is one broken question."""
    if isinstance(value, Exception):
        return [Item(Example("", ""), place, title, error=str(value))]
    if not is_paragraph:
        return [item_of(value, place)]
    questions = value.get("qas") if isinstance(value, Mapping) else None
    if not isinstance(questions, list):
        reason = "Expected a paragraph with a 'context' and a list of questions under 'qas'."
        return [Item(Example("", ""), place, title, error=reason)]
    items = []
    for number, question in enumerate(questions, 1):
        given = dict(question) if isinstance(question, Mapping) else question
        if isinstance(given, dict):
            given |= {"context": value.get("context"), "title": title}
        items.append(item_of(given, f"{place}, question {number}"))
    return items


def rows_of(source: Any) -> Iterator[Any]:
    """The rows of a data set in memory, whatever holds them."""
    if isinstance(source, Mapping):
        return _rows_of_squad(source)
    if hasattr(source, "itertuples") and hasattr(source, "columns"):  # a DataFrame
        names = [str(name) for name in source.columns]
        return (dict(zip(names, row, strict=True)) for row in source.itertuples(index=False, name=None))
    if isinstance(source, bytes) or not isinstance(source, Iterable):
        raise InputError(
            "A data set is a file, a DataFrame, or rows with 'question' and 'context' from any iterable, but got "
            f"{type(source).__name__}: {source!r:.80}."
        )
    return iter(source)


def items_of_rows(rows: Iterable[Any]) -> Iterator[Item]:
    """Questions of rows, each with its number from 1 on."""
    return (item_of(row, f"row {number}") for number, row in enumerate(rows, 1))


def item_of(given: Any, place: str) -> Item:
    """One question from a row, an `Example` or a (question, context) pair; nothing is raised for a broken one."""
    if isinstance(given, Reading | DocumentsReading):
        return Item(Example(given.question, ""), place, reading=given)
    row = _as_row(given)
    if row is None:
        reason = (
            f"Expected a row with 'question' and 'context', but got {type(given).__name__}: {given!r:.80}."
        )
        return Item(Example("", ""), place, error=reason)
    kept = {name: row[name] if isinstance(row.get(name), str) else "" for name in ("question", "context")}
    id, title, cause = (row.get(name) for name in ("id", "title", "cause"))
    error = None
    gold: tuple[CharSpan, ...] | None = None
    try:
        id = _id(id)
        for name in ("question", "context"):
            if row.get(name) is None:
                raise InputError(f"There is no {name!r}.")
            check_text(row[name], name)
        gold = _gold(row)
    except InputError as fault:
        error, id = str(fault), id if isinstance(id, str) else None
    return Item(
        Example(kept["question"], kept["context"], id=id, gold=gold),
        place,
        title if isinstance(title, str) else None,
        cause if isinstance(cause, str) else None,
        error,
    )


def _as_row(given: Any) -> Mapping[str, Any] | None:
    if isinstance(given, Mapping):
        return given
    if isinstance(given, Example):
        row = {"id": given.id, "question": given.question, "context": given.context}
        return row if given.gold is None else {**row, "gold": given.gold}
    if isinstance(given, tuple | list) and len(given) == 2:
        return {"question": given[0], "context": given[1]}
    return None


def _id(id: Any) -> str | None:
    if id is None or isinstance(id, str):
        return id
    if isinstance(id, numbers.Integral):
        return str(int(id))
    raise InputError(f"The id has to be a str, but is of type {type(id).__name__}: {id!r:.80}.")


def _gold(row: Mapping[str, Any]) -> tuple[CharSpan, ...] | None:
    if row.get("is_impossible") is True:
        return ()
    if row.get("gold") is not None:
        spans = [_span(one) for one in _listed(row["gold"], "gold")]
        for span in spans:
            span.of(row["context"])
        return tuple(spans)
    answers = row.get("answers")
    if answers is None:
        return None
    found = (gold_span(text, start, row["context"]) for text, start in _answers(answers))
    return tuple(span for span in found if span is not None)


def _span(given: Any) -> CharSpan:
    if isinstance(given, CharSpan):
        return given
    ends = _listed(given, "span of a gold answer")
    if len(ends) != 2:
        raise InputError(f"A span has a start and an end, but got {given!r:.80}.")
    return CharSpan(whole_place(ends[0]), whole_place(ends[1]))


def _answers(answers: Any) -> list[tuple[Any, Any]]:
    """(text, start) pairs of the two forms: a list of dictionaries, and a dictionary of lists."""
    if isinstance(answers, Mapping):
        texts = _listed(answers.get("text"), "answers['text']")
        starts = _listed(answers.get("answer_start"), "answers['answer_start']")
        if len(texts) != len(starts):
            raise InputError(f"There are {len(texts)} answers and {len(starts)} places where they start.")
        return list(zip(texts, starts, strict=True))
    pairs = []
    for one in _listed(answers, "answers"):
        if not isinstance(one, Mapping):
            raise InputError(f"A gold answer needs 'text' and 'answer_start', but is {one!r:.80}.")
        pairs.append((one.get("text"), one.get("answer_start")))
    return pairs


def _listed(given: Any, what: str) -> list[Any]:
    """A list, tuple or array as a list."""
    if isinstance(given, list | tuple):
        return list(given)
    values = given.tolist() if hasattr(given, "tolist") else None
    if isinstance(values, list):
        return values
    raise InputError(f"Expected a list for {what}, but got {type(given).__name__}: {given!r:.80}.")


def _rows_of_squad(source: Mapping[Any, Any]) -> Iterator[Any]:
    articles = source.get("data")
    if not isinstance(articles, list):
        raise InputError(
            "A dictionary is read as what a SQuAD file holds, with a list under 'data'; this one has the keys "
            f"{', '.join(map(repr, list(source)[:8])) or 'none'}. Give one part of a DatasetDict, not all of them."
        )
    for article in articles:
        paragraphs = article.get("paragraphs") if isinstance(article, Mapping) else None
        if not isinstance(paragraphs, list):
            yield article
            continue
        for paragraph in paragraphs:
            questions = paragraph.get("qas") if isinstance(paragraph, Mapping) else None
            if not isinstance(questions, list):
                yield paragraph
                continue
            for question in questions:
                beside = {"context": paragraph.get("context"), "title": article.get("title")}
                yield {**question, **beside} if isinstance(question, Mapping) else question


def row_as_json(given: Any) -> str:
    """A row as one line of JSON in plain ASCII from which `item_of` makes the same question, broken ones too."""
    row = _as_row(given)
    return json.dumps(repr(given)[:80] if row is None else _plain(row))


def _plain(value: Any) -> Any:
    """Any value with what JSON knows; of other things their words are kept, which are as unusable."""
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, CharSpan):
        return [value.start, value.end]
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if (
        value is None
        or isinstance(value, str | bool | int)
        or (isinstance(value, float) and math.isfinite(value))
    ):
        return value
    to_list = getattr(value, "tolist", None)
    if callable(to_list) and not isinstance(
        values := to_list(), type(value)
    ):  # an array or a number of numpy
        return _plain(values)
    return {"unusable": repr(value)[:80]}
