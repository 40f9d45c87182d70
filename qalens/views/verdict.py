"""The decision: the answer or none, how far the threshold is, how uncertain the model was, and the classic score."""

from __future__ import annotations

import math

import numpy as np

from qalens.by_window import leakage
from qalens.documents import DocumentsReading
from qalens.reading import Reading
from qalens.views.markup import Html, clip, element, logit, percent, probability
from qalens.views.strips import per_cent

_LABEL_WIDTH = 300  # columns of an answer in the head


def head_html(reading: Reading | DocumentsReading) -> Html:
    """The question on the left, and on the right the answer with its probability, or no answer with that of none."""
    question = element("bdi", clip(reading.question, 1_000), class_="ql-question", dir="auto")
    if reading.answer is None:
        said = element("strong", "no answer", class_="ql-said")
        sure = element("span", percent(reading.no_answer_probability), class_="ql-sure ql-none")
        words = "probability of no answer"
    else:
        said = element(
            "strong", element("bdi", clip(reading.answer.text, _LABEL_WIDTH), dir="auto"), class_="ql-said"
        )
        sure = element("span", percent(reading.answer.probability), class_="ql-sure")
        words = "probability of this span"
    note = element("small", words)
    return element("header", question, " ", element("div", said, " ", sure, " ", note, class_="ql-verdict"))


def no_answer_html(reading: Reading) -> Html:
    """P(no answer), the threshold as a place on a line with the margin on it, and what would change the decision."""
    title = element("div", element("strong", "Is there an answer?"), class_="ql-h")
    big = element(
        "p",
        element("span", percent(reading.no_answer_probability), class_="ql-big"),
        " probability of no answer",
    )
    line = threshold_line(reading) if math.isfinite(reading.margin) else Html()
    return element("section", title, big, line, element("p", decision_sentence(reading)))


def decision_sentence(reading: Reading) -> str:
    """How the margin came about, and which threshold would change the decision.

    >>> from qalens.testing import planted_reading
    >>> decision_sentence(planted_reading("Who?", "Ada kept the lamp.", answer="Ada"))
    'margin = null score − best span = 0.00 − 24.00 = −24.00 logits. The answer stands until the threshold falls below −24.00.'
    """
    decision, null = reading.decision, reading.spans.null_score
    if decision.best is None:
        return "The text holds no token that could be an answer, so no threshold can bring one about."
    margin = logit(decision.margin)
    best = logit(decision.best.score)
    subtrahend = f"({best})" if decision.best.score < 0 else best
    made = f"margin = null score − best span = {logit(null)} − {subtrahend} = {margin} logits."
    if decision.threshold == math.inf:
        return f"{made} With a threshold of ∞ it answers wherever there is a span."
    if decision.threshold == -math.inf:
        return (
            f"{made} With a threshold of −∞ it never answers; it would if the threshold rose above {margin}."
        )
    if decision.margin == -math.inf:
        return f"{made} It answers at every finite threshold."
    if decision.answer is None:
        return f"{made} It would answer if the threshold rose above {margin}."
    return f"{made} The answer stands until the threshold falls below {margin}."


def threshold_line(reading: Reading | DocumentsReading) -> Html:
    """Margins as a line: on the left of the threshold it answers, on the right it does not; the margin is a point."""
    margin, threshold = reading.margin, reading.decision.threshold
    low, high = _domain(margin, threshold)

    def x(value: float) -> float:
        return 100 * min(1.0, max(0.0, (value - low) / (high - low)))

    at = x(threshold)
    zones = [
        element("rect", x=0, width=per_cent(at), y=22, height=20, class_="ql-z-answer"),
        element("rect", x=per_cent(at), width=per_cent(100 - at), y=22, height=20, class_="ql-z-none"),
        *_zone_words(at),
    ]
    right = margin > threshold
    labels = [
        element("line", x1=per_cent(at), x2=per_cent(at), y1=18, y2=46, class_="ql-threshold"),
        _label(at, f"threshold {logit(threshold)}", toward_right=at < 5 or (at < 95 and not right)),
        element("circle", cx=per_cent(x(margin)), cy=32, r=6, class_="ql-margin"),
        _label(x(margin), f"margin {logit(margin)}", toward_right=right),
    ]
    ticks = [
        element("text", f"{t:g}".replace("-", "−"), x=per_cent(x(t)), y=58, text_anchor="middle")
        for t in _ticks(low, high)
    ]
    said = "above" if right else "not above"
    facts = f"The margin {logit(margin)} is {said} the threshold {logit(threshold)}, in logits."
    return element(
        "svg",
        *zones,
        *ticks,
        *labels,
        width="100%",
        height=62,
        role="img",
        aria_label=facts,
        class_="ql-line",
    )


