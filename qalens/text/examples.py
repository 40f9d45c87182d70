"""Questions, texts and character spans."""

from __future__ import annotations

import numbers
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qalens.errors import InputError, shown
from qalens.records import brief

# What an abstention is called wherever people read it; in data it is None.
NO_ANSWER = "no answer"
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True, order=True)
class CharSpan:
    """A half-open range `[start, end)` of characters (Unicode code points) in a text.

    Attributes
    ----------
    start : int
        The first character.
    end : int
        One past the last character.

    Raises
    ------
    InputError
        For a negative `start`, or an `end` before it.

    Examples
    --------
    >>> CharSpan(4, 9).of("the lamp room")
    'lamp '
    """

    start: int
    end: int

    def __post_init__(self) -> None:
        if not 0 <= self.start <= self.end:
            raise InputError(
                f"A span needs 0 <= start <= end, but start is {shown(self.start)} and end is {shown(self.end)}."
            )

    def of(self, text: str) -> str:
        """The piece of `text` that the span covers.

        Parameters
        ----------
        text : str
            The text that the span counts in.

        Returns
        -------
        str

        Raises
        ------
        InputError
            For a span that reaches past the end of the text.

        Examples
        --------
        >>> CharSpan(0, 3).of("the lamp")
        'the'
        """
        if self.end > len(text):
            raise InputError(
                f"The span [{shown(self.start)}, {shown(self.end)}) reaches past the text, which has {len(text)} characters."
            )
        return text[self.start : self.end]

    def overlaps(self, other: CharSpan) -> bool:
        """Whether the two spans share a character.

        Parameters
        ----------
        other : CharSpan
            A span of the same text.

        Returns
        -------
        bool
            True for at least one shared character; spans that only touch share none.

        Examples
        --------
        >>> CharSpan(0, 3).overlaps(CharSpan(2, 5)), CharSpan(0, 3).overlaps(CharSpan(3, 5))
        (True, False)
        """
        return self.start < other.end and other.start < self.end

    def __len__(self) -> int:
        return self.end - self.start


@brief
@dataclass(frozen=True, slots=True)
class Example:
    """One question, the text to read, and what is known about the answer.

    Attributes
    ----------
    question : str
        The question.
    context : str
        The text in which the answer is looked for.
    id : str or None, default None
        The name of the question in its data set, or None.
    gold : tuple of CharSpan or None, default None
        The accepted answers as character spans of `context`. An empty tuple means unanswerable, None means unknown.
    required : tuple of tuple of CharSpan or None, default None
        For a question with several answers that are all required: each of them with its accepted alternatives. `gold`
        then holds any of these.

    Examples
    --------
    >>> Example("Who kept the lamp?", "Ada kept the lamp.", gold=(CharSpan(0, 3),)).gold[0].end
    3
    """

    question: str
    context: str
    id: str | None = None
    gold: tuple[CharSpan, ...] | None = None
    required: tuple[tuple[CharSpan, ...], ...] | None = None


_HINTS: dict[type, str] = {
    Path: ". Read the file first: path.read_text()",
    bytes: ". Decode it first: text.decode()",
    list: ". Many go to reader.read_many, or to reader.read_documents",
}


def check_text(value: Any, what: str) -> str:
    """Return `value` if it is a text that can be read.

    Parameters
    ----------
    value : object
        What was given as a text.
    what : str
        The name of the text in the message, such as "context".

    Returns
    -------
    str
        `value` itself.

    Raises
    ------
    InputError
        For anything that is not a `str`, for an empty or blank text, and for lone surrogates (halves of a character
        that a broken decoder leaves), which have no UTF-8 form.

    Examples
    --------
    >>> check_text("  ", "context")
    Traceback (most recent call last):
    qalens.errors.InputError: The context is blank (2 whitespace characters); there is nothing to read.
    """
    if not isinstance(value, str):
        hint = next((hint for kind, hint in _HINTS.items() if isinstance(value, kind)), "")
        raise InputError(
            f"The {what} has to be a str, but is of type {type(value).__name__}: {shown(value)}{hint}"
        )
    if not value:
        raise InputError(f"The {what} is empty; there is nothing to read.")
    if value.isspace():
        raise InputError(
            f"The {what} is blank ({len(value)} whitespace characters); there is nothing to read."
        )
    if not value.isascii() and (found := _SURROGATE.search(value)):
        why = "it is half of a character and has no UTF-8 form. Decode the source again"
        if "\udc80" <= found[0] <= "\udcff":
            why = (
                f"it stands for the byte 0x{ord(found[0]) - 0xDC00:02x}, which is no UTF-8: the source is damaged, or in another "
                "encoding such as Windows-1252. Save it as UTF-8"
            )
        raise InputError(
            f"The {what} holds a lone surrogate ({found[0]!a}) at character {found.start()}; {why}, or replace it: "
            "text.encode('utf-8', 'replace').decode()."
        )
    return value


def writable(text: str) -> str:
    """Replace lone surrogates by U+FFFD, so that the text has a UTF-8 form.

    Parameters
    ----------
    text : str
        Any text.

    Returns
    -------
    str

    Examples
    --------
    >>> ascii(writable("Zo\\udcff"))
    "'Zo\\\\ufffd'"
    """
    return text if text.isascii() else _SURROGATE.sub("\N{REPLACEMENT CHARACTER}", text)


def gold_span(text: Any, start: Any, context: str) -> CharSpan | None:
    """The span of a gold answer that a data set gives as a text and the character where it starts.

    Parameters
    ----------
    text : object
        The text of the answer.
    start : object
        The character at which it starts, as any whole number.
    context : str
        The text in which it is found.

    Returns
    -------
    CharSpan or None
        None for an empty text, which some files write for no answer.

    Raises
    ------
    InputError
        For a text that is not found at this character.

    Examples
    --------
    >>> gold_span("lamp", 13, "Ada kept the lamp.")
    CharSpan(start=13, end=17)
    """
    if not isinstance(text, str):
        raise InputError(
            f"A gold answer has to be a str, but is of type {type(text).__name__}: {shown(text)}."
        )
    if not text:
        return None
    at = whole_place(start)
    if at < 0 or at + len(text) > len(context):
        raise InputError(
            f"The gold answer {shown(text)} lies outside of the text: it starts at {shown(at)} and the text has "
            f"{len(context)} characters."
        )
    if not context.startswith(text, at):
        raise InputError(
            f"The gold answer {shown(text)} is not at character {at} of the text, which has "
            f"{shown(context[at : at + len(text)])} there."
        )
    return CharSpan(at, at + len(text))


def whole_place(given: Any) -> int:
    """A character position as an int, from any whole number that a data set may hold.

    Parameters
    ----------
    given : object
        The number; `13.0` counts as whole.

    Returns
    -------
    int

    Raises
    ------
    InputError
        For anything that is not a whole number.

    Examples
    --------
    >>> whole_place(13.0)
    13
    """
    is_whole = isinstance(given, numbers.Integral) and not isinstance(given, bool)
    if is_whole or (isinstance(given, float) and given.is_integer()):
        return int(given)
    raise InputError(f"An answer starts at a whole number of characters, but got {shown(given)}.")
