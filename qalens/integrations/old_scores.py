"""The scores of the question-answering pipeline that transformers had up to 5.2, for those who need the old numbers.

In every window the start and end logits of the text and of the null token become probabilities of their own. A span of
tokens i..j with j < i + L scores p_start[i] · p_end[j], no answer p_start[0] · p_end[0]. The best spans of each window are
widened to words, and those of all windows are ranked together; of no answer the window with the smallest score counts.

There are two ways to do the rest. `old_answers` does what the old pipeline did: the candidates of a window are its
2 · top_k + 10 best spans, and those with the same text, whatever their case and wherever they are, are one answer with the
sum of their scores and the place of the first; their whitespace is kept. `product_answers` takes the best copy of each place, so a
score is at most 1, does not depend on `top_k`, has the position where it was found, and `top_k` answers are found where there are as many.

Either way only the text can hold an answer, a question that fills the window is cut instead of ending in a panic, and the
padding side of the tokenizer does not matter.

Source: the behaviour of transformers 4.57, compared number by number.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qalens.errors import InputError, shown
from qalens.integrations.pipeline_answers import Edges, Found, edges_of, ranked
from qalens.integrations.pipeline_options import PipelineOptions
from qalens.models.batches import Stages, memory_for
from qalens.readings.reading import Reading
from qalens.spans.distribution import SpanLogits, largest_first
from qalens.text.examples import Example
from qalens.text.layout import CutText
from qalens.text.pair_tokenizer import EncodedText
from qalens.text.token_edges import context_runs
from qalens.text.windows import PairTokenizer, Windows, check_pair, cut_text, lay_out, window_starts


class OldTokenizer(PairTokenizer):
    """A tokenizer as the old pipeline used it: "[SEP]" typed in a text is the special token of that name."""

    def __init__(self, tokenizer: Any):
        super().__init__(tokenizer)
        self.rust.encode_special_tokens = False

    def text_ids(self, encoding: Any) -> NDArray[np.int64]:
        """The ids of an encoded text, unchanged.

        Parameters
        ----------
        encoding : object
            What `encode` returned.

        Returns
        -------
        ndarray of int64
        """
        return np.array(encoding.ids, np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class OldStages(Stages):
    """The stages from a question and a text to a reading, with the windows of the old pipeline."""

    def _taken(self, given: Any) -> Example:
        if not isinstance(given, Example):
            raise InputError(f"Expected a question and a context, but got {shown(given)}.")
        return given

    def _check(self, example: Example) -> None:
        _check_old_pair(
            example.question, example.context, memory_for(example.context, self.options.max_memory)
        )

    def _cut(self, example: Example, encoded: Mapping[str, EncodedText]) -> CutText:
        return _old_cut(
            self.pair,
            example.question,
            example.context,
            encoded,
            max_length=self.options.max_length,
            stride=self.options.stride,
        )


def old_windows(
    pair: PairTokenizer,
    question: str,
    context: str,
    *,
    max_length: int,
    stride: int,
    max_memory: int | None = None,
) -> Windows:
    """Windows as the old pipeline made them: the question is never truncated if space is left for the text, and may be
    blank.

    If the space beside the question is not larger than `stride`, the old pipeline panicked; here the question is
    truncated as in `make_windows`.

    Parameters
    ----------
    pair : PairTokenizer
        The tokenizer.
    question : str
        The question.
    context : str
        The text.
    max_length : int
        Tokens of one window.
    stride : int
        Overlap in tokens.
    max_memory : int or None, default None
        Bytes that a reading may take; None sets no limit.

    Returns
    -------
    Windows

    Raises
    ------
    InputError
        As `make_windows` does.
    """
    _check_old_pair(question, context, max_memory)
    cut = _old_cut(pair, question, context, {}, max_length=max_length, stride=stride)
    return lay_out(pair, [cut])[0]


def _check_old_pair(question: Any, context: Any, max_memory: int | None) -> None:
    if isinstance(question, str) and question.isspace():
        question = "blank"  # which the old pipeline took
    check_pair(question, context, max_memory)


def _old_cut(
    pair: PairTokenizer,
    question: str,
    context: str,
    encoded: Mapping[str, EncodedText],
    *,
    max_length: int,
    stride: int,
) -> CutText:
    asked, text = (encoded[one] if one in encoded else pair.encode(one) for one in (question, context))
    room = max_length - pair.n_special - len(asked)
    if len(text) > room and stride >= room:
        return cut_text(pair, question, context, encoded, max_length=max_length, stride=stride)
    starts = window_starts(len(text), room, stride)
    return CutText(question, context, asked, text, len(asked), room, starts)


def product_answers(reading: Reading, pair: PairTokenizer, options: PipelineOptions) -> list[Found]:
    """The best spans by the product of the old pipeline, without its sums and whitespace, best first.

    Parameters
    ----------
    reading : Reading
        The reading.
    pair : PairTokenizer
        The tokenizer.
    options : PipelineOptions
        The options.

    Returns
    -------
    list of Found
        `top_k` answers.
    """
    edges = edges_of(reading.windows, pair, words=options.align_to_words)
    found: dict[tuple[int, int], float] = {}
    null = 1.0
    for window in _windows(reading, options):
        null = min(null, window.null)
        for span, score in _best_of_window(window, edges, options.top_k).items():
            found[span] = max(score, found.get(span, 0.0))
    return ranked([Found(score, *span) for span, score in found.items()], null, options)


def old_answers(reading: Reading, pair: PairTokenizer, options: PipelineOptions) -> list[Found]:
    """The best answers as the old pipeline found and scored them, sums included, best first.

    Parameters
    ----------
    reading : Reading
        The reading.
    pair : PairTokenizer
        The tokenizer.
    options : PipelineOptions
        The options.

    Returns
    -------
    list of Found
        `top_k` answers.
    """
    edges = edges_of(reading.windows, pair, words=options.align_to_words, blanks=True)
    count = 2 * options.top_k + 10 if options.align_to_words else options.top_k
    places: dict[str, tuple[int, int]] = {}
    scores: dict[str, float] = {}
    null = 1.0
    for window in _windows(reading, options):
        null = min(null, window.null)
        for place in largest_first(window.scores, min(count, window.possible)).tolist():
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
    """The probabilities of one window as the old pipeline computed them.

    Parameters
    ----------
    logits : SpanLogits
        Start and end logits.
    w : int
        The index of the window.

    Returns
    -------
    tuple of (ndarray of float64, ndarray of float64, float)
        Start and end probabilities of the n tokens of the text, and the score of no answer.
    """
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
        order = largest_first(window.scores, more)[: window.possible]
        for place in order[looked:].tolist():
            span = window.characters(place, edges)
            if span[0] < span[1]:
                found.setdefault(span, float(window.scores[place]))
            if len(found) == k:
                break
        looked, more = len(order), 4 * more
    return found
