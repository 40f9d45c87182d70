"""What the plots of changes are made of: the strip over the characters of a text, and the bars of its sentences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from qalens.display.content.difference import before_and_after
from qalens.display.content.sentences import told
from qalens.display.labels import clip_middle
from qalens.display.numbers import places, probability, share_below, signed
from qalens.display.parts import words
from qalens.display.plots import series
from qalens.display.plots.axes import GREY, INK, beside, legend, quiet, title_columns
from qalens.display.plots.lettering.fonts import lettering, one_direction, visible
from qalens.display.plots.series import Stretch, Word
from qalens.display.plots.strokes import name_words
from qalens.display.style import LIGHT
from qalens.display.text_flow import flow
from qalens.text.examples import NO_ANSWER

if TYPE_CHECKING:
    from qalens.explain.counterfactual.difference import ReadingDiff
    from qalens.explain.counterfactual.effects import SentenceEffects

MOST_CHARACTERS = 600
MOST_SENTENCES = 20
_MOST_WORDS = 10
_LEAST, _LEAST_SHARE = (
    0.005,
    0.1,
)  # change of probability, and share of the largest, from which a word is named


# --- the strip over a text ----------------------------------------------------------------------------------------------


def stretch_of(diff: ReadingDiff, change: NDArray[np.float64]) -> Stretch:
    """The characters of the text before that are shown: all of a short one, else the 600 with most change."""
    C = len(change)
    if C <= MOST_CHARACTERS:
        return Stretch(0, C, C, 1.0)
    # Squares: a high change of a few characters tells more than a low one of many.
    size = change**2 + 1e-4 * diff.gone
    sums = np.convolve(size, np.ones(MOST_CHARACTERS), "valid")
    # Of equal stretches the middle one, so that the change is not at the edge.
    full = np.flatnonzero(sums >= sums.max() - 1e-9)
    first = int(full[len(full) // 2])
    total = float(size.sum())
    return Stretch(
        first, first + MOST_CHARACTERS, C, float(size[first : first + MOST_CHARACTERS].sum()) / (total or 1.0)
    )


def inclusion_strip(ax: Axes, diff: ReadingDiff, change: NDArray[np.float64], stretch: Stretch) -> None:
    """Green bars up where the answer now holds a character more often, purple ones down where less; what is gone is hatched grey."""
    edges = np.arange(stretch.first, stretch.stop + 1) - 0.5
    shown = change[stretch.first : stretch.stop]
    for values, colour, hatch in (
        (shown.clip(0), LIGHT["more"], None),
        (shown.clip(None, 0), LIGHT["less"], "/////"),
    ):
        ax.stairs(
            values,
            edges,
            fill=True,
            facecolor=colour,
            edgecolor="white" if hatch else colour,
            hatch=hatch,
            lw=0,
        )
    ax.axhline(0, color=INK, linewidth=0.6)
    for start, stop in _runs(diff.gone[stretch.first : stretch.stop]):
        span = (stretch.first + start - 0.5, stretch.first + stop - 0.5)
        ax.axvspan(
            *span, facecolor=LIGHT["field"], edgecolor=LIGHT["rule"], hatch="....", linewidth=0, zorder=0
        )


def _runs(flags: NDArray[np.bool_]) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def new_stems(ax: Axes, diff: ReadingDiff, stretch: Stretch) -> list[Word]:
    """Where words are new, a thin post as high as the answer's probability of holding them; returns their names."""
    inclusion = diff.new_inclusion()
    names, at = [], 0
    for part in flow(diff):
        if part.kind != "new":
            at = part.end
            continue
        high = float(inclusion[part.start : part.end].max())
        if not stretch.first <= at <= stretch.stop:
            continue
        place = at - 0.5
        ax.plot(
            [place, place], [0, max(high, 0.0)], color=LIGHT["more"], linewidth=2.2, solid_capstyle="butt"
        )
        ax.plot(
            [place],
            [high],
            marker="^",
            color="white",
            markeredgecolor=LIGHT["more"],
            ms=6,
            clip_on=False,
            zorder=4,
        )
        text = " ".join(diff.after.context[part.start : part.end].split())
        if high >= _LEAST and text:
            names.append(Word(f"+{text}", at, float(place)))
    return names


