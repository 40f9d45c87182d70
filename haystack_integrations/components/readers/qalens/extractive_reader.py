"""The extractive reader for Haystack 3, with qalens behind it."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from qalens.errors import InputError, MissingExtraError
from qalens.integrations.haystack import page_of, pick_distinct, surrounding
from qalens.integrations.haystack_options import (
    AS_MADE,
    OPTIONS,
    AsMade,
    ReaderOptions,
    Scores,
    checkpoint_options,
)
from qalens.text.examples import CharSpan

try:
    from haystack import Document, ExtractedAnswer, component, default_from_dict, default_to_dict, logging
    from haystack.utils import ComponentDevice, Secret
    from haystack.utils.hf import deserialize_hf_model_kwargs, serialize_hf_model_kwargs
except ImportError as error:
    raise MissingExtraError(
        'The reader for Haystack needs Haystack 3, which is not installed: pip install "qalens[haystack]".'
    ) from error

logger = logging.getLogger(__name__)


@component
class QALensExtractiveReader:
    """Find the answers to a question in documents, each with a probability that counts all documents and no answer.

    The arguments are those of `TransformersExtractiveReader`, and four more. Segment ids are passed to the model for
    either kind of scores.

    Parameters
    ----------
    model : Path, str or None, default None
        A folder or a hub name; None takes the checkpoint that is bundled with qalens.
    device : ComponentDevice or None, default None
        Where the model runs; None takes the best device.
    token : Secret or None
        A token for private models.
    top_k : int, default 20
        How many answers, not counting no answer.
    score_threshold : float or None, default None
        Only answers with at least this score.
    max_seq_length : int or None, default None
        Tokens of a window; None takes the smaller of 384 and what the model allows.
    stride : int or None, default None
        The overlap of two windows in tokens; None takes the smaller of 128 and a third of `max_seq_length` (128 with
        the old scores).
    max_batch_size : int or None, default None
        Full windows at a time; None chooses for the device.
    answers_per_seq : int or None, default None
        Candidates of each window; None is 20 with the old scores, and all with probabilities.
    no_answer : bool, default True
        Whether no answer is among the answers, with `data` None.
    calibration_factor : float, default 0.1
        Of the old scores alone.
    overlap_threshold : float or None, default 0.01
        An answer that shares more than this part of its characters with a better one is left out.
    model_kwargs : dict of str to object or None, default None
        `dtype` (or `torch_dtype`), `revision`, `use_safetensors`.
    scores : Scores, default "probability"
        "probability" is P(span) in one distribution over the spans of all documents and no answer, where no answer
        has the model's own null score. "haystack" gives the old scores, sigmoid(0.1 · (start + end)) and for no
        answer the product of 1 − score.
    max_answer_length : int, default 30
        The longest answer in tokens, with probabilities alone.
    context_characters : int, default 150
        How much text on either side of an answer its `context` has.
    cut : float or None, default None
        For questions with several answers: only places of at least this probability (between 0 and 1), as
        `DocumentsReading.answers` takes them, each with the probability of its place as its score, at most `top_k`. With
        probabilities alone; None takes the best `top_k` spans.

    Raises
    ------
    InputError
        For options that cannot work.

    Examples
    --------
    >>> from haystack import Document
    >>> reader = QALensExtractiveReader()
    >>> reader.run("Who kept the lamp?", [Document(content="Ada Marlow kept the lamp.")])["answers"][0].data
    'Ada Marlow'
    """

    def __init__(
        self,
        model: Path | str | None = None,
        device: ComponentDevice | None = None,
        token: Secret | None = Secret.from_env_var(["HF_API_TOKEN", "HF_TOKEN"], strict=False),  # noqa: B008
        top_k: int = 20,
        score_threshold: float | None = None,
        max_seq_length: int | None = None,
        stride: int | None = None,
        max_batch_size: int | None = None,
        answers_per_seq: int | None = None,
        no_answer: bool = True,
        calibration_factor: float = 0.1,
        overlap_threshold: float | None = 0.01,
        model_kwargs: dict[str, Any] | None = None,
        *,
        scores: Scores = "probability",
        max_answer_length: int = 30,
        context_characters: int = 150,
        cut: float | None = None,
    ) -> None:
        self.model = model if model is None else str(model)
        self.device = device
        self.token = token
        self.top_k = top_k
        self.score_threshold = score_threshold
        self.max_seq_length = max_seq_length
        self.stride = stride
        self.max_batch_size = max_batch_size
        self.answers_per_seq = answers_per_seq
        self.no_answer = no_answer
        self.calibration_factor = calibration_factor
        self.overlap_threshold = overlap_threshold
        self.model_kwargs = copy.deepcopy(model_kwargs)
        self.scores: Scores = scores
        self.max_answer_length = max_answer_length
        self.context_characters = context_characters
        self.cut = cut
        self._readers: Any = None
        self._options()
        checkpoint_options(model_kwargs)
        if device is not None and device.has_multiple_devices:
            raise InputError("The reader runs on one device, but several were given.")

    def _options(self) -> ReaderOptions:
        return ReaderOptions(**{name: getattr(self, name) for name in OPTIONS})

    def to_dict(self) -> dict[str, Any]:
        """The component as plain data for the YAML of a pipeline; a token only by the name of its variable.

        Returns
        -------
        dict of str to object
        """
        model_kwargs = copy.deepcopy(self.model_kwargs)
        if model_kwargs is not None:
            serialize_hf_model_kwargs(model_kwargs)
        return default_to_dict(
            self,
            model=self.model,
            device=self.device,
            token=self.token,
            model_kwargs=model_kwargs,
            **{name: getattr(self, name) for name in OPTIONS},
        )

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> QALensExtractiveReader:
        """Make the component from what `to_dict` returned.

        Parameters
        ----------
        data : dict of str to object
            The dictionary, which is not changed.

        Returns
        -------
        QALensExtractiveReader
        """
        data = copy.deepcopy(data)
        model_kwargs = data.get("init_parameters", {}).get("model_kwargs")
        if model_kwargs is not None:
            deserialize_hf_model_kwargs(model_kwargs)
        return default_from_dict(cls, data)

    def warm_up(self) -> None:
        """Load the model; a second call does nothing."""
        if self._readers is not None:
            return
        # Loading torch takes seconds, and a component that is only written down never needs it.
        from qalens.integrations.haystack_readings import Readers
        from qalens.models.loading import load_checkpoint
        from qalens.reader import Reader

        token = None if self.token is None else self.token.resolve_value()
        device = None if self.device is None else self.device.to_torch_str()
        model, tokenizer = load_checkpoint(
            self.model, device=device, token=token, **checkpoint_options(self.model_kwargs)
        )
        self._readers = Readers(Reader(model, tokenizer))

    @component.output_types(answers=list[ExtractedAnswer])
    def run(
        self,
        query: str,
        documents: list[Document],
        top_k: int | None = None,
        score_threshold: float | AsMade | None = AS_MADE,
        max_seq_length: int | None = None,
        stride: int | None = None,
        max_batch_size: int | AsMade | None = AS_MADE,
        answers_per_seq: int | AsMade | None = AS_MADE,
        no_answer: bool | None = None,
        overlap_threshold: float | AsMade | None = AS_MADE,
        cut: float | AsMade | None = AS_MADE,
    ) -> dict[str, Any]:
        """Answer a query from documents, best answer first, with no answer at its score.

        The options are those of the component, for this run. For options where None has a meaning, as "no threshold",
        it can be given; for `top_k`, `max_seq_length`, `stride` and `no_answer` None keeps the component's own. 0 is
        always 0.

        Parameters
        ----------
        query : str
            The question.
        documents : list of Document
            Haystack documents; one without text is left out with a warning.
        top_k, score_threshold, max_seq_length, stride, max_batch_size, answers_per_seq, no_answer, overlap_threshold, cut
            As for the component.

        Returns
        -------
        dict of str to object
            The answers under "answers".

        Raises
        ------
        InputError
            For a query that cannot be read.
        """
        asked = {
            "top_k": AS_MADE if top_k is None else top_k,
            "score_threshold": score_threshold,
            "max_seq_length": AS_MADE if max_seq_length is None else max_seq_length,
            "stride": AS_MADE if stride is None else stride,
            "max_batch_size": max_batch_size,
            "answers_per_seq": answers_per_seq,
            "no_answer": AS_MADE if no_answer is None else no_answer,
            "overlap_threshold": overlap_threshold,
            "cut": cut,
        }
        options = self._options().at_run_time(asked)
        if not isinstance(query, str):
            raise InputError(f"The query has to be a str, but is of type {type(query).__name__}.")
        if not documents:
            return {"answers": []}
        self.warm_up()
        from qalens.integrations.haystack_readings import old, probable

        find = old if options.scores == "haystack" else probable
        found = find(self._readers, query, documents, options)
        for d, reason in found.left_out:
            logger.warning("Document {id} was left out. {reason}", id=documents[d].id, reason=str(reason))
        return {"answers": _answers(query, documents, found, options)}


def _answers(
    query: str, documents: Sequence[Document], found: Any, options: ReaderOptions
) -> list[ExtractedAnswer]:
    """The answers of a `haystack_readings.Found`."""
    picked = pick_distinct(
        found.candidates, options.top_k, options.overlap_threshold, same=[one.id for one in documents]
    )
    answers = []
    for d, s in picked:
        group = found.candidates[d]
        span = CharSpan(int(group.start[s]), int(group.end[s]))
        answers.append(_answer(query, documents[d], span, float(group.score[s]), options))
    if options.no_answer:
        score = found.no_answer([answer.score for answer in answers])
        answers.append(ExtractedAnswer(query=query, score=score, data=None, meta={}))
    answers.sort(key=lambda answer: -answer.score)
    least = options.score_threshold
    return [answer for answer in answers if least is None or answer.score >= least]


def _answer(
    query: str, document: Document, span: CharSpan, score: float, options: ReaderOptions
) -> ExtractedAnswer:
    """An answer of a document that was read, so its content is a str."""
    text = str(document.content)
    context, place = surrounding(text, span, options.context_characters)
    meta = dict(document.meta)
    page = meta.get("page_number")
    if isinstance(page, int) and not isinstance(page, bool):
        meta["answer_page_number"] = page_of(text, span.start, page)
    return ExtractedAnswer(
        query=query,
        score=score,
        data=span.of(text),
        document=document,
        context=context,
        document_offset=ExtractedAnswer.Span(span.start, span.end),
        context_offset=ExtractedAnswer.Span(place.start, place.end),
        meta=meta,
    )
