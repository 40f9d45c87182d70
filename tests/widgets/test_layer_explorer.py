"""What the LayerExplorer shows and computes, without a browser: against the trace, and as it is asked."""

import json
import math
import threading
import time

import numpy as np
import pytest
from waiting import until

from qalens import Contrast, FailedReading, InputError, Reader
from qalens.display.content.layers import layers_table
from qalens.display.html.page import nodes
from qalens.display.numbers import logit, probability
from qalens.testing import planted_reading, toy_model, toy_tokenizer
from qalens.widgets import LayerExplorer
from qalens.widgets.explorers.layer_view import (
    heads_entry,
    heads_target,
    kept_windows,
    trace_arrays,
    trace_view,
)

QUESTION = "Who kept the lamp?"
STORY = "Ada kept the lamp of the room by day, and Tom kept it by night. "
READER = Reader(toy_model(), toy_tokenizer())
READING = READER.read(QUESTION, STORY)
TRACE = READER.logit_lens(READING)
HEADS = READER.ablate_heads(READING)


class Counting:
    """A reader that counts what it is asked for."""

    def __init__(self):
        self.asked = []

    def logit_lens(self, reading):
        self.asked.append("lens")
        return READER.logit_lens(reading)

    def ablate_heads(self, reading, target, *, by, watch):
        self.asked.append((target, by))
        return READER.ablate_heads(reading, target, by=by, watch=watch)


class Endless:
    """A reader that takes out heads until it is stopped."""

    def ablate_heads(self, reading, target, *, by, watch):
        for k in range(10**9):
            watch(k)
            time.sleep(0.002)


def long_trace(max_length=24):
    reader = READER.with_options(max_length=max_length)
    return reader.logit_lens(reader.read(QUESTION, STORY * 3))


# --- view data --------------------------------------------------------------------------------------------------------


def test_every_layer_has_the_numbers_of_the_trace():
    view = trace_view(TRACE, (0,))
    for k, row in enumerate(view["layers"]):
        best = TRACE.decisions[k].best.span
        assert (row["span"], row["answered"]) == (
            [best.start, best.end],
            TRACE.decisions[k].answer is not None,
        )
    table = layers_table(TRACE)
    assert view["table"] == nodes(table)
    rows = [row for row in table.rows if row.kind != "line"]
    for k, row in enumerate(rows):
        assert [cell.text for cell in row.cells[2:]] == [
            probability(TRACE.answer_probability[k]),
            probability(TRACE.no_answer_probability[k]),
            logit(TRACE.margin[k]),
        ]
    for layer, what in (
        (TRACE.answer_settles, "the best span"),
        (TRACE.answerability_settles, "whether there is an answer"),
    ):
        above = table.rows[table.rows.index(rows[layer]) - 1]
        assert what in above.cells[0].text
    assert json.loads(json.dumps(view, allow_nan=False)) == view


@pytest.mark.parametrize("max_length", [64, 24])
def test_inclusion_by_layer_is_a_sum_over_the_spans_of_that_layer(max_length):
    trace = long_trace(max_length)
    arrays = trace_arrays(trace, (0,))
    places = np.frombuffer(arrays["places"], "<i4").reshape(-1, 2)
    inclusion = np.frombuffer(arrays["inclusion"], "<f4").reshape(len(trace), len(places))
    for k in range(len(trace)):
        spans = trace.at(k).spans
        weight = np.exp(spans.score - spans.score.max())
        weight /= weight.sum()
        for t in range(0, len(places), 7):
            inside = (spans.start <= places[t, 0]) & (places[t, 0] < spans.end)
            assert inclusion[k, t] == pytest.approx(weight[inside].sum(), abs=1e-5)


def test_starts_and_ends_are_those_of_the_head_window_by_window():
    trace = long_trace()
    kept = kept_windows(trace)
    assert kept == tuple(range(len(trace.reading.windows)))
    edges, at = np.frombuffer(trace_arrays(trace, kept)["edges"], "<f4"), 0
    for row in trace_view(trace, kept)["windows"]:
        w, T = row["number"], row["length"]
        for logits in (trace.start, trace.end):
            got = edges[at : at + len(trace) * T].reshape(len(trace), T)
            wanted = np.exp(logits[:, w, :T].astype(float))
            np.testing.assert_allclose(got, wanted / wanted.sum(1, keepdims=True), rtol=1e-4)
            at += got.size
        inside = trace.reading.windows.context_index[w, row["place"] : row["place"] + row["count"]]
        assert inside.tolist() == list(range(row["first"], row["first"] + row["count"]))
        assert sorted(int(t) for t in row["others"]) == [
            t for t in range(T) if not row["place"] <= t < row["place"] + row["count"]
        ]
        asked = trace.reading.windows.tokens[w, slice(*row["asked"])].tolist()
        assert asked == ["who", "kept", "the", "lamp", "?"]
    assert at == len(edges)


def test_of_a_very_long_text_the_windows_with_the_best_spans_are_kept(monkeypatch):
    trace = long_trace()
    T = trace.reading.windows.role.shape[1]
    monkeypatch.setattr("qalens.widgets.explorers.layer_view._MOST_CELLS", 3 * len(trace) * T)
    kept = kept_windows(trace)
    best = [trace.reading.spans.score[trace.reading.spans.window == w].max(initial=-math.inf) for w in range(len(trace.reading.windows))]  # fmt: skip
    assert len(kept) == 3
    assert set(kept) == set(np.argsort(best)[::-1][:3].tolist())
    assert trace.reading.decision.best.window in kept