def name_changes(
    ax: Axes, diff: ReadingDiff, change: NDArray[np.float64], stretch: Stretch, new: Sequence[Word]
) -> None:
    """Below the strip the words whose characters changed most, and those that are new."""
    context = diff.before.context
    size = np.abs(change)
    least = max(_LEAST, _LEAST_SHARE * float(size.max(initial=0)))
    words: dict[tuple[int, int], float] = {}
    for at in stretch.first + np.argsort(-size[stretch.first : stretch.stop], kind="stable"):
        if size[at] < least or len(words) == _MOST_WORDS:
            break
        span = series.word_at(context, int(at), int(at) + 1)
        if any(map(str.isalnum, context[slice(*span)])):
            words.setdefault(span, float(size[at]))
    heavy = [Word(context[a:b], (a + b - 1) // 2, (a + b - 1) / 2) for a, b in words]
    ax.set_xlim(stretch.first - 0.5, stretch.stop - 0.5)
    name_words(ax, [*heavy, *new], [], stretch)


def no_answer_bar(ax: Axes, diff: ReadingDiff, stretch: Stretch) -> None:
    """Right of the text, on the same scale, the change of the probability of no answer."""
    wide = 0.045 * len(stretch)
    left = stretch.stop - 0.5 + 0.05 * len(stretch)
    change = diff.no_answer_change
    ax.axvline(left - 0.02 * len(stretch), color=GREY, linewidth=0.8, linestyle=(0, (1, 2)))
    ax.bar(left + wide / 2, change, wide, facecolor=GREY, linewidth=0)
    ax.annotate(
        signed(change),
        (left + wide / 2, change),
        xytext=(0, 3 if change >= 0 else -3),
        textcoords="offset points",
        ha="center",
        va="bottom" if change >= 0 else "top",
        size="small",
        color=INK,
        annotation_clip=False,
    )
    ax.annotate(
        "no\nanswer",
        (left + wide / 2, 0),
        xycoords=ax.get_xaxis_transform(),
        xytext=(0, -5),
        textcoords="offset points",
        ha="center",
        va="top",
        size="small",
        color=INK,
        annotation_clip=False,
    )
    ax.set_xlim(stretch.first - 0.5, left + 1.6 * wide)


def headline(ax: Axes, diff: ReadingDiff) -> str:
    """What was answered before and after, and the probability of no answer."""
    said = one_direction(visible(words(before_and_after(diff, title_columns(ax) // 2 - 3))))
    before, after = (probability(r.no_answer_probability) for r in (diff.before, diff.after))
    return f"{said}\nP(no answer) {before} → {after}   distance {diff.distance:.2f} of 1"


def stretch_label(stretch: Stretch) -> str:
    """Which characters these are."""
    if len(stretch) == stretch.total:
        return f"all {stretch.total:,} characters of the text before"
    share = f"{share_below(stretch.share)} of all change"
    return f"characters {places(stretch.first, stretch.stop)} of {stretch.total:,} before, with {share}"


# --- sentences ----------------------------------------------------------------------------------------------------------


def sentences_to_show(effects: SentenceEffects) -> list[int]:
    """The places of the sentences in their order; of very many those with the largest effects and the target."""
    size = np.nan_to_num(np.maximum(np.abs(effects.answer_effect), np.abs(effects.no_answer_effect)))
    size = size + 10.0 * effects.holds_target
    return sorted(np.argsort(-size, kind="stable")[:MOST_SENTENCES].tolist())


def sentence_bars(ax: Axes, effects: SentenceEffects, rows: Sequence[int]) -> None:
    """Two bars for each sentence: what dropping it does to the target and to no answer."""
    kinds = (
        (
            -0.2,
            effects.answer_effect,
            LIGHT["answer"],
            None,
            "answer" if effects.reading.answer else "best span",
        ),
        (0.2, effects.no_answer_effect, LIGHT["none"], "/////", NO_ANSWER),
    )
    for shift, values, colour, hatch, name in kinds:
        shown = np.nan_to_num(values[list(rows)])
        ax.barh(
            np.arange(len(rows)) + shift,
            shown,
            height=0.38,
            facecolor=colour,
            edgecolor="white",
            hatch=hatch,
            linewidth=0,
            label=name,
        )
    ax.axvline(0, color=INK, linewidth=0.8)
    ax.set_yticks(range(len(rows)), [_sentence(effects, k) for k in rows], size="small", **lettering())
    for label, k in zip(ax.get_yticklabels(), rows, strict=True):
        label.set_color(INK if effects.holds_target[k] else GREY)
        label.set_fontweight("bold" if effects.holds_target[k] else "normal")
    ax.set_ylim(max(len(rows), 3) - 0.4, -0.9)
    most = max(0.1, *(float(np.nanmax(np.abs([0.0, *values]))) for _, values, *_ in kinds))
    ax.set_xlim(-1.05 * most, 1.05 * most)
    ax.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    legend(ax, 2)
    quiet(ax, left=False)


def alone_column(ax: Axes, effects: SentenceEffects, rows: Sequence[int]) -> None:
    """Right of the bars what the model says to each sentence alone."""
    cells = [(-0.75, "alone it says", GREY)]
    for place, k in enumerate(rows):
        answer = effects.alone.answers[k]
        said = visible(words(told(answer, effects.alone.errors[k], 18)))
        cells.append((place, one_direction(said), GREY if answer is None else INK))
    for y, text, colour in cells:
        beside(ax, y, 6, text, colour)


def _sentence(effects: SentenceEffects, k: int) -> str:
    text = " ".join(effects.sentences[k].of(effects.reading.context).split())
    return one_direction(f"{k + 1}  {clip_middle(visible(text), 36)}")
