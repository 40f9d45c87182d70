"""What is shown of an attribution: question and text shaded by what their words contribute, and whether to rely on it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qalens.display.content.reading import given_table
from qalens.display.folds import shaded_runs
from qalens.display.labels import clip, whole_edges
from qalens.display.numbers import count, digits_for, logit, signed
from qalens.display.parts import (
    Bar,
    Bars,
    Cell,
    Content,
    Heading,
    Key,
    Mark,
    Quote,
    Row,
    Run,
    Scale,
    Sentence,
    ShadedText,
    Table,
    quoted,
    signed_bar,
)
from qalens.display.wording import HOW_TO_READ, diagnostic_rows, method, quotations, warnings
from qalens.readings.reading import Reading
from qalens.text.examples import CharSpan
from qalens.text.windows import Role

if TYPE_CHECKING:
    from qalens.explain.attribution.record import Attribution, FailedAttribution, Segment

_MOST_PIECES = 8
_NEAR = 200  # characters without a token that are not worth a fold
_STRONGEST = 8
_NAME_WIDTH = 40  # columns of a word in a label


@dataclass(frozen=True, slots=True)
class WordUnit:
    """A word as it is drawn: its characters, the sum of its tokens' values, and the tokens.

    Words that share what readers see as one character, such as the parts of an emoji, are one unit.
    """

    start: int
    end: int
    value: float
    tokens: tuple[int, ...]


def word_units(attribution: Attribution, role: Role) -> list[WordUnit]:
    """The words of the question or of the text with their values, in their order, no character of them cut."""
    text = text_of(attribution, role)
    words = [w for w in attribution.words if w.role == role]
    if not words:
        return []
    edges = whole_edges(text, words[0].span.start, words[-1].span.end)
    units: list[WordUnit] = []
    for word in words:
        start, end = edges(word.span.start, word.span.end)
        tokens = word.tokens
        if units and start < units[-1].end:
            last = units.pop()
            start, tokens = last.start, (*last.tokens, *tokens)
        units.append(WordUnit(start, end, float(attribution.values[list(tokens)].sum()), tokens))
    return units


def text_of(attribution: Attribution, role: Role) -> str:
    """The question or the text."""
    return attribution.question if role == Role.QUESTION else attribution.context


def largest_value(attribution: Attribution) -> float:
    """The largest size among the finite values of words, which gets the full colour; 0 where there is none."""
    units = (u for role in (Role.QUESTION, Role.CONTEXT) for u in word_units(attribution, role))
    return max((abs(u.value) for u in units if math.isfinite(u.value)), default=0.0)


def content(attribution: Attribution) -> Content:
    """What is explained, the words with their values, the strongest of them, sums, and what tells whether to rely on it.

    >>> from qalens.reader import Reader
    >>> from qalens.testing import toy_model, toy_tokenizer
    >>> reader = Reader(toy_model(), toy_tokenizer())
    >>> reading = reader.read("Who kept the lamp?", "Ada kept the lamp.")
    >>> content(reader.attribute(reading, "no_answer", "input_x_gradient")).of(ShadedText)[1].title
    'Text'
    """
    target = attribution.target
    title = f"{clip(target.words, 80)} · {clip(attribution.question, 80)}"
    parts = [
        _heading(attribution),
        *cautions(attribution),
        question_text(attribution),
        context_text(attribution),
        strongest(attribution),
        (sums(attribution), diagnostics(attribution)),
        _caption(),
    ]
    return Content(title, tuple(parts))


def cautions(attribution: Attribution) -> list[Sentence]:
    """What has to be known before the values are used."""
    return [Sentence(said, "⚠ Take care.", "warning") for said in warnings(attribution)]


def failed(record: FailedAttribution) -> Content:
    """Why something could not be explained, and the question where there is one."""
    parts: list[object] = [Sentence(str(record.error), "Not explained.", "failure")]
    if isinstance(record.reading, Reading):
        question = Quote(clip(record.reading.question, 300))
        parts.append(given_table((Row((Cell("question"), Cell(question))),)))
    return Content("Not explained", tuple(parts))


def _heading(attribution: Attribution) -> Heading:
    target = attribution.target
    lead = "What contributes to " if target.name == "contrast" else "What contributes to the "
    notes = [method(attribution), *([attribution.model] if attribution.model else []), target.note]
    how = clip(" · ".join(n for n in notes if n), 300)
    asked = (lead, *quotations(clip(target.words, 300)))
    return Heading(asked, logit(attribution.diagnostics.value), "", "", ("logits",), (how,))


def question_text(attribution: Attribution) -> ShadedText:
    """The question, its words shaded."""
    runs = _runs(attribution, Role.QUESTION, CharSpan(0, len(attribution.question)), [])
    return ShadedText("Question", sum_of(attribution, "question"), runs)


def context_text(attribution: Attribution) -> ShadedText:
    """The part of the text that the window sees; what is before and after it is folded away."""
    seen = seen_range(attribution)
    runs = _runs(attribution, Role.CONTEXT, seen, _marks(attribution))
    text = attribution.context
    folds = [Run(text[: seen.start], fold=True)], [Run(text[seen.end :], fold=True)]
    runs = tuple(run for run in (*folds[0], *runs, *folds[1]) if run.text)
    scale, keys = values_legend(attribution, largest_value(attribution), "word")
    return ShadedText("Text", sum_of(attribution, "context"), runs, scale, tuple(keys))


def values_legend(attribution: Attribution, most: float, unit: str) -> tuple[Scale | None, list[Key]]:
    """The legend of values by "word" or "token" of which the largest by size is `most`."""
    if not most:
        return None, [Key(f"All values are 0, so no {unit} is shaded.")]
    digits = digits_for(most)
    said = f"logits by {unit}; line below: negative, line above: positive"
    return Scale(signed(-most, digits), signed(most, digits), said, ("against", "for")), _keys(attribution)


def sum_of(attribution: Attribution, segment: Segment) -> str:
    """What the values of the question or of the text sum to."""
    if attribution.over not in ("all", segment):
        return "held as it is"
    return f"{signed(attribution.by_segment()[segment])} in sum"


def _runs(
    attribution: Attribution, role: Role, span: CharSpan, marks: list[tuple[CharSpan, Mark]]
) -> tuple[Run, ...]:
    text, most = text_of(attribution, role), largest_value(attribution)
    digits = digits_for(most)
    shades = []
    for unit in word_units(attribution, role):
        word = clip(text[unit.start : unit.end], _NAME_WIDTH)
        pieces = _pieces(attribution, text, unit, digits)
        tip = f"{word} {signed(unit.value, digits)}" + (f"\n{pieces}" if pieces else "")
        shades.append((unit.start, unit.end, unit.value, tip))
    return shaded_runs(text, span, shades, marks, most)


def _pieces(attribution: Attribution, text: str, unit: WordUnit, digits: int) -> str:
    """The tokens of a word with their values, where it has several."""
    if len(unit.tokens) < 2:
        return ""
    widen = whole_edges(text, unit.start, unit.end)
    said = []
    for token in unit.tokens[:_MOST_PIECES]:
        a, b = widen(*attribution.offsets[token].tolist())
        said.append(f"{clip(text[a:b], 16) or '(blank)'} {signed(float(attribution.values[token]), digits)}")
    more = len(unit.tokens) - _MOST_PIECES
    return " · ".join(said) + (f" · and {more} more" if more > 0 else "")


def seen_range(attribution: Attribution) -> CharSpan:
    """The characters of the text from the first to the last word of the window.

    What is at the very ends of the text and has no token, such as whitespace, is nothing that the window leaves out.
    """
    text, units = attribution.context, word_units(attribution, Role.CONTEXT)
    if not units:
        return CharSpan(0, len(text))
    start, end = units[0].start, units[-1].end
    return CharSpan(
        0 if _says_nothing(text[:start]) else start, len(text) if _says_nothing(text[end:]) else end
    )


def _says_nothing(text: str) -> bool:
    return len(text) <= _NEAR and not any(map(str.isalnum, text))


def _marks(attribution: Attribution) -> list[tuple[CharSpan, Mark]]:
    named: tuple[tuple[CharSpan | None, Mark], ...] = (
        (attribution.target.span, "best"),
        (attribution.target.rival, "rival"),
    )
    marks: list[tuple[CharSpan, Mark]] = []
    for span, mark in named:
        if span is not None:
            widen = whole_edges(attribution.context, span.start, span.end)
            marks.append((CharSpan(*widen(span.start, span.end)), mark))
    return marks


def _keys(attribution: Attribution) -> list[Key]:
    target, keys = attribution.target, []
    if target.span is not None:
        keys.append(Key("the one side" if target.name == "contrast" else "what is explained", "best"))
    if target.rival is not None:
        keys.append(Key("the other side", "rival"))
    return keys


@dataclass(frozen=True, slots=True)
class StrongWord:
    """A word, its value, whether it is of the question or of the text, and its first token in the window."""

    text: str
    value: float
    role: Role
    token: int


def strongest_words(attribution: Attribution, k: int = _STRONGEST) -> list[StrongWord]:
    """The `k` words with the largest values by size, largest first."""
    found = [
        StrongWord(text_of(attribution, role)[u.start : u.end], u.value, role, u.tokens[0])
        for role in (Role.QUESTION, Role.CONTEXT)
        for u in word_units(attribution, role)
        if math.isfinite(u.value) and u.value
    ]
    return sorted(found, key=lambda word: -abs(word.value))[:k]


def strongest(attribution: Attribution) -> Table:
    """The words that count most with their numbers: what a print without colours and tips still tells."""
    found, digits = strongest_words(attribution), digits_for(largest_value(attribution))
    values = [word.value for word in found]
    rows = tuple(
        Row(
            (
                Cell(Quote(clip(word.text, _NAME_WIDTH))),
                Cell(_group(word)),
                Cell(signed(word.value, digits), bar=signed_bar(word.value, values)),
            )
        )
        for word in found
    )
    about = "by what they contribute, in logits"
    return Table("Strongest words", about, ("word", "of the", "logits"), rows, kind="numbers")


def word_bars(attribution: Attribution, k: int) -> Bars:
    """The `k` words with the largest values by size as bars: first those of the question, then those of the text."""
    found = sorted(strongest_words(attribution, k), key=lambda word: word.role == Role.CONTEXT)
    digits = digits_for(max((abs(word.value) for word in found), default=0.0))
    rows = tuple(
        Bar(
            quoted(clip(word.text, 24)),
            word.value,
            signed(word.value, digits),
            "less" if word.value < 0 else "more",
            striped=word.value < 0,
            apart=_group(word) if not n or word.role != found[n - 1].role else None,
        )
        for n, word in enumerate(found)
    )
    values = [word.value for word in found]
    return Bars("Strongest words", "", rows, min(0.0, *values, -1e-9), max(0.0, *values, 1e-9))


def _group(word: StrongWord) -> str:
    return "question" if word.role == Role.QUESTION else "text"


def sums(attribution: Attribution) -> Bars:
    """Sums by segment, and by end and by part of the embedding where they are known, on one scale."""
    segments = attribution.by_segment()
    groups = [
        [
            ("question", segments["question"]),
            ("text", segments["context"]),
            ("special tokens", segments["special"]),
        ]
    ]
    if attribution.start_values is not None and attribution.end_values is not None:
        ends = (("start logits", attribution.start_values), ("end logits", attribution.end_values))
        groups.append([(f"through {name}", float(values.sum())) for name, values in ends])
    if len(attribution.parts) > 1:
        groups.append([(f"{part} embedding", value) for part, value in attribution.by_part().items()])
    return signed_bars("Where it comes from", "sums of values, in logits", groups)


def signed_bars(title: str, about: str, groups: list[list[tuple[str, float]]]) -> Bars:
    """Groups of names with values as bars from one zero to both sides.

    >>> [row.tone for row in signed_bars("", "", [[("question", 1.0), ("text", -0.5)]]).rows]
    ['more', 'less']
    """
    values = [v for group in groups for _, v in group if math.isfinite(v)]
    rows = tuple(
        Bar(name, value, signed(value), "less" if value < 0 else "more", apart="" if k and not n else None)
        for k, group in enumerate(groups)
        for n, (name, value) in enumerate(group)
    )
    return Bars(title, about, rows, min(0.0, *values, -1e-9), max(0.0, *values, 1e-9))


def diagnostics(attribution: Attribution) -> Table:
    """What tells whether the values can be relied on, always all of it."""
    rows = tuple(Row((Cell(name), Cell(said))) for name, said in diagnostic_rows(attribution))
    note = f"It took {count(attribution.diagnostics.passes, 'row')} through the model."
    return Table("Diagnostics", "", ("", ""), rows, kind="given", note=note, aside=True)


def _caption() -> Sentence:
    said = (
        "Each word is shaded by what it contributes to the number in the head, in logits: green with a line above it "
        "contributes positively, purple with a line below it negatively, and no colour is no contribution. A word's number "
        "is the sum over its tokens; the tip over a word has it, with the tokens. The values explain this one number at "
        "this one input, against a baseline where words carry no information: they say what the model used, not what is "
        "true."
    )
    return Sentence(said, HOW_TO_READ, "caption")
