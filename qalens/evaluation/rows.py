"""One row for each question of a data set: all that figures, curves, calibration and reports are made of.

A row is made from an example and its reading, and then is independent: no text, window or logit has to be kept. It goes to
JSON and back without loss.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, fields, replace
from hashlib import blake2b
from typing import Any, Literal, cast, get_args

from qalens.errors import InputError, shown
from qalens.evaluation.scores.answers import best_match
from qalens.readings.documents import DocumentsReading
from qalens.readings.joined import JoinedReading
from qalens.readings.reading import FailedReading, Reading
from qalens.records import brief, comes_later
from qalens.spans.distribution import Answer
from qalens.spans.plain_summary import plain_summaries
from qalens.spans.summary import SpanSummary, summary_of
from qalens.text.examples import CharSpan, Example, writable
from qalens.text.question_rows import Item

Outcome = Literal[
    "right span", "wrong edges", "wrong span", "false answer", "false no-answer", "right no-answer"
]
Readable = Reading | DocumentsReading | FailedReading
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)
# Windows whose rows are made together: what is added up for them at a time fits the caches.
_TOGETHER = 64
_QUESTION_WORDS = {"whom": "who", "whose": "who", "who's": "who", "what's": "what", "where's": "where"} | {
    word: word for word in ("what", "which", "who", "when", "where", "why", "how")
}
_WORD = re.compile(r"[^\W\d_]+(?:['’]s\b)?")


@brief
@dataclass(frozen=True, slots=True)
class TextSpan:
    """A piece of a text and its characters `[start, end)`.

    Attributes
    ----------
    text : str
        The piece.
    start, end : int
        Its characters.
    """

    text: str
    start: int
    end: int

    def __post_init__(self) -> None:
        _make_writable(self, ("text",))


@brief
@dataclass(frozen=True, slots=True)
class ExampleRow:
    """One question: what is known about it, what the model answered with which confidence, and how good that is.

    What is known (None if the data does not have it), what the model computed (None if it could not read the text),
    and the evaluation (None without known gold answers). Lone surrogates are replaced by U+FFFD, so that every row
    can be written.

    Attributes
    ----------
    id, question, title
        As in the data.
    text_id : str
        Letters that tell the text from others.
    golds : tuple of TextSpan or None
        The accepted answers; empty for an unanswerable question, None if unknown.
    cause : str or None
        The cause of unanswerability.
    question_word : str
        "what", "how many", … or "other".
    text_length : int
        In characters.
    answer_length : int or None
        Words of the shortest gold answer.
    windows : int or None
        The number of windows.
    answer : TextSpan or None
        The answer; None also for no answer.
    best : TextSpan or None
        The best span, whether taken or not.
    score, null_score, margin, threshold : float or None
        In logits.
    probability : float or None
        P(best span).
    no_answer_probability : float or None
        P(∅).
    given_answer : float or None
        P(best span | there is an answer).
    cluster_probability : float or None
        The probability of all spans that overlap the best.
    product, null_product : float or None
        The classic p(start) · p(end) of the best span and of the null token.
    entropy : float or None
        In bits.
    gold_scores : tuple of float
        The scores of those gold answers that are legal spans.
    masses, cluster_masses : tuple of float
        log Σ exp((score − best score) / T) over all spans, and over those that overlap the best, for each T of
        `TEMPERATURES`, in six digits; empty without a span.
    mean_scores : tuple of float
        The mean score of the spans at each of these T, for the interpolation between them.
    exact, f1 : float or None
        Of the decision. A failed reading counts as no answer.
    best_exact, best_f1 : float or None
        Of the best span.
    outcome : Outcome or None
        One of `OUTCOMES`; "wrong edges" overlaps a gold answer, "wrong span" does not. None if the text could not be
        read.
    error : str or None
        Why the text could not be read or the gold answer not be used, or None.
    document : str or None, default None
        Of a reading of many documents, the name of the one with the best span; spans count in
        `DocumentsReading.joined`.
    places : tuple of float, default ()
        The probabilities of its places (clusters of overlapping spans), most probable first, from 0.001 on, in six
        digits.
    right_places : tuple of int or None, default None
        The indices of those `places` whose best span overlaps a gold answer.
    true_place : float or None, default None
        The probability of the most probable right place, however small; P(∅) for an unanswerable question.
    """

    id: str | None
    question: str
    title: str | None
    text_id: str
    golds: tuple[TextSpan, ...] | None
    cause: str | None
    question_word: str
    text_length: int
    answer_length: int | None
    windows: int | None
    answer: TextSpan | None
    best: TextSpan | None
    score: float | None
    null_score: float | None
    margin: float | None
    threshold: float | None
    probability: float | None
    no_answer_probability: float | None
    given_answer: float | None
    cluster_probability: float | None
    product: float | None
    null_product: float | None
    entropy: float | None
    gold_scores: tuple[float, ...]
    masses: tuple[float, ...]
    cluster_masses: tuple[float, ...]
    mean_scores: tuple[float, ...]
    exact: float | None
    f1: float | None
    best_exact: float | None
    best_f1: float | None
    outcome: Outcome | None
    error: str | None
    document: str | None = None
    places: tuple[float, ...] = ()
    right_places: tuple[int, ...] | None = None
    true_place: float | None = None

    def __post_init__(self) -> None:
        _make_writable(self, ("id", "question", "title", "cause", "document", "error"))

    @property
    def answerable(self) -> bool | None:
        """Whether there is a gold answer; None if this is not known."""
        return None if self.golds is None else bool(self.golds)

    @property
    def failed(self) -> bool:
        """Whether the text could not be read."""
        return self.margin is None

    @property
    def gold_texts(self) -> tuple[str, ...]:
        """The accepted answers as texts."""
        return () if self.golds is None else tuple(gold.text for gold in self.golds)

    def to_dict(self) -> dict[str, Any]:
        """The row as plain numbers, strings and lists, from which `from_dict` makes the same row.

        An infinite number is written as "inf" or "-inf", since JSON has none.

        Returns
        -------
        dict of str to object

        Examples
        --------
        >>> from qalens.testing import planted_reading
        >>> reading = planted_reading("Who kept the lamp?", "Ada kept the lamp.", answer="Ada")
        >>> row = example_row(reading.example, reading)
        >>> ExampleRow.from_dict(row.to_dict()) == row
        True
        """
        return {one.name: _plain(getattr(self, one.name)) for one in fields(self)}

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> ExampleRow:
        """Read a row that `to_dict` wrote.

        Parameters
        ----------
        given : mapping of str to object
            The dictionary.

        Returns
        -------
        ExampleRow

        Raises
        ------
        InputError
            For anything else.
        """
        names = {f.name for f in fields(cls)}
        if not isinstance(given, Mapping) or set(given) != names:
            odd = sorted(names ^ set(given)) if isinstance(given, Mapping) else [repr(given)[:80]]
            raise InputError(f"This is no row of an evaluation: missing or unknown are {', '.join(odd)}.")
        try:
            row = cls(**{name: _restored(name, value) for name, value in given.items()})
            for one in fields(cls):
                if not _fits(getattr(row, one.name), str(one.type)):
                    raise ValueError(
                        f"{one.name} has to be {one.type}, but is {shown(getattr(row, one.name))}"
                    )
            return row
        except (TypeError, ValueError, KeyError, OverflowError) as error:
            raise InputError(f"This is no row of an evaluation ({type(error).__name__}: {error}).") from error


def _make_writable(record: Any, names: tuple[str, ...]) -> None:
    for name in names:
        value = getattr(record, name)
        if isinstance(value, str):
            object.__setattr__(record, name, writable(value))


def example_row(
    example: Any, reading: Reading | FailedReading, *, title: str | None = None, cause: str | None = None
) -> ExampleRow:
    """Put an example and its reading into one row.

    A gold answer that reaches past the text leaves the row unscored, with the reason in `error`; nothing is raised.

    Parameters
    ----------
    example : object
        The `Example`; for anything else (what a `FailedReading` was given) only the reason is kept.
    reading : Reading or FailedReading
        Its reading.
    title : str or None, default None
        The title of the article.
    cause : str or None, default None
        The cause of unanswerability.

    Returns
    -------
    ExampleRow

    Examples
    --------
    >>> from qalens.testing import planted_reading
    >>> reading = planted_reading("Who kept the lamp?", "Ada kept the lamp.", answer="Ada")
    >>> row = example_row(Example("Who kept the lamp?", "Ada kept the lamp.", gold=(CharSpan(0, 3),)), reading)
    >>> row.outcome, row.exact, row.question_word
    ('right span', 1.0, 'who')
    """
    item = Item(example, "", title=title, cause=cause)
    return next(example_rows([(item, reading)]))


def example_rows(read: Iterable[tuple[Item, Reading | FailedReading]]) -> Iterator[ExampleRow]:
    """Put each question and its reading into one row, as `example_row` does, some of them together: that is faster.

    Parameters
    ----------
    read : iterable of (Item, Reading or FailedReading)
        Questions and their readings; they are taken some dozens ahead.

    Returns
    -------
    iterator of ExampleRow

    Examples
    --------
    >>> from qalens.testing import planted_reading
    >>> reading = planted_reading("Who kept the lamp?", "Ada kept the lamp.", answer="Ada")
    >>> [row.answer.text for row in example_rows([(Item(reading.example, "line 1"), reading)] * 2)]
    ['Ada', 'Ada']
    """
    for together in _runs(read):
        items, readings = zip(*together, strict=True)
        golds = [_golds(item.example) for item in items]
        spans = [
            None if known is None else item.example.gold
            for item, (known, _) in zip(items, golds, strict=True)
        ]
        yield from map(_row, items, readings, golds, _summaries(readings, spans))


def _runs(
    read: Iterable[tuple[Item, Reading | FailedReading]],
) -> Iterator[list[tuple[Item, Reading | FailedReading]]]:
    """Questions and readings in runs that together have some dozen windows, so that a long text waits for no other."""
    run: list[tuple[Item, Reading | FailedReading]] = []
    waiting = 0
    for item, reading in read:
        run.append((item, reading))
        waiting += 1 if isinstance(reading, FailedReading) else len(reading.windows)
        if waiting >= _TOGETHER:
            yield run
            run, waiting = [], 0
    if run:
        yield run


def _row(
    item: Item,
    reading: Reading | FailedReading,
    known: tuple[tuple[TextSpan, ...] | None, str | None],
    summary: SpanSummary | None,
) -> ExampleRow:
    (golds, fault), example = known, item.example
    said = _said(reading, summary)
    error = fault if reading.error is None else str(reading.error)
    answer, best = said.get("answer"), said.get("best")
    texts = None if golds is None else [gold.text for gold in golds]
    context = _text(example, "context")
    shortest = min((len(text.split()) for text in texts), default=None) if texts else None
    question = _text(example, "question")
    exact, overlap = _judged(texts, answer)
    best_exact, best_f1 = (exact, overlap) if best == answer else _judged(texts, best)
    return ExampleRow(
        id=example.id if isinstance(example, Example) and isinstance(example.id, str) else None,
        question=question,
        title=item.title,
        text_id=blake2b(context.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest(),
        golds=golds,
        cause=item.cause,
        question_word=question_word(question),
        text_length=len(context),
        answer_length=shortest,
        exact=exact,
        f1=overlap,
        best_exact=best_exact,
        best_f1=best_f1,
        outcome=None if error is not None else outcome_of(golds, answer, exact),
        error=error,
        **said,
    )


def row_of(item: Readable | ExampleRow) -> ExampleRow:
    """The row of a reading, with or without known gold answers; a row is returned unchanged.

    Parameters
    ----------
    item : Readable or ExampleRow
        A reading or a row.

    Returns
    -------
    ExampleRow

    Examples
    --------
    >>> from qalens.testing import planted_reading
    >>> row_of(planted_reading("Who kept it?", "Ada kept it.", answer="Ada")).answer.text
    'Ada'
    """
    if isinstance(item, ExampleRow):
        return item
    return next(example_rows([with_its_question(item)]))


def with_its_question(reading: Readable) -> tuple[Item, Reading | FailedReading]:
    """A reading as `example_rows` takes it; one of many documents is joined.

    Parameters
    ----------
    reading : Readable
        A reading.

    Returns
    -------
    tuple of (Item, Reading or FailedReading)

    Examples
    --------
    >>> from qalens.testing import planted_reading
    >>> item, reading = with_its_question(planted_reading("Who kept it?", "Ada kept it.", answer="Ada"))
    >>> item.example is reading.example
    True
    """
    if isinstance(reading, DocumentsReading):
        reading = reading.joined()
    return Item(reading.given if isinstance(reading, FailedReading) else reading.example, ""), reading


def unscored(row: ExampleRow, reason: str) -> ExampleRow:
    """The row without its evaluation.

    Parameters
    ----------
    row : ExampleRow
        The row.
    reason : str
        Why it is not scored, for `error`.

    Returns
    -------
    ExampleRow

    Examples
    --------
    >>> from qalens.testing import planted_reading
    >>> reading = planted_reading("Who kept it?", "Ada kept it.", answer="Ada")
    >>> unscored(example_row(Example("Who kept it?", "Ada kept it.", gold=()), reading), "Twice.").error
    'Twice.'
    """
    judged = dict.fromkeys(("exact", "f1", "best_exact", "best_f1", "outcome"))
    return replace(row, error=reason, **judged)


def redecided(row: ExampleRow, threshold: float) -> ExampleRow:
    """The row of the same reading decided at another threshold.

    Parameters
    ----------
    row : ExampleRow
        The row.
    threshold : float
        In logits.

    Returns
    -------
    ExampleRow

    Examples
    --------
    >>> from qalens.testing import planted_reading
    >>> reading = planted_reading("Who kept it?", "Ada kept it.", answer="Ada")
    >>> redecided(example_row(reading.example, reading), -50.0).answer is None
    True
    """
    if row.margin is None:
        return row
    answer = row.best if row.margin <= threshold and threshold > -math.inf else None
    known = None if row.golds is None else [gold.text for gold in row.golds]
    kept = replace(row, answer=answer, threshold=float(threshold))
    # A row that was left unscored stays so.
    if row.exact is None:
        return kept
    exact, overlap = _judged(known, answer)
    return replace(kept, exact=exact, f1=overlap, outcome=outcome_of(row.golds, answer, exact))


def question_word(question: str) -> str:
    """The first English question word of a question, with "how many" and "how much" as separate words, else "other".

    Parameters
    ----------
    question : str
        The question.

    Returns
    -------
    str

    Examples
    --------
    >>> question_word("In how many years?"), question_word("Whose lamp was it?"), question_word("Name the keeper.")
    ('how many', 'who', 'other')
    """
    words = _WORD.findall(question.lower().replace("’", "'"))
    for k, word in enumerate(words):
        if word == "how" and words[k + 1 : k + 2] in (["many"], ["much"]):
            return "how many"
        if word in _QUESTION_WORDS:
            return _QUESTION_WORDS[word]
    return "other"


def _said(reading: Reading | FailedReading, summary: SpanSummary | None) -> dict[str, Any]:
    """All fields of a row that come from the reading."""
    if isinstance(reading, FailedReading):
        numbers = "windows answer best score null_score margin threshold probability no_answer_probability"
        more = "given_answer cluster_probability product null_product entropy"
        lists = {"gold_scores": (), "masses": (), "cluster_masses": (), "mean_scores": ()}
        return dict.fromkeys(f"{numbers} {more}".split()) | lists
    decision = reading.decision
    best = decision.best
    return {
        "windows": len(reading.windows),
        "answer": _piece(decision.answer),
        "best": _piece(best),
        "score": -math.inf if best is None else best.score,
        "null_score": decision.null_score,
        "margin": decision.margin,
        "threshold": decision.threshold,
        "probability": 0.0 if best is None else best.probability,
        "no_answer_probability": decision.no_answer_probability,
        "document": _document(reading),
        **{name: getattr(summary, name) for name in _SUMMED},
    }


_SUMMED = [one.name for one in fields(SpanSummary)]


def _summaries(
    readings: Sequence[Reading | FailedReading], golds: Sequence[Sequence[CharSpan] | None]
) -> list[SpanSummary | None]:
    """The summary of each reading; those whose distribution nobody has asked for yet are summed up together."""
    found: list[SpanSummary | None] = [None] * len(readings)
    waiting: dict[int, list[int]] = defaultdict(list)
    for k, one in enumerate(readings):
        if isinstance(one, Reading) and comes_later(one, "spans"):
            waiting[one.max_answer_length].append(k)
    for longest, places in waiting.items():
        those = [cast(Reading, readings[k]) for k in places]
        told = plain_summaries(
            [one.logits for one in those],
            [one.decision for one in those],
            [golds[k] for k in places],
            max_answer_length=longest,
        )
        for k, summary in zip(places, told, strict=True):
            found[k] = summary
    for k, one in enumerate(readings):
        if found[k] is None and isinstance(one, Reading):
            # Of a copy, which goes with its distribution: those of all readings that wait would take their room.
            found[k] = summary_of(one.logits, copy(one).spans, one.decision, golds[k])
    return found


def _document(reading: Reading) -> str | None:
    best = reading.decision.best
    if best is None or not isinstance(reading, JoinedReading):
        return None
    return reading.name_of(reading.document_at(best.span.start))


def _golds(example: Any) -> tuple[tuple[TextSpan, ...] | None, str | None]:
    """The gold answers as texts, or why they cannot be used."""
    if not isinstance(example, Example) or example.gold is None:
        return None, None
    try:
        return tuple(_gold(span, example.context) for span in example.gold), None
    except (InputError, TypeError, AttributeError) as error:
        return None, f"The gold answers cannot be used: {error}"


def _gold(span: Any, context: Any) -> TextSpan:
    if not isinstance(span, CharSpan):
        raise InputError(f"a gold answer has to be a CharSpan, but is {shown(span)}.")
    if not isinstance(context, str):
        raise InputError(f"the text is of type {type(context).__name__}, not str.")
    return TextSpan(span.of(context), span.start, span.end)


def _text(example: Any, name: str) -> str:
    value = getattr(example, name) if isinstance(example, Example) else ""
    return value if isinstance(value, str) else ""


def _piece(answer: Answer | None) -> TextSpan | None:
    return None if answer is None else TextSpan(answer.text, answer.span.start, answer.span.end)


def _judged(known: list[str] | None, said: TextSpan | None) -> tuple[float, float] | tuple[None, None]:
    """Exact match and F1, None where no gold answer is known."""
    return (None, None) if known is None else best_match(known, "" if said is None else said.text)


def outcome_of(
    golds: tuple[TextSpan, ...] | None, answer: TextSpan | None, exact: float | None
) -> Outcome | None:
    """What an answer, or None for no answer, comes to beside the gold spans; None where no gold is known.

    Parameters
    ----------
    golds : tuple of TextSpan or None
        The gold spans; empty where there is no answer, None where nothing is known.
    answer : TextSpan or None
        What was answered; None for no answer.
    exact : float or None
        The exact match of the answer.

    Returns
    -------
    Outcome or None
    """
    if golds is None:
        return None
    if answer is None:
        return "false no-answer" if golds else "right no-answer"
    if not golds:
        return "false answer"
    if exact:
        return "right span"
    touching = any(gold.start < answer.end and answer.start < gold.end for gold in golds)
    return "wrong edges" if touching else "wrong span"


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    if isinstance(value, TextSpan):
        return {"text": value.text, "start": value.start, "end": value.end}
    return repr(value) if isinstance(value, float) and math.isinf(value) else value


def _fits(value: Any, kind: str) -> bool:
    """Whether a value is of a kind as the fields of a row name it; a list has been made of its parts already."""
    if kind == "Outcome | None":
        return value is None or value in OUTCOMES
    if isinstance(value, bool) or (isinstance(value, float) and math.isnan(value)):
        return False
    if isinstance(value, tuple):
        return all(_fits(one, "TextSpan" if "TextSpan" in kind else "float") for one in value)
    if isinstance(value, TextSpan):
        places = _fits(value.start, "int") and _fits(value.end, "int")
        return "TextSpan" in kind and places and isinstance(value.text, str)
    return any(isinstance(value, _KINDS.get(part, ())) for part in kind.split(" | "))


_KINDS: dict[str, Any] = {"str": str, "int": int, "float": (int, float), "None": type(None)}


def _restored(name: str, value: Any) -> Any:
    if name == "golds":
        return None if value is None else tuple(TextSpan(**gold) for gold in value)
    if name in ("answer", "best"):
        return None if value is None else TextSpan(**value)
    if name == "right_places":
        return None if value is None else tuple(int(one) for one in value)
    if name in ("places", "gold_scores", "masses", "cluster_masses", "mean_scores"):
        return tuple(float(one) for one in value)
    return float(value) if value in ("inf", "-inf") and name in _NUMBERS else value


_NUMBERS = frozenset({"score", "null_score", "margin", "threshold"})
