"""`explore` without a browser: what it reads, which explorers it makes, and what it leaves behind."""

import threading
import time
from types import SimpleNamespace

import ipywidgets
import pytest
from waiting import until

import qalens
from qalens import FailedReading, InputError, Reader
from qalens.progress import HowFar, listening, tell
from qalens.testing import planted_reading, toy_model, toy_tokenizer
from qalens.widgets import AttributionExplorer, CompareExplorer, LayerExplorer, NoAnswerExplorer, SpanExplorer

QUESTION = "Who kept the lamp?"
STORY = "Ada kept the lamp of the room by day, and Tom kept it by night."
READER = Reader(toy_model(), toy_tokenizer())
READING = planted_reading(QUESTION, STORY, answer="Ada")


def settled(door):
    until(lambda: door.status["state"] != "reading")
    return door


def test_a_reader_gets_all_tabs_and_a_reading_those_that_need_no_model():
    door = qalens.explore(READER, QUESTION, STORY)
    kinds = {}
    for tab in ("spans", "no_answer", "why", "layers", "compare"):
        door.tab = tab
        kinds[tab] = type(settled(door).explorer).__name__
        assert door.explorer.reading is door.reading if tab in ("spans", "why", "layers") else True
    assert kinds == {
        "spans": "SpanExplorer",
        "no_answer": "NoAnswerExplorer",
        "why": "AttributionExplorer",
        "layers": "LayerExplorer",
        "compare": "BeforeAndAfter",
    }
    still = qalens.explore(READING)
    assert still.reading is READING
    with pytest.raises(InputError, match="tab has to be one of 'spans', 'no_answer', but is 'why'"):
        still.tab = "why"
    with pytest.raises(InputError, match="without a model"):
        still.question = "Why?"


def test_an_explorer_is_made_when_its_tab_is_first_opened():
    door = qalens.explore(READER, QUESTION, STORY)
    made = {id(w) for w in ipywidgets.widgets.widget._instances.values()}
    door.tab = "no_answer"
    new = [w for w in ipywidgets.widgets.widget._instances.values() if id(w) not in made]
    assert [type(w).__name__ for w in new if "Layout" not in type(w).__name__] == ["NoAnswerExplorer"]
    shown = door.explorer
    door.tab = "spans"
    door.tab = "no_answer"
    assert door.explorer is shown


def test_without_a_question_it_begins_with_an_example():
    door = qalens.explore(READER)
    assert door.question.endswith("?")
    assert (door.reading.question, door.reading.context) == (door.question, door.context)


@pytest.mark.parametrize("tab", ["spans", "no_answer", "compare", "why", "layers"])
def test_what_is_typed_is_read_and_shown_in_the_open_tab(tab):
    door = qalens.explore(READER, QUESTION, STORY)
    door.tab = tab
    settled(door)
    shown, heard = door.explorer, []
    door.observe(lambda change: heard.append(change["new"]), "reading")
    # As typing does: the field changes, and Python hears of it.
    door._fields.context = "Tom kept the lamp."
    until(lambda: bool(heard))
    until(lambda: door.status["state"] == "idle")
    assert door.reading.context == "Tom kept the lamp."
    assert heard == [door.reading]
    if tab == "compare":
        assert door.explorer is shown
        assert (shown.diff.before.context, shown.diff.after) == (STORY, door.reading)
    elif tab == "no_answer":
        assert door.explorer is shown
        assert shown.readings == (door.reading,)
        assert shown.view["readings"][0]["none"] == pytest.approx(door.reading.no_answer_probability)
    else:
        assert (door.explorer is shown) == (tab == "spans")
        assert door.explorer.reading is door.reading


def test_a_tab_that_was_not_open_shows_the_new_reading_when_it_is_opened():
    door = qalens.explore(READER, QUESTION, STORY)
    door.tab = "no_answer"
    door.context = "Tom kept the lamp."
    until(lambda: door.reading.context == "Tom kept the lamp.")
    door.tab = "spans"
    assert door.explorer.reading is door.reading
    assert door.explorer.view["context"] == "Tom kept the lamp."


