"""One case of a behaviour test: what is asked, what is expected, and whether an answer meets it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from textwrap import shorten
from typing import Any, Literal, get_args

from qalens.errors import InputError, shown
from qalens.readings.reading import FailedReading, Reading
from qalens.records import brief, finite
from qalens.spans.clusters import normalize_answer
from qalens.text.examples import NO_ANSWER, Example
from qalens.text.visible import visible

Expectation = Literal["answer", "no answer", "same answer", "another answer"]
EXPECTATIONS: tuple[Expectation, ...] = get_args(Expectation)
_PAIRED = ("same answer",)


@brief
@dataclass(frozen=True, slots=True)
class Case:
    """One question over one text, with what a reader should do.

    Attributes
    ----------
    question, context
        What is read.
    expect
        - "answer": one of `accepted`, or a piece that holds a shorter and lies in a longer one of them
        - "no answer": the reader has to abstain
        - "same answer": what it says of `original`, with `renamed` words exchanged; edges may move
        - "another answer": anything but one of `accepted`, no answer included
    accepted
        Answers as texts.
    original
        (question, text) before the edit; None where nothing was edited.
    renamed
        (before, after): words of the answer that are called otherwise after the edit.

    Raises
    ------
    InputError
        For an unknown expectation, or one that lacks what it needs.

    Examples
    --------
    >>> Case("Who did not row?", "Ada rowed. Tobias did not.", "answer", ("Tobias",)).judge("Ada")
    False
    """

    question: str
    context: str
    expect: Expectation
    accepted: tuple[str, ...] = ()
    original: tuple[str, str] | None = None
    renamed: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        if self.expect not in EXPECTATIONS:
            known = ", ".join(map(repr, EXPECTATIONS))
            raise InputError(f"A case expects one of {known}, but got {shown(self.expect)}.")
        if self.expect in ("answer", "another answer") and not self.accepted:
            raise InputError(
                f"A case that expects {shown(self.expect)} needs accepted answers, but has none."
            )
        if self.expect in _PAIRED and self.original is None:
            raise InputError(
                "A case that expects the same answer needs the question and text before the edit."
            )

    @property
    def paired(self) -> bool:
        """Whether the reader's answer to the original decides what is right."""
        return self.expect in _PAIRED

    def judge(self, answer: str | None, before: str | None = None) -> bool:
        """Whether an answer is as expected.

        Parameters
        ----------
        answer : str or None
            What the reader says of the question and text; None is no answer.
        before : str or None, optional
            What it says of the original; only where `paired`.

        Returns
        -------
        bool
        """
        match self.expect:
            case "no answer":
                return answer is None
            case "answer":
                return answer is not None and is_accepted(answer, self.accepted)
            case "another answer":
                return answer is None or not any(says_the_same(answer, one) for one in self.accepted)
            case "same answer":
                return says_the_same(answer, None if before is None else self.follow(before))

    @property
    def expected(self) -> str:
        """What is expected, in words.

        >>> Case("Who rowed?", "Ada did.", "answer", ("Ada",)).expected
        'Ada'
        """
        match self.expect:
            case "answer":
                return min(self.accepted, key=len)
            case "another answer":
                return f"not {min(self.accepted, key=len)}"
            case _:
                return self.expect

    def follow(self, text: str) -> str:
        """A text with the words exchanged that the edit exchanged.

        Parameters
        ----------
        text : str
            A text of the original.

        Returns
        -------
        str
        """
        for old, new in self.renamed:
            text = re.sub(rf"\b{re.escape(old)}\b", lambda _, new=new: new, text)
        return text


def is_accepted(answer: str, accepted: tuple[str, ...]) -> bool:
    """Whether an answer is one of the accepted ones, or holds a shorter and lies in a longer one of them.

    Compared as SQuAD does: without case, punctuation and articles.

    >>> is_accepted("in 1911", ("1911", "early in 1911")), is_accepted("opened in 1911", ("1911", "in 1911"))
    (True, False)
    """
    return any(_holds(answer, one) for one in accepted) and any(_holds(one, answer) for one in accepted)


def says_the_same(one: str | None, other: str | None) -> bool:
    """Whether two answers say the same: both are none, or the words of one are a piece of the other.

    >>> says_the_same("the lamp room", "Lamp room."), says_the_same("Ada", None)
    (True, False)
    """
    if one is None or other is None:
        return one is other
    return _holds(one, other) or _holds(other, one)


