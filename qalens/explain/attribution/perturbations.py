"""Attribution by taking words out: one at a time, or in many random orders, by Captum."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from qalens.explain.attribution.problem import Found, Problem, relative_error
from qalens.explain.attribution.record import Baseline


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


def occlusion(problem: Problem, baseline: Baseline) -> Found:
    """The change of the target when each word alone is replaced by the baseline.

    Parameters
    ----------
    problem : Problem
        The target and its window.
    baseline : Baseline
        The embeddings without information.

    Returns
    -------
    Found
    """
    from captum.attr import FeatureAblation

    features = _features(problem)
    with torch.no_grad():
        effects = FeatureAblation(problem.value_of_words).attribute(
            problem.parts["word"][None],
            baselines=problem.baseline(baseline)["word"][None],
            feature_mask=features,
            perturbations_per_eval=2 * problem.batch,
        )
    return _perturbed(problem, effects, features, baseline)


def shapley(problem: Problem, baseline: Baseline) -> Found:
    """The mean contribution of each word when the words are added in random orders, and its standard error.

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
    Castro et al. 2009, Polynomial calculation of the Shapley value based on sampling.
    """
    from captum.attr import ShapleyValueSampling

    features = _features(problem)
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        # That of the CPU alone: Captum draws there, and the states of other devices are not brought back.
        torch.default_generator.manual_seed(problem.options.seed)
        sampling = ShapleyValueSampling(problem.value_of_words)
        # One order at a time, since Captum gives the mean alone.
        orders = [
            sampling.attribute(
                problem.parts["word"][None],
                baselines=problem.baseline(baseline)["word"][None],
                feature_mask=features,
                n_samples=1,
                perturbations_per_eval=2 * problem.batch,
            ).double()
            for _ in range(problem.options.samples)
        ]
    found = _perturbed(problem, torch.stack(orders).mean(0), features, baseline)
    if len(orders) == 1:
        return found
    error = torch.stack(orders).std(0) / len(orders) ** 0.5
    return replace(found, errors=_by_token(problem, error, features)[0, 0])


def _perturbed(problem: Problem, effects: torch.Tensor, features: torch.Tensor, baseline: Baseline) -> Found:
    values = _by_token(problem, effects, features)
    low, high = problem.ends(baseline)
    error = relative_error(values, low, high)
    return Found(values, np.abs(values[0, 0]), low, high, error, baseline=baseline)
