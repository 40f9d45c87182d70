"""The question-answering pipeline of transformers again, with a qalens `Reader` behind it.

transformers had it up to 5.2; later releases do not know the name, or refuse it. `register()` brings it back for this
process, and `unregister()` takes it away again; importing this module changes nothing.

>>> import transformers
>>> from qalens.integrations.transformers import register, unregister
>>> from qalens.testing import toy_model, toy_tokenizer
>>> register()
>>> nlp = transformers.pipeline("question-answering", model=toy_model(), tokenizer=toy_tokenizer(), device="cpu")
>>> sorted(nlp(question="Who kept the lamp?", context="Ada kept the lamp."))
['answer', 'end', 'score', 'start']
>>> unregister()
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
import transformers
from transformers import pipelines

from qalens.integrations.pipeline_answers import Found
from qalens.integrations.pipeline_inputs import example_of, inputs_of
from qalens.integrations.pipeline_options import PipelineOptions
from qalens.integrations.pipeline_readers import PipelineReader, pipeline_reader
from qalens.models.hub import BUNDLED
from qalens.models.model import QAModel
from qalens.reader import Reader
from qalens.readings.reading import FailedReading, Reading

__all__ = ["PipelineOptions", "QuestionAnsweringPipeline", "register", "unregister"]

log = logging.getLogger(__name__)

TASK = "question-answering"


class QuestionAnsweringPipeline(transformers.Pipeline):
    """Answers questions as `pipeline("question-answering")` did, from the readings of qalens.

    Made by `transformers.pipeline` after `register()`, or from a model and a tokenizer.

    Parameters
    ----------
    model : PreTrainedModel
        A model with a question-answering head.
    tokenizer : PreTrainedTokenizerFast
        The fast tokenizer that belongs to it.
    **options
        `device`, `batch_size` and all of `PipelineOptions`.

    Raises
    ------
    InputError
        For an unknown option or one that cannot work.
    ModelError
        For a model without a question-answering head.

    Examples
    --------
    >>> from qalens.testing import toy_model, toy_tokenizer
    >>> nlp = QuestionAnsweringPipeline(toy_model(), toy_tokenizer(), device="cpu", top_k=2)
    >>> [answer["answer"] in "Ada kept the lamp." for answer in nlp("Who kept the lamp?", "Ada kept the lamp.")]
    [True, True]
    """

    default_input_names = "question,context"
    _load_tokenizer = True
    _load_processor = False
    _load_image_processor = False
    _load_video_processor = False
    _load_feature_extractor = False

    def __init__(self, model: Any, tokenizer: Any = None, **options: Any):
        super().__init__(model, tokenizer, **options)
        self._qa_model = QAModel(self.model)
        if self._qa_model.dtype == torch.float16 and self._qa_model.device.type == "cpu":
            # What transformers loads where the weights are stored so and nothing else is asked for.
            log.warning(
                "The weights are in float16, which is slow on a CPU: dtype='float32' in the call of pipeline() is faster."
            )
        self._latest: tuple[Any, PipelineReader] | None = None
        self._reader_for(self._options({}), self._batch_size)

    def __call__(
        self,
        *given: Any,
        question: Any = None,
        context: Any = None,
        batch_size: int | None = None,
        num_workers: int | None = None,
        **options: Any,
    ) -> Any:
        """Answer questions about texts.

        - `given`: a dict with the keys question and context, a list of such dicts, a generator or data set of them, or
          question and text as two strings; pairs and `Example` objects are taken as well
        - `question`, `context`: the same by name, as strings or as lists; one text serves for all questions
        - `batch_size`: how many windows of full length go through the model together (more where they are shorter);
          None suits the device
        - `num_workers`: taken for the sake of old code; it changes nothing
        - `options`: those of `PipelineOptions`, for this call

        One question gives one answer: a dict with score, start, end and answer, or with `top_k` above 1 a list of such
        dicts, or with a `cut` a list of all answers. A list gives a list, also where it holds one question. A generator or data set gives an iterator; some
        hundred windows are read ahead, so that they share sorted batches.

        A single question that cannot be read raises an `InputError`. In a list or stream all others are answered, and in
        its place stands a dict whose four values are None, with the reason under "error".
        """
        settled = self._options(options)
        inputs = inputs_of(given, question, context)
        read = self._reader_for(settled, self._batch_size if batch_size is None else batch_size)
        readings = self._forward(map(self.preprocess, inputs.items), read)
        if inputs.kind == "single":
            (reading,) = readings
            if isinstance(reading, FailedReading):
                raise reading.error
            return self.postprocess(reading, settled, read)
        answers = (self.postprocess(reading, settled, read) for reading in readings)
        return answers if inputs.kind == "stream" else list(answers)

    @property
    def reader(self) -> Reader:
        """The qalens `Reader` behind the pipeline, with its default options."""
        return self._reader_for(self._options({}), self._batch_size).reader

    # transformers hands its options over by name; here they are one record.
    def preprocess(self, input_: Any) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Make an `Example` of one item, if it is one.

        Parameters
        ----------
        input_ : object
            An item that the pipeline was called with.

        Returns
        -------
        object
        """
        return example_of(input_)

    def _forward(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, input_tensors: Iterable[Any], read: PipelineReader
    ) -> Iterator[Reading | FailedReading]:
        return read.read(input_tensors)

    def postprocess(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, model_outputs: Reading | FailedReading, options: PipelineOptions, read: PipelineReader
    ) -> Any:
        """The answer of one reading as a dict, or with `top_k` above 1 or a `cut` its answers as a list of dicts.

        Parameters
        ----------
        model_outputs : Reading or FailedReading
            The reading.
        options : PipelineOptions
            The options.
        read : PipelineReader
            What made the reading.

        Returns
        -------
        object
        """
        if isinstance(model_outputs, FailedReading):
            answers = [_failed(model_outputs)]
        else:
            answers = [_as_dict(one, model_outputs.context) for one in read.answers(model_outputs, options)]
        if options.return_reading:
            for answer in answers:
                answer["reading"] = model_outputs
        return answers[0] if options.top_k == 1 and options.cut is None else answers

    def _sanitize_parameters(self, **given: Any) -> tuple[dict, dict, dict]:
        return {}, {}, {"options": PipelineOptions().with_changes(given)}

    def _options(self, given: dict[str, Any]) -> PipelineOptions:
        """What the pipeline was made with, and what one call changes."""
        return self._postprocess_params["options"].with_changes(given)

    def _reader_for(self, options: PipelineOptions, batch_size: int | None) -> PipelineReader:
        """What reads with these options; the latest is kept, since copying a large vocabulary takes its time."""
        names = ("max_seq_len", "doc_stride", "max_answer_len", "max_question_len")
        key = (*(getattr(options, name) for name in names), options.scores == "probability", batch_size)
        if self._latest is None or self._latest[0] != key:
            self._latest = key, pipeline_reader(self._qa_model, self.tokenizer, options, batch_size)
        return self._latest[1]


