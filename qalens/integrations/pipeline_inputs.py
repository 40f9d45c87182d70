"""What the question-answering pipeline can be called with, as questions and texts one after the other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from qalens.errors import InputError, shown
from qalens.text.examples import Example
from qalens.text.tables import is_listed, rows_of_table

_HOW = (
    "Call it with question=… and context=… (strings, or lists of them), with a dict that has these two keys, with a list "
    "of such dicts, or with a generator or data set of them."
)
# What transformers' KeyPairDataset names the two columns it was given.
_PAIR_KEYS = (("question", "context"), ("text", "text_pair"))


@dataclass(frozen=True, slots=True, eq=False)
class Inputs:
    """The items of one call.

    Attributes
    ----------
    items : iterable of object
        The items.
    kind : str
        Whether they came as a single item, as a list, or as a stream.
    """

    items: Iterable[Any]
    kind: str


def inputs_of(given: tuple[Any, ...], question: Any, context: Any) -> Inputs:
    """Sort the arguments of one call: positional ones, or `question` and `context` by name.

    Parameters
    ----------
    given : tuple of object
        Positional arguments.
    question : object
        A question or several.
    context : object
        A text or several.

    Returns
    -------
    Inputs

    Raises
    ------
    InputError
        If the two ways are mixed, if one of question and context is missing, or if lists of them differ in length.

    Examples
    --------
    >>> inputs_of(({"question": "Who?", "context": "Ada."},), None, None).kind
    'single'
    >>> list(inputs_of((), ["Who?", "Where?"], "Ada.").items)
    [('Who?', 'Ada.'), ('Where?', 'Ada.')]
    >>> list(inputs_of(({"question": ["Who?"], "context": ["Ada."]},), None, None).items)
    [('Who?', 'Ada.')]
    """
    if given and (question is not None or context is not None):
        raise InputError(f"The question-answering pipeline was called in two ways at once. {_HOW}")
    if not given:
        return _named(question, context)
    # Questions and texts in two lists, or one of each; a tuple is a pair, and two of them are two questions.
    if len(given) == 2 and all(
        isinstance(one, str) or (_is_many(one) and not isinstance(one, tuple)) for one in given
    ):
        return _named(*given)
    return _collection(given[0]) if len(given) == 1 else Inputs(given, "list")


def _named(question: Any, context: Any) -> Inputs:
    if question is None or context is None:
        missing = "context" if question is not None else "question"
        raise InputError(f"The question-answering pipeline got no {missing}. {_HOW}")
    many = [_is_many(one) for one in (question, context)]
    if not any(many):
        return Inputs([(question, context)], "single")
    question, context = (
        list(one) if listed else one for one, listed in zip((question, context), many, strict=True)
    )
    if all(many) and len(question) != len(context):
        raise InputError(
            f"{len(question)} questions and {len(context)} contexts cannot be paired; give as many of both, or one text "
            "for all questions."
        )
    n = len(question) if many[0] else len(context)
    questions = question if many[0] else [question] * n
    contexts = context if many[1] else [context] * n
    return Inputs(list(zip(questions, contexts, strict=True)), "list")


def _is_many(given: Any) -> bool:
    """Whether questions or texts came as several: a list, an array, a Series, a column of a data set, a generator."""
    return is_listed(given) or isinstance(given, Iterator)


def _collection(given: Any) -> Inputs:
    if isinstance(given, Mapping):
        return _by_name(given)
    if isinstance(given, Example) or _is_squad_example(given):
        return Inputs([given], "single")
    table = rows_of_table(given)
    if table is not None:
        return Inputs(table, "stream")
    if isinstance(given, list | tuple):
        return Inputs(given, "list")
    if isinstance(given, str | bytes):
        raise InputError(f"The question-answering pipeline got the string {shown(given)} alone. {_HOW}")
    if hasattr(given, "__getitem__") and hasattr(given, "__len__"):
        # A data set: torch's own end by their length alone, not by an IndexError.
        return Inputs((given[k] for k in range(len(given))), "stream")
    if isinstance(given, Iterable):
        return Inputs(given, "stream")
    raise InputError(f"The question-answering pipeline cannot read {shown(given)}. {_HOW}")


def _by_name(given: Mapping[str, Any]) -> Inputs:
    """A dictionary with a question and a text, or with several of them."""
    for question, context in _PAIR_KEYS:
        if question in given and context in given and (_is_many(given[question]) or _is_many(given[context])):
            return _named(given[question], given[context])
    return Inputs([given], "single")


def _is_squad_example(given: Any) -> bool:
    return hasattr(given, "question_text") and hasattr(given, "context_text")


def example_of(item: Any) -> Any:
    """Make an `Example` from a dict, a pair or an example of the old kind, with its id if it has one.

    Parameters
    ----------
    item : object
        The item.

    Returns
    -------
    object
        Anything else unchanged.

    Examples
    --------
    >>> example_of({"question": "Who?", "context": "Ada.", "id": "7"}).id
    '7'
    """
    if _is_squad_example(item):
        return Example(item.question_text, item.context_text)
    if isinstance(item, list | tuple) and len(item) == 2:
        return Example(item[0], item[1])
    if not isinstance(item, Mapping):
        return item
    for question, context in _PAIR_KEYS:
        if question in item and context in item:
            id = item.get("id")
            return Example(item[question], item[context], id=None if id is None else str(id))
    return item
