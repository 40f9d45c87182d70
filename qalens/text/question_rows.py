"""One question as data sets give it, in whichever form: its columns, what is missing, and what is not understood.

Whatever reads questions (files, frames, `evaluate`, `read_many`, the command line) goes through `item_of`, and whatever only
needs the accepted answers (`score`) through `answers_of`, so that one row means the same everywhere.
"""

from __future__ import annotations

import ast
import functools
import json
import math
import numbers
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from qalens.errors import InputError, shown
from qalens.records import brief
from qalens.text.examples import CharSpan, Example, check_text, gold_span, whole_place
from qalens.text.tables import is_listed, is_missing

# Names of a column as they are written without case, dots and dashes ("answers.text" is "answerstext"); the first that a row
# has counts.
_COLUMNS = {
    "question": ("question", "query", "questiontext"),
    "context": ("context", "passage", "paragraph", "contexttext"),
    "id": ("id", "qid", "questionid", "qasid"),
    "title": ("title",),
    "cause": ("cause",),
    "is_impossible": ("isimpossible", "impossible"),
    "gold": ("gold",),
    "answers": ("answers",),
    # Answers that are all required, each with its alternatives.
    "required": ("requiredanswers", "required"),
    # What data-frame and CSV tools make of {"answers": {"text": …, "answer_start": …}}.
    "text": ("answerstext", "answertext", "answer"),
    "start": ("answersanswerstart", "answersstart", "answerstart"),
}
_NAMES = frozenset(name for names in _COLUMNS.values() for name in names)
# Names that look like gold answers: where nothing else is known, they are named instead of passed over.
_LIKE_ANSWERS = re.compile(
    "(gold|golden|correct|accepted|expected|true|reference|detected|short|target)?"
    "answers?(texts?|spans?|starts?|ends?|positions?)?"
    "|(gold|golden|groundtruth)s?(texts?|spans?|starts?|ends?|positions?|labels?)?"
    "|(start|end)(positions?|chars?)"
)
_TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_LONGEST_CELL = 1_000_000
_LARGEST_ID = 10**400


@brief
@dataclass(frozen=True, slots=True)
class Item:
    """One question of a data set, or what could be kept of a broken one.

    Attributes
    ----------
    example : Example
        The question, its text and its gold answers.
    place : str
        Its place in the data set, such as "line 12" or "article 3, paragraph 2, question 7", counted from 1.
    title : str or None, default None
        The title of the article, if the data set has it.
    cause : str or None, default None
        The reason why there is no answer, if the data set has it.
    error : str or None, default None
        Why the question cannot be used, or None.
    reading : object, default None
        The reading, if one was given, or None.
    """

    example: Example
    place: str
    title: str | None = None
    cause: str | None = None
    error: str | None = None
    reading: Any = None


def item_of(given: Any, place: str) -> Item:
    """Make one question from a row, an `Example` or a (question, context) pair.

    Parameters
    ----------
    given : object
        The row, example or pair.
    place : str
        Its place in the data set, in words.

    Returns
    -------
    Item
        A question that cannot be used has an `error`; nothing is raised.

    Examples
    --------
    >>> item_of({"question": "Who kept the lamp?", "context": "Ada kept the lamp.", "answers.text": ["Ada"],
    ...     "answers.answer_start": [0]}, "row 1").example.gold
    (CharSpan(start=0, end=3),)
    >>> item_of({"question": "Who?", "passages": "Ada kept it."}, "row 2").error
    "There is no 'context'; what else the row has is 'passages'."
    """
    row = as_row(given)
    if row is None:
        reason = (
            f"Expected a row with 'question' and 'context', but got {type(given).__name__}: {shown(given)}."
        )
        return Item(Example("", ""), place, error=reason)
    question, context, title, cause = (
        column(row, name) for name in ("question", "context", "title", "cause")
    )
    id = error = None
    gold: tuple[CharSpan, ...] | None = None
    required: tuple[tuple[CharSpan, ...], ...] | None = None
    try:
        id = id_of(row)
        for name, value in (("question", question), ("context", context)):
            if is_missing(value):
                raise InputError(f"There is no {shown(name)}{_unread_columns(row)}.")
            check_text(value, name)
        required = _required(row, context)
        gold = _gold(row, context)
        if gold is None and required is not None:
            gold = tuple(span for alternatives in required for span in alternatives)
    except InputError as fault:
        error = str(fault)
    return Item(
        Example(_text(question), _text(context), id=id, gold=gold, required=required),
        place,
        title if isinstance(title, str) else None,
        cause if isinstance(cause, str) else None,
        error,
    )


