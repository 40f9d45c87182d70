"""Promises hold as often as they say: by slow restatements, by simulation with planted numbers, and at their edges."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from dataclasses import replace
from difflib import SequenceMatcher
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planted_rows import QUESTIONS, TEXT, listed_reading, random_reading, random_rows, row
from scipy.stats import binomtest, ks_2samp

import qalens
from qalens.display import content_of, to_text
from qalens.display.content.evaluation.promises import risk_chart
from qalens.display.numbers import percent
from qalens.display.parts import Chart, ShadedText, Table, words
from qalens.errors import InputError
from qalens.evaluation.confidence.thresholds import sweep
from qalens.evaluation.promises.conformal import conformal_cut
from qalens.evaluation.promises.curve import set_curve
from qalens.evaluation.promises.cut import answer_cut
from qalens.evaluation.promises.risk import risk_control, risk_curve
from qalens.evaluation.promises.sets import PredictionSet, prediction_sets
from qalens.evaluation.promises.shift import Evidence, compare_evidence, evidence_of
from qalens.evaluation.report import report_of
from qalens.evaluation.rows import ExampleRow, example_row
from qalens.evaluation.scores.several import precision_at_recall, score_several, several_scores
from qalens.readings.documents import join_readings
from qalens.readings.provenance import Document
from qalens.readings.reading import FailedReading, Source
from qalens.spans.places import likely_places
from qalens.testing import planted_reading
from qalens.text.examples import CharSpan, Example
from qalens.text.question_rows import item_of

SEEDS = st.integers(0, 10_000)


# --- places -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("few", [0, 1, 64, 10_000])
def test_places_are_the_same_however_many_are_looked_for_one_by_one(few, monkeypatch):
    monkeypatch.setattr("qalens.spans.places._FEW", few)
    # Most spans are equally good, so that there are about as many places as tokens.
    spans = planted_reading("Who?", "Ada kept the lamp by day. " * 20, answer="the lamp", strength=2.0).spans
    found = likely_places(spans, least=0)
    assert len(found) > 64
    expected = [(one.best.span, one.size) for one in spans.clusters()]
    assert sorted((one.best.span, one.size) for one in found.clusters(spans)) == sorted(expected)


@given(seed=SEEDS, least=st.sampled_from([0.0, 0.001, 0.05, 0.3]))
@settings(deadline=None)
def test_likely_places_are_the_clusters_that_are_likely(seed, least):
    spans = random_reading(seed).spans
    found = likely_places(spans, least=least).clusters(spans)
    known = [cluster for cluster in spans.clusters() if cluster.probability >= least]
    assert [(one.best, one.size) for one in found] == [(one.best, one.size) for one in known]
    assert [one.probability for one in found] == pytest.approx([one.probability for one in known])


@pytest.mark.parametrize("least", [-0.1, 1.1, math.nan])
def test_a_least_probability_is_one(least):
    with pytest.raises(InputError, match="least probability of a place has to lie between 0 and 1"):
        likely_places(random_reading(0).spans, least=least)


def test_rows_know_their_places_and_the_right_one():
    for known in random_rows(60):
        assert known.places == tuple(sorted(known.places, reverse=True))
        if not known.golds:
            assert known.true_place == known.no_answer_probability
            assert known.right_places == ()
        elif known.right_places:
            assert known.true_place == pytest.approx(known.places[known.right_places[0]], abs=1e-6)
        assert ExampleRow.from_dict(known.to_dict()) == known


def test_a_right_place_that_is_hardly_likely_is_found_too():
    reading = planted_reading("Who slept?", "Ada kept the lamp. Tom slept.", answer="Ada", strength=30.0)
    known = example_row(Example("Who slept?", reading.context, gold=(CharSpan(19, 22),)), reading)
    assert known.right_places == ()
    assert 0.0 < known.true_place < 0.001


# --- prediction sets --------------------------------------------------------------------------------------------------


def slow_cut(scores, group, coverage):
    """The largest score that leaves at most the stated share of weight below it, tried one by one."""
    sizes = Counter(group)
    K = len(sizes)
    allowed = [
        t
        for t in scores
        if sum(1 / ((K + 1) * sizes[g]) for s, g in zip(scores, group, strict=True) if s < t) + 1 / (K + 1)
        <= 1 - coverage + 1e-12
    ]
    return max(allowed, default=-math.inf)


@given(
    drawn=st.lists(st.tuples(st.integers(0, 6), st.integers(0, 4)), min_size=1, max_size=40),
    coverage=st.sampled_from([0.5, 0.8, 0.9]),
)
@settings(deadline=None)
def test_the_cut_equals_the_slow_one_with_ties_and_groups(drawn, coverage):
    scores = np.array([s / 6 for s, _ in drawn])
    group = np.unique([g for _, g in drawn], return_inverse=True)[1]
    assert conformal_cut(scores, group, coverage) == slow_cut(scores.tolist(), group.tolist(), coverage)


@pytest.mark.parametrize("coverage", [0.8, 0.9, 0.95])
def test_single_questions_give_the_textbook_quantile(coverage):
    scores = np.random.default_rng(0).permutation(np.linspace(0.01, 1, 199))
    k = math.floor((1 - coverage) * 200 + 1e-9)
    assert conformal_cut(scores, np.arange(199), coverage) == np.sort(scores)[k - 1]


def test_coverage_holds_for_new_questions_and_for_new_groups():
    rng = np.random.default_rng(1)
    hits = {"question": [], "group": []}
    for _ in range(1500):
        level = rng.normal(0, 1.0, 41)
        scores = level[:, None] + rng.normal(0, 1.0, (41, 5))
        flat, group = scores[:40].ravel(), np.repeat(np.arange(40), 5)
        hits["group"].append(scores[40, 0] >= conformal_cut(flat, group, 0.9))
        single = rng.normal(0, 1, 61)
        hits["question"].append(single[60] >= conformal_cut(single[:60], np.arange(60), 0.9))
    for found in hits.values():
        low, high = binomtest(sum(found), len(found)).proportion_ci(0.999)
        assert high >= 0.9
        assert low <= 0.9 + 1 / 41


def test_a_set_holds_what_reaches_the_cut_and_covers_as_the_rows_say():
    rows = random_rows(150)
    sets = prediction_sets(rows, coverage=0.8, by="question")
    covered = 0
    for _number, known in enumerate(rows):
        assert (known.true_place >= sets.cut) == (known.true_place >= sets.cut)
        covered += known.true_place >= sets.cut
    assert covered >= 0.8 * len(rows)
    for seed in range(20):
        reading = random_reading(seed)
        found = sets.predict(reading)
        assert list(found.probabilities) == sorted(found.probabilities, reverse=True)
        reach = [c.probability for c in reading.spans.clusters() if c.probability >= sets.cut]
        assert len(found) == max(1, len(reach) + (reading.no_answer_probability >= sets.cut))


@given(seed=SEEDS)
@settings(deadline=None)
def test_covers_is_whether_the_true_place_reaches_the_cut(seed):
    reading = random_reading(seed, gold=(CharSpan(0, 3),))
    known = example_row(reading.example, reading)
    sets = prediction_sets(random_rows(150), coverage=0.8, by="question")
    found = sets.predict(reading)
    if found.probabilities[0] >= sets.cut:
        assert found.covers(reading.example.gold) == (known.true_place >= sets.cut)


def test_the_curve_counts_on_questions_that_the_cut_does_not_know():
    rows = random_rows(150)
    curve = set_curve(rows, by="question", levels=(0.5, 0.8, 0.9))
    assert list(curve.sizes) == sorted(curve.sizes)
    assert list(curve.alone) == sorted(curve.alone, reverse=True)
    for level, covered in zip(curve.levels, curve.covered, strict=True):
        assert covered.high >= 100 * level
        assert covered.count == 150
    assert "stated" in str(curve)


def test_the_curve_of_one_fold_is_counted_by_hand():
    rows = random_rows(60)
    curve = set_curve(rows, by="question", levels=(0.7,), folds=60)
    covered, sizes = [], []
    for k, left_out in enumerate(rows):
        others = [one.true_place for j, one in enumerate(rows) if j != k]
        cut = slow_cut(others, list(range(59)), 0.7)
        ranked = [left_out.no_answer_probability, *left_out.places]
        covered.append(left_out.true_place >= min(cut, max(ranked) - 1e-6))
        sizes.append(max(1, sum(p >= cut for p in ranked)))
    assert curve.covered[0].value == pytest.approx(100 * np.mean(covered))
    assert curve.sizes[0] == pytest.approx(np.mean(sizes))


@pytest.mark.parametrize("folds", [1, 61, True])
def test_folds_are_from_two_to_the_groups(folds):
    with pytest.raises(InputError, match="folds has to be a whole number from 2 to the 60 groups"):
        set_curve(random_rows(60), by="question", folds=folds)


def test_no_answer_is_a_place_of_its_own():
    reading = planted_reading("Who kept it?", "Ada kept it.", answer=None)
    found = PredictionSet((None,), (0.9,), 0.9, 0.1, reading)
    assert found.covers([])
    assert found.holds_no_answer
    assert not found.covers([CharSpan(0, 3)])
    assert found.to_dict()["places"][0]["text"] is None
    assert prediction_sets(random_rows(150), by="question").predict(reading).holds_no_answer


def test_too_few_questions_promise_nothing_and_let_every_place_in():
    sets = prediction_sets(random_rows(8), coverage=0.95, by="question")
    assert sets.cut == -math.inf
    reading = random_reading(3)
    assert len(sets.predict(reading)) == len(reading.spans.clusters()) + 1


def test_each_kind_of_question_can_have_a_cut_of_its_own():
    rows = random_rows(150)
    sets = prediction_sets(rows, coverage=0.8, by="question", within="question word")
    assert set(sets.cuts) == {known.question_word for known in rows}
    for name, cut in sets.cuts.items():
        own = [known.true_place for known in rows if known.question_word == name]
        assert cut == conformal_cut(np.array(own), np.arange(len(own)), 0.8)
    reading = random_reading(5, question=QUESTIONS[2])
    assert sets.predict(reading).cut == sets.cuts["when"]
    assert sets.predict(random_reading(5, question="Why was it?")).cut == -math.inf


FAULTS = {
    "a coverage of one": ({"coverage": 1.0}, "coverage has to lie between 0 and 1"),
    "a coverage in words": ({"coverage": "high"}, "coverage has to lie between 0 and 1"),
    "a kind of what is not known before": ({"within": "cause"}, "within has to be one of"),
    "another group": ({"by": "page"}, "by has to be one of"),
}


@pytest.mark.parametrize(("options", "said"), FAULTS.values(), ids=list(FAULTS))
def test_what_is_no_option_is_said(options, said):
    with pytest.raises(InputError, match=said):
        prediction_sets(random_rows(20), **options)


def test_a_promise_needs_gold_answers_and_its_own_model():
    with pytest.raises(InputError, match="known gold answers"):
        prediction_sets([example_row(None, FailedReading(None, InputError("No.")))])
    sets = prediction_sets(random_rows(50), by="question", source=Source("another", "f"))
    with pytest.raises(InputError, match="found with another, but this reading is of a random model"):
        sets.predict(random_reading(0))
    with pytest.raises(InputError, match="Expected a Reading"):
        sets.predict("Ada")


# --- risk control -----------------------------------------------------------------------------------------------------


def rows_with(margins, wrong):
    return [
        row(k, margin=m, exact=0.0 if w else 1.0) for k, (m, w) in enumerate(zip(margins, wrong, strict=True))
    ]


def test_the_threshold_is_where_the_binomial_test_first_fails():
    rng = np.random.default_rng(2)
    margins = np.sort(rng.normal(0, 3, 400))
    wrong = rng.random(400) < np.linspace(0.0, 0.5, 400)
    found = risk_control(rows_with(margins, wrong), risk=0.15, confidence=0.9)
    n = found.answered
    assert found.threshold == margins[n - 1]
    assert found.wrong == wrong[:n].sum()
    assert binomtest(found.wrong, n, 0.15, alternative="less").pvalue <= 0.1
    later = report_of(rows_with(margins, wrong)).with_threshold(found.threshold)
    assert sum(one.answer is not None for one in later.rows) == n


def test_the_promise_is_broken_at_most_as_often_as_it_says():
    rng = np.random.default_rng(3)
    broken = []
    for _ in range(120):
        # Of the n questions with the lowest margins the share n/1000 is wrong in truth.
        place = np.sort(rng.random(250))
        found = risk_control(rows_with(place, rng.random(250) < 0.4 * place), risk=0.1, confidence=0.8)
        if found.threshold is not None:
            broken.append(0.4 * found.threshold / 2 > 0.1)
    assert binomtest(sum(broken), 120, 0.2, alternative="greater").pvalue > 0.001


CANNOT = {
    "too few": (np.arange(10.0), [False] * 10, "too few to tell; some", True),
    "wrong throughout": (np.arange(200.0), [True] * 200, "are wrong", False),
}


@pytest.mark.parametrize(("margins", "wrong", "said", "helps"), CANNOT.values(), ids=list(CANNOT))
def test_what_cannot_be_promised_is_said_with_what_it_would_take(margins, wrong, said, helps):
    found = risk_control(rows_with(margins, wrong), risk=0.1, confidence=0.9)
    assert found.threshold is None
    assert said in found.reason
    assert (found.more is not None) == helps
    assert "Cannot promise" in str(found)


@pytest.mark.parametrize(
    ("n", "every", "risk"), [(10, None, 0.1), (40, 15, 0.1), (66, 7, 0.2), (150, 13, 0.1), (1500, 12, 0.1)]
)
def test_what_it_would_take_does(n, every, risk):
    """Every so-many-th answer is wrong, so that the share of mistakes is nearly, but not quite, the same of more."""

    def asked(n):
        wrong = [every is not None and k % every == every // 2 for k in range(n)]
        return risk_control(rows_with(np.arange(float(n)), wrong), risk=risk, confidence=0.9)

    found = asked(n)
    assert found.threshold is None
    assert found.more > 0
    assert asked(n + 2 * found.more).threshold is not None


def test_by_text_one_question_of_each_counts():
    rows = [row(k, margin=float(k), text_id=f"text {k % 40}") for k in range(200)]
    found = risk_control(rows, risk=0.1, by="text")
    assert found.questions == 40


@pytest.mark.parametrize(
    "given", [{"risk": 0.0}, {"risk": True}, {"confidence": 1.0}, {"confidence": "high"}]
)
def test_a_risk_and_a_confidence_are_probabilities(given):
    (name,) = given
    with pytest.raises(InputError, match=f"{name} has to lie between 0 and 1"):
        risk_control(random_rows(20), **given)


def slow_threshold(margins, wrong, risk, confidence):
    """The last threshold before a test first fails, counted question by question, equal margins together."""
    N = len(margins)
    fewest = math.ceil(math.log(1 - confidence) / math.log(1 - risk))
    if fewest > N:
        return None
    z, half = NormalDist().inv_cdf, risk / 2
    spread = z(confidence) * (risk * (1 - risk)) ** 0.5 + z(0.8) * (half * (1 - half)) ** 0.5
    first = min(max(fewest, math.ceil((spread / half) ** 2), math.ceil(0.1 * N)), N)
    ranked, best = sorted(margins), None
    for wanted in sorted({round(float(at)) for at in np.linspace(first, N, 100)}):
        t = ranked[wanted - 1]
        n, k = sum(m <= t for m in margins), sum(w for m, w in zip(margins, wrong, strict=True) if m <= t)
        tail = sum(math.comb(n, j) * risk**j * (1 - risk) ** (n - j) for j in range(k + 1))
        if tail > 1 - confidence:
            break
        best = t
    return best


@given(
    drawn=st.lists(st.tuples(st.integers(0, 12), st.booleans(), st.booleans()), min_size=5, max_size=80),
    risk=st.sampled_from([0.1, 0.3, 0.6]),
)
@settings(deadline=None)
def test_the_threshold_equals_the_slow_one_with_ties(drawn, risk):
    margins, wrong = [m / 2 for m, _, _ in drawn], [a and b for _, a, b in drawn]
    found = risk_control(rows_with(margins, wrong), risk=risk, confidence=0.8)
    assert found.threshold == slow_threshold(margins, wrong, risk, 0.8)


@given(drawn=st.lists(st.tuples(st.integers(0, 12), st.booleans()), min_size=1, max_size=40))
@settings(deadline=None)
def test_the_curve_counts_what_each_threshold_answers_and_bounds_it(drawn):
    margins, wrong = [m / 2 for m, _ in drawn], [w for _, w in drawn]
    curve = risk_curve(rows_with(margins, wrong), confidence=0.8)
    assert curve.threshold.tolist() == sorted(set(margins))
    for k, t in enumerate(curve.threshold):
        taken = [w for m, w in zip(margins, wrong, strict=True) if m <= t]
        assert (curve.answered[k], curve.wrong[k]) == (len(taken), sum(taken))
        for side, bound in (("less", curve.high[k]), ("greater", curve.low[k])):
            exact = binomtest(sum(taken), len(taken), alternative=side).proportion_ci(0.8)
            assert bound == pytest.approx(exact.high if side == "less" else exact.low)


def test_a_promised_threshold_is_one_whose_upper_bound_keeps_the_risk():
    rng = np.random.default_rng(5)
    margins = np.sort(rng.normal(0, 3, 300))
    rows = rows_with(margins, rng.random(300) < np.linspace(0.0, 0.4, 300))
    control, curve = risk_control(rows, risk=0.15), risk_curve(rows)
    at = int(np.flatnonzero(curve.threshold == control.threshold)[0])
    assert curve.high[at] <= 0.15
    assert (curve.answered[at], curve.wrong[at]) == (control.answered, control.wrong)


def test_margins_that_are_infinite_are_counted_but_turn_nothing():
    rows = [row(0, margin=-math.inf, exact=0.0), row(1, margin=1.0), row(2, margin=math.inf)]
    curve = risk_curve(rows)
    assert (curve.threshold.tolist(), curve.answered.tolist(), curve.wrong.tolist()) == ([1.0], [2], [1])
    assert curve.questions == 3
    with pytest.raises(InputError, match="No threshold turns the decision"):
        risk_curve(rows[::2])
    with pytest.raises(InputError, match="confidence has to lie between 0 and 1"):
        risk_curve(rows, confidence=0)


def test_a_reading_is_decided_at_the_promised_threshold():
    control = risk_control(rows_with(np.arange(200.0) - 300, [False] * 200), risk=0.1)
    reading = planted_reading("Who kept it?", "Ada kept it.", answer="Ada")
    assert reading.margin > control.threshold
    decided = control.decide(reading)
    assert (decided.answer, decided.reading.decision.threshold) == (None, control.threshold)
    whole = join_readings("Who kept it?", [Document("Ada kept it.")], [reading])
    assert control.decide(whole).answer is None
    nothing = risk_control(rows_with(np.arange(9.0), [False] * 9), risk=0.1)
    assert nothing.decide(reading).answer == reading.answer


def test_a_decision_at_a_promised_threshold_needs_a_reading_of_its_model():
    control = report_of(random_rows(50), source=Source("another", "f")).risk_control(0.5)
    with pytest.raises(
        InputError, match="threshold was found with another, but this reading is of a random model"
    ):
        control.decide(random_reading(0))
    with pytest.raises(InputError, match="Expected a Reading"):
        control.decide("Ada")


# --- exchangeability --------------------------------------------------------------------------------------------------


def evidence_rows(rng, texts, shift=0.0, each=4):
    """Questions whose margins share a level by text."""
    rows = []
    for t in range(texts):
        level = rng.normal(shift, 1.0)
        for k in range(each):
            rows.append(row(k, margin=float(level + rng.normal(0, 1)), text_id=f"{shift} {t}"))
    return rows


def test_it_fires_for_other_texts_and_seldom_for_the_same():
    rng = np.random.default_rng(4)
    same = [
        compare_evidence(evidence_of(evidence_rows(rng, 40)), evidence_of(evidence_rows(rng, 20)), seed=k).p
        for k in range(60)
    ]
    assert binomtest(sum(p <= 0.05 for p in same), 60, 0.05, alternative="greater").pvalue > 0.001
    other = compare_evidence(
        evidence_of(evidence_rows(rng, 40)), evidence_of(evidence_rows(rng, 40, shift=2.5))
    )
    assert other.fires
    assert "does not hold here" in str(other)
    assert other.of == "null margin"


@given(seed=SEEDS, decimals=st.sampled_from([0, 3]))
@settings(deadline=None, max_examples=20)
def test_the_distance_is_that_of_kolmogorov_and_smirnov_with_ties(seed, decimals):
    rng = np.random.default_rng(seed)
    sides = [rng.normal(shift, 1, (2, n)).round(decimals) for shift, n in ((0.0, 30), (0.6, 20))]
    found = compare_evidence(*(Evidence(side, np.arange(side.shape[1])) for side in sides))
    expected = max(ks_2samp(a, b).statistic for a, b in zip(*sides, strict=True))
    assert found.distance == pytest.approx(expected)


def test_sets_check_new_readings_without_gold_answers():
    sets = prediction_sets(random_rows(100), by="question")
    told = sets.check([random_reading(k, text=f"Ada kept the lamp {k}.", null=40.0) for k in range(30)])
    assert told.fires
    assert (told.calibration, told.new) == (100, 30)
    with pytest.raises(InputError, match="no reading to compare"):
        sets.check([FailedReading("x", InputError("No."))])


# --- several answers --------------------------------------------------------------------------------------------------


def test_answers_are_places_in_order_and_those_above_the_cut_are_taken():
    for seed in range(30):
        reading = random_reading(seed)
        places = reading.answers(cut=0.2)
        assert [p.probability for p in places] == sorted((p.probability for p in places), reverse=True)
        if reading.answer is None:
            assert not any(p.taken for p in places)
        else:
            taken = [p for p in places if p.taken]
            assert all(p.probability >= 0.2 or p.best.span == reading.answer.span for p in taken)
            assert any(p.best.span == reading.answer.span for p in taken)


def test_a_cut_is_a_probability():
    with pytest.raises(InputError, match="cut has to lie between 0 and 1"):
        random_reading(0).answers(cut=2)


def test_the_cut_is_the_smallest_that_is_precise_enough():
    rows = [known for known in random_rows(150) if known.answer is not None]
    found = answer_cut(rows, precision=0.3)
    pairs = [(mass, k in known.right_places) for known in rows for k, mass in enumerate(known.places)]

    def precision(cut):
        taken = [right for mass, right in pairs if mass >= cut]
        return sum(taken) / len(taken)

    assert precision(found.cut) == found.precision >= 0.3
    assert all(precision(mass) < 0.3 for mass, _ in pairs if mass < found.cut)
    assert answer_cut(rows, precision=0.999999).cut == 1.0


def slow_multispanqa(said, required):
    """As the published rules have it, for single alternatives: sets of texts, and the longest common piece."""
    counts = np.zeros((2, 4))
    for answers, golds in zip(said, required, strict=True):
        pred, gold = set(answers), {one[0] for one in golds}
        both_empty = not pred and not gold
        counts[0] += [
            both_empty + len(pred & gold),
            max(1, len(pred)),
            both_empty + len(pred & gold),
            max(1, len(gold)),
        ]
        precise = recalled = float(both_empty)
        if pred and gold:
            size = {
                (g, p): SequenceMatcher(None, g, p).find_longest_match().size
                for g, p in itertools.product(gold, pred)
            }
            precise = sum(max(size[g, p] / len(p) for g in gold) for p in pred)
            recalled = sum(max(size[g, p] / len(g) for p in pred) for g in gold)
        counts[1] += [precise, max(1, len(pred)), recalled, max(1, len(gold))]
    return [100 * counts[k, a] / counts[k, a + 1] for k in (0, 1) for a in (0, 2)]


NAMES = st.lists(st.sampled_from(["ada", "ada lind", "tom", "tom lind", "eva"]), max_size=3, unique=True)


@given(data=st.lists(st.tuples(NAMES, NAMES), min_size=1, max_size=6))
@settings(deadline=None)
def test_several_answers_are_scored_as_published(data):
    said = [pred for pred, _ in data]
    required = [[[name] for name in gold] for _, gold in data]
    scores = several_scores(said, required)
    found = [scores.exact.precision, scores.exact.recall, scores.partial.precision, scores.partial.recall]
    assert found == pytest.approx(slow_multispanqa(said, required))


def test_alternatives_of_one_required_answer_count_once():
    scores = several_scores([["Tom Lind", "Lind"]], [[["Tom Lind", "Lind"]]])
    assert (scores.exact.recall, scores.exact.precision) == (100.0, 50.0)
    with pytest.raises(InputError, match="answers to 1 questions, but 2"):
        several_scores([[]], [[], []])


def test_precision_at_recall_takes_the_best_cut_that_finds_enough():
    said = [[("Ada Lind", 0.9), ("a lamp", 0.5)], [("Tom", 0.4), ("the sea", 0.3)], [("an oar", 0.1)]]
    required = [[["Ada Lind"]], [["Tom"]], []]
    assert precision_at_recall(said, required, recall=0.5) == 100.0
    assert precision_at_recall(said, required, recall=0.8) == pytest.approx(100 * 2 / 3)
    assert precision_at_recall([[], [], []], required) == 0.0
    assert precision_at_recall([[]], [[]]) == 0.0


REQUIRED = {
    "a list of lists of answers": [
        [{"text": "Ada", "answer_start": 0}],
        [{"text": "Tom", "answer_start": 19}],
    ],
    "a list of answers": [{"text": "Ada", "answer_start": 0}, {"text": "Tom", "answer_start": 19}],
    "spans": [[(0, 3)], [(19, 22)]],
    "a cell of a table": '[[{"text": "Ada", "answer_start": 0}], [{"text": "Tom", "answer_start": 19}]]',
}


@pytest.mark.parametrize("given", REQUIRED.values(), ids=list(REQUIRED))
def test_required_answers_are_read_and_scored(given):
    text = "Ada kept the lamp. Tom slept by the door."
    row = {"question": "Who was there?", "context": text, "required_answers": given}
    example = item_of(row, "row 1").example
    assert example.required == ((CharSpan(0, 3),), (CharSpan(19, 22),))
    assert example.gold == (CharSpan(0, 3), CharSpan(19, 22))
    said = replace(planted_reading("Who was there?", text, answer="Ada"), example=example)
    assert score_several([said]).exact == several_scores([["Ada"]], [[["Ada"], ["Tom"]]]).exact
    assert item_of(example, "row 1").example == example


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([[]], "needs at least one accepted text"),
        ([{"text": "Eva", "answer_start": 0}], "is not at character 0"),
    ],
)
def test_required_answers_that_cannot_be_used_are_said(given, said):
    row = {"question": "Who?", "context": "Ada kept it.", "required_answers": given}
    assert said in item_of(row, "row 1").error


def test_nothing_to_score_is_said():
    with pytest.raises(InputError, match="nothing to score"):
        score_several([planted_reading("Who?", "Ada kept it.", answer="Ada")])


# --- pictures ---------------------------------------------------------------------------------------------------------


def test_a_set_is_shown_with_its_places_in_order():
    reading = random_reading(4)
    found = prediction_sets(random_rows(150), coverage=0.9, by="question").predict(reading)
    (table,) = content_of(found).of(Table)
    assert [words(row.cells[0].text) for row in table.rows] == [
        "no answer" if place is None else place.best.text for place in found.places
    ]
    assert [row.cells[1].text for row in table.rows] == [percent(p) for p in found.probabilities]
    assert "no answer" in found._repr_html_() or None not in found.places
    (text,) = content_of(found).of(ShadedText)
    expected = {k: place.best.text for k, place in enumerate(found.places, 1) if place is not None}
    told = {}
    for run in text.runs:
        if run.number is not None:
            told[run.number] = told.get(run.number, "") + run.text
    assert told == expected
    assert "".join(run.text for run in text.runs) == reading.context
    assert all(f"[{k}: {said}]" in " ".join(to_text(found, 400).split()) for k, said in expected.items())


def test_several_answers_are_numbered_in_the_text_and_in_the_table():
    reading = listed_reading("Ada", "lamp", "room")
    assert [place.best.text for place in reading.answers() if place.taken] == ["Ada", "lamp", "room"]
    shown = content_of(reading)
    (text,) = shown.of(ShadedText)
    assert [(run.text, run.number) for run in text.runs if run.number] == [
        ("Ada", 1),
        ("lamp", 2),
        ("room", 3),
    ]
    assert {run.mark for run in text.runs} == {"", "answer"}
    table = shown.of(Table)[0]
    assert [(row.cells[0].before, row.kind) for row in table.rows if row.cells[0].before] == [
        ("1: ", "taken"),
        ("2: ", "taken"),
        ("3: ", "taken"),
    ]
    assert text.keys[0].text == "3 answers, each of 10% or more"
    (one,) = content_of(listed_reading("Ada")).of(ShadedText)
    assert {run.number for run in one.runs} == {None}


def test_several_answers_of_documents_stand_out():
    texts = "Ada kept the lamp.", "Tom kept it too."
    readings = [planted_reading("Who?", text, answer=text[:3], strength=5.0) for text in texts]
    (_, table) = content_of(join_readings("Who?", [Document(text) for text in texts], readings)).of(Table)
    assert [words(row.cells[0].text) for row in table.rows if row.kind == "taken"] == ["Ada", "Tom"]


def test_a_set_of_every_place_is_shown_in_part():
    found = prediction_sets(random_rows(8), coverage=0.95, by="question").predict(
        random_reading(3, text=f"{TEXT} " * 8)
    )
    assert len(found) > 30
    (table,) = content_of(found).of(Table)
    assert len(table.rows) == 30
    assert table.note == f"and {len(found) - 30} places more"


def test_the_curve_is_drawn_once_for_all_media():
    curve = set_curve(random_rows(150), by="question")
    (chart,) = content_of(curve).of(Chart)
    assert chart.curves[0].y == curve.sizes
    assert qalens.plots.prediction_sets(curve).get_xlabel().startswith("promised coverage")
    assert "promised" in curve._repr_html_()


def test_the_risk_is_drawn_between_its_bounds_with_the_promised_threshold():
    rng = np.random.default_rng(6)
    rows = rows_with(np.sort(rng.normal(0, 3, 300)), rng.random(300) < 0.05)
    curve, control = risk_curve(rows), risk_control(rows)
    chart = risk_chart(curve, control)
    risk, high, low = chart.curves
    assert all(a <= b <= c for a, b, c in zip(low.y, risk.y, high.y, strict=True))
    assert chart.levels == (control.threshold,)
    assert "with 90% certainty" in chart.note
    assert "at most, 90% certain" in curve._repr_html_()
    ax = qalens.plots.risk_control(curve, control)
    assert "with 90% certainty" in " ".join(ax.get_title(loc="left").split())
    with pytest.raises(InputError, match="needs a RiskControl"):
        qalens.plots.risk_control(curve, "0.1")


def test_a_report_shows_sets_and_risk():
    rows = random_rows(150)
    titles = [chart.title for chart in content_of(report_of(rows)).of(Chart)]
    assert titles[-2:] == ["Size of prediction sets", "Risk by threshold"]
    one_text = [one for one in rows if one.text_id == rows[0].text_id]
    assert "Risk by threshold" not in [chart.title for chart in content_of(report_of(one_text)).of(Chart)]


def test_a_decision_says_what_is_promised_of_it():
    reading = planted_reading("Who kept it?", "Ada kept <b>it</b>.", answer="Ada")
    control = risk_control(rows_with(np.arange(200.0), [False] * 200))
    said = " ".join(to_text(control.decide(reading), 400).split())
    assert (
        "Promised. At the threshold 199.00 at most 10% of what is answered is wrong, with 90% certainty"
        in said
    )
    assert "<b>it</b>" not in control.decide(reading)._repr_html_()
    nothing = risk_control(rows_with(np.arange(9.0), [False] * 9)).decide(reading)
    assert "Nothing is promised." in to_text(nothing)
    ax = qalens.plots.no_answer(reading, control)
    assert "promised 199.00" in [text.get_text() for text in ax.texts]
    curve = sweep(random_rows(60))
    assert "At the threshold 199.00" in " ".join(
        qalens.plots.thresholds(curve, control).get_title(loc="left").split()
    )


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (rows_with(np.arange(200.0), [False] * 200), "threshold"),
        (rows_with(np.arange(9.0), [False] * 9), "none can be promised"),
    ],
)
def test_a_kept_risk_and_one_that_cannot_be_kept_are_said(rows, said):
    assert said in to_text(risk_control(rows))
