"""Attribution by gradients: integrated along a path from the baseline, or taken once at the input."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from qalens.errors import ModelError
from qalens.explain.attribution import Baseline
from qalens.explain.problem import Found, Problem, check_finite, relative_error
from qalens.explain.quadrature import integrate
from qalens.explain.targets import best_spans

# Enough Gauss–Legendre points to put words in order, not to measure them.
_RANKING_POINTS = 8


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
    return torch.autograd.grad(outputs, leaves, arriving, retain_graph=again, materialize_grads=True)


@dataclass(frozen=True, slots=True)
class _Along:
    """Contributions (K, H, P, T) at K places on a path, their sizes (K, T), the target (K,), and its best spans (K, 2)."""

    contributions: NDArray[np.float64]
    sizes: NDArray[np.float64]
    values: NDArray[np.float64]
    best: NDArray[np.int64]


def _along(problem: Problem, origin: Mapping[str, torch.Tensor], places: NDArray[np.float64]) -> _Along:
    """Gradient times way from `origin` to the input, at places from 0 (there) to 1 (the input)."""
    ways = {part: x - origin[part] for part, x in problem.parts.items()}
    rows, sizes, values, best = [], [], [], []
    for k in range(0, len(places), problem.batch):
        at = torch.as_tensor(places[k : k + problem.batch])[:, None, None]
        # Not every device has float64, so it is left before the way there.
        here = {part: origin[part] + at.to(way.dtype).to(way.device) * way for part, way in ways.items()}
        shares, value, (s, e) = _gradients(problem, here)
        moved = [[g * way for g, way in zip(share, ways.values(), strict=True)] for share in shares]
        rows.append([[m.sum(-1).cpu().double().numpy() for m in share] for share in moved])
        sizes.append(_lengths(moved))
        values.append(value)
        best.append(best_spans(problem.reading, problem.target.window, s, e))
    contributions = np.concatenate([np.moveaxis(np.array(row), 2, 0) for row in rows])
    return _Along(contributions, np.concatenate(sizes), np.concatenate(values), np.concatenate(best))


def _lengths(moved: list[list[torch.Tensor]]) -> NDArray[np.float64]:
    """(B, T): the length of each token's contribution, over the coordinates of all parts; shares are added before."""
    parts = [torch.stack(of_part).sum(0) for of_part in zip(*moved, strict=True)]
    return torch.stack([p.square().sum(-1) for p in parts]).sum(0).sqrt().cpu().double().numpy()


def integrated_gradients(problem: Problem, baseline: Baseline) -> Found:
    """Gradients integrated along the straight path from the baseline to the input (Sundararajan et al. 2017)."""
    origin = problem.baseline(baseline)
    best: dict[float, tuple[int, ...]] = {}
    sizes: dict[float, NDArray[np.float64]] = {}

    def gradients(places: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        along = _along(problem, origin, places)
        best.update(zip(places.tolist(), map(tuple, along.best.tolist()), strict=True))
        sizes.update(zip(places.tolist(), along.sizes, strict=True))
        return along.contributions, along.values

    options = problem.options
    path = integrate(gradients, tolerance=options.tolerance, max_points=options.max_points)
    elsewhere = np.array([best[p] != best[1.0] for p in path.points.tolist()])
    return Found(
        path.value,
        path.weights @ np.stack([sizes[p] for p in path.points.tolist()]),
        path.low,
        path.high,
        path.error,
        path.converged,
        detour=float(path.weights @ elsewhere),
        baseline=baseline,
    )


def rough_integrated_gradients(problem: Problem, baseline: Baseline) -> NDArray[np.float64]:
    """(T,): integrated gradients from a few points, good enough to rank words by."""
    places, weights = np.polynomial.legendre.leggauss(_RANKING_POINTS)
    along = _along(problem, problem.baseline(baseline), (places + 1) / 2)
    return weights / 2 @ along.contributions.sum((1, 2))


def input_x_gradient(problem: Problem, baseline: Baseline) -> Found:
    """The gradient at the input times the embeddings."""
    # The gradient at the input alone, times the way from zeros: no baseline of the user's enters.
    along = _along(problem, problem.baseline("zero"), np.ones(1))
    values = along.contributions[0]
    low, high = problem.ends("zero")
    return Found(values, along.sizes[0], low, high, relative_error(values, low, high))