def test_the_last_edit_wins():
    asked, gate = [], threading.Semaphore(1)

    class Slow:
        def read(self, question, context):
            asked.append(context)
            gate.acquire(timeout=120)
            return READER.read(question, context)

    door = qalens.explore(Slow(), QUESTION, STORY)
    for text in ("Ada kept it.", "Ada kept the room.", "Tom kept it."):
        door.context = text
        until(lambda: len(asked) == 2)
    assert door.reading.context == STORY
    assert door.status["state"] == "reading"
    gate.release(4)
    until(lambda: door.status["state"] == "idle")
    assert door.reading.context == "Tom kept it."
    assert asked == [STORY, "Ada kept it.", "Tom kept it."]


def test_what_cannot_be_read_is_said_and_the_picture_stays():
    door = qalens.explore(READER, QUESTION, STORY)
    shown, reading = door.explorer, door.reading
    door.context = ""
    until(lambda: door.status["state"] == "failed")
    assert "empty" in door.status["words"]
    assert (door.explorer, door.reading) == (shown, reading)
    door.context = STORY
    assert door.status["state"] == "idle"


def test_what_explains_the_text_before_is_stopped_before_the_next_is_there():
    stopped, found = threading.Event(), []

    class Busy:
        def read(self, question, context):
            found.append(context == STORY or stopped.wait(120))
            return READER.read(question, context)

        def attribute(self, *given, watch, **options):
            try:
                while True:
                    watch(0)
                    time.sleep(0.002)
            finally:
                stopped.set()

    door = qalens.explore(Busy(), QUESTION, STORY)
    door.tab = "why"
    door.explorer.target = "no_answer"
    assert door.explorer.computing
    door.context = "Tom kept the lamp."
    until(lambda: door.reading.context == "Tom kept the lamp.", seconds=300)
    assert found == [True, True]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("Who?",), "needs a Reader, as qalens.load"),
        ((READER, QUESTION), "both a question and a text"),
        ((READER, None, STORY), "both a question and a text"),
        ((READER, QUESTION, ""), "empty"),
        ((READING, QUESTION, STORY), "has its question and its text already"),
        ((FailedReading((QUESTION, ""), InputError("The context is empty.")),), "could not be read"),
    ],
)
def test_what_cannot_be_explored_is_refused(given, message):
    with pytest.raises(InputError, match=message):
        qalens.explore(*given)


def test_its_still_twin_is_the_explorer_of_spans():
    door = qalens.explore(READING)
    door.tab = "no_answer"
    bundle = door._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert "Ada kept the lamp" in bundle["text/html"]
    assert "<iframe" in bundle["text/html"]
    assert bundle["text/plain"] == f"ReadingExplorer({READING!r})"


def test_closing_closes_all_and_showing_again_opens_it_anew():
    alive = set(ipywidgets.widgets.widget._instances)
    door = qalens.explore(READER, QUESTION, STORY)
    for tab in ("no_answer", "why", "layers", "compare"):
        door.tab = tab
        settled(door)
    assert len(set(ipywidgets.widgets.widget._instances) - alive) >= 14
    door.close()
    assert set(ipywidgets.widgets.widget._instances) <= alive
    assert door._repr_mimebundle_()["text/plain"] == repr(door)
    assert door.comm is not None
    door.close()
    assert set(ipywidgets.widgets.widget._instances) <= alive


def test_the_kinds_that_the_tabs_show_are_those_of_the_package():
    # The names in the tests above are classes that a user can import.
    for kind in (AttributionExplorer, CompareExplorer, LayerExplorer, NoAnswerExplorer, SpanExplorer):
        assert issubclass(kind, qalens.widgets.Explorer)


class Paused:
    """A reader that reads when it is let, window by window."""

    def __init__(self):
        self.gate, self.ended = threading.Event(), []

    def read(self, question, context):
        if context != STORY:
            while not self.gate.wait(0.01):
                try:
                    tell(HowFar(3, 40, "window"))
                except BaseException:
                    self.ended.append(context)
                    raise
        return READER.read(question, context)


def test_long_reading_says_its_windows_and_can_be_stopped_and_taken_up_again():
    reader = Paused()
    door = qalens.explore(reader, QUESTION, STORY)
    door.context = "Tom kept the lamp."
    until(lambda: door.status["share"])
    assert door.status == {"state": "reading", "words": "reading window 3 of 40", "share": 0.075}
    door._fields._told(None, {"do": "stop"}, None)
    until(lambda: reader.ended == ["Tom kept the lamp."])
    assert door.status["state"] == "stopped"
    assert door.reading.context == STORY
    reader.gate.set()
    door._fields._told(None, {"do": "read"}, None)
    until(lambda: door.reading.context == "Tom kept the lamp.")
    assert settled(door).status["state"] == "idle"


