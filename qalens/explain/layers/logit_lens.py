"""The logit lens: what the question-answering head would predict after the embeddings, or after any layer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from qalens.errors import InputError, ModelError
from qalens.explain.attribution.embeddings import explaining
from qalens.explain.layers.blocks import find_blocks, hidden, skipped, watched, with_hidden
from qalens.explain.targets import check_source
from qalens.models.model import QAModel
from qalens.progress import HowFar, tell
from qalens.readings.reading import Reading
from qalens.records import Shown, read_only
from qalens.spans.decision import Decision, decide
from qalens.spans.distribution import SpanDistribution, SpanLogits, span_distribution

# The hidden states of all layers are held for one batch; that makes up for their number.
_SHARE_OF_BATCH = 4


@read_only
@dataclass(frozen=True, slots=True, eq=False)
class LayerTrace(Shown):
    """The logit lens of a reading: what the head predicts after each layer. Layer 0 is the embeddings.

    Made by `layer_trace`. All arrays are read-only.

    Attributes
    ----------
    reading : Reading
        The reading that was traced; the last layer predicts the same.
    start, end : ndarray of float32
        (layers + 1, W, T): the logits of the head after every layer.
    decisions : tuple of Decision
        (layers + 1): the `Decision` after every layer, at the threshold of the reading.
    null_score : ndarray of float64
        (layers + 1,): the null score that is used, in logits.
    no_answer_probability : ndarray of float64
        (layers + 1,): P(∅).
    answer_score, answer_probability : ndarray of float64
        (layers + 1,): score and probability of the reading's answer, or of its best span if it abstains; nan if the
        text has no span.

    Examples
    --------
    >>> import qalens
    >>> from qalens.testing import toy_model, toy_tokenizer
    >>> reader = qalens.Reader(toy_model(), toy_tokenizer())
    >>> reading = reader.read("Who kept the lamp?", "Ada kept the lamp. Tobias slept.")
    >>> trace = reader.logit_lens(reading)
    >>> len(trace), bool(abs(trace.margin[-1] - reading.margin) < 1e-4)
    (3, True)
    """

    reading: Reading
    start: NDArray[np.float32]
    end: NDArray[np.float32]
    decisions: tuple[Decision, ...]
    null_score: NDArray[np.float64]
    no_answer_probability: NDArray[np.float64]
    answer_score: NDArray[np.float64]
    answer_probability: NDArray[np.float64]

    def __post_init__(self) -> None:
        n = len(self.decisions)
        logits = (n, *self.reading.windows.role.shape)
        for name in (
            "start",
            "end",
            "null_score",
            "no_answer_probability",
            "answer_score",
            "answer_probability",
        ):
            array, shape = getattr(self, name), logits if name in ("start", "end") else (n,)
            if array.shape != shape:
                raise InputError(f"A trace of {n} layers needs {name} of shape {shape}, not {array.shape}.")
            array.flags.writeable = False

    def __len__(self) -> int:
        """How many layers the head was applied to, the embeddings included."""
        return len(self.decisions)

    @property
    def margin(self) -> NDArray[np.float64]:
        """(layers + 1,): the null margin, null score − score of the layer's best span, in logits."""
        return np.array([decision.margin for decision in self.decisions])

    @property
    def best_score(self) -> NDArray[np.float64]:
        """(layers + 1,): the score of the layer's best span, in logits; minus infinity if the text has no span."""
        return np.array([-np.inf if d.best is None else d.best.score for d in self.decisions])

    @property
    def answer_settles(self) -> int:
        """The first layer from which on the best span is that of the last layer."""
        spans = [None if d.best is None else d.best.span for d in self.decisions]
        return _settles([span == spans[-1] for span in spans])

    @property
    def answerability_settles(self) -> int:
        """The first layer from which on the decision between an answer and no answer is that of the last layer."""
        abstains = [d.answer is None for d in self.decisions]
        return _settles([a == abstains[-1] for a in abstains])

    def at(self, layer: int) -> Reading:
        """One layer as a `Reading`, without a model as its source.

        Parameters
        ----------
        layer : int
            The layer; −1 is the last one.

        Returns
        -------
        Reading

        Raises
        ------
        InputError
            For a layer that does not exist.
        """
        if not -len(self) <= layer < len(self):
            raise InputError(
                f"There is no layer {layer}; there are 0 (the embeddings) to {len(self) - 1} (the last)."
            )
        logits = SpanLogits(self.reading.windows, self.start[layer], self.end[layer])
        spans = _distribution(self.reading, logits)
        return replace(self.reading, logits=logits, spans=spans, decision=self.decisions[layer], source=None)

    def marginals(self, window: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The start and end marginals of one window after every layer, each a softmax over all its tokens.

        These are the head's own probabilities, of the question and special tokens as well; those of spans are in
        `at(layer).spans`.

        Parameters
        ----------
        window : int
            The index of the window.

        Returns
        -------
        tuple of (ndarray of float64, ndarray of float64)
            Two arrays (layers + 1, T), without padding.

        Raises
        ------
        InputError
            For a window that does not exist.
        """
        if not 0 <= window < len(self.reading.windows):
            raise InputError(f"There is no window {window}; there are 0 to {len(self.reading.windows) - 1}.")
        n = int(self.reading.windows.lengths[window])
        return _softmax(self.start[:, window, :n]), _softmax(self.end[:, window, :n])

    def __repr__(self) -> str:
        return (
            f"LayerTrace({len(self) - 1} layers: the answer settles at layer {self.answer_settles}, "
            f"answerability at layer {self.answerability_settles})"
        )


def layer_trace(model: QAModel, reading: Reading, *, batch_tokens: int | None = None) -> LayerTrace:
    """Apply the question-answering head after every layer: when does the answer appear, and when does it settle?

    Everything that the model computes between its last block and its logits (a norm, a dense layer, the head) is
    applied to the hidden states of every layer, the embeddings included, in all windows of the reading. The head was
    trained for the last layer alone. What it predicts from early ones is no bound on what they hold, in either
    direction: it may miss what they hold in another form, and be right by a bias that has nothing to do with the text
    (Belrose et al. 2023).

    Parameters
    ----------
    model : QAModel
        The model that made the reading.
    reading : Reading
        The reading.
    batch_tokens : int or None, default None
        Tokens of one batch; None takes a quarter of what suits the device for reading, since the hidden states of all
        layers are held for one batch.

    Returns
    -------
    LayerTrace

    Raises
    ------
    InputError
        For a reading of another model.
    ModelError
        For a model without recognisable blocks (see `find_blocks`), for one whose logits depend on more than its last
        block, and for logits that are not finite.

    Notes
    -----
    Time: one pass of the model over the windows, and for each layer the embeddings and the head once more. Memory
    beside the reading: 8 bytes for each token of a window and layer (100,000 characters and 12 layers: 4 MB), the
    hidden states of one batch, and the spans of one layer at a time.

    References
    ----------
    Nostalgebraist 2020, the logit lens; Belrose et al. 2023, "Eliciting Latent Predictions from Transformers with the
    Tuned Lens", on its limits; van Aken et al. 2019, "How Does BERT Answer Questions?".

    Examples
    --------
    >>> from qalens.reader import Reader
    >>> from qalens.testing import toy_model, toy_tokenizer
    >>> reader = Reader(toy_model(), toy_tokenizer())
    >>> trace = layer_trace(reader.model, reader.read("Who kept the lamp?", "Ada kept the lamp."))
    >>> len(trace), trace.at(-1).decision.best.span == trace.reading.decision.best.span
    (3, True)
    """
    check_source(model, reading)
    blocks = find_blocks(model)
    if batch_tokens is None:
        batch_tokens = model.batch_tokens // _SHARE_OF_BATCH
    with explaining(model, gradients=False):
        start, end = _logits_by_layer(model, blocks, reading, batch_tokens)
    return _trace(reading, start, end)


def _logits_by_layer(
    model: QAModel, blocks: Sequence[torch.nn.Module], reading: Reading, batch_tokens: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Start and end logits, (layers + 1, W, T) each."""
    windows = reading.windows
    W, T = windows.role.shape
    start = end = np.zeros((0, W, T), np.float32)
    padding = np.arange(T) >= windows.lengths[:, None]
    done = 0
    for rows in model.batches(windows, batch_tokens):
        done += len(rows)
        tell(HowFar(done, W, "window"))
        n = int(windows.lengths[rows].max())
        inputs = model.tensors({name: a[rows, :n] for name, a in windows.model_inputs.items()})
        by_layer = _batch_by_layer(model, blocks, inputs)
        if not len(start):
            start, end = (np.zeros((len(by_layer), W, T), np.float32) for _ in range(2))
        for layer, (s, e) in enumerate(by_layer):
            start[layer, rows, :n], end[layer, rows, :n] = s.float().cpu().numpy(), e.float().cpu().numpy()
    start[:, padding] = end[:, padding] = 0
    return start, end


def _batch_by_layer(
    model: QAModel, blocks: Sequence[torch.nn.Module], inputs: dict[str, torch.Tensor]
) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """For every layer start and end logits (B, T): the model once more, with its blocks giving that layer's states."""
    with model.alone(), watched(model, blocks) as calls:
        own = model.scores(inputs)
    last = calls.gave[-1]
    by_layer = []
    # What a block is given, not what the one before it gave: DeBERTa has a convolution between the first two.
    for states in (*calls.given, hidden(last)):
        with model.alone(), skipped(blocks, len(calls), with_hidden(last, states)):
            by_layer.append(model.scores(inputs))
    if not all(
        torch.allclose(a, b, rtol=1e-3, atol=1e-3, equal_nan=True)
        for a, b in zip(own, by_layer[-1], strict=True)
    ):
        raise ModelError(
            f"{model.name} has no logit lens: its logits do not follow from what its last block gives. Something else "
            f"reaches the head of {type(model.plain).__name__}, such as an earlier layer."
        )
    return by_layer


def _trace(reading: Reading, start: NDArray[np.float32], end: NDArray[np.float32]) -> LayerTrace:
    """The numbers of every layer; the spans of a long text are many, so those of one layer are let go before the next."""
    decisions, rows = [], []
    for layer, (s, e) in enumerate(zip(start, end, strict=True)):
        try:
            spans = _distribution(reading, SpanLogits(reading.windows, s, e))
        except ModelError as error:
            raise ModelError(f"Layer {layer}: {error}") from error
        decisions.append(decide(spans, threshold=reading.decision.threshold))
        rows.append((spans.null_score, spans.null_probability, *_followed(reading, spans)))
    null_score, no_answer, score, probability = (np.array(column) for column in zip(*rows, strict=True))
    return LayerTrace(
        reading=reading,
        start=start,
        end=end,
        decisions=tuple(decisions),
        null_score=null_score,
        no_answer_probability=no_answer,
        answer_score=score,
        answer_probability=probability,
    )


def _followed(reading: Reading, spans: SpanDistribution) -> tuple[float, float]:
    """Score and probability that some layer gives to the answer of the reading."""
    best = reading.decision.best
    found = None if best is None else spans.find(best.span.start, best.span.end)
    return (np.nan, np.nan) if found is None else (found.score, found.probability)


def _distribution(reading: Reading, logits: SpanLogits) -> SpanDistribution:
    return span_distribution(logits, max_answer_length=reading.max_answer_length, null=reading.null)


def _settles(as_at_last: Iterable[bool]) -> int:
    """The first place from which on all are true."""
    return max((place + 1 for place, same in enumerate(as_at_last) if not same), default=0)


def _softmax(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    """Along the last axis."""
    x = np.exp(logits.astype(np.float64) - logits.max(-1, keepdims=True))
    return x / x.sum(-1, keepdims=True)
