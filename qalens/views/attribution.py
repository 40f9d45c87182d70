"""An attribution as HTML: question and text with their words shaded by what they contribute, and whether to trust it."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from qalens.reading import Reading
from qalens.text import CharSpan
from qalens.views.frame import EXPLANATIONS, READING, figure, page, styles
from qalens.views.markup import Html, clip, count, element, join, logit
from qalens.views.passage import folded
from qalens.views.shading import Mark, Shade, largest, scale_html, shaded_html
from qalens.views.strips import per_cent
from qalens.views.word_units import WordUnit, whole_edges, word_units
from qalens.views.wording import digits_for, method, signed, trust_rows, warnings
from qalens.windows import Role

if TYPE_CHECKING:
    from qalens.explain.attribution import Attribution, FailedAttribution, Segment

_MOST_PIECES = 8
_NEAR = 200  # characters without a token that are not worth a fold
_STRONGEST = 8
_NAME_WIDTH = 40  # columns of a word in a label


def attribution_html(attribution: Attribution) -> str:
    """One attribution as a piece of HTML that a notebook shows: no scripts, no ids, its own styles.

    >>> from qalens.reader import Reader
    >>> from qalens.testing import toy_model, toy_tokenizer
    >>> reader = Reader(toy_model(), toy_tokenizer())
    >>> reading = reader.read("Who kept the lamp?", "Ada kept the lamp.")
    >>> html = attribution_html(reader.attribute(reading, "no_answer", "input_x_gradient"))
    >>> html.count("<figure"), "<script" in html
    (1, False)
    """
    return join(styles(READING, EXPLANATIONS), _figure(attribution))


def attribution_page(attribution: Attribution) -> str:
    """One attribution as a whole HTML page that needs nothing else: no network, no scripts."""
    title = f"{clip(attribution.target.words, 80)} · {clip(attribution.question, 80)}"
    return page(title, styles(READING, EXPLANATIONS), _figure(attribution))


def failed_attribution_html(failed: FailedAttribution) -> str:
    """A small box for an attribution that could not be made: why, and the question where there is one.

    >>> from qalens.errors import InputError
    >>> from qalens.explain.attribution import FailedAttribution
    >>> "There is no span." in failed_attribution_html(FailedAttribution(None, InputError("There is no span.")))
    True
    """
    parts = [element("p", element("strong", "Not explained. "), str(failed.error), class_="ql-failed")]
    if isinstance(failed.reading, Reading):
        question = element("bdi", clip(failed.reading.question, 300), dir="auto")
        parts.append(element("dl", element("dt", "question"), element("dd", question)))
    return join(styles(READING, EXPLANATIONS), figure(*parts))


def _figure(attribution: Attribution) -> Html:
    units = {role: word_units(attribution, role) for role in (Role.QUESTION, Role.CONTEXT)}
    most = largest([u.value for found in units.values() for u in found])
    sections = [_head(attribution), *_warnings(attribution)]
    sections.append(_question(attribution, units[Role.QUESTION], most))
    sections.append(_context(attribution, units[Role.CONTEXT], most))
    sections += [_legend(attribution, most), _strongest(attribution, units, most)]
    below = element("div", _shares(attribution), _trust(attribution), class_="ql-columns")
    return figure(*sections, below, _caption())


def _shade(attribution: Attribution, role: Role, unit: WordUnit, digits: int) -> Shade:
    text = attribution.question if role == Role.QUESTION else attribution.context
    word = clip(text[unit.start : unit.end], _NAME_WIDTH)
    name = f"{word} {signed(unit.value, digits)}"
    return Shade(unit.start, unit.end, unit.value, name, _pieces(attribution, text, unit, digits))


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


# --- sections -----------------------------------------------------------------------------------------------------------


def quoted_html(words: str) -> Html:
    """Words with quotations in them, each kept apart, so that no writing direction turns the words around it.

    >>> quoted_html("score of “Ada”")
    'score of “<bdi>Ada</bdi>”'
    """
    pieces = re.split("“([^”]*)”", clip(words, 300))
    return join(*(join("“", element("bdi", p), "”") if k % 2 else p for k, p in enumerate(pieces)))


def _head(attribution: Attribution) -> Html:
    """What is explained and its value, and below how it was done."""
    target = attribution.target
    what = "What speaks for " if target.name == "contrast" else "What speaks for the "
    said = element("span", what, quoted_html(target.words), class_="ql-question")
    value = element("strong", logit(attribution.trust.value), class_="ql-said")
    verdict = element("div", value, " ", element("small", "logits"), class_="ql-verdict")
    notes = [method(attribution), *([attribution.model] if attribution.model else []), target.note]
    note = element("p", clip(" · ".join(n for n in notes if n), 300), class_="ql-note")
    return join(element("header", said, " ", verdict), note)


def _warnings(attribution: Attribution) -> list[Html]:
    return [
        element("p", element("strong", "⚠ Take care. "), words, role="note", class_="ql-warning")
        for words in warnings(attribution)
    ]


def _question(attribution: Attribution, units: list[WordUnit], most: float) -> Html:
    text = attribution.question
    shades = [_shade(attribution, Role.QUESTION, u, digits_for(most)) for u in units]
    body = shaded_html(text, CharSpan(0, len(text)), shades, [], most)
    return _text_section("Question", attribution, "question", body)


def _context(attribution: Attribution, units: list[WordUnit], most: float) -> Html:
    """The part of the text that the window sees; what stands before and after it is folded away."""
    text = attribution.context
    seen = seen_range(attribution, units)
    shades = [_shade(attribution, Role.CONTEXT, u, digits_for(most)) for u in units]
    body = shaded_html(text, seen, shades, _marks(attribution), most)
    return _text_section(
        "Text", attribution, "context", join(folded(text[: seen.start]), body, folded(text[seen.end :]))
    )


def seen_range(attribution: Attribution, units: list[WordUnit]) -> CharSpan:
    """The characters of the text from the first to the last word of the window.

    What stands at the very ends of the text and has no token, such as blanks, is nothing that the window leaves out.
    """
    text = attribution.context
    if not units:
        return CharSpan(0, len(text))
    start, end = units[0].start, units[-1].end
    return CharSpan(
        0 if _says_nothing(text[:start]) else start, len(text) if _says_nothing(text[end:]) else end
    )


def _says_nothing(text: str) -> bool:
    return len(text) <= _NEAR and not any(map(str.isalnum, text))


def _marks(attribution: Attribution) -> list[Mark]:
    spans = ((attribution.target.span, "ql-best"), (attribution.target.rival, "ql-rival"))
    marks = []
    for span, class_ in spans:
        if span is not None:
            widen = whole_edges(attribution.context, span.start, span.end)
            marks.append(Mark(CharSpan(*widen(span.start, span.end)), class_))
    return marks


def _text_section(name: str, attribution: Attribution, segment: Segment, body: Html) -> Html:
    held = attribution.over not in ("all", segment)
    note = " held as it is" if held else f" {signed(attribution.by_segment()[segment])} in sum"
    title = element("div", element("strong", name), note, class_="ql-h")
    return element("section", title, element("div", body, class_="ql-text", dir="auto", lang=""))


def _legend(attribution: Attribution, most: float) -> Html:
    if not most:
        return element("div", "All values are 0, so no word is shaded.", class_="ql-legend")
    key = element(
        "span",
        element("span", "speaks against", class_="ql-v ql-v-against", style="--v:60%"),
        " ",
        element("span", "speaks for", class_="ql-v ql-v-for", style="--v:60%"),
    )
    parts = [scale_html(most, "logits by word", digits_for(most)), key, *_mark_keys(attribution)]
    return element("div", *parts, class_="ql-legend")


def _mark_keys(attribution: Attribution) -> list[Html]:
    target, keys = attribution.target, []
    if target.span is not None:
        name = "the one side" if target.name == "contrast" else "what is explained"
        keys.append(element("span", element("span", name, class_="ql-best")))
    if target.rival is not None:
        keys.append(element("span", element("span", "the other side", class_="ql-rival")))
    return keys


def _strongest(attribution: Attribution, units: dict[Role, list[WordUnit]], most: float) -> Html:
    """The words that count most with their numbers: what a print without colours and tips still tells."""
    texts = {Role.QUESTION: attribution.question, Role.CONTEXT: attribution.context}
    found = [
        (role, u) for role, of_role in units.items() for u in of_role if math.isfinite(u.value) and u.value
    ]
    found.sort(key=lambda pair: -abs(pair[1].value))
    words = []
    for role, unit in found[:_STRONGEST]:
        word = element("bdi", clip(texts[role][unit.start : unit.end], _NAME_WIDTH))
        where = " (question)" if role == Role.QUESTION else ""
        value = f" {signed(unit.value, digits_for(most))}"
        words.append(element("span", "“", word, "”", where, value, class_="ql-nobr"))
    return element("p", "Strongest words: ", *_between(words, " · "), class_="ql-note") if words else Html()


def _between(parts: list[Html], separator: str) -> Iterable[str]:
    for k, part in enumerate(parts):
        yield from ((separator, part) if k else (part,))


def _shares(attribution: Attribution) -> Html:
    """Sums by segment, and by end and by part of the embedding where they are known, as signed bars on one scale."""
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
    title = element(
        "div", element("strong", "Where it comes from"), " sums of values, in logits", class_="ql-h"
    )
    return element("section", title, sums_html(groups))


def sums_html(groups: list[list[tuple[str, float]]]) -> Html:
    """Rows of a name, a bar from zero to the left or to the right, and the number; groups a little apart.

    >>> sums_html([[("question", 1.0), ("text", -0.5)]]).count("<svg")
    2
    """
    values = [v for group in groups for _, v in group if math.isfinite(v)]
    low, high = min(0.0, *values, -1e-9), max(0.0, *values, 1e-9)

    def x(value: float) -> float:
        return 100 * (value - low) / (high - low)

    cells = []
    for number, group in enumerate(groups):
        for name, value in group:
            gap = "ql-apart" if number and name == group[0][0] else None
            cells += [element("span", name, class_=gap), _signed_bar(value, x)]
            cells.append(element("span", signed(value), class_="ql-number"))
    return element("div", *cells, class_="ql-sums")


def _signed_bar(value: float, x) -> Html:
    bar = Html()
    if math.isfinite(value):
        left, right = sorted((x(0.0), x(value)))
        class_ = "ql-x-against" if value < 0 else "ql-x-for"
        bar = element("rect", x=per_cent(left), width=per_cent(right - left), y=2, height=12, class_=class_)
    zero = element("line", x1=per_cent(x(0.0)), x2=per_cent(x(0.0)), y1=0, y2=16, class_="ql-zero")
    return element("svg", bar, zero, width="100%", height=16, aria_hidden="true")


def _trust(attribution: Attribution) -> Html:
    title = element("div", element("strong", "Can it be trusted?"), class_="ql-h")
    rows = [
        join(element("dt", name), element("dd", words, class_="ql-alarm" if "NOT" in words else None))
        for name, words in trust_rows(attribution)
    ]
    cost = f" It took {count(attribution.trust.passes, 'row')} through the model."
    return element("section", title, element("dl", *rows), element("p", cost, class_="ql-note"))


def _caption() -> Html:
    words = (
        "Each word is shaded by what it contributes to the number in the head, in logits: blue with a line above it "
        "speaks for it, orange with a line below it against it, and no colour is no contribution. A word's number is the "
        "sum over its tokens; the tip over a word has it, with the tokens. The values explain this one number at this one "
        "input, against a baseline where words carry no information: they say what the model used, not what is true."
    )
    return element("figcaption", element("strong", "How to read this. "), words)
