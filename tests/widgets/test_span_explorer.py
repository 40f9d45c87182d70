"""What the SpanExplorer shows, without a browser: its numbers against the reading, its options, its size."""

import itertools
import json
import math
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from qalens import FailedReading, InputError
from qalens.display.content.reading import classic, classic_parts, uncertainty
from qalens.display.content.span_groups import groups, spans_table
from qalens.display.html.page import nodes
from qalens.display.numbers import logit, probability
from qalens.display.parts import words
from qalens.spans.per_window import leakage
from qalens.testing import planted_reading
from qalens.widgets import SpanExplorer
from qalens.widgets.explorers.span_explorer import span_arrays, span_view

STORY = "Ada kept the lamp of the room by day, and who kept it in when Tom was there to answer for it? "


def reading_of(text=STORY, answer="the lamp", question="What did Ada keep?", **options):
    return planted_reading(question, text, answer=answer, **options)


def unpacked(reading):
    """Places (N, 2), and per window (first token, start logits, end logits), as a browser reads the bytes."""
    arrays, view = span_arrays(reading), span_view(reading)
    places = np.frombuffer(arrays["places"], "<i4").reshape(-1, 2)
    logits = np.frombuffer(arrays["logits"], "<f4")
    windows, at = [], 0
    for first, count in view["windows"]:
        windows.append((first, logits[at : at + count], logits[at + count : at + 2 * count]))
        at += 2 * count
    assert at == len(logits)
    return places, windows, np.frombuffer(arrays["chances"], "<f4").reshape(3, -1)


def brute_force_spans(reading):
    """{(start, end): score} of all legal spans, from the bytes that a browser gets alone."""
    places, windows, _ = unpacked(reading)
    found = {}
    for first, start, end in windows:
        for i, j in itertools.product(range(len(start)), repeat=2):
            if i <= j < i + reading.max_answer_length:
                key = (int(places[first + i, 0]), int(places[first + j, 1]))
                found[key] = max(found.get(key, -math.inf), float(start[i]) + float(end[j]))
    return found


@pytest.mark.parametrize("options", [{}, {"max_length": 40, "stride": 10}, {"max_length": 24, "stride": 0}])
def test_a_browser_can_recompute_every_span_from_what_it_gets(options):
    reading = reading_of(STORY * 2, **options)
    spans, found = reading.spans, brute_force_spans(reading)
    assert sorted(found) == list(zip(spans.start.tolist(), spans.end.tolist(), strict=True))
    for start, end, score in zip(spans.start, spans.end, spans.score, strict=True):
        assert found[(start, end)] == pytest.approx(score, abs=1e-5)


@pytest.mark.parametrize("options", [{}, {"max_length": 40, "stride": 10}])
def test_the_two_normalisers_are_those_of_the_distribution(options):
    reading = reading_of(strength=3.0, **options)
    view, scores = span_view(reading), np.array(list(brute_force_spans(reading).values()))
    assert view["log_total"] == pytest.approx(math.log(np.exp(scores).sum()))
    joint = np.exp(scores - view["log_normalizer"]).sum()
    assert joint + view["none"] == pytest.approx(1.0)


def test_the_chances_of_each_token_are_sums_over_spans():
    reading = reading_of(strength=3.0)
    places, _, (within, starts, ends) = unpacked(reading)
    given = {
        key: math.exp(score - span_view(reading)["log_total"])
        for key, score in brute_force_spans(reading).items()
    }
    for t, (begin, end) in enumerate(places.tolist()):
        assert within[t] == pytest.approx(sum(p for (a, b), p in given.items() if a <= begin < b), abs=1e-5)
        assert starts[t] == pytest.approx(sum(p for (a, _), p in given.items() if a == begin), abs=1e-5)
        assert ends[t] == pytest.approx(sum(p for (_, b), p in given.items() if b == end), abs=1e-5)


def test_places_are_the_words_of_the_text():
    places, _, _ = unpacked(reading_of("Ada kept  the lamp."))
    assert ["Ada kept  the lamp."[a:b] for a, b in places] == ["Ada", "kept", "the", "lamp", "."]


def test_a_rejected_span_is_never_the_answer():
    view = span_view(reading_of(answer=None))
    assert view["answer"] is None
    assert view["best"]["text"]
    assert view["none"] > 0.99
    assert "nan" not in json.dumps(view["ranking"])


def test_rows_tell_their_parts_and_pick_their_spans():
    reading = reading_of(strength=5.0, max_length=40, stride=10)
    view, table = span_view(reading), spans_table(reading, groups(reading.spans))
    assert view["ranking"] == nodes(table)
    rows = [row for row in table.rows if len(row.cells) > 1]
    assert rows[0].cells[0].text == "the lamp"
    for row, (start, end) in zip(rows, view["picks"], strict=True):
        said = dict(zip(table.columns, (words(cell.text) for cell in row.cells), strict=True))
        span = reading.spans.find(start, end)
        assert said["span"] == span.text == reading.context[start:end]
        assert said["P"] == probability(span.probability)
        given = span.probability / (1 - reading.no_answer_probability)
        assert said["P if answered"] == probability(given)
        assert said["score"] == logit(span.score)


def test_the_three_uncertainties_sum_to_the_whole():
    reading = reading_of(strength=2.0)
    (bars,) = uncertainty(reading)
    assert sum(row.value for row in bars.rows) == pytest.approx(reading.spans.uncertainty().total)
    assert min(row.value for row in bars.rows) > 0
    assert nodes(bars)[0] in span_view(reading)["below"]


