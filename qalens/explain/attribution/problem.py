"""One number of a reading as a function of the embeddings of its window, and what a method of attribution finds in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from qalens.errors import InputError, ModelError
from qalens.explain.attribution.embeddings import TargetFunction, WindowInput
from qalens.explain.attribution.options import GRADIENTS, Options
from qalens.explain.attribution.quadrature import LEAST_CHANGE
from qalens.explain.attribution.record import Baseline
from qalens.explain.targets import Target
from qalens.explain.words import Word, window_words
from qalens.models.model import QAModel
from qalens.readings.reading import Reading
from qalens.records import brief
from qalens.text.windows import Role

_OVER = {"all": (Role.QUESTION, Role.CONTEXT), "question": (Role.QUESTION,), "context": (Role.CONTEXT,)}


@brief
@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """The result of a method: values and magnitudes by token.

    `errors` (T,): how far each value may be off, by the points or the samples that it took; None where it takes
    neither.

    Attributes
    ----------
    values : ndarray of float64
        (H, P, T): by share (start, end, or both together), part and token.
    magnitudes : ndarray of float64
        (T,): the magnitude of each token.
    baseline_value, value : float
        The target at the baseline and at the input.
    error : float
        The completeness error (convergence delta).
    converged : bool or None, default None
        Whether the error is within the tolerance; None for a method that does not refine.
    other_span_share : float or None, default None
        The share of the path where another span scores best, or None.
    baseline : Baseline or None, default None
        The baseline, or None.
    errors : ndarray of float64 or None, default None
        (T,): the uncertainty of each value from the points or samples; None if the method uses neither.
    """

    values: NDArray[np.float64]
    magnitudes: NDArray[np.float64]
    baseline_value: float
    value: float
    error: float
    converged: bool | None = None
    other_span_share: float | None = None
    baseline: Baseline | None = None
    errors: NDArray[np.float64] | None = None


class Problem:
    """One target, its window as embeddings, and the baselines for them.

    `passes` counts the rows that went through the model. `batch` is the number of rows of a pass with gradients,
    which takes twice the memory.
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
        """Report progress to the watcher, then count the rows of the next batch.

        Parameters
        ----------
        rows : int
            The number of rows.
        """
        if self.watch is not None:
            self.watch(self.passes)
        self.passes += rows

    def baseline(self, kind: Baseline) -> dict[str, torch.Tensor]:
        """The embeddings without information; tokens that are not varied keep their own.

        Parameters
        ----------
        kind : Baseline
            The kind of baseline.

        Returns
        -------
        dict of str to torch.Tensor
            (T, D) by part.
        """
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
        """The embeddings of the input.

        Returns
        -------
        dict of str to torch.Tensor
            (1, T, D) by part.
        """
        return {part: x[None] for part, x in self.parts.items()}

    def value(self, parts: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """The target with other embeddings, in their graph.

        Parameters
        ----------
        parts : mapping of str to torch.Tensor
            Embeddings (B, T, D) by part.

        Returns
        -------
        torch.Tensor
            (B,).
        """
        self.count(len(parts["word"]))
        value = self.function(*self.window.scores(parts))
        check_finite(self, value, self.target.words)
        return value

    def value_of_words(self, words: torch.Tensor) -> torch.Tensor:
        """The target with other word embeddings, in the form that Captum expects.

        Parameters
        ----------
        words : torch.Tensor
            (B, T, D).

        Returns
        -------
        torch.Tensor
            (B,).
        """
        return self.value({"word": words})

    def word_sums(self, values: NDArray[np.float64]) -> list[float]:
        """The sum of the values of each word that is varied.

        Parameters
        ----------
        values : ndarray of float64
            (T,).

        Returns
        -------
        list of float
        """
        return [float(values[list(w.tokens)].sum()) for w in self.words if self.varied[w.tokens[0]]]

    def ends(self, kind: Baseline) -> tuple[float, float]:
        """The target at a baseline and at the input.

        Parameters
        ----------
        kind : Baseline
            The kind of baseline.

        Returns
        -------
        tuple of (float, float)
        """
        away = self.baseline(kind)
        both = {part: torch.stack([away[part], x]) for part, x in self.parts.items()}
        with torch.no_grad():
            low, high = self.value(both).tolist()
        return low, high


def check_finite(problem: Problem, found: torch.Tensor, words: str) -> None:
    """Check that numbers are finite.

    Parameters
    ----------
    problem : Problem
        The problem.
    found : torch.Tensor
        The numbers.
    words : str
        What they are, for the message.

    Raises
    ------
    ModelError
        For nan and infinity.
    """
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
    """The completeness error (convergence delta): `|sum − change of the target|` relative to the change.

    Parameters
    ----------
    values : ndarray of float64
        The values.
    low, high : float
        The target at the baseline and at the input.

    Returns
    -------
    float
    """
    return abs(float(values.sum()) - (high - low)) / max(abs(high - low), LEAST_CHANGE)