def _as_dict(found: Found, context: str) -> dict[str, Any]:
    return {
        "score": found.score,
        "start": found.start,
        "end": found.end,
        "answer": context[found.start : found.end],
    }


def _failed(reading: FailedReading) -> dict[str, Any]:
    nothing = dict.fromkeys(("score", "start", "end", "answer"))
    return {**nothing, "error": str(reading.error)}


@dataclass(frozen=True, slots=True)
class _Before:
    """What transformers held under the name before `register`: its refusal, its own pipeline; None where nothing."""

    refusal: str | None
    pipeline: Any


_before: _Before | None = None


def register() -> None:
    """Make `transformers.pipeline("question-answering")` work again, in this process, until `unregister`.

    Without a model, the pipeline takes the checkpoint that is bundled with qalens. A second call has no effect.

    Examples
    --------
    >>> register(); register()
    >>> "question-answering" in transformers.pipelines.get_supported_tasks()
    True
    >>> unregister()
    """
    global _before
    if _before is not None:
        return
    tasks = pipelines.PIPELINE_REGISTRY.supported_tasks
    _before = _Before(_refusals().pop(TASK, None), tasks.pop(TASK, None))
    pipelines.PIPELINE_REGISTRY.register_pipeline(
        TASK,
        pipeline_class=QuestionAnsweringPipeline,
        pt_model=transformers.AutoModelForQuestionAnswering,
        default={"model": (str(BUNDLED), "main")},
        type="text",
    )
    # With this mark a pipeline would be saved with its code beside the weights, and loaded only where that is trusted.
    delattr(QuestionAnsweringPipeline, "_registered_impl")


def unregister() -> None:
    """Remove the pipeline again and leave transformers as it was before `register`; without it, do nothing."""
    global _before
    if _before is None:
        return
    tasks = pipelines.PIPELINE_REGISTRY.supported_tasks
    del tasks[TASK]
    if _before.pipeline is not None:
        tasks[TASK] = _before.pipeline
    if _before.refusal is not None:
        _refusals()[TASK] = _before.refusal
    _before = None


def _refusals() -> dict[str, str]:
    """Names of pipelines that transformers refuses, with what it says; it has such a list from 5.19 on."""
    return getattr(pipelines, "REMOVED_TASKS", {})
