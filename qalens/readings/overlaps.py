"""Splits of one source that overlap: a place of the source that several of them hold counts once.

Splitters write down where each split begins: Haystack's as `source_id` and `split_idx_start`, LangChain's as `source` and
`start_index`. Where two such splits overlap with the same characters, a span inside both is one place, as it is in two windows
of one text: the copy with the highest score stays, the others would take a second share of the probability.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from qalens.checks import is_whole
from qalens.readings.provenance import Document
from qalens.readings.reading import FailedReading, Reading
from qalens.spans.decision import decide

_WRITTEN_DOWN = (("source_id", "split_idx_start"), ("source", "start_index"))
_Split = tuple[int, Reading, int]  # number of the document, its reading, its first character in the source


def counted_once(
    documents: Sequence[Document], readings: Sequence[Reading | FailedReading]
) -> tuple[Reading | FailedReading, ...]:
    """The readings of documents, where a place that several splits of one source hold is left to the best of them.

    Parameters
    ----------
    documents : sequence of Document
        D documents; those whose `meta` does not tell where in a source they begin are left alone.
    readings : sequence of Reading or FailedReading
        (D): their readings.

    Returns
    -------
    tuple of Reading or FailedReading
        (D): a reading that loses spans is decided anew among those that are left.

    Examples
    --------
    >>> from qalens.testing import planted_reading
    >>> texts = "Tobias slept. Ada kept it.", "Ada kept it. Gulls."
    >>> meta = {"source": "log", "start_index": 0}, {"source": "log", "start_index": 14}
    >>> splits = [Document(text, meta=one) for text, one in zip(texts, meta, strict=True)]
    >>> made = [planted_reading("Who kept it?", text, answer="Ada") for text in texts]
    >>> [one.spans.find(place, place + 3) is None for one, place in zip(counted_once(splits, made), (14, 0), strict=True)]
    [False, True]
    """
    found = list(readings)
    for splits in _sources(documents, readings):
        for (d, reading, _), kept in zip(splits, _best_copies(splits), strict=True):
            if not kept.all():
                found[d] = _without_others(reading, kept)
    return tuple(found)


def _sources(
    documents: Sequence[Document], readings: Sequence[Reading | FailedReading]
) -> Iterator[list[_Split]]:
    """The splits of each source, where some overlap and all that do say the same there."""
    by_source: dict[str, list[_Split]] = {}
    for d, (document, reading) in enumerate(zip(documents, readings, strict=False)):
        place = _place_of(document)
        if place is not None and isinstance(reading, Reading):
            by_source.setdefault(place[0], []).append((d, reading, place[1]))
    for splits in by_source.values():
        agreeing, overlap = _agreeing(splits)
        if overlap:
            yield sorted(agreeing, key=lambda split: split[0])


def _place_of(document: Document) -> tuple[str, int] | None:
    """The source of a split and its first character there, as far as its meta tells."""
    for source, start in _WRITTEN_DOWN:
        if document.meta.get(source) is not None and is_whole(document.meta.get(start), 0):
            return f"{source} {document.meta[source]!r}", int(document.meta[start])
    return None


def _agreeing(splits: Sequence[_Split]) -> tuple[list[_Split], bool]:
    """The splits without those that say something else where they overlap an earlier one, and whether any overlap.

    Two files may go by one name, and a start may be counted in something else than characters.
    """
    kept: list[_Split] = []
    reaching: list[_Split] = []
    overlap = False
    for split in sorted(splits, key=lambda one: (one[2], one[0])):
        reaching = [one for one in reaching if one[2] + len(one[1].context) > split[2]]
        if all(_same_where_both_are(one, split) for one in reaching):
            overlap = overlap or bool(reaching)
            kept.append(split)
            reaching.append(split)
    return kept, overlap


def _same_where_both_are(first: _Split, second: _Split) -> bool:
    """Whether two splits, of which the second begins no earlier, have the same characters where they overlap."""
    inner = first[1].context[second[2] - first[2] :]
    shared = min(len(inner), len(second[1].context))
    return inner[:shared] == second[1].context[:shared]


def _best_copies(splits: Sequence[_Split]) -> list[NDArray[np.bool_]]:
    """For each split (S,): whether its copy of a span is the best one; of equal ones that of the earlier document."""
    start, end = (
        np.concatenate([getattr(reading.spans, edge) + first for _, reading, first in splits])
        for edge in ("start", "end")
    )
    score = np.concatenate([reading.spans.score for _, reading, _ in splits])
    order = np.lexsort((-score, end, start))
    best = np.append(True, (np.diff(start[order]) != 0) | (np.diff(end[order]) != 0))[: len(order)]
    kept = np.zeros(len(order), bool)
    kept[order[best]] = True
    return np.split(kept, np.cumsum([len(reading.spans) for _, reading, _ in splits])[:-1])


def _without_others(reading: Reading, kept: NDArray[np.bool_]) -> Reading:
    """A reading with some of its spans alone."""
    old = reading.spans
    fields = ("start", "end", "score", "window", "token_start", "token_end")
    spans = replace(old, **{name: getattr(old, name)[kept] for name in fields})
    log_normalizer = float(np.logaddexp(old.null_score, np.logaddexp.reduce(spans.score, initial=-np.inf)))
    spans = replace(spans, log_normalizer=log_normalizer)
    return replace(reading, spans=spans, decision=decide(spans, threshold=reading.decision.threshold))
