"""Results as a model card has them: Markdown tables, and the two forms in which the Hugging Face hub takes figures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qalens.behavior.definition import KINDS
from qalens.behavior.model_comparison import ModelComparison
from qalens.behavior.rates import Rate
from qalens.behavior.report import BehaviorReport
from qalens.errors import InputError, shown
from qalens.evaluation.report import Report


def comparison_markdown(comparison: ModelComparison) -> str:
    """The models of a comparison as a Markdown table, best value first.

    >>> import qalens
    >>> report = qalens.evaluate(qalens.load(), qalens.datasets.sample())
    >>> found = qalens.compare_models({"one": report, "other": report})
    >>> comparison_markdown(found).splitlines()[0].startswith("| model | rank | exact |")
    True
    """
    there = list(comparison.models[0].scores)
    lines = [
        [
            _text(one.name),
            one.rank_text,
            *(f"{s.value:.1f} [{s.low:.1f}, {s.high:.1f}]" for s in (one.scores[name] for name in there)),
            f"{one.calibration_error:.3f}",
            "–" if one.speed is None else f"{one.speed:.1f}",
        ]
        for one in comparison.ranked
    ]
    table = _table(["model", "rank", *there, "ECE", "questions/s"], lines)
    note = (
        f"{comparison.questions:,} questions; intervals of each score hold for all models at once at {comparison.level:.0%} "
        f"(multiplier bootstrap by {comparison.by}); ranks by {comparison.score}."
    )
    return f"{table}\n\n{note}\n"


def behavior_markdown(report: BehaviorReport) -> str:
    """The grid of a behaviour report as a Markdown table: percent of failed cases with their 95 % interval.

    >>> import qalens
    >>> report = qalens.behavior.run(qalens.load(), tests=["units"], cases=5)
    >>> print(behavior_markdown(report).splitlines()[0])
    | capability | minimum functionality | invariance | directional expectation | abstention |
    """
    rows = [[row[0].capability, *(_cell(cell.rate) for cell in row)] for row in report.grid()]
    return _table(["capability", *KINDS], rows) + "\n"


def behaviors_markdown(report: BehaviorReport) -> str:
    """The tests of a behaviour report as a Markdown table: what each tests, and percent of failed cases."""
    rows = [[_text(one.name), _text(one.about.sentence), _cell(one.failure_rate)] for one in report]
    return _table(["test", "what is tested", "failures"], rows) + "\n"


def eval_results(
    report: Report,
    *,
    dataset: str,
    task: str,
    score: str = "F1",
    date: str | None = None,
    source_url: str | None = None,
    notes: str | None = None,
) -> list[dict[str, Any]]:
    """A report as entries of the hub's `.eval_results/*.yaml`.

    Parameters
    ----------
    report
        What `qalens.evaluate` gave.
    dataset
        The data set on the hub, such as "rajpurkar/squad_v2".
    task
        The task within the benchmark, as its `eval.yaml` on the hub names it.
    score
        Which figure is the value: "F1" or "exact".
    date
        When it was measured, in ISO 8601; None takes the time of the commit.
    source_url
        Where the evaluation can be seen.
    notes
        How it was measured; None tells how many questions there were, and the options of the reader.

    Raises
    ------
    InputError
        For another score.

    References
    ----------
    https://huggingface.co/docs/hub/eval-results

    Examples
    --------
    >>> import qalens
    >>> report = qalens.evaluate(qalens.load(), qalens.datasets.sample())
    >>> entry, = eval_results(report, dataset="me/my-questions", task="default")
    >>> entry["dataset"]
    {'id': 'me/my-questions', 'task_id': 'default'}
    """
    if score not in ("F1", "exact"):
        raise InputError(f'score has to be "F1" or "exact", but is {shown(score)}.')
    scores = report.scores
    said = f"{score}, {scores.total:,} questions; {_options(report)}"
    entry: dict[str, Any] = {
        "dataset": {"id": dataset, "task_id": task},
        "value": round(scores.f1 if score == "F1" else scores.exact, 2),
    }
    if date is not None:
        entry["date"] = date
    if source_url is not None:
        entry["source"] = {"url": source_url}
    return [entry | {"notes": said if notes is None else notes}]


def model_index(
    name: str, report: Report, *, dataset: str, dataset_name: str, split: str | None = None
) -> list[dict[str, Any]]:
    """A report as the `model-index` of a model card's metadata.

    Parameters
    ----------
    name
        Of the model.
    report
        What `qalens.evaluate` gave.
    dataset, dataset_name, split
        The data set on the hub, how people call it, and the part that was read.

    References
    ----------
    https://github.com/huggingface/hub-docs/blob/main/modelcard.md

    Examples
    --------
    >>> import qalens
    >>> report = qalens.evaluate(qalens.load(), qalens.datasets.sample())
    >>> found = model_index("mine", report, dataset="me/my-questions", dataset_name="My questions")
    >>> found[0]["results"][0]["task"]["type"]
    'question-answering'
    """
    scores = report.scores
    place = {"type": dataset, "name": dataset_name} | ({} if split is None else {"split": split})
    metrics = [
        {"type": "exact_match", "value": round(scores.exact, 2), "name": "Exact match"},
        {"type": "f1", "value": round(scores.f1, 2), "name": "F1"},
    ]
    task = {"type": "question-answering", "name": "Question Answering"}
    return [{"name": name, "results": [{"task": task, "dataset": place, "metrics": metrics}]}]


def _options(report: Report) -> str:
    return ", ".join(f"{name} {value}" for name, value in report.options.items()) or "options not known"


def _cell(rate: Rate) -> str:
    if not rate.count:
        return "–"
    return f"{100 * rate.value:.0f} % [{100 * rate.low:.0f}, {100 * rate.high:.0f}] of {rate.count}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _text(given: str) -> str:
    """A text that Markdown takes as nothing but text, on one line."""
    plain = " ".join(given.split())
    for mark in "\\|`*_<>[]#&":
        plain = plain.replace(mark, f"\\{mark}")
    return plain
