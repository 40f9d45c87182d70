"""The ways to attribute a target to the embeddings of its window."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from numbers import Real
from typing import Any, Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray

from qalens.errors import InputError, ModelError
from qalens.explain.attribution import (
    Attribution,
    Baseline,
    Method,
    Trust,
    answer_share,
    rank_correlation,
)
from qalens.explain.blocks import find_blocks, hidden, with_hidden
from qalens.explain.passes import TargetFunction, WindowInput, explaining, hooked
from qalens.explain.quadrature import LEAST_CHANGE, integrate
from qalens.explain.targets import Target, best_spans
from qalens.explain.words import Word, window_words
from qalens.model import BATCH_TOKENS, QAModel
from qalens.reading import Reading
from qalens.windows import Role

Over = Literal["all", "question", "context"]
Part = Literal["word", "position", "segment"]
_OVER = {"all": (Role.QUESTION, Role.CONTEXT), "question": (Role.QUESTION,), "context": (Role.CONTEXT,)}
_GRADIENTS = ("integrated_gradients", "input_x_gradient")
_RANKED_ANYWAY = ("integrated_gradients", "occlusion")
# Enough Gauss–Legendre points to put words in order, not to measure them.
_RANKING_POINTS = 8


@dataclass(frozen=True, slots=True)
class Options:
    """How to attribute: what `Reader.attribute` takes beside the reading and the target.

    - `method`: "integrated_gradients" (Sundararajan et al. 2017), "input_x_gradient", "occlusion" of one word at a time,
      "shapley" (sampled over words, Castro et al. 2009) or "layer_conductance" (Dhamdhere et al. 2018)
    - `baseline`: what a word without information is: the padding token, the mask token, the mean of all word embeddings,
      or zeros; input × gradient always counts from zeros
    - `over`: which words are varied; the others keep their embeddings and the value 0 (but conductance is in a layer to
      which the words have gone already, and has values at every token)
    - `parts`: which parts of the embedding are varied. Word, position and segment embeddings of the words; the baseline of
      the latter two is the mean of their tables (zeros with `baseline="zero"`)
    - `split`: values through start and through end logits apart, for integrated gradients and input × gradient; None does
      it for a contrast
    - `tolerance`: relative completeness error at which integrated gradients and conductance stop
    - `max_points`: gradients along the path at most
    - `agreement`: also rank the words under the other baselines and tell how well the ranks agree (integrated gradients
      with few points, the others in full); None does it for integrated gradients and occlusion
    - `samples`, `seed`: permutations of the words for Shapley values, and what they are drawn with
    - `layer`: the layer of the conductance, from 0 on

    Raises `InputError` for a value that cannot work.
    """

    method: Method = "integrated_gradients"
    baseline: Baseline = "pad"
    over: Over = "all"
    parts: tuple[Part, ...] = ("word",)
    split: bool | None = None
    tolerance: float = 0.05
    max_points: int = 513
    agreement: bool | None = None
    samples: int = 25
    seed: int = 0
    layer: int | None = None

    def __post_init__(self) -> None:
        for name, known in (("method", Method), ("baseline", Baseline), ("over", Over)):
            _check_choice(name, getattr(self, name), get_args(known))
        if not isinstance(self.parts, tuple) or "word" not in self.parts:
            raise InputError(f'parts has to be a tuple that holds "word", but is {self.parts!r}.')
        for part in self.parts:
            _check_choice("parts", part, get_args(Part))
        if not isinstance(self.tolerance, Real) or not 0 < self.tolerance < math.inf:
            raise InputError(
                f"tolerance has to be a share above 0, for example 0.05, but is {self.tolerance!r}."
            )
        for name, least in (("max_points", 17), ("samples", 1), ("seed", 0)):
            _check_count(name, getattr(self, name), least)
        if self.split and self.method not in _GRADIENTS:
            raise InputError(
                f"split needs one of the methods {', '.join(_GRADIENTS)}, but method is {self.method!r}."
            )
        if len(self.parts) > 1 and self.method not in _GRADIENTS:
            raise InputError(
                f'{self.method} varies whole words; parts has to be ("word",), but is {self.parts!r}.'
            )
        if (self.layer is None) == (self.method == "layer_conductance"):
            raise InputError(
                f'layer belongs to method="layer_conductance" and is needed there; method is {self.method!r} and layer is '
                f"{self.layer!r}."
            )
        if self.layer is not None:
            _check_count("layer", self.layer, 0)

    @property
    def name(self) -> str:
        """The method, with the options that are not the usual ones.

        >>> Options("occlusion", baseline="mask").name
        "occlusion(baseline='mask')"
        """
        usual = {f.name: f.default for f in fields(Options)} | {
            "method": self.method,
            "agreement": self.agreement,
        }
        other = {name: value for name in usual if (value := getattr(self, name)) != usual[name]}
        return f"{self.method}({', '.join(f'{k}={v!r}' for k, v in other.items())})" if other else self.method


def _check_choice(name: str, value: object, known: tuple[str, ...]) -> None:
    if value not in known:
        raise InputError(f"{name} has to be one of {', '.join(map(repr, known))}, but is {value!r}.")


def _check_count(name: str, value: object, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise InputError(f"{name} has to be a whole number from {least} on, but is {value!r}.")


def attribute(
    model: QAModel, reading: Reading, target: Target, options: Options, *, mask_id: int | None = None
) -> Attribution:
    """Attribute a settled target of a reading to the tokens of its window.

    `mask_id` is the id of the tokenizer's mask token, for the mask baseline. Raises `ModelError` where the embeddings of
    the model cannot be exchanged or it gives NaN on the way.

    >>> from qalens.explain.targets import resolve
    >>> from qalens.testing import toy_model, toy_tokenizer
    >>> import qalens
    >>> reader = qalens.Reader(toy_model(), toy_tokenizer())
    >>> reading = reader.read("Who kept the lamp?", "Ada kept the lamp.")
    >>> attribute(reader.model, reading, resolve(reading, "no_answer"), Options(agreement=False)).converged
    True
    """
    if options.baseline == "mask" and mask_id is None:
        raise InputError(
            'The tokenizer has no mask token; take baseline="pad", "mean" or "zero" instead of "mask".'
        )
    with explaining(model):
        problem = Problem(model, reading, target, options, mask_id)
        found = _METHODS[options.method](problem, options.baseline)
        _check_finite(problem, torch.as_tensor(found.values), "values")
        agreement = _agreement(problem, found)
    return _record(problem, found, agreement)


@dataclass(frozen=True, slots=True)
class _Found:
    """What a method gives: values by share (start, end, or both at once), part and token, (H, P, T)."""

    values: NDArray[np.float64]
    baseline_value: float
    value: float
    error: float
    converged: bool | None = None
    detour: float | None = None
    baseline: Baseline | None = None


class Problem:
    """One target, its window as embeddings, and the baseline that they are compared with."""

    def __init__(
        self, model: QAModel, reading: Reading, target: Target, options: Options, mask_id: int | None
    ):
        self.model, self.reading, self.target, self.options = model, reading, target, options
        self.mask_id = mask_id
        self.window = WindowInput(model, reading, target.window)
        self.function = TargetFunction(reading, target)
        T = self.window.shape[0]
        self.roles = reading.windows.role[target.window, :T]
        self.words: tuple[Word, ...] = window_words(reading.windows, target.window)
        self.varied = np.isin(self.roles, _OVER[options.over])
        if not self.varied.any():
            raise InputError(f"This window has no tokens of the {options.over}; there is nothing to vary.")
        missing = [part for part in options.parts if part not in self.window.parts]
        if missing:
            raise InputError(
                f"{model.name} has no {missing[0]} embeddings that can be exchanged; it has {', '.join(self.window.parts)}."
            )
        self.parts = {part: _wide(self.window.parts[part]) for part in options.parts}
        asked = target.name == "contrast" if options.split is None else options.split
        self.split = asked and options.method in _GRADIENTS
        self.passes = 0
        self.batch = max(1, BATCH_TOKENS.get(model.device.type, 4096) // 2 // T)

    def baseline(self, kind: Baseline) -> dict[str, torch.Tensor]:
        """{part: (T, D)}: the embeddings without information, those of tokens that stay as they are included."""
        stays = torch.as_tensor(~self.varied, device=self.model.device)[:, None]
        return {part: torch.where(stays, x, self._plain(part, kind)) for part, x in self.parts.items()}

    def _plain(self, part: str, kind: Baseline) -> torch.Tensor:
        table = _wide(self.model.embeddings[part].weight.detach())
        if kind == "zero":
            return torch.zeros_like(table[0])
        if kind == "mean" or part != "word":
            return table.mean(0)
        if kind == "pad":
            return table[self.reading.windows.padding["input_ids"]]
        return table[self.mask_id]

    def as_batch(self) -> dict[str, torch.Tensor]:
        """{part: (1, T, D)}: the embeddings of the input."""
        return {part: x[None] for part, x in self.parts.items()}

    def value(self, parts: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """(B,): the target with embeddings (B, T, D) in the place of those parts, in their graph."""
        self.passes += len(parts["word"])
        value = self.function(*self.window.scores(parts))
        _check_finite(self, value, self.target.words)
        return value

    def ends(self, kind: Baseline) -> tuple[float, float]:
        """The target at a baseline and at the input."""
        away = self.baseline(kind)
        both = {part: torch.stack([away[part], x]) for part, x in self.parts.items()}
        with torch.no_grad():
            low, high = self.value(both).tolist()
        return low, high


def _check_finite(problem: Problem, found: torch.Tensor, words: str) -> None:
    bad = found.detach()[~torch.isfinite(found)]
    if len(bad):
        raise ModelError(
            f"{problem.model.name} gives {float(bad[0])} for the {words} on the way "
            "to the baseline; nothing can be explained with that. In half precision that is often an overflow, and "
            'dtype="float32" avoids it.'
        )


def _wide(x: torch.Tensor) -> torch.Tensor:
    """At least float32: steps along a path would be lost in half precision."""
    return x if x.dtype == torch.float64 else x.float()


# --- gradients --------------------------------------------------------------------------------------------------------


def _gradients(
    problem: Problem, parts: Mapping[str, torch.Tensor]
) -> tuple[list[tuple[torch.Tensor, ...]], NDArray[np.float64], list[NDArray[np.float64]]]:
    """Gradients of the target at B places by share and part, its values (B,), and the start and end logits (B, T).

    One forward pass, and one backward pass for start and end together; with `split` one for each, of what reaches the
    target through the start logits and through the end logits.
    """
    leaves = [x.detach().requires_grad_() for x in parts.values()]
    problem.passes += len(leaves[0])
    with torch.enable_grad():
        s, e = problem.window.scores(dict(zip(parts, leaves, strict=True)))
        if not (s.requires_grad and e.requires_grad):
            raise ModelError(
                f"{problem.model.name} computes its logits without gradients, which {problem.options.method} needs; "
                "occlusion and shapley do not."
            )
        ends = [x.detach().requires_grad_() for x in (s, e)]
        value = problem.function(*ends)
        _check_finite(problem, value, problem.target.words)
        ds, de = torch.autograd.grad(value.sum(), ends, materialize_grads=True)
        if problem.split:
            shares = [_back(leaves, [(s, ds)], again=True), _back(leaves, [(e, de)])]
        else:
            shares = [_back(leaves, [(s, ds), (e, de)])]
    for share in shares:
        _check_finite(
            problem, torch.stack([g.sum() for g in share]), f"gradient of the {problem.target.words}"
        )
    return shares, value.detach().cpu().numpy(), [x.detach().cpu().double().numpy() for x in (s, e)]


def _back(
    leaves: list[torch.Tensor], pairs: list[tuple[torch.Tensor, torch.Tensor]], *, again: bool = False
) -> tuple[torch.Tensor, ...]:
    """What flows back to the leaves from logits, each with what arrives at it; zeros where nothing does."""
    outputs, arriving = zip(*pairs, strict=True)
    return torch.autograd.grad(outputs, leaves, arriving, retain_graph=again, materialize_grads=True)


@dataclass(frozen=True, slots=True)
class _Along:
    """Contributions (K, H, P, T) at K places on a path, the target there (K,), and its best spans there (K, 2)."""

    contributions: NDArray[np.float64]
    values: NDArray[np.float64]
    best: NDArray[np.int64]


def _along(problem: Problem, origin: Mapping[str, torch.Tensor], places: NDArray[np.float64]) -> _Along:
    """Gradient times way from `origin` to the input, at places from 0 (there) to 1 (the input)."""
    ways = {part: x - origin[part] for part, x in problem.parts.items()}
    rows, values, best = [], [], []
    for k in range(0, len(places), problem.batch):
        at = torch.as_tensor(places[k : k + problem.batch])[:, None, None]
        # Not every device has float64, so it is left before the way there.
        here = {part: origin[part] + at.to(way.dtype).to(way.device) * way for part, way in ways.items()}
        shares, value, (s, e) = _gradients(problem, here)
        rows.append(
            [
                [
                    (g * way).sum(-1).cpu().double().numpy()
                    for g, way in zip(share, ways.values(), strict=True)
                ]
                for share in shares
            ]
        )
        values.append(value)
        best.append(best_spans(problem.reading, problem.target.window, s, e))
    contributions = np.concatenate([np.moveaxis(np.array(row), 2, 0) for row in rows])
    return _Along(contributions, np.concatenate(values), np.concatenate(best))


def _integrated_gradients(problem: Problem, baseline: Baseline) -> _Found:
    origin = problem.baseline(baseline)
    best: dict[float, tuple[int, ...]] = {}

    def gradients(places: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        along = _along(problem, origin, places)
        best.update(zip(places.tolist(), map(tuple, along.best.tolist()), strict=True))
        return along.contributions, along.values

    options = problem.options
    path = integrate(gradients, tolerance=options.tolerance, max_points=options.max_points)
    elsewhere = np.array([best[p] != best[1.0] for p in path.points.tolist()])
    return _Found(
        path.value,
        path.low,
        path.high,
        path.error,
        path.converged,
        detour=float(path.weights @ elsewhere),
        baseline=baseline,
    )


def _input_x_gradient(problem: Problem, baseline: Baseline) -> _Found:
    # The gradient at the input alone, times the way from zeros: no baseline of the user's enters.
    along = _along(problem, problem.baseline("zero"), np.ones(1))
    values = along.contributions[0]
    low, high = problem.ends("zero")
    return _Found(values, low, high, _error(values, low, high))


def _error(values: NDArray[np.float64], low: float, high: float) -> float:
    return abs(float(values.sum()) - (high - low)) / max(abs(high - low), LEAST_CHANGE)


# --- perturbations and layers, by Captum ------------------------------------------------------------------------------


def _value_of_words(problem: Problem) -> Callable[[torch.Tensor], torch.Tensor]:
    """The target as a function of word embeddings (B, T, D) alone, as Captum's methods want it."""
    return lambda words: problem.value({"word": words})


