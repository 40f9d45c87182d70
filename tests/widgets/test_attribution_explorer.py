"""What the AttributionExplorer shows and computes, without a browser: against the records, and as it is asked."""

import json
import threading
import time
from concurrent.futures import CancelledError

import numpy as np
import pytest
from waiting import until

from qalens import Contrast, FailedReading, InputError, Reader
from qalens.display.content.attribution import strongest, sums
from qalens.display.html.page import nodes
from qalens.display.numbers import signed
from qalens.explain.attribution.record import FailedAttribution
from qalens.testing import planted_reading, toy_model, toy_tokenizer
from qalens.text.token_edges import token_range
from qalens.text.windows import Role
from qalens.widgets import AttributionExplorer
from qalens.widgets.explorers.attribution_view import (
    attribution_entry,
    best_holders,
    choice_of,
    reading_arrays,
    reading_view,
)
from qalens.widgets.kernel_thread import Work

QUESTION = "Who kept the lamp?"
STORY = "Ada kept the lamp of the room by day, and Tom kept it by night. "
READER = Reader(toy_model(), toy_tokenizer())
READING = READER.read(QUESTION, STORY)
SIMPLE = "input_x_gradient"


def explained(target="answer", method=SIMPLE, **options):
    return READER.attribute(READING, target, method, **options)


class Counting:
    """A reader that counts how often it is asked."""

    def __init__(self):
        self.asked = []

    def attribute(self, reading, target, method, **options):
        self.asked.append((target, method, options["span"], options["baseline"]))
        return READER.attribute(reading, target, method, **options)


class Endless:
    """A reader that works until it is stopped."""

    def __init__(self):
        self.passes, self.ended = 0, threading.Event()

    def attribute(self, reading, target, method, *, watch, **options):
        try:
            while True:
                watch(self.passes)
                self.passes += 1
                time.sleep(0.002)
        except CancelledError:
            self.ended.set()
            raise


_OTHERS = set()


@pytest.fixture(autouse=True)
def threads_of_other_tests():
    """What other tests of this process left running is none of a test's business."""
    _OTHERS.clear()
    _OTHERS.update(threading.enumerate())


def threads():
    return [t for t in threading.enumerate() if t.name == "qalens-work" and t not in _OTHERS]


# --- view data --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("max_length", [64, 24])
def test_each_token_is_held_by_the_best_span_with_it(max_length):
    reader = READER.with_options(max_length=max_length, max_answer_length=4)
    reading = reader.read(QUESTION, STORY)
    low, N = token_range(reading.windows)
    holders = best_holders(reading, low, N)
    index, spans = reading.windows.context_index, reading.spans
    for t in range(N):
        found = {}
        for s in range(len(spans)):
            i, j = (int(index[spans.window[s], k]) - low for k in (spans.token_start[s], spans.token_end[s]))
            if i <= t <= j:
                found[(i, j)] = float(spans.score[s])
        assert found[tuple(holders[t].tolist())] == max(found.values())


@pytest.mark.parametrize("target", ["answer", "no_answer"])
@pytest.mark.parametrize("max_length", [64, 24])
def test_an_entry_has_every_value_of_the_attribution_at_its_place(target, max_length):
    reader = READER.with_options(max_length=max_length)
    reading = reader.read(QUESTION, STORY)
    found = reader.attribute(reading, target, SIMPLE)
    entry = attribution_entry(reading, found)
    places = np.frombuffer(reading_arrays(reading)["places"], "<i4").reshape(-1, 2)
    for side, role in (("question", Role.QUESTION), ("context", Role.CONTEXT)):
        part, inside = entry[side], found.roles == role
        np.testing.assert_allclose(part["value"], found.values[inside], rtol=1e-4)
        by_word = np.bincount(part["word"], part["value"])
        np.testing.assert_allclose(by_word, part["word_value"], rtol=1e-3, atol=1e-4)
        if role == Role.CONTEXT:
            offsets = found.offsets[inside]
            assert places[part["first"] : part["first"] + len(offsets)].tolist() == offsets.tolist()
    top = found.top(8)
    shown = strongest(found)
    assert entry["strongest"] == nodes(shown)
    assert [row.cells[0].text for row in shown.rows] == [w.text for w in top]
    assert [row.cells[2].text for row in shown.rows] == [
        signed(w.value, entry["digits"]["word"]) for w in top
    ]
    for (side, token), word in zip(entry["picks"], top, strict=True):
        assert (side == "question") == (word.role == Role.QUESTION)
        begin = reading_view(reading)["asked"]["begin"] if side == "question" else places[:, 0].tolist()
        assert begin[token] == word.span.start
    parts = sums(found)
    assert nodes(parts)[0] == entry["evidence"][0]
    assert [row.value for row in parts.rows[:3]] == pytest.approx(
        [found.by_segment()[s] for s in ("question", "context", "special")], rel=1e-3
    )
    assert json.loads(json.dumps(entry, allow_nan=False)) == entry


def test_a_contrast_has_its_ends_apart():
    sides = [a.span for a in READING.spans.top(2)]
    found = explained(Contrast(*sides))
    entry = attribution_entry(READING, found)
    assert [entry["span"], entry["rival"]] == [[s.start, s.end] for s in sides]
    assert [row.name for row in sums(found).rows][3:] == ["through start logits", "through end logits"]


