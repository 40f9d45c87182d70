"""The picture of many documents read for one question, as HTML and as plain text."""

from __future__ import annotations

import math

import numpy as np

from qalens.documents import DocumentsReading
from qalens.provenance import DocumentAnswer
from qalens.reading import FailedReading
from qalens.spans import Answer
from qalens.views.frame import READING, figure, page, styles
from qalens.views.markup import Html, clip, clip_middle, count, element, join, logit, percent, probability
from qalens.views.text import plain
from qalens.views.verdict import head_html, threshold_line

_MOST_DOCUMENTS = 12
_MOST_SPANS = 8
_MOST_FAILED = 5
_NAME = 22  # columns of what a document is called
_AROUND = 60  # characters of the document on either side of a span


def documents_html(reading: DocumentsReading) -> str:
    """Many documents read for one question as a piece of HTML that a notebook shows: no scripts, own styles.

    >>> from qalens.documents import join_readings
    >>> from qalens.provenance import Document
    >>> from qalens.testing import planted_reading
    >>> text = "Ada kept the lamp."
    >>> reading = join_readings("Who?", [Document(text)], [planted_reading("Who?", text, answer="Ada")])
    >>> documents_html(reading).count("<figure")
    1
    """
    return join(styles(READING), _figure(reading))


def documents_page(reading: DocumentsReading) -> str:
    """The same as a whole HTML page that needs nothing else."""
    return page(clip(reading.question, 120), styles(READING), _figure(reading))


def documents_text(reading: DocumentsReading, *, k: int = 5, width: int = 88) -> str:
    """The decision, the `k` best spans with their documents and the no-answer sum, in at most `width` columns.

    >>> from qalens.documents import join_readings
    >>> from qalens.provenance import Document
    >>> from qalens.testing import planted_reading
    >>> text = "Ada kept the lamp."
    >>> reading = join_readings(
    ...     "Who?", [Document(text, id="log")], [planted_reading("Who?", text, answer="Ada")]
    ... )
    >>> print(documents_text(reading, k=1))
    question   Who?
    documents  1
    answer     Ada   P = 1.000   in log
    <BLANKLINE>
      #  span                                                 P   score  document
      1  Ada                                              1.000   24.00  log
    <BLANKLINE>
    P(no answer)    0.000
    margin         -24.00   = null score 0.00 − best span 24.00, in logits
    threshold        0.00
    """
    best, column = reading.decision.best, width - 45
    lines = [
        f"question   {plain(reading.question, width - 11)}",
        f"documents  {len(reading):,}{_failed_words(reading)}",
        f"answer     {_said(reading, width - 11)}",
        "",
    ]
    if found := reading.top(k):
        lines.append(f"  #  {'span':<{column}}      P   score   document")
        lines += [_row(n, answer, column) for n, answer in enumerate(found, 1)]
        lines.append("")
    lines.append(f"P(no answer)   {reading.no_answer_probability:6.3f}")
    if best is not None:
        made = f"= null score {reading.null_score:.2f} − best span {best.score:.2f}, in logits"
        lines.append(f"margin         {reading.margin:6.2f}   {made}")
    lines.append(f"threshold      {reading.decision.threshold:6.2f}")
    return "\n".join(lines)


def _row(n: int, answer: DocumentAnswer, column: int) -> str:
    text, name = plain(answer.text, column, pad=True), plain(_name(answer), _NAME)
    return f"{n:>3}  {text}  {answer.probability:5.3f}  {answer.score:6.2f}   {name}"


def _said(reading: DocumentsReading, width: int) -> str:
    answer = reading.answer
    if answer is None:
        return f"no answer   P = {reading.no_answer_probability:.3f}"
    return f"{plain(answer.text, width - 18 - _NAME)}   P = {answer.probability:.3f}   in {plain(_name(answer), _NAME)}"


def _name(answer: Answer) -> str:
    """What a document is called: its id, or its number."""
    if not isinstance(answer, DocumentAnswer):
        return ""
    return _document_name(answer.id, answer.document)


def _document_name(id: object, number: int) -> str:
    return f"document {number}" if id is None else str(id)


def _failed_words(reading: DocumentsReading) -> str:
    n = len(reading.failed)
    return f", {n:,} of them not read" if n else ""


def _figure(reading: DocumentsReading) -> Html:
    parts = [head_html(reading), _documents_section(reading), _spans_section(reading)]
    parts += [_no_answer_section(reading), _failed_section(reading), _caption(reading)]
    return figure(*parts)


def _documents_section(reading: DocumentsReading) -> Html:
    """A bar for each document: the probability that the answer stands there."""
    p = reading.document_probabilities
    order = np.argsort(-p, kind="stable")
    order = [int(d) for d in order if reading.readings[d].error is None][:_MOST_DOCUMENTS]
    title = element(
        "div",
        element("strong", "Documents"),
        f" where the answer stands, of {count(len(reading), 'document')}{_failed_words(reading)}",
        class_="ql-h",
    )
    retrieved = any(one.score is not None for one in reading.documents)
    columns = ["document", "P(answer is here)", *(["retrieval score"] if retrieved else []), "its best span"]
    head = element("tr", *(element("th", name, scope="col") for name in columns))
    rows = [_document_row(reading, d, float(p[d]), retrieved) for d in order]
    table = element("table", element("thead", head), element("tbody", *rows), class_="ql-documents")
    hidden = sum(one.error is None for one in reading.readings) - len(rows)
    note = element("p", f"and {count(hidden, 'document')} more", class_="ql-note") if hidden else Html()
    return element("section", title, table, note)