def _features(problem: Problem) -> torch.Tensor:
    """(1, T, 1): the number of the word that each token belongs to; what is not varied is one more together."""
    T = len(problem.roles)
    varied = [w.tokens for w in problem.words if problem.varied[w.tokens[0]]]
    numbers = np.full(T, len(varied))
    for k, tokens in enumerate(varied):
        numbers[list(tokens)] = k
    # Captum counts the features from 0 without gaps.
    _, numbers = np.unique(numbers, return_inverse=True)
    return torch.as_tensor(numbers, device=problem.model.device)[None, :, None]


def _by_token(problem: Problem, effects: torch.Tensor, features: torch.Tensor) -> NDArray[np.float64]:
    """(1, 1, T): the effect of each word, shared evenly by its tokens; 0 where nothing was varied."""
    words = features[0, :, 0].cpu().numpy()
    values = effects[0, :, 0].cpu().double().numpy() / np.bincount(words)[words]
    return np.where(problem.varied, values, 0.0)[None, None]


def _occlusion(problem: Problem, baseline: Baseline) -> _Found:
    from captum.attr import FeatureAblation

    features = _features(problem)
    with torch.no_grad():
        effects = FeatureAblation(_value_of_words(problem)).attribute(
            problem.parts["word"][None],
            baselines=problem.baseline(baseline)["word"][None],
            feature_mask=features,
            perturbations_per_eval=2 * problem.batch,
        )
    return _perturbed(problem, effects, features, baseline)


