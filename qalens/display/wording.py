"""One sentence for one fact: the decision, how values were made, and whether they can be relied on."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from qalens.display.labels import clip_middle
from qalens.display.numbers import count, logit, percent, share, signed
from qalens.display.parts import Quote, quoted
from qalens.readings.documents import DocumentsReading
from qalens.readings.reading import Reading
from qalens.spans.decision import Decision
from qalens.spans.distribution import Answer
from qalens.text.examples import NO_ANSWER

if TYPE_CHECKING:
    from qalens.evaluation.promises.risk import RiskControl
    from qalens.evaluation.promises.sets import PredictionSet
    from qalens.explain.attribution.record import Attribution
    from qalens.explain.counterfactual.difference import ReadingDiff
    from qalens.explain.faithfulness.masking_test import Faithfulness, Score

_METHODS = {
    "integrated_gradients": "integrated gradients",
    "input_x_gradient": "input × gradient",
    "occlusion": "occlusion of words",
    "shapley": "Shapley values over words, sampled",
    "layer_conductance": "layer conductance",
}
_BASELINES = {"pad": "padding", "mask": "mask", "mean": "mean embedding", "zero": "zero"}
_CHANGES = {
    "same_span": "the same answer",
    "same_text": "the same words as answer, from another place or with other edges",
    "other": "another answer",
    "appeared": "an answer where there was none",
    "gone": "no answer any more",
    "none": "no answer before and after",
}
_OVER = {"question": "the question alone", "context": "the text alone"}


HOW_TO_READ = "How to read this."


def said(answer: Answer | None, width: int = 60) -> tuple[str, ...]:
    """An answer in quotation marks, or no answer.

    >>> said(None)
    ('no answer',)
    """
    return (NO_ANSWER,) if answer is None else quoted(clip_middle(answer.text, width))


def quotations(text: str) -> tuple[str, ...]:
    """A text with quotations in it, each kept apart.

    >>> quotations("score of “Ada”")
    ('score of “', 'Ada', '”')
    """
    pieces = re.split("(?<=“)([^”]*)(?=”)", text)
    return tuple(Quote(p) if k % 2 else p for k, p in enumerate(pieces))


def abstention(reading: Reading | DocumentsReading) -> tuple[str, ...]:
    """Why a model gives no answer, in one plain sentence.

    >>> from qalens.testing import planted_reading
    >>> from qalens.display.parts import words
    >>> words(abstention(planted_reading("Who?", "Ada kept it.", answer="Ada", threshold=-50)))
    'The model gives no answer: its best span, “Ada”, has a probability of >99.9%, no answer one of <0.1%.'
    """
    best, none = reading.decision.best, percent(reading.no_answer_probability)
    if best is None:
        holds = (
            "the text holds nothing"
            if isinstance(reading, Reading)
            else "none of the documents holds anything"
        )
        return (f"The model gives no answer: {holds} that it could answer with.",)
    span = percent(best.probability)
    return (
        "The model gives no answer: its best span, ",
        *quoted(clip_middle(best.text, 60)),
        f", has a probability of {span}, no answer one of {none}.",
    )


def decision_sentence(reading: Reading) -> str:
    """How the null margin came about, and which threshold would change the decision.

    >>> from qalens.testing import planted_reading
    >>> print(decision_sentence(planted_reading("Who?", "Ada kept the lamp.", answer="Ada")))
    Null margin = null score − best span = 0.00 − 24.00 = −24.00 logits, not above the threshold 0.00: it answers. Below −24.00 it would abstain.
    """
    return margin_sentence(reading.decision, reading.spans.null_score)


def margin_sentence(decision: Decision, null_score: float) -> str:
    """The same for a decision and its null score, of one text or of many."""
    if decision.best is None:
        return "The text holds no token that could be an answer, so no threshold changes the decision."
    margin, best = logit(decision.margin), logit(decision.best.score)
    subtrahend = f"({best})" if decision.best.score < 0 else best
    made = f"Null margin = null score − best span = {logit(null_score)} − {subtrahend} = {margin} logits"
    if decision.threshold == math.inf:
        return f"{made}. With a threshold of ∞ it answers wherever there is a span."
    if decision.threshold == -math.inf:
        return f"{made}. With a threshold of −∞ it never answers; from {margin} on it would."
    if decision.margin == -math.inf:
        return f"{made}. It answers at every finite threshold."
    if decision.margin == math.inf:
        return f"{made}. It answers at no threshold but ∞."
    threshold = logit(decision.threshold)
    if decision.answer is None:
        return f"{made}, above the threshold {threshold}: it abstains. From {margin} on it would answer."
    return f"{made}, not above the threshold {threshold}: it answers. Below {margin} it would abstain."


def set_sentence(found: PredictionSet) -> str:
    """What a set promises, and whether no answer is one of its places.

    >>> from qalens.evaluation.promises.sets import PredictionSet
    >>> from qalens.testing import planted_reading
    >>> reading = planted_reading("Who kept it?", "Ada kept it.", answer="Ada")
    >>> print(set_sentence(PredictionSet((*reading.spans.clusters(1), None), (0.6, 0.3), 0.9, 0.2, reading)))
    Over questions like those of the calibration the right place is among those of a set in 90% of cases. Here they are 2, each with a probability of 0.2 or more; no answer is place 2.
    """
    several = f"they are {len(found):,}" if len(found) > 1 else "it is one"
    reached = "nothing is left out"
    if math.isfinite(found.cut):
        reached = f"each with a probability of {found.cut:.2g} or more"
        reached = reached if len(found) > 1 else "the most probable one, which is always taken"
    none = "no answer is none of them"
    if found.holds_no_answer:
        none = f"no answer is place {found.places.index(None) + 1}"
    return (
        f"Over questions like those of the calibration the right place is among those of a set in {share(found.coverage)} of "
        f"cases. Here {several}, {reached}; {none}."
    )


def promise_sentence(control: RiskControl) -> str:
    """What is promised of a threshold, or why nothing is.

    >>> from qalens.evaluation.promises.risk import RiskControl
    >>> promise_sentence(RiskControl(-1.5, 0.1, 0.9, answered=50, wrong=1, questions=80, by="question"))
    'At the threshold −1.50 at most 10% of what is answered is wrong, with 90% certainty: 1 of 50 answered questions was wrong, of 80 questions.'
    """
    promise = f"at most {share(control.risk)} of what is answered is wrong"
    certain = f"with {share(control.confidence)} certainty"
    if control.threshold is None:
        return f"No threshold can be promised at which {promise}, {certain}: {control.reason}"
    was = "was" if control.wrong == 1 else "were"
    seen = f"{control.wrong:,} of {count(control.answered, 'answered question')} {was} wrong"
    return f"At the threshold {logit(control.threshold)} {promise}, {certain}: {seen}, of {count(control.questions, 'question')}."


def method(attribution: Attribution) -> str:
    """How the values were made, such as "integrated gradients, padding baseline"."""
    words = method_name(attribution.method)
    if attribution.layer is not None:
        words += f", layer {attribution.layer}"
    if attribution.baseline is not None:
        words += f", {baseline(attribution.baseline)} baseline"
    over = _OVER.get(attribution.over)
    return words if over is None else f"{words}, over {over}"


def method_name(name: str) -> str:
    """A method as people write it.

    >>> method_name("input_x_gradient")
    'input × gradient'
    """
    return _METHODS.get(name, name)


def baseline(name: str) -> str:
    """A baseline as a word.

    >>> baseline("mean")
    'mean embedding'
    """
    return _BASELINES.get(name, name)


def warnings(attribution: Attribution) -> list[str]:
    """What a reader has to know before looking at the values; empty where there is nothing."""
    diagnostics, said = attribution.diagnostics, []
    missing = sum(not math.isfinite(v) for v in attribution.values)
    if missing:
        said.append(
            f"{missing:,} of {count(len(attribution.values), 'value')} {'is' if missing == 1 else 'are'} no finite "
            "number; words that hold one are left without colour."
        )
    if diagnostics.converged is False:
        said.append(
            f"Not converged: the values miss the change of the target by {share(diagnostics.completeness_error)} of it, where "
            f"at most {100 * diagnostics.tolerance:.3g}% was asked for. Small differences between words mean nothing here. More "
            "points on the path (max_points) or another baseline may help."
        )
    return said


def listed(names: list[str]) -> str:
    """Several names as one.

    >>> listed(["a", "b", "c"])
    'a, b and c'
    """
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def diagnostic_rows(attribution: Attribution) -> list[tuple[str, str]]:
    """What tells whether the values can be relied on, as (name, words), always all of it."""
    return [
        ("target", _change(attribution)),
        ("completeness", completeness(attribution)),
        ("span along the path", _along_the_path(attribution)),
        ("other baselines", _agreement(attribution)),
        ("answer share", _answer_share(attribution)),
    ]


def _change(attribution: Attribution) -> str:
    diagnostics = attribution.diagnostics
    away = "with zeros for all words" if attribution.baseline is None else "at the baseline"
    change = signed(diagnostics.value - diagnostics.baseline_value)
    return f"{logit(diagnostics.value)} at the input, {logit(diagnostics.baseline_value)} {away}: {change} logits to explain"


def completeness(attribution: Attribution) -> str:
    """Whether the values sum to what they explain.

    Convergence is a word here, not a colour.
    """
    diagnostics = attribution.diagnostics
    error = share(diagnostics.completeness_error)
    said = f"the values sum to {signed(float(attribution.values.sum()))}, off by {error}"
    if diagnostics.converged is None:
        return f"{said}; this method does not promise that they fit"
    asked = f"{100 * diagnostics.tolerance:.3g}%"
    return f"{said}: converged (≤ {asked})" if diagnostics.converged else f"{said}: NOT CONVERGED (> {asked})"


def _along_the_path(attribution: Attribution) -> str:
    elsewhere = attribution.diagnostics.other_span_share
    if elsewhere is None:
        return "none to tell: this method follows no path from a baseline"
    if elsewhere == 0:
        return "the same span scores best all along the path from the baseline"
    return f"on {share(elsewhere)} of the path from the baseline another span scores best"


def _agreement(attribution: Attribution) -> str:
    agreement = attribution.diagnostics.agreement
    if not agreement:
        return (
            "this method has none" if attribution.baseline is None else "not asked for (agreement=True does)"
        )
    ranks = ", ".join(f"{baseline(name)} {correlation(r)}" for name, r in agreement.items())
    return f"rank agreement by word: {ranks} (1 is the same order)"


def correlation(r: float) -> str:
    """A rank correlation in one digit: of paths that take few points the next one says nothing.

    >>> correlation(-0.307), correlation(float("nan"))
    ('−0.3', 'none')
    """
    return "none" if math.isnan(r) else logit(r, 1)


def _answer_share(attribution: Attribution) -> str:
    part = attribution.diagnostics.answer_share
    if part is None:
        return "not in this window"
    where = "the best span" if attribution.target.span is None else "the span itself"
    return f"{share(part)} of all |values| on {where}"


def brief_diagnostics(attribution: Attribution) -> str:
    """The other diagnostics, in one line for a figure."""
    diagnostics, said = attribution.diagnostics, []
    if diagnostics.other_span_share is not None:
        said.append(f"other span best on {share(diagnostics.other_span_share)} of the path")
    if diagnostics.agreement:
        ranks = ", ".join(f"{name} {correlation(r)}" for name, r in diagnostics.agreement.items())
        said.append(f"rank agreement {ranks}")
    if diagnostics.answer_share is not None:
        said.append(f"{share(diagnostics.answer_share)} on the answer")
    return " · ".join(said)


def change_words(diff: ReadingDiff) -> str:
    """What became of the answer, such as "another answer"."""
    return _CHANGES[diff.answer_change]


def score_words(tested: Faithfulness) -> list[str]:
    """The two measures of faithfulness, a sentence each."""
    return [
        f"comprehensiveness {signed(tested.comprehensive.value)}, {_against_random(tested.comprehensive)}",
        f"sufficiency {signed(tested.sufficient.value)}, {_against_random(tested.sufficient)}",
    ]


def _against_random(score: Score) -> str:
    if math.isnan(score.z):
        return "as every random ranking"
    random = f"random {signed(score.random_mean)} ± {score.random_sd:.2f}"
    return f"{random}, z = {signed(score.z, 1)}, normalised {score.normalised:.2f}"
