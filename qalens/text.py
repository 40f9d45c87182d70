"""Questions, texts and character spans, and the files that hold them."""

from __future__ import annotations

import json
import numbers
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qalens.errors import InputError

_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True, order=True)
class CharSpan:
    """A half-open range `[start, end)` of characters (Unicode code points) in a text.

    Raises `InputError` where `start` is negative or `end` lies before it.

    >>> CharSpan(4, 9).of("the lamp room")
    'lamp '
    """

    start: int
    end: int

    def __post_init__(self) -> None:
        if not 0 <= self.start <= self.end:
            raise InputError(
                f"A span needs 0 <= start <= end, but start is {self.start} and end is {self.end}."
            )

    def of(self, text: str) -> str:
        """The piece of `text` that the span covers; an `InputError` where it reaches past the end.

        >>> CharSpan(0, 3).of("the lamp")
        'the'
        """
        if self.end > len(text):
            raise InputError(
                f"The span [{self.start}, {self.end}) reaches past the text, which has {len(text)} characters."
            )
        return text[self.start : self.end]

    def overlaps(self, other: CharSpan) -> bool:
        """Whether the two spans share a character.

        >>> CharSpan(0, 3).overlaps(CharSpan(2, 5)), CharSpan(0, 3).overlaps(CharSpan(3, 5))
        (True, False)
        """
        return self.start < other.end and other.start < self.end

    def __len__(self) -> int:
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Example:
    """One question, the text to read, and what is known of the answer.

    `gold` holds the accepted answers as character spans of `context`: an empty tuple says that the question
    is unanswerable, None that nothing is known.

    >>> Example("Who kept the lamp?", "Ada kept the lamp.", gold=(CharSpan(0, 3),)).gold[0].end
    3
    """

    question: str
    context: str
    id: str | None = None
    gold: tuple[CharSpan, ...] | None = None


def check_text(value: Any, what: str) -> str:
    """Return `value` where it is a text that can be read, else raise an `InputError` that names `what`.

    Refused: anything that is no `str`, a blank text, and lone surrogates (halves of a character, as a broken
    decoder leaves them), which have no UTF-8 form.

    >>> check_text("  ", "context")
    Traceback (most recent call last):
    qalens.errors.InputError: The context is blank (2 white-space characters); there is nothing to read.
    """
    if not isinstance(value, str):
        raise InputError(f"The {what} has to be a str, but is of type {type(value).__name__}: {value!r:.80}")
    if not value:
        raise InputError(f"The {what} is empty; there is nothing to read.")
    if value.isspace():
        raise InputError(
            f"The {what} is blank ({len(value)} white-space characters); there is nothing to read."
        )
    if found := _SURROGATE.search(value):
        raise InputError(
            f"The {what} holds a lone surrogate ({found[0]!a}) at character {found.start()}; it is half of a "
            "character and has no UTF-8 form. Decode the source again, or replace it: "
            "text.encode('utf-8', 'replace').decode()."
        )
    return value


def gold_span(text: Any, start: Any, context: str) -> CharSpan | None:
    """The span of a gold answer that a data set gives as a text and the character where it starts.

    None for an empty text, which some files write for no answer. Raises `InputError` where the text does not stand there.

    >>> gold_span("lamp", 13, "Ada kept the lamp.")
    CharSpan(start=13, end=17)
    """
    if not isinstance(text, str):
        raise InputError(
            f"A gold answer has to be a str, but is of type {type(text).__name__}: {text!r:.80}."
        )
    if not text:
        return None
    at = whole_place(start)
    if at < 0 or at + len(text) > len(context):
        raise InputError(
            f"The gold answer {text!r:.80} lies outside of the text: it starts at {at} and the text has "
            f"{len(context)} characters."
        )
    if not context.startswith(text, at):
        raise InputError(
            f"The gold answer {text!r:.80} does not stand at character {at} of the text, which has "
            f"{context[at : at + len(text)]!r:.80} there."
        )
    return CharSpan(at, at + len(text))


def whole_place(given: Any) -> int:
    """A place in a text as an int, from whatever whole number a data set has; `InputError` for anything else.

    >>> whole_place(13.0)
    13
    """
    is_whole = isinstance(given, numbers.Integral) and not isinstance(given, bool)
    if is_whole or (isinstance(given, float) and given.is_integer()):
        return int(given)
    raise InputError(f"An answer starts at a whole number of characters, but got {given!r:.80}.")


def read_squad(path: str | Path) -> Iterator[Example]:
    """The questions of a file in SQuAD 1.1 or 2.0 form, one after the other.

    A question with `is_impossible` or an empty list of answers has `gold == ()`; one without the key
    `answers` (a test file) has `gold is None`. Repeated answers of several annotators are kept. Raises
    `InputError` where the file is not of that form or an answer does not stand where the file says, with the place of the
    first fault; `qalens.evaluation.inputs.read_examples` goes on behind it.

    >>> import tempfile
    >>> paragraph = {"context": "Ada kept the lamp.", "qas": [{"id": "1", "question": "Who kept the lamp?",
    ...     "answers": [{"text": "Ada", "answer_start": 0}]}]}
    >>> with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
    ...     _ = file.write(json.dumps({"data": [{"paragraphs": [paragraph]}]})); file.flush()
    ...     [example.gold for example in read_squad(file.name)]
    [(CharSpan(start=0, end=3),)]
    """
    try:
        articles = list(json.loads(Path(path).read_text(encoding="utf-8"))["data"])
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{path} is no SQuAD file: expected JSON with a list under 'data' ({type(error).__name__}: {error})."
        ) from error
    for a, article in enumerate(articles):
        try:
            for paragraph in article["paragraphs"]:
                for entry in paragraph["qas"]:
                    yield _example(entry, paragraph["context"])
        except InputError as error:
            raise InputError(
                f"{path}, article {a}, {error} qalens.evaluate keeps such a question as a row with its error, and goes on."
            ) from error
        except (KeyError, TypeError, AttributeError) as error:
            raise InputError(
                f"{path}, article {a}: expected paragraphs with 'context' and 'qas', each with 'question' "
                f"({type(error).__name__}: {error})."
            ) from error


def _example(entry: dict[str, Any], context: str) -> Example:
    question, id = entry["question"], entry.get("id")
    try:
        return Example(question, context, id=id, gold=_gold(entry, context))
    except InputError as error:
        raise InputError(f"question {id!r}: {error}") from error


def _gold(entry: dict[str, Any], context: str) -> tuple[CharSpan, ...] | None:
    if entry.get("is_impossible"):
        return ()
    if "answers" not in entry:
        return None
    spans = (gold_span(answer["text"], answer["answer_start"], context) for answer in entry["answers"])
    return tuple(span for span in spans if span is not None)
