"""What the views of explanations say in words: how the values were made, and whether they can be trusted."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from qalens.views.markup import MINUS, count, logit

if TYPE_CHECKING:
    from qalens.explain.attribution import Attribution
    from qalens.explain.difference import ReadingDiff
    from qalens.explain.faithfulness import Faithfulness, Score

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
_SMALLEST = 1e-12


def signed(x: float, digits: int = 2) -> str:
    """A contribution with its sign; a real minus, and no sign for what rounds to zero.

    >>> signed(1.234), signed(-0.5, 3), signed(-0.001), signed(float("nan"))
    ('+1.23', '−0.500', '0.00', 'not a number')
    """
    if math.isnan(x):
        return "not a number"
    said = f"{abs(x):.{digits}f}" if math.isfinite(x) else "∞"
    return said if not said.strip("0.") else f"{MINUS if x < 0 else '+'}{said}"


def digits_for(most: float) -> int:
    """How many digits after the point tell values of this size apart: three that count, at least two.

    >>> digits_for(12.0), digits_for(0.4), digits_for(0.003), digits_for(0)
    (2, 3, 5, 2)
    """
    if not _SMALLEST < most < math.inf:
        return 2
    return max(2, 2 - math.floor(math.log10(most)))


def share(x: float) -> str:
    """A share in per cent, which may be more than all; nothing that is not 0 reads as 0.

    >>> share(0.034), share(0.05), share(1e-9), share(2.5), share(0), share(float("nan"))
    ('3.4%', '5%', '<0.1%', '250%', '0%', 'not a number')
    """
    if math.isnan(x):
        return "not a number"
    if math.isinf(x):
        return "∞"
    if x == 0 or x >= 1:
        return f"{x:,.0%}"
    return "<0.1%" if x < 0.0005 else f"{x:.1%}".replace(".0%", "%")


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
    trust, said = attribution.trust, []
    missing = sum(not math.isfinite(v) for v in attribution.values)
    if missing:
        said.append(
            f"{missing:,} of {count(len(attribution.values), 'value')} {'is' if missing == 1 else 'are'} no finite "
            "number; words that hold one are left without colour."
        )
    if trust.converged is False:
        said.append(
            f"Not converged: the values miss the change of the target by {share(trust.completeness_error)} of it, where "
            f"at most {100 * trust.tolerance:.3g}% was asked for. Small differences between words mean nothing here. More "
            "points on the path (max_points) or another baseline may help."
        )
    return said


def trust_rows(attribution: Attribution) -> list[tuple[str, str]]:
    """What tells whether the values can be relied on, as (name, words), always all of it."""
    return [
        ("target", _change(attribution)),
        ("completeness", completeness(attribution)),
        ("detour", _detour(attribution)),
        ("other baselines", _agreement(attribution)),
        ("on the answer", _answer_share(attribution)),
    ]


def _change(attribution: Attribution) -> str:
    trust = attribution.trust
    away = "with zeros for all words" if attribution.baseline is None else "at the baseline"
    change = signed(trust.value - trust.baseline_value)
    return (
        f"{logit(trust.value)} at the input, {logit(trust.baseline_value)} {away}: {change} logits to explain"
    )


def completeness(attribution: Attribution) -> str:
    """Whether the values sum to what they explain.

    Convergence is a word here, not a colour.
    """
    trust = attribution.trust
    error = share(trust.completeness_error)
    said = f"the values sum to {signed(float(attribution.values.sum()))}, off by {error}"
    if trust.converged is None:
        return f"{said}; this method does not promise that they fit"
    asked = f"{100 * trust.tolerance:.3g}%"
    return f"{said}: converged (≤ {asked})" if trust.converged else f"{said}: NOT CONVERGED (> {asked})"


def _detour(attribution: Attribution) -> str:
    detour = attribution.trust.detour
    if detour is None:
        return "none to tell: this method follows no path from a baseline"
    if detour == 0:
        return "the same span scores best all along the path from the baseline"
    return f"on {share(detour)} of the path from the baseline another span scores best"


def _agreement(attribution: Attribution) -> str:
    agreement = attribution.trust.agreement
    if not agreement:
        return (
            "this method has none" if attribution.baseline is None else "not asked for (agreement=True does)"
        )
    ranks = ", ".join(f"{baseline(name)} {correlation(r)}" for name, r in agreement.items())
    return f"rank agreement by word: {ranks} (1 is the same order)"


def correlation(r: float) -> str:
    """A rank correlation in two digits.

    >>> correlation(-0.307), correlation(float("nan"))
    ('−0.31', 'none')
    """
    return "none" if math.isnan(r) else logit(r)


def _answer_share(attribution: Attribution) -> str:
    part = attribution.trust.answer_share
    if part is None:
        return "not in this window"
    where = "the best span" if attribution.target.span is None else "the span itself"
    return f"{share(part)} of all |values| on {where}"


def brief_trust(attribution: Attribution) -> str:
    """What else tells whether to trust the values, in one line for a figure."""
    trust, said = attribution.trust, []
    if trust.detour is not None:
        said.append(f"other span best on {share(trust.detour)} of the path")
    if trust.agreement:
        ranks = ", ".join(f"{name} {correlation(r)}" for name, r in trust.agreement.items())
        said.append(f"rank agreement {ranks}")
    if trust.answer_share is not None:
        said.append(f"{share(trust.answer_share)} on the answer")
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
