"""Everything that one question and one text led to, kept together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from qalens.decision import Decision, decide
from qalens.errors import InputError, QalensError
from qalens.records import finite
from qalens.spans import Answer, NullRule, SpanDistribution, SpanLogits
from qalens.text import Example
from qalens.windows import Windows


@dataclass(frozen=True, slots=True)
class Source:
    """Which model made a reading: what it is called, and letters that tell its weights from others."""

    name: str
    fingerprint: str


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """How a model read one text for one question: the windows, the logits, all spans, and the decision.

    A reading needs no model any more: it can be shown, pickled and compared later. In a notebook it shows itself.
    `null` is the rule by which the null scores of several windows became one, `source` the model that read.

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
        """The text, untouched: every span counts in its characters."""
        return self.example.context

    @property
    def answer(self) -> Answer | None:
        """The answer, or None where the model abstains."""
        return self.decision.answer

    @property
    def no_answer_probability(self) -> float:
        """P(∅), the probability that the text holds no answer."""
        return self.spans.null_probability

    @property
    def margin(self) -> float:
        """Null score minus the score of the best span, in logits."""
        return self.decision.margin

    @property
    def error(self) -> None:
        """None: nothing went wrong (a `FailedReading` has the reason here)."""
        return None

    def with_threshold(self, threshold: float) -> Reading:
        """The same reading decided at another no-answer threshold, in logits; the model is not asked again.

        >>> from qalens.testing import planted_reading
        >>> planted_reading("Who?", "Ada kept the lamp.", answer="Ada").with_threshold(-50).answer is None
        True
        """
        return replace(self, decision=decide(self.spans, threshold=threshold))

    def to_dict(self, k: int = 5) -> dict[str, Any]:
        """The decision and the `k` best spans as plain numbers and strings, ready for JSON.

        A margin or threshold that is infinite is None there, since JSON has no infinity.
        """
        return {
            "id": self.example.id,
            "question": self.question,
            "context": self.context,
            "answer": None if self.answer is None else _answer_dict(self.answer),
            "no_answer_probability": self.no_answer_probability,
            "margin": finite(self.margin),
            "threshold": finite(self.decision.threshold),
            "null_score": finite(self.spans.null_score),
            "spans": [_answer_dict(a) for a in self.spans.top(k)],
        }

    def _repr_html_(self) -> str:
        # Views stand on top of records; a record only knows its picture when a notebook asks for it.
        from qalens.views.html import reading_html

        return reading_html(self)

    def __repr__(self) -> str:
        if self.answer is None:
            said = f"no answer, P(no answer) = {self.no_answer_probability:.3f}"
        else:
            said = f"{self.answer.text!r}, P = {self.answer.probability:.3f}"
        return f"Reading({self.question!r}: {said})"


@dataclass(frozen=True, slots=True, eq=False)
class FailedReading:
    """What stands in the place of a reading that could not be made: the reason, and what was given.

    `given` is the `Example`, or the item itself where it was no question and text. `answer` is None as in a reading without an answer; `error` tells the two apart.

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
        """The reason as plain strings, ready for JSON."""
        id = self.given.id if isinstance(self.given, Example) else None
        return {"id": id, "answer": None, "error": str(self.error)}

    def _repr_html_(self) -> str:
        from qalens.views.html import failed_html

        return failed_html(self)

    def __repr__(self) -> str:
        return f"FailedReading({self.error})"


def no_reading(given: object) -> InputError:
    """What to raise for something that had to be a `Reading`."""
    hint = "; its joined() is a Reading" if hasattr(given, "joined") else ""
    return InputError(f"Expected a Reading, as reader.read gives it, but got {type(given).__name__}{hint}.")


def _answer_dict(answer: Answer) -> dict[str, Any]:
    return {
        "text": answer.text,
        "start": answer.span.start,
        "end": answer.span.end,
        "probability": answer.probability,
        "score": answer.score,
        "window": answer.window,
    }
