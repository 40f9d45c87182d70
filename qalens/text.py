"""Questions, texts and character spans, and the files that hold them."""

from __future__ import annotations

import json
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


def read_squad(path: str | Path) -> Iterator[Example]:
    """The questions of a file in SQuAD 1.1 or 2.0 form, one after the other.

    A question with `is_impossible` or an empty list of answers has `gold == ()`; one without the key
    `answers` (a test file) has `gold is None`. Repeated answers of several annotators are kept. Raises
    `InputError` where the file is not of that form, with the place of the first fault.

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
                    yield Example(
                        entry["question"], paragraph["context"], id=entry.get("id"), gold=_gold(entry)
                    )
        except (KeyError, TypeError, AttributeError, InputError) as error:
            raise InputError(
                f"{path}, article {a}: expected paragraphs with 'context' and 'qas', each with 'question' "
                f"({type(error).__name__}: {error})."
            ) from error


def _gold(entry: dict[str, Any]) -> tuple[CharSpan, ...] | None:
    if entry.get("is_impossible"):
        return ()
    if "answers" not in entry:
        return None
    return tuple(
        CharSpan(a["answer_start"], a["answer_start"] + len(a["text"])) for a in entry["answers"] if a["text"]
    )
