"""Changes of a question or a text, and where its characters stand after them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal, Protocol, get_args

import numpy as np
from numpy.typing import NDArray

from qalens.errors import InputError
from qalens.explain.sentences import split_sentences
from qalens.spans import Answer
from qalens.text import CharSpan, check_text

Where = Literal["context", "question"]
Spanned = CharSpan | Answer | tuple[int, int]


@dataclass(frozen=True, slots=True, eq=False)
class Edited:
    """A question and a text after an edit.

    - `question`, `context`: as they are to be read
    - `alignment` (C,): for each character of the text before its place in `context`, -1 where it is gone
    - `masked`: characters that the model is not to see although they stay, in the question or in the text as `where` says
    """

    question: str
    context: str
    alignment: NDArray[np.int64]
    masked: tuple[CharSpan, ...] = ()
    where: Where = "context"


class Edit(Protocol):
    """A change that can be made to any question and text; write one of your own by giving it this method."""

    def apply(self, question: str, context: str) -> Edited:
        """The question and the text after the change; an `InputError` where it cannot be made."""
        ...


@dataclass(frozen=True, slots=True)
class DropSentence:
    """The text without one sentence, or without several; sentences are those of `split_sentences`, counted from 0.

    Raises `InputError` when applied to a text that has no such sentence, or no other.

    >>> DropSentence(0).apply("Who?", "Ada rowed. Tobias slept.").context
    'Tobias slept.'
    """

    sentences: tuple[int, ...]

    def __init__(self, sentences: int | Iterable[int]):
        object.__setattr__(self, "sentences", _numbers(sentences))

    def apply(self, question: str, context: str) -> Edited:
        """The text without those sentences."""
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
    """One sentence of the text alone, or several in their order; sentences are those of `split_sentences`, from 0.

    Raises `InputError` when applied to a text that has no such sentence.

    >>> KeepSentence((0, 2)).apply("Who?", "Ada rowed. Tobias slept. It rained.").context
    'Ada rowed. It rained.'
    """

    sentences: tuple[int, ...]

    def __init__(self, sentences: int | Iterable[int]):
        object.__setattr__(self, "sentences", _numbers(sentences))

    def apply(self, question: str, context: str) -> Edited:
        """Those sentences and nothing else."""
        pieces = split_sentences(context)
        return _pieced(question, context, [pieces[k] for k in sorted(_known(self.sentences, pieces))])


@dataclass(frozen=True, slots=True)
class MaskWords:
    """Words that the model is not to see, while every character and every token stays in its place.

    The ids of the tokens that cover them are replaced by the tokenizer's mask id; positions and offsets hold, and so
    does the text of the reading. A token that holds any of the characters is masked whole; blanks mask nothing.

    - `spans`: characters, as a `CharSpan`, an `Answer` or a pair (start, end), or several of them
    - `where`: "context" (the text, the default) or "question"

    Raises `InputError` for spans that are empty, blank or outside, when applied.

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
        """The same question and text, and what of them is to be masked."""
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
    """Other words in the place of some; "" takes them out, and an empty span puts words in.

    - `words`: {span: new text}, or the same as pairs; spans as for `MaskWords`, and they may not overlap
    - `where`: "context" (the text, the default) or "question"

    What is replaced counts as gone and the new words as new, also where letters agree. Raises `InputError` for spans that
    overlap or are outside, and for a change that leaves no text, when applied.

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
                    f"New words have to be a str, but are of type {type(new).__name__}: {new!r:.80}"
                )
        for (one, _), (other, _) in pairwise(sorted_words):
            if other.start < one.end or one == other:
                raise InputError(f"{one} and {other} overlap; a character can be replaced only once.")
        object.__setattr__(self, "words", sorted_words)
        object.__setattr__(self, "where", where)

    def apply(self, question: str, context: str) -> Edited:
        """The question or the text with the new words."""
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
        raise InputError(f"Name sentences by a number or by several, counted from 0, not by {given!r:.80}.")
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
        raise InputError(f'where has to be "context" or "question", but is {where!r}.')


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
        f"Expected a CharSpan, an Answer or a pair (start, end) of characters, but got {given!r:.80}."
    )
