"""One record says the same numbers, windows and words as HTML, as a figure and as text; and a picture bears a notebook
that is not trusted."""

from __future__ import annotations

import functools
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from matplotlib.text import Text
from planted_records import (
    attribution_of,
    planted_attribution,
    planted_effects,
    planted_faithfulness,
    planted_flip,
    planted_heads,
    planted_sentences,
    planted_table,
    planted_trace,
    random_reading,
)
from planted_rows import random_rows
from whole import whole

from qalens import behavior, datasets, plots, widgets
from qalens.behavior.comparing import compare_models
from qalens.display import CONTENTS, content_of, notebook_html, to_html, to_text
from qalens.display.content.windows import window_rows
from qalens.display.html.element import ATTRIBUTES, TAGS, Element
from qalens.display.html.page import figure
from qalens.display.numbers import logit, probability
from qalens.display.parts import Heading, Part, Table, words
from qalens.errors import InputError
from qalens.evaluation.confidence.calibration import calibration
from qalens.evaluation.confidence.thresholds import sweep
from qalens.evaluation.promises.curve import set_curve
from qalens.evaluation.promises.risk import risk_control, risk_curve
from qalens.evaluation.promises.sets import prediction_sets
from qalens.evaluation.report import report_of
from qalens.evaluation.rows import redecided
from qalens.evaluation.scores.comparison import compare_rows
from qalens.evaluation.scores.figures import slices
from qalens.explain.attribution.record import FailedAttribution
from qalens.explain.counterfactual.difference import compare
from qalens.reader import Reader
from qalens.readings.documents import join_readings
from qalens.readings.provenance import Document
from qalens.readings.reading import FailedReading
from qalens.testing import planted_reading, toy_model, toy_tokenizer

SAMPLE = max(datasets.sample(), key=lambda example: len(example.context))
TEXT = SAMPLE.context


def documents():
    readings = [random_reading(TEXT, question="Who?", seed=k) for k in (1, 2)]
    return join_readings("Who?", [Document(TEXT, id="log"), Document(TEXT)], readings)


def evaluated():
    rows = random_rows(40)
    return compare_rows(rows, [redecided(one, -3.0) for one in rows])


@functools.cache
def examined():
    return behavior.run(Reader(toy_model(), toy_tokenizer()), cases=3)


def compared():
    rows = random_rows(40)
    reports = {"one": report_of(rows), "other <b>": report_of([redecided(one, -3.0) for one in rows])}
    return compare_models(reports, behavior={"one": examined()})


RECORDS = {
    "Reading": lambda: random_reading(TEXT, question=SAMPLE.question),
    "FailedReading": lambda: FailedReading(SAMPLE, InputError("It could not be read.")),
    "DocumentsReading": documents,
    "Attribution": lambda: planted_attribution(TEXT, TEXT.split()[0], asked=SAMPLE.question),
    "FailedAttribution": lambda: FailedAttribution(None, InputError("It could not be explained.")),
    "LayerTrace": lambda: planted_trace(random_reading(TEXT)),
    "HeadAblation": lambda: planted_heads(random_reading(TEXT)),
    "ReadingDiff": lambda: compare(random_reading(TEXT), random_reading(TEXT[:-9] + " at sea.", seed=1)),
    "SentenceEffects": lambda: planted_effects(random_reading(TEXT)),
    "SmallestSentences": lambda: planted_sentences(random_reading(TEXT)),
    "SmallestFlip": lambda: planted_flip(random_reading(TEXT)),
    "Faithfulness": lambda: planted_faithfulness(random_reading(TEXT)),
    "FaithfulnessTable": planted_table,
    "Report": lambda: report_of(random_rows(40)),
    "Calibration": lambda: calibration(random_rows(40), temperature=None),
    "Comparison": evaluated,
    "ThresholdCurve": lambda: sweep(random_rows(40)),
    "Slices": lambda: slices(random_rows(40)),
    "BehaviorReport": examined,
    "BehaviorResult": lambda: examined()["typos"],
    "ModelComparison": compared,
    "PredictionSet": lambda: prediction_sets(random_rows(60), by="question").predict(random_reading(TEXT)),
    "SetCurve": lambda: set_curve(random_rows(60), by="question"),
    "RiskControl": lambda: risk_control(random_rows(60)),
    "RiskCurve": lambda: risk_curve(random_rows(60)),
    "ControlledDecision": lambda: risk_control(random_rows(60), risk=0.9).decide(random_reading(TEXT)),
}
FIGURES = {
    "Reading": plots.overview,
    "Attribution": plots.attribution,
    "LayerTrace": plots.logit_lens,
    "HeadAblation": plots.heads,
    "ReadingDiff": plots.difference,
    "SentenceEffects": plots.sentence_effects,
    "SmallestSentences": plots.smallest_sentences,
    "SmallestFlip": plots.smallest_flip,
    "Faithfulness": plots.faithfulness,
    "FaithfulnessTable": plots.faithfulness_table,
    "Report": plots.outcomes,
    "Calibration": plots.reliability,
    "Comparison": plots.comparison,
    "ThresholdCurve": plots.thresholds,
    "Slices": plots.slices,
    "BehaviorReport": plots.behavior,
    "ModelComparison": plots.models,
}
# Numbers that belong to a medium alone: ticks, places, counts of what is cut.
NUMBER = re.compile(r"[<>]?[+−]?\d+\.\d{2,3}%?")


