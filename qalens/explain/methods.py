"""A target attributed by the method that is asked for, with what tells whether to trust it."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

from qalens.errors import ModelError
from qalens.explain.attribution import Attribution, Baseline, Trust, answer_share, rank_correlation
from qalens.explain.conductance import layer_conductance
from qalens.explain.gradients import input_x_gradient, integrated_gradients, rough_integrated_gradients
from qalens.explain.options import Options, settled_baseline, working_baselines
from qalens.explain.passes import explaining
from qalens.explain.perturbations import occlusion, shapley
from qalens.explain.problem import Found, Problem, check_finite
from qalens.explain.targets import Target
from qalens.model import QAModel
from qalens.reading import Reading, Source

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
    """Attribute a settled target of a reading to the tokens of its window.

    - `pad_id`, `mask_id`: the ids of the tokenizer's padding and mask tokens, for the baselines of their names; None
      where it has no such token
    - `batch_tokens`: tokens of one forward pass, and half as many of one with gradients; None suits the device
    - `watch`: called before each batch with the number of rows that went through the model; what it raises ends the work

    Raises `InputError` for a baseline whose token the tokenizer does not have, `ModelError` where the embeddings of the
    model cannot be exchanged or it gives NaN on the way.

    >>> from qalens.explain.options import Options
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
        found = _METHODS[options.method](problem, baseline)
        check_finite(problem, torch.as_tensor(found.values), "values")
        agreement = _agreement(problem, found)
    return _record(problem, found, agreement)


def _agreement(problem: Problem, found: Found) -> dict[str, float]:
    """How the words rank under the other baselines: {baseline: Spearman correlation with the values found}."""
    method, wanted = problem.options.method, problem.options.agreement
    if found.baseline is None or not (method in _RANKED_ANYWAY if wanted is None else wanted):
        return {}
    others: list[Baseline] = [b for b in working_baselines(problem.blanks) if b != found.baseline]
    own = problem.word_sums(found.values.sum((0, 1)))
    ranks = {}
    for other in others:
        try:
            ranks[other] = rank_correlation(own, problem.word_sums(_rough(problem, other)))
        except ModelError:  # no numbers under that baseline harm those under this one
            ranks[other] = math.nan
    return ranks


def _rough(problem: Problem, baseline: Baseline) -> NDArray[np.float64]:
    """(T,): values under another baseline, good enough to rank words by."""
    if problem.options.method != "integrated_gradients":
        return _METHODS[problem.options.method](problem, baseline).values.sum((0, 1))
    return rough_integrated_gradients(problem, baseline)


def _record(problem: Problem, found: Found, agreement: dict[str, float]) -> Attribution:
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
        sizes=found.sizes,
        parts=dict(zip(problem.parts, found.values.sum(0), strict=True)),
        words=problem.words,
        trust=trust,
        start_values=start,
        end_values=end,
        layer=options.layer,
        source=Source(problem.model.name, problem.model.fingerprint),
    )
