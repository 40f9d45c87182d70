"""The best spans in groups of near-copies, and the table that shows them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from qalens.reading import Reading
from qalens.spans import Answer, Cluster, SpanDistribution
from qalens.views.markup import Html, clip_middle, count, element, logit, probability

LEAST = 0.0005  # what would round to a probability of 0.000 is not shown
_MOST_GROUPS = 5
_MOST_COPIES = 3
_LONGEST = 120  # columns of the best span of a cluster
_LONGEST_COPY = 66


@dataclass(frozen=True, slots=True)
class Group:
    """A cluster of overlapping spans and its best near-copies.

    - `given_answer`: the probability of the cluster, given that there is an answer
    - `log_total`: log of the sum of exp(score) over all spans of the text, to tell P(span | answer)
    """

    cluster: Cluster
    given_answer: float
    copies: tuple[Answer, ...]
    log_total: float

    @property
    def best(self) -> Answer:
        """The best span of the cluster."""
        return self.cluster.best

    @property
    def hidden(self) -> int:
        """How many spans of the cluster are not among the copies."""
        return self.cluster.size - 1 - len(self.copies)

    def given(self, answer: Answer) -> float:
        """The probability of a span, given that there is an answer."""
        return math.exp(answer.score - self.log_total)


def groups(spans: SpanDistribution) -> tuple[Group, ...]:
    """The most probable clusters with their near-copies, without those that a reader would see as 0.000.

    What counts is the probability given that there is an answer, so a model that abstains shows what it rejected.

    >>> from qalens.testing import planted_reading
    >>> found = groups(planted_reading("Who?", "Ada kept the lamp.", answer="the lamp", strength=4).spans)
    >>> found[0].best.text, found[0].copies[0].text
    ('the lamp', 'Ada kept the lamp')
    """
    clusters = spans.clusters(_MOST_GROUPS)
    if not clusters:
        return ()
    log_total = float(np.logaddexp.reduce(spans.score))
    answerable = math.exp(log_total - spans.log_normalizer)
    copies = _near_copies(spans, clusters)
    found = tuple(
        Group(c, min(1.0, c.probability / answerable) if answerable else 0.0, near, log_total)
        for c, near in zip(clusters, copies, strict=True)
    )
    return found[:1] + tuple(g for g in found[1:] if g.given_answer >= LEAST)


def _near_copies(spans: SpanDistribution, clusters: tuple[Cluster, ...]) -> list[tuple[Answer, ...]]:
    """For each cluster its best other spans; a span belongs to the best head that it overlaps."""
    worthy = np.flatnonzero(spans.probabilities(given_answer=True) >= LEAST)
    heads: list[Answer] = []
    copies: dict[tuple[int, int], list[Answer]] = {}
    for s in worthy[np.argsort(-spans.score[worthy], kind="stable")].tolist():
        one = spans.at(s)
        head = next((h for h in heads if h.span.overlaps(one.span)), None)
        if head is None:
            heads.append(one)
        else:
            copies.setdefault((head.span.start, head.span.end), []).append(one)
    return [tuple(copies.get((c.best.span.start, c.best.span.end), ())[:_MOST_COPIES]) for c in clusters]


def rival(reading: Reading, found: tuple[Group, ...]) -> Answer | None:
    """The strongest span elsewhere: the best of the most probable cluster that does not hold the best span.

    >>> from qalens.testing import planted_reading
    >>> reading = planted_reading("Who?", "Ada kept the lamp.", answer="Ada", strength=2)
    >>> rival(reading, groups(reading.spans)).span.overlaps(reading.decision.best.span)
    False
    """
    best = reading.decision.best
    if best is None:
        return None
    others = (g.best for g in found if g.given_answer >= LEAST)
    return next((a for a in others if not a.span.overlaps(best.span)), None)


def ranking_html(reading: Reading, found: tuple[Group, ...]) -> Html:
    """The table of the best spans: a group for each cluster, near-copies small below its best span."""
    columns = {"span": None, "all that overlap": None, "P": None, "P if answered": None, "score": None}
    columns |= {"= start + end": "ql-parts"} | ({"window": None} if len(reading.windows) > 1 else {})
    row = [element("th", name, scope="col", class_=class_) for name, class_ in columns.items()]
    bodies = [_group_rows(reading, group, len(columns)) for group in found]
    table = element("table", element("thead", element("tr", *row)), *bodies, class_="ql-spans")
    title = element(
        "div",
        element("strong", "Spans"),
        " the best, each with those that overlap it; strong: P, faint: P if there is an answer",
        class_="ql-h",
    )
    return element("section", title, table)


def _group_rows(reading: Reading, group: Group, columns: int) -> Html:
    taken = reading.answer is not None and reading.answer.span == group.best.span
    best = element("td", _name(group.best, _LONGEST)), element("td", _mass(group), class_="ql-all")
    rows = [element("tr", *best, *_numbers(reading, group, group.best), class_="ql-taken" if taken else None)]
    for copy in group.copies:
        name = element("td", _name(copy, _LONGEST_COPY), colspan=2)
        rows.append(element("tr", name, *_numbers(reading, group, copy), class_="ql-copy"))
    if group.hidden:
        rows.append(
            element("tr", element("td", f"and {group.hidden:,} more", colspan=columns), class_="ql-copy")
        )
    return element("tbody", *rows)


def _name(answer: Answer, width: int) -> Html:
    return element("bdi", clip_middle(answer.text, width), dir="auto")


def _numbers(reading: Reading, group: Group, answer: Answer) -> list[Html]:
    start, end = (
        float(logits[answer.window, token])
        for logits, token in zip((reading.logits.start, reading.logits.end), answer.tokens, strict=True)
    )
    numbers = {
        "P": probability(answer.probability),
        "P if answered": probability(group.given(answer)),
        "score": logit(answer.score),
        "start + end": _sum(start, end),
    }
    if len(reading.windows) > 1:
        numbers["window"] = str(answer.window + 1)
    return [
        element("td", value, data_label=name, class_="ql-parts" if name == "start + end" else None)
        for name, value in numbers.items()
    ]


def _sum(start: float, end: float) -> str:
    """Both logits as a sum, with the sign of the second as its operator."""
    return f"{logit(start)} {'−' if end < 0 else '+'} {logit(abs(end))}"


def _mass(group: Group) -> Html:
    """The cluster as a bar: its probability solid, its share given an answer pale."""
    p, given = group.cluster.probability, group.given_answer
    words = (
        f"{count(group.cluster.size, 'overlapping span')}: probability {probability(p)}, "
        f"{probability(given)} if there is an answer"
    )
    bar = element(
        "span",
        element("i", style=f"width:{100 * given:.1f}%"),
        element("b", style=f"width:{100 * p:.1f}%"),
        class_="ql-bar",
    )
    return element("span", bar, element("span", probability(p)), title=words, class_="ql-mass")
