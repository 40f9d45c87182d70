"""Attribution by gradients: integrated along a path from the baseline, or taken once at the input."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from qalens.errors import ModelError
from qalens.explain.attribution.problem import Found, Problem, check_finite, relative_error
from qalens.explain.attribution.quadrature import integrate
from qalens.explain.attribution.record import Baseline
from qalens.explain.targets import best_spans
from qalens.records import brief

# Gauss–Legendre points of a path that is only to rank words: a rank correlation is off by about 0.05 in the mean with them, and
# by 0.06 to 0.11 with half as many (benchmarks/explaining.py ranks).
RANKING_POINTS = 8


def _gradients(
    problem: Problem, parts: Mapping[str, torch.Tensor]
) -> tuple[list[tuple[torch.Tensor, ...]], NDArray[np.float64], list[NDArray[np.float64]]]:
    """Gradients of the target at B places by share and part, its values (B,), and the start and end logits (B, T).

    One forward pass, and one backward pass for start and end together; with `split` one for each, of what reaches the
    target through the start logits and through the end logits.
    """
    leaves = [x.detach().requires_grad_() for x in parts.values()]
    problem.count(len(leaves[0]))
    with torch.enable_grad():
        s, e = problem.window.scores(dict(zip(parts, leaves, strict=True)))
        if not (s.requires_grad and e.requires_grad):
            raise ModelError(
                f"{problem.model.name} computes its logits without gradients, which {problem.options.method} needs; "
                "occlusion and shapley do not."
            )
        ends = [x.detach().requires_grad_() for x in (s, e)]
        value = problem.function(*ends)
        check_finite(problem, value, problem.target.words)
        ds, de = torch.autograd.grad(value.sum(), ends, materialize_grads=True)
        if problem.split:
            shares = [_back(leaves, [(s, ds)], again=True), _back(leaves, [(e, de)])]
        else:
            shares = [_back(leaves, [(s, ds), (e, de)])]
    for share in shares:
        check_finite(
            problem, torch.stack([g.sum() for g in share]), f"gradient of the {problem.target.words}"
        )
    return shares, value.detach().cpu().numpy(), [x.detach().cpu().double().numpy() for x in (s, e)]


def _back(
    leaves: list[torch.Tensor], pairs: list[tuple[torch.Tensor, torch.Tensor]], *, again: bool = False
) -> tuple[torch.Tensor, ...]:
    """What flows back to the leaves from logits, each with what arrives at it; zeros where nothing does."""
    outputs, arriving = zip(*pairs, strict=True)
    found = torch.autograd.grad(outputs, leaves, arriving, retain_graph=again, materialize_grads=True)
    # The zeros that torch puts where nothing arrives may themselves ask for gradients.
    return tuple(gradient.detach() for gradient in found)


@brief
@dataclass(frozen=True, slots=True)
class Along:
    """What is found at K places on a path.

    Attributes
    ----------
    contributions : ndarray of float64
        (K, H, P, T): by share, part and token.
    magnitudes : ndarray of float64
        (K, T).
    values : ndarray of float64
        (K,): the target.
    best : ndarray of int64
        (K, 2): the first and last token of the best span.
    """

    contributions: NDArray[np.float64]
    magnitudes: NDArray[np.float64]
    values: NDArray[np.float64]
    best: NDArray[np.int64]


def along(
    problem: Problem, origins: Sequence[Mapping[str, torch.Tensor]], places: NDArray[np.float64]
) -> Along:
    """Gradient times way from each origin to the input, path after path.

    Parameters
    ----------
    problem : Problem
        The target and its window.
    origins : sequence of mapping of str to torch.Tensor
        N starting points, each (T, D) by part.
    places : ndarray of float64
        Places on each path, from 0 (the origin) to 1 (the input).

    Returns
    -------
    Along
        For K = N × places.
    """
    starts = {part: torch.stack([origin[part] for origin in origins]) for part in problem.parts}
    ways = {part: x - starts[part] for part, x in problem.parts.items()}
    path, places = np.repeat(np.arange(len(origins)), len(places)), np.tile(places, len(origins))
    rows, magnitudes, values, best = [], [], [], []
    for k in range(0, len(places), problem.batch):
        some = torch.as_tensor(path[k : k + problem.batch], device=problem.model.device)
        at = torch.as_tensor(places[k : k + problem.batch])[:, None, None]
        way = {part: x[some] for part, x in ways.items()}
        # Not every device has float64, so it is left before the way there.
        here = {part: starts[part][some] + at.to(x.dtype).to(x.device) * x for part, x in way.items()}
        shares, value, (s, e) = _gradients(problem, here)
        moved = [[g * x for g, x in zip(share, way.values(), strict=True)] for share in shares]
        rows.append([[m.sum(-1).cpu().double().numpy() for m in share] for share in moved])
        magnitudes.append(_lengths(moved))
        values.append(value)
        best.append(best_spans(problem.reading, problem.target.window, s, e))
    contributions = np.concatenate([np.moveaxis(np.array(row), 2, 0) for row in rows])
    return Along(contributions, np.concatenate(magnitudes), np.concatenate(values), np.concatenate(best))


def _check_flow(problem: Problem, contributions: NDArray[np.float64], values: NDArray[np.float64]) -> None:
    """Raise `ModelError` where the target changes and yet no gradient at all arrives: then something holds them back."""
    if not contributions.any() and np.ptp(values) > 0:
        raise ModelError(
            f"{problem.model.name} lets no gradients through: all of them are exactly 0, while the {problem.target.words} "
            f"changes by {np.ptp(values):.3g}. Quantized layers round, and rounding has no slope. occlusion and shapley "
            "need no gradients."
        )


def _lengths(moved: list[list[torch.Tensor]]) -> NDArray[np.float64]:
    """(B, T): the length of each token's contribution, over the coordinates of all parts; shares are added before."""
    parts = [torch.stack(of_part).sum(0) for of_part in zip(*moved, strict=True)]
    return torch.stack([p.square().sum(-1) for p in parts]).sum(0).sqrt().cpu().double().numpy()


