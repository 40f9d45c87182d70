"""Still pictures of records as HTML: a fragment for notebooks and a page that stands alone. No scripts.

Everything is escaped where it becomes markup (`qalens.views.markup.element`), and all styles stand under one class.
"""

from __future__ import annotations

import reprlib

from qalens.reading import FailedReading, Reading
from qalens.text import Example
from qalens.views.axis import stretches, token_axis
from qalens.views.frame import READING, figure, page, styles
from qalens.views.markup import Html, clip, count, element, join
from qalens.views.overview import overview_html
from qalens.views.passage import passage_html
from qalens.views.ranking import groups, ranking_html, rival
from qalens.views.strips import Plot, axis_html
from qalens.views.verdict import classic_html, head_html, no_answer_html, uncertainty_html


def reading_html(reading: Reading) -> str:
    """One reading as a piece of HTML that a notebook shows.

    It holds its own styles, no ids and no scripts, follows the theme of Jupyter or of the browser, and fits any width
    from a telephone on. Several can stand in one page.

    >>> from qalens.testing import planted_reading
    >>> html = reading_html(planted_reading("Who kept it?", "Ada kept the lamp.", answer="Ada"))
    >>> html.count("<figure"), "<script" in html
    (1, False)
    """
    return join(styles(READING), _figure(reading))


def reading_page(reading: Reading) -> str:
    """One reading as a whole HTML page that needs nothing else: no network, no scripts.

    >>> from qalens.testing import planted_reading
    >>> page = reading_page(planted_reading("Who kept it?", "Ada kept the lamp.", answer="Ada"))
    >>> page.splitlines()[0]
    '<!doctype html>'
    """
    return page(clip(reading.question, 120), styles(READING), _figure(reading))


def failed_html(failed: FailedReading) -> str:
    """A small box for a reading that could not be made: why, and what was given.

    >>> from qalens.errors import InputError
    >>> "The context is empty." in failed_html(FailedReading(("Who?", ""), InputError("The context is empty.")))
    True
    """
    parts = [element("p", element("strong", "Not read. "), str(failed.error), class_="ql-failed")]
    if isinstance(failed.given, Example):
        given = {"question": failed.given.question, "context": failed.given.context}
        parts.append(element("dl", *(_given(name, value) for name, value in given.items())))
    else:
        parts.append(element("dl", _given("given", reprlib.repr(failed.given))))
    return join(styles(READING), figure(*parts))


def _given(name: str, value: object) -> Html:
    text = value if isinstance(value, str) else reprlib.repr(value)
    size = f" {count(len(text), 'character')}" if len(text) > 300 else ""
    # A blank text would leave nothing to see.
    words = element("bdi", clip(text, 300), dir="auto") if text.strip() else element("small", "(blank)")
    return join(element("dt", name), element("dd", words, element("small", size)))


def _figure(reading: Reading) -> Html:
    found = groups(reading.spans)
    other = rival(reading, found)
    sections = [head_html(reading), passage_html(reading, found, other)]
    if found:
        axis = token_axis(reading)
        scale = stretches(axis)
        sections += [overview_html(reading, axis, scale), axis_html(Plot(reading, axis, scale, other))]
        sections.append(ranking_html(reading, found))
    below = element("div", no_answer_html(reading), uncertainty_html(reading), class_="ql-columns")
    return figure(*sections, below, classic_html(reading), _caption(reading))


def _caption(reading: Reading) -> Html:
    if not len(reading.spans):
        return element(
            "figcaption", "A model was asked the question above; its text holds nothing it could answer with."
        )
    words = (
        "A question-answering model points at the stretch of a text that answers a question, or abstains. It scores "
        "every token as a start and as an end; a span scores the sum of both. Shading, bars and map tell where the "
        "answer lies if there is one: bars up for the start, down for the end, and in the map one cell for each span, "
        f"under its first token, deeper the longer it is (at most {count(reading.max_answer_length, 'token')}). P also "
        "counts the possibility that there is no answer. The model abstains where the null score exceeds the best span "
        "by more than the threshold."
    )
    return element("figcaption", element("strong", "How to read this. "), words)
