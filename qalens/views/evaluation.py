"""A whole evaluation as HTML: figures, outcomes, thresholds, confidence, kinds of questions, and the surest mistakes."""

from __future__ import annotations

import math

import numpy as np

from qalens.errors import InputError
from qalens.evaluation.bootstrap import Estimate
from qalens.evaluation.figures import Figures, SliceBy, Slices
from qalens.evaluation.report import Report
from qalens.evaluation.rows import ExampleRow, Outcome
from qalens.evaluation.thresholds import ThresholdCurve
from qalens.views.evaluation_chart import Curve, Dot, Tick, chart_html
from qalens.views.evaluation_confidence import EVALUATION, confidence_sections
from qalens.views.frame import READING, figure, page, styles
from qalens.views.markup import Html, clip, clip_middle, count, element, join, logit, probability

# Of more questions than this fewer resamples are drawn, so that a notebook does not wait for its picture.
_MANY, _RESAMPLES, _FEW_RESAMPLES = 20_000, 1000, 100
_MOST_ERRORS, _MOST_MISTAKES, _MOST_POINTS = 20, 10, 240
_PROPERTIES: tuple[SliceBy, ...] = (
    "question word",
    "answer length",
    "text length",
    "windows",
    "cause",
    "title",
)
_OUTCOMES: dict[Outcome, tuple[str, str]] = {
    "right span": ("ql-o-right", "answered, exact match"),
    "wrong edges": ("ql-o-edges", "answered, overlaps a gold answer"),
    "wrong span": ("ql-o-wrong", "answered, somewhere else"),
    "false no-answer": ("ql-o-missed", "abstained although there is an answer"),
    "right no-answer": ("ql-o-none", "abstained, and there is none"),
    "false answer": ("ql-o-wrong", "answered although there is none"),
}


def report_html(report: Report) -> str:
    """A report as a piece of HTML that a notebook shows: no ids, no scripts, any width, light and dark.

    >>> from qalens.evaluation.report import report_of
    >>> from qalens.evaluation.rows import example_row
    >>> from qalens.testing import planted_reading
    >>> from qalens.text import Example
    >>> said = planted_reading("Who kept it?", "Ada kept it.", answer="Ada")
    >>> html = report_html(report_of([example_row(Example("Who kept it?", "Ada kept it.", gold=()), said)]))
    >>> html.count("<figure"), "<script" in html
    (1, False)
    """
    return join(styles(READING, EVALUATION), _figure(report))


def report_page(report: Report) -> str:
    """A report as a whole HTML page that needs nothing else.

    >>> from qalens.evaluation.report import report_of
    >>> from qalens.evaluation.rows import example_row
    >>> from qalens.testing import planted_reading
    >>> said = planted_reading("Who kept it?", "Ada kept it.", answer="Ada")
    >>> report_page(report_of([example_row(said.example, said)])).splitlines()[0]
    '<!doctype html>'
    """
    return page(f"Evaluation of {_model(report)}", styles(READING, EVALUATION), _figure(report))


def _figure(report: Report) -> Html:
    scored = report.scores.total > 0
    parts = [_head(report)]
    if scored:
        resamples = _FEW_RESAMPLES if len(report) > _MANY else _RESAMPLES
        parts += [_figures(report.figures(by="text", resamples=resamples)), _outcomes(report)]
        if any(not row.failed and row.exact is not None for row in report.rows):
            parts += [_threshold(report.thresholds()), *_confidence(report)]
        parts += [_slices(report, resamples), _mistakes(report)]
    return figure(*parts, _errors(report), _caption(report))


def _head(report: Report) -> Html:
    asked = element("span", "Evaluation of ", element("bdi", clip(_model(report), 200)), class_="ql-question")
    scores = report.scores
    size = element("small", count(len(report), "question"))
    if not scores.total:
        said = element("strong", "nothing scored", class_="ql-said")
        return element("header", asked, " ", element("div", said, " ", size, class_="ql-verdict"))
    exact = element("span", "exact ", element("strong", f"{scores.exact:.2f}"), class_="ql-said")
    overlap = element("span", "F1 ", element("strong", f"{scores.f1:.2f}"), class_="ql-sure")
    return element("header", asked, " ", element("div", exact, " ", overlap, " ", size, class_="ql-verdict"))


def _model(report: Report) -> str:
    return "no model" if report.source is None else report.source.name


