"""A target attributed by the requested method, with its diagnostics."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

from qalens.errors import ModelError
from qalens.explain.attribution.conductance import layer_conductance
from qalens.explain.attribution.embeddings import explaining
from qalens.explain.attribution.gradients import (
    input_x_gradient,
    integrated_gradients,
    rough_integrated_gradients,
)
from qalens.explain.attribution.options import Options, settled_baseline, working_baselines
from qalens.explain.attribution.perturbations import occlusion, shapley
from qalens.explain.attribution.problem import Found, Problem, check_finite
from qalens.explain.attribution.record import (
    Attribution,
    Baseline,
    Diagnostics,
    answer_share,
    rank_correlation,
)
from qalens.explain.targets import Target
from qalens.models.model import QAModel
from qalens.readings.reading import Reading, Source

_RANKED_ANYWAY = ("integrated_gradients", "occlusion")
_METHODS: dict[str, Callable[[Problem, Baseline], Found]] = {
    "integrated_gradients": integrated_gradients,
    "input_x_gradient": input_x_gradient,
    "occlusion": occlusion,
    "shapley": shapley,
    "layer_conductance": layer_conductance,
}


def attribute(
    model: QAModel,
    reading: Reading,
    target: Target,
    options: Options,
    *,
    pad_id: int | None = None,
    mask_id: int | None = None,
    batch_tokens: int | None = None,
    watch: Callable[[int], None] | None = None,
) -> Attribution:
    """Attribute a resolved target of a reading to the tokens of its window.

    Parameters
    ----------
    model : QAModel
        The model that made the reading.
    reading : Reading
        The reading.
    target : Target
        The target, as `targets.resolve` returns it.
    options : Options
        The method and its options.
    pad_id, mask_id : int or None, default None
        The ids of the tokenizer's padding and mask tokens, for the baselines of these names; None if it has none.
    batch_tokens : int or None, default None
        Tokens of one forward pass, and half as many of one with gradients; None chooses for the device.
    watch : callable or None, default None
        Called before each batch with the number of rows that went through the model; an error that it raises ends the
        work.

    Returns
    -------
    Attribution

    Raises
    ------
    InputError
        For a baseline whose token the tokenizer does not have.
    ModelError
        For a model whose embeddings cannot be replaced, and for NaN on the way.

    Examples
    --------
    >>> from qalens.explain.attribution.options import Options
    >>> from qalens.explain.targets import resolve
    >>> from qalens.testing import toy_model, toy_tokenizer
    >>> import qalens
    >>> reader = qalens.Reader(toy_model(), toy_tokenizer())
    >>> reading = reader.read("Who kept the lamp?", "Ada kept the lamp.")
    >>> attribute(reader.model, reading, resolve(reading, "no_answer"), Options(agreement=False)).converged
    True
    """
    blanks = {name: id for name, id in (("pad", pad_id), ("mask", mask_id)) if id is not None}
    baseline = settled_baseline(options.baseline, blanks)
    with explaining(model, gradients=True):
        problem = Problem(
            model, reading, target, options, blanks=blanks, batch_tokens=batch_tokens, watch=watch
        )
        found = solved(problem, baseline)
        check_finite(problem, torch.as_tensor(found.values), "values")
        agreement = _agreement(problem, found)
    return _record(problem, found, agreement)


def solved(problem: Problem, baseline: Baseline) -> Found:
    """Run the method of a problem's options.

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
    return _METHODS[problem.options.method](problem, baseline)


def _agreement(problem: Problem, found: Found) -> dict[str, float]:
    """How the words rank under the other baselines: {baseline: Spearman correlation with the values found}."""
    method, wanted = problem.options.method, problem.options.agreement
    if found.baseline is None or not (method in _RANKED_ANYWAY if wanted is None else wanted):
        return {}
    others: list[Baseline] = [b for b in working_baselines(problem.blanks) if b != found.baseline]
    own = problem.word_sums(found.values.sum((0, 1)))
    return {
        other: math.nan if values is None else rank_correlation(own, problem.word_sums(values))
        for other, values in zip(others, _rough(problem, others), strict=True)
    }


def _rough(problem: Problem, baselines: list[Baseline]) -> list[NDArray[np.float64] | None]:
    """(T,) for each baseline: values that are good enough to rank words by; None where there are no numbers."""
    try:
        if problem.options.method == "integrated_gradients":
            return list(rough_integrated_gradients(problem, baselines))
        return [solved(problem, one).values.sum((0, 1)) for one in baselines]
    except ModelError:
        if len(baselines) == 1:
            return [None]
    # No numbers under one baseline harm those under the others.
    return [values for one in baselines for values in _rough(problem, [one])]


def _record(problem: Problem, found: Found, agreement: dict[str, float]) -> Attribution:
    options, reading, target = problem.options, problem.reading, problem.target
    w, T = target.window, len(problem.roles)
    values = found.values.sum((0, 1))
    start, end = found.values.sum(1) if problem.split else (None, None)
    diagnostics = Diagnostics(
        value=found.value,
        baseline_value=found.baseline_value,
        completeness_error=found.error,
        tolerance=options.tolerance,
        converged=found.converged,
        passes=problem.passes,
        other_span_share=found.other_span_share,
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
        magnitudes=found.magnitudes,
        parts=dict(zip(problem.parts, found.values.sum(0), strict=True)),
        words=problem.words,
        diagnostics=diagnostics,
        start_values=start,
        end_values=end,
        errors=found.errors,
        layer=options.layer,
        source=Source(problem.model.name, problem.model.fingerprint),
    )
