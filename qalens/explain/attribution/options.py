"""How to attribute: the options, checked before anything is computed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from numbers import Real
from typing import Any, Literal, get_args

from qalens.checks import is_whole
from qalens.errors import InputError, shown
from qalens.explain.attribution.record import Baseline, Method

Over = Literal["all", "question", "context"]
Part = Literal["word", "position", "segment"]
GRADIENTS = ("integrated_gradients", "input_x_gradient")


@dataclass(frozen=True, slots=True)
class Options:
    """Options of an attribution: what `Reader.attribute` takes beside the reading and the target.

    Attributes
    ----------
    method : Method, default "integrated_gradients"
        "integrated_gradients" (Sundararajan et al. 2017), "input_x_gradient", "occlusion" of one word at a time,
        "shapley" (sampled over words, Castro et al. 2009) or "layer_conductance" (Dhamdhere et al. 2018).
    baseline : Baseline or None, default None
        The embeddings of a word without information: "pad", the padding token, "mask", the mask token, "mean", the
        mean of all word embeddings, or "zero". None takes "pad", or "mean" if the tokenizer has no padding token;
        input × gradient always uses zeros.
    over : Over, default "all"
        Which words are varied; the others keep their embeddings and the value 0 (except for conductance, which is in
        a layer after the words were mixed, and has values at every token).
    parts : tuple of Part, default ("word",)
        Which parts of the embedding are varied: word, position and segment embeddings of the words. The baseline of
        the latter two is the mean of their tables (zeros with `baseline="zero"`).
    split : bool or None, default None
        Compute values through start and through end logits separately, for integrated gradients and input × gradient;
        None does so for a contrast.
    tolerance : float, default 0.05
        The relative completeness error (convergence delta) at which integrated gradients and conductance stop.
    max_points : int, default 513
        The most gradients along the path.
    agreement : bool or None, default None
        Also rank the words under the other baselines and measure how well the ranks agree (integrated gradients with
        few points, the others in full); None does so for integrated gradients and occlusion.
    samples : int, default 25
        Permutations of the words for Shapley values.
    seed : int, default 0
        Draws the permutations.
    layer : int or None, default None
        The layer of the conductance, from 0 on.

    Raises
    ------
    InputError
        For a value that cannot work.

    Examples
    --------
    >>> Options(method="occlusion").tolerance
    0.05
    """

    method: Method = "integrated_gradients"
    baseline: Baseline | None = None
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
        for name, known in (("method", Method), ("over", Over)):
            _check_choice(name, getattr(self, name), get_args(known))
        if self.baseline is not None:
            _check_choice("baseline", self.baseline, get_args(Baseline))
        if not isinstance(self.parts, tuple) or "word" not in self.parts:
            raise InputError(f'parts has to be a tuple that holds "word", but is {shown(self.parts)}.')
        for part in self.parts:
            _check_choice("parts", part, get_args(Part))
        if not isinstance(self.tolerance, Real) or not 0 < self.tolerance < math.inf:
            raise InputError(
                f"tolerance has to be a share above 0, for example 0.05, but is {shown(self.tolerance)}."
            )
        for name, least in (("max_points", 17), ("samples", 1), ("seed", 0)):
            _check_count(name, getattr(self, name), least)
        if self.split and self.method not in GRADIENTS:
            raise InputError(
                f"split needs one of the methods {', '.join(GRADIENTS)}, but method is {shown(self.method)}."
            )
        if len(self.parts) > 1 and self.method not in GRADIENTS:
            raise InputError(
                f'{self.method} varies whole words; parts has to be ("word",), but is {shown(self.parts)}.'
            )
        if (self.layer is None) == (self.method == "layer_conductance"):
            raise InputError(
                f'layer belongs to method="layer_conductance" and is needed there; method is {shown(self.method)} and layer is '
                f"{shown(self.layer)}."
            )
        if self.layer is not None:
            _check_count("layer", self.layer, 0)

    @property
    def name(self) -> str:
        """The method, with the options that differ from their defaults.

        Examples
        --------
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
        raise InputError(f"{name} has to be one of {', '.join(map(repr, known))}, but is {shown(value)}.")


def _check_count(name: str, value: object, least: int) -> None:
    if not is_whole(value, least):
        raise InputError(f"{name} has to be a whole number from {least} on, but is {shown(value)}.")


def options_of(method: Method, given: Mapping[str, Any]) -> Options:
    """The options that a user gave beside a method.

    Parameters
    ----------
    method : Method
        The method.
    given : mapping of str to object
        Other options by name.

    Returns
    -------
    Options

    Raises
    ------
    InputError
        For an unknown option and for a value that cannot work.

    Examples
    --------
    >>> options_of("occlusion", {"baseline": "mean"}).baseline
    'mean'
    """
    known = [f.name for f in fields(Options) if f.name != "method"]
    if unknown := sorted(set(given) - set(known)):
        raise InputError(
            f"There is no option {', '.join(unknown)} of an attribution; it has {', '.join(known)}."
        )
    return Options(method=method, **given)


def plans_of(methods: Sequence[Method | Options]) -> list[Options]:
    """The options of several methods that are ranked; a bare name takes the defaults, without agreement.

    Parameters
    ----------
    methods : sequence of Method or Options
        Names or options.

    Returns
    -------
    list of Options

    Examples
    --------
    >>> [plan.name for plan in plans_of(["occlusion", Options("shapley", samples=5)])]
    ['occlusion', 'shapley(samples=5)']
    """
    if isinstance(methods, str) or not methods:
        raise InputError(f"methods has to be a list of methods, but is {shown(methods)}.")
    return [m if isinstance(m, Options) else Options(m, agreement=False) for m in methods]


def working_baselines(blanks: Mapping[str, int]) -> tuple[Baseline, ...]:
    """The baselines that are available with a tokenizer.

    Parameters
    ----------
    blanks : mapping of str to int
        The ids of its tokens without information: {"pad": id, "mask": id}.

    Returns
    -------
    tuple of Baseline

    Examples
    --------
    >>> working_baselines({"mask": 4})
    ('mask', 'mean', 'zero')
    """
    needs_token = ("pad", "mask")
    return tuple(b for b in get_args(Baseline) if b not in needs_token or b in blanks)


def settled_baseline(asked: Baseline | None, blanks: Mapping[str, int]) -> Baseline:
    """The requested baseline; for None the padding token, or the mean if the tokenizer has none.

    Parameters
    ----------
    asked : Baseline or None
        The requested baseline, or None.
    blanks : mapping of str to int
        The ids of the tokenizer's tokens without information: {"pad": id, "mask": id}.

    Returns
    -------
    Baseline

    Raises
    ------
    InputError
        For a token that the tokenizer does not have.

    Examples
    --------
    >>> settled_baseline(None, {"pad": 0}), settled_baseline(None, {})
    ('pad', 'mean')
    """
    working = working_baselines(blanks)
    if asked is None:
        return "pad" if "pad" in working else "mean"
    if asked not in working:
        token = {"pad": "padding", "mask": "mask"}[asked]
        *some, last = (f'"{b}"' for b in working)
        raise InputError(
            f'The tokenizer has no {token} token; take baseline={", ".join(some)} or {last} instead of "{asked}".'
        )
    return asked
