"""The arithmetic of the benchmarks, whose tables stand in the docs."""

from __future__ import annotations

import importlib.util
import sys
from itertools import permutations
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest


def loaded(name: str) -> ModuleType:
    """A benchmark as a module, under a name that no package has."""
    file = Path(__file__).parents[1] / "benchmarks" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"benchmark_{name}", file)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def causes() -> ModuleType:
    return loaded("causes")


def plain(order, marked) -> float:
    """Average precision of one strict order."""
    hits = np.cumsum(marked[list(order)])
    return float(np.mean([hits[k] / (k + 1) for k, word in enumerate(order) if marked[word]]))


@pytest.mark.parametrize(
    "scores",
    [[3, 2, 1, 0, -1], [0, 0, 0, 0, 0], [1, 1, 0, 0, 0], [1, 0, 1, 0, 1], [2, 1, 1, 1, 0], [0, 0, 0, 0, 5]],
)
@pytest.mark.parametrize("marks", [[1, 0, 0, 0, 0], [0, 1, 0, 1, 0], [1, 1, 0, 0, 1], [0, 0, 0, 0, 1]])
def test_average_precision_is_the_mean_over_the_orders_of_equal_scores(causes, scores, marks):
    scores, marked = np.array(scores, float), np.array(marks, bool)
    orders = [p for p in permutations(range(5)) if (np.diff(scores[list(p)]) <= 0).all()]
    expected = np.mean([plain(order, marked) for order in orders])
    assert causes.average_precision(scores, marked) == pytest.approx(expected)


@pytest.mark.parametrize(("n", "m"), [(10, 3), (10, 1), (7, 6), (2, 1)])
def test_average_precision_where_all_are_equal_is_that_of_the_closed_form(causes, n, m):
    """(m − 1) / (n − 1) · (1 − H / n) + H / n, with the n-th harmonic number H."""
    harmonic = sum(1 / k for k in range(1, n + 1))
    expected = (m - 1) / (n - 1) * (1 - harmonic / n) + harmonic / n
    assert causes.average_precision(np.zeros(n), np.arange(n) < m) == pytest.approx(expected)


def test_the_page_of_measurements_takes_the_numbers_that_benchmarks_leave():
    measured = loaded("measured")
    page = measured.PAGE.read_text(encoding="utf-8")
    each = {"shared texts": 0.5, "single texts": 0.75, "evaluate": 1.0, "pipeline": 1.25}
    each |= {f"{name}, tokenizer": 0.25 for name in ("shared texts", "single texts")}
    page = measured.written(page, "own_work_ms", each)
    page = measured.written(page, "first_answer_s", {"plain": 4.125, "qalens": 4.5})
    assert "| evaluate | 0.25 | 1.00 | 4.00 |" in page
    assert "| plain | 4.12 |" in page
    assert (
        measured.questions_a_second({"bundled": {"loop": 2.0, "bare": 4.0}}).splitlines()[-1]
        == "| bundled | 2.0 | 4.0 |"
    )
    page = measured.written(page, "reading_amx", {"bundled": {"read_many": 1.5}, "bert": {"read_many": 1.25}})
    assert "| read_many | 1.50 | 1.25 |" in page
    page = measured.written(page, "pipelines_amx", {"minilm": {"old 1": [26.9, 1.0], "new": [33.6, 1.25]}})
    assert "| new | 33.6 | 1.25 |" in page
    with pytest.raises(SystemExit, match="no place for speed"):
        measured.written(page, "speed", {})
    page = measured.ELSEWHERE["coverage_percent"].read_text(encoding="utf-8")
    found = {"12": {"F1": 95.04, "ECE": 96.0}, "12 in 6": {"F1": 94.0, "ECE": 93.25}}
    assert "| F1 | 95.0 | 94.0 |\n| ECE | 96.0 | 93.2 |" in measured.written(page, "coverage_percent", found)
    page = measured.ELSEWHERE["sanity_checks"].read_text(encoding="utf-8")
    found = {"answer of 2": [["occlusion", "values", "0.1", "0.2", "0.3", "0.4", "1.0", "0.5"]]}
    assert "| occlusion | values | 0.1 | 0.2 | 0.3 | 0.4 | 1.0 | 0.5 |" in measured.written(
        page, "sanity_checks", found
    )


def test_the_simulation_of_coverage_counts_intervals_that_hold_the_truth(monkeypatch):
    coverage = loaded("coverage")
    monkeypatch.setattr(coverage, "MANY", 20_000)
    for effect in (0.0, 0.4):
        found = coverage.coverage(66, effect, 0.5, repeats=20, chosen=2)
        assert {"F1", "ECE", "difference in AUROC", "temperature", "best threshold", "its gain"} <= set(found)
        assert 60 < np.mean(list(found.values())) <= 100
    # What thresholds are worth follows from the chances alone.
    worth = coverage.Worth(0.0)
    assert worth.f1(worth.threshold) >= max(worth.f1(t) for t in (-2.0, 0.0, 2.0))
    assert worth.temperature == pytest.approx(coverage.SHARP, abs=0.02)
    assert worth.cost(-np.inf) < worth.cost(np.inf)
