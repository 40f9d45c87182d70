"""How often 95 % intervals hold the true figure, by simulation.

    python benchmarks/coverage.py [--repeats 2000] [--chosen 200] [--sizes 12 66] [--json coverage.json]
    python benchmarks/measured.py coverage.json

Questions are drawn alone, or in articles that share a difficulty (a normal effect on the logit, standard deviation 0.4).
The truth is that of 400,000 questions of as many articles, with the chances of what can happen in place of what did. Figures at
thresholds that were chosen on some folds are held against what those very thresholds are worth on all questions. A cell should read
93 to 97 per cent; chance alone moves it by 0.5 points (one standard error) with 2,000 repeats, by 1.5 with 200.
"""

from __future__ import annotations

import argparse
import json
import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from qalens.evaluation.confidence.costs import cheapest
from qalens.evaluation.confidence.measures import (
    MEASURES,
    corrected_error,
    influence,
    measured,
    measured_difference,
)
from qalens.evaluation.confidence.temperature import fit_temperature
from qalens.evaluation.confidence.thresholds import cross_fit, fold_of_groups
from qalens.evaluation.intervals import changes, shares
from qalens.spans.summary import TEMPERATURES

SIZES = (12, 66, 300, 3000)
ARTICLES = {12: 6, 66: 11, 300: 20, 3000: 35}
EFFECT = 0.4
BINS = 10
MANY = 400_000
Floats = NDArray[np.float64]
Interval = tuple[float, float]


# --- figures and measures: each question has a confidence, and a chance of being right ----------------------------------


@dataclass(frozen=True, slots=True)
class Questions:
    """N questions: their article, two confidences, and what was right before and after."""

    article: NDArray[np.int64]
    sure: Floats
    other: Floats
    right: Floats
    f1: Floats
    after: Floats


def drawn(rng: np.random.Generator, articles: NDArray[np.int64], effect: float, gap: float) -> Questions:
    """Questions of articles; `gap` in logits is how far confidence is above the truth."""
    N = len(articles)
    difficulty = effect * rng.normal(size=int(articles.max()) + 1)[articles]
    logit = rng.normal(0.6, 1.6, N)
    chance = _sigmoid(0.8 * logit - gap + difficulty)
    right = (rng.random(N) < chance).astype(float)
    partly = np.where(rng.random(N) < 0.35, rng.uniform(0.2, 0.9, N), 0.0)
    # After a change, one question in seven is decided anew.
    anew = (rng.random(N) < _sigmoid(0.8 * logit - gap + 0.3 + difficulty)).astype(float)
    return Questions(
        articles,
        sure=_sigmoid(logit),
        other=_sigmoid(logit + rng.normal(0, 1.2, N)),
        right=right,
        f1=np.maximum(right, partly),
        after=np.where(rng.random(N) < 1 / 7, anew, right),
    )


def articles_of(rng: np.random.Generator, size: int, grouped: bool) -> NDArray[np.int64]:
    """(size,): the article of each question, of unequal sizes, or one each."""
    if not grouped:
        return np.arange(size)
    G = ARTICLES[size]
    rest = rng.choice(G, size - G, p=rng.dirichlet(np.full(G, 4.0)))
    return np.concatenate([np.arange(G), rest])


def intervals(one: Questions, seed: int) -> dict[str, Interval]:
    """All intervals by name, on the scale of `truths`."""
    ones = np.ones((len(one.right), 1))
    (exact,) = shares(one.right[:, None], ones, one.article)
    (f1,) = shares(one.f1[:, None], ones, one.article)
    (moved,) = changes((one.after - one.right)[:, None], ones, one.article)
    found = {"exact match": exact, "F1": f1, "change of exact match": moved}
    found["ECE"] = corrected_error(one.sure, one.right, one.article, bins=BINS, seed=seed)
    for name in MEASURES:
        found[TITLES[name]] = measured(name, one.sure, one.right, one.article)
        found[f"difference in {TITLES[name]}"] = measured_difference(
            name, one.sure, one.other, one.right, one.article
        )
    return {name: (estimate.low, estimate.high) for name, estimate in found.items()}


TITLES = {
    "brier": "Brier score",
    "aurc": "AURC",
    "excess_aurc": "E-AURC",
    "augrc": "AUGRC",
    "auroc": "AUROC",
}


def truths(effect: float, gap: float, seed: int = 7) -> dict[str, float]:
    """Every figure of very many questions."""
    one = drawn(np.random.default_rng(seed), np.arange(MANY), effect, gap)
    place = np.minimum((one.sure * BINS).astype(int), BINS - 1)
    gaps = np.bincount(place, _chance(one, effect, gap) - one.sure, BINS) / len(place)
    found = {
        "exact match": 100 * one.right.mean(),
        "F1": 100 * one.f1.mean(),
        "change of exact match": (one.after - one.right).mean(),
        "ECE": float(np.abs(gaps).sum()),
    }
    for name in MEASURES:
        first, second = (influence(name, values, one.right)[0] for values in (one.sure, one.other))
        found |= {TITLES[name]: first, f"difference in {TITLES[name]}": first - second}
    return found


