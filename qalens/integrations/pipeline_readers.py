"""What reads for the question-answering pipeline, made from its options."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from qalens.errors import InputError
from qalens.integrations.old_scores import OldStages, OldTokenizer, old_answers, product_answers
from qalens.integrations.pipeline_answers import Found, probable_answers
from qalens.integrations.pipeline_options import PipelineOptions
from qalens.model import QAModel
from qalens.reader import Reader
from qalens.reading import FailedReading, Reading
from qalens.text import Example
from qalens.windows import PairTokenizer

log = logging.getLogger(__name__)

_DEFAULT_OVERLAP = 128
_FIND = {"probability": probable_answers, "product": product_answers, "transformers": old_answers}


@dataclass(frozen=True, slots=True, eq=False)
class PipelineReader:
    """What reads with the lengths of a pipeline, and finds the answers of its readings.

    - `reader`: the qalens reader
    - `old`: the stages that read with the windows of the old pipeline, where its scores are asked for
    - `pair`: the tokenizer as one or the other uses it

    Made by `pipeline_reader`.
    """

    reader: Reader
    old: OldStages | None
    pair: PairTokenizer
    max_question_len: int | None

    def read(self, examples: Iterable[Any]) -> Iterator[Reading | FailedReading]:
        """Readings of `Example`s or (question, context) pairs, lazily and in their order."""
        if self.old is not None:
            return self.old.read(examples)
        return self.reader.read_many(map(self._with_short_question, examples), progress=False)

    def answers(self, reading: Reading, options: PipelineOptions) -> list[Found]:
        """The `top_k` best answers of a reading, best first."""
        found = _FIND[options.scores](reading, self.pair, options)
        # Who asks for one answer to a text without a single token needs one all the same.
        return [Found(0.0, 0, 0)] if options.top_k == 1 and not found else found

    def _with_short_question(self, example: Any) -> Any:
        most = self.max_question_len
        if most is None or not isinstance(example, Example) or not isinstance(example.question, str):
            return example
        return replace(example, question=shortened(self.pair, example.question, most))


def pipeline_reader(
    model: QAModel, tokenizer: Any, options: PipelineOptions, batch_size: int | None
) -> PipelineReader:
    """The reader for some options, with windows as long and as far apart as those of the old pipeline.

    Raises `InputError` for lengths that cannot work.
    """
    if batch_size is not None and (
        isinstance(batch_size, bool) or not isinstance(batch_size, int) or batch_size < 1
    ):
        raise InputError(f"batch_size has to be a whole number from 1 on, but is {batch_size!r}.")
    pair = PairTokenizer(tokenizer)
    reader = Reader(model, tokenizer, max_length=options.max_seq_len)
    length, stride = reader.max_length, options.doc_stride
    if stride is None:
        stride = min(_DEFAULT_OVERLAP, length // 2, length - pair.n_special - 2)
    reader = reader.with_options(
        max_length=length,
        stride=stride,
        max_answer_length=options.max_answer_len,
        batch_tokens=None if batch_size is None else batch_size * length,
    )
    old = None if options.scores == "probability" else _old_stages(reader)
    if old is not None and options.max_question_len is not None:
        log.warning(
            "max_question_len changes nothing with the old scores: the old pipeline left every question whole."
        )
    return PipelineReader(reader, old, pair if old is None else old.pair, options.max_question_len)


def _old_stages(reader: Reader) -> OldStages:
    return OldStages(
        model=reader.model,
        tokenizer=reader.tokenizer,
        pair=OldTokenizer(reader.tokenizer),
        max_length=reader.max_length,
        stride=reader.stride,
        max_answer_length=reader.max_answer_length,
        threshold=reader.threshold,
        null=reader.null,
        batch_tokens=reader.batch_tokens,
        max_memory=reader.max_memory,
    )


def shortened(pair: PairTokenizer, question: str, most: int) -> str:
    """The words of a question that make up at most `most` tokens; the tokens of the first word where it has more.

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
    return question[: encoding.offsets[(whole if whole > 0 else most) - 1][1]]
