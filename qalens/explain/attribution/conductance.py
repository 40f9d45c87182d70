"""Layer conductance: what flows to the target through each token's hidden states in one layer, by Captum."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from qalens.errors import InputError, ModelError, shown
from qalens.explain.attribution.embeddings import hooked
from qalens.explain.attribution.problem import Found, Problem, relative_error
from qalens.explain.attribution.record import Baseline
from qalens.explain.layers.blocks import find_blocks, hidden, with_hidden


def _block(problem: Problem) -> torch.nn.Module:
    """The block whose conductance is asked for."""
    blocks = find_blocks(problem.model)
    depth = getattr(getattr(problem.model.plain, "config", None), "num_hidden_layers", len(blocks))
    if depth != len(blocks):
        raise ModelError(
            f"{problem.model.name} runs {len(blocks)} block {depth} times, and the conductance of one of these runs cannot be "
            "told from the others."
        )
    k = problem.options.layer
    if k is None or not 0 <= k < len(blocks):
        raise InputError(
            f"layer has to be from 0 to {len(blocks) - 1} for {problem.model.name}, but is {shown(k)}."
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


def layer_conductance(problem: Problem, baseline: Baseline) -> Found:
    """The conductance of the layer that the options name, with more steps until it is complete.

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
    Dhamdhere et al. 2018, How Important Is a Neuron?; computed by Captum.
    """
    from captum.attr import LayerConductance

    block = _block(problem)
    low, high = problem.ends(baseline)
    steps = 16
    # Captum's hooks stay where they are from pass to pass.
    with problem.model.alone(), _tap(problem, block) as tap:
        conductance = LayerConductance(problem.value_of_words, tap)
        while True:
            found = conductance.attribute(
                problem.parts["word"][None],
                baselines=problem.baseline(baseline)["word"][None],
                n_steps=steps,
                method="gausslegendre",
                internal_batch_size=max(2, problem.batch),
            )
            states = found[0] if isinstance(found, tuple) else found
            states = states.detach()
            values = states.sum(-1).cpu().double().numpy()[None]
            error = relative_error(values, low, high)
            if error <= problem.options.tolerance or 2 * steps > problem.options.max_points:
                break
            steps *= 2
    magnitudes = states[0].norm(dim=-1).cpu().double().numpy()
    return Found(values, magnitudes, low, high, error, error <= problem.options.tolerance, baseline=baseline)