def test_a_map_of_heads_is_sent_as_it_is():
    entry = heads_entry(READING, HEADS)
    np.testing.assert_allclose(entry["change"], HEADS.values - HEADS.value, rtol=1e-4, atol=1e-6)
    (layer, head, change), *_ = entry["strongest"]
    assert (
        abs(HEADS.change[layer - 1, head - 1])
        == np.abs(HEADS.change).max()
        == pytest.approx(abs(change), rel=1e-4)
    )
    assert entry["most"] == np.abs(HEADS.change).max()


@pytest.mark.parametrize(
    ("target", "name"),
    [
        ("answer", "answer"),
        ("end", "end"),
        ("margin", "margin"),
        ("no_answer", "no_answer"),
        (Contrast((0, 3), (0, 8)), "other"),
    ],
)
def test_a_map_knows_what_it_is_about(target, name):
    assert heads_target(READING, READER.ablate_heads(READING, target)) == name


# --- what it takes ----------------------------------------------------------------------------------------------------


def test_records_alone_are_enough():
    explorer = LayerExplorer(READING, TRACE, HEADS)
    assert (explorer.layer, explorer.window, explorer.target, explorer.live) == (2, 0, "answer", False)
    assert explorer.heads is HEADS


def test_a_reader_traces_at_once_and_takes_out_heads_when_asked():
    reader = Counting()
    explorer = LayerExplorer(READING, reader=reader)
    assert (reader.asked, explorer.heads) == (["lens"], None)
    explorer.compute()
    explorer.target = "margin"
    until(lambda: not explorer.computing)
    explorer.by = "mean"
    until(lambda: not explorer.computing)
    explorer.by = "zero"
    assert explorer.heads is explorer.records[1]
    assert reader.asked == ["lens", ("answer", "zero"), ("margin", "zero"), ("margin", "mean")]


def test_layers_can_be_counted_from_the_end():
    explorer = LayerExplorer(READING, TRACE, layer=-2)
    assert explorer.layer == 1
    explorer.layer = -3
    assert explorer.layer == 0


def test_showing_another_map_changes_what_is_chosen():
    explorer = LayerExplorer(READING, TRACE, [HEADS, READER.ablate_heads(READING, "no_answer", by="mean")])
    explorer.shown = 1
    assert (explorer.target, explorer.by) == ("no_answer", "mean")


def test_cancelling_and_closing_leave_no_thread():
    others = set(threading.enumerate())
    explorer = LayerExplorer(READING, TRACE, HEADS, reader=Endless())
    explorer.target = "margin"
    until(lambda: "heads done" in explorer.status.get("done", ""))
    explorer.cancel()
    assert (explorer.status["state"], explorer.heads) == ("cancelled", HEADS)
    explorer.by = "mean"
    explorer.close()
    until(lambda: not [t for t in set(threading.enumerate()) - others if t.name == "qalens-work"])


OTHER = READER.read("Who kept it?", STORY)
WRONG = {
    "no reading": (("Who?",), {}, "needs a Reading"),
    "a failed one": ((FailedReading("Who?", InputError("No text.")),), {}, "could not be read: No text"),
    "nothing to show": ((READING,), {}, "needs something to show"),
    "no trace": ((READING, "trace"), {}, "has to be one, as reader.logit_lens"),
    "the trace of another": ((OTHER, TRACE), {}, "trace is of another reading"),
    "no heads": ((READING, TRACE, 3), {}, "holds 3"),
    "the heads of another": ((OTHER, READER.logit_lens(OTHER), HEADS), {}, "heads is of another reading"),
    "an unknown option": ((READING, TRACE), {"colour": 1}, "no option 'colour'"),
    "a layer": ((READING, TRACE), {"layer": 3}, "no layer 3; there are 0"),
    "a window": ((READING, TRACE), {"window": 1}, "window has to be one of 0"),
    "a target": ((READING, TRACE), {"target": "contrast"}, "target has to be one of"),
    "a replacement": ((READING, TRACE), {"by": "noise"}, "by has to be one of"),
}


@pytest.mark.parametrize(("given", "options", "message"), WRONG.values(), ids=list(WRONG))
def test_what_cannot_work_is_refused(given, options, message):
    with pytest.raises(InputError, match=message):
        LayerExplorer(*given, **options)


def test_a_reading_that_no_reader_made_can_only_be_refused_by_the_reader():
    with pytest.raises(InputError, match="made by no model"):
        LayerExplorer(planted_reading("Who?", "Ada kept it.", answer="Ada"), reader=READER)


# --- static exports ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("heads", [(), HEADS], ids=["layers", "layers and heads"])
def test_the_still_twins_tell_the_same(heads):
    explorer = LayerExplorer(READING, TRACE, heads)
    # Compared before it is asserted: pytest would print both pictures whole.
    same = explorer.to_svg() == explorer.to_svg()
    assert same
    assert explorer.to_png(dpi=50).startswith(b"\x89PNG")
    assert len(explorer.figure().axes) == (3 if heads else 1)
    assert f"settles at layer {TRACE.answer_settles}" in explorer.summary()


def test_a_long_text_is_sent_small():
    reading = READER.read(QUESTION, STORY * 1500)
    page = LayerExplorer(reading, READER.logit_lens(reading)).to_html()
    assert len(reading.context) > 90_000
    assert len(page) < 5_000_000