def test_the_classic_score_is_the_product_of_two_softmaxes():
    reading = reading_of(strength=4.0)
    best, length = reading.decision.best, int(reading.windows.lengths[0])
    p_start, p_end = classic_parts(reading, best)
    start, end = (np.exp(x[0, :length].astype(float)) for x in (reading.logits.start, reading.logits.end))
    assert p_start == pytest.approx(start[best.tokens[0]] / start.sum())
    assert p_end == pytest.approx(end[best.tokens[1]] / end.sum())
    lost = leakage(reading.logits, max_answer_length=reading.max_answer_length).total[0]
    assert p_start * p_end / (1 - lost) == pytest.approx(best.probability, rel=1e-4)
    assert nodes(*classic(reading))[0] in span_view(reading)["below"]


def test_a_text_without_a_span_shows_as_that():
    reading = reading_of("\x01\x02", answer=None)
    view = span_view(reading)
    assert (view["best"], view["ranking"], view["picks"]) == (None, [], [])
    assert "no token" in json.dumps(view["below"])
    assert SpanExplorer(reading).to_html()


@pytest.mark.parametrize("threshold", [0.0, math.inf, -math.inf])
def test_the_view_is_json_at_every_threshold(threshold):
    json.dumps(span_view(reading_of().with_threshold(threshold)), allow_nan=False)


# --- the widget -------------------------------------------------------------------------------------------------------


def test_selected_goes_both_ways():
    explorer, seen = SpanExplorer(reading_of()), []
    explorer.observe(lambda change: seen.append(change["new"]), "selected")
    explorer.set_state({"selected": [9, 17]})
    explorer.selected = None
    assert seen == [(9, 17), None]
    explorer.selected = (9, 17)
    assert explorer.selected_text == "the lamp"
    assert explorer.selected_answer.probability == explorer.reading.answer.probability
    explorer.selected = (0, 2)
    assert (explorer.selected_text, explorer.selected_answer) == ("Ad", None)


BAD_SELECTED = {
    "too long": ((0, 10_000), "has 94 characters and no stretch 0–10000"),
    "backwards": ((5, 2), "no stretch 5–2"),
    "empty": ((5, 5), "no stretch 5–5"),
    "before the text": ((-1, 3), "no stretch -1–3"),
    "one number": ((3,), "has to be"),
    "words": (("a", "b"), "has to be"),
    "truth": ((False, True), "has to be"),
}


@pytest.mark.parametrize(("value", "message"), BAD_SELECTED.values(), ids=list(BAD_SELECTED))
def test_a_selection_that_the_text_does_not_have_is_refused(value, message):
    explorer = SpanExplorer(reading_of(), selected=(0, 3))
    with pytest.raises(InputError, match=message):
        explorer.selected = value
    assert explorer.selected == (0, 3)


def test_what_is_no_reading_is_refused():
    with pytest.raises(
        InputError, match=r"SpanExplorer needs a Reading, as reader.read\(question, context\) gives it"
    ):
        SpanExplorer("Who kept the lamp?")
    failed = FailedReading(("Who?", ""), InputError("The context is empty."))
    with pytest.raises(
        InputError, match="nothing to show, since the text could not be read: The context is empty"
    ):
        SpanExplorer(failed)


def test_unknown_options_are_refused_with_those_that_are_known():
    with pytest.raises(
        InputError, match="no option 'colour'; it knows given_answer, layout, scale, selected"
    ):
        SpanExplorer(reading_of(), colour="red")
    with pytest.raises(InputError, match="no option 'logits'"):
        SpanExplorer(reading_of(), logits=b"")
    with pytest.raises(InputError, match='"probability" or "logits", but is \'log\''):
        SpanExplorer(reading_of(), scale="log")


def sent(explorer):
    """Bytes of the traits that the record was turned into."""
    state = explorer.get_state(["view", "places", "logits", "chances"])
    return len(json.dumps(state.pop("view")).encode()) + sum(len(part) for part in state.values())


def test_a_paragraph_sends_little():
    explorer = SpanExplorer(reading_of(STORY * 9))  # 170 words, 860 characters
    assert sent(explorer) < 16_000
    assert sent(explorer) + len(explorer._esm) + len(explorer._css) < 100_000


def test_a_long_text_sends_less_than_five_megabytes():
    text = (STORY * (100_000 // len(STORY) + 1))[:100_000]
    assert sent(SpanExplorer(reading_of(text))) < 2_000_000


def test_the_summary_names_question_and_decision():
    assert SpanExplorer(reading_of()).summary() == "What did Ada keep? — the lamp (>99.9%)"
    assert SpanExplorer(reading_of(answer=None)).summary() == "What did Ada keep? — no answer (>99.9%)"


def test_figures_are_written_and_returned(tmp_path):
    explorer = SpanExplorer(reading_of(strength=4.0))
    svg = explorer.to_svg(tmp_path / "a.svg")
    assert svg == (tmp_path / "a.svg").read_text(encoding="utf-8")
    assert "dc:date" not in svg
    ET.fromstring(svg)
    assert explorer.to_png(tmp_path / "a.png", dpi=40) == (tmp_path / "a.png").read_bytes()
    assert len(explorer.to_png(dpi=80)) > len(explorer.to_png(dpi=40))


def test_the_figure_follows_the_options():
    given, joint = (
        SpanExplorer(reading_of(answer=None, strength=2.0), given_answer=g).to_svg() for g in (True, False)
    )
    assert given != joint
