"""From questions and texts to readings, some hundred windows at a time: a chunk of them shares sorted batches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from qalens.decision import decide
from qalens.errors import InputError, ModelError, QalensError
from qalens.explain.edits import Edit
from qalens.explain.masking import MaskedWindows, check_unmasked, mask_token, mask_windows
from qalens.memory import free_memory
from qalens.model import QAModel
from qalens.reading import FailedReading, Reading, Source
from qalens.spans import NullRule, SpanLogits, span_distribution
from qalens.text import Example
from qalens.windows import PairTokenizer, Windows, make_windows

# Windows that wait for their batch. More sorts better and holds more; 256 pad 2 % on SQuAD paragraphs.
_CHUNK_WINDOWS = 256


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """An example whose windows wait for their batch; with `masked`, those of its windows that have masked words."""

    example: Example
    windows: Windows
    masked: MaskedWindows | None = None

    def whole(self, logits: SpanLogits | ModelError) -> SpanLogits | ModelError:
        """The logits of all windows of the example, from those that were waited for."""
        return (
            logits if self.masked is None or isinstance(logits, ModelError) else self.masked.complete(logits)
        )


@dataclass(frozen=True, slots=True, eq=False)
class Stages:
    """The stages from a question and a text to a reading, with the model and the options that they need.

    The fields are those of `Reader`; `pair` is its tokenizer as `make_windows` uses it.
    """

    model: QAModel
    tokenizer: Any
    pair: PairTokenizer
    max_length: int
    stride: int
    max_answer_length: int
    threshold: float
    null: NullRule
    batch_tokens: int | None
    max_memory: int | None

    def read(self, items: Iterable[Any]) -> Iterator[Reading | FailedReading]:
        """Readings of `Example`s or (question, context) pairs, lazily and in their order."""
        return self._read_prepared(map(self._prepare, items))

    def read_edits(self, reading: Reading, edits: Iterable[Edit]) -> Iterator[Reading | FailedReading]:
        """Readings of the question and text of `reading` after each of some edits, lazily and in their order."""
        return self._read_prepared(self._prepare_edit(reading, edit) for edit in edits)

    def _prepare(self, given: Any) -> Prepared | FailedReading:
        """Windows of one item, or why there are none; nothing has gone through the model yet."""
        example = given
        try:
            example = _as_example(given)
            windows = make_windows(
                self.pair,
                example.question,
                example.context,
                max_length=self.max_length,
                stride=self.stride,
                max_memory=free_memory() if self.max_memory is None else self.max_memory,
            )
        except QalensError as error:
            return FailedReading(example, error)
        return Prepared(example, windows)

    def _prepare_edit(self, reading: Reading, edit: Edit) -> Prepared | FailedReading:
        """The windows that an edit changes, or why there are none."""
        try:
            edited = edit.apply(reading.question, reading.context)
            if edited.masked:
                mask = mask_token(self.tokenizer)
                masked = mask_windows(reading.logits, edited.masked, mask, where=edited.where)
                return Prepared(reading.example, masked.changed, masked)
            check_unmasked(reading.windows, self.tokenizer)
        except QalensError as error:
            return FailedReading(reading.example, error)
        return self._prepare(Example(edited.question, edited.context, id=reading.example.id))

    def _read_prepared(
        self, prepared: Iterable[Prepared | FailedReading]
    ) -> Iterator[Reading | FailedReading]:
        for chunk in _chunks(prepared):
            yield from self._read_chunk(chunk)

    def _read_chunk(self, chunk: list[Prepared | FailedReading]) -> Iterator[Reading | FailedReading]:
        """Readings of prepared items, in their order; their windows share sorted batches."""
        failed = [p for p in chunk if isinstance(p, FailedReading)]
        if len(failed) == len(chunk):
            yield from failed
            return
        windows = [p.windows for p in chunk if isinstance(p, Prepared)]
        source = Source(self.model.name, self.model.fingerprint)
        logits = iter(self.model.logits(windows, batch_tokens=self.batch_tokens))
        for prepared in chunk:
            yield (
                prepared
                if isinstance(prepared, FailedReading)
                else self._finish(prepared.example, prepared.whole(next(logits)), source)
            )

    def _finish(
        self, example: Example, logits: SpanLogits | ModelError, source: Source
    ) -> Reading | FailedReading:
        try:
            if isinstance(logits, ModelError):
                raise logits
            spans = span_distribution(logits, max_answer_length=self.max_answer_length, null=self.null)
        except ModelError as error:
            return FailedReading(example, error)
        return Reading(
            example=example,
            windows=logits.windows,
            logits=logits,
            spans=spans,
            decision=decide(spans, threshold=self.threshold),
            max_answer_length=self.max_answer_length,
            null=self.null,
            source=source,
        )


def _chunks(items: Iterable[Prepared | FailedReading]) -> Iterator[list[Prepared | FailedReading]]:
    """Runs of items that together have some hundred windows."""
    chunk: list[Prepared | FailedReading] = []
    waiting = 0
    for item in items:
        chunk.append(item)
        waiting += len(item.windows) if isinstance(item, Prepared) else 1
        if waiting >= _CHUNK_WINDOWS:
            yield chunk
            chunk, waiting = [], 0
    if chunk:
        yield chunk


def _as_example(given: Any) -> Example:
    if isinstance(given, Example):
        return given
    if isinstance(given, str | bytes) or not isinstance(given, Sequence) or len(given) != 2:
        raise InputError(f"Expected an Example or a (question, context) pair, but got {given!r:.120}.")
    return Example(given[0], given[1])


def check_batch_tokens(batch_tokens: int | None) -> None:
    """Raise `InputError` for a size of batches that cannot work; None suits the device."""
    if batch_tokens is None:
        return
    if isinstance(batch_tokens, bool) or not isinstance(batch_tokens, int) or batch_tokens < 1:
        raise InputError(
            f"batch_tokens has to be a whole number of tokens from 1 on, but is {batch_tokens!r}."
        )


def length_limit(model: QAModel, tokenizer: Any) -> int:
    """The most tokens that both the model's positions and the tokenizer's own setting allow."""
    limits = [n for n in (model.max_length, tokenizer.model_max_length) if n is not None]
    return int(min(limits))
