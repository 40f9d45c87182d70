"""The facade: a model that answers questions about texts."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import torch

from qalens.errors import InputError, QalensError, meant, shown
from qalens.evaluation.data.inputs import number_of_questions, questions_in
from qalens.explain.attribution.methods import attribute
from qalens.explain.attribution.options import Options, options_of, plans_of
from qalens.explain.attribution.record import Attribution, FailedAttribution, Method
from qalens.explain.counterfactual.difference import ReadingDiff
from qalens.explain.counterfactual.edits import Edit, Where
from qalens.explain.counterfactual.effects import ReadEdits, SentenceEffects, edit_reading, sentence_effects
from qalens.explain.counterfactual.fewest_sentences import SmallestSentences, smallest_sentences
from qalens.explain.counterfactual.fewest_words import Flip, SmallestFlip, smallest_flip
from qalens.explain.counterfactual.masking import mask_token
from qalens.explain.faithfulness.masking_test import Faithfulness, check_masking, faithfulness
from qalens.explain.faithfulness.method_comparison import FaithfulnessTable, table_of_outcomes
from qalens.explain.faithfulness.replacements import MaskedBy
from qalens.explain.faithfulness.sanity import SanityChecks, sanity_checks
from qalens.explain.layers.heads import HeadAblation, Replacement, ablate_heads
from qalens.explain.layers.logit_lens import LayerTrace, layer_trace
from qalens.explain.many import each
from qalens.explain.sentences import split_sentences
from qalens.explain.targets import Contrast, SpanLike, Target, TargetName, check_source, check_target, resolve
from qalens.models.batches import ReadingOptions, Stages, check_batch_tokens, check_max_memory, length_limit
from qalens.models.loading import load_checkpoint
from qalens.models.memory import free_memory
from qalens.models.model import QAModel
from qalens.models.temperature import tempered_model
from qalens.progress import Bar, number_of
from qalens.readings.documents import DocumentsReading, read_documents
from qalens.readings.reading import FailedReading, Reading
from qalens.readings.window_stability import Variant, variant_of
from qalens.retrieval import Retriever, retrieve
from qalens.spans.decision import check_threshold
from qalens.spans.distribution import DEFAULT_MAX_ANSWER_LENGTH, NullRule, check_span_options
from qalens.text.examples import Example
from qalens.text.question_rows import item_of
from qalens.text.windows import BYTES_PER_CHARACTER, DEFAULT_MAX_LENGTH, PairTokenizer, check_geometry


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

    Code that comes with a checkpoint is never run.

    Parameters
    ----------
    name : str or Path, optional
        A hub name such as "deepset/bert-base-cased-squad2", or a folder. None takes the bundled checkpoint, which needs no
        network.
    device : str or torch.device, optional
        "cpu", "cuda", "cuda:1" or "mps"; None takes the best that is there.
    dtype : {"float32", "bfloat16", "float16", "auto"} or torch.dtype, default "float32"
        "float32" is exact. "auto" takes bfloat16 only where a short measurement shows it to be faster on this device, and
        says so in `repr(reader)`.
    revision : str, optional
        A branch, tag or commit of a hub checkpoint.
    weights : {"safetensors", "pickle"}, default "safetensors"
        "pickle" is for a checkpoint that has nothing else and that you trust.
    **options
        Those of `Reader`.

    Returns
    -------
    Reader

    Raises
    ------
    ModelError
        Where the checkpoint cannot be loaded or has no trained question-answering head.
    InputError
        For an option that cannot work.

    Examples
    --------
    >>> import qalens
    >>> reader = qalens.load()
    >>> reader.read("Who kept the lamp?", "Ada Marlow kept the lamp of the lighthouse for thirty years.").answer.text
    'Ada Marlow'
    """
    check_options(options, "qalens.load")
    model, tokenizer = load_checkpoint(name, device=device, dtype=dtype, revision=revision, weights=weights)
    reader = Reader(model, tokenizer, **options)
    # A folder by its full path, since another process may stand elsewhere.
    place = str(Path(name).resolve()) if name is not None and Path(name).is_dir() else name
    reader._loaded = {"name": place, "revision": revision, "weights": weights}
    return reader


_OPTIONS = tuple(field.name for field in fields(ReadingOptions))


def check_options(given: Iterable[str], name: str) -> None:
    """Raise `InputError` for an option that a reader does not have; `name` is what got it.

    >>> check_options(["treshold"], "qalens.load")
    Traceback (most recent call last):
    qalens.errors.InputError: qalens.load has no option treshold; it has max_length, stride, max_answer_length, threshold, null, batch_tokens, max_memory. Did you mean 'threshold'?
    """
    if unknown := sorted(set(given) - set(_OPTIONS)):
        raise InputError(
            f"{name} has no option {', '.join(unknown)}; it has {', '.join(_OPTIONS)}.{meant(unknown[0], _OPTIONS)}"
        )