def _document_row(reading: DocumentsReading, d: int, p: float, retrieved: bool) -> Html:
    document, one = reading.documents[d], reading.readings[d]
    best = None if isinstance(one, FailedReading) else one.decision.best
    words = f"{percent(p)} that the answer stands in this document"
    bar = element("span", element("b", style=f"width:{100 * p:.1f}%"), class_="ql-bar", title=words)
    cells = [
        element("td", _bdi(_document_name(document.id, d), 48)),
        element("td", element("span", bar, element("span", probability(p)), class_="ql-mass")),
    ]
    if retrieved:
        score = "" if document.score is None else f"{document.score:.2f}"
        cells.append(element("td", score, data_label="retrieval score"))
    cells.append(element("td", "" if best is None else _bdi(best.text, 40)))
    taken = reading.answer is not None and reading.answer.document == d
    return element("tr", *cells, class_="ql-taken" if taken else None)


def _spans_section(reading: DocumentsReading) -> Html:
    """The best spans of all documents, each with the words around it."""
    head = element("tr", *(element("th", name, scope="col") for name in ("span", "P", "score", "document")))
    rows = [
        element(
            "tr",
            element("td", _in_its_words(answer)),
            element("td", probability(answer.probability)),
            element("td", logit(answer.score)),
            element("td", _bdi(_name(answer), 32)),
            class_="ql-taken" if answer == reading.answer else None,
        )
        for answer in reading.top(_MOST_SPANS)
    ]
    title = element("div", element("strong", "Spans"), " the best of all documents", class_="ql-h")
    table = element("table", element("thead", head), element("tbody", *rows), class_="ql-spans ql-placed")
    return element("section", title, table) if rows else Html()


def _in_its_words(answer: DocumentAnswer) -> Html:
    text, span = str(answer.source.text), answer.span
    before = text[max(0, span.start - _AROUND) : span.start]
    after = text[span.end : span.end + _AROUND]
    return element(
        "bdi",
        element("small", _edge(before, cut=span.start > _AROUND), style="font-weight:400"),
        element("mark", clip_middle(answer.text, 120), class_="ql-best"),
        element("small", _edge(after, cut_after=span.end + _AROUND < len(text)), style="font-weight:400"),
        dir="auto",
    )


def _edge(words: str, *, cut: bool = False, cut_after: bool = False) -> str:
    line = " ".join(words.split())
    left = " " if words[:1].isspace() else ""
    right = " " if words[-1:].isspace() and line else ""
    return f"{'…' if cut else ''}{left}{line}{right}{'…' if cut_after else ''}"


def _no_answer_section(reading: DocumentsReading) -> Html:
    title = element("div", element("strong", "Is there an answer?"), class_="ql-h")
    p = element(
        "p",
        element("span", percent(reading.no_answer_probability), class_="ql-big"),
        " probability that no document holds one",
    )
    line = threshold_line(reading) if math.isfinite(reading.margin) else Html()
    best = reading.decision.best
    made = (
        "No document holds a token that could be an answer."
        if best is None
        else f"margin = null score of all documents − best span = {logit(reading.null_score)} − "
        f"{logit(best.score)} = {logit(reading.margin)} logits; no answer above the threshold."
    )
    return element("section", title, p, line, element("p", made))


def _failed_section(reading: DocumentsReading) -> Html:
    if not reading.failed:
        return Html()
    items = [
        element(
            "li",
            element("bdi", clip(_document_name(reading.documents[d].id, d), 48)),
            f": {clip(str(one.error), 160)}",
        )
        for d, one in reading.failed[:_MOST_FAILED]
    ]
    hidden = len(reading.failed) - len(items)
    if hidden:
        items.append(element("li", f"and {count(hidden, 'document')} more"))
    title = element(
        "p",
        element("strong", "Not read. "),
        count(len(reading.failed), "document"),
        class_="ql-failed",
    )
    return element("section", title, element("ul", *items, class_="ql-bits"))


def _caption(reading: DocumentsReading) -> Html:
    words = (
        "One distribution runs over all spans of all documents and no answer, so their probabilities can be compared. The "
        f"null score is the {_RULE_WORDS[reading.null]} of all windows of all documents. A retrieval score tells how a "
        "document was found; it does not enter a probability."
    )
    return element("figcaption", element("strong", "How to read this. "), words)


_RULE_WORDS = {"min": "smallest", "mean": "mean", "max": "largest"}


def _bdi(text: str, width: int) -> Html:
    return element("bdi", clip_middle(text, width), dir="auto")
