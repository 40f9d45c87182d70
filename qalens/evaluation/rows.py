"""One row for each question of a data set: all that figures, curves, calibration and reports are made of.

A row is made from an example and its reading, and then is independent: no text, window or logit has to be kept. It goes to
JSON and back without loss.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from hashlib import blake2b
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from qalens.errors import InputError, shown
from qalens.evaluation.scores.answers import best_match
from qalens.readings.documents import DocumentsReading
from qalens.readings.joined import JoinedReading
from qalens.readings.reading import FailedReading, Reading
from qalens.records import brief
from qalens.spans.distribution import Answer
from qalens.spans.places import Places, likely_places
from qalens.text.examples import CharSpan, Example, writable

Outcome = Literal[
    "right span", "wrong edges", "wrong span", "false answer", "false no-answer", "right no-answer"
]
Readable = Reading | DocumentsReading | FailedReading
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)
# Where a row knows the mass of all spans: T = 2^(k/2), from 1/8 to 8. In between calibration interpolates.
TEMPERATURES: tuple[float, ...] = tuple(2.0 ** (k / 2) for k in range(-6, 7))
# The probability from which on a place is kept in a row; what lies below is not worth its bytes.
LEAST_PLACE = 0.001
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
    golds, fault = _golds(example)
    said = _said(reading, golds)
    error = fault if reading.error is None else str(reading.error)
    answer, best = said.get("answer"), said.get("best")
    known = None if golds is None else [gold.text for gold in golds]
    context = _text(example, "context")
    shortest = min((len(text.split()) for text in known), default=None) if known else None
    question = _text(example, "question")
    exact, overlap = _judged(known, answer)
    best_exact, best_f1 = (exact, overlap) if best == answer else _judged(known, best)
    return ExampleRow(
        id=example.id if isinstance(example, Example) and isinstance(example.id, str) else None,
        question=question,
        title=title,
        text_id=blake2b(context.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest(),
        golds=golds,
        cause=cause,
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
    if isinstance(item, DocumentsReading):
        item = item.joined()
    return example_row(item.given if isinstance(item, FailedReading) else item.example, item)


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


def _said(reading: Reading | FailedReading, golds: tuple[TextSpan, ...] | None) -> dict[str, Any]:
    """All fields of a row that come from the reading."""
    if isinstance(reading, FailedReading):
        numbers = "windows answer best score null_score margin threshold probability no_answer_probability"
        more = "given_answer cluster_probability product null_product entropy"
        lists = {"gold_scores": (), "masses": (), "cluster_masses": (), "mean_scores": ()}
        return dict.fromkeys(f"{numbers} {more}".split()) | lists
    decision, spans = reading.decision, reading.spans
    return {
        "windows": len(reading.windows),
        "answer": _piece(decision.answer),
        "best": _piece(decision.best),
        "null_score": spans.null_score,
        "margin": decision.margin,
        "threshold": decision.threshold,
        "no_answer_probability": spans.null_probability,
        "entropy": spans.entropy(),
        "null_product": _null_product(reading),
        "gold_scores": _gold_scores(reading, golds),
        "document": _document(reading),
        **_best_span(reading),
        **_placed(reading, golds),
    }


def _placed(reading: Reading, golds: tuple[TextSpan, ...] | None) -> dict[str, Any]:
    """Where the probability lies, and how much of it where the gold answer is."""
    found = likely_places(reading.spans, least=LEAST_PLACE)
    known = {"places": tuple(round(float(mass), 6) for mass in found.masses)}
    if golds is None:
        return known
    right = np.flatnonzero(_on_gold(reading, found.heads, golds))
    true = reading.no_answer_probability
    if golds:
        true = _mass_on_gold(reading, found, golds)
    return known | {"right_places": tuple(right.tolist()), "true_place": true}


def _mass_on_gold(reading: Reading, found: Places, golds: tuple[TextSpan, ...]) -> float:
    """The probability of the most probable right place; 0 where none is."""
    masses = found.masses[_on_gold(reading, found.heads, golds)]
    # Only where no likely place is right do less likely ones have to be looked at, and there are many of them.
    for least in (1e-6, 1e-12, 0.0):
        if len(masses):
            break
        found = likely_places(reading.spans, least=least)
        masses = found.masses[_on_gold(reading, found.heads, golds)]
    return float(masses.max(initial=0.0))


def _on_gold(reading: Reading, heads: NDArray[np.int64], golds: tuple[TextSpan, ...]) -> NDArray[np.bool_]:
    start, end = reading.spans.start[heads], reading.spans.end[heads]
    touching = [(start < gold.end) & (end > gold.start) for gold in golds]
    return np.any(touching, axis=0) if touching else np.zeros(len(heads), bool)


def _document(reading: Reading) -> str | None:
    best = reading.decision.best
    if best is None or not isinstance(reading, JoinedReading):
        return None
    return reading.name_of(reading.document_at(best.span.start))


def _best_span(reading: Reading) -> dict[str, Any]:
    """What is known of the best span; zeros and nothing where the text has none."""
    best, spans = reading.decision.best, reading.spans
    if best is None:
        chances = dict.fromkeys(("probability", "given_answer", "cluster_probability", "product"), 0.0)
        return {"score": -math.inf, "masses": (), "cluster_masses": (), "mean_scores": (), **chances}
    near = (spans.start < best.span.end) & (spans.end > best.span.start)
    # Where every span is masked, none is worse than another.
    behind = np.zeros(len(spans)) if best.score == -math.inf else spans.score - best.score
    mass, near_mass, mean = _masses(behind, near)
    plain = TEMPERATURES.index(1.0)
    return {
        "score": best.score,
        "probability": best.probability,
        "given_answer": 1.0 / mass[plain],
        "cluster_probability": min(1.0, best.probability * near_mass[plain]),
        "product": _product(reading, best.window, best.tokens),
        "masses": tuple(round(math.log(one), 6) for one in mass),
        "cluster_masses": tuple(round(math.log(one), 6) for one in near_mass),
        "mean_scores": tuple(round(one, 6) for one in mean),
    }


def _masses(
    behind: NDArray[np.float64], near: NDArray[np.bool_]
) -> tuple[list[float], list[float], list[float]]:
    """Σ exp(x / T) for each temperature, over all spans and over those `near`, and the mean of x over all of them.

    x are scores less the best; where a span is masked, its x takes no part in the mean.
    """
    sums = [(0.0, 0.0, 0.0)] * len(TEMPERATURES)
    # Three sums in one product: all, those near, and the scores themselves.
    sides = np.stack([np.ones(len(behind)), near, np.where(np.isfinite(behind), behind, 0.0)])
    for last in (len(TEMPERATURES) - 1, len(TEMPERATURES) - 2):
        power = np.exp(behind / TEMPERATURES[last])
        for k in range(last, -1, -2):
            mass, part, total = (sides @ power).tolist()
            sums[k] = mass, part, total / mass
            # Two places on T is half as large, and the power the square of this one: cheaper than taking it anew.
            power *= power
    whole, close, mean = zip(*sums, strict=True)
    return list(whole), list(close), list(mean)


def _null_product(reading: Reading) -> float:
    """p(start) · p(end) at the null token of the window whose null score counts, or comes closest to it."""
    window = int(np.abs(reading.spans.null_scores - reading.spans.null_score).argmin())
    null = int(reading.windows.null_index[window])
    return _product(reading, window, (null, null))


def _product(reading: Reading, window: int, tokens: tuple[int, int]) -> float:
    """p(start) · p(end) of two tokens, each a softmax over all tokens of the window that are no padding."""
    length = int(reading.windows.lengths[window])
    log = 0.0
    for logits, token in zip((reading.logits.start, reading.logits.end), tokens, strict=True):
        row = logits[window, :length].astype(np.float64)
        top = float(row.max())
        log += float(row[token]) - top - math.log(float(np.exp(row - top).sum()))
    return math.exp(log)


def _gold_scores(reading: Reading, golds: tuple[TextSpan, ...] | None) -> tuple[float, ...]:
    """Scores of the different gold answers that are legal spans; whitespace at either end does not count."""
    places = set()
    for gold in golds or ():
        text = reading.context[gold.start : gold.end]
        start = gold.start + len(text) - len(text.lstrip())
        places.add((start, start + len(text.strip())))
    found = [reading.spans.find(start, end) for start, end in sorted(places)]
    return tuple(one.score for one in found if one is not None)


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
