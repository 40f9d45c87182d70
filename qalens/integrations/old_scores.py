"""The scores of the question-answering pipeline that transformers had up to 5.2, for those who need the old numbers.

In every window the start and end logits of the text and of the null token become probabilities of their own. A span of
tokens i..j with j < i + L scores p_start[i] · p_end[j], no answer p_start[0] · p_end[0]. The best spans of each window are
widened to words, and those of all windows are ranked together; of no answer the window with the smallest score counts.

There are two ways to do the rest. `old_answers` does what the old pipeline did: the candidates of a window are its
2 · top_k + 10 best spans, and those with the same text, whatever their case and wherever they stand, are one answer with the
sum of their scores and the place of the first; their blanks stay. `product_answers` takes the best copy of each place, so a
score is at most 1, does not hang on `top_k`, stands where it was found, and `top_k` answers are found where there are as many.

Either way only the text can hold an answer, a question that fills the window is cut instead of ending in a panic, and the
padding side of the tokenizer does not matter.

Source: the behaviour of transformers 4.57, compared number by number.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qalens.batches import Prepared, Stages
from qalens.errors import InputError, QalensError
from qalens.integrations.pipeline_answers import Edges, Found, edges_of, ranked
from qalens.integrations.pipeline_options import PipelineOptions
from qalens.memory import free_memory
from qalens.reading import FailedReading, Reading
from qalens.spans import SpanLogits
from qalens.text import Example, check_text
from qalens.windows import PairTokenizer, Windows, check_memory, context_runs, lay_out, make_windows


class OldTokenizer(PairTokenizer):
    """A tokenizer as the old pipeline used it: "[SEP]" typed in a text is the special token of that name."""

    def __init__(self, tokenizer: Any):
        super().__init__(tokenizer)
        self._rust.encode_special_tokens = False

    def text_ids(self, encoding: Any) -> NDArray[np.int64]:
        """The ids of an encoded text, as they are."""
        return np.array(encoding.ids, np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class OldStages(Stages):
    """The stages from a question and a text to a reading, with the windows of the old pipeline."""

    def _prepare(self, given: Any) -> Prepared | FailedReading:
        try:
            if not isinstance(given, Example):
                raise InputError(f"Expected a question and a context, but got {given!r:.120}.")
            windows = old_windows(
                self.pair,
                given.question,
                given.context,
                max_length=self.max_length,
                stride=self.stride,
                max_memory=free_memory() if self.max_memory is None else self.max_memory,
            )
        except QalensError as error:
            return FailedReading(given, error)
        return Prepared(given, windows)


def old_windows(
    pair: PairTokenizer,
    question: str,
    context: str,
    *,
    max_length: int,
    stride: int,
    max_memory: int | None = None,
) -> Windows:
    """Windows as the old pipeline cut them: the question is never cut as long as that leaves room, and may be blank.

    Where the room beside the question is not larger than `stride`, the old pipeline ended in a panic; there the question
    is cut as `make_windows` does it. Raises `InputError` as `make_windows` does.
    """
    if not isinstance(question, str) or not question:
        check_text(question, "question")
    check_text(context, "context")
    check_memory(len(context), max_memory)
    asked, text = pair.encode(question), pair.encode(context)
    room = max_length - pair.n_special - len(asked)
    n = len(text)
    if n > room and stride >= room:
        return make_windows(
            pair, question, context, max_length=max_length, stride=stride, max_memory=max_memory
        )
    starts = np.arange(0, n - stride, room - stride) if n > room else np.zeros(1, np.int64)
    return lay_out(pair, question, context, asked, text, len(asked), room, starts)


def product_answers(reading: Reading, pair: PairTokenizer, options: PipelineOptions) -> list[Found]:
    """The `top_k` best places with the product of the old pipeline, without its sums and blanks, best first."""
    edges = edges_of(reading.windows, pair, words=options.align_to_words)
    found: dict[tuple[int, int], float] = {}
    null = 1.0
    for window in _windows(reading, options):
        null = min(null, window.null)
        for span, score in _best_of_window(window, edges, options.top_k).items():
            found[span] = max(score, found.get(span, 0.0))
    return ranked([Found(score, *span) for span, score in found.items()], null, options)


def old_answers(reading: Reading, pair: PairTokenizer, options: PipelineOptions) -> list[Found]:
    """The `top_k` best answers as the old pipeline found and scored them, sums included, best first."""
    edges = edges_of(reading.windows, pair, words=options.align_to_words, blanks=True)
    count = 2 * options.top_k + 10 if options.align_to_words else options.top_k
    places: dict[str, tuple[int, int]] = {}
    scores: dict[str, float] = {}
    null = 1.0
    for window in _windows(reading, options):
        null = min(null, window.null)
        for place in _largest_first(window.scores, count)[: min(count, window.possible)].tolist():
            span = window.characters(place, edges)
            text = reading.context[slice(*span)].lower()
            places.setdefault(text, span)
            scores[text] = scores.get(text, 0.0) + float(window.scores[place])
    answers = [Found(score, *places[text]) for text, score in scores.items()]
    return ranked(answers, null, options)


@dataclass(frozen=True, slots=True, eq=False)
class _Window:
    """The spans of one window with n tokens of the text, as (n · L,) products: place = i · L + j − i.

    `number` is that of its first token among the tokens of the text, `possible` how many spans score above 0, `null` the
    score of no answer.
    """

    number: int
    n: int
    L: int
    scores: NDArray[np.float64]
    possible: int
    null: float

    def characters(self, place: int, edges: Edges) -> tuple[int, int]:
        i, more = divmod(place, self.L)
        first = self.number + i
        return edges.characters(first, first + more, held=(self.number, self.number + self.n))


def _windows(reading: Reading, options: PipelineOptions) -> Iterator[_Window]:
    """The windows one after the other, so that a long text holds the spans of one of them at a time."""
    _, numbers, _ = context_runs(reading.windows)
    for w, number in enumerate(numbers.tolist()):
        start, end, null = window_probabilities(reading.logits, w)
        n = len(start)
        L = max(1, min(options.max_answer_len, n))
        # What would reach past the window scores 0, and so does what is too unlikely for a number: neither is an answer.
        padded = np.concatenate([end, np.zeros(L - 1)])
        ends = np.lib.stride_tricks.sliding_window_view(padded, L) if n else np.zeros((0, L))
        scores = (start[:, None] * ends).ravel()
        yield _Window(number, n, L, scores, int((scores > 0).sum()), null)


def window_probabilities(
    logits: SpanLogits, w: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Start and end probabilities of the n tokens of the text in window `w`, and the score of no answer there."""
    inside = np.flatnonzero(logits.windows.answerable[w])
    places = np.append(inside, logits.windows.null_index[w])
    start, end = (_softmax(one[w, places].astype(np.float64)) for one in (logits.start, logits.end))
    return start[:-1], end[:-1], float(start[-1] * end[-1])


def _softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    weights = np.exp(logits - logits.max())
    return weights / weights.sum()


def _best_of_window(window: _Window, edges: Edges, k: int) -> dict[tuple[int, int], float]:
    """The `k` best places of one window with their scores; of several spans that widen to one place the best counts."""
    found: dict[tuple[int, int], float] = {}
    looked, more = 0, 2 * k + 10
    while len(found) < k and looked < window.possible:
        order = _largest_first(window.scores, more)[: window.possible]
        for place in order[looked:].tolist():
            span = window.characters(place, edges)
            if span[0] < span[1]:
                found.setdefault(span, float(window.scores[place]))
            if len(found) == k:
                break
        looked, more = len(order), 4 * more
    return found


def _largest_first(values: NDArray[np.float64], k: int) -> NDArray[np.int64]:
    """Indices of the `k` largest values, largest first; of equal ones the first."""
    if k < len(values):
        least = np.partition(values, len(values) - k)[len(values) - k]
        kept = np.flatnonzero(values >= least)
    else:
        kept = np.arange(len(values))
    return kept[np.argsort(-values[kept], kind="stable")]
