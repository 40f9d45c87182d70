"""One number of a reading as a function of the embeddings of its window, and what a method of attribution finds in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from qalens.errors import InputError, ModelError
from qalens.explain.attribution import Baseline
from qalens.explain.options import GRADIENTS, Options
from qalens.explain.passes import TargetFunction, WindowInput
from qalens.explain.quadrature import LEAST_CHANGE
from qalens.explain.targets import Target
from qalens.explain.words import Word, window_words
from qalens.model import QAModel
from qalens.reading import Reading
from qalens.windows import Role

_OVER = {"all": (Role.QUESTION, Role.CONTEXT), "question": (Role.QUESTION,), "context": (Role.CONTEXT,)}


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """What a method gives: values by share (start, end, or both at once), part and token, (H, P, T), and sizes (T,)."""

    values: NDArray[np.float64]
    sizes: NDArray[np.float64]
    baseline_value: float
    value: float
    error: float
    converged: bool | None = None
    detour: float | None = None
    baseline: Baseline | None = None


class Problem:
    """One target, its window as embeddings, and the baselines that they can be compared with.

    - `blanks`: {"pad": its id, "mask": its id}: the tokens without information that the tokenizer has
    - `batch_tokens`: tokens of one forward pass; None suits the device
    - `batch`: rows of one pass with gradients, which takes twice the memory
    - `passes`: how often the model ran, counting each row of a batch
    - `watch`: called with `passes` before each batch; what it raises ends the work
    """

    def __init__(
        self,
        model: QAModel,
        reading: Reading,
        target: Target,
        options: Options,
        *,
        blanks: Mapping[str, int],
        batch_tokens: int | None,
        watch: Callable[[int], None] | None = None,
    ):
        self.model, self.reading, self.target, self.options = model, reading, target, options
        self.blanks = blanks
        self.watch = watch
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
        self.split = asked and options.method in GRADIENTS
        self.passes = 0
        if batch_tokens is None:
            batch_tokens = model.batch_tokens
        self.batch = max(1, batch_tokens // 2 // T)

    def count(self, rows: int) -> None:
        """Tell the watcher what is done, then count the rows of the next batch."""
        if self.watch is not None:
            self.watch(self.passes)
        self.passes += rows

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
        return table[self.blanks[kind]]

    def as_batch(self) -> dict[str, torch.Tensor]:
        """{part: (1, T, D)}: the embeddings of the input."""
        return {part: x[None] for part, x in self.parts.items()}

    def value(self, parts: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """(B,): the target with embeddings (B, T, D) in the place of those parts, in their graph."""
        self.count(len(parts["word"]))
        value = self.function(*self.window.scores(parts))
        check_finite(self, value, self.target.words)
        return value

    def value_of_words(self, words: torch.Tensor) -> torch.Tensor:
        """(B,): the target with word embeddings (B, T, D) alone changed, as Captum's methods want it."""
        return self.value({"word": words})

    def word_sums(self, values: NDArray[np.float64]) -> list[float]:
        """The sum of the values (T,) of each word that is varied."""
        return [float(values[list(w.tokens)].sum()) for w in self.words if self.varied[w.tokens[0]]]

    def ends(self, kind: Baseline) -> tuple[float, float]:
        """The target at a baseline and at the input."""
        away = self.baseline(kind)
        both = {part: torch.stack([away[part], x]) for part, x in self.parts.items()}
        with torch.no_grad():
            low, high = self.value(both).tolist()
        return low, high


def check_finite(problem: Problem, found: torch.Tensor, words: str) -> None:
    """Raise `ModelError` for numbers that are nan or infinite; `words` say what they are."""
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


def relative_error(values: NDArray[np.float64], low: float, high: float) -> float:
    """The completeness error: how far a sum is from the change of the target, as a share of it."""
    return abs(float(values.sum()) - (high - low)) / max(abs(high - low), LEAST_CHANGE)
