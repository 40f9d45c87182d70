"""The front door: a model that answers questions about texts."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import torch

from qalens.batches import Stages, check_batch_tokens, length_limit
from qalens.decision import check_threshold
from qalens.documents import DocumentsReading, read_documents
from qalens.errors import InputError, QalensError
from qalens.explain.attribution import Attribution, FailedAttribution, Method
from qalens.explain.difference import ReadingDiff, compare
from qalens.explain.edits import Edit, Where
from qalens.explain.effects import ReadEdits, SentenceEffects, edit_reading, sentence_effects
from qalens.explain.faithfulness import Faithfulness, check_masking, faithfulness
from qalens.explain.flips import Flip, SmallestFlip, smallest_flip
from qalens.explain.heads import HeadAblation, Replacement, ablate_heads
from qalens.explain.layers import LayerTrace, layer_trace
from qalens.explain.many import each
from qalens.explain.masking import mask_token
from qalens.explain.methods import attribute
from qalens.explain.options import Options, options_of, plans_of
from qalens.explain.search import SmallestSentences, smallest_sentences
from qalens.explain.tables import FaithfulnessTable, table_of_outcomes
from qalens.explain.targets import Contrast, SpanLike, Target, TargetName, check_source, check_target, resolve
from qalens.memory import free_memory
from qalens.model import QAModel, load_checkpoint
from qalens.progress import Bar, number_of
from qalens.reading import FailedReading, Reading
from qalens.retrieval import Retriever, retrieve
from qalens.spans import DEFAULT_MAX_ANSWER_LENGTH, NullRule, check_span_options
from qalens.stability import Variant, variant_of
from qalens.tempered import tempered_model
from qalens.text import Example
from qalens.windows import BYTES_PER_CHARACTER, DEFAULT_MAX_LENGTH, PairTokenizer, check_geometry


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
    reader = Reader(model, tokenizer, **options)
    # A folder by its full path, since another process may stand elsewhere.
    place = str(Path(name).resolve()) if name is not None and Path(name).is_dir() else name
    reader._loaded = {"name": place, "revision": revision, "weights": weights}
    return reader


class Reader:
    """Reads texts for questions: a model, its tokenizer, and how to use them.

    - `model`: a torch module that returns start and end logits (or a `QAModel`), used on its device, in its dtype
    - `tokenizer`: the fast tokenizer that belongs to it
    - `max_length`: tokens of one window; None takes the smaller of 384 and the model's limit
    - `stride`: overlap of two windows in tokens; None takes the smaller of 128 and a third of `max_length`
    - `max_answer_length`: longest answer in tokens
    - `threshold`: no answer where the margin (null score − best score, in logits) is above it
    - `null`: which window's null score counts: "min" (as the SQuAD 2.0 scripts), "mean", "max"
    - `batch_tokens`: tokens of one batch with padding, half as many where gradients are taken; None suits the device
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
        limit = length_limit(self.model, tokenizer)
        self.max_length = min(DEFAULT_MAX_LENGTH, limit) if max_length is None else max_length
        self.stride = check_geometry(self._pair, self.max_length, stride)
        if self.max_length > limit:
            raise InputError(
                f"max_length {max_length} is more than the {limit} tokens that {self.model.name} can take."
            )
        check_span_options(max_answer_length, null)
        check_threshold(threshold)
        check_batch_tokens(batch_tokens)
        self.max_answer_length = max_answer_length
        self.threshold = threshold
        self.null: NullRule = null
        self.batch_tokens = batch_tokens
        self.max_memory = max_memory
        self._loaded: dict[str, Any] | None = None

    def read(self, question: str, context: str) -> Reading:
        """Read one text for one question and decide.

        The text may have any length. Raises `InputError` for a question or text that cannot be read, `ModelError`
        where the model gives no usable logits.

        >>> from qalens.testing import toy_model, toy_tokenizer
        >>> reading = Reader(toy_model(), toy_tokenizer()).read("Who kept the lamp?", "Ada kept the lamp.")
        >>> reading.spans.top(1)[0].text in "Ada kept the lamp."
        True
        """
        (reading,) = self._stages.read([(question, context)])
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
        with Bar(number_of(items), progress) as bar:
            yield from bar.counted(self._stages.read(items))

    def read_documents(
        self,
        question: str,
        documents: Iterable[Any],
        *,
        null: NullRule | None = None,
        progress: bool | None = None,
    ) -> DocumentsReading:
        """Read many documents for one question: one distribution over all their spans and no-answer, and one decision.

        - `documents`: strings, dicts with their text under "content", "text" or "context" (and "id", "meta"), Haystack's
          `Document`s, or a mix; any iterable
        - `null`: which null score counts, of all windows of all documents: "min", "mean" or "max"; None takes the
          reader's rule. With "min" one document that surely holds an answer is enough.

        All windows of all documents share sorted batches. A document that cannot be read, such as an empty one, has a
        `FailedReading` in its place and harms no other. Raises `InputError` for a question that cannot be read, where there
        is no document, and where none could be read.

        >>> from qalens.testing import toy_model, toy_tokenizer
        >>> reader = Reader(toy_model(), toy_tokenizer(), threshold=50)
        >>> reading = reader.read_documents("Who kept the lamp?", ["Tobias slept.", {"text": "Ada kept the lamp.", "id": "log"}])
        >>> reading.answer.text in reading.documents[reading.answer.document].text
        True
        """
        free = free_memory() if self.max_memory is None else self.max_memory
        return read_documents(
            self.read_many,
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

        - `index`: a `qalens.retrieval.Index`, or any object with `search(query, top_k)` that gives documents
        - `top_k`: how many documents to read
        - `null`, `progress`: as in `read_documents`

        What the retriever scored stands in `documents[d].score` and takes no part in any probability. Raises `InputError`
        where the retriever finds nothing, and as `read_documents` does.

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

        - `target`: "answer" (the score of the answer, or of the best span where the reading abstains), "start" or "end"
          (one of its two logits), "no_answer" (the logit of P(∅)), "null_score" (the score of no answer alone, whatever
          the spans have), or `Contrast(a, b)`: why this span and not that one, or not no-answer
        - `method`: "integrated_gradients", "input_x_gradient", "occlusion", "shapley", "layer_conductance"
        - `span`: another span than the answer, for the first three targets
        - `watch`: called before each batch with the number of rows that went through the model; what it raises ends it
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
        self, reading: Reading, attribution: Attribution, *, random_rankings: int = 20, seed: int = 0
    ) -> Faithfulness:
        """Test whether an attribution names the words that matter: mask them, or all others, and see the target change.

        Comprehensiveness, sufficiency, insertion and deletion curves, against `random_rankings` random orders of the same
        words, drawn with `seed`. Words are masked in place by the tokenizer's mask token; special tokens and the spans of
        the target itself are never masked. Raises `InputError` for an attribution of another reading or by other
        weights.

        >>> from qalens.testing import toy_model, toy_tokenizer
        >>> reader = Reader(toy_model(), toy_tokenizer())
        >>> reading = reader.read("Who kept the lamp?", "Ada kept the lamp.")
        >>> reader.faithfulness(reading, reader.attribute(reading)).comprehensiveness.shape
        (5,)
        """
        check_source(self.model, reading)
        (found,) = self._faithfulness(reading, [attribution], random_rankings, seed)
        return found

    def _faithfulness(
        self, reading: Reading, attributions: Sequence[Attribution], random_rankings: int, seed: int
    ) -> tuple[Faithfulness, ...]:
        return faithfulness(
            self.model,
            reading,
            attributions,
            mask_id=self.tokenizer.mask_token_id,
            random_rankings=random_rankings,
            seed=seed,
            batch_tokens=self.batch_tokens,
        )

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
        plans = plans_of(methods)
        check_target(target)
        check_masking(self.tokenizer.mask_token_id, random_rankings, seed)

        def test(given: Reading | FailedReading) -> tuple[Faithfulness, ...]:
            reading = check_source(self.model, given)
            settled = resolve(reading, target)
            found = [self._attribute(reading, settled, how) for how in plans]
            return self._faithfulness(reading, found, random_rankings, seed)

        with Bar(number_of(readings), progress, "readings") as bar:
            tested = [found for _, found in bar.counted(each(readings, test))]
        return table_of_outcomes(tested, names=[how.name for how in plans], seed=seed)

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
        watch: Callable[[int], None] | None = None,
    ) -> HeadAblation:
        """Take out one attention head at a time and see how a target changes: a map of layers × heads.

        - `target`, `span`: as in `attribute`; also "margin"
        - `by`: what stands in the place of the head's output: "zero", or "mean", its own mean over the tokens
        - `watch`: called before each batch with the number of heads that are done; what it raises ends it

        Raises `InputError` for a reading of another model, `ModelError` for a model whose heads cannot be told apart.

        >>> from qalens.testing import toy_model, toy_tokenizer
        >>> reader = Reader(toy_model(), toy_tokenizer())
        >>> reader.ablate_heads(reader.read("Who kept the lamp?", "Ada kept the lamp.")).values.shape
        (2, 4)
        """
        return ablate_heads(
            self.model, reading, target=target, span=span, by=by, batch_tokens=self.batch_tokens, watch=watch
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
        with Bar(None, progress, "readings") as bar:
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
        with Bar(None, progress, "readings") as bar:
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
        kept = self.options
        if unknown := sorted(set(options) - set(kept)):
            raise InputError(f"Reader has no option {', '.join(unknown)}; it has {', '.join(kept)}.")
        if "max_length" in options and "stride" not in options:
            kept["stride"] = None
        reader = Reader(self.model, self.tokenizer, **{**kept, **options})
        reader._loaded = self._loaded
        return reader

    def with_threshold(self, threshold: float) -> Reader:
        """The same reader with another no-answer threshold, in logits; the model is shared.

        `report.cross_fit()` and `report.cheapest_threshold()` of an evaluation choose one.

        >>> from qalens.testing import toy_model, toy_tokenizer
        >>> Reader(toy_model(), toy_tokenizer()).with_threshold(-1.5).threshold
        -1.5
        """
        return self.with_options(threshold=threshold)

    def with_temperature(self, temperature: float) -> Reader:
        """The same reader with all logits divided by a temperature, such as one that `report.temperature()` fitted.

        Above 1 it is less sure, below 1 surer. The threshold is divided too, so every decision stays; scores, margins and
        probabilities change. All weights but those of the head are shared. Raises `InputError` for what is no number
        above 0, `ModelError` for a model without a linear head.

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
        names = "max_length stride max_answer_length threshold null batch_tokens max_memory".split()
        return {name: getattr(self, name) for name in names}

    def recipe(self) -> Callable[[], Reader]:
        """What makes this reader again in another process: the call of `qalens.load` that it came from, ready to pickle.

        The options are those of this reader, the device and the dtype those of its model. Raises `InputError` for a reader
        that was put together from a model and a tokenizer, since another process could not load it.

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
        """Compute with so many threads of the CPU for a while; None leaves them as they are. Gives how many there are.

        The number of threads can change the last bits of a logit.

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
        return Stages(
            model=self.model,
            tokenizer=self.tokenizer,
            pair=self._pair,
            max_length=self.max_length,
            stride=self.stride,
            max_answer_length=self.max_answer_length,
            threshold=self.threshold,
            null=self.null,
            batch_tokens=self.batch_tokens,
            max_memory=self.max_memory,
        )

    def _edits_of(self, reading: Reading, bar: Bar | None = None) -> ReadEdits:
        """What reads edits of a reading as it was read itself: with its longest answer and its null rule."""
        check_source(self.model, reading)
        stages = replace(self._stages, max_answer_length=reading.max_answer_length, null=reading.null)

        def read(edits: Iterable[Edit]) -> Iterator[Reading | FailedReading]:
            after = stages.read_edits(reading, edits)
            return after if bar is None else bar.counted(after)

        return read

    def __repr__(self) -> str:
        return (
            f"Reader({self.model!r}, max_length={self.max_length}, stride={self.stride}, "
            f"max_answer_length={self.max_answer_length}, threshold={self.threshold:g})"
        )