class Words(HTMLParser):
    """The words of a page, those in attributes too, and those that stay where styles and pictures are stripped."""

    def __init__(self, markup):
        super().__init__()
        self.words, self.bare, self.tags, self.quiet = "", "", [], False
        self.feed(markup)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.quiet = tag == "style" or self.quiet
        self.words += " ".join(
            f" {dict(attrs).get(name) or ''}" for name in ("data-t", "title", "aria-label")
        )

    def handle_endtag(self, tag):
        self.quiet = False if tag == "style" else self.quiet

    def handle_data(self, data):
        if not self.quiet:
            self.words += f" {data}"
            self.bare += f" {data}"


def close(text):
    """A text without whitespace, which no medium keeps as it was."""
    return "".join(text.split())


def words_of_figure(drawn):
    figure = drawn if hasattr(drawn, "savefig") else drawn.figure
    figure.draw_without_rendering()
    return " ".join(text.get_text() for text in figure.findobj(Text) if text.get_visible())


def test_every_record_that_shows_itself_is_here():
    assert set(RECORDS) == set(CONTENTS)


@pytest.mark.parametrize("name", RECORDS)
def test_text_says_what_html_says(name):
    record = RECORDS[name]()
    html, text = " ".join(Words(whole(record)).words.split()), to_text(record, width=200)
    heading = content_of(record).of(Heading)
    for said in [words(one.said) for one in heading] + [one.number for one in heading if one.number]:
        assert close(said) in close(html)
        assert said in text
    assert set(NUMBER.findall(text)) <= set(NUMBER.findall(html))


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_says_what_html_says(name):
    record = RECORDS[name]()
    html = " ".join(Words(whole(record)).words.split())
    numbers = set(NUMBER.findall(words_of_figure(FIGURES[name](record))))
    known = set(NUMBER.findall(html)) | set(NUMBER.findall(to_text(record, width=400)))
    # A figure may show more spans than the table has, and its axes have numbers of their own.
    others = {n for n in numbers - known if f"{n}0" not in known}
    assert (
        len(others) <= len(numbers) / 2
        if name in ("Reading", "LayerTrace", "SentenceEffects", "HeadAblation")
        else not others
    )


EXPLORERS = {
    "Reading": widgets.SpanExplorer,
    "LayerTrace": lambda trace: widgets.LayerExplorer(trace.reading, trace),
    "SentenceEffects": lambda effects: widgets.ChangeExplorer(effects.reading, effects),
    "SmallestSentences": lambda found: widgets.ChangeExplorer(found.reading, found),
    "SmallestFlip": lambda found: widgets.ChangeExplorer(found.reading, found),
    "BehaviorReport": widgets.BehaviorExplorer,
}


@pytest.fixture
def explored(page, tmp_path):
    """explored(explorer): the words of its parts on a page, those of tips and names too."""

    def go(explorer):
        file = tmp_path / "page.html"
        explorer.to_html(file)
        page.goto(file.as_uri())
        page.wait_for_selector(".ql-x")
        parts = page.locator("header, table, .ql-sums, .ql-pic, .ql-plain, .ql-note, .ql-warning")
        return Words(" ".join(parts.evaluate_all("all => all.map(e => e.outerHTML)"))).words

    return go


@pytest.mark.parametrize("name", EXPLORERS)
def test_an_explorer_says_what_html_says(name, explored):
    record = RECORDS[name]()
    shown = explored(EXPLORERS[name](record))
    html = Words(whole(record)).words
    heading = content_of(record).of(Heading)[0]
    assert close(words(heading.said)) in close(shown)
    assert heading.number in shown
    assert all(close(words(note)) in close(shown) for note in heading.notes)
    numbers = set(NUMBER.findall(shown))
    # The list of an explorer goes on where that of a still table ends.
    known = set(NUMBER.findall(html)) | set(NUMBER.findall(str(content_of(record))))
    assert numbers <= known if name != "SentenceEffects" else numbers


def test_an_explorer_of_an_attribution_says_what_html_says(explored):
    reading = random_reading(TEXT, question=SAMPLE.question)
    record = attribution_of(reading)
    shown = explored(widgets.AttributionExplorer(reading, record))
    html = Words(whole(record)).words + Words(whole(reading)).words
    assert set(NUMBER.findall(shown)) <= set(NUMBER.findall(html))
    strong = next(part for part in content_of(record).of(Table) if part.title == "Strongest words")
    for row in strong.rows:
        assert all(words(cell.text) in shown for cell in row.cells)


