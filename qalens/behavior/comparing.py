"""Several models on the same questions, from beginning to end."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qalens.behavior.model_comparison import (
    SCORES,
    ComparedModel,
    ModelComparison,
    ModelDifference,
    PartingQuestion,
    Score,
)
from qalens.behavior.report import BehaviorReport
from qalens.behavior.running import run
from qalens.behavior.simultaneous import (
    DEFAULT_RESAMPLES,
    contrasts_of,
    pairs_of,
    ranks,
    simultaneous_estimates,
)
from qalens.errors import InputError, shown
from qalens.evaluation.columns import By, Columns, columns, groups
from qalens.evaluation.confidence.calibration import calibration
from qalens.evaluation.data.inputs import read_examples
from qalens.evaluation.evaluate import evaluate
from qalens.evaluation.intervals import Estimate
from qalens.evaluation.report import Report
from qalens.evaluation.rows import ExampleRow
from qalens.progress import Bar


def compare_models(
    models: Mapping[str, Any],
    examples: Any = None,
    *,
    behavior: bool | Mapping[str, BehaviorReport] = True,
    score: Score = "F1",
    by: By = "text",
    resamples: int = DEFAULT_RESAMPLES,
    level: float = 0.95,
    seed: int = 0,
    progress: bool | None = None,
) -> ModelComparison:
    """Hold several models against each other on the same questions.

    Parameters
    ----------
    models
        {name: reader or `Report`}. Readers read `examples`; reports come as they are.
    examples
        Questions with gold answers, in any form that `qalens.evaluate` takes; needed where there is a reader.
    behavior
        True runs the built-in behaviour tests with every reader, False none; or {name: `BehaviorReport`}.
    score
        What ranks: "exact", "F1", "HasAns exact", "HasAns F1" or "NoAns exact".
    by
        What is resampled: "text" draws all questions of a text together, "title" those of an article, "question" each
        alone, which is only honest where questions do not share texts.
    resamples, level, seed
        Of the bootstrap; `level` is the chance that all intervals hold at once.
    progress
        Shows a bar; None only when it takes longer than two seconds.

    Returns
    -------
    ModelComparison
        Questions that are not in every report, or that one could not score, are left out.

    Raises
    ------
    InputError
        For fewer than two models, readers without examples, an unknown score, and where the models share no question.

    Examples
    --------
    >>> import qalens
    >>> reader = qalens.load()
    >>> report = qalens.evaluate(reader, qalens.datasets.sample())
    >>> found = compare_models({"as it is": report, "bolder": report.with_threshold(0.5)})
    >>> sorted(model.rank for model in found.models)
    [(1, 2), (1, 2)]
    """
    if not isinstance(models, Mapping) or len(models) < 2:
        raise InputError("A comparison needs at least two models, as {name: reader or Report}.")
    if score not in SCORES:
        raise InputError(f"score has to be one of {', '.join(map(repr, SCORES))}, but is {shown(score)}.")
    reports, speeds = _evaluated(models, examples, progress)
    shared = _shared(reports)
    tables = [columns(rows) for rows in shared]
    group = groups(shared[0], by)
    family = {"resamples": resamples, "level": level, "seed": seed}
    scores = [_scores(tables, name, group, family) for name in SCORES]
    above, below = _sides(tables, score)
    if not below.any():
        raise InputError(f"None of the questions counts for {shown(score)}; choose another score.")
    pairs = simultaneous_estimates(above, below, group, contrasts=contrasts_of(len(models)), **family)
    found = _behaviors(models, behavior, progress)
    names, placed = list(models), ranks(pairs, len(models))
    compared = (
        ComparedModel(
            name=name,
            report=Report(tuple(shared[k]), reports[k].source, reports[k].options),
            scores={one: column[k] for one, column in zip(SCORES, scores, strict=True) if column},
            rank=placed[k],
            calibration_error=_calibration_error(shared[k]),
            behavior=found.get(name),
            speed=speeds[k],
        )
        for k, name in enumerate(names)
    )
    return ModelComparison(
        models=tuple(compared),
        differences=tuple(
            ModelDifference(names[i], names[j], change)
            for (i, j), change in zip(pairs_of(len(names)), pairs, strict=True)
        ),
        parting=_parting(shared),
        score=score,
        questions=len(shared[0]),
        by=by,
        level=level,
    )


def _evaluated(
    models: Mapping[str, Any], examples: Any, progress: bool | None
) -> tuple[list[Report], list[float | None]]:
    """A report of each model, and how many questions each reader read in a second."""
    readers = [name for name, one in models.items() if not isinstance(one, Report)]
    for name in readers:
        if not hasattr(models[name], "read_many"):
            raise InputError(
                f"The model {shown(name)} is neither a reader nor a Report, but a {type(models[name]).__name__}."
            )
    if readers and examples is None:
        raise InputError(
            f"{shown(readers[0])} is a reader, and has nothing to read; give examples with gold answers."
        )
    # Once for all readers, since the examples may be an iterator.
    items = [item.example for item in read_examples(examples) if item.error is None] if readers else []
    reports: list[Report] = []
    speeds: list[float | None] = []
    for one in models.values():
        if isinstance(one, Report):
            reports.append(one)
            speeds.append(None)
            continue
        began = time.perf_counter()
        reports.append(evaluate(one, items, progress=progress))
        speeds.append(len(items) / (time.perf_counter() - began))
    return reports, speeds


def _behaviors(
    models: Mapping[str, Any], behavior: bool | Mapping[str, BehaviorReport], progress: bool | None
) -> dict[str, BehaviorReport]:
    """Behaviour reports by name of the model."""
    if isinstance(behavior, Mapping):
        if unknown := set(behavior) - set(models):
            raise InputError(f"There is no model {shown(sorted(unknown)[0])} for its behaviour report.")
        return dict(behavior)
    if not behavior:
        return {}
    with Bar(None, progress, "models") as bar:
        readers = {name: one for name, one in models.items() if not isinstance(one, Report)}
        return {name: run(reader, progress=False) for name, reader in bar.counted(readers.items())}


def _shared(reports: Sequence[Report]) -> list[list[ExampleRow]]:
    """The rows of the questions that all could score, in the order of the first report."""
    found = [{_key(row): row for row in report.rows if row.exact is not None} for report in reports]
    keys = [key for key in found[0] if all(key in other for other in found[1:])]
    if not keys:
        raise InputError(
            "The models share no question that all could score; a comparison needs the same questions with the same ids and "
            "known gold answers."
        )
    rows = [[one[key] for key in keys] for one in found]
    for first, *others in zip(*rows, strict=True):
        for other in others:
            if (first.question, first.text_id, first.golds) != (other.question, other.text_id, other.golds):
                raise InputError(
                    f"The id {shown(first.id)} belongs to different questions, texts or gold answers."
                )
    return rows


def _key(row: ExampleRow) -> tuple[str, ...]:
    return (row.question, row.text_id) if row.id is None else (row.id,)


def _sides(tables: Sequence[Columns], score: Score) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(N, M) and (N, M): what a score adds up over and under the line, for each question and model."""
    answerable = tables[0].answerable
    counts = {"HasAns": answerable, "NoAns": ~answerable}.get(
        score.split()[0], np.ones(len(answerable), bool)
    )
    below = np.repeat(counts.astype(float)[:, None], len(tables), axis=1)
    values = np.stack([table.f1 if score.endswith("F1") else table.exact for table in tables], axis=1)
    return values * below, below