def _figures(found: Figures) -> Html:
    rows = [
        _figure_row("all", found.exact, found.f1),
        _figure_row("answerable", found.has_answer_exact, found.has_answer_f1),
        _figure_row("unanswerable", found.no_answer_exact, found.no_answer_exact),
    ]
    head = _table_head("", "questions", "exact match", "F1")
    table = element("table", head, element("tbody", *rows), class_="ql-numbers ql-estimates")
    drawn = {"question": "questions", "text": "texts", "title": "articles"}[found.by]
    words = f" per cent, with {found.level:.0%} intervals over {drawn}"
    note = f"Abstained on {_estimate_words(found.abstained)} per cent of the questions."
    if found.failed:
        note += f" {count(found.failed, 'text')} could not be read and count as no answer."
    if found.unscored:
        note += f" {count(found.unscored, 'question')} could not be scored and count nowhere."
    title = element("div", element("strong", "Figures"), words, class_="ql-h")
    return element("section", title, table, element("p", note, class_="ql-note"))


def _figure_row(name: str, exact: Estimate, overlap: Estimate) -> Html:
    if not exact.count:
        return Html()
    return element(
        "tr",
        element("td", name),
        element("td", f"{exact.count:,}", data_label="questions"),
        *(
            element("td", _estimate(one), data_label=label)
            for label, one in (("exact", exact), ("F1", overlap))
        ),
    )


def _estimate(one: Estimate) -> Html:
    """A figure with its interval, as numbers and as a bar."""
    if math.isnan(one.value):
        return Html("–")
    if math.isnan(one.low):
        return join(f"{one.value:.2f}")
    low, high = one.low, one.high
    bar = element(
        "span",
        element("i", style=f"left:{low:.1f}%;width:{max(0.0, high - low):.1f}%"),
        element("b", style=f"left:{one.value:.1f}%"),
        class_="ql-range",
        aria_hidden="true",
    )
    return join(f"{one.value:.2f} ", element("small", f"[{low:.1f}, {high:.1f}] "), bar)


def _estimate_words(one: Estimate) -> str:
    return f"{one.value:.1f}" if math.isnan(one.low) else f"{one.value:.1f} [{one.low:.1f}, {one.high:.1f}]"


def _outcomes(report: Report) -> Html:
    counted = report.outcomes
    parts: list[Html] = []
    for kind, names in (
        ("answerable", ("right span", "wrong edges", "wrong span", "false no-answer")),
        ("unanswerable", ("right no-answer", "false answer")),
    ):
        total = sum(counted[name] for name in names)
        if not total:
            continue
        parts.append(element("small", f"{count(total, f'{kind} question')}"))
        for name in names:
            class_, words = _OUTCOMES[name]
            share = counted[name] / total
            fill = element("u", class_=class_, style=f"width:{100 * share:.2f}%") if counted[name] else Html()
            numbers = element("b", f"{counted[name]:,}"), element("b", f"{share:.1%}")
            parts += [element("span", name, title=words), element("i", fill), *numbers]
    title = element("strong", "Outcomes"), " blue answered, orange abstained; solid right, striped wrong"
    bars = element("div", *parts, class_="ql-outcomes")
    return element("section", element("div", *title, class_="ql-h"), bars)


def _threshold(curve: ThresholdCurve) -> Html:
    """F1 over the threshold, and where it is best."""
    if len(curve) < 2:
        return Html()
    best, used = curve.best("f1"), curve.in_use
    low, high = curve.span()
    places = np.linspace(low, high, _MOST_POINTS)
    levels = np.searchsorted(curve.threshold, places, side="right") - 1
    x = ((places - low) / (high - low)).tolist()
    curves = [
        Curve(x, (values[levels] / 100).tolist(), name, class_)
        for name, values, class_ in (
            ("F1", curve.f1, "ql-curve"),
            ("exact match", curve.exact, "ql-curve ql-curve-3"),
            ("F1, answerable", curve.has_answer_f1, "ql-curve ql-curve-4"),
            ("right, unanswerable", curve.no_answer_exact, "ql-curve ql-curve-2"),
        )
        if not np.isnan(values).any()
    ]
    dots = []
    if low <= best.threshold <= high:
        words = f"best F1 {best.f1:.2f} at {logit(best.threshold)}"
        dots.append(Dot((best.threshold - low) / (high - low), best.f1 / 100, words, "ql-dot-thin"))
    in_use = [(used - low) / (high - low)] if math.isfinite(used) else []
    said = f"F1 is best at {logit(best.threshold)}, where it is {best.f1:.2f} on these very questions"
    if math.isfinite(used):
        said = f"In use (dashed) is {logit(used)}, with F1 {curve.at(used).f1:.2f}. {said}"
    picture = chart_html(
        curves,
        across=_logit_ticks(low, high),
        up=_percent_ticks(),
        facts=f"{said}.",
        dots=dots,
        levels=in_use,
    )
    title = element("strong", "No-answer threshold"), " in logits; further right it answers more often"
    note = element("p", f"{said}; report.cross_fit() tells what that is worth on others.", class_="ql-note")
    return element("section", element("div", *title, class_="ql-h"), picture, note)


