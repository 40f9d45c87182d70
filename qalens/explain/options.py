"""How to attribute: the options, checked before anything is computed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from numbers import Real
from typing import Any, Literal, get_args

from qalens.errors import InputError
from qalens.explain.attribution import Baseline, Method

Over = Literal["all", "question", "context"]
Part = Literal["word", "position", "segment"]
GRADIENTS = ("integrated_gradients", "input_x_gradient")


@dataclass(frozen=True, slots=True)
class Options:
    """How to attribute: what `Reader.attribute` takes beside the reading and the target.

    - `method`: "integrated_gradients" (Sundararajan et al. 2017), "input_x_gradient", "occlusion" of one word at a time,
      "shapley" (sampled over words, Castro et al. 2009) or "layer_conductance" (Dhamdhere et al. 2018)
    - `baseline`: what a word without information is: "pad", the padding token, "mask", the mask token, "mean", the mean of
      all word embeddings, or "zero"; None takes "pad", or "mean" where the tokenizer has no padding token; input ×
      gradient always counts from zeros
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
            raise InputError(f'parts has to be a tuple that holds "word", but is {self.parts!r}.')
        for part in self.parts:
            _check_choice("parts", part, get_args(Part))
        if not isinstance(self.tolerance, Real) or not 0 < self.tolerance < math.inf:
            raise InputError(
                f"tolerance has to be a share above 0, for example 0.05, but is {self.tolerance!r}."
            )
        for name, least in (("max_points", 17), ("samples", 1), ("seed", 0)):
            _check_count(name, getattr(self, name), least)
        if self.split and self.method not in GRADIENTS:
            raise InputError(
                f"split needs one of the methods {', '.join(GRADIENTS)}, but method is {self.method!r}."
            )
        if len(self.parts) > 1 and self.method not in GRADIENTS:
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


def options_of(method: Method, given: Mapping[str, Any]) -> Options:
    """The options that a user named beside a method; an `InputError` for one that there is not.

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
    """The options of several methods that are to be ranked; a bare name takes the usual ones, without agreement.

    >>> [plan.name for plan in plans_of(["occlusion", Options("shapley", samples=5)])]
    ['occlusion', 'shapley(samples=5)']
    """
    if isinstance(methods, str) or not methods:
        raise InputError(f"methods has to be a list of methods, but is {methods!r}.")
    return [m if isinstance(m, Options) else Options(m, agreement=False) for m in methods]


def working_baselines(blanks: Mapping[str, int]) -> tuple[Baseline, ...]:
    """The baselines that there are with a tokenizer whose tokens without information are these: {"pad": id, "mask": id}.

    >>> working_baselines({"mask": 4})
    ('mask', 'mean', 'zero')
    """
    needs_token = ("pad", "mask")
    return tuple(b for b in get_args(Baseline) if b not in needs_token or b in blanks)


def settled_baseline(asked: Baseline | None, blanks: Mapping[str, int]) -> Baseline:
    """The baseline that is asked for; with None the padding token, or the mean where the tokenizer has none.

    Raises `InputError` for a token that the tokenizer does not have.

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
