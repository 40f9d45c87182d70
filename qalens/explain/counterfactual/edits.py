"""Edits of a question or a text, and the positions of its characters after them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal, Protocol, get_args

import numpy as np
from numpy.typing import NDArray

from qalens.errors import InputError, shown
from qalens.explain.sentences import split_sentences
from qalens.spans.distribution import Answer
from qalens.text.examples import CharSpan, check_text

Where = Literal["context", "question"]
Spanned = CharSpan | Answer | tuple[int, int]


@dataclass(frozen=True, slots=True, eq=False)
class Edited:
    """A question and a text after an edit.

    Attributes
    ----------
    question, context : str
        The texts to read.
    alignment : ndarray of int64
        (C,): for each character of the text before its position in `context`, −1 if it is gone.
    masked : tuple of CharSpan, default ()
        Characters that are hidden from the model although they are kept.
    where : Where, default "context"
        Whether these are in the question or in the text.
    """

    question: str
    context: str
    alignment: NDArray[np.int64]
    masked: tuple[CharSpan, ...] = ()
    where: Where = "context"


class Edit(Protocol):
    """The interface of an edit; a class with this method is an edit."""

    def apply(self, question: str, context: str) -> Edited:
        """Apply the edit.

        Parameters
        ----------
        question : str
            The question.
        context : str
            The text.

        Returns
        -------
        Edited

        Raises
        ------
        InputError
            For a text to which it cannot be applied.
        """
        ...


@dataclass(frozen=True, slots=True)
class DropSentence:
    """Remove one sentence or several from the text.

    Attributes
    ----------
    sentences : int or iterable of int
        Indices of sentences as `split_sentences` returns them, counted from 0.

    Raises
    ------
    InputError
        When applied to a text that has no such sentence, or no other.

    Examples
    --------
    >>> DropSentence(0).apply("Who?", "Ada rowed. Tobias slept.").context
    'Tobias slept.'
    """

    sentences: tuple[int, ...]

    def __init__(self, sentences: int | Iterable[int]):
        object.__setattr__(self, "sentences", _numbers(sentences))

    def apply(self, question: str, context: str) -> Edited:
        """The text without those sentences.

        Parameters
        ----------
        question : str
            The question.
        context : str
            The text.

        Returns
        -------
        Edited
        """
        pieces = split_sentences(context)
        dropped = _known(self.sentences, pieces)
        kept = [span for k, span in enumerate(pieces) if k not in dropped]
        if not kept:
            raise InputError(
                f"Without {'its only sentence' if len(pieces) == 1 else f'all its {len(pieces)} sentences'} no text is "
                "left to read. Leave one in, or mask words with MaskWords."
            )
        return _pieced(question, context, kept)


@dataclass(frozen=True, slots=True)
class KeepSentence:
    """Keep only one sentence of the text, or several in order.

    Attributes
    ----------
    sentences : int or iterable of int
        Indices of sentences as `split_sentences` returns them, counted from 0.

    Raises
    ------
    InputError
        When applied to a text that has no such sentence.

    Examples
    --------
    >>> KeepSentence((0, 2)).apply("Who?", "Ada rowed. Tobias slept. It rained.").context
    'Ada rowed. It rained.'
    """

    sentences: tuple[int, ...]

    def __init__(self, sentences: int | Iterable[int]):
        object.__setattr__(self, "sentences", _numbers(sentences))

    def apply(self, question: str, context: str) -> Edited:
        """Those sentences alone.

        Parameters
        ----------
        question : str
            The question.
        context : str
            The text.

        Returns
        -------
        Edited
        """
        pieces = split_sentences(context)
        return _pieced(question, context, [pieces[k] for k in sorted(_known(self.sentences, pieces))])


@dataclass(frozen=True, slots=True)
class MaskWords:
    """Hide words from the model, while every character and every token keeps its position.

    The ids of the tokens that cover the words are replaced by the tokenizer's mask id; positions, offsets and the
    text of the reading are unchanged. A token that holds any of the characters is masked as a whole; whitespace masks
    nothing.

    Parameters
    ----------
    spans : Spanned or iterable of Spanned
        Characters, as a `CharSpan`, an `Answer` or a pair (start, end), or several of them.
    where : Where, default "context"
        "context" (the text) or "question".

    Raises
    ------
    InputError
        When applied, for spans that are empty, blank or outside.

    Examples
    --------
    >>> MaskWords(CharSpan(0, 3)).apply("Who?", "Ada rowed.").masked
    (CharSpan(start=0, end=3),)
    """

    spans: tuple[CharSpan, ...]
    where: Where

    def __init__(self, spans: Spanned | Iterable[Spanned], *, where: Where = "context"):
        _check_where(where)
        one = isinstance(spans, CharSpan | Answer) or _is_pair(spans) or not isinstance(spans, Iterable)
        given: Any = (spans,) if one else spans
        object.__setattr__(self, "spans", tuple(sorted({_as_span(span) for span in given})))
        object.__setattr__(self, "where", where)

    def apply(self, question: str, context: str) -> Edited:
        """The same question and text, with the characters to mask.

        Parameters
        ----------
        question : str
            The question.
        context : str
            The text.

        Returns
        -------
        Edited
        """
        text = context if self.where == "context" else question
        if not self.spans:
            raise InputError("MaskWords was given no words to mask.")
        for span in self.spans:
            if not span.of(text).strip():
                raise InputError(
                    f"There is nothing to mask at [{span.start}, {span.end}) of the {self.where}."
                )
        return Edited(question, context, np.arange(len(context)), self.spans, self.where)


@dataclass(frozen=True, slots=True)
class ReplaceWords:
    """Replace words by others; "" deletes them, and an empty span inserts words.

    What is replaced counts as gone and the new words as new, also if letters agree.

    Parameters
    ----------
    words : mapping of object to str or iterable of tuple of (Spanned, str)
        {span: new text}, or the same as pairs; spans as for `MaskWords`, which may not overlap.
    where : Where, default "context"
        "context" (the text) or "question".

    Raises
    ------
    InputError
        When applied, for spans that overlap or are outside, and for a change that leaves no text.

    Examples
    --------
    >>> ReplaceWords({CharSpan(0, 3): "Tobias"}).apply("Who?", "Ada rowed.").context
    'Tobias rowed.'
    """

    words: tuple[tuple[CharSpan, str], ...]
    where: Where

    def __init__(self, words: Mapping[Any, str] | Iterable[tuple[Spanned, str]], *, where: Where = "context"):
        _check_where(where)
        pairs = words.items() if isinstance(words, Mapping) else words
        sorted_words = tuple(sorted((_as_span(span), new) for span, new in pairs))
        for _, new in sorted_words:
            if not isinstance(new, str):
                raise InputError(
                    f"New words have to be a str, but are of type {type(new).__name__}: {shown(new)}"
                )
        for (one, _), (other, _) in pairwise(sorted_words):
            if other.start < one.end or one == other:
                raise InputError(f"{one} and {other} overlap; a character can be replaced only once.")
        object.__setattr__(self, "words", sorted_words)
        object.__setattr__(self, "where", where)

    def apply(self, question: str, context: str) -> Edited:
        """The question or the text with the new words.

        Parameters
        ----------
        question : str
            The question.
        context : str
            The text.

        Returns
        -------
        Edited
        """
        text = context if self.where == "context" else question
        changed, alignment = [], np.full(len(text), -1)
        at = size = 0
        for span, new in (*self.words, (CharSpan(len(text), len(text)), "")):
            span.of(text)  # refuses what reaches past the end
            alignment[at : span.start] = np.arange(size, size + span.start - at)
            changed += [text[at : span.start], new]
            size += span.start - at + len(new)
            at = span.end
        result = check_text("".join(changed), f"{self.where} after the change")
        if self.where == "question":
            return Edited(result, context, np.arange(len(context)))
        return Edited(question, result, alignment)


def _numbers(given: Any) -> tuple[int, ...]:
    try:
        numbers = tuple(sorted({*([given] if isinstance(given, int | np.integer) else given)}))
    except TypeError:
        numbers = ()
    if not numbers or any(isinstance(k, bool) or not isinstance(k, int | np.integer) for k in numbers):
        raise InputError(f"Name sentences by a number or by several, counted from 0, not by {shown(given)}.")
    return tuple(int(k) for k in numbers)


def _known(numbers: Any, pieces: tuple[CharSpan, ...]) -> tuple[int, ...]:
    for k in numbers:
        if not 0 <= k < len(pieces):
            raise InputError(
                f"There is no sentence {k}: the text has {len(pieces)}, counted from 0 to {len(pieces) - 1}."
            )
    return numbers


def _pieced(question: str, context: str, kept: list[CharSpan]) -> Edited:
    alignment = np.full(len(context), -1)
    size = 0
    for span in kept:
        alignment[span.start : span.end] = np.arange(size, size + len(span))
        size += len(span)
    return Edited(question, "".join(span.of(context) for span in kept), alignment)


def _check_where(where: Any) -> None:
    if where not in get_args(Where):
        raise InputError(f'where has to be "context" or "question", but is {shown(where)}.')


def _is_pair(given: Any) -> bool:
    return (
        isinstance(given, tuple) and len(given) == 2 and all(isinstance(x, int | np.integer) for x in given)
    )


def _as_span(given: Any) -> CharSpan:
    if isinstance(given, CharSpan):
        return given
    if isinstance(given, Answer):
        return given.span
    if _is_pair(given):
        return CharSpan(int(given[0]), int(given[1]))
    raise InputError(
        f"Expected a CharSpan, an Answer or a pair (start, end) of characters, but got {shown(given)}."
    )