def _chance(one: Questions, effect: float, gap: float) -> Floats:
    """(N,): the chance of being right given the confidence, over all articles; smoother than what was drawn."""
    logit = np.log(one.sure) - np.log1p(-one.sure)
    nodes, weights = np.polynomial.hermite_e.hermegauss(15)
    parts = (w * _sigmoid(0.8 * logit - gap + effect * x) for x, w in zip(nodes, weights, strict=True))
    return sum(parts) / math.sqrt(2 * math.pi)


def _sigmoid(x: Floats) -> Floats:
    return 1 / (1 + np.exp(-x))


# --- what is chosen: thresholds, costs and temperatures, from rows with scores ------------------------------------------

SPANS = 5
SHARP = 1.4  # the temperature at which the scores would be the truth, without an effect of articles
PARTLY = 0.15  # the mean F1 of a best span that is not the right one
COSTS = {"false_answer": 5.0}
RESAMPLES = 500


class Row(NamedTuple):
    """As much of an `ExampleRow` as is asked for here."""

    margin: float
    golds: tuple[int, ...]
    gold_scores: tuple[float, ...]
    best_exact: float
    best_f1: float
    exact: float
    f1: float
    answer: bool | None
    masses: list[float]
    cluster_masses: list[float]
    mean_scores: list[float]
    title: str
    score: float = 0.0
    threshold: float = 0.0
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Scored:
    """N questions: null margins, scores of spans less the best (N, SPANS), and how probable no answer and each span truly are."""

    margin: Floats
    scores: Floats
    true: Floats


def scored(rng: np.random.Generator, articles: NDArray[np.int64], effect: float) -> Scored:
    N = len(articles)
    margin = rng.normal(0.4, 2.4, N)
    scores = np.concatenate([np.zeros((N, 1)), -rng.gamma(2.0, 1.2, (N, SPANS - 1))], axis=1)
    logits = np.concatenate([margin[:, None], scores], axis=1) / SHARP
    logits[:, 0] += effect * rng.normal(size=int(articles.max()) + 1)[articles]
    true = np.exp(logits - logits.max(1, keepdims=True))
    return Scored(margin, scores, true / true.sum(1, keepdims=True))


def rows_of(rng: np.random.Generator, one: Scored, articles: NDArray[np.int64]) -> list[Any]:
    """Rows in which what is right was drawn."""
    N = len(articles)
    right = (rng.random((N, 1)) > one.true.cumsum(1)[:, :-1]).sum(1)
    partly = np.where(rng.random(N) < 2 * PARTLY, 0.5, 0.0)
    divided = np.exp(one.scores[:, None, :] / np.array(TEMPERATURES)[:, None])
    mass = divided.sum(2)
    mean = (divided * one.scores[:, None, :]).sum(2) / mass
    lists = one.margin.tolist(), right.tolist(), partly.tolist(), np.log(mass).tolist(), mean.tolist()
    known = zip(*lists, one.scores.tolist(), articles.tolist(), strict=True)
    return [_row(*values) for values in known]


def _row(
    margin: float,
    right: int,
    partly: float,
    mass: list[float],
    mean: list[float],
    scores: list[float],
    a: int,
) -> Row:
    golds = (right,) if right else ()
    answered = margin <= 0
    exact = float(right == 1)
    f1 = max(exact, partly) if right else 0.0
    now = (exact, f1) if answered else (0.0, 0.0) if right else (1.0, 1.0)
    said = True if answered else None
    return Row(
        margin, golds, tuple(scores[k - 1] for k in golds), exact, f1, *now, said, mass, mass, mean, str(a)
    )


def chosen_intervals(
    rows: Sequence[Any], worth: Worth, grouped: bool, seed: int
) -> Iterator[tuple[str, Interval, float]]:
    """The name of each interval, the interval, and the truth that it should hold."""
    by = "title" if grouped else "question"
    heat = fit_temperature(rows, by=by, resamples=RESAMPLES, seed=seed)
    yield "temperature", (heat.low, heat.high), worth.temperature
    found = cross_fit(rows, by=by, resamples=RESAMPLES, seed=seed)
    yield "best threshold", (found.low, found.high), worth.threshold
    group = (
        np.unique([row.title for row in rows], return_inverse=True)[1] if grouped else np.arange(len(rows))
    )
    # Groups are numbered as they come, as the library does.
    first = {g: k for k, g in enumerate(dict.fromkeys(group.tolist()))}
    group = np.array([first[g] for g in group.tolist()])
    part = np.bincount(fold_of_groups(group, 5, seed)) / len(rows)
    honest = 100 * float(part @ [worth.f1(threshold) for threshold in found.folds])
    yield "honest F1 of a threshold", (found.honest.low, found.honest.high), honest
    yield "its gain", (found.gain.low, found.gain.high), honest - 100 * worth.f1(0.0)
    cheap = cheapest(rows, by=by, seed=seed, **COSTS)
    paid = float(part @ [worth.cost(threshold) for threshold in cheap.folds])
    yield "honest cost of a threshold", (cheap.honest.low, cheap.honest.high), paid
    simple = worth.cost(math.inf if cheap.always < cheap.never else -math.inf)
    yield "what it saves", (cheap.saved.low, cheap.saved.high), simple - paid