def _shapley(problem: Problem, baseline: Baseline) -> _Found:
    from captum.attr import ShapleyValueSampling

    features = _features(problem)
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        # That of the CPU alone: Captum draws there, and the states of other devices are not brought back.
        torch.default_generator.manual_seed(problem.options.seed)
        effects = ShapleyValueSampling(_value_of_words(problem)).attribute(
            problem.parts["word"][None],
            baselines=problem.baseline(baseline)["word"][None],
            feature_mask=features,
            n_samples=problem.options.samples,
            perturbations_per_eval=2 * problem.batch,
        )
    return _perturbed(problem, effects, features, baseline)


def _perturbed(problem: Problem, effects: torch.Tensor, features: torch.Tensor, baseline: Baseline) -> _Found:
    values = _by_token(problem, effects, features)
    low, high = problem.ends(baseline)
    return _Found(values, low, high, _error(values, low, high), baseline=baseline)


def _block(problem: Problem) -> torch.nn.Module:
    """The block whose conductance is asked for."""
    blocks = find_blocks(problem.model)
    depth = getattr(getattr(problem.model.module, "config", None), "num_hidden_layers", len(blocks))
    if depth != len(blocks):
        raise ModelError(
            f"{problem.model.name} runs {len(blocks)} block {depth} times, and the conductance of one of these runs cannot be "
            "told from the others."
        )
    k = problem.options.layer
    if k is None or not 0 <= k < len(blocks):
        raise InputError(
            f"layer has to be from 0 to {len(blocks) - 1} for {problem.model.name}, but is {k!r}."
        )
    return blocks[k]


