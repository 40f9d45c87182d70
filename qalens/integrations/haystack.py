"""What Haystack's reader needs beside a reading: its old scores, answers that do not overlap, and the text around one.

The component itself is `haystack_integrations.components.readers.qalens.QALensExtractiveReader`, where Haystack loads
it from without being asked to trust it. Nothing here imports Haystack.

The old scores are those of Haystack's `ExtractiveReader` (and of `TransformersExtractiveReader`, which has its code):
sigmoid(c · (start + end)) with c = 0.1 over the context tokens of each window, the end not before the start, no limit of
length; the best few of each window pooled over all documents; no answer Π (1 − score) over the answers that are kept.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from qalens.errors import InputError
from qalens.integrations.old_scores import OldTokenizer, old_windows
from qalens.readings.documents import DocumentsReading
from qalens.readings.provenance import DocumentAnswer
from qalens.readings.reading import FailedReading, Place, Reading
from qalens.records import read_only
from qalens.spans.distribution import SpanDistribution, SpanLogits
from qalens.text.examples import CharSpan, check_text
from qalens.text.layout import CutText
from qalens.text.windows import Windows, check_memory, lay_out, window_starts

OLD_CANDIDATES = 20
OLD_STRIDE = 128


def reader_windows(
    pair: OldTokenizer,
    question: str,
    text: str,
    *,
    max_length: int,
    stride: int,
    max_memory: int | None = None,
) -> Windows:
    """The windows of one text as the old reader made them; question and text may be blank.

    A question that leaves no space for the text is truncated, where the old reader made windows of the question.

    Parameters
    ----------
    pair : OldTokenizer
        The tokenizer.
    question : str
        The question.
    text : str
        The text.
    max_length : int
        Tokens of one window.
    stride : int
        Overlap in tokens.
    max_memory : int or None, default None
        Bytes that a reading may take; None sets no limit.

    Returns
    -------
    Windows

    Raises
    ------
    InputError
        For a text that is empty or broken.

    Examples
    --------
    >>> from qalens.testing import toy_tokenizer
    >>> len(reader_windows(OldTokenizer(toy_tokenizer()), "", "Ada kept the lamp.", max_length=32, stride=8))
    1
    """
    blank = isinstance(text, str) and text.isspace()
    if question and not blank:
        return old_windows(pair, question, text, max_length=max_length, stride=stride, max_memory=max_memory)
    if not blank:
        check_text(text, "context")
    check_memory(len(text), max_memory)
    asked, found = pair.encode(question), pair.encode(text)
    shared, n = max_length - pair.n_special, len(found)
    kept = min(len(asked), shared - stride - 1)
    room = shared - kept
    return lay_out(pair, [CutText(question, text, asked, found, kept, room, window_starts(n, room, stride))])[
        0
    ]


@read_only
@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """The spans of one text from which answers are chosen; all arrays are (n,).

    Attributes
    ----------
    start, end : ndarray of int64
        Half-open character ranges.
    score : ndarray of floating
        The score of each.
    """

    start: NDArray[np.int64]
    end: NDArray[np.int64]
    score: NDArray[np.floating]

    def __post_init__(self) -> None:
        if not self.start.shape == self.end.shape == self.score.shape == (len(self.score),):
            raise InputError(
                f"Candidates need one start, end and score each, but have shapes {self.start.shape}, {self.end.shape} "
                f"and {self.score.shape}."
            )
        for array in (self.start, self.end, self.score):
            array.flags.writeable = False

    def __len__(self) -> int:
        return len(self.score)


def no_candidates() -> Candidates:
    """The candidates of a text without a span.

    Returns
    -------
    Candidates
    """
    return Candidates(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))


def old_candidates(logits: SpanLogits, *, per_window: int, factor: float, width: int) -> Candidates:
    """The best spans of each window with their old scores, window by window, best first.

    Copies of one span in several windows are kept apart, as in the old reader.

    Parameters
    ----------
    logits : SpanLogits
        Start and end logits of W windows.
    per_window : int
        How many spans of each window.
    factor : float
        The calibration factor.
    width : int
        The number of tokens that all windows of all documents were padded to: for scores that are equal in float32,
        as with a large calibration factor, which of them is among the best depends on the positions of the tokens in
        the padded window.

    Returns
    -------
    Candidates

    Examples
    --------
    >>> from qalens.testing import planted_logits
    >>> logits = planted_logits("Ada kept the lamp.", answer="Ada")
    >>> found = old_candidates(logits, per_window=1, factor=0.1, width=logits.start.shape[1])
    >>> int(found.start[0]), int(found.end[0]), round(float(found.score[0]), 3)
    (0, 3, 0.917)
    """
    backwards = torch.ones(width, width, dtype=torch.bool).tril_(-1)
    parts = [_window_candidates(logits, w, per_window, factor, backwards) for w in range(len(logits.windows))]
    return Candidates(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _window_candidates(
    logits: SpanLogits, w: int, k: int, factor: float, backwards: torch.Tensor
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
    width = len(backwards)
    inside = np.flatnonzero(logits.windows.answerable[w])
    start, end = torch.full((2, width), -torch.inf)
    start[inside], end[inside] = (torch.from_numpy(x[w, inside]) for x in (logits.start, logits.end))
    z = start[:, None] + end
    score = torch.sigmoid(z.masked_fill_(backwards, -torch.inf).mul_(factor)).flatten()
    best = torch.topk(score, min(k, len(score)))
    there = best.values > 0
    place, p = best.indices[there].numpy(), best.values[there].numpy()
    offsets = logits.windows.offsets[w]
    return offsets[place // width, 0], offsets[place % width, 1], p


def old_no_answer(scores: Iterable[float]) -> float:
    """The old score of no answer, Π (1 − score) over the answers that are kept; 1 if there are none.

    Parameters
    ----------
    scores : iterable of float
        The scores of the answers.

    Returns
    -------
    float

    Examples
    --------
    >>> old_no_answer([0.5, 0.5])
    0.25
    """
    return math.prod(1 - score for score in scores)


def collection_candidates(reading: DocumentsReading, *, per_window: int | None) -> list[Candidates]:
    """The spans of each document with their probabilities in the joint distribution.

    Parameters
    ----------
    reading : DocumentsReading
        The reading of the documents.
    per_window : int or None
        How many of the best spans of each window; None takes all.

    Returns
    -------
    list of Candidates
        One for each document, empty for one that could not be read.
    """
    found = []
    for d, one in enumerate(reading.readings):
        if isinstance(one, FailedReading):
            found.append(no_candidates())
            continue
        p = reading.probabilities(d)
        kept = slice(None) if per_window is None else _best_of_windows(one, per_window)
        found.append(Candidates(one.spans.start[kept], one.spans.end[kept], p[kept]))
    return found


def place_candidates(reading: DocumentsReading, cut: float) -> list[Candidates]:
    """The best spans of the places that are taken as answers, each with the probability of its place.

    Parameters
    ----------
    reading : DocumentsReading
        The reading of the documents.
    cut : float
        The probability from which on a place is an answer.

    Returns
    -------
    list of Candidates
        One for each document.
    """
    taken: list[list[Place]] = [[] for _ in reading.documents]
    for place in reading.answers(cut):
        if place.taken and isinstance(place.best, DocumentAnswer):
            taken[place.best.document].append(place)
    return [
        Candidates(
            np.array([one.best.span.start for one in places], np.int64),
            np.array([one.best.span.end for one in places], np.int64),
            np.array([one.probability for one in places], np.float64),
        )
        for places in taken
    ]


def _best_of_windows(reading: Reading, k: int) -> NDArray[np.int64]:
    spans: SpanDistribution = reading.spans
    order = np.lexsort((-spans.score, spans.window))
    window = spans.window[order]
    rank = np.arange(len(order)) - np.searchsorted(window, window)
    return np.sort(order[rank < k])


def pick_distinct(
    groups: Sequence[Candidates],
    k: int,
    overlap_threshold: float | None,
    *,
    same: Sequence[Hashable] | None = None,
) -> list[tuple[int, int]]:
    """The best candidates of all groups, best first, without those that overlap a better one of the same text.

    Among equal scores the earlier group comes first, then the earlier position.

    Parameters
    ----------
    groups : sequence of Candidates
        Groups of candidates.
    k : int
        How many are picked.
    overlap_threshold : float or None
        Two spans overlap too much if the characters that they share are more than this part of either; None keeps
        all.
    same : sequence of Hashable or None, default None
        The text of each group, if several groups are of one text.

    Returns
    -------
    list of tuple of (int, int)
        Pairs of the group and the index in it.

    Examples
    --------
    >>> group = Candidates(np.array([0, 0, 9]), np.array([8, 3, 12]), np.array([0.5, 0.3, 0.2]))
    >>> pick_distinct([group], 2, 0.01), pick_distinct([group], 2, None)
    ([(0, 0), (0, 2)], [(0, 0), (0, 1)])
    """
    names = range(len(groups)) if same is None else same
    left = [group.score for group in groups]
    best = np.array([score.max(initial=-np.inf) for score in left])
    picked: list[tuple[int, int]] = []
    while len(picked) < k and best.max(initial=-np.inf) > -np.inf:
        g = int(best.argmax())
        s = int(left[g].argmax())
        picked.append((g, s))
        for h in [h for h, name in enumerate(names) if name == names[g]]:
            if left[h] is groups[h].score:
                left[h] = left[h].copy()
            if h == g:
                left[h][s] = -np.inf
            if overlap_threshold is not None:
                clash = _clashing(
                    groups[h], int(groups[g].start[s]), int(groups[g].end[s]), overlap_threshold
                )
                left[h][clash] = -np.inf
            best[h] = left[h].max(initial=-np.inf)
    return picked


def _clashing(group: Candidates, start: int, end: int, threshold: float) -> NDArray[np.bool_]:
    """(n,): the candidates that share more than their due with a span."""
    shared = np.minimum(group.end, end) - np.maximum(group.start, start)
    length = np.maximum(group.end - group.start, 1)
    most = np.maximum(shared / length, shared / max(1, end - start))
    return (shared > 0) & (most > threshold)


def surrounding(text: str, span: CharSpan, characters: int) -> tuple[str, CharSpan]:
    """An answer with text on either side, and its span in that piece.

    Parameters
    ----------
    text : str
        The text.
    span : CharSpan
        The answer.
    characters : int
        How many characters on either side at most.

    Returns
    -------
    tuple of (str, CharSpan)

    Examples
    --------
    >>> surrounding("Ada kept the lamp.", CharSpan(4, 8), 4)
    ('Ada kept the', CharSpan(start=4, end=8))
    """
    first = max(0, span.start - characters)
    return text[first : span.end + characters], CharSpan(span.start - first, span.end - first)


def page_of(text: str, start: int, first_page: int) -> int:
    """The page of a character, where form feeds separate the pages.

    Parameters
    ----------
    text : str
        The text.
    start : int
        The character.
    first_page : int
        The number of the first page.

    Returns
    -------
    int

    Examples
    --------
    >>> page_of("one\\ftwo", 4, 3)
    4
    """
    return first_page + text.count("\f", 0, start)