def _logit_ticks(low: float, high: float) -> list[Tick]:
    step = next(s for k in range(9) for s in (10**k * 0.5, 10**k * 1.0, 10**k * 2.0) if (high - low) / s <= 9)
    first = math.ceil(low / step)
    values = [step * k for k in range(first, math.floor(high / step) + 1)]
    return [Tick((v - low) / (high - low), f"{v:g}".replace("-", "−")) for v in values]


def _percent_ticks() -> list[Tick]:
    return [Tick(part, f"{part:.0%}") for part in (0.0, 0.25, 0.5, 0.75, 1.0)]


def _confidence(report: Report) -> list[Html]:
    try:
        # Fitting a temperature needs groups to fold; a small set is shown without one.
        found = report.calibration()
    except InputError:
        found = report.calibration(temperature=None)
    return confidence_sections(found)


def _slices(report: Report, resamples: int) -> Html:
    tables = []
    for name in _PROPERTIES:
        found = report.slices(name, by="text", resamples=resamples)
        if len(found) > 1:
            tables.append(found)
    if not tables:
        return Html()
    first, *others = (_slice_table(found) for found in tables)
    rest = [
        element("details", element("summary", f"By {found.by}"), table)
        for found, table in zip(tables[1:], others, strict=True)
    ]
    words = f" by {tables[0].by}, per cent with 95% intervals over texts"
    title = element("div", element("strong", "Kinds of questions"), words, class_="ql-h")
    return element("section", title, first, *rest)


def _slice_table(found: Slices) -> Html:
    head = _table_head(found.by, "questions", "exact match", "F1", "abstained")
    rows = []
    for one in (*found.slices, found.whole):
        cells = {
            "questions": f"{one.count:,}",
            "exact": _estimate(one.exact),
            "F1": _estimate(one.f1),
            "abstained": f"{one.abstained.value:.1f}",
        }
        rows.append(
            element(
                "tr",
                element("td", element("bdi", clip(one.name, 60))),
                *(element("td", value, data_label=label) for label, value in cells.items()),
                class_="ql-whole-row" if one is found.whole else None,
            )
        )
    return element("table", head, element("tbody", *rows), class_="ql-numbers ql-estimates")


def _table_head(*names: str) -> Html:
    return element("thead", element("tr", *(element("th", name, scope="col") for name in names)))


def _mistakes(report: Report) -> Html:
    """The wrong decisions that the model was surest of."""
    wrong = [row for row in report.rows if row.exact == 0 and not row.failed]
    surest = sorted(wrong, key=lambda row: -_sure(row))[:_MOST_MISTAKES]
    if not surest:
        return Html()
    head = _table_head("question", "gold", "said", "P")
    table = element("table", head, element("tbody", *map(_mistake, surest)), class_="ql-numbers ql-mistakes")
    words = f" of {count(len(wrong), 'wrong decision')}, those with the highest probability"
    return element(
        "section", element("div", element("strong", "Surest mistakes"), words, class_="ql-h"), table
    )


def _mistake(row: ExampleRow) -> Html:
    gold = clip_middle(row.gold_texts[0], 60) if row.golds else "no answer"
    others = len(set(row.gold_texts)) - 1
    if others > 0:
        gold += f" (and {others:,} more)"
    said = "no answer" if row.answer is None else row.answer.text
    cells = {"gold": gold, "said": clip_middle(said, 60), "P": probability(_sure(row))}
    question = element("bdi", clip(row.question, 160), dir="auto")
    return element(
        "tr",
        element("td", question),
        *(
            element("td", element("bdi", value, dir="auto"), data_label=label)
            for label, value in cells.items()
        ),
    )


def _sure(row: ExampleRow) -> float:
    said = row.no_answer_probability if row.answer is None else row.probability
    return 0.0 if said is None else said


def _errors(report: Report) -> Html:
    errors = report.errors
    if not errors:
        return Html()
    lines = [
        element(
            "li",
            element("bdi", clip(row.id or row.question or "a question", 60)),
            f": {clip(row.error or '', 200)}",
        )
        for row in errors[:_MOST_ERRORS]
    ]
    if len(errors) > _MOST_ERRORS:
        lines.append(element("li", f"and {len(errors) - _MOST_ERRORS:,} more"))
    summary = element("summary", f"{count(len(errors), 'question')} with an error")
    return element("section", element("details", summary, element("ul", *lines), class_="ql-note"))


def _caption(report: Report) -> Html:
    options = ", ".join(f"{name} {value}" for name, value in report.options.items())
    words = (
        "Exact match and F1 compare words without case, punctuation and articles, as SQuAD does; of several gold answers "
        "the nearest counts. A bar runs from 0 to 100: the mark is the figure, the band its interval. ECE: distance "
        "between how sure and how often right; AURC: mean share of mistakes over all coverages; AUROC: the chance that a "
        "right question is surer than a wrong one."
    )
    read = f" Read with {options}." if options else ""
    return element("figcaption", element("strong", "How to read this. "), words, read)
