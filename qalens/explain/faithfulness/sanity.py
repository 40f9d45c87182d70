"""Sanity checks of a method of attribution: does it need the trained weights, does it predict removals, is it stable?

Sources: weight randomisation after Adebayo et al. 2018, "Sanity Checks for Saliency Maps"; infidelity and max-sensitivity
after Yeh et al. 2019, "On the (In)fidelity and Sensitivity of Explanations", by Captum.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from numbers import Real
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from qalens.checks import is_whole
from qalens.errors import InputError, ModelError, shown
from qalens.explain.attribution.embeddings import explaining
from qalens.explain.attribution.methods import attribute, solved
from qalens.explain.attribution.options import Options, settled_baseline
from qalens.explain.attribution.problem import Problem
from qalens.explain.attribution.record import Attribution, rank_correlation
from qalens.explain.layers.blocks import find_blocks
from qalens.explain.targets import Target
from qalens.models.model import QAModel
from qalens.readings.reading import Reading
from qalens.records import brief

# The removals are drawn in so many groups, whose spread gives the error of their mean.
_GROUPS = 8


@brief
@dataclass(frozen=True, slots=True)
class RandomisedLayers:
    """An attribution with the layers from the head down to this one randomised, compared with that of the trained model.

    Attributes
    ----------
    layer : str
        "head" (with all weights outside the blocks and the embeddings), "layer 6", …, "layer 1", "embeddings".
    values : float
        Spearman rank correlation over the words with the values of the trained model; nan if one side is constant or
        the model gives nan.
    absolute : float
        The same with the absolute values.
    magnitudes : float
        The same with the magnitudes (L2 norms), `Attribution.magnitudes`.

    Examples
    --------
    >>> RandomisedLayers("head", 0.1, 0.3, 0.5).magnitudes
    0.5
    """

    layer: str
    values: float
    absolute: float
    magnitudes: float


@dataclass(frozen=True, slots=True, eq=False)
class SanityChecks:
    """The results of three sanity checks of an attribution.

    Made by `reader.sanity_checks`.

    Attributes
    ----------
    attribution : Attribution
        The one that was checked.
    randomised : tuple of RandomisedLayers
        From the head down to the embeddings, each with all layers above it randomised as well. A method that explains
        the model has correlations near 0 early; one that stays near 1 explains the input alone.
    infidelity : float
        The mean squared error, in logits squared, with which the values of removed words, added up, predict the
        change of the target.
    infidelity_error : float
        Its standard error over the sets of words drawn.
    infidelity_share : float
        The same relative to the mean squared change: 0 for a perfect prediction, 1 for one that is as good as
        predicting no change.
    sensitivity : float
        The largest relative change of the values (Euclidean norm) under small random changes of the embeddings; less
        is better, and more draws can only find more.
    removals, draws, radius, seed
        As in `sanity_checks`.

    Examples
    --------
    >>> import qalens
    >>> from qalens.testing import toy_model, toy_tokenizer
    >>> reader = qalens.Reader(toy_model(), toy_tokenizer())
    >>> reading = reader.read("Who kept the lamp?", "Ada kept the lamp. Tobias slept.")
    >>> checks = reader.sanity_checks(reading, method="input_x_gradient", removals=8, draws=2)
    >>> [one.layer for one in checks.randomised]
    ['head', 'layer 2', 'layer 1', 'embeddings']
    """

    attribution: Attribution
    randomised: tuple[RandomisedLayers, ...]
    infidelity: float
    infidelity_error: float
    infidelity_share: float
    sensitivity: float
    removals: int
    draws: int
    radius: float
    seed: int

    def __str__(self) -> str:
        lines = [f"{'randomised down to':<20}  values  |values|  magnitudes"]
        lines += [
            f"{one.layer:<20}  {one.values:+6.2f}  {one.absolute:+8.2f}  {one.magnitudes:+10.2f}"
            for one in self.randomised
        ]
        return "\n".join([repr(self), *lines])

    def __repr__(self) -> str:
        a = self.attribution
        return (
            f"SanityChecks({a.method}, {a.target.words}: infidelity {self.infidelity:.3g} ± {self.infidelity_error:.2g} "
            f"({self.infidelity_share:.0%} of the squared change), max-sensitivity {self.sensitivity:.2f} at radius "
            f"{self.radius:g})"
        )


def sanity_checks(
    model: QAModel,
    reading: Reading,
    target: Target,
    options: Options,
    *,
    pad_id: int | None = None,
    mask_id: int | None = None,
    removals: int = 64,
    draws: int = 10,
    radius: float = 0.05,
    seed: int = 0,
    batch_tokens: int | None = None,
) -> SanityChecks:
    """Run three sanity checks of a method on one target of a reading.

    The model itself is not changed; a second copy needs the same memory again.

    Parameters
    ----------
    model : QAModel
        The model that made the reading.
    reading : Reading
        The reading.
    target : Target
        The target.
    options : Options
        The method and its options.
    pad_id, mask_id, batch_tokens : int or None, default None
        As in `attribute`.
    removals : int, default 64
        Sets of words that are replaced by the baseline for the infidelity, each word with a probability that is drawn
        for the set.
    draws : int, default 10
        Random changes of the embeddings for the max-sensitivity, uniform within `radius` times the root mean square
        of a coordinate of the window's word embeddings.
    radius : float, default 0.05
        The largest change.
    seed : int, default 0
        Of the removals, the changes and the randomised weights; the weights of each parameter are permuted, in a copy
        of the model, so each keeps its distribution.

    Returns
    -------
    SanityChecks

    Raises
    ------
    InputError
        For options that cannot work.
    ModelError
        For a model whose layers cannot be told apart.

    References
    ----------
    Adebayo et al. 2018, Sanity Checks for Saliency Maps; Yeh et al. 2019, On the (In)fidelity and Sensitivity of
    Explanations.
    """
    _check(removals, draws, radius, seed)
    options = replace(options, agreement=False)
    ids: dict[str, Any] = {"pad_id": pad_id, "mask_id": mask_id, "batch_tokens": batch_tokens}
    own = attribute(model, reading, target, options, **ids)
    randomised = tuple(
        _against(own, layer, other, reading, options, ids) for layer, other in _randomised(model, seed)
    )
    blanks = {name: id for name, id in (("pad", pad_id), ("mask", mask_id)) if id is not None}
    with explaining(model, gradients=True):
        problem = Problem(model, reading, target, options, blanks=blanks, batch_tokens=batch_tokens)
        mean, error, share = _infidelity(problem, own, removals, seed)
        sensitivity = _sensitivity(problem, draws, radius, seed)
    return SanityChecks(own, randomised, mean, error, share, sensitivity, removals, draws, radius, seed)


def _check(removals: int, draws: int, radius: float, seed: int) -> None:
    for name, value, least in (("removals", removals, _GROUPS), ("draws", draws, 1), ("seed", seed, 0)):
        if not is_whole(value, least):
            raise InputError(f"{name} has to be a whole number from {least} on, but is {shown(value)}.")
    if not isinstance(radius, Real) or not 0 < radius < math.inf:
        raise InputError(f"radius has to be a number above 0, for example 0.05, but is {shown(radius)}.")


# --- weights that were never trained ------------------------------------------------------------------------------------


def _randomised(model: QAModel, seed: int) -> Iterator[tuple[str, QAModel]]:
    """A copy of the model after the weights of each layer, from the head down, were put in a random order."""
    other = QAModel(copy.deepcopy(model.module), name=model.name)
    generator = torch.Generator().manual_seed(seed)
    for layer, weights in _layers(other):
        with torch.no_grad():
            for weight in weights:
                flat = weight.reshape(-1)
                order = torch.randperm(len(flat), generator=generator).to(flat.device)
                weight.copy_(flat[order].reshape(weight.shape))
        yield layer, other


def _layers(model: QAModel) -> list[tuple[str, list[torch.nn.Parameter]]]:
    """The weights of a model from the head down to the embeddings, each of them once."""
    # Blocks that share their weights, as ALBERT's do, are randomised at the first of their names.
    blocks = list(dict.fromkeys(find_blocks(model)))
    inner = {id(p) for block in blocks for p in block.parameters()}
    table = model.embeddings["word"]
    beside = next(m for m in model.module.modules() if any(c is table for c in m.children()))
    embeddings = list(beside.parameters())
    if any(id(p) in inner for p in embeddings):  # the table hangs at the model itself
        embeddings = [p for part in model.embeddings.values() for p in part.parameters()]
    outer = {id(p) for p in embeddings}
    head = [p for p in model.module.parameters() if id(p) not in inner | outer]
    middle = [
        (f"layer {k}", list(block.parameters())) for k, block in reversed(list(enumerate(blocks, start=1)))
    ]
    return [("head", head), *middle, ("embeddings", embeddings)]


def _against(
    own: Attribution,
    layer: str,
    other: QAModel,
    reading: Reading,
    options: Options,
    ids: Mapping[str, Any],
) -> RandomisedLayers:
    """How the words rank with a randomised model, against the trained one."""
    try:
        found = attribute(other, reading, own.target, options, **ids)
    except ModelError:  # weights without training may overflow
        return RandomisedLayers(layer, math.nan, math.nan, math.nan)
    a, b = (_words(one) for one in (own, found))
    return RandomisedLayers(
        layer,
        rank_correlation(a[0], b[0]),
        rank_correlation(np.abs(a[0]), np.abs(b[0])),
        rank_correlation(a[1], b[1]),
    )


def _words(attribution: Attribution) -> NDArray[np.float64]:
    """(2, words): values and magnitudes of the words that were varied."""
    over = attribution.over
    words = [w for w in attribution.by_word() if over in ("all", w.role.name.lower())]
    return np.array([[w.value for w in words], [w.magnitude for w in words]])


# --- infidelity ---------------------------------------------------------------------------------------------------------


def _infidelity(problem: Problem, own: Attribution, removals: int, seed: int) -> tuple[float, float, float]:
    """The infidelity of the words' values, its standard error, and its share of the mean squared change."""
    from captum.metrics import infidelity

    presence = _Presence(problem, own)
    values = torch.as_tensor(_words(own)[0])[None]
    whole = torch.ones_like(values)
    found = []
    for k in range(_GROUPS):

        def removed(inputs: torch.Tensor, k: int = k) -> tuple[torch.Tensor, torch.Tensor]:
            rng = np.random.default_rng([seed, k])
            gone = rng.random(inputs.shape) < rng.random((len(inputs), 1))
            out = torch.as_tensor(gone, dtype=inputs.dtype)
            return out, inputs - out

        # Of no change as well: the same sets of words, which are known by then.
        found.append(
            [
                infidelity(presence, removed, whole, what, n_perturb_samples=removals // _GROUPS).item()
                for what in (values, torch.zeros_like(values))
            ]
        )
    (mean, change), error = np.mean(found, 0), np.std(found, 0, ddof=1)[0] / math.sqrt(_GROUPS)
    return float(mean), float(error), float(mean / change) if change else math.nan


class _Presence:
    """The target as a function of which words are there (B, words); the others are at the baseline."""

    def __init__(self, problem: Problem, own: Attribution):
        kind = settled_baseline(own.baseline or "zero", problem.blanks)
        self._problem = problem
        self._away = problem.baseline(kind)["word"]
        self._way = problem.parts["word"] - self._away
        words = [w for w in problem.words if problem.varied[w.tokens[0]]]
        self._holds = np.zeros((len(words), len(problem.roles)), bool)
        for row, word in zip(self._holds, words, strict=True):
            row[list(word.tokens)] = True
        self._known: dict[bytes, float] = {}

    def __call__(self, presence: torch.Tensor) -> torch.Tensor:
        rows = presence.numpy() > 0.5
        new = {row.tobytes(): row for row in rows if row.tobytes() not in self._known}
        size = self._problem.batch
        sets = list(new.values())
        for k in range(0, len(sets), size):
            tokens = torch.as_tensor(np.stack(sets[k : k + size]) @ self._holds, device=self._way.device)
            with torch.no_grad():
                value = self._problem.value_of_words(self._away + tokens[..., None] * self._way)
            for row, one in zip(sets[k : k + size], value.tolist(), strict=True):
                self._known[row.tobytes()] = one
        return torch.tensor([self._known[row.tobytes()] for row in rows], dtype=presence.dtype)


# --- sensitivity --------------------------------------------------------------------------------------------------------


def _sensitivity(problem: Problem, draws: int, radius: float, seed: int) -> float:
    """The largest relative change of the values under small changes of the embeddings."""
    from captum.metrics import sensitivity_max

    words: Any = problem.parts["word"]
    baseline = settled_baseline(problem.options.baseline, problem.blanks)
    varied = torch.as_tensor(problem.varied, device=words.device)[:, None]
    generator = torch.Generator().manual_seed(seed)

    def explained(inputs: Any) -> tuple[torch.Tensor]:
        # Captum gives a tuple or a tensor, and takes the rows of a tensor apart.
        (given,) = inputs if isinstance(inputs, tuple) else (inputs,)
        problem.parts["word"] = given[0]
        return (torch.as_tensor(solved(problem, baseline).values.sum((0, 1)))[None],)

    def changed(inputs: torch.Tensor, reach: float) -> torch.Tensor:
        noise = (2 * torch.rand(inputs.shape, generator=generator) - 1).to(inputs)
        return inputs + reach * varied * noise

    try:
        return float(
            sensitivity_max(
                explained,
                words[None],
                changed,
                perturb_radius=radius * float(words.square().mean().sqrt()),
                n_perturb_samples=draws,
                max_examples_per_batch=1,
            )
        )
    finally:
        problem.parts["word"] = words