class Worth:
    """What thresholds and temperatures are truly worth, over all questions that could be drawn."""

    def __init__(self, effect: float, seed: int = 11) -> None:
        one = scored(np.random.default_rng(seed), np.arange(MANY), effect)
        none, best = one.true[:, 0], one.true[:, 1]
        other = 1 - none - best
        self.f1 = self._curve(one.margin, none, best + PARTLY * other)
        dear = COSTS["false_answer"]
        self.cost = self._curve(one.margin, 1 - none, dear * (none + other))
        order = np.argsort(one.margin)
        gains = np.cumsum((best + PARTLY * other - none)[order])
        self.threshold = float(one.margin[order][gains.argmax()])
        self.temperature = self._best_temperature(one)

    @staticmethod
    def _curve(margin: Floats, silent: Floats, said: Floats) -> Callable[[float], float]:
        """The mean at a threshold, from what each question adds where it is not answered and where it is."""
        order = np.argsort(margin)
        sums = silent.sum() + np.concatenate([[0.0], np.cumsum((said - silent)[order])])
        return lambda threshold: float(
            sums[np.searchsorted(margin[order], threshold, side="right")] / len(margin)
        )

    @staticmethod
    def _best_temperature(one: Scored) -> float:
        from scipy.optimize import minimize_scalar

        logits = np.concatenate([one.margin[:, None], one.scores], axis=1)[: MANY // 4]
        true = one.true[: MANY // 4]

        def loss(log_t: float) -> float:
            scaled = logits / math.exp(log_t)
            top = scaled.max(1)
            total = top + np.log(np.exp(scaled - top[:, None]).sum(1))
            return float((total - (true * scaled).sum(1)).mean())

        return math.exp(minimize_scalar(loss, bounds=(-2, 2), method="bounded").x)


# --- the table ----------------------------------------------------------------------------------------------------------


def coverage(size: int, effect: float, gap: float, repeats: int, chosen: int) -> dict[str, float]:
    """In what per cent of the repeats each interval held the truth; no interval at all does not count."""
    true, held, counted = truths(effect, gap), Counter[str](), Counter[str]()
    rng, grouped = np.random.default_rng(size), effect > 0

    def count(name: str, interval: Interval, truth: float) -> None:
        if not math.isnan(interval[0]):
            counted[name] += 1
            held[name] += interval[0] <= truth <= interval[1]

    for repeat in range(repeats):
        one = drawn(rng, articles_of(rng, size, grouped), effect, gap)
        for name, interval in intervals(one, repeat).items():
            count(name, interval, true[name])
    worth = Worth(effect)
    for repeat in range(chosen):
        articles = articles_of(rng, size, grouped)
        rows = rows_of(rng, scored(rng, articles, effect), articles)
        for name, interval, truth in chosen_intervals(rows, worth, grouped, repeat):
            count(name, interval, truth)
    return {name: 100 * held[name] / counted[name] for name in counted}


def main() -> None:
    """Print the columns of the table one after the other, and write them as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=2000)
    parser.add_argument("--chosen", type=int, default=200, help="repeats for what is chosen")
    parser.add_argument(
        "--gap", type=float, default=0.5, help="how far confidence is above the truth, in logits"
    )
    parser.add_argument("--sizes", type=int, nargs="+", choices=SIZES, default=SIZES)
    parser.add_argument("--json", type=Path, help="what it holds and is not computed here stays")
    options = parser.parse_args()
    found: dict[str, dict[str, float]] = {}
    if options.json is not None and options.json.exists():
        found = json.loads(options.json.read_text(encoding="utf-8"))["coverage_percent"]
    for size in options.sizes:
        for effect in (0.0, EFFECT):
            name = _column(size, effect)
            made = coverage(size, effect, options.gap, options.repeats, options.chosen)
            found[name] = found.get(name, {}) | made
            print(name, {figure: round(held, 1) for figure, held in found[name].items()}, flush=True)
            if options.json is not None:  # what is there is kept where the rest is stopped
                known = [_column(size, effect) for effect in (0.0, EFFECT) for size in SIZES]
                ordered = {name: found[name] for name in known if name in found}
                options.json.write_text(json.dumps({"coverage_percent": ordered}, indent=1), encoding="utf-8")


def _column(size: int, effect: float) -> str:
    return f"{size:,}" + (f" in {ARTICLES[size]}" if effect else "")


if __name__ == "__main__":
    main()