def test_values_that_are_no_numbers_become_null():
    found = explained()
    values = found.values.copy()
    values[2] = np.nan
    broken = type(found)(**{name: getattr(found, name) for name in found.__slots__} | {"values": values})
    entry = attribution_entry(READING, broken)
    assert None in entry["question"]["value"]
    assert "1 of" in json.dumps(entry["warnings"])


# --- what it takes ----------------------------------------------------------------------------------------------------


def test_records_alone_are_enough_and_the_first_is_shown():
    explorer = AttributionExplorer(READING, [explained("no_answer"), explained("start")])
    assert (explorer.target, explorer.method, explorer.shown, explorer.live) == (
        "no_answer",
        SIMPLE,
        0,
        False,
    )
    explorer.target = "start"
    assert explorer.shown == 1
    assert explorer.attribution is explorer.attributions[1]


def test_showing_another_record_changes_what_is_chosen():
    sides = [a.span for a in READING.spans.top(2)]
    explorer = AttributionExplorer(READING, [explained("no_answer"), explained(Contrast(*sides))])
    explorer.shown = 1
    assert explorer.target == "contrast"
    assert explorer.rival == (sides[1].start, sides[1].end)


def test_of_two_records_of_the_same_the_chosen_one_stays():
    twice = [explained(over="question"), explained(over="context")]
    explorer = AttributionExplorer(READING, twice)
    explorer.shown = 1
    assert explorer.compute() is explorer.attribution is twice[1]


WRONG = {
    "no reading": (("Who?", explained()), {}, "needs a Reading"),
    "a failed one": ((FailedReading("Who?", InputError("No text.")), ()), {}, "could not be read: No text"),
    "nothing to show": ((READING,), {}, "needs something to show"),
    "no attribution": ((READING, ["Ada"]), {}, "has to be one, as reader.attribute"),
    "a number": ((READING, 3), {}, "but is 3"),
    "a failed attribution": ((READING, FailedAttribution(None, InputError("No."))), {}, "not be explained.*No"),
    "another text": ((planted_reading("Who?", "Ada kept it.", answer="Ada"), explained()), {}, "another reading"),
    "an unknown option": ((READING, explained()), {"colour": 1}, "no option 'colour'"),
    "data as an option": ((READING, explained()), {"shown": 1}, "no option 'shown'"),
    "a target": ((READING, explained()), {"target": "lamp"}, "target has to be one of"),
    "a method": ((READING, explained()), {"method": "magic"}, "method has to be one of"),
    "a span": ((READING, explained()), {"span": (0, 1000)}, "no stretch 0–1000"),
    "half a span": ((READING, explained()), {"span": (0,)}, "characters"),
}  # fmt: skip


@pytest.mark.parametrize(("given", "options", "message"), WRONG.values(), ids=list(WRONG))
def test_what_cannot_work_is_refused(given, options, message):
    with pytest.raises(InputError, match=message):
        AttributionExplorer(*given, **options)


# --- computing --------------------------------------------------------------------------------------------------------


def test_nothing_is_computed_before_something_is_chosen():
    reader = Counting()
    explorer = AttributionExplorer(READING, reader=reader, method=SIMPLE)
    assert (reader.asked, explorer.attribution, explorer.computing) == ([], None, False)
    with pytest.raises(InputError, match="call compute"):
        explorer.figure()


def test_what_was_computed_is_kept_for_each_target_method_and_baseline():
    reader = Counting()
    explorer = AttributionExplorer(READING, reader=reader, method="occlusion")
    first = explorer.compute()
    assert (first.baseline, explorer.baseline) == ("pad", "pad")
    assert explorer.compute() is first
    explorer.unit = "token"
    choices = [{"baseline": "zero"}, {"target": "start"}, {"span": (0, 3)}, {"target": "contrast"}]
    for choice in choices:
        for name, value in choice.items():
            setattr(explorer, name, value)
        until(lambda: not explorer.computing)
    assert len(reader.asked) == 5
    with explorer.hold_trait_notifications():
        explorer.target, explorer.span, explorer.baseline = "answer", None, "pad"
    assert explorer.attribution is first
    assert len(reader.asked) == 5


def test_the_reader_is_asked_for_exactly_what_is_chosen():
    reader = Counting()
    explorer = AttributionExplorer(READING, reader=reader, method=SIMPLE, target="contrast", span=(0, 3))
    explorer.compute()
    explorer.rival = (0, 8)
    until(lambda: not explorer.computing)
    explorer.span = ()
    until(lambda: not explorer.computing)
    for target in ("no_answer", "null_score"):
        explorer.target = target
        until(lambda: not explorer.computing)
    asked = [(t if isinstance(t, str) else (t.a, t.b), span) for t, _, span, _ in reader.asked]
    assert asked == [
        (((0, 3), None), None),
        (((0, 3), (0, 8)), None),
        ((None, (0, 8)), None),
        ("no_answer", None),
        ("null_score", None),
    ]
    assert [choice_of(a) == explorer.choice for a in explorer.attributions][-1]


