"""From a reading to the answers of the question-answering pipeline: the best spans, widened to words."""

from __future__ import annotations

import heapq
import math
import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qalens.integrations.pipeline_options import PipelineOptions
from qalens.readings.reading import DEFAULT_CUT, Reading
from qalens.spans.distribution import largest_first
from qalens.text.graphemes import UNSPACED
from qalens.text.token_edges import token_range, trimmed_edges
from qalens.text.windows import PairTokenizer, Windows

# Tibetan has a sign between syllables, where an index cuts by itself, and blanks only between clauses.
_UNSPACED_RUN = re.compile(f"(?:{UNSPACED}|[\u0f00-\u0fff]+)")


@dataclass(frozen=True, slots=True)
class Found:
    """One answer with its score.

    Attributes
    ----------
    score : float
        The score.
    start, end : int
        The characters `[start, end)` of the text; empty for no answer.
    """

    score: float
    start: int
    end: int


@dataclass(frozen=True, slots=True, eq=False)
class Edges:
    """The token boundaries of a text in characters, and the tokens of each word.

    Attributes
    ----------
    low : int
        The index of the first token that a window holds; the arrays (N,) count from there.
    begin, finish : ndarray of int64
        (N,): characters.
    first, last : ndarray of int64
        (N,): the first and the last token of the word of each token, itself if words are not used.
    """

    low: int
    begin: NDArray[np.int64]
    finish: NDArray[np.int64]
    first: NDArray[np.int64]
    last: NDArray[np.int64]

    def characters(self, i: int, j: int, *, held: tuple[int, int] | None = None) -> tuple[int, int]:
        """The characters from the word of one token to that of another.

        Parameters
        ----------
        i, j : int
            Indices of tokens.
        held : tuple of (int, int) or None, default None
            The first token and one past the last of a window that truncates words.

        Returns
        -------
        tuple of (int, int)
        """
        first, last = int(self.first[i - self.low]), int(self.last[j - self.low])
        if held is not None:
            first, last = max(first, held[0] - self.low), min(last, held[1] - 1 - self.low)
        return int(self.begin[first]), int(self.finish[last])


def edges_of(windows: Windows, pair: PairTokenizer, *, words: bool, blanks: bool = False) -> Edges:
    """Find the token boundaries of a text.

    In scripts without spaces a word ends at each token, since such a tokenizer takes a whole sentence for one word.

    Parameters
    ----------
    windows : Windows
        The windows.
    pair : PairTokenizer
        The tokenizer.
    words : bool
        Also find the words that the tokenizer splits the text into first.
    blanks : bool, default False
        Keep whitespace that some tokenizers count to a token, and sentences as words, as the old pipeline did.

    Returns
    -------
    Edges
    """
    low, N = token_range(windows)
    begin, finish = _offsets(windows, low, N) if blanks else trimmed_edges(windows, low, N)
    places = np.arange(N)
    if not words:
        return Edges(low, begin, finish, places, places)
    numbers = pair.encode(windows.context).word_ids[low : low + N]
    # A token without a word is its own word.
    word = np.array([-1 - k if n is None else n for k, n in enumerate(numbers)], np.int64)
    apart = np.diff(word, prepend=word[:1] - 1) != 0
    if not blanks:
        apart |= _between_unspaced(windows.context, begin, finish)
    fresh = np.flatnonzero(apart)
    run = np.searchsorted(fresh, places, side="right") - 1
    return Edges(low, begin, finish, fresh[run], np.append(fresh[1:], N)[run] - 1)


def _offsets(windows: Windows, low: int, N: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    offsets = np.zeros((N, 2), np.int64)
    inside = windows.answerable
    offsets[windows.context_index[inside] - low] = windows.offsets[inside]
    return offsets[:, 0], offsets[:, 1]


def _between_unspaced(context: str, begin: NDArray[np.int64], finish: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(N,): whether a token begins beside a character of a script without spaces between words."""
    if context.isascii():
        return np.zeros(len(begin), np.bool_)
    unspaced = np.zeros(len(context) + 2, np.bool_)
    for stretch in _UNSPACED_RUN.finditer(context):
        unspaced[stretch.start() + 1 : stretch.end() + 1] = True
    # Shifted by one, so that what lies before the first character is none.
    before = np.append(False, unspaced[finish])[:-1]
    return unspaced[np.minimum(begin, len(context)) + 1] | before


def probable_answers(reading: Reading, pair: PairTokenizer, options: PipelineOptions) -> list[Found]:
    """The best answers, best first, each with the probability of the characters that it shows.

    That is the sum of P(span) over all spans that widen to the same words, so that together with no answer all
    answers still sum to 1.

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
    begins, begin = np.unique(edges.begin[edges.first], return_inverse=True)
    finishes, finish = np.unique(edges.finish[edges.last], return_inverse=True)
    spans, index = reading.spans, reading.windows.context_index
    row = begin[index[spans.window, spans.token_start] - edges.low]
    # Counted from the first word that ends behind where an answer begins: a table with few empty cells, and no sorting.
    base = np.searchsorted(finishes, begins, side="right")
    ahead = finish[index[spans.window, spans.token_end] - edges.low] - base[row]
    width = int(ahead.max(initial=0)) + 1
    cell = row * width + ahead
    sums = np.full(len(begins) * width, -1.0)
    sums[cell] = 0.0
    sums += np.bincount(cell, spans.probabilities(), minlength=len(sums))
    answers = []
    for k in largest_first(sums, options.top_k).tolist():
        if sums[k] >= 0.0:
            row, ahead = divmod(k, width)
            answers.append(Found(float(sums[k]), int(begins[row]), int(finishes[base[row] + ahead])))
    return ranked(answers, reading.no_answer_probability, options)


def place_answers(reading: Reading, pair: PairTokenizer, options: PipelineOptions) -> list[Found]:
    """Every place that is taken as an answer, best first, each with its probability.

    Places whose best spans widen to the same words are one answer.

    Parameters
    ----------
    reading : Reading
        The reading.
    pair : PairTokenizer
        The tokenizer.
    options : PipelineOptions
        The options, with a `cut`.

    Returns
    -------
    list of Found
        No answer alone if the model abstains and is allowed to.
    """
    allowed = options.handle_impossible_answer
    decided = reading if allowed else reading.with_threshold(math.inf)
    edges, index = (
        edges_of(reading.windows, pair, words=options.align_to_words),
        reading.windows.context_index,
    )
    sums: dict[tuple[int, int], float] = {}
    for place in decided.answers(DEFAULT_CUT if options.cut is None else options.cut):
        if place.taken:
            first, last = index[place.best.window, list(place.best.tokens)].tolist()
            where = edges.characters(first, last)
            sums[where] = sums.get(where, 0.0) + place.probability
    found = [Found(p, *where) for where, p in sums.items()]
    none = reading.no_answer_probability if allowed else 0.0
    return sorted(found, key=lambda one: -one.score) or [Found(none, 0, 0)]


def ranked(answers: list[Found], null: float, options: PipelineOptions) -> list[Found]:
    """The best `top_k` answers, best first, with no answer among them if it is allowed.

    Parameters
    ----------
    answers : list of Found
        The answers.
    null : float
        The score of no answer.
    options : PipelineOptions
        The options.

    Returns
    -------
    list of Found
    """
    if options.handle_impossible_answer:
        answers = [*answers, Found(null, 0, 0)]
    return heapq.nlargest(options.top_k, answers, key=lambda one: one.score)