def _holds(long: str, short: str) -> bool:
    """Whether the words of one text stand one after the other in another."""
    return f" {normalize_answer(short)} " in f" {normalize_answer(long)} "


@brief
@dataclass(frozen=True, slots=True)
class Said:
    """What a reader said of one question and text.

    Attributes
    ----------
    answer
        As a text; None where it abstained.
    start, end
        Characters of the answer, half-open; None without one.
    margin
        Null score minus the score of the best span, in logits; None where nothing was read.
    error
        Why it could not be read, else None.

    Examples
    --------
    >>> from qalens.testing import planted_reading
    >>> said_of(planted_reading("Who kept it?", "Ada kept it.", answer="Ada")).answer
    'Ada'
    """

    answer: str | None
    start: int | None = None
    end: int | None = None
    margin: float | None = None
    error: str | None = None


def said_of(reading: Reading | FailedReading) -> Said:
    """What a reading says, without its numbers and texts.

    >>> from qalens.testing import planted_reading
    >>> said_of(planted_reading("Who rowed?", "Ada rowed.", answer="Ada")).answer
    'Ada'
    """
    if isinstance(reading, FailedReading):
        return Said(None, error=str(reading.error))
    answer = reading.answer
    if answer is None:
        return Said(None, margin=finite(reading.margin))
    return Said(answer.text, answer.span.start, answer.span.end, finite(reading.margin))


@brief
@dataclass(frozen=True, slots=True)
class JudgedCase:
    """A case with what the reader said.

    Attributes
    ----------
    case
        What was asked and expected.
    said
        Of the question and text of the case.
    before
        Of the original; None where the case does not need it.
    failed
        Whether it was not as expected.
    id
        That of the example the case was made from; None for cases of templates.

    Examples
    --------
    >>> import qalens
    >>> from qalens.testing import toy_model, toy_tokenizer
    >>> reader = qalens.Reader(toy_model(), toy_tokenizer())
    >>> report = qalens.behavior.run(reader, ["negation"], cases=2, progress=False)
    >>> type(report["negation"].cases[0].failed)
    <class 'bool'>
    """

    case: Case
    said: Said
    before: Said | None
    failed: bool
    id: str | None = None

    @property
    def example(self) -> Example:
        """The question and text, to read again or to explain."""
        return Example(self.case.question, self.case.context, id=self.id)

    @property
    def original(self) -> Example | None:
        """The question and text before the edit; None where nothing was edited."""
        return None if self.case.original is None else Example(*self.case.original, id=self.id)

    def to_dict(self) -> dict[str, Any]:
        """The case as plain values, ready for JSON; `from_dict` gives the same again.

        Returns
        -------
        dict of str to object
        """
        return {**asdict(self.case), "said": asdict(self.said), "before": _plain(self.before)} | {
            "failed": self.failed,
            "id": self.id,
        }

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> JudgedCase:
        """The case that `to_dict` wrote.

        Parameters
        ----------
        given : mapping of str to object
            What `to_dict` gave.

        Returns
        -------
        JudgedCase
        """
        parts = {one.name: given[one.name] for one in fields(Case)}
        parts["accepted"] = tuple(parts["accepted"])
        parts["original"] = None if parts["original"] is None else tuple(parts["original"])
        parts["renamed"] = tuple(tuple(pair) for pair in parts["renamed"])
        before = None if given["before"] is None else Said(**given["before"])
        return cls(Case(**parts), Said(**given["said"]), before, given["failed"], given["id"])

    @property
    def expected(self) -> str:
        """What was expected, in words; of an edit that changes nothing what was said before, renamed as the text was."""
        if self.before is None:
            return self.case.expected
        return NO_ANSWER if self.before.answer is None else self.case.follow(self.before.answer)

    @property
    def outcome(self) -> str:
        """What was expected and what was said, in words."""
        said = NO_ANSWER if self.said.answer is None else self.said.answer
        return f"expected: {self.expected}; said: {said}"

    @property
    def line(self) -> str:
        """The case on one line of at most 180 characters, for messages."""
        said = f"{self.case.question} {self.outcome}; text: {self.case.context}"
        return shorten(visible(said), 180, placeholder=" …")

    def __str__(self) -> str:
        lines = self.case.question, f"text: {self.case.context}", self.outcome
        return "\n    ".join(map(visible, lines))


def _plain(said: Said | None) -> dict[str, Any] | None:
    return None if said is None else asdict(said)
