"""From a query and documents to candidates for answers: with probabilities, or with the old scores."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from qalens.errors import ModelError, QalensError
from qalens.integrations.haystack import (
    OLD_CANDIDATES,
    OLD_STRIDE,
    Candidates,
    collection_candidates,
    no_candidates,
    old_candidates,
    old_no_answer,
    place_candidates,
    reader_windows,
)
from qalens.integrations.haystack_options import ReaderOptions
from qalens.integrations.old_scores import OldTokenizer
from qalens.models.batches import memory_for
from qalens.models.memory import free_memory
from qalens.reader import Reader
from qalens.readings.documents import join_readings, read_each
from qalens.readings.provenance import as_document
from qalens.readings.reading import FailedReading
from qalens.spans.distribution import SpanLogits
from qalens.text.windows import BYTES_PER_CHARACTER, Windows


class Readers:
    """A reader for any lengths of windows; the most recent one is cached, since each copies the tokenizer.

    Examples
    --------
    >>> from qalens.testing import toy_model, toy_tokenizer
    >>> Readers(Reader(toy_model(), toy_tokenizer())).suited(ReaderOptions(max_seq_length=64)).max_length
    64
    """

    def __init__(self, reader: Reader):
        self._whole = reader
        self._last: tuple[tuple[Any, ...], Reader] | None = None

    def suited(self, options: ReaderOptions) -> Reader:
        """The reader for some options.

        Parameters
        ----------
        options : ReaderOptions
            The options.

        Returns
        -------
        Reader

        Raises
        ------
        InputError
            For lengths that cannot work with the model.
        """
        old = options.scores == "haystack"
        key = (options.max_seq_length, options.stride, options.max_batch_size, options.max_answer_length, old)
        if self._last is None or self._last[0] != key:
            length = self._whole.max_length if options.max_seq_length is None else options.max_seq_length
            size = options.max_batch_size
            stride = options.stride
            # The old default did not depend on the length. If it leaves no space it was an error, and is a third now.
            if stride is None and old and length - self.old_pair.n_special - 2 > OLD_STRIDE:
                stride = OLD_STRIDE
            made = self._whole.with_options(
                max_length=length,
                stride=stride,
                max_answer_length=options.max_answer_length,
                batch_tokens=None if size is None else size * length,
            )
            self._last = key, made
        return self._last[1]

    @cached_property
    def old_pair(self) -> OldTokenizer:
        """The tokenizer as the old reader used it."""
        return OldTokenizer(self._whole.tokenizer)


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """The candidates of documents, and the score of no answer.

    `left_out` has the numbers of the documents that could not be read, with the reasons.

    Attributes
    ----------
    candidates : tuple of Candidates
        One entry for each document.
    left_out : tuple of tuple of (int, QalensError)
        The indices of the documents that could not be read, with the reasons.
    no_answer : callable
        The score of no answer beside the scores of the answers that are kept.
    """

    candidates: tuple[Candidates, ...]
    left_out: tuple[tuple[int, QalensError], ...]
    no_answer: Callable[[Sequence[float]], float]


def probable(readers: Readers, query: str, documents: Sequence[Any], options: ReaderOptions) -> Found:
    """Find candidates with their probabilities in one distribution over all documents and no answer.

    If no document can be read, no answer has the probability 1.

    Parameters
    ----------
    readers : Readers
        The readers.
    query : str
        The question.
    documents : sequence of object
        The documents.
    options : ReaderOptions
        The options.

    Returns
    -------
    Found

    Raises
    ------
    InputError
        For a query that cannot be read.
    ModelError
        If the model failed on everything.

    Examples
    --------
    >>> from qalens.testing import toy_model, toy_tokenizer
    >>> readers = Readers(Reader(toy_model(), toy_tokenizer()))
    >>> found = probable(readers, "Who kept the lamp?", ["Ada kept the lamp.", ""], ReaderOptions())
    >>> [len(one) for one in found.candidates], [d for d, _ in found.left_out]
    ([15, 0], [1])
    """
    reader = readers.suited(options)
    most = free_memory() if reader.max_memory is None else reader.max_memory
    taken, readings = read_each(
        reader.read_many,
        query,
        documents,
        max_characters=None if most is None else most // BYTES_PER_CHARACTER,
        progress=False,
    )
    failed = tuple((d, one.error) for d, one in enumerate(readings) if isinstance(one, FailedReading))
    if len(failed) == len(readings):
        return _nothing(failed)
    reading = join_readings(query, taken, readings)
    if options.cut is None:
        found = collection_candidates(reading, per_window=options.answers_per_seq)
    else:
        found = place_candidates(
            reading if options.no_answer else reading.with_threshold(math.inf), options.cut
        )
    return Found(tuple(found), failed, lambda _: reading.no_answer_probability)


def old(readers: Readers, query: str, documents: Sequence[Any], options: ReaderOptions) -> Found:
    """Find candidates with the old scores, and for no answer the product of 1 − score of those that are kept.

    Parameters
    ----------
    readers : Readers
        The readers.
    query : str
        The question.
    documents : sequence of object
        The documents.
    options : ReaderOptions
        The options.

    Returns
    -------
    Found

    Raises
    ------
    ModelError
        If the model failed on everything.

    Examples
    --------
    >>> from qalens.testing import toy_model, toy_tokenizer
    >>> readers = Readers(Reader(toy_model(), toy_tokenizer()))
    >>> found = old(readers, "Who kept the lamp?", ["Ada kept the lamp.", ""], ReaderOptions(answers_per_seq=3))
    >>> [len(one) for one in found.candidates], [d for d, _ in found.left_out]
    ([3, 0], [1])
    """
    reader = readers.suited(options)
    cut = [_cut(readers.old_pair, reader, query, one) for one in documents]
    windows = [one for one in cut if isinstance(one, Windows)]
    logits = iter(reader.model.logits(windows, batch_tokens=reader.batch_tokens) if windows else ())
    outcomes = [next(logits) if isinstance(one, Windows) else one for one in cut]
    failed = tuple((d, one) for d, one in enumerate(outcomes) if isinstance(one, QalensError))
    if len(failed) == len(outcomes):
        return _nothing(failed)
    k = OLD_CANDIDATES if options.answers_per_seq is None else options.answers_per_seq
    width = max(one.role.shape[1] for one in windows)
    found = tuple(
        old_candidates(one, per_window=k, factor=options.calibration_factor, width=width)
        if isinstance(one, SpanLogits)
        else no_candidates()
        for one in outcomes
    )
    return Found(found, failed, old_no_answer)


def _cut(pair: OldTokenizer, reader: Reader, query: str, given: Any) -> Windows | QalensError:
    try:
        text = as_document(given).text
        return reader_windows(
            pair,
            query,
            text,
            max_length=reader.max_length,
            stride=reader.stride,
            max_memory=memory_for(text, reader.max_memory),
        )
    except QalensError as error:
        return error


def _nothing(failed: tuple[tuple[int, QalensError], ...]) -> Found:
    """No text was there to answer from; where it was the model that failed, that is no answer but an error."""
    for _, error in failed:
        if isinstance(error, ModelError):
            raise error
    return Found(tuple(no_candidates() for _ in failed), failed, lambda _: 1.0)