def test_an_error_is_told_and_the_picture_stays():
    explorer = AttributionExplorer(READING, explained(), reader=READER)
    explorer.span = (0, 2)
    until(lambda: not explorer.computing)
    assert explorer.status["state"] == "failed"
    assert "No window holds tokens" in explorer.status["words"]
    assert (explorer.shown, len(explorer.attributions)) == (0, 1)
    explorer.span = None
    assert explorer.status["state"] == "idle"


def test_an_error_that_is_none_of_ours_is_told_too():
    class Broken:
        def attribute(self, *_, **__):
            raise ZeroDivisionError("no luck")

    explorer = AttributionExplorer(READING, explained(), reader=Broken())
    explorer.target = "start"
    until(lambda: not explorer.computing)
    assert explorer.status["words"] == "ZeroDivisionError: no luck"


def test_cancelling_stops_the_work_and_keeps_the_picture():
    reader = Endless()
    explorer = AttributionExplorer(READING, explained(), reader=reader)
    explorer.target = "start"
    until(lambda: reader.passes > 2 and "row" in explorer.status.get("done", ""))
    assert explorer.computing
    explorer.cancel()
    assert reader.ended.wait(120)
    until(lambda: not threads())
    assert (explorer.status["state"], explorer.shown, explorer.computing) == ("cancelled", 0, False)


def test_the_last_choice_wins_and_one_works_at_a_time():
    reader, most = Endless(), []
    explorer = AttributionExplorer(READING, explained(), reader=reader)
    for target in ("start", "end", "no_answer"):
        explorer.target = target
        until(lambda: reader.passes > 2)
        reader.passes = 0
        most.append(sum(t.is_alive() for t in threads()))
    assert explorer.status["words"].endswith("logit of P(no answer)")
    explorer.target = "answer"
    until(lambda: not threads())
    assert (explorer.shown, explorer.status["state"], len(explorer.found)) == (0, "idle", 1)
    assert max(most) <= 2


def test_closing_leaves_no_thread():
    reader = Endless()
    explorer = AttributionExplorer(READING, explained(), reader=reader)
    explorer.target = "start"
    until(lambda: reader.passes > 0)
    explorer.close()
    until(lambda: not threads())


def test_work_that_is_stopped_is_not_heard_of():
    heard, go = [], threading.Event()

    def compute(watch):
        go.wait(120)
        return "late"

    work = Work(compute, report=heard.append, finish=heard.append)
    work.start()
    work.stop()
    go.set()
    work.wait()
    assert heard == []


def test_reading_on_while_something_is_explained_changes_nothing():
    # Hooks of the thread exchange embeddings inside of the model; they must not reach into passes of this one.
    reader = READER.with_options(batch_tokens=64)
    explorer = AttributionExplorer(READING, explained(), reader=reader)
    explorer.method = "shapley"
    while explorer.computing:
        again = READER.read(QUESTION, STORY)
        np.testing.assert_allclose(again.logits.start, READING.logits.start, atol=1e-5)
    alone = explained(method="shapley")
    np.testing.assert_allclose(explorer.attribution.values, alone.values, atol=1e-5)


# --- the hook -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "method", ["integrated_gradients", SIMPLE, "occlusion", "shapley", "layer_conductance"]
)
def test_every_method_can_be_watched_and_stopped(method):
    layer = {"layer": 0} if method == "layer_conductance" else {}
    seen = []
    whole = explained(method=method, watch=seen.append, **layer)
    assert seen == sorted(seen)
    assert seen[0] == 0
    assert seen[-1] < whole.diagnostics.passes

    def stop(count):
        if count:
            raise CancelledError

    with pytest.raises(CancelledError):
        explained(method=method, watch=stop, **layer)
    np.testing.assert_array_equal(READER.read(QUESTION, STORY).logits.start, READING.logits.start)


def test_taking_out_heads_can_be_watched_and_stopped():
    seen = []
    READER.with_options(batch_tokens=64).ablate_heads(READING, watch=seen.append)
    assert seen == sorted(set(seen))
    assert len(seen) > 1
    assert seen[-1] < 8

    def stop(count):
        raise CancelledError

    with pytest.raises(CancelledError):
        READER.ablate_heads(READING, watch=stop)


# --- static exports ------------------------------------------------------------------------------------------------------


def test_the_still_twins_tell_the_same():
    explorer = AttributionExplorer(READING, explained("no_answer"))
    # Compared before it is asserted: pytest would print both pictures whole.
    same = explorer.to_svg() == explorer.to_svg()
    assert same
    assert explorer.to_png(dpi=50).startswith(b"\x89PNG")
    assert explorer.summary().endswith("what contributes to logit of P(no answer)")
    assert "<iframe" in explorer._repr_mimebundle_()[0]["text/html"]
    explorer.close()


def test_a_long_text_is_sent_small():
    text = STORY * 1500
    reading = READER.read(QUESTION, text)
    page = AttributionExplorer(reading, READER.attribute(reading, "answer", SIMPLE)).to_html()
    assert len(text) > 90_000
    assert len(page) < 3_000_000