@contextmanager
def _tap(problem: Problem, block: torch.nn.Module) -> Iterator[torch.nn.Module]:
    """A module that the hidden states of a block run through as one tensor with the batch first, as Captum needs it."""
    T = len(problem.roles)
    seen: list[tuple[int, ...]] = []

    def look(_: Any, given: Any, output: Any) -> None:
        seen.append(tuple(getattr(hidden(output), "shape", ())))

    with hooked(block, look), torch.no_grad():
        problem.value(problem.as_batch())
    if [shape[:2] for shape in seen] not in ([(1, T)], [(T, 1)]):
        raise ModelError(
            f"{problem.model.name}: {type(block).__name__} does not give hidden states of {T} tokens once in a pass, but "
            f"something of the shapes {seen}; its conductance cannot be told."
        )
    # XLNet puts the tokens first and the batch second.
    turned = seen[0][0] == T
    tap = torch.nn.Identity()

    def through(_: Any, given: Any, output: Any) -> Any:
        states = hidden(output)
        return with_hidden(output, tap(states.transpose(0, 1)).transpose(0, 1) if turned else tap(states))

    with hooked(block, through):
        yield tap


def _layer_conductance(problem: Problem, baseline: Baseline) -> _Found:
    from captum.attr import LayerConductance

    block = _block(problem)
    low, high = problem.ends(baseline)
    steps = 16
    with _tap(problem, block) as tap:
        conductance = LayerConductance(_value_of_words(problem), tap)
        while True:
            found = conductance.attribute(
                problem.parts["word"][None],
                baselines=problem.baseline(baseline)["word"][None],
                n_steps=steps,
                method="gausslegendre",
                internal_batch_size=max(2, problem.batch),
            )
            states = found[0] if isinstance(found, tuple) else found
            values = states.detach().sum(-1).cpu().double().numpy()[None]
            error = _error(values, low, high)
            if error <= problem.options.tolerance or 2 * steps > problem.options.max_points:
                break
            steps *= 2
    return _Found(values, low, high, error, error <= problem.options.tolerance, baseline=baseline)