class Reader:
    """Reads texts for questions: a model, its tokenizer, and how to use them.

    Beside its options it has `model`, `tokenizer`, and `pair`, the `PairTokenizer` that encodes question and text apart.

    Parameters
    ----------
    model : torch.nn.Module or QAModel
        Returns start and end logits; used on its device, in its dtype.
    tokenizer : PreTrainedTokenizerFast
        The fast tokenizer that belongs to it.
    max_length : int, optional
        Tokens of one window; None takes the smaller of 384 and the model's limit.
    stride : int, optional
        Tokens that two windows share; None takes the smaller of 128 and a third of `max_length`.
    max_answer_length : int, default 30
        Tokens of the longest answer, L.
    threshold : float, optional
        No answer where the null margin (null score − best score, in logits) is above it. None takes 0, or infinity where the
        tokenizer puts no null token into a pair (GPT-2, Qwen2, T5): such a model always answers.
    null : {"min", "mean", "max"}, default "min"
        Which window's null score counts; "min" as in the SQuAD 2.0 scripts.
    batch_tokens : int, optional
        Tokens of one batch with padding, half as many where gradients are taken; None suits the device.
    max_memory : int, optional
        Bytes that reading one text may take; None takes what the machine has free.

    Raises
    ------
    InputError
        For options that cannot work.
    ModelError
        For a model without a question-answering head.

    Examples
    --------
    >>> from qalens.testing import toy_model, toy_tokenizer
    >>> reader = Reader(toy_model(), toy_tokenizer(), max_length=64)
    >>> reader.max_length, reader.stride
    (64, 21)
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

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        *,
        max_length: int | None = None,
        stride: int | None = None,
        max_answer_length: int = DEFAULT_MAX_ANSWER_LENGTH,
        threshold: float | None = None,
        null: NullRule = "min",
        batch_tokens: int | None = None,
        max_memory: int | None = None,
    ):
        self.model = model if isinstance(model, QAModel) else QAModel(model)
        self.tokenizer = tokenizer
        self.pair = PairTokenizer(tokenizer)
        self._loaded: dict[str, Any] | None = None
        self._set_options(max_length, stride, max_answer_length, threshold, null, batch_tokens, max_memory)

    def _set_options(
        self,
        max_length: int | None,
        stride: int | None,
        max_answer_length: int,
        threshold: float | None,
        null: NullRule,
        batch_tokens: int | None,
        max_memory: int | None,
    ) -> None:
        limit = length_limit(self.model, self.tokenizer)
        self.max_length = min(DEFAULT_MAX_LENGTH, limit) if max_length is None else max_length
        self.stride = check_geometry(self.pair, self.max_length, stride)
        if self.max_length > limit:
            raise InputError(
                f"max_length {max_length} is more than the {limit} tokens that {self.model.name} can take."
            )
        check_span_options(max_answer_length, null)
        if threshold is None:
            threshold = 0.0 if self.pair.null_id is not None else math.inf
        check_threshold(threshold)
        check_batch_tokens(batch_tokens)
        check_max_memory(max_memory)
        # Numbers of numpy as those of Python, which any file can hold.
        self.max_length, self.stride = int(self.max_length), int(self.stride)
        self.max_answer_length = int(max_answer_length)
        self.threshold = threshold if isinstance(threshold, int | float) else float(threshold)
        self.null = null
        self.batch_tokens = None if batch_tokens is None else int(batch_tokens)
        self.max_memory = None if max_memory is None else int(max_memory)

    def read(self, question: str | Example | Mapping[str, Any], context: str | None = None) -> Reading:
        """Read one text for one question and decide.

        Parameters
        ----------
        question : str, Example or dict
            The question; or an `Example` or a row with "question" and "context", which has its text with it.
        context : str, optional
            The text to read, of any length: a long one is cut into windows that overlap.

        Returns
        -------
        Reading
            What the model says, and all that it says it with:

            - `answer`: the best span as an `Answer` (`text`, `span` in characters of the text, `probability`, `score`), or None
              where the model says that the text holds no answer; `decision.best` is the best span in either case
            - `no_answer_probability`: how much of all probability lies on no answer; `margin`, which the threshold decides over
            - `spans`: every legal span with its probability (`spans.top(5)`, `spans.clusters()`)
            - `windows`, `logits`: the tokens and the start and end logits that all of it is computed from

            It needs no model any more: show it in a notebook, print it, explore it with `qalens.explore`, or hand it to
            `reader.attribute`, `reader.logit_lens` or `reader.smallest_flip`.

        Raises
        ------
        InputError
            For a question or a text that cannot be read: empty, of another type, or the name of a file.
        ModelError
            Where the model gives no usable logits.

        Warns
        -----
        UserWarning
            Where question and text look swapped, and where a question is so long that its end is cut.

        Examples
        --------
        >>> import qalens
        >>> reading = qalens.load().read("Who kept the lamp?", "Ada Marlow kept the lamp of the lighthouse for thirty years.")
        >>> reading.answer.text, reading.answer.span
        ('Ada Marlow', CharSpan(start=0, end=10))
        """
        (reading,) = self._stages.read([_asked(question, context)])
        if isinstance(reading, FailedReading):
            raise reading.error
        return reading

    def read_many(self, items: Any, *, progress: bool | None = None) -> Iterator[Reading | FailedReading]:
        """Read many texts, lazily and in their order; sorted batches make it faster than one by one.

        Only a few hundred are held at a time; on a GPU some more, which are cut into windows while it computes.

        Parameters
        ----------
        items : iterable, data frame or file
            `Example` objects, (question, context) pairs or rows, from whatever `qalens.evaluate` takes.
        progress : bool, optional
            Show a bar; None shows it only when it takes longer than two seconds.

        Yields
        ------
        Reading or FailedReading
            One for each item. What cannot be read is a `FailedReading`, with the reason in `error`, and harms no other.

        Examples
        --------
        >>> from qalens.testing import toy_model, toy_tokenizer
        >>> reader = Reader(toy_model(), toy_tokenizer())
        >>> pairs = [("Who kept the lamp?", "Ada kept the lamp."), ("Who?", "")]
        >>> [reading.error is None for reading in reader.read_many(pairs)]
        [True, False]
        """
        yield from self._read_many(
            items, Bar(None if progress is False else number_of_questions(items), progress)
        )

    def _read_many(self, items: Any, bar: Bar) -> Iterator[Reading | FailedReading]:
        with bar:
            yield from bar.counted(self._stages.read(questions_in(items)), reads=True)

    def read_documents(
        self,
        question: str,
        documents: Iterable[Any],
        *,
        null: NullRule | None = None,
        progress: bool | None = None,
    ) -> DocumentsReading:
        """Read many documents for one question: one distribution over all their spans and no-answer, and one decision.

        All windows of all documents share sorted batches.

        Parameters
        ----------
        question : str
            The question.
        documents : iterable
            Strings, dicts with their text under "content", "text" or "context" (and "id", "meta"), Haystack's `Document`
            objects, or a mix.
        null : {"min", "mean", "max"}, optional
            Which null score counts, of all windows of all documents; None takes the reader's rule. With "min" one document that
            surely holds an answer is enough.
        progress : bool, optional
            Show a bar; None shows it only when it takes longer than two seconds.

        Returns
        -------
        DocumentsReading
            A document that cannot be read, such as an empty one, has a `FailedReading` in its place and harms no other.

        Raises
        ------
        InputError
            For a question that cannot be read, where there is no document, and where none could be read.

        Examples
        --------
        >>> from qalens.testing import toy_model, toy_tokenizer
        >>> reader = Reader(toy_model(), toy_tokenizer(), threshold=50)
        >>> reading = reader.read_documents("Who kept the lamp?", ["Tobias slept.", {"text": "Ada kept the lamp.", "id": "log"}])
        >>> reading.answer.text in reading.documents[reading.answer.document].text
        True
        """
        free = free_memory() if self.max_memory is None else self.max_memory

        def read_all(items: Sequence[Any], progress: bool | None) -> Iterator[Reading | FailedReading]:
            # In a loop of questions each bar takes the place of the one before.
            return self._read_many(items, Bar(len(items), progress, "documents", leave=False))

        return read_documents(
            read_all,
            question,
            documents,
            null=self.null if null is None else null,
            threshold=self.threshold,
            max_characters=None if free is None else free // BYTES_PER_CHARACTER,
            progress=progress,
        )

    def ask(
        self,
        question: str,
        index: Retriever,
        *,
        top_k: int = 10,
        null: NullRule | None = None,
        progress: bool | None = None,
    ) -> DocumentsReading:
        """Let a retriever find documents for a question, and read those.

        What the retriever scored is in `documents[d].score` and takes no part in any probability.

        Parameters
        ----------
        question : str
            The question.
        index : Retriever
            A `qalens.retrieval.Index`, or any object with `search(query, top_k)` that gives documents.
        top_k : int, default 10
            How many documents to read.
        null : {"min", "mean", "max"}, optional
            As in `read_documents`.
        progress : bool, optional
            As in `read_documents`.

        Returns
        -------
        DocumentsReading

        Raises
        ------
        InputError
            Where the retriever finds nothing, and as `read_documents` does.

        Examples
        --------
        >>> from qalens.retrieval import Index
        >>> from qalens.testing import toy_model, toy_tokenizer
        >>> index = Index.build(["Ada kept the lamp.", "Tobias slept."])
        >>> len(Reader(toy_model(), toy_tokenizer()).ask("Who kept the lamp?", index))
        1
        """
        return self.read_documents(question, retrieve(index, question, top_k), null=null, progress=progress)

    def stability(
        self,
        question: str,
        context: str,
        *,
        max_lengths: Iterable[int] | None = None,
        strides: Iterable[int] = (0, 64, 128),
    ) -> tuple[Variant, ...]:
        """Read the same text cut into windows in other ways: does the answer depend on where the cuts fall?

        Parameters
        ----------
        question : str
            The question.
        context : str
            The text.
        max_lengths : iterable of int, optional
            Tokens of a window; None takes a third, a half, two thirds and the whole of the reader's.
        strides : iterable of int, default (0, 64, 128)
            Tokens that two windows share. Pairs that cannot work are left out.

        Returns
        -------
        tuple of Variant
            One for each pair of a length and a stride.

        Examples
        --------
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
            rows.append(variant_of(reading, max_length=length, stride=stride))
        return tuple(rows)

    def attribute(
        self,
        reading: Reading,
        target: TargetName | Contrast = "answer",
        method: Method = "integrated_gradients",
        *,
        span: SpanLike | None = None,
        watch: Callable[[int], None] | None = None,
        **options: Any,
    ) -> Attribution:
        """Tell how much each token of the question and the text contributes to one number of a reading.

        The target is settled at the reading and stays the same number while the input is changed. Of a long text only the window
        that holds it is explained, and `target.note` says which.

        Parameters
        ----------
        reading : Reading
            A reading of this model.
        target : {"answer", "start", "end", "no_answer", "null_score"} or Contrast, default "answer"
            "answer" is the score of the answer, or of the best span where the reading abstains; "start" and "end" are its two
            logits; "no_answer" is the logit of P(no answer); "null_score" is the score of no answer alone, whatever the spans
            have; `Contrast(a, b)` asks why this span and not that one, or not no answer.
        method : {"integrated_gradients", "input_x_gradient", "occlusion", "shapley", "layer_conductance"}
            How to attribute; "integrated_gradients" by default.
        span : SpanLike, optional
            Another span than the answer, for the first three targets.
        watch : callable, optional
            Called before each batch with the number of rows that went through the model; what it raises ends the work.
        **options
            Those of `qalens.explain.Options`: `baseline`, `over`, `parts`, `split`, `tolerance`, `max_points`, `agreement`,
            `samples`, `seed`, `layer`.

        Returns
        -------
        Attribution

        Raises
        ------
        InputError
            Before anything is computed, for what cannot be explained: a reading of another model, a span outside the text, an
            unknown option.

        Examples
        --------
        >>> from qalens.testing import toy_model, toy_tokenizer
        >>> reader = Reader(toy_model(), toy_tokenizer())
        >>> attribution = reader.attribute(reader.read("Who kept the lamp?", "Ada kept the lamp."), "no_answer")
        >>> attribution.converged, [word.text for word in attribution.by_word()][:3]
        (True, ['Who', 'kept', 'the'])
        """
        check_source(self.model, reading)
        how = options_of(method, options)
        return self._attribute(reading, resolve(reading, target, span=span), how, watch)

    def attribute_many(
        self,
        readings: Iterable[Reading | FailedReading],
        target: TargetName | Contrast = "answer",
        method: Method = "integrated_gradients",
        *,
        progress: bool | None = None,
        **options: Any,
    ) -> Iterator[Attribution | FailedAttribution]:
        """Explain many readings, lazily and in their order, all in the same way.

        Parameters
        ----------
        readings : iterable of Reading or FailedReading
            What `read_many` gives, or any readings of this model.
        target, method
            As in `attribute`.
        progress : bool, optional
            Show a bar; None shows it only when it takes longer than two seconds.
        **options
            As in `attribute`.

        Returns
        -------
        iterator of Attribution or FailedAttribution
            What cannot be explained is a `FailedAttribution`, with the reason in `error`.

        Raises
        ------
        InputError
            At once, for an unknown target or option.

        Examples
        --------
        >>> from qalens.testing import toy_model, toy_tokenizer
        >>> reader = Reader(toy_model(), toy_tokenizer())
        >>> readings = reader.read_many([("Who kept the lamp?", "Ada kept the lamp."), ("Who?", "")])
        >>> [type(one).__name__ for one in reader.attribute_many(readings, "no_answer")]
        ['Attribution', 'FailedAttribution']
        """
        check_target(target)
        how = options_of(method, options)
        return self._attributions(readings, target, how, progress)

    def _attributions(
        self,
        readings: Iterable[Reading | FailedReading],
        target: TargetName | Contrast,
        how: Options,
        progress: bool | None,
    ) -> Iterator[Attribution | FailedAttribution]:
        def explain(given: Reading | FailedReading) -> Attribution:
            reading = check_source(self.model, given)
            return self._attribute(reading, resolve(reading, target), how)

        with Bar(number_of(readings), progress, "explanations") as bar:
            for reading, found in bar.counted(each(readings, explain)):
                yield FailedAttribution(reading, found) if isinstance(found, QalensError) else found

    def _attribute(
        self, reading: Reading, target: Target, how: Options, watch: Callable[[int], None] | None = None
    ) -> Attribution:
        return attribute(
            self.model,
            reading,
            target,
            how,
            pad_id=self.tokenizer.pad_token_id,
            mask_id=self.tokenizer.mask_token_id,
            batch_tokens=self.batch_tokens,
            watch=watch,
        )

    def faithfulness(
        self,
        reading: Reading,
        attribution: Attribution,
        *,
        by: MaskedBy = "mask",
        random_rankings: int = 200,
        beam: int = 1,
        seed: int = 0,
    ) -> Faithfulness:
        """Test whether an attribution names the words that matter: mask them, or all others, and see the target change.

        Words are replaced in place; special tokens and the spans of the target itself never are.

        Parameters
        ----------
        reading : Reading
            A reading of this model.
        attribution : Attribution
            An attribution of that reading.
        by : {"mask", "pad", "text"} or masked language model, default "mask"
            What takes the place of a masked word: "mask" or "pad", that token; "text", words drawn from the same text; a masked
            language model over the same token ids (such as `AutoModelForMaskedLM` gives), what it draws there. For the last two
            the target is a mean over four draws.
        random_rankings : int, default 200
            Random orders of the same words, from which z and p are computed. Each takes up to ten passes over the window:
            seconds on a GPU, minutes on a CPU.
        beam : int, default 1
            Width of the beam search for the best and the worst order; 0 leaves them out.
        seed : int, default 0
            Of the random orders and of what is drawn.

        Returns
        -------
        Faithfulness
            Comprehensiveness, sufficiency, and the curves of deletion and insertion.

        Raises
        ------
        InputError
            For an attribution of another reading or by other weights.

        Examples
        --------
        >>> from qalens.testing import toy_model, toy_tokenizer
        >>> reader = Reader(toy_model(), toy_tokenizer())
        >>> reading = reader.read("Who kept the lamp?", "Ada kept the lamp.")
        >>> reader.faithfulness(reading, reader.attribute(reading)).comprehensiveness.shape
        (5,)
        """
        check_source(self.model, reading)
        (found,) = self._faithfulness(
            reading, [attribution], by=by, random_rankings=random_rankings, beam=beam, seed=seed
        )
        return found

    def _faithfulness(
        self, reading: Reading, attributions: Sequence[Attribution], **how: Any
    ) -> tuple[Faithfulness, ...]:
        return faithfulness(
            self.model,
            reading,
            attributions,
            mask_id=self.tokenizer.mask_token_id,
            pad_id=self.tokenizer.pad_token_id,
            batch_tokens=self.batch_tokens,
            **how,
        )

    def rank_methods(
        self,
        readings: Iterable[Reading | FailedReading],
        target: TargetName | Contrast = "answer",
        methods: Sequence[Method | Options] = ("integrated_gradients", "input_x_gradient", "occlusion"),
        *,
        by: MaskedBy = "mask",
        random_rankings: int = 20,
        beam: int = 1,
        seed: int = 0,
        progress: bool | None = None,
    ) -> FaithfulnessTable:
        """Put methods of attribution side by side by their faithfulness on the same readings.

        A reading that one of the methods cannot explain is left out for all of them; the table tells which, and why.

        Parameters
        ----------
        readings : iterable of Reading or FailedReading
            What `read_many` gives, or any readings of this model.
        target : {"answer", "start", "end", "no_answer", "null_score"} or Contrast, default "answer"
            As in `attribute`.
        methods : sequence of str or Options
            Names, or `qalens.explain.Options` for a method with other options than its own.
        by
            As in `faithfulness`.
        random_rankings : int, default 20
            As in `faithfulness`; fewer do, since means over readings average their chance out.
        beam, seed
            As in `faithfulness`.
        progress : bool, optional
            Show a bar; None shows it only when it takes longer than two seconds.

        Returns
        -------
        FaithfulnessTable

        Raises
        ------
        InputError
            At once, for what no reading can be tested with.

        Examples
        --------
        >>> from qalens.testing import toy_model, toy_tokenizer
        >>> reader = Reader(toy_model(), toy_tokenizer())
        >>> readings = reader.read_many([("Who kept the lamp?", "Ada kept the lamp."), ("Who?", "")])
        >>> reader.rank_methods(readings, methods=("input_x_gradient",)).readings
        1
        """
        plans = plans_of(methods)
        check_target(target)
        blanks = {"mask": self.tokenizer.mask_token_id, "pad": self.tokenizer.pad_token_id}
        blanks = {name: id for name, id in blanks.items() if id is not None}
        check_masking(by, blanks, random_rankings, beam, seed)
        masking = {"by": by, "random_rankings": random_rankings, "beam": beam, "seed": seed}

        def test(given: Reading | FailedReading) -> tuple[Faithfulness, ...]:
            reading = check_source(self.model, given)
            settled = resolve(reading, target)
            found = [self._attribute(reading, settled, how) for how in plans]
            return self._faithfulness(reading, found, **masking)

        with Bar(number_of(readings), progress, "readings") as bar:
            tested = [found for _, found in bar.counted(each(readings, test))]
        return table_of_outcomes(tested, names=[how.name for how in plans])

    def sanity_checks(
        self,
        reading: Reading,
        target: TargetName | Contrast = "answer",
        method: Method = "integrated_gradients",
        *,
        span: SpanLike | None = None,
        removals: int = 64,
        draws: int = 10,
        radius: float = 0.05,
        seed: int = 0,
        **options: Any,
    ) -> SanityChecks:
        """Check a method on a reading: does it need the trained weights, does it predict removals, is it stable?

        It takes as many attributions as the model has layers, and one for each draw.

        Parameters
        ----------
        reading : Reading
            A reading of this model.
        target, method, span
            As in `attribute`.
        removals : int, default 64
            Random sets of words that are taken out for the infidelity.
        draws : int, default 10
            Random changes of the embeddings for the max-sensitivity.
        radius : float, default 0.05
            How large those changes are, as a share of the root mean square of a coordinate.
        seed : int, default 0
            Of all that is random, the weights included, which are randomised from the head down to the embeddings in a copy of
            the model.
        **options
            As in `attribute`.

        Returns
        -------
        SanityChecks

        Raises
        ------
        InputError
            As `attribute` does.

        References
        ----------
        Adebayo et al. 2018, Sanity checks for saliency maps. Yeh et al. 2019, On the (in)fidelity and sensitivity of
        explanations.

        Examples
        --------
        >>> from qalens.testing import toy_model, toy_tokenizer
        >>> reader = Reader(toy_model(), toy_tokenizer())
        >>> reading = reader.read("Who kept the lamp?", "Ada kept the lamp.")
        >>> reader.sanity_checks(reading, method="input_x_gradient", removals=8, draws=2).sensitivity > 0
        True
        """
        check_source(self.model, reading)
        how = options_of(method, options)
        return sanity_checks(
            self.model,
            reading,
            resolve(reading, target, span=span),
            how,
            pad_id=self.tokenizer.pad_token_id,
            mask_id=self.tokenizer.mask_token_id,
            removals=removals,
            draws=draws,
            radius=radius,
            seed=seed,
            batch_tokens=self.batch_tokens,
        )

    def logit_lens(self, reading: Reading) -> LayerTrace:
        """Apply the question-answering head after every layer (logit lens): when does the answer appear, and when is it settled?

        Parameters
        ----------
        reading : Reading
            A reading of this model.

        Returns
        -------
        LayerTrace

        Raises
        ------
        InputError
            For a reading of another model.
        ModelError
            For a model whose layers cannot be told apart.

        Examples
        --------
        >>> from qalens.testing import toy_model, toy_tokenizer
        >>> reader = Reader(toy_model(), toy_tokenizer())
        >>> len(reader.logit_lens(reader.read("Who kept the lamp?", "Ada kept the lamp.")))
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
        watch: Callable[[int], None] | None = None,
    ) -> HeadAblation:
        """Take out one attention head at a time and see how a target changes: a map of layers × heads.

        Parameters
        ----------
        reading : Reading
            A reading of this model.
        target : {"answer", "start", "end", "no_answer", "null_score", "margin"} or Contrast, default "answer"
            As in `attribute`; also "margin", the null margin.
        span : SpanLike, optional
            As in `attribute`.
        by : {"zero", "mean"}, default "zero"
            What takes the place of the head's output: zeros, or its own mean over the tokens.
        watch : callable, optional
            Called before each batch with the number of heads that are done; what it raises ends the work.

        Returns
        -------
        HeadAblation

        Raises
        ------
        InputError
            For a reading of another model.
        ModelError
            For a model whose heads cannot be told apart.

        Examples
        --------
        >>> from qalens.testing import toy_model, toy_tokenizer
        >>> reader = Reader(toy_model(), toy_tokenizer())
        >>> reader.ablate_heads(reader.read("Who kept the lamp?", "Ada kept the lamp.")).values.shape
        (2, 4)
        """
        return ablate_heads(
            self.model, reading, target=target, span=span, by=by, batch_tokens=self.batch_tokens, watch=watch
        )

    def edit(self, reading: Reading, edit: Edit) -> ReadingDiff:
        """Read the question and text of a reading again after a change, and see what the change did.

        Masked words keep their place, and only the windows that hold them are read again; any other change cuts the text into
        windows anew, with this reader's lengths. The longest answer, the null rule and the threshold are those of the reading.

        Parameters
        ----------
        reading : Reading
            A reading of this model.
        edit : Edit
            One of `qalens.explain.edits`: `DropSentence`, `KeepSentence`, `MaskWords`, `ReplaceWords`.

        Returns
        -------
        ReadingDiff

        Raises
        ------
        InputError
            For a reading of another model and for an edit that cannot be made.

        Examples
        --------
        >>> from qalens.explain.counterfactual.edits import DropSentence
        >>> from qalens.testing import toy_model, toy_tokenizer
        >>> reader = Reader(toy_model(), toy_tokenizer())
        >>> reading = reader.read("Who kept the lamp?", "Ada kept the lamp. Tobias slept.")
        >>> reader.edit(reading, DropSentence(1)).after.context
        'Ada kept the lamp. '
        """
        return edit_reading(reading, edit, self._edits_of(reading))

    def sentence_effects(self, reading: Reading, *, progress: bool | None = None) -> SentenceEffects:
        """Read the text without each of its sentences, and each sentence alone: on which does the answer depend?

        Two readings a sentence, in sorted batches; only numbers are kept of them.

        Parameters
        ----------
        reading : Reading
            A reading of this model.
        progress : bool, optional
            Show a bar; None shows it only when it takes longer than two seconds.

        Returns
        -------
        SentenceEffects

        Raises
        ------
        InputError
            For a reading of another model.

        Examples
        --------
        >>> from qalens.testing import toy_model, toy_tokenizer
        >>> reader = Reader(toy_model(), toy_tokenizer())
        >>> reader.sentence_effects(reader.read("Who kept the lamp?", "Ada kept the lamp. Tobias slept."))
        SentenceEffects(2 sentences)
        """
        # Each sentence left out, and each alone.
        with Bar(2 * len(split_sentences(reading.context)), progress, "readings") as bar:
            return sentence_effects(reading, self._edits_of(reading, bar))

    def smallest_sentences(
        self, reading: Reading, *, budget: int = 256, progress: bool | None = None
    ) -> SmallestSentences:
        """Find the fewest sentences on which the model says what it says of the whole text.

        What is kept where the reading abstains, and how sets are chosen, is in `qalens.explain.counterfactual.fewest_sentences`.

        Parameters
        ----------
        reading : Reading
            A reading of this model.
        budget : int, default 256
            The most readings to spend.
        progress : bool, optional
            Show a bar; None shows it only when it takes longer than two seconds.

        Returns
        -------
        SmallestSentences

        Raises
        ------
        InputError
            For a reading of another model.

        Examples
        --------
        >>> from qalens.testing import toy_model, toy_tokenizer
        >>> reader = Reader(toy_model(), toy_tokenizer())
        >>> reader.smallest_sentences(reader.read("Who kept the lamp?", "Ada kept the lamp.")).sentences
        (0,)
        """
        with Bar(None, progress, "readings") as bar:
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

        Parameters
        ----------
        reading : Reading
            A reading of this model.
        where : {"context", "question"}, default "context"
            Mask words of the text, or those of the question.
        to : {"opposite", "other_answer", "any"}, default "opposite"
            "opposite" is none instead of an answer, or the reverse; "other_answer" is a different one; "any" is either.
        protect_answer : bool, default True
            Leave the words of the answer itself alone.
        budget : int, default 512
            The most readings to spend.
        progress : bool, optional
            Show a bar; None shows it only when it takes longer than two seconds.

        Returns
        -------
        SmallestFlip

        Raises
        ------
        InputError
            For a reading of another model and for a tokenizer without a mask token.

        Examples
        --------
        >>> from qalens.testing import toy_model, toy_tokenizer
        >>> reader = Reader(toy_model(), toy_tokenizer(), threshold=50)
        >>> reader.smallest_flip(reader.read("Who kept the lamp?", "Ada kept the lamp."), budget=40).flipped
        False
        """
        mask_token(self.tokenizer)
        with Bar(None, progress, "readings") as bar:
            read = self._edits_of(reading, bar)
            return smallest_flip(
                reading, read, where=where, to=to, protect_answer=protect_answer, budget=budget
            )

    def with_options(self, **options: Any) -> Reader:
        """The same model and tokenizer with some options of `Reader` changed; this reader stays as it is.

        Both readers share all else, so a model or tokenizer that is changed in place is changed for both.

        Parameters
        ----------
        **options
            Those of `Reader`. A new `max_length` without a `stride` takes the default stride for that length.

        Returns
        -------
        Reader

        Raises
        ------
        InputError
            For an option that there is not, and for one that cannot work.

        Examples
        --------
        >>> from qalens.testing import toy_model, toy_tokenizer
        >>> Reader(toy_model(), toy_tokenizer()).with_options(threshold=-1.5).threshold
        -1.5
        """
        check_options(options, "Reader")
        kept = self.options
        if "max_length" in options and "stride" not in options:
            kept["stride"] = None
        # All else is shared, the tokenizer too: to copy a large vocabulary takes up to a second.
        reader = copy(self)
        reader._set_options(**{**kept, **options})
        return reader

    def with_threshold(self, threshold: float) -> Reader:
        """The same reader with another no-answer threshold; the model is shared.

        `report.cross_fit()` and `report.cheapest_threshold()` of an evaluation choose one.

        Parameters
        ----------
        threshold : float
            In logits: no answer where the null margin is above it.

        Returns
        -------
        Reader

        Examples
        --------
        >>> from qalens.testing import toy_model, toy_tokenizer
        >>> Reader(toy_model(), toy_tokenizer()).with_threshold(-1.5).threshold
        -1.5
        """
        return self.with_options(threshold=threshold)

    def with_temperature(self, temperature: float) -> Reader:
        """The same reader with all logits divided by a temperature, such as one that `report.temperature()` fitted.

        The threshold is divided too, so every decision stays; scores, margins and probabilities change. All weights but those of
        the head are shared.

        Parameters
        ----------
        temperature : float
            Above 1 the reader is less sure, below 1 surer.

        Returns
        -------
        Reader

        Raises
        ------
        InputError
            For what is no number above 0.
        ModelError
            For a model without a linear head.

        Examples
        --------
        >>> from qalens.testing import toy_model, toy_tokenizer
        >>> reader = Reader(toy_model(), toy_tokenizer(), threshold=3)
        >>> cooled = reader.with_temperature(2.0)
        >>> readings = [one.read("Who kept the lamp?", "Ada kept the lamp.") for one in (reader, cooled)]
        >>> cooled.threshold, round(readings[0].margin / readings[1].margin, 3)
        (1.5, 2.0)
        """
        model = tempered_model(self.model, temperature)
        return Reader(model, self.tokenizer, **{**self.options, "threshold": self.threshold / temperature})

    @property
    def options(self) -> dict[str, Any]:
        """The options of this reader by name, as `Reader` takes them.

        >>> from qalens.testing import toy_model, toy_tokenizer
        >>> Reader(toy_model(), toy_tokenizer()).options["max_answer_length"]
        30
        """
        return {name: getattr(self, name) for name in _OPTIONS}

    def recipe(self) -> Callable[[], Reader]:
        """What makes this reader again in another process: the call of `qalens.load` that it came from.

        Returns
        -------
        callable
            Ready to pickle. The options are those of this reader, the device and the dtype those of its model.

        Raises
        ------
        InputError
            For a reader that was put together from a model and a tokenizer, since another process could not load it.

        Examples
        --------
        >>> import pickle
        >>> import qalens
        >>> again = pickle.loads(pickle.dumps(qalens.load(threshold=-1).recipe()))()
        >>> again.threshold
        -1
        """
        if self._loaded is None:
            raise InputError(
                f"{self.model.name} was not loaded by qalens.load, so other processes cannot load it. Save it to a folder "
                "(model.save_pretrained, tokenizer.save_pretrained) and take qalens.load(folder)."
            )
        where = {"device": str(self.model.device), "dtype": self.model.dtype}
        return partial(load, **self._loaded, **where, **self.options)

    @contextmanager
    def using_threads(self, count: int | None) -> Iterator[int]:
        """Compute with a number of threads of the CPU for a while, as a context manager.

        Parameters
        ----------
        count : int or None
            How many threads; None leaves them as they are. It can change the last bits of a logit.

        Yields
        ------
        int
            How many there are.

        Examples
        --------
        >>> from qalens.testing import toy_model, toy_tokenizer
        >>> with Reader(toy_model(), toy_tokenizer()).using_threads(1) as count:
        ...     count
        1
        """
        before = torch.get_num_threads()
        if count is None or count == before:
            yield before
            return
        torch.set_num_threads(count)
        try:
            yield count
        finally:
            torch.set_num_threads(before)

    @property
    def _stages(self) -> Stages:
        """The stages of a reading, with the options as they are now."""
        return Stages(self.model, self.tokenizer, self.pair, ReadingOptions(**self.options))

    def _edits_of(self, reading: Reading, bar: Bar | None = None) -> ReadEdits:
        """What reads edits of a reading as it was read itself: with its longest answer and its null rule."""
        check_source(self.model, reading)
        as_then = {"max_answer_length": reading.max_answer_length, "null": reading.null}
        stages = replace(self._stages, options=ReadingOptions(**{**self.options, **as_then}))

        def read(edits: Iterable[Edit]) -> Iterator[Reading | FailedReading]:
            after = stages.read_edits(reading, edits)
            return after if bar is None else bar.counted(after, reads=True)

        return read

    def __getattr__(self, name: str) -> Any:
        hint = "" if name.startswith("_") else meant(name, dir(type(self)))
        raise AttributeError(f"{type(self).__name__} has no {name!r}.{hint}", name=name)

    def __repr__(self) -> str:
        return (
            f"Reader({self.model!r}, max_length={self.max_length}, stride={self.stride}, "
            f"max_answer_length={self.max_answer_length}, threshold={self.threshold:g})"
        )


def _asked(question: Any, context: Any) -> Any:
    """What there is to read: a question with its text, or a row that holds both."""
    if context is not None:
        return question, context
    if isinstance(question, Example):
        return question
    if isinstance(question, Mapping):
        return item_of(question, "The row")
    raise InputError(
        f"read needs a question and a text, reader.read(question, context), but got {shown(question)} and no text."
    )
