"""The front door: a model that answers questions about texts."""

from __future__ import annotations

import itertools
import os
import re
import time
import traceback
from collections.abc import Iterable, Iterator, Sequence, Sized
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any, Literal

import torch

from qalens.decision import check_threshold, decide
from qalens.errors import InputError, ModelError, QalensError
from qalens.explain.attribution import Attribution, FailedAttribution, Method
from qalens.explain.difference import ReadingDiff, compare
from qalens.explain.edits import Edit, Where
from qalens.explain.effects import ReadEdits, SentenceEffects, edit_reading, sentence_effects
from qalens.explain.faithfulness import Faithfulness, check_masking, faithfulness
from qalens.explain.flips import Flip, SmallestFlip, smallest_flip
from qalens.explain.heads import HeadAblation, Replacement, ablate_heads
from qalens.explain.layers import LayerTrace, layer_trace
from qalens.explain.masking import MaskedWindows, check_unmasked, mask_token, mask_windows
from qalens.explain.methods import Options, attribute
from qalens.explain.search import SmallestSentences, smallest_sentences
from qalens.explain.tables import FaithfulnessTable, faithfulness_table
from qalens.explain.targets import Contrast, SpanLike, TargetName, check_source, check_target, resolve
from qalens.model import QAModel, load_checkpoint
from qalens.reading import FailedReading, Reading, Source
from qalens.spans import (
    DEFAULT_MAX_ANSWER_LENGTH,
    Answer,
    NullRule,
    SpanLogits,
    check_span_options,
    span_distribution,
)
from qalens.text import Example
from qalens.windows import DEFAULT_MAX_LENGTH, PairTokenizer, Windows, check_geometry, make_windows

# Windows that wait for their batch. More sorts better and holds more; 256 pad 2 % on SQuAD paragraphs.
_CHUNK_WINDOWS = 256
_SECONDS_BEFORE_BAR = 2.0


def load(
    name: str | Path | None = None,
    *,
    device: str | torch.device | None = None,
    dtype: Literal["float32", "bfloat16", "float16", "auto"] | torch.dtype = "float32",
    revision: str | None = None,
    weights: Literal["safetensors", "pickle"] = "safetensors",
    **options: Any,
) -> Reader:
    """Load a question-answering checkpoint and get a `Reader`.

    - `name`: a hub name such as "deepset/bert-base-cased-squad2", or a folder; None takes the bundled checkpoint,
      which needs no network
    - `device`: "cpu", "cuda", "cuda:1", "mps", or None for the best that is there
    - `dtype`: "float32" (default, exact), "bfloat16", "float16", or "auto", which takes bfloat16 only where a short
      measurement shows it to be faster on this device, and says so in `repr(reader)`
    - `revision`: a branch, tag or commit of a hub checkpoint
    - `weights`: "safetensors", or "pickle" for a checkpoint that has nothing else and that you trust
    - `options`: those of `Reader`

    Code that comes with a checkpoint is never run. Raises `ModelError` where the checkpoint cannot be loaded or has
    no trained question-answering head, `InputError` for an option that cannot work.

    >>> import qalens
    >>> reader = qalens.load()
    >>> reader.read("Who kept the lamp?", "Ada Marlow kept the lamp of the lighthouse for thirty years.").answer.text
    'Ada Marlow'
    """
    model, tokenizer = load_checkpoint(name, device=device, dtype=dtype, revision=revision, weights=weights)
    return Reader(model, tokenizer, **options)


@dataclass(frozen=True, slots=True)
class Variant:
    """What one choice of window length and stride makes of a question: a row of `Reader.stability`."""

    max_length: int
    stride: int
    windows: int
    answer: Answer | None
    best: Answer | None
    no_answer_probability: float
    margin: float


