"""All results of reading one text for one question."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass
from typing import Any

from qalens.checks import is_number
from qalens.errors import InputError, QalensError, shown
from qalens.records import Shown, brief, finite, made_later
from qalens.spans.decision import Decision
from qalens.spans.distribution import (
    Answer,
    NullRule,
    SpanDistribution,
    SpanLogits,
    spans_of,
)
from qalens.spans.places import likely_places
from qalens.text.examples import Example
from qalens.text.visible import visible
from qalens.text.windows import Windows


@brief
@dataclass(frozen=True, slots=True)
class Source:
    """The model that made a reading.

    Attributes
    ----------
    name : str
        Its name.
    fingerprint : str
        Letters that tell its weights from others.
    """

    name: str
    fingerprint: str


@brief
@dataclass(frozen=True, slots=True)
class Place:
    """One place where an answer may be: a cluster of overlapping spans.

    Attributes
    ----------
    best : Answer
        Its best span.
    probability : float
        The probability of all its spans.
    taken : bool
        Whether it is taken as an answer.
    """

    best: Answer
    probability: float
    taken: bool


# A tenth parts the names of a list from what is beside them in most texts; `Report.answer_cut` fits another.
DEFAULT_CUT = 0.1
LISTED = 0.01


def _made_spans(reading: Reading) -> SpanDistribution:
    # With the normaliser of the decision, so that both say the same to the last digit.
    return spans_of(
        reading.logits,
        max_answer_length=reading.max_answer_length,
        null=reading.null,
        log_normalizer=reading.decision.log_normalizer,
    )


@made_later("spans", _made_spans)
@dataclass(frozen=True, slots=True, eq=False)
class Reading(Shown):
    """How a model read one text for one question: the windows, the logits, all spans, and the decision.

    A reading needs no model: it can be shown, pickled and compared later. In a notebook it displays itself.

    Attributes
    ----------
    example : Example
        The question and the text.
    windows : Windows
        The windows that the model read.
    logits : SpanLogits
        The start and end logits.
    spans : SpanDistribution
        All legal spans and no answer in one distribution; made from the logits when it is first asked for, if it was given as
        `records.LATER`.
    decision : Decision
        The answer, or no answer.
    max_answer_length : int
        The longest answer in tokens.
    null : NullRule, default "min"
        The rule that combines the null scores of several windows.
    source : Source or None, default None
        The model that read; None if it is not known.

    Examples
    --------
    >>> from qalens.testing import planted_reading
    >>> reading = planted_reading("Who kept the lamp?", "Ada kept the lamp.", answer="Ada")
    >>> reading.answer.text, reading.answer.span
    ('Ada', CharSpan(start=0, end=3))
    """

    example: Example
    windows: Windows
    logits: SpanLogits
    spans: SpanDistribution
    decision: Decision
    max_answer_length: int
    null: NullRule = "min"
    source: Source | None = None

    @property
    def question(self) -> str:
        """The question, as it was asked."""
        return self.example.question

    @property
    def context(self) -> str:
        """The text, unchanged: every span counts in its characters."""
        return self.example.context

    @property
    def answer(self) -> Answer | None:
        """The answer, or None where the model abstains."""
        return self.decision.answer

    @property
    def no_answer_probability(self) -> float:
        """P(∅), the probability that the text holds no answer."""
        return self.decision.no_answer_probability

    @property
    def margin(self) -> float:
        """The null margin in logits: null score − score of the best span."""
        return self.decision.margin

    @property
    def error(self) -> None:
        """Always None; a `FailedReading` has the reason here."""
        return None

    def with_threshold(self, threshold: float) -> Reading:
        """The same reading decided at another no-answer threshold, without the model.

        Parameters
        ----------
        threshold : float
            In logits.

        Returns
        -------
        Reading

        Examples
        --------
        >>> from qalens.testing import planted_reading
        >>> planted_reading("Who?", "Ada kept the lamp.", answer="Ada").with_threshold(-50).answer is None
        True
        """
        again = copy(self)  # not `replace`, which would ask for the spans
        object.__setattr__(again, "decision", self.decision.at(threshold))
        return again

    def answers(self, cut: float = DEFAULT_CUT) -> tuple[Place, ...]:
        """The places where an answer may be, most probable first, and which of them are taken as answers.

        For questions with several answers ("Who are the parties?"): spans that overlap are one place, and each place counts
        by the probability of all its spans. Where the reading abstains, none is taken.

        Parameters
        ----------
        cut
            The probability from which on a place is an answer; the place of the best span is one whatever it has.
            `Report.answer_cut` finds a cut for a stated precision. Places below a hundredth are not listed.

        Returns
        -------
        tuple of Place

        Raises
        ------
        InputError
            For a cut that does not lie between 0 and 1.

        Examples
        --------
        >>> from qalens.testing import planted_reading
        >>> reading = planted_reading("Who kept the lamp?", "Ada kept the lamp.", answer="Ada")
        >>> [(place.best.text, place.taken) for place in reading.answers()]
        [('Ada', True)]
        """
        check_cut(cut)
        best = None if self.answer is None else self.answer.span
        listed = likely_places(self.spans, least=min(LISTED, cut)).clusters(self.spans)
        if best is not None and all(place.best.span != best for place in listed):
            listed += (next(place for place in self.spans.clusters() if place.best.span == best),)
        return tuple(
            Place(
                place.best,
                place.probability,
                best is not None and (place.best.span == best or place.probability >= cut),
            )
            for place in listed
        )

    def to_dict(self, k: int = 5) -> dict[str, Any]:
        """The decision and the best spans as plain numbers and strings, ready for JSON.

        An infinite margin or threshold becomes None, since JSON has no infinity.

        Parameters
        ----------
        k : int, default 5
            How many spans.

        Returns
        -------
        dict of str to object
        """
        return {
            "id": self.example.id,
            "question": self.question,
            "context": self.context,
            "answer": None if self.answer is None else _answer_dict(self.answer),
            "no_answer_probability": self.no_answer_probability,
            "margin": finite(self.margin),
            "threshold": finite(self.decision.threshold),
            "null_score": finite(self.decision.null_score),
            "spans": [_answer_dict(a) for a in self.spans.top(k)],
        }

    def __repr__(self) -> str:
        if self.answer is None:
            said = f"no answer, P(no answer) = {self.no_answer_probability:.3f}"
        else:
            said = f"{self.answer.text!r}, P = {self.answer.probability:.3f}"
        return f"Reading({self.question!r}: {said})"


@dataclass(frozen=True, slots=True, eq=False)
class FailedReading(Shown):
    """The reason why a reading could not be made, in its place.

    `answer` is None as in a reading without an answer; `error` tells the two apart.

    Attributes
    ----------
    given : object
        The `Example`, or the item itself if it was not a question and a text.
    error : QalensError
        The reason.

    Examples
    --------
    >>> import qalens
    >>> from qalens.testing import toy_model, toy_tokenizer
    >>> (failed,) = qalens.Reader(toy_model(), toy_tokenizer()).read_many([("Who?", "")])
    >>> failed
    FailedReading(The context is empty; there is nothing to read.)
    """

    given: Any
    error: QalensError

    @property
    def answer(self) -> None:
        """None: there is no answer."""
        return None

    def to_dict(self) -> Mapping[str, Any]:
        """The reason as plain strings, ready for JSON.

        Returns
        -------
        dict of str to object
        """
        id = self.given.id if isinstance(self.given, Example) else None
        return {"id": id, "answer": None, "error": str(self.error)}

    def __repr__(self) -> str:
        return f"FailedReading({visible(str(self.error))})"


def no_reading(given: object) -> InputError:
    """The error for something that has to be a `Reading`.

    Parameters
    ----------
    given : object
        What was given.

    Returns
    -------
    InputError
    """
    hint = "; its joined() is a Reading" if hasattr(given, "joined") else ""
    return InputError(f"Expected a Reading, as reader.read gives it, but got {type(given).__name__}{hint}.")


def check_cut(cut: Any) -> None:
    """Check the probability from which on a place is an answer.

    Parameters
    ----------
    cut : object
        A number between 0 and 1.

    Raises
    ------
    InputError
        For anything else.
    """
    if not is_number(cut) or not 0 <= cut <= 1:
        raise InputError(f"cut has to lie between 0 and 1, as 0.1, but is {shown(cut)}.")


def check_source(reading: Reading, source: Source | None, found: str) -> None:
    """Check that a reading is of the model with which something was found.

    Parameters
    ----------
    reading : Reading
        The reading.
    source : Source or None
        The model; None if it is not known.
    found : str
        What was found, as "cut".

    Raises
    ------
    InputError
        If the reading is of another model.
    """
    if source is not None and reading.source is not None and reading.source != source:
        raise InputError(
            f"The {found} was found with {source.name}, but this reading is of {reading.source.name}; "
            f"evaluate that model and take the {found} from its report."
        )


def _answer_dict(answer: Answer) -> dict[str, Any]:
    return {
        "text": answer.text,
        "start": answer.span.start,
        "end": answer.span.end,
        "probability": answer.probability,
        "score": answer.score,
        "window": answer.window,
    }
