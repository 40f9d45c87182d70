"""What the question-answering pipeline can be called with, as questions and texts one after the other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from qalens.errors import InputError
from qalens.text import Example

_HOW = (
    "Call it with question=… and context=… (strings, or lists of them), with a dict that has these two keys, with a list "
    "of such dicts, or with a generator or data set of them."
)
# What transformers' KeyPairDataset names the two columns it was given.
_PAIR_KEYS = (("question", "context"), ("text", "text_pair"))


@dataclass(frozen=True, slots=True, eq=False)
class Inputs:
    """The items of one call, and whether they came alone, as a list, or as a stream."""

    items: Iterable[Any]
    kind: str


def inputs_of(given: tuple[Any, ...], question: Any, context: Any) -> Inputs:
    """Sort out one call: what was given by place, or `question` and `context` by name.

    Raises `InputError` where the two ways are mixed, where one of question and context is missing, or where lists of
    them differ in length.

    >>> inputs_of(({"question": "Who?", "context": "Ada."},), None, None).kind
    'single'
    >>> list(inputs_of((), ["Who?", "Where?"], "Ada.").items)
    [('Who?', 'Ada.'), ('Where?', 'Ada.')]
    """
    if given and (question is not None or context is not None):
        raise InputError(f"The question-answering pipeline was called in two ways at once. {_HOW}")
    if not given:
        return _named(question, context)
    if len(given) == 2 and all(isinstance(one, str) for one in given):
        return Inputs([given], "single")
    return _collection(given[0]) if len(given) == 1 else Inputs(given, "list")


def _named(question: Any, context: Any) -> Inputs:
    if question is None or context is None:
        missing = "context" if question is not None else "question"
        raise InputError(f"The question-answering pipeline got no {missing}. {_HOW}")
    many = [isinstance(one, list | tuple) for one in (question, context)]
    if not any(many):
        return Inputs([(question, context)], "single")
    if all(many) and len(question) != len(context):
        raise InputError(
            f"{len(question)} questions and {len(context)} contexts cannot be paired; give as many of both, or one text "
            "for all questions."
        )
    n = len(question) if many[0] else len(context)
    questions = question if many[0] else [question] * n
    contexts = context if many[1] else [context] * n
    return Inputs(list(zip(questions, contexts, strict=True)), "list")


def _collection(given: Any) -> Inputs:
    if isinstance(given, Mapping | Example) or _is_squad_example(given):
        return Inputs([given], "single")
    if isinstance(given, list | tuple):
        return Inputs(given, "list")
    if isinstance(given, str | bytes):
        raise InputError(f"The question-answering pipeline got the string {given!r:.80} alone. {_HOW}")
    if hasattr(given, "__getitem__") and hasattr(given, "__len__"):
        # A data set: torch's own end by their length alone, not by an IndexError.
        return Inputs((given[k] for k in range(len(given))), "stream")
    if isinstance(given, Iterable):
        return Inputs(given, "stream")
    raise InputError(f"The question-answering pipeline cannot read {given!r:.80}. {_HOW}")


def _is_squad_example(given: Any) -> bool:
    return hasattr(given, "question_text") and hasattr(given, "context_text")


def example_of(item: Any) -> Any:
    """A dict, a pair or an example of the old kind as an `Example`, with its id where it has one.

    >>> example_of({"question": "Who?", "context": "Ada.", "id": "7"})
    Example(question='Who?', context='Ada.', id='7', gold=None)
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