class Reader:
    """Reads texts for questions: a model, its tokenizer, and how to use them.

    - `model`: a torch module that returns start and end logits (or a `QAModel`), used on its device, in its dtype
    - `tokenizer`: the fast tokenizer that belongs to it
    - `max_length`: tokens of one window; None takes the smaller of 384 and the model's limit
    - `stride`: overlap of two windows in tokens; None takes the smaller of 128 and a third of `max_length`
    - `max_answer_length`: longest answer in tokens
    - `threshold`: no answer where the margin (null score − best score, in logits) is above it
    - `null`: which window's null score counts: "min" (as the SQuAD 2.0 scripts), "mean", "max"
    - `batch_tokens`: tokens of one batch with padding; None suits the device
    - `max_memory`: bytes that reading one text may take; None takes what the machine has free

    Raises `InputError` for options that cannot work, `ModelError` for a model without a question-answering head.

    >>> from qalens.testing import toy_model, toy_tokenizer
    >>> reader = Reader(toy_model(), toy_tokenizer(), max_length=64)
    >>> reader.max_length, reader.stride
    (64, 21)
    """

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        *,
        max_length: int | None = None,
        stride: int | None = None,
        max_answer_length: int = DEFAULT_MAX_ANSWER_LENGTH,
        threshold: float = 0.0,
        null: NullRule = "min",
        batch_tokens: int | None = None,
        max_memory: int | None = None,
    ):
        self.model = model if isinstance(model, QAModel) else QAModel(model)
        self.tokenizer = tokenizer
        self._pair = PairTokenizer(tokenizer)
        limit = _length_limit(self.model, tokenizer)
        self.max_length = min(DEFAULT_MAX_LENGTH, limit) if max_length is None else max_length
        self.stride = check_geometry(self._pair, self.max_length, stride)
        if self.max_length > limit:
            raise InputError(
                f"max_length {max_length} is more than the {limit} tokens that {self.model.name} can take."
            )
        check_span_options(max_answer_length, null)
        check_threshold(threshold)
        _check_batch_tokens(batch_tokens)
        self.max_answer_length = max_answer_length
        self.threshold = threshold
        self.null: NullRule = null
        self.batch_tokens = batch_tokens
        self.max_memory = max_memory

    def read(self, question: str, context: str) -> Reading:
        """Read one text for one question and decide.

        The text may have any length. Raises `InputError` for a question or text that cannot be read, `ModelError`
        where the model gives no usable logits.

        >>> from qalens.testing import toy_model, toy_tokenizer
        >>> reading = Reader(toy_model(), toy_tokenizer()).read("Who kept the lamp?", "Ada kept the lamp.")
        >>> reading.spans.top(1)[0].text in "Ada kept the lamp."
        True
        """
        prepared = self._prepare(Example(question, context))
        if isinstance(prepared, FailedReading):
            raise prepared.error
        reading = next(self._read_chunk([prepared]))
        if isinstance(reading, FailedReading):
            raise reading.error
        return reading

    def read_many(
        self, items: Iterable[Example | Sequence[str]], *, progress: bool | None = None
    ) -> Iterator[Reading | FailedReading]:
        """Read many texts, lazily and in their order; sorted batches make it faster than one by one.

        `items` are `Example`s or (question, context) pairs, from any iterable; only a few hundred are held at a time.
        What cannot be read becomes a `FailedReading` in its place, with the reason in `error`, and harms no other.
        `progress` shows a bar: None only when it takes longer than two seconds.

        >>> from qalens.testing import toy_model, toy_tokenizer
        >>> reader = Reader(toy_model(), toy_tokenizer())
        >>> pairs = [("Who kept the lamp?", "Ada kept the lamp."), ("Who?", "")]
        >>> [reading.error is None for reading in reader.read_many(pairs)]
        [True, False]
        """
        total = len(items) if isinstance(items, Sized) else None
        with _Bar(total, progress) as bar:
            for chunk in _chunks(map(self._prepare, items)):
                for reading in self._read_chunk(chunk):
                    bar.update()
                    yield reading

    def stability(
        self,
        question: str,
        context: str,
        *,
        max_lengths: Iterable[int] | None = None,
        strides: Iterable[int] = (0, 64, 128),
    ) -> tuple[Variant, ...]:
        """Read the same text cut into windows in other ways: does the answer hang on where the cuts fall?

        `max_lengths` (default: a third, a half, two thirds and the whole of the reader's) and `strides` in tokens;
        pairs that cannot work are left out.

        >>> from qalens.testing import toy_model, toy_tokenizer
        >>> rows = Reader(toy_model(), toy_tokenizer()).stability("Who?", "Ada kept the lamp.", strides=(0, 8))
        >>> len(rows), rows[0].windows
        (8, 1)
        """
        whole = self.max_length
        rows = []
        for length, stride in itertools.product(
            (whole // 3, whole // 2, whole * 2 // 3, whole) if max_lengths is None else max_lengths, strides
        ):
            try:
                variant = self.with_options(max_length=length, stride=stride)
            except InputError:
                continue
            reading = variant.read(question, context)
            rows.append(
                Variant(
                    max_length=length,
                    stride=stride,
                    windows=len(reading.windows),
                    answer=reading.answer,
                    best=reading.decision.best,
                    no_answer_probability=reading.no_answer_probability,
                    margin=reading.margin,
                )
            )
        return tuple(rows)

    def attribute(
        self,
        reading: Reading,
        target: TargetName | Contrast = "answer",
        method: Method = "integrated_gradients",
        *,
        span: SpanLike | None = None,
        **options: Any,
    ) -> Attribution:
        """Tell how much each token of the question and the text contributes to one number of a reading.

        - `target`: "answer" (the score of the answer, or of the best span where the reading abstains), "start" or "end"
          (one of its two logits), "no_answer" (the logit of P(∅)), or `Contrast(a, b)`: why this span and not that one,
          or not no-answer
        - `method`: "integrated_gradients", "input_x_gradient", "occlusion", "shapley", "layer_conductance"
        - `span`: another span than the answer, for the first three targets
        - `options`: those of `qalens.explain.Options`: `baseline`, `over`, `parts`, `split`, `tolerance`, `max_points`,
          `agreement`, `samples`, `seed`, `layer`

        The target is settled at the reading and stays the same number while the input is changed. Of a long text only the
        window that holds it is explained, and `target.note` says which. Raises `InputError` before anything is computed
        for what cannot be explained: a reading of another model, a span outside the text, an unknown option.

        >>> from qalens.testing import toy_model, toy_tokenizer
        >>> reader = Reader(toy_model(), toy_tokenizer())
        >>> attribution = reader.attribute(reader.read("Who kept the lamp?", "Ada kept the lamp."), "no_answer")
        >>> attribution.converged, [word.text for word in attribution.by_word()][:3]
        (True, ['Who', 'kept', 'the'])
        """
        check_source(self.model, reading)
        how = _options(method, options)
        settled = resolve(reading, target, span=span)
        return attribute(self.model, reading, settled, how, mask_id=self.tokenizer.mask_token_id)

    def attribute_many(
        self,
        readings: Iterable[Reading | FailedReading],
        target: TargetName | Contrast = "answer",
        method: Method = "integrated_gradients",
        *,
        progress: bool | None = None,
        **options: Any,
    ) -> Iterator[Attribution | FailedAttribution]:
        """Explain many readings, lazily and in their order, all in the same way; options as in `attribute`.

        What cannot be explained becomes a `FailedAttribution` in its place, with the reason in `error`. An unknown target
        or option is refused at once. `progress` shows a bar: None only when it takes longer than two seconds.

        >>> from qalens.testing import toy_model, toy_tokenizer
        >>> reader = Reader(toy_model(), toy_tokenizer())
        >>> readings = reader.read_many([("Who kept the lamp?", "Ada kept the lamp."), ("Who?", "")])
        >>> [type(one).__name__ for one in reader.attribute_many(readings, "no_answer")]
        ['Attribution', 'FailedAttribution']
        """
        check_target(target)
        how = _options(method, options)
        return self._attributions(readings, target, how, progress)

    def _attributions(
        self,
        readings: Iterable[Reading | FailedReading],
        target: TargetName | Contrast,
        how: Options,
        progress: bool | None,
    ) -> Iterator[Attribution | FailedAttribution]:
        total = len(readings) if isinstance(readings, Sized) else None
        with _Bar(total, progress, "explanations") as bar:
            for reading in readings:
                try:
                    own = check_source(self.model, reading)
                    found: Attribution | FailedAttribution = attribute(
                        self.model, own, resolve(own, target), how, mask_id=self.tokenizer.mask_token_id
                    )
                except QalensError as error:
                    _let_go(error)
                    found = FailedAttribution(reading, error)
                bar.update()
                yield found

    def faithfulness(
        self, reading: Reading, attribution: Attribution, *, random_rankings: int = 20, seed: int = 0
    ) -> Faithfulness:
        """Test whether an attribution names the words that matter: mask them, or all others, and see the target change.

        Comprehensiveness, sufficiency, insertion and deletion curves, against `random_rankings` random orders of the same
        words, drawn with `seed`. Words are masked in place by the tokenizer's mask token; special tokens and the spans of
        the target itself are never masked. Raises `InputError` for an attribution of another reading.

        >>> from qalens.testing import toy_model, toy_tokenizer
        >>> reader = Reader(toy_model(), toy_tokenizer())
        >>> reading = reader.read("Who kept the lamp?", "Ada kept the lamp.")
        >>> reader.faithfulness(reading, reader.attribute(reading)).comprehensiveness.shape
        (5,)
        """
        check_source(self.model, reading)
        (found,) = faithfulness(
            self.model,
            reading,
            [attribution],
            mask_id=self.tokenizer.mask_token_id,
            random_rankings=random_rankings,
            seed=seed,
        )
        return found

    def rank_methods(
        self,
        readings: Iterable[Reading | FailedReading],
        target: TargetName | Contrast = "answer",
        methods: Sequence[Method | Options] = ("integrated_gradients", "input_x_gradient", "occlusion"),
        *,
        random_rankings: int = 20,
        seed: int = 0,
        progress: bool | None = None,
    ) -> FaithfulnessTable:
        """Put methods of attribution side by side by their faithfulness on the same readings.

        - `methods`: names, or `qalens.explain.Options` for a method with other options than its own
        - `random_rankings`, `seed`: as in `faithfulness`
        - `progress` shows a bar: None only when it takes longer than two seconds

        A reading that one of the methods cannot explain is left out for all of them; the table tells which, and why.
        What no reading can be tested with is refused at once.

        >>> from qalens.testing import toy_model, toy_tokenizer
        >>> reader = Reader(toy_model(), toy_tokenizer())
        >>> readings = reader.read_many([("Who kept the lamp?", "Ada kept the lamp."), ("Who?", "")])
        >>> reader.rank_methods(readings, methods=("input_x_gradient",)).readings
        1
        """
        if isinstance(methods, str) or not methods:
            raise InputError(f"methods has to be a list of methods, but is {methods!r}.")
        plans = [m if isinstance(m, Options) else _options(m, {"agreement": False}) for m in methods]
        check_target(target)
        mask_id = check_masking(self.tokenizer.mask_token_id, random_rankings, seed)
        tested, failed = [], []
        total = len(readings) if isinstance(readings, Sized) else None
        with _Bar(total, progress, "readings") as bar:
            for number, reading in enumerate(readings):
                try:
                    own = check_source(self.model, reading)
                    settled = resolve(own, target)
                    found = [attribute(self.model, own, settled, how, mask_id=mask_id) for how in plans]
                    tested.append(
                        faithfulness(
                            self.model,
                            own,
                            found,
                            mask_id=mask_id,
                            random_rankings=random_rankings,
                            seed=seed,
                        )
                    )
                except QalensError as error:
                    _let_go(error)
                    failed.append((number, error))
                bar.update()
        return faithfulness_table(tested, names=[how.name for how in plans], failed=failed, seed=seed)

    def lens(self, reading: Reading) -> LayerTrace:
        """Ask the question-answering head after every layer: when does the answer appear, and when is it settled?

        Raises `InputError` for a reading of another model, `ModelError` for a model whose layers cannot be told apart.

        >>> from qalens.testing import toy_model, toy_tokenizer
        >>> reader = Reader(toy_model(), toy_tokenizer())
        >>> len(reader.lens(reader.read("Who kept the lamp?", "Ada kept the lamp.")))
        3
        """
        return layer_trace(self.model, reading, batch_tokens=self.batch_tokens)

    def ablate_heads(
        self,
        reading: Reading,
        target: TargetName | Literal["margin"] | Contrast = "answer",
        *,
        span: SpanLike | None = None,
        by: Replacement = "zero",
    ) -> HeadAblation:
        """Take out one attention head at a time and see how a target changes: a map of layers × heads.

        - `target`, `span`: as in `attribute`; also "margin"
        - `by`: what stands in the place of the head's output: "zero", or "mean", its own mean over the tokens

        Raises `InputError` for a reading of another model, `ModelError` for a model whose heads cannot be told apart.

        >>> from qalens.testing import toy_model, toy_tokenizer
        >>> reader = Reader(toy_model(), toy_tokenizer())
        >>> reader.ablate_heads(reader.read("Who kept the lamp?", "Ada kept the lamp.")).values.shape
        (2, 4)
        """
        return ablate_heads(
            self.model, reading, target=target, span=span, by=by, batch_tokens=self.batch_tokens
        )

    def compare(self, before: Reading, after: Reading) -> ReadingDiff:
        """Hold two readings against each other, in characters: of whichever models, questions and texts.

        Neither has to be a reading of this model, and tokenizers need not match. Raises `InputError` for what is no
        reading.

        >>> from qalens.testing import toy_model, toy_tokenizer
        >>> reader, other = (Reader(toy_model(seed), toy_tokenizer()) for seed in (0, 1))
        >>> diff = reader.compare(*(r.read("Who kept the lamp?", "Ada kept the lamp.") for r in (reader, other)))
        >>> 0 < diff.distance <= 1
        True
        """
        return compare(before, after)

    def edit(self, reading: Reading, edit: Edit) -> ReadingDiff:
        """Read the question and text of a reading again after a change, and see what the change did.

        Edits are in `qalens.explain.edits`: `DropSentence`, `KeepSentence`, `MaskWords`, `ReplaceWords`. Masked words keep
        their place, and only the windows that hold them are read again; any other change cuts the text into windows anew,
        with this reader's lengths. The longest answer, the null rule and the threshold are those of the reading. Raises
        `InputError` for a reading of another model and for an edit that cannot be made.

        >>> from qalens.explain.edits import DropSentence
        >>> from qalens.testing import toy_model, toy_tokenizer
        >>> reader = Reader(toy_model(), toy_tokenizer())
        >>> reading = reader.read("Who kept the lamp?", "Ada kept the lamp. Tobias slept.")
        >>> reader.edit(reading, DropSentence(1)).after.context
        'Ada kept the lamp. '
        """
        return edit_reading(reading, edit, self._edits_of(reading))

    def sentence_effects(self, reading: Reading, *, progress: bool | None = None) -> SentenceEffects:
        """Read the text without each of its sentences, and each sentence alone: which hold the answer up?

        Two readings a sentence, in sorted batches; only numbers are kept of them. `progress` shows a bar: None only
        when it takes longer than two seconds. Raises `InputError` for a reading of another model.

        >>> from qalens.testing import toy_model, toy_tokenizer
        >>> reader = Reader(toy_model(), toy_tokenizer())
        >>> reader.sentence_effects(reader.read("Who kept the lamp?", "Ada kept the lamp. Tobias slept."))
        SentenceEffects(2 sentences)
        """
        with _Bar(None, progress, "readings") as bar:
            return sentence_effects(reading, self._edits_of(reading, bar))

    def smallest_sentences(
        self, reading: Reading, *, budget: int = 256, progress: bool | None = None
    ) -> SmallestSentences:
        """Find the fewest sentences on which the model says what it says of the whole text.

        `budget` is the most readings to spend. What is kept where the reading abstains, and how sets are chosen, is told
        in `explain.search.smallest_sentences`. Raises `InputError` for a reading of another model.

        >>> from qalens.testing import toy_model, toy_tokenizer
        >>> reader = Reader(toy_model(), toy_tokenizer())
        >>> reader.smallest_sentences(reader.read("Who kept the lamp?", "Ada kept the lamp.")).sentences
        (0,)
        """
        with _Bar(None, progress, "readings") as bar:
            return smallest_sentences(reading, self._edits_of(reading, bar), budget=budget)

    def smallest_flip(
        self,
        reading: Reading,
        *,
        where: Where = "context",
        to: Flip = "opposite",
        protect_answer: bool = True,
        budget: int = 512,
        progress: bool | None = None,
    ) -> SmallestFlip:
        """Find the fewest words whose masking flips the decision: from an answer to none, or from none to an answer.

        - `where`: "context" masks words of the text, "question" those of the question
        - `to`: "opposite", "other_answer" (from an answer to a different one) or "any" of the two
        - `protect_answer`: leaves the words of the answer itself alone
        - `budget`: the most readings to spend; `progress`: whether to show a bar

        Raises `InputError` for a reading of another model and for a tokenizer without a mask token.

        >>> from qalens.testing import toy_model, toy_tokenizer
        >>> reader = Reader(toy_model(), toy_tokenizer(), threshold=50)
        >>> reader.smallest_flip(reader.read("Who kept the lamp?", "Ada kept the lamp."), budget=40).flipped
        False
        """
        mask_token(self.tokenizer)
        with _Bar(None, progress, "readings") as bar:
            read = self._edits_of(reading, bar)
            return smallest_flip(
                reading, read, where=where, to=to, protect_answer=protect_answer, budget=budget
            )

    def with_options(self, **options: Any) -> Reader:
        """The same model and tokenizer with some options of `Reader` changed; this reader stays as it is.

        A new `max_length` without a `stride` takes the default stride for that length.

        >>> from qalens.testing import toy_model, toy_tokenizer
        >>> Reader(toy_model(), toy_tokenizer()).with_options(threshold=-1.5).threshold
        -1.5
        """
        names = (
            "max_length",
            "stride",
            "max_answer_length",
            "threshold",
            "null",
            "batch_tokens",
            "max_memory",
        )
        if unknown := sorted(set(options) - set(names)):
            raise InputError(f"Reader has no option {', '.join(unknown)}; it has {', '.join(names)}.")
        kept = {name: getattr(self, name) for name in names}
        if "max_length" in options and "stride" not in options:
            kept["stride"] = None
        return Reader(self.model, self.tokenizer, **{**kept, **options})

    def _prepare(self, given: Any) -> _Prepared | FailedReading:
        """Windows of one item, or why there are none; nothing has gone through the model yet."""
        example = given
        try:
            example = _as_example(given)
            windows = make_windows(
                self._pair,
                example.question,
                example.context,
                max_length=self.max_length,
                stride=self.stride,
                max_memory=_free_memory() if self.max_memory is None else self.max_memory,
            )
        except QalensError as error:
            return FailedReading(example, error)
        return _Prepared(example, windows)

    def _edits_of(self, reading: Reading, bar: _Bar | None = None) -> ReadEdits:
        """What reads edits of a reading as it was read itself: with its longest answer and its null rule."""
        check_source(self.model, reading)
        reader = self
        if (self.max_answer_length, self.null) != (reading.max_answer_length, reading.null):
            reader = self.with_options(max_answer_length=reading.max_answer_length, null=reading.null)
        return partial(reader._read_edits, reading, bar)

    def _read_edits(
        self, reading: Reading, bar: _Bar | None, edits: Iterable[Edit]
    ) -> Iterator[Reading | FailedReading]:
        for chunk in _chunks(self._prepare_edit(reading, edit) for edit in edits):
            for after in self._read_chunk(chunk):
                if bar is not None:
                    bar.update()
                yield after

    def _prepare_edit(self, reading: Reading, edit: Edit) -> _Prepared | FailedReading:
        """The windows that an edit changes, or why there are none."""
        try:
            edited = edit.apply(reading.question, reading.context)
            if edited.masked:
                mask = mask_token(self.tokenizer)
                masked = mask_windows(reading.logits, edited.masked, mask, where=edited.where)
                return _Prepared(reading.example, masked.changed, masked)
            check_unmasked(reading.windows, self.tokenizer)
        except QalensError as error:
            return FailedReading(reading.example, error)
        return self._prepare(Example(edited.question, edited.context, id=reading.example.id))

    def _read_chunk(self, chunk: list[_Prepared | FailedReading]) -> Iterator[Reading | FailedReading]:
        """Readings of prepared items, in their order; their windows share sorted batches."""
        windows = [p.windows for p in chunk if isinstance(p, _Prepared)]
        source = Source(self.model.name, self.model.fingerprint)
        logits = self.model.logits(windows, batch_tokens=self.batch_tokens)
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

    def __repr__(self) -> str:
        return (
            f"Reader({self.model!r}, max_length={self.max_length}, stride={self.stride}, "
            f"max_answer_length={self.max_answer_length}, threshold={self.threshold:g})"
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Prepared:
    """An example whose windows wait for their batch; with `masked`, those of its windows that have masked words."""

    example: Example
    windows: Windows
    masked: MaskedWindows | None = None

    def whole(self, logits: SpanLogits | ModelError) -> SpanLogits | ModelError:
        """The logits of all windows of the example, from those that were waited for."""
        return (
            logits if self.masked is None or isinstance(logits, ModelError) else self.masked.complete(logits)
        )


class _Bar:
    """A progress bar that is only made when it is shown: a hidden one leaves an empty widget in a notebook."""

    def __init__(self, total: int | None, show: bool | None, unit: str = "questions"):
        self._total, self._show, self._unit = total, show, unit
        self._began, self._done, self._bar = time.monotonic(), 0, None

    def __enter__(self) -> _Bar:
        return self

    def update(self) -> None:
        self._done += 1
        late = time.monotonic() - self._began > _SECONDS_BEFORE_BAR
        if self._bar is not None:
            self._bar.update()
        elif self._show or (self._show is None and late):
            from tqdm.auto import tqdm

            self._bar = tqdm(total=self._total, initial=self._done, unit=f" {self._unit}")

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()


def _chunks(items: Iterable[_Prepared | FailedReading]) -> Iterator[list[_Prepared | FailedReading]]:
    """Runs of items that together have some hundred windows."""
    chunk: list[_Prepared | FailedReading] = []
    waiting = 0
    for item in items:
        chunk.append(item)
        waiting += len(item.windows) if isinstance(item, _Prepared) else 1
        if waiting >= _CHUNK_WINDOWS:
            yield chunk
            chunk, waiting = [], 0
    if chunk:
        yield chunk


def _let_go(error: BaseException | None) -> None:
    """Free what the frames of an error hold, such as the tensors that filled a GPU: the error is kept for long."""
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        error = error.__cause__


def _options(method: Method, options: dict[str, Any]) -> Options:
    known = [f.name for f in fields(Options) if f.name != "method"]
    if unknown := sorted(set(options) - set(known)):
        raise InputError(
            f"There is no option {', '.join(unknown)} of an attribution; it has {', '.join(known)}."
        )
    return Options(method=method, **options)


def _as_example(given: Any) -> Example:
    if isinstance(given, Example):
        return given
    if isinstance(given, str | bytes) or not isinstance(given, Sequence) or len(given) != 2:
        raise InputError(f"Expected an Example or a (question, context) pair, but got {given!r:.120}.")
    return Example(given[0], given[1])


def _length_limit(model: QAModel, tokenizer: Any) -> int:
    """The most tokens that both the model's positions and the tokenizer's own setting allow."""
    limits = [n for n in (model.max_length, tokenizer.model_max_length) if n is not None]
    return int(min(limits))


def _check_batch_tokens(batch_tokens: int | None) -> None:
    if batch_tokens is None:
        return
    if isinstance(batch_tokens, bool) or not isinstance(batch_tokens, int) or batch_tokens < 1:
        raise InputError(
            f"batch_tokens has to be a whole number of tokens from 1 on, but is {batch_tokens!r}."
        )


def _free_memory() -> int | None:
    """Bytes that the system can still give, where it tells."""
    # Linux counts as free only what nothing at all uses; what its file cache would give back is in MemAvailable.
    try:
        available = re.search(r"MemAvailable:\s+(\d+) kB", Path("/proc/meminfo").read_text())
        if available:
            return int(available[1]) * 1024
    except OSError:
        pass
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError, AttributeError):
        return None