def test_a_real_reader_tells_its_windows():
    heard = []
    reader = Reader(toy_model(), toy_tokenizer(), max_length=32, stride=8, batch_tokens=64)
    with listening(heard.append):
        reading = reader.read(QUESTION, STORY * 10)
    n = len(reading.windows)
    assert n > 4
    assert [one.total for one in heard] == [n] * len(heard)
    assert [one.done for one in heard] == sorted(one.done for one in heard)
    assert heard[-1] == HowFar(n, n, "window")


def test_layers_of_a_long_text_can_be_stopped():
    class Slow(Paused):
        def logit_lens(self, reading):
            while not self.gate.wait(0.01):
                tell(HowFar(1, 9, "window"))

    door = qalens.explore(Slow(), QUESTION, STORY)
    door.tab = "layers"
    assert door._fields.shown_tab == "spans"
    until(lambda: door.status["share"])
    assert door.status["words"] == "asking every layer, window 1 of 9"
    door.stop()
    assert (door.tab, door.status["state"]) == ("spans", "idle")


def test_a_span_selected_in_one_tab_is_that_of_all_others():
    door = qalens.explore(READER, QUESTION, STORY)
    for tab in ("layers", "compare", "spans"):
        door.tab = tab
        settled(door)
    door.explorer.selected = (4, 8)
    assert door.selected == (4, 8)
    for tab, name in (("layers", "selected"), ("compare", "selected"), ("why", "span")):
        door.tab = tab
        assert getattr(settled(door).explorer, name) == (4, 8), tab
    door.explorer.span = (0, 3)
    assert [one.selected for one, _ in (door._opened[t] for t in ("spans", "layers", "compare"))] == [
        (0, 3)
    ] * 3
    # It follows its words into another text, and is let go where they are gone.
    door.tab = "spans"
    door.context = f"So {STORY}"
    until(lambda: door.reading.context == f"So {STORY}" and door.selected == (3, 6))
    door.context = "It was dark."
    until(lambda: door.reading.context == "It was dark.")
    assert (door.selected, door.explorer.selected) == (None, None)


def test_before_is_what_was_looked_at_or_pinned(monkeypatch):
    door = qalens.explore(READER, QUESTION, STORY)
    clock = [0.0]
    # The clock of the explorer alone, not that of the test and of every thread.
    monkeypatch.setattr(
        "qalens.widgets.explorers.reading_explorer.time", SimpleNamespace(monotonic=lambda: clock[0])
    )
    door._since = 0.0

    def read(text, after):
        clock[0] += after
        door.context = text
        until(lambda: door.reading.context == text)
        return door.before.context

    assert read("Ada kept it.", 1.0) == STORY
    # The text was only passed through while typing; then it was looked at.
    assert read("Ada kept it well.", 1.0) == STORY
    assert read("Tom kept it well.", 9.0) == "Ada kept it well."
    # What stands in a tab follows in the thread that read, a moment after the reading itself.
    door.tab = "compare"
    until(lambda: door.explorer.diff.before.context == "Ada kept it well.")
    door.explorer.keep()
    until(lambda: door.explorer.diff.before.context == "Tom kept it well.")
    assert read("Tom kept the lamp.", 9.0) == "Tom kept it well."
    until(lambda: door.explorer.diff.after.context == "Tom kept the lamp.")
    door.explorer.restore()
    until(lambda: door.reading.context == "Tom kept it well.")


@pytest.mark.parametrize(
    "explored",
    [
        lambda: qalens.explore(READER, QUESTION, STORY),
        lambda: qalens.explore(READER, QUESTION, [STORY, "Tom slept."]),
        lambda: qalens.explore(READING),
        lambda: qalens.explore(READER.read_documents(QUESTION, [STORY, "Tom slept."])),
        lambda: qalens.explore([READING, READING]),
        lambda: qalens.explore(qalens.evaluate(READER, [qalens.Example(QUESTION, STORY)], progress=False)),
        lambda: qalens.explore([qalens.Example(QUESTION, STORY)], reader=READER),
    ],
    ids=["a reader", "documents", "a reading", "their reading", "readings", "a report", "a data set"],
)
def test_whatever_is_explored_is_written_as_a_page(explored, tmp_path):
    page = explored().to_html(tmp_path / "page.html")
    assert page == (tmp_path / "page.html").read_text("utf-8")
    assert page.startswith("<!doctype html>")
    assert QUESTION in page