_METHODS: dict[str, Callable[[Problem, Baseline], _Found]] = {
    "integrated_gradients": _integrated_gradients,
    "input_x_gradient": _input_x_gradient,
    "occlusion": _occlusion,
    "shapley": _shapley,
    "layer_conductance": _layer_conductance,
}


# --- the record -------------------------------------------------------------------------------------------------------


def _agreement(problem: Problem, found: _Found) -> dict[str, float]:
    """How the words rank under the other baselines: {baseline: Spearman correlation with the values found}."""
    method, wanted = problem.options.method, problem.options.agreement
    if found.baseline is None or not (method in _RANKED_ANYWAY if wanted is None else wanted):
        return {}
    others: list[Baseline] = [
        b for b in get_args(Baseline) if b != found.baseline and (b != "mask" or problem.mask_id is not None)
    ]
    own = _word_sums(problem, found.values.sum((0, 1)))
    ranks = {}
    for other in others:
        try:
            ranks[other] = rank_correlation(own, _word_sums(problem, _rough(problem, other)))
        except ModelError:  # no numbers under that baseline harm those under this one
            ranks[other] = math.nan
    return ranks


def _rough(problem: Problem, baseline: Baseline) -> NDArray[np.float64]:
    """(T,): values under another baseline, good enough to rank words by."""
    if problem.options.method != "integrated_gradients":
        return _METHODS[problem.options.method](problem, baseline).values.sum((0, 1))
    places, weights = np.polynomial.legendre.leggauss(_RANKING_POINTS)
    along = _along(problem, problem.baseline(baseline), (places + 1) / 2)
    return weights / 2 @ along.contributions.sum((1, 2))