def as_row(given: Any) -> Mapping[str, Any] | None:
    """Columns by name, from whatever was given as a question.

    Parameters
    ----------
    given : object
        A mapping or a row of a data frame.

    Returns
    -------
    mapping of str to object or None
        None for anything that is not a question.
    """
    if isinstance(given, Mapping):
        return given
    if isinstance(given, Example):
        row = {"id": given.id, "question": given.question, "context": given.context}
        known = {"gold": given.gold, "required": given.required}
        return row | {name: value for name, value in known.items() if value is not None}
    if isinstance(given, tuple | list) and len(given) == 2:
        return {"question": given[0], "context": given[1]}
    return None


def column(row: Mapping[str, Any], name: str) -> Any:
    """The value of a column under any of its usual names.

    Parameters
    ----------
    row : mapping of str to object
        The columns by name.
    name : str
        The name that qalens uses, such as "context".

    Returns
    -------
    object
        None if the row has none of the names.
    """
    if name in row:
        return row[name]
    plain = {_plain_name(key): key for key in reversed(list(row))}
    return next((row[plain[one]] for one in _COLUMNS[name] if one in plain), None)


def id_of(row: Mapping[str, Any]) -> str | None:
    """The id of a row as a text; a whole number becomes its digits.

    Parameters
    ----------
    row : mapping of str to object
        The columns by name.

    Returns
    -------
    str or None
        None if there is no id.

    Examples
    --------
    >>> id_of({"id": 276223}), id_of({"id": 2.0}), id_of({"id": float("nan")}), id_of({"qid": "a"})
    ('276223', '2', None, 'a')
    """
    id = column(row, "id")
    if is_missing(id):
        return None
    if isinstance(id, str):
        return str(id)
    if isinstance(id, numbers.Real) and not isinstance(id, bool):
        whole = int(id) if isinstance(id, numbers.Integral) else float(id)
        if (isinstance(whole, int) and abs(whole) < _LARGEST_ID) or (
            isinstance(whole, float) and whole.is_integer()
        ):
            return str(int(whole))
    raise InputError(
        f"The id has to be a str or a whole number, but is of type {type(id).__name__}: {shown(id)}."
    )


def answers_of(row: Mapping[str, Any]) -> list[tuple[str, Any]] | None:
    """The accepted answers of a row as (text, start) pairs.

    As in the SQuAD scripts, answers that are given count whatever `is_impossible` says.

    Parameters
    ----------
    row : mapping of str to object
        The columns by name.

    Returns
    -------
    list of tuple of (str, object) or None
        An empty list for an unanswerable question, None if nothing is known.

    Raises
    ------
    InputError
        For answers that cannot be understood, and for a column that looks like gold answers under an unknown name.

    Examples
    --------
    >>> answers_of({"answers": [{"text": "Ada", "answer_start": 0}]}), answers_of({"is_impossible": 1}), answers_of({})
    ([('Ada', 0)], [], None)
    """
    impossible = _truth(column(row, "is_impossible"))
    pairs = _pairs(row)
    if pairs is None:
        if impossible:
            return []
        _refuse_unknown_answers(row)
        return None
    for text, _ in pairs:
        if not isinstance(text, str):
            raise InputError(
                f"A gold answer has to be a str, but is of type {type(text).__name__}: {shown(text)}."
            )
    # Some files write an empty text for no answer.
    return [(text, start) for text, start in pairs if text]