def test_windows_are_counted_from_1_in_an_explorer_too(explored):
    reading = random_reading(f"{TEXT} " * 4, max_length=120, stride=30)
    shown = explored(widgets.SpanExplorer(reading))
    best = reading.decision.best
    numbers = [row.cells[-1].text for row in content_of(reading).of(Table)[0].rows if len(row.cells) > 1]
    assert numbers[0] == str(best.window + 1)
    assert f"of window {best.window + 1} falls" in shown


def test_windows_and_tokens_are_counted_from_1_everywhere():
    reading = random_reading(f"{TEXT} " * 4, max_length=120, stride=30)
    rows = window_rows(reading)
    html, drawn = Words(whole(reading)).words, words_of_figure(plots.windows(reading))
    for row in rows:
        assert f"{row.name}: own margin {logit(row.margin)} logits" in html
        assert row.name in drawn
        assert logit(row.margin) in drawn
    assert rows[0].name == "window 1"
    assert "window 0" not in html + drawn
    best = reading.decision.best
    assert f"Window {best.window + 1} of {len(rows)} holds the best span." in html
    assert re.search(r"tokens \d+–\d+ of", words_of_figure(plots.marginals(reading)))
    assert probability(best.probability) in html
    assert probability(best.probability) in to_text(reading)


@pytest.mark.parametrize("name", RECORDS)
def test_a_notebook_that_is_not_trusted_shows_little_and_nothing_loose(name):
    markup = notebook_html(RECORDS[name]())
    kept = Words(markup)
    bare = " ".join(kept.bare.split())
    assert not {"title", "text", "script", "iframe", "img", "link"} & set(kept.tags)
    if name not in ("Report", "Comparison", "Calibration", "Slices"):
        assert len(bare) <= 1_500
    heading = content_of(RECORDS[name]()).of(Heading)
    assert all(close(words(one.said)) in close(bare) for one in heading)
    if name == "Reading":
        assert close(TEXT) in close(bare)
    assert "How to read this" not in bare


def elements(node: Element | str) -> list[Element]:
    return [] if isinstance(node, str) else [node, *(e for child in node.children for e in elements(child))]


@pytest.mark.parametrize("bare", [False, True])
@pytest.mark.parametrize("name", RECORDS)
def test_every_heading_has_a_name_also_where_its_words_come_from_the_style_sheet(name, bare):
    headings = [
        e
        for e in elements(figure(content_of(RECORDS[name]()), bare=bare))
        if ("role", "heading") in e.attributes
    ]
    names = [Words(str(e)).bare.strip() or dict(e.attributes).get("aria-label") for e in headings]
    assert all(names), headings


@pytest.mark.parametrize("name", RECORDS)
def test_what_is_sent_to_a_widget_is_what_its_builder_admits(name):
    made = figure(content_of(RECORDS[name]()))

    def checked(node):
        if isinstance(node, Element):
            assert node.tag in TAGS
            assert {key for key, _ in node.attributes} <= ATTRIBUTES
            for child in node.children:
                checked(child)

    checked(made)
    assert made.to_json()[0] == "figure"


@pytest.mark.parametrize("name", RECORDS)
def test_a_content_is_made_of_parts(name):
    parts = content_of(RECORDS[name]()).of(object)
    by_hand = {"TokenPicture", "WholeText", "DecisionLine"}
    assert all(isinstance(part, Part) or type(part).__name__ in by_hand for part in parts)


# --- the page for people who only want the answers --------------------------------------------------------------------


def test_a_page_of_answers_says_where_from_how_sure_and_why_none(tmp_path):
    long_id = "reports/2026/the keeper's log of the northern lighthouse, volume seven.txt"
    answered = planted_reading("Who kept it?", "Ada kept the lamp.", answer="Ada")
    answered = replace(answered, example=replace(answered.example, id=long_id))
    none = planted_reading("Who <b>?", "Ada kept the lamp.", answer=None)
    failed = FailedReading(SAMPLE, InputError("It could not be read."))
    page = to_html([answered, none, failed, documents()], tmp_path / "answers.html")
    said = " ".join(Words(page).bare.split())
    assert (tmp_path / "answers.html").read_text("utf-8") == page
    assert "of 4 questions answered" in said
    assert long_id in said
    assert "very sure" in said
    assert "no answer" in said
    assert "does not seem to answer this" in said
    assert "It could not be read." in said
    assert not re.search(r"\blogits?\b|\bspan|threshold|token|margin", said)


@pytest.mark.parametrize("given", [[], ["Who?"], [None]])
def test_a_page_of_nothing_is_refused(given):
    with pytest.raises(InputError, match=r"nothing to show|needs readings"):
        to_html(given)


def test_what_has_no_picture_is_refused():
    with pytest.raises(InputError, match="no picture of 'Who"):
        to_html("Who?")
