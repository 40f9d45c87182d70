"""From a reading to the answers of the question-answering pipeline: the best spans, widened to words."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qalens.integrations.pipeline_options import PipelineOptions
from qalens.reading import Reading
from qalens.spans import Answer
from qalens.windows import PairTokenizer, Windows, token_range, trimmed_edges


@dataclass(frozen=True, slots=True)
class Found:
    """One answer with its score: the characters `[start, end)` of the text, nothing at all for no answer."""

    score: float
    start: int
    end: int


@dataclass(frozen=True, slots=True, eq=False)
class Edges:
    """Where the tokens of a text begin and end in characters, and which tokens make up each word.

    - `low`: the number of the first token that a window holds; the arrays (N,) count from there
    - `begin`, `finish` (N,): characters
    - `first`, `last` (N,): the first and the last token of the word that a token belongs to, itself where words do not
      count
    """

    low: int
    begin: NDArray[np.int64]
    finish: NDArray[np.int64]
    first: NDArray[np.int64]
    last: NDArray[np.int64]

    def characters(self, i: int, j: int, *, held: tuple[int, int] | None = None) -> tuple[int, int]:
        """The characters from the word of token number `i` to that of token number `j`.

        `held` are the numbers of the first token and behind the last of a window that cuts words off.
        """
        first, last = int(self.first[i - self.low]), int(self.last[j - self.low])
        if held is not None:
            first, last = max(first, held[0] - self.low), min(last, held[1] - 1 - self.low)
        return int(self.begin[first]), int(self.finish[last])


def edges_of(windows: Windows, pair: PairTokenizer, *, words: bool, blanks: bool = False) -> Edges:
    """The edges of the tokens of a text; with `words` those of the words that the tokenizer splits it into first.

    `blanks` keeps the blanks that some tokenizers count to a token.
    """
    low, N = token_range(windows)
    begin, finish = _offsets(windows, low, N) if blanks else trimmed_edges(windows, low, N)
    places = np.arange(N)
    if not words:
        return Edges(low, begin, finish, places, places)
    numbers = pair.encode(windows.context).word_ids[low : low + N]
    # A token without a word stands for itself.
    word = np.array([-1 - k if n is None else n for k, n in enumerate(numbers)], np.int64)
    fresh = np.flatnonzero(np.diff(word, prepend=word[:1] - 1))
    run = np.searchsorted(fresh, places, side="right") - 1
    return Edges(low, begin, finish, fresh[run], np.append(fresh[1:], N)[run] - 1)


def _offsets(windows: Windows, low: int, N: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    offsets = np.zeros((N, 2), np.int64)
    inside = windows.answerable
    offsets[windows.context_index[inside] - low] = windows.offsets[inside]
    return offsets[:, 0], offsets[:, 1]


def probable_answers(reading: Reading, pair: PairTokenizer, options: PipelineOptions) -> list[Found]:
    """The `top_k` best answers with P(span), best first; of several that widen to the same words the best one counts."""
    edges = edges_of(reading.windows, pair, words=options.align_to_words)
    found: dict[tuple[int, int], float] = {}
    for answer in _best_first(reading, options.top_k):
        found.setdefault(edges.characters(*_numbers(reading, answer)), answer.probability)
        if len(found) == options.top_k:
            break
    answers = [Found(score, *span) for span, score in found.items()]
    return ranked(answers, reading.no_answer_probability, options)


def ranked(answers: list[Found], null: float, options: PipelineOptions) -> list[Found]:
    """The best `top_k`, best first; no answer is among them where it is allowed to be."""
    if options.handle_impossible_answer:
        answers = [*answers, Found(null, 0, 0)]
    return heapq.nlargest(options.top_k, answers, key=lambda one: one.score)


def _best_first(reading: Reading, k: int) -> Iterator[Answer]:
    """The spans, best first, looked up some at a time: how many widen to the same words is not known before."""
    done = 0
    while done < len(reading.spans):
        some = reading.spans.top(k)
        yield from some[done:]
        done, k = len(some), 4 * k


def _numbers(reading: Reading, answer: Answer) -> Iterable[int]:
    """The numbers of the first and last token of an answer among the tokens of the text."""
    return reading.windows.context_index[answer.window, list(answer.tokens)].tolist()