def rows_inside(value: Any, place: str = "", title: Any = None) -> Iterator[tuple[str, Any]]:
    """Iterate over the questions inside an article, a paragraph or a whole data set, as rows with their places.

    Parameters
    ----------
    value : object
        The article, paragraph, data set, or a single row.
    place : str, default ""
        Where the value is found, in words.
    title : object, default None
        The title of the article that it belongs to.

    Returns
    -------
    iterator of tuple of (str, object)

    Examples
    --------
    >>> paragraph = {"context": "Ada kept it.", "qas": [{"question": "Who?"}, {"question": "What?"}]}
    >>> [place for place, row in rows_inside({"title": "Lamps", "paragraphs": [paragraph]}, "article 1")]
    ['article 1, paragraph 1, question 1', 'article 1, paragraph 1, question 2']
    """
    if isinstance(value, Mapping) and isinstance(value.get("data"), list):
        for number, article in enumerate(value["data"], 1):
            yield from rows_inside(article, f"{place}, article {number}", title)
    elif isinstance(value, Mapping) and is_listed(value.get("paragraphs")):
        for number, paragraph in enumerate(value["paragraphs"], 1):
            yield from rows_inside(paragraph, f"{place}, paragraph {number}", value.get("title", title))
    elif isinstance(value, Mapping) and is_listed(value.get("qas")):
        beside = {"context": column(value, "context"), "title": value.get("title", title)}
        for number, question in enumerate(value["qas"], 1):
            row = {**question, **beside} if isinstance(question, Mapping) else question
            yield f"{place}, question {number}", row
    else:
        if title is not None and isinstance(value, Mapping) and "title" not in value:
            value = {**value, "title": title}
        yield place, value


def holds_questions(keys: Iterable[str]) -> bool:
    """Whether an object with these keys may be a question or hold questions.

    Parameters
    ----------
    keys : iterable of str
        The keys of a JSON object or the columns of a table.

    Returns
    -------
    bool

    Examples
    --------
    >>> holds_questions(["query", "passage"]), holds_questions(["version"])
    (True, False)
    """
    known = {"paragraphs", "qas", *_COLUMNS["question"], *_COLUMNS["context"]}
    return any(_plain_name(key) in known for key in keys)


def row_as_json(given: Any) -> str:
    """A row as one line of ASCII JSON from which `item_of` makes the same question, also a broken one.

    Parameters
    ----------
    given : object
        A row as `item_of` takes it.

    Returns
    -------
    str
    """
    row = as_row(given)
    return json.dumps(shown(given) if row is None else _plain(row))


@functools.lru_cache(1024)
def _plain_name(key: Any) -> str:
    return re.sub(r"[\W_]+", "", str(key)).lower()


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _unread_columns(row: Mapping[str, Any]) -> str:
    """The columns that nothing is read from, since what is missed may be there under another name."""
    names = [shown(key) for key in row if _plain_name(key) not in _NAMES][:8]
    return f"; what else the row has is {', '.join(names)}" if names else ""


def _truth(value: Any) -> bool | None:
    """True or False in one of the ways that files write them; None if it is empty."""
    if is_missing(value) or (isinstance(value, str) and not value.strip()):
        return None
    if isinstance(value, str):
        found = _TRUTH.get(value.strip().lower())
    else:  # True, 1, 1.0 and their kin of numpy
        known = isinstance(value, numbers.Real) or type(value).__name__ in ("bool", "bool_")
        found = bool(value) if known and value in (0, 1) else None
    if found is None:
        raise InputError(f"'is_impossible' has to be true or false, but is {shown(value)}.")
    return found


def _gold(row: Mapping[str, Any], context: str) -> tuple[CharSpan, ...] | None:
    gold = _from_cell(column(row, "gold"))
    if not is_missing(gold) and not isinstance(gold, str):
        spans = [_span(one) for one in _listed(gold, "gold")]
        for span in spans:
            span.of(context)
        return tuple(spans)
    answers = answers_of(row)
    if answers is None:
        return None
    found = (gold_span(text, start, context) for text, start in answers)
    return tuple(span for span in found if span is not None)


def _required(row: Mapping[str, Any], context: str) -> tuple[tuple[CharSpan, ...], ...] | None:
    """The answers that are all required, each with its alternatives; None where the row has none of that kind."""
    given = _from_cell(column(row, "required"))
    if is_missing(given):
        return None
    return tuple(_alternatives(one, context) for one in _listed(given, "required answers"))


def _alternatives(given: Any, context: str) -> tuple[CharSpan, ...]:
    """One required answer: a dictionary, spans, or a list of either."""
    if isinstance(given, Mapping | CharSpan):
        given = [given]
    found = []
    for one in _listed(given, "required answer"):
        if isinstance(one, Mapping):
            found.append(gold_span(one.get("text"), one.get("answer_start"), context))
        else:
            found.append(_span(one))
    spans = tuple(span for span in found if span is not None)
    for span in spans:
        span.of(context)
    if not spans:
        raise InputError("A required answer needs at least one accepted text, but has none.")
    return spans


