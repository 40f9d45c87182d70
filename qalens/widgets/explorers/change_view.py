"""What the explorer of changes shows, as JSON: the smallest flip, what each sentence does, and the fewest that keep a decision."""

from __future__ import annotations

import math
from typing import Any

from qalens.display.content.sentences import contributions, effects_table, proof, strongest_first, then_said
from qalens.display.html.page import nodes
from qalens.display.labels import clip
from qalens.display.parts import Sentence, words
from qalens.display.wording import listed, said
from qalens.explain.counterfactual.effects import SentenceEffects
from qalens.explain.counterfactual.fewest_sentences import SmallestSentences
from qalens.explain.counterfactual.fewest_words import SmallestFlip
from qalens.readings.reading import Reading
from qalens.spans.distribution import Answer
from qalens.text.examples import CharSpan
from qalens.widgets.headline import head_view

_ANSWER = 120  # columns
_MOST_SENTENCES = 200

Change = SmallestFlip | SentenceEffects | SmallestSentences
KINDS: dict[str, type] = {
    "flip": SmallestFlip,
    "sentences": SentenceEffects,
    "fewest": SmallestSentences,
}


def decision_view(reading: Reading) -> dict[str, Any]:
    """The question, the text and what was decided.

    >>> from qalens.testing import planted_reading
    >>> decision_view(planted_reading("Who kept it?", "Ada kept it.", answer="Ada"))["head"]["said"]
    [['Ada', True]]
    """
    best = reading.decision.best
    return {
        "head": head_view(reading),
        "context": reading.context,
        "answered": reading.answer is not None,
        "best": None if best is None else _pair(best.span),
    }


def change_entry(change: Change) -> dict[str, Any]:
    """What the browser gets of one change: its `kind`, one `sentence` that says it, and what is drawn."""
    if isinstance(change, SmallestFlip):
        return _flip(change)
    return _fewest(change) if isinstance(change, SmallestSentences) else _effects(change)


def _flip(flip: SmallestFlip) -> dict[str, Any]:
    text = flip.reading.context if flip.where == "context" else flip.reading.question
    names = [f"“{clip(span.of(text), 40)}”" for span in flip.words]
    before = _quoted(flip.reading.answer)
    if flip.diff is None:
        found = "No set of words that can be masked flips" if flip.proven else "No flip was found of"
        sentence = f"{found} {before}."
        after = []
    else:
        after = nodes(Sentence(then_said(flip.reading, flip.diff.after)))
        sentence = (
            f"Without {listed(names)} the model says {_quoted(flip.diff.after.answer)} instead of {before}."
        )
    return {
        "kind": "flip",
        "sentence": sentence,
        "note": proof(flip),
        "spans": [_pair(span) for span in flip.words],
        "after": after,
    }


def _fewest(fewest: SmallestSentences) -> dict[str, Any]:
    n = len(fewest.spans)
    what = "This sentence alone keeps" if n == 1 else f"These {n:,} sentences alone keep"
    return {
        "kind": "fewest",
        "sentence": f"{what} {_quoted(fewest.reading.answer)}."
        if n
        else f"Nothing of the text is needed for {_quoted(fewest.reading.answer)}.",
        "note": proof(fewest),
        "spans": [_pair(span) for span in fewest.spans],
    }


def _effects(effects: SentenceEffects) -> dict[str, Any]:
    adds = contributions(effects)
    order = strongest_first(adds)[:_MOST_SENTENCES]
    strongest = float(adds[order[0]]) if order else 0.0
    sentence = "No sentence changes what the model says."
    if math.isfinite(strongest) and strongest:
        name = f"“{clip(effects.sentences[order[0]].of(effects.reading.context).strip(), 80)}”"
        verb = "adds most to" if strongest > 0 else "takes most from"
        sentence = f"{name} {verb} {_quoted(effects.reading.answer)}."
    return {
        "kind": "sentences",
        "sentence": sentence,
        "note": "",
        "table": nodes(effects_table(effects, _MOST_SENTENCES)),
        "picks": [_pair(effects.sentences[k]) for k in order],
        "adds": [_number(float(adds[k])) for k in order],
    }


def _quoted(answer: Answer | None) -> str:
    return words(said(answer, _ANSWER))


def _pair(span: CharSpan) -> list[int]:
    return [span.start, span.end]


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
