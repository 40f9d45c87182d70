"""Figures of behaviour tests and of several models."""

from __future__ import annotations

import pytest
from planted_rows import row

import qalens
from qalens import behavior, plots
from qalens.errors import InputError
from qalens.evaluation.report import report_of
from qalens.testing import toy_model, toy_tokenizer


def texts(ax) -> list[str]:
    return [one.get_text() for one in ax.texts]


def test_each_cell_of_the_grid_says_its_share_or_that_it_is_not_tested():
    report = behavior.run(
        qalens.Reader(toy_model(), toy_tokenizer(), threshold=-1e9), tests=["units", "denied"], cases=4
    )
    ax = plots.behavior(report)
    assert texts(ax) == ["100", "[51, 100]", "·", "·", "·", "·", "·", "·", "0", "[0, 49]"]
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["numbers and units", "negation"]
    with pytest.raises(InputError, match="A plot needs a BehaviorReport"):
        plots.behavior(3)


def test_models_are_ranked_from_the_best_down():
    reports = {
        name: report_of(row(k, exact=float(k % n == 0)) for k in range(40))
        for name, n in (("$a$", 4), ("b", 1))
    }
    ax = plots.models(qalens.compare_models(reports))
    names = [tick.get_text() for tick in ax.get_yticklabels()]
    assert names[0] == "b · rank 1"
    assert names[1].endswith("· rank 2")
    with pytest.raises(InputError, match="A plot needs a ModelComparison"):
        plots.models(3)