def _span(given: Any) -> CharSpan:
    if isinstance(given, CharSpan):
        return given
    ends = _listed(given, "span of a gold answer")
    if len(ends) != 2:
        raise InputError(f"A span has a start and an end, but got {shown(given)}.")
    return CharSpan(whole_place(ends[0]), whole_place(ends[1]))


def _pairs(row: Mapping[str, Any]) -> list[tuple[Any, Any]] | None:
    """(text, start) pairs of a row; None where it has none of the columns that could hold them."""
    answers, starts = column(row, "answers"), column(row, "start")
    answers = _from_cell(answers)
    if is_missing(answers) or (isinstance(answers, str) and not answers):
        texts = _from_cell(column(row, "text"))
        if is_missing(texts) and is_missing(starts):
            return None
        return _paired(texts, starts)
    if isinstance(answers, Mapping):
        return _paired(answers.get("text"), answers.get("answer_start"))
    if not is_missing(starts):
        return _paired(answers, starts)
    pairs = []
    for one in _listed(answers, "answers"):
        if not isinstance(one, Mapping):
            raise InputError(f"A gold answer needs 'text' and 'answer_start', but is {shown(one)}.")
        pairs.append((one.get("text"), one.get("answer_start")))
    return pairs


def _paired(texts: Any, starts: Any) -> list[tuple[Any, Any]]:
    """Texts with the places where they start, each a list or, where there is one answer, the value itself."""
    texts = [texts] if isinstance(texts, str) else _listed(texts, "answers['text']")
    starts = _from_cell(starts)
    starts = [starts] if isinstance(starts, numbers.Number) else starts
    if is_missing(starts) and texts and any(texts):
        raise InputError(
            f"The gold answer {shown(texts[0])} is there without 'answer_start', the character where it starts in the text."
        )
    starts = [None] * len(texts) if is_missing(starts) else _listed(starts, "answers['answer_start']")
    if len(texts) != len(starts):
        raise InputError(f"There are {len(texts)} answers and {len(starts)} places where they start.")
    return list(zip(texts, starts, strict=True))


def _from_cell(value: Any) -> Any:
    """What a CSV file holds in one cell, a list or dictionary in its words, as that; anything else as it is."""
    if not isinstance(value, str) or len(value) > _LONGEST_CELL:
        return value
    text = value.strip()
    if text.isdecimal():
        return int(text) if len(text) < 20 else value
    if text[:1] not in ("[", "{"):
        return value
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    try:
        return ast.literal_eval(_without_arrays(ast.parse(text, mode="eval")))
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return value


def _without_arrays(tree: ast.Expression) -> ast.Expression:
    """`array([…], dtype=object)`, as numpy writes itself, as its list."""

    class Lists(ast.NodeTransformer):
        def visit_Call(self, node: ast.Call) -> ast.AST:
            named = isinstance(node.func, ast.Name) and node.func.id == "array" and node.args
            return self.visit(node.args[0]) if named else node

    return Lists().visit(tree)


def _refuse_unknown_answers(row: Mapping[str, Any]) -> None:
    for key, value in row.items():
        name = _plain_name(key)
        # "gold" is known for spans; what else stands there was not read.
        unread = name not in _NAMES or name in _COLUMNS["gold"]
        if unread and not is_missing(value) and _LIKE_ANSWERS.fullmatch(name):
            raise InputError(
                f"The row has {shown(key)}, which looks like gold answers, and none under 'answers': expected {{'text': […], "
                "'answer_start': […]}, or drop the column."
            )


def _listed(given: Any, what: str) -> list[Any]:
    """A list, tuple, array or column as a list."""
    if is_listed(given):
        return given.tolist() if hasattr(given, "tolist") else list(given)
    raise InputError(f"Expected a list for {what}, but got {type(given).__name__}: {shown(given)}.")


def _plain(value: Any) -> Any:
    """Any value with what JSON knows; of other things their words are kept, which are as unusable."""
    if is_missing(value):
        return None
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, CharSpan):
        return [value.start, value.end]
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, str | bool | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    to_list = getattr(value, "tolist", None)
    if callable(to_list) and not isinstance(
        values := to_list(), type(value)
    ):  # an array or a number of numpy
        return _plain(values)
    return {"unusable": shown(value)}