def _domain(margin: float, threshold: float) -> tuple[float, float]:
    """The ends of the line: room for a label on either side of both places."""
    low, high = margin, margin
    if math.isfinite(threshold):
        low, high = min(margin, threshold), max(margin, threshold)
    room = max(2.0, 0.8 * (high - low))
    return low - room, high + room


def _ticks(low: float, high: float) -> list[float]:
    """About five round numbers between both ends, away from the edges."""
    rough = (high - low) / 5
    power = 10.0 ** math.floor(math.log10(rough))
    step = power * next(m for m in (1, 2, 5, 10) if m * power >= rough)
    inner = 0.04 * (high - low)
    first, last = math.ceil((low + inner) / step), math.floor((high - inner) / step)
    return [round(k * step, 10) + 0.0 for k in range(first, last + 1)]


def _zone_words(at: float) -> list[Html]:
    words = []
    if at >= 20:
        words.append(element("text", "answers", x=0, dx=6, y=36))
    if at <= 80:
        words.append(element("text", "no answer", x="100%", dx=-6, y=36, text_anchor="end"))
    return words


def _label(at: float, words: str, *, toward_right: bool) -> Html:
    anchor, shift = ("start", 5) if toward_right else ("end", -5)
    return element("text", words, x=per_cent(at), dx=shift, y=13, text_anchor=anchor, class_="ql-label")


def uncertainty_html(reading: Reading) -> Html:
    """The entropy in bits in three parts: whether there is an answer, which one, and where its edges are."""
    if not len(reading.spans):
        return Html()
    bits = reading.spans.uncertainty()
    answerable = -math.expm1(reading.spans.null_log_prob)
    parts = [
        ("ql-u-whether", bits.answerability, "whether there is an answer"),
        ("ql-u-which", answerable * bits.choice, "which one"),
        ("ql-u-where", answerable * bits.edges, "where it starts and ends"),
    ]
    title = element("div", element("strong", "Uncertainty"), f" {bits.total:.2f} bits", class_="ql-h")
    items = [
        element("li", element("i", class_=class_), element("b", f"{size:.2f}"), f" {words}")
        for class_, size, words in parts
    ]
    note = "1 bit is a fair coin. The last two parts count by the probability that there is an answer."
    return element(
        "section",
        title,
        _bits_bar(parts, bits.total),
        element("ul", *items, class_="ql-bits"),
        element("p", note, class_="ql-note"),
    )


def _bits_bar(parts: list[tuple[str, float, str]], total: float) -> Html:
    """The parts end to end on a line of whole bits."""
    full = max(2, math.ceil(total))
    at, drawn = 0.0, [element("rect", x=0, width="100%", y=2, height=14, class_="ql-ground")]
    for class_, size, _ in parts:
        width = 100 * size / full
        drawn.append(element("rect", x=per_cent(at), width=per_cent(width), y=2, height=14, class_=class_))
        at += width
    step = math.ceil(full / 6)
    for bit in range(0, full + 1, step):
        anchor = "start" if bit == 0 else "end" if bit == full else "middle"
        drawn.append(element("text", str(bit), x=per_cent(100 * bit / full), y=30, text_anchor=anchor))
    facts = ", ".join(f"{size:.2f} {words}" for _, size, words in parts)
    return element("svg", *drawn, width="100%", height=34, role="img", aria_label=f"In bits: {facts}.")


def classic_html(reading: Reading) -> Html:
    """What the product of two separate softmaxes says of the best span, and how much of it falls on no prediction."""
    best = reading.decision.best
    if best is None:
        return Html()
    alone = reading.logits.one_window(best.window)
    lost = leakage(alone, max_answer_length=reading.max_answer_length)
    length = int(alone.windows.lengths[0])
    p_start, p_end = (
        _softmax_at(logits[0, :length], token)
        for logits, token in zip((alone.start, alone.end), best.tokens, strict=True)
    )
    parts = {
        "the end before the start": lost.reversed,
        "too long": lost.too_long,
        "one end at the null token": lost.mixed,
        "outside the text": lost.outside,
    }
    told = [f"{percent(float(p[0]))} {name}" for name, p in parts.items() if p[0] >= 0.0005]
    detail = f" ({', '.join(told)})" if told else ""
    where = f" of window {best.window + 1}" if len(reading.windows) > 1 else ""
    return element(
        "p",
        element("strong", "Classic score"),
        f" p(start) · p(end) of the best span = {probability(p_start)} · {probability(p_end)} = "
        f"{probability(p_start * p_end)}. Of this product of two softmaxes, {percent(float(lost.total[0]))}{where} "
        f"falls on pairs that are no prediction{detail}.",
        class_="ql-note ql-classic",
    )


def _softmax_at(logits: np.ndarray, token: int) -> float:
    x = logits.astype(np.float64)
    return math.exp(float(x[token] - np.logaddexp.reduce(x)))
