"""From questions and texts to readings, some hundred windows at a time: a chunk of them shares sorted batches."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from typing import Any, TypeVar

from qalens.checks import is_number, is_whole
from qalens.errors import InputError, ModelError, QalensError, shown
from qalens.explain.counterfactual.edits import Edit
from qalens.explain.counterfactual.masking import MaskedWindows, check_unmasked, mask_token, mask_windows
from qalens.models.memory import free_memory
from qalens.models.model import QAModel
from qalens.progress import expect_windows, windows_passed
from qalens.readings.reading import FailedReading, Reading, Source
from qalens.records import LATER
from qalens.spans.decision import Decision, decide
from qalens.spans.distribution import NullRule, SpanLogits, span_distribution
from qalens.spans.one_pass import plain_decisions
from qalens.text.examples import Example
from qalens.text.layout import CutText
from qalens.text.mix_ups import check_not_a_file, warn_if_swapped
from qalens.text.pair_tokenizer import EncodedText
from qalens.text.question_rows import Item
from qalens.text.windows import BYTES_PER_CHARACTER, PairTokenizer, Windows, check_pair, cut_text, lay_out

# Windows that wait for their batch. More sorts better and holds more; 256 pad 2 % on SQuAD paragraphs.
_CHUNK_WINDOWS = 256
# Of English; it tells how many windows a text may have before it is cut.
_TOKEN_CHARACTERS = 4
# Bytes that are not asked after: no machine that holds a model lacks them, and asking takes a tenth of a millisecond.
_SURELY_FREE = 64 * 2**20


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


_Given = Prepared | Example | FailedReading
_Found = TypeVar("_Found")


@dataclass(frozen=True, slots=True)
class ReadingOptions:
    """How texts are read: windows, longest answer, decision, batches and memory, as described at `Reader`."""

    max_length: int
    stride: int
    max_answer_length: int
    threshold: float
    null: NullRule
    batch_tokens: int | None
    max_memory: int | None


@dataclass(frozen=True, slots=True, eq=False)
class Stages:
    """The stages from a question and a text to a reading, with the model and the options that they need.

    `pair` is the tokenizer as `make_windows` uses it.
    """

    model: QAModel
    tokenizer: Any
    pair: PairTokenizer
    options: ReadingOptions

    def read(self, items: Iterable[Any]) -> Iterator[Reading | FailedReading]:
        """Readings of `Example`s, `Item`s or (question, context) pairs, lazily and in their order."""
        return self._read_chunks(map(self._example, items))

    def read_edits(self, reading: Reading, edits: Iterable[Edit]) -> Iterator[Reading | FailedReading]:
        """Readings of the question and text of `reading` after each of some edits, lazily and in their order."""
        return self._read_chunks(self._edited(reading, edit) for edit in edits)

    def _example(self, given: Any) -> Example | FailedReading:
        """One item as an example that can be cut into windows, or why it cannot."""
        example = given.example if isinstance(given, Item) else given
        try:
            example = self._taken(given)
            self._check(example)
        except QalensError as error:
            return FailedReading(example, error)
        return example

    def _taken(self, given: Any) -> Example:
        return _as_example(given)

    def _check(self, example: Example) -> None:
        check_not_a_file(example.context)
        warn_if_swapped(example.question, example.context)
        check_pair(example.question, example.context, memory_for(example.context, self.options.max_memory))

    def _edited(self, reading: Reading, edit: Edit) -> _Given:
        """The windows that an edit changes, or the example that it makes, or why there are none."""
        try:
            edited = edit.apply(reading.question, reading.context)
            if edited.masked:
                mask = mask_token(self.tokenizer)
                masked = mask_windows(reading.logits, edited.masked, mask, where=edited.where)
                return Prepared(reading.example, masked.changed, masked)
            check_unmasked(reading.windows, self.tokenizer)
        except QalensError as error:
            return FailedReading(reading.example, error)
        return self._example(Example(edited.question, edited.context, id=reading.example.id))

    def _read_chunks(self, items: Iterable[_Given]) -> Iterator[Reading | FailedReading]:
        chunks = self._chunks(items)
        if self._has_own_device:
            yield from self._read_beside(chunks)
            return
        for chunk in chunks:
            prepared = self._prepared(chunk)
            yield from self._finished(prepared, self._logits(prepared))

    @property
    def _has_own_device(self) -> bool:
        """Whether the model leaves the processor to others; on a CPU a further thread would take from its passes."""
        return self.model.device.type != "cpu"

    def _read_beside(self, chunks: Iterator[list[_Given]]) -> Iterator[Reading | FailedReading]:
        """Readings in order; while the model reads a chunk, a thread decides the one before and cuts the one behind.

        Only this thread takes from `chunks`, which may be somebody's generator, and calls the model.
        """
        beside = ThreadPoolExecutor(1, thread_name_prefix="qalens")
        try:
            cut = _begun(beside, self._prepared, next(chunks, []))
            decided: Future[list[Reading | FailedReading]] | None = None
            while prepared := cut.result():
                cut = _begun(beside, self._prepared, next(chunks, []))
                logits = self._logits(prepared)
                if decided is not None:
                    yield from decided.result()
                decided = _begun(beside, lambda *known: list(self._finished(*known)), prepared, logits)
            if decided is not None:
                yield from decided.result()
        finally:
            beside.shutdown(cancel_futures=True)

    def _chunks(self, items: Iterable[_Given]) -> Iterator[list[_Given]]:
        """Runs of items that together have some hundred windows."""
        chunk: list[_Given] = []
        waiting = 0
        for item in items:
            chunk.append(item)
            waiting += self._expected_windows(item)
            if waiting >= _CHUNK_WINDOWS:
                yield chunk
                chunk, waiting = [], 0
        if chunk:
            yield chunk

    def _expected_windows(self, item: _Given) -> int:
        if isinstance(item, Prepared):
            return len(item.windows)
        further = _TOKEN_CHARACTERS * (self.options.max_length - self.options.stride)
        return 1 + len(item.context) // further if isinstance(item, Example) else 1

    def _prepared(self, chunk: Sequence[_Given]) -> list[Prepared | FailedReading]:
        """The windows of a chunk, or why there are none."""
        try:
            return self._cut_together(chunk)
        except MemoryError as error:
            if len(chunk) == 1:
                return [FailedReading(chunk[0], _too_large(error))]
        return [prepared for one in chunk for prepared in self._prepared([one])]

    def _cut_together(self, chunk: Sequence[_Given]) -> list[Prepared | FailedReading]:
        examples = [one for one in chunk if isinstance(one, Example)]
        encoded = self.pair.encode_all(text for one in examples for text in (one.question, one.context))
        cuts = [self._cut_or_failed(one, encoded) for one in examples]
        windows = iter(lay_out(self.pair, [cut for cut in cuts if isinstance(cut, CutText)]))
        made = iter(
            Prepared(one, next(windows)) if isinstance(cut, CutText) else cut
            for one, cut in zip(examples, cuts, strict=True)
        )
        return [next(made) if isinstance(one, Example) else one for one in chunk]

    def _cut_or_failed(self, example: Example, encoded: Mapping[str, EncodedText]) -> CutText | FailedReading:
        try:
            return self._cut(example, encoded)
        except QalensError as error:
            return FailedReading(example, error)

    def _cut(self, example: Example, encoded: Mapping[str, EncodedText]) -> CutText:
        return cut_text(
            self.pair,
            example.question,
            example.context,
            encoded,
            max_length=self.options.max_length,
            stride=self.options.stride,
        )

    def _logits(self, chunk: Sequence[Prepared | FailedReading]) -> list[SpanLogits | ModelError]:
        """The logits of the prepared items of a chunk, in their order; their windows share sorted batches."""
        windows = [one.windows for one in chunk if isinstance(one, Prepared)]
        windows_passed(0, texts=len(chunk) - len(windows))
        if not windows:
            return []
        expect_windows(sum(map(len, windows)))
        return self._logits_of(windows)

    def _logits_of(self, windows: list[Windows]) -> list[SpanLogits | ModelError]:
        try:
            return self.model.logits(windows, batch_tokens=self.options.batch_tokens)
        except MemoryError as error:
            if len(windows) == 1:
                return [ModelError(str(_too_large(error)))]
        return [logits for one in windows for logits in self._logits_of([one])]

    def _finished(
        self, chunk: Sequence[Prepared | FailedReading], logits: Sequence[SpanLogits | ModelError]
    ) -> Iterator[Reading | FailedReading]:
        """The readings of a chunk in its order."""
        prepared = [one for one in chunk if isinstance(one, Prepared)]
        source = Source(self.model.name, self.model.fingerprint) if prepared else None
        whole = [one.whole(said) for one, said in zip(prepared, logits, strict=True)]
        decisions = iter(self._decisions([one for one in whole if isinstance(one, SpanLogits)]))
        said = iter(whole)
        for one in chunk:
            if isinstance(one, FailedReading):
                yield one
                continue
            known = next(said)
            decision = next(decisions) if isinstance(known, SpanLogits) else None
            yield self._finish(one.example, known, decision, source)

    def _decisions(self, logits: Sequence[SpanLogits]) -> list[Decision | None]:
        try:
            return plain_decisions(
                logits, max_answer_length=self.options.max_answer_length, threshold=self.options.threshold
            )
        except MemoryError:  # together they are too large; each by itself may not be
            return [None] * len(logits)

    def _finish(
        self,
        example: Example,
        logits: SpanLogits | ModelError,
        decision: Decision | None,
        source: Source | None,
    ) -> Reading | FailedReading:
        spans = LATER
        try:
            if isinstance(logits, ModelError):
                raise logits
            if decision is None:
                spans = span_distribution(
                    logits, max_answer_length=self.options.max_answer_length, null=self.options.null
                )
                decision = decide(spans, threshold=self.options.threshold)
        except ModelError as error:
            return FailedReading(example, error)
        except MemoryError as error:
            return FailedReading(example, _too_large(error))
        return Reading(
            example=example,
            windows=logits.windows,
            logits=logits,
            spans=spans,
            decision=decision,
            max_answer_length=self.options.max_answer_length,
            null=self.options.null,
            source=source,
        )


def _begun(beside: ThreadPoolExecutor, work: Callable[..., _Found], *given: Any) -> Future[_Found]:
    """Work that a thread has begun, with the warnings and listeners of this one."""
    return beside.submit(copy_context().run, work, *given)


def memory_for(context: Any, max_memory: int | None) -> int | None:
    """The bytes that reading a text may take; the system is asked only if they could be too few.

    Parameters
    ----------
    context : object
        The text.
    max_memory : int or None
        The option of the reader; None takes what the machine has free.

    Returns
    -------
    int or None
        None for no limit.
    """
    if max_memory is not None:
        return max_memory
    short = not isinstance(context, str) or len(context) * BYTES_PER_CHARACTER < _SURELY_FREE
    return None if short else free_memory()


def _too_large(error: MemoryError) -> InputError:
    return InputError(
        f"There is not enough memory to read this text at once ({error!s:.120}). Read it in parts."
    )


def _as_example(given: Any) -> Example:
    if isinstance(given, Example):
        return given
    if isinstance(given, Item):
        if given.error is not None:
            raise InputError(f"{given.place}: {given.error}")
        return given.example
    if isinstance(given, str | bytes) or not isinstance(given, Sequence) or len(given) != 2:
        raise InputError(f"Expected an Example or a (question, context) pair, but got {shown(given)}.")
    return Example(given[0], given[1])


def check_batch_tokens(batch_tokens: int | None) -> None:
    """Raise `InputError` for a size of batches that cannot work; None suits the device."""
    if batch_tokens is None:
        return
    if not is_whole(batch_tokens, least=1):
        raise InputError(
            f"batch_tokens has to be a whole number of tokens from 1 on, but is {shown(batch_tokens)}."
        )


def check_max_memory(max_memory: int | None) -> None:
    """Raise `InputError` for what is no number of bytes; None takes what there is."""
    if max_memory is not None and not (is_number(max_memory) and max_memory > 0):
        raise InputError(f"max_memory has to be a number of bytes above 0, but is {shown(max_memory)}.")


def length_limit(model: QAModel, tokenizer: Any) -> int:
    """The most tokens that both the model's positions and the tokenizer's own setting allow."""
    told = tokenizer.model_max_length
    if told is not None and not (is_number(told) and told >= 1):
        raise ModelError(
            f"The tokenizer's model_max_length has to be a number of tokens, but is {shown(told)}. Set it, or mend "
            "tokenizer_config.json."
        )
    limits = [n for n in (model.max_length, told) if n is not None]
    return int(min(*limits, sys.maxsize))
