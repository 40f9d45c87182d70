"""What is shown of two readings side by side: both texts in one, shaded by what the change did to each character."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from qalens.display.folds import ranges_around, shaded_runs, with_folds
from qalens.display.labels import clip, clip_middle
from qalens.display.numbers import MISSING, count, logit, probability, share, signed
from qalens.display.parts import (
    Cell,
    Content,
    Heading,
    Key,
    Line,
    Quote,
    Row,
    Run,
    Scale,
    Sentence,
    ShadedText,
    Table,
    lines,
    quoted,
)
from qalens.display.text_flow import Stretch, flow, steady
from qalens.display.wording import HOW_TO_READ, change_words, said
from qalens.spans.distribution import Answer
from qalens.text.examples import CharSpan

if TYPE_CHECKING:
    from qalens.explain.counterfactual.difference import ReadingDiff

_ANSWER_WIDTH = 60  # columns
_WHOLE = 4_000  # characters of a stretch without change that are shown whole
_AROUND = 300  # characters shown at the ends of a longer one, and around what changed in it


def content(diff: ReadingDiff) -> Content:
    """What changed between two readings: the answer, its chances, and the text with both its versions.

    >>> from qalens.explain.counterfactual.difference import compare
    >>> from qalens.testing import planted_reading
    >>> one, other = (planted_reading("Who?", "Ada kept the lamp.", answer=a) for a in ("Ada", None))
    >>> content(compare(one, other)).of(Heading)[0].notes
    ('no answer any more',)
    """
    caption = (
        "Each character is shaded by how the probability changed that the answer holds it: green with a line above is more, "
        "purple with a line below is less. What is gone lost all that it had; what is new had nothing before. The tip over "
        "a place has its number. Changes are after − before."
    )
    parts = (_heading(diff), _text(diff), numbers_table(diff), Sentence(caption, HOW_TO_READ, "caption"))
    return Content(clip(diff.after.question, 120), parts)


def before_and_after(diff: ReadingDiff, width: int = _ANSWER_WIDTH) -> tuple[str, ...]:
    """What was answered before and after."""
    return lines(*(said(r.answer, width) for r in (diff.before, diff.after)), between=" → ")


def _heading(diff: ReadingDiff) -> Heading:
    readings = (diff.before, diff.after)
    questions = dict.fromkeys(r.question for r in readings)
    asked = lines(*((Quote(clip(q, 400)),) for q in questions), between=" → ")
    models = dict.fromkeys("no model" if r.source is None else r.source.name for r in readings)
    below: tuple[Line, ...] = ()
    if len(models) > 1:
        below = (lines(*((Quote(clip(m, 80)),) for m in models), between=" → "),)
    return Heading(asked, before_and_after(diff), "", "", (change_words(diff),), below)


# --- both texts as one --------------------------------------------------------------------------------------------------


def _text(diff: ReadingDiff) -> ShadedText:
    """Both versions of the text as one: what is gone is struck through, what is new underlined."""
    texts = {"new": diff.after.context}
    changes = {"new": steady(diff.new_inclusion(), diff.after.context)}
    old = steady(diff.inclusion_change(), diff.before.context)
    most = max((float(np.abs(v).max(initial=0.0)) for v in (old, changes["new"])), default=0.0)
    stretches = flow(diff)
    runs: list[Run] = []
    for part in stretches:
        text, values = texts.get(part.kind, diff.before.context), changes.get(part.kind, old)
        runs += _stretch_runs(part, text, values, most)
    scale = None
    if most:
        ends = signed(-most, 2), signed(most, 2)
        scale = Scale(*ends, "probability of being in the answer", ("against", "for"))
    keys = [] if most else [Key("No character's chances changed.")]
    kinds = {s.kind for s in stretches}
    keys += [Key(kind, kind) for kind in ("gone", "new") if kind in kinds]
    return ShadedText("Text", _edits(stretches), tuple(runs), scale, tuple(keys))


def _edits(stretches: Sequence[Stretch]) -> str:
    gone, new = (sum(s.end - s.start for s in stretches if s.kind == kind) for kind in ("gone", "new"))
    return f"{count(gone, 'character')} gone, {new:,} new" if gone or new else "the same before and after"


def _stretch_runs(part: Stretch, text: str, values: NDArray[np.float64], most: float) -> list[Run]:
    change = "" if part.kind == "kept" else part.kind
    runs: list[Run] = []
    for piece in with_folds(text, _worth_showing(part, text, values), part.start, part.end, change):
        if isinstance(piece, Run):
            runs.append(piece)
        else:
            runs += shaded_runs(text, piece, _shades(text, values, piece), [], most, change)
    return runs


def _worth_showing(part: Stretch, text: str, values: NDArray[np.float64]) -> list[CharSpan]:
    """All of a stretch, or of a long one its ends and the surroundings of what changed."""
    flags = np.concatenate([[False], values[part.start : part.end] != 0, [False]])
    edges = part.start + np.flatnonzero(flags[1:] != flags[:-1])
    changed = [CharSpan(a, b) for a, b in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)]
    ends = [CharSpan(at, at + 1) for at in (part.start, part.end - 1)]
    return ranges_around(
        text, [*changed, *ends], part.start, part.end, whole=_WHOLE, around=_AROUND, near=_AROUND
    )


def _shades(text: str, values: NDArray[np.float64], span: CharSpan) -> list[tuple[int, int, float, str]]:
    """Runs of one change within a span, those without any left out."""
    cuts = 1 + span.start + np.flatnonzero(np.diff(values[span.start : span.end]))
    more = "change of the probability of being in the answer"
    return [
        (a, b, value, f"{clip(text[a:b], 40)} {signed(value)}\n{more}")
        for a, b in pairwise([span.start, *cuts.tolist(), span.end])
        if a < b and (value := float(values[a]))
    ]


# --- numbers ------------------------------------------------------------------------------------------------------------


def numbers_table(diff: ReadingDiff) -> Table:
    """The probabilities and the margin, before and after."""
    before, after = diff.before, diff.after
    rows = [_row("P(no answer)", before.no_answer_probability, after.no_answer_probability, probability)]
    rows += [_row(_named(text), *both, probability) for text, both in _followed(diff)]
    rows.append(_row("margin, logits", before.margin, after.margin, logit))
    note = (
        f"The two distributions over spans and no answer are {diff.distance:.2f} of 1 apart (Jensen–Shannon distance). Of "
        f"the probability before, {share(diff.gone_probability)} was on spans that are gone; of that after, "
        f"{share(diff.new_probability)} is on new ones."
    )
    return Table("In numbers", "", ("", "before", "after", "change"), tuple(rows), note=note)


def _followed(diff: ReadingDiff) -> list[tuple[str, tuple[float | None, float | None]]]:
    """The best spans of both readings with their probabilities before and after, None where a text does not have one."""
    found = []
    old, new = diff.before.decision.best, diff.after.decision.best
    if old is not None:
        then = diff.candidate(old.span)
        found.append((old.text, (old.probability, None if then is None else then.probability)))
    if new is not None and (old is None or diff.follow(old.span) != new.span):
        earlier = _earlier(diff, new.span)
        found.append((new.text, (None if earlier is None else earlier.probability, new.probability)))
    return found


def _earlier(diff: ReadingDiff, span: CharSpan) -> Answer | None:
    """What the reading before gave to a span of the text after."""
    places = np.flatnonzero((diff.alignment >= span.start) & (diff.alignment < span.end))
    if len(places) != len(span) or places[-1] - places[0] != len(span) - 1:
        return None
    return diff.before.spans.find(int(places[0]), int(places[-1]) + 1)


def _named(text: str) -> tuple[str, ...]:
    return ("P(", *quoted(clip_middle(text, _ANSWER_WIDTH)), ")")


def _row(name: Line, before: float | None, after: float | None, written: Callable[[float], str]) -> Row:
    cells = [MISSING if x is None else written(x) for x in (before, after)]
    cells.append(MISSING if before is None or after is None else signed(after - before))
    return Row((Cell(name), *map(Cell, cells)))
