"""What reads for the question-answering pipeline, made from its options."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from qalens.checks import is_whole
from qalens.errors import InputError, shown
from qalens.integrations.old_scores import OldStages, OldTokenizer, old_answers, product_answers
from qalens.integrations.pipeline_answers import Found, place_answers, probable_answers
from qalens.integrations.pipeline_options import PipelineOptions
from qalens.models.batches import ReadingOptions
from qalens.models.model import QAModel
from qalens.reader import Reader
from qalens.readings.reading import FailedReading, Reading
from qalens.text.examples import Example, check_text
from qalens.text.graphemes import grapheme_starts
from qalens.text.windows import PairTokenizer

log = logging.getLogger(__name__)

_DEFAULT_OVERLAP = 128
_FIND = {"probability": probable_answers, "product": product_answers, "transformers": old_answers}


@dataclass(frozen=True, slots=True, eq=False)
class PipelineReader:
    """Reads with the window lengths of a pipeline, and finds the answers of its readings.

    Made by `pipeline_reader`.

    Attributes
    ----------
    reader : Reader
        The qalens reader.
    old : OldStages or None
        The stages that read with the windows of the old pipeline, if its scores are requested.
    pair : PairTokenizer
        The tokenizer as one or the other uses it.
    max_question_len : int or None
        The most tokens of the question, or None.
    """

    reader: Reader
    old: OldStages | None
    pair: PairTokenizer
    max_question_len: int | None

    def read(self, examples: Iterable[Any]) -> Iterator[Reading | FailedReading]:
        """Read `Example` objects or (question, context) pairs, lazily and in order.

        Parameters
        ----------
        examples : iterable of object
            The examples.

        Returns
        -------
        iterator of Reading or FailedReading
        """
        if self.old is not None:
            return self.old.read(examples)
        return self.reader.read_many(map(self._with_short_question, examples), progress=False)

    def answers(self, reading: Reading, options: PipelineOptions) -> list[Found]:
        """The best answers of a reading, best first.

        Parameters
        ----------
        reading : Reading
            The reading.
        options : PipelineOptions
            The options.

        Returns
        -------
        list of Found
            `top_k` answers, or with a `cut` all that reach it.
        """
        if options.cut is not None:
            return place_answers(reading, self.pair, options)
        found = _FIND[options.scores](reading, self.pair, options)
        # Who asks for one answer to a text without a single token needs one all the same.
        return [Found(0.0, 0, 0)] if options.top_k == 1 and not found else found

    def _with_short_question(self, example: Any) -> Any:
        most = self.max_question_len
        if most is None or not isinstance(example, Example):
            return example
        try:
            check_text(example.question, "question")
        except InputError:
            return example  # who reads it says the same, in its place
        return replace(example, question=shortened(self.pair, example.question, most))


def pipeline_reader(
    model: QAModel, tokenizer: Any, options: PipelineOptions, batch_size: int | None
) -> PipelineReader:
    """The reader for some options, with the window lengths and overlaps of the old pipeline.

    Parameters
    ----------
    model : QAModel
        The model.
    tokenizer : object
        Its tokenizer.
    options : PipelineOptions
        The options.
    batch_size : int or None
        Full windows at a time; None chooses for the device.

    Returns
    -------
    PipelineReader

    Raises
    ------
    InputError
        For lengths that cannot work.
    """
    if batch_size is not None and (not is_whole(batch_size, 1)):
        raise InputError(f"batch_size has to be a whole number from 1 on, but is {shown(batch_size)}.")
    reader = Reader(model, tokenizer, max_length=options.max_seq_len)
    length, stride = reader.max_length, options.doc_stride
    if stride is None:
        stride = min(_DEFAULT_OVERLAP, length // 2, length - reader.pair.n_special - 2)
    reader = reader.with_options(
        max_length=length,
        stride=stride,
        max_answer_length=options.max_answer_len,
        batch_tokens=None if batch_size is None else batch_size * length,
    )
    old = None
    if options.scores != "probability":
        options_now = ReadingOptions(**reader.options)
        old = OldStages(reader.model, tokenizer, OldTokenizer(tokenizer), options_now)
    if old is not None and options.max_question_len is not None:
        log.warning(
            "max_question_len changes nothing with the old scores: the old pipeline left every question whole."
        )
    return PipelineReader(reader, old, reader.pair if old is None else old.pair, options.max_question_len)


def shortened(pair: PairTokenizer, question: str, most: int) -> str:
    """Truncate a question after a word.

    If its first word has more tokens, it is truncated inside the word.

    Parameters
    ----------
    pair : PairTokenizer
        The tokenizer.
    question : str
        The question.
    most : int
        The most tokens.

    Returns
    -------
    str

    Examples
    --------
    >>> from qalens.testing import toy_tokenizer
    >>> shortened(PairTokenizer(toy_tokenizer()), "Who kept the lamp of the room?", 4)
    'Who kept the lamp'
    """
    encoding = pair.encode(question)
    if len(encoding) <= most:
        return question
    words = encoding.word_ids
    whole = most
    while whole > 0 and words[whole - 1] == words[whole]:
        whole -= 1
    cut = encoding.offsets[(whole if whole > 0 else most) - 1][1]
    # Not inside of what readers see as one character: an accent that the tokenizer drops stays with its letter.
    starts = np.flatnonzero(grapheme_starts(question))
    behind = int(starts[np.searchsorted(starts, cut)])
    if len(pair.encode(question[:behind])) <= most:
        return question[:behind]
    return question[: int(starts[np.searchsorted(starts, cut, side="right") - 1])] or question[:behind]
