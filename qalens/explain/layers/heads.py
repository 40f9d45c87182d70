"""Head ablation: what a reading would say if one attention head said nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import count
from typing import Any, Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray

from qalens.errors import InputError, ModelError, shown
from qalens.explain.attribution.embeddings import TargetFunction, explaining
from qalens.explain.layers.blocks import BlockCalls, find_blocks, hidden, skipped, watched, with_hidden
from qalens.explain.targets import (
    Contrast,
    SpanLike,
    Target,
    TargetName,
    check_source,
    resolve,
)
from qalens.models.model import QAModel
from qalens.readings.reading import Reading
from qalens.records import Shown, brief, read_only

Replacement = Literal["zero", "mean"]


@brief
@dataclass(frozen=True, slots=True)
class Head:
    """One attention head and the effect of ablating it.

    Attributes
    ----------
    layer, head : int
        Counted from 1.
    value : float
        The target without the head, in logits.
    change : float
        Its difference from the target with all heads.
    """

    layer: int
    head: int
    value: float
    change: float


@read_only
@dataclass(frozen=True, slots=True, eq=False)
class HeadAblation(Shown):
    """The target of an explanation with one attention head ablated, by layer and head.

    Made by `ablate_heads`. The array is read-only.

    Attributes
    ----------
    reading, target
        What was explained, and in which window.
    by : Replacement
        What replaced the head's output, "zero" or its "mean" over the tokens.
    value : float
        The target with all heads, in logits.
    values : ndarray of float64
        (layers, heads): the target without each head; row 0 is layer 1, the first after the embeddings.

    Examples
    --------
    >>> import qalens
    >>> from qalens.testing import toy_model, toy_tokenizer
    >>> reader = qalens.Reader(toy_model(), toy_tokenizer())
    >>> reading = reader.read("Who kept the lamp?", "Ada kept the lamp. Tobias slept.")
    >>> ablation = reader.ablate_heads(reading)
    >>> ablation.values.shape, len(ablation.strongest(3))
    ((2, 4), 3)
    """

    reading: Reading
    target: Target
    by: Replacement
    value: float
    values: NDArray[np.float64]

    def __post_init__(self) -> None:
        if self.values.ndim != 2 or not self.values.size:
            raise InputError(
                f"A map of heads needs values of shape (layers, heads), not {self.values.shape}."
            )
        self.values.flags.writeable = False

    @property
    def change(self) -> NDArray[np.float64]:
        """(layers, heads): value without the head − value with it; negative if the head contributes positively."""
        return self.values - self.value

    def strongest(self, k: int = 5) -> tuple[Head, ...]:
        """The heads whose ablation changes the target most, in either direction.

        Parameters
        ----------
        k : int, default 5
            How many; fewer are returned if there are fewer.

        Returns
        -------
        tuple of Head
        """
        if k < 0:
            raise InputError(f"strongest needs a number of heads from 0 on, but got {k}.")
        change = self.change
        order = np.argsort(-np.abs(change), axis=None, kind="stable")[:k]
        places = zip(*np.unravel_index(order, change.shape), strict=True)
        return tuple(
            Head(int(r) + 1, int(h) + 1, float(self.values[r, h]), float(change[r, h])) for r, h in places
        )

    def __repr__(self) -> str:
        layers, heads = self.values.shape
        (first,) = self.strongest(1)
        return (
            f"HeadAblation({layers} × {heads} heads by {self.by}, {self.target.words} = {self.value:.3f}: "
            f"head {first.layer}-{first.head} changes it most, by {first.change:+.3f})"
        )


def ablate_heads(
    model: QAModel,
    reading: Reading,
    *,
    target: TargetName | Literal["margin"] | Contrast = "answer",
    span: SpanLike | None = None,
    by: Replacement = "zero",
    batch_tokens: int | None = None,
    watch: Callable[[int], None] | None = None,
) -> HeadAblation:
    """Ablate one attention head at a time and measure how the target changes.

    Only the window of the target goes through the model; the logits of other windows are kept. Heads can compensate
    for each other, so the changes of single heads need not add up to that of all of them. In bfloat16 a change of
    less than 0.1 may be rounding.

    Parameters
    ----------
    model : QAModel
        The model that made the reading.
    reading : Reading
        The reading.
    target, span
        As in `targets.resolve`; also "margin", the null score − the score of the best span, both in the window of
        that span.
    by : Replacement, default "zero"
        What replaces the head's output: "zero", or "mean", its own mean over the tokens of the window, special tokens
        included, which keeps what is common to all tokens. In the literature mean ablation mostly takes the mean over
        a data set; this one needs none, and removes less.
    batch_tokens : int or None, default None
        Tokens of one batch; None chooses for the device. One pass carries many heads, each in its own row, and begins
        at the first layer that it changes.
    watch : callable or None, default None
        Called before each batch with the number of heads that are finished; an error that it raises ends the work.

    Returns
    -------
    HeadAblation

    Raises
    ------
    InputError
        For a reading of another model and for options that cannot work.
    ModelError
        For a model whose heads cannot be told apart (each attention in a block has to end in a torch.nn.Linear over
        all its heads side by side), and for a target that is not a number without one of them.

    References
    ----------
    Michel et al. 2019, "Are Sixteen Heads Really Better than One?", section 2.3.

    Examples
    --------
    >>> from qalens.reader import Reader
    >>> from qalens.testing import toy_model, toy_tokenizer
    >>> reader = Reader(toy_model(), toy_tokenizer())
    >>> ablate_heads(reader.model, reader.read("Who kept the lamp?", "Ada kept the lamp.")).values.shape
    (2, 4)
    """
    check_source(model, reading)
    if by not in get_args(Replacement):
        raise InputError(f'by has to be "zero" or "mean", but is {shown(by)}.')
    fixed = _resolve(reading, target, span)
    blocks = find_blocks(model)
    n_heads = _number_of_heads(model)
    if batch_tokens is None:
        batch_tokens = model.batch_tokens
    with explaining(model, gradients=False):
        whole = _whole_pass(model, blocks, reading, fixed.window, n_heads)
        number = TargetFunction(reading, fixed)
        value = float(number(*whole.scores))
        places = [(a, h) for a in range(len(whole.attentions)) for h in range(n_heads)]
        rows = max(1, batch_tokens // whole.length)
        values = []
        for k in range(0, len(places), rows):
            if watch is not None:
                watch(k)
            values.append(number(*_scores_without(model, blocks, whole, places[k : k + rows], n_heads, by)))
    table = torch.cat(values).cpu().numpy().reshape(-1, n_heads)
    _check_numbers(table)
    return HeadAblation(reading=reading, target=fixed, by=by, value=value, values=table)


def _resolve(
    reading: Reading, target: TargetName | Literal["margin"] | Contrast, span: SpanLike | None
) -> Target:
    if target != "margin":
        return resolve(reading, target, span=span)
    if span is not None:
        raise InputError(
            'The target "margin" is about the best span; leave span out, or take a Contrast(None, span).'
        )
    best = reading.decision.best
    if best is None:
        raise InputError("The text has no span that could be an answer, so its margin is infinite.")
    return resolve(reading, Contrast(None, best))


def _check_numbers(values: NDArray[np.float64]) -> None:
    if bad := np.argwhere(~np.isfinite(values)).tolist():
        layer, head = bad[0]
        raise ModelError(
            f"Without head {layer + 1}-{head + 1} the target is {values[layer, head]} ({len(bad)} such heads). In half "
            'precision that is often an overflow, and dtype="float32" avoids it.'
        )


def _number_of_heads(model: QAModel) -> int:
    heads = getattr(getattr(model.plain, "config", None), "num_attention_heads", None)
    if not isinstance(heads, int) or heads < 1:
        raise ModelError(
            f"{model.name} does not tell how many attention heads it has: {type(model.plain).__name__} needs a config "
            "with num_attention_heads."
        )
    return heads


# --- one pass as it is --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Attention:
    """One call of an attention: the linear map that ends it, and the number of the block call around it."""

    projection: torch.nn.Linear
    block: int


@dataclass(frozen=True, slots=True, eq=False)
class _WholePass:
    """One window through the model with all its heads."""

    inputs: dict[str, torch.Tensor]
    scores: tuple[torch.Tensor, torch.Tensor]
    calls: BlockCalls
    attentions: tuple[_Attention, ...]

    @property
    def length(self) -> int:
        """T, the tokens of the window."""
        return self.inputs["input_ids"].shape[1]


def _whole_pass(
    model: QAModel, blocks: Sequence[torch.nn.Module], reading: Reading, window: int, n_heads: int
) -> _WholePass:
    """Run the window once, and find in each attention the last linear map that runs."""
    n = int(reading.windows.lengths[window])
    arrays = {name: a[window : window + 1, :n] for name, a in reading.windows.model_inputs.items()}
    inputs = model.tensors(arrays)
    found: list[_Attention] = []
    inside: list[tuple[torch.nn.Linear, torch.Size]] = []

    def ran(linear: Any, args: tuple[Any, ...], _: Any) -> None:
        inside.append((linear, args[0].shape))

    def ended(attention: Any, *_: Any) -> None:
        found.append(_Attention(_projection(model, attention, inside, n, n_heads), len(calls.given) - 1))
        inside.clear()

    with model.alone(), watched(model, blocks) as calls, ExitStack() as stack:
        for attention in (part for block in dict.fromkeys(blocks) for part in _outermost_attentions(block)):
            for part in attention.modules():
                if isinstance(part, torch.nn.Linear):
                    stack.callback(part.register_forward_hook(ran).remove)
            stack.callback(attention.register_forward_hook(ended).remove)
        scores = model.scores(inputs)
    if not found:
        raise ModelError(
            f"{model.name} has no attention heads that can be taken out: no part of {type(blocks[0]).__name__} that is "
            "called attention or attn has run."
        )
    return _WholePass(inputs, scores, calls, tuple(found))


def _outermost_attentions(block: torch.nn.Module) -> Iterator[torch.nn.Module]:
    """The outermost parts of a block that are called an attention."""
    for name, part in block.named_children():
        if "attention" in name or "attn" in name:
            if any(part.children()):  # a norm before the attention may be called so as well
                yield part
        else:
            yield from _outermost_attentions(part)


def _projection(
    model: QAModel,
    attention: torch.nn.Module,
    inside: list[tuple[torch.nn.Linear, torch.Size]],
    T: int,
    n_heads: int,
) -> torch.nn.Linear:
    """The linear map that joins the heads, or `ModelError` where the last one in an attention cannot be it."""
    if inside:
        (first, _), (last, shape) = inside[0], inside[-1]
        # Query, key and value are as wide as all heads together, or three times that where they are one map.
        wide = last.in_features in (first.out_features, first.out_features / 3)
        if wide and last.in_features % n_heads == 0 and tuple(shape) == (1, T, last.in_features):
            return last
    raise ModelError(
        f"The heads of {model.name} cannot be taken out: qalens looks in {type(attention).__name__} for a torch.nn.Linear "
        f"that runs last, over the outputs of all {n_heads} heads side by side, and found "
        f"{f'one over {inside[-1][0].in_features} numbers' if inside else 'none'}. (Adapters have to be merged first, and quantized layers are none.)"
    )


# --- passes without a head ----------------------------------------------------------------------------------------------


def _scores_without(
    model: QAModel,
    blocks: Sequence[torch.nn.Module],
    whole: _WholePass,
    places: list[tuple[int, int]],
    n_heads: int,
    by: Replacement,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Start and end logits (B, T): in row b without the b-th of `places`, an attention and a head in it."""
    B = len(places)
    inputs = {name: one.expand(B, -1) for name, one in whole.inputs.items()}
    begin = whole.attentions[places[0][0]].block
    before = sum(a.block < begin for a in whole.attentions)
    attention = count(before)

    def without(_: Any, args: tuple[Any, ...]) -> Any:
        a = next(attention)
        rows = [(b, h) for b, (at, h) in enumerate(places) if at == a]
        return (_replaced(args[0], rows, n_heads, by), *args[1:]) if rows else None

    with model.alone(), ExitStack() as stack:
        for projection in dict.fromkeys(a.projection for a in whole.attentions):
            stack.callback(projection.register_forward_pre_hook(without).remove)
        if begin:
            gave = whole.calls.gave[begin - 1]
            stack.enter_context(skipped(blocks, begin, with_hidden(gave, hidden(gave).repeat(B, 1, 1))))
        return model.scores(inputs)


def _replaced(
    outputs: torch.Tensor, rows: list[tuple[int, int]], n_heads: int, by: Replacement
) -> torch.Tensor:
    """The outputs of all heads (B, T, heads · D), with the head h of row b replaced for each (b, h)."""
    heads = outputs.unflatten(-1, (n_heads, -1)).clone()
    for b, h in rows:
        heads[b, :, h] = 0.0 if by == "zero" else heads[b, :, h].mean(0)
    return heads.flatten(-2)