def _word_sums(problem: Problem, values: NDArray[np.float64]) -> list[float]:
    return [float(values[list(w.tokens)].sum()) for w in problem.words if problem.varied[w.tokens[0]]]


def _record(problem: Problem, found: _Found, agreement: dict[str, float]) -> Attribution:
    options, reading, target = problem.options, problem.reading, problem.target
    w, T = target.window, len(problem.roles)
    values = found.values.sum((0, 1))
    start, end = found.values.sum(1) if problem.split else (None, None)
    trust = Trust(
        value=found.value,
        baseline_value=found.baseline_value,
        completeness_error=found.error,
        tolerance=options.tolerance,
        converged=found.converged,
        passes=problem.passes,
        detour=found.detour,
        agreement=agreement,
        answer_share=answer_share(reading, target, values),
    )
    return Attribution(
        question=reading.question,
        context=reading.context,
        target=target,
        method=options.method,
        baseline=found.baseline,
        over=options.over,
        tokens=reading.windows.tokens[w, :T].copy(),
        roles=problem.roles.copy(),
        offsets=reading.windows.offsets[w, :T].copy(),
        values=values,
        parts=dict(zip(problem.parts, found.values.sum(0), strict=True)),
        words=problem.words,
        trust=trust,
        start_values=start,
        end_values=end,
        layer=options.layer,
        model=problem.model.name,
    )