def integrated_gradients(problem: Problem, baseline: Baseline) -> Found:
    """Gradients integrated along the straight path from the baseline to the input.

    Parameters
    ----------
    problem : Problem
        The target and its window.
    baseline : Baseline
        The embeddings without information.

    Returns
    -------
    Found

    References
    ----------
    Sundararajan et al. 2017, Axiomatic Attribution for Deep Networks.
    """
    origin = problem.baseline(baseline)
    best: dict[float, tuple[int, ...]] = {}
    magnitudes: dict[float, NDArray[np.float64]] = {}

    def gradients(places: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        visited = along(problem, [origin], places)
        _check_flow(problem, visited.contributions, visited.values)
        best.update(zip(places.tolist(), map(tuple, visited.best.tolist()), strict=True))
        magnitudes.update(zip(places.tolist(), visited.magnitudes, strict=True))
        return visited.contributions, visited.values

    options = problem.options
    path = integrate(gradients, tolerance=options.tolerance, max_points=options.max_points)
    elsewhere = np.array([best[p] != best[1.0] for p in path.points.tolist()])
    return Found(
        path.value,
        path.weights @ np.stack([magnitudes[p] for p in path.points.tolist()]),
        path.low,
        path.high,
        path.error,
        path.converged,
        other_span_share=float(path.weights @ elsewhere),
        baseline=baseline,
        errors=path.errors.sum((0, 1)),
    )


def rough_integrated_gradients(
    problem: Problem, baselines: Sequence[Baseline], points: int = RANKING_POINTS
) -> NDArray[np.float64]:
    """Integrated gradients from a few points, which rank the words roughly; the paths share their batches.

    Parameters
    ----------
    problem : Problem
        The target and its window.
    baselines : sequence of Baseline
        N embeddings without information.
    points : int, default 8
        The number of points on each path.

    Returns
    -------
    ndarray of float64
        (N, T).
    """
    places, weights = np.polynomial.legendre.leggauss(points)
    visited = along(problem, [problem.baseline(one) for one in baselines], (places + 1) / 2)
    found = visited.contributions.sum((1, 2))
    return weights / 2 @ found.reshape(len(baselines), len(places), -1)


def input_x_gradient(problem: Problem, baseline: Baseline) -> Found:
    """The gradient at the input times the embeddings.

    Parameters
    ----------
    problem : Problem
        The target and its window.
    baseline : Baseline
        Not used: the values always count from zeros.

    Returns
    -------
    Found

    References
    ----------
    Shrikumar et al. 2016.
    """
    # The gradient at the input alone, times the way from zeros: no baseline of the user's enters.
    visited = along(problem, [problem.baseline("zero")], np.ones(1))
    values = visited.contributions[0]
    low, high = problem.ends("zero")
    _check_flow(problem, values, np.array([low, high]))
    return Found(values, visited.magnitudes[0], low, high, relative_error(values, low, high))