def _scores(
    tables: Sequence[Columns], score: Score, group: NDArray[np.int64], family: Mapping[str, Any]
) -> tuple[Estimate, ...]:
    """One score of each model; none where no question counts for it."""
    above, below = _sides(tables, score)
    if not below.any():
        return ()
    # A score does not leave the scale from 0 to 100.
    found = simultaneous_estimates(above, below, group, **family)
    ends = [np.clip((one.low, one.high), 0, 100).tolist() for one in found]
    return tuple(replace(one, low=low, high=high) for one, (low, high) in zip(found, ends, strict=True))


def _calibration_error(rows: Sequence[ExampleRow]) -> float:
    if all(row.failed for row in rows):
        return float("nan")
    found = calibration(rows, temperature=None)["probability"].ece
    return float("nan") if found is None else found.value


def _parting(shared: Sequence[Sequence[ExampleRow]]) -> tuple[PartingQuestion, ...]:
    """Questions that some get right and others do not, the most even splits first."""
    found = [
        PartingQuestion(rows, tuple(row.exact == 1 for row in rows)) for rows in zip(*shared, strict=True)
    ]
    parting = [one for one in found if any(one.right) and not all(one.right)]
    return tuple(sorted(parting, key=lambda one: abs(2 * sum(one.right) - len(one.right))))
