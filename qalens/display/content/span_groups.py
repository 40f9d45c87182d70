"""The best spans in groups of near-copies, and the table that shows them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from qalens.display.labels import clip_middle
from qalens.display.numbers import MINUS, count, logit, probability
from qalens.display.parts import Cell, Quote, Row, Segment, Table
from qalens.readings.joined import JoinedReading
from qalens.readings.reading import Reading
from qalens.spans.distribution import Answer, Cluster, SpanDistribution
from qalens.text.examples import CharSpan

LEAST = 0.0005  # what would round to a probability of 0.000 is not shown
MOST_GROUPS = 5
_MOST_COPIES = 3
_LONGEST = 120  # columns of the best span of a cluster
_LONGEST_COPY = 66
_NAME_WIDTH = 40  # columns of the name of a document


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


def groups(spans: SpanDistribution, most: int = MOST_GROUPS) -> tuple[Group, ...]:
    """The most probable clusters with their near-copies, without those that a reader would see as 0.000.

    What counts is the probability given that there is an answer, so a model that abstains shows what it rejected.

    >>> from qalens.testing import planted_reading
    >>> found = groups(planted_reading("Who?", "Ada kept the lamp.", answer="the lamp", strength=4).spans)
    >>> found[0].best.text, found[0].copies[0].text
    ('the lamp', 'Ada kept the lamp')
    """
    clusters = spans.clusters(most)
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


def listed(reading: Reading) -> dict[CharSpan, int]:
    """The best span of each place that is taken as an answer, with its number; nothing where there is one answer at most.

    >>> from qalens.testing import planted_reading
    >>> listed(planted_reading("Who?", "Ada kept the lamp.", answer="Ada"))
    {}
    """
    taken = [place.best.span for place in reading.answers() if place.taken]
    return {span: k for k, span in enumerate(taken, 1)} if len(taken) > 1 else {}


def spans_table(
    reading: Reading, found: tuple[Group, ...], numbers: Mapping[CharSpan, int] | None = None
) -> Table:
    """The best spans: a group for each cluster, near-copies small below its best span; `numbers` of None are those of several
    answers."""
    columns = ["span", "all that overlap", "P", "P if answered", "score", "= start + end"]
    columns += source_name(reading)
    numbers = listed(reading) if numbers is None else numbers
    rows = [row for group in found for row in _group_rows(reading, group, numbers)]
    about = "the best, each with those that overlap it; strong: P, faint: P if there is an answer"
    return Table("Spans", about, tuple(columns), tuple(rows), kind="spans", narrow=("= start + end",))


def _group_rows(reading: Reading, group: Group, numbers: Mapping[CharSpan, int]) -> list[Row]:
    number = numbers.get(group.best.span)
    taken = number is not None or (reading.answer is not None and reading.answer.span == group.best.span)
    best = (
        Cell(Quote(clip_middle(group.best.text, _LONGEST)), before="" if number is None else f"{number}: "),
        _mass(group),
        *_numbers(reading, group, group.best),
    )
    rows = [Row(best, "taken" if taken else "")]
    for copy in group.copies:
        name = Cell(Quote(clip_middle(copy.text, _LONGEST_COPY)))
        rows.append(Row((name, Cell(""), *_numbers(reading, group, copy)), "copy"))
    if group.hidden:
        rows.append(Row((Cell(f"and {group.hidden:,} more"),), "copy"))
    return rows


def _numbers(reading: Reading, group: Group, answer: Answer) -> list[Cell]:
    start, end = (
        float(logits[answer.window, token])
        for logits, token in zip((reading.logits.start, reading.logits.end), answer.tokens, strict=True)
    )
    said = [probability(answer.probability), probability(group.given(answer)), logit(answer.score)]
    # Both logits as a sum, with the sign of the second as its operator.
    said.append(f"{logit(start)} {MINUS if end < 0 else '+'} {logit(abs(end))}")
    return [Cell(one) for one in (*said, *_source(reading, answer))]


def source_name(reading: Reading) -> list[str]:
    """What spans come from: documents or windows, where there are several."""
    if isinstance(reading, JoinedReading):
        return ["document"]
    return ["window"] if len(reading.windows) > 1 else []


def _source(reading: Reading, answer: Answer) -> list[str]:
    if isinstance(reading, JoinedReading):
        return [Quote(clip_middle(reading.name_of(reading.document_at(answer.span.start)), _NAME_WIDTH))]
    return [str(answer.window + 1)] * len(source_name(reading))


def _mass(group: Group) -> Cell:
    """The cluster as a bar: its probability strong, its share given an answer faint."""
    p, given = group.cluster.probability, group.given_answer
    tip = (
        f"{count(group.cluster.size, 'overlapping span')}: probability {probability(p)}, "
        f"{probability(given)} if there is an answer"
    )
    bar = (Segment(0.0, 100 * given, "pale"), Segment(0.0, 100 * p, "answer"))
    return Cell(probability(p), bar=bar, tip=tip)
