"""What the CompareExplorer shows and reads, without a browser: against the difference itself, and as it is asked."""

import dataclasses
import json
import threading
import time

import numpy as np
import pytest
from waiting import until

from qalens import FailedReading, InputError, Reader
from qalens.display.text_flow import flow
from qalens.explain.counterfactual.difference import compare
from qalens.readings.reading import Source
from qalens.testing import planted_reading, toy_model, toy_tokenizer
from qalens.widgets import CompareExplorer
from qalens.widgets.explorers.compare_view import compare_arrays, compare_view, flow_places, labels
from qalens.widgets.following import Following

QUESTION = "Who kept the lamp?"
STORY = "Ada kept the lamp of the room by day, and Tom kept it by night."
EDITED = "Ada kept the old lamp by day, and Tom kept it by night."
READER = Reader(toy_model(), toy_tokenizer())
OTHER = Reader(toy_model(1), toy_tokenizer())
PAIRS = {
    "an edit": (READER.read(QUESTION, STORY), READER.read(QUESTION, EDITED)),
    "two models": (READER.read(QUESTION, STORY), OTHER.read(QUESTION, STORY)),
    "two texts": (READER.read(QUESTION, STORY), READER.read("Why?", "It is what it is.")),
    "marks that combine": (
        READER.read(QUESTION, "Ada\u0301 kept \U0001f9d1\u200d\U0001f692 it."),
        READER.read(QUESTION, "Ada kept \U0001f9d1 it."),
    ),
    "nothing but blanks": (READER.read(QUESTION, STORY), READER.read(QUESTION, "\n.")),
}


class Slow:
    """A reader that reads each text when it is let."""

    def __init__(self):
        self.asked, self.let = [], threading.Semaphore(0)

    def read(self, question, context):
        self.asked.append(context)
        self.let.acquire(timeout=120)
        return READER.read(question, context)


# --- the view ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pair", PAIRS.values(), ids=list(PAIRS))
def test_the_flow_holds_both_texts_whole(pair):
    diff = compare(*pair)
    view, stretches = compare_view(diff), flow(diff)
    ends = [*(start for _, start, _ in view["stretches"]), len(view["text"])]
    pieces = [(kind, view["text"][a:b]) for (kind, a, _), b in zip(view["stretches"], ends[1:], strict=True)]
    assert "".join(text for kind, text in pieces if kind != "new") == diff.before.context
    assert "".join(text for kind, text in pieces if kind != "gone") == diff.after.context
    for reading, places in zip(pair, flow_places(diff, stretches), strict=True):
        assert "".join(view["text"][k] for k in places) == reading.context
    json.dumps(view, allow_nan=False)


@pytest.mark.parametrize("pair", PAIRS.values(), ids=list(PAIRS))
def test_each_character_has_its_inclusion_before_and_after(pair):
    diff = compare(*pair)
    inclusion = np.frombuffer(compare_arrays(diff)["inclusion"], "<f4").reshape(2, -1)
    for row, reading in zip(inclusion, pair, strict=True):
        assert row[~np.isnan(row)] == pytest.approx(reading.spans.inclusion(), abs=1e-6)
    assert not np.isnan(inclusion).all(0).any()


def test_the_words_are_those_of_both_texts_and_none_crosses_a_change():
    diff = compare(*PAIRS["an edit"])
    places = np.frombuffer(compare_arrays(diff)["words"], "<i4").reshape(-1, 2)
    text = compare_view(diff)["text"]
    said = [text[a:b] for a, b in places]
    assert [word for word in said if word.isalpha()] == "".join(
        c if c.isalpha() else " " for c in text
    ).split()
    assert "old" in said


@pytest.mark.parametrize("pair", PAIRS.values(), ids=list(PAIRS))
def test_each_listed_span_has_the_probabilities_of_both(pair):
    diff = compare(*pair)
    view = compare_view(diff)
    for row in view["spans"]:
        text = "".join(view["text"][a:b] for a, b in row["ranges"])
        old = {a.text: a.probability for a in diff.before.spans.top(10_000)}
        if row["p"][0] is not None and STORY.count(text) == 1:
            assert row["p"][0] == old[text]
        if row["after"] is not None:
            assert row["p"][1] == diff.after.spans.find(*row["after"]).probability
            assert diff.after.context[slice(*row["after"])] == text
    best = [max(p for p in row["p"] if p is not None) for row in view["spans"]]
    assert best == sorted(best, reverse=True)
    tops = [reading.spans.top(1)[0].probability for reading in pair if len(reading.spans)]
    assert best[:1] == ([max(tops)] if tops else [])


def test_the_answers_are_marked_on_their_sides():
    one = planted_reading("Who?", "Ada kept it. Tom slept.", answer="Ada")
    other = planted_reading("Who?", "Ada kept it. Tom slept.", answer="Tom")
    rows = compare_view(compare(one, other))["spans"]
    assert {row["text"]: row["answer"] for row in rows if True in row["answer"]} == {
        "Ada": [True, False],
        "Tom": [False, True],
    }


def test_models_give_the_names_where_nothing_else_differs():
    one, other = (
        dataclasses.replace(planted_reading("Who?", "Ada kept it.", answer="Ada"), source=Source(name, name))
        for name in ("small", "large")
    )
    assert labels(compare(one, other)) == ["small", "large"]
    assert labels(compare(one, one)) == ["before", "after"]
    twin = dataclasses.replace(other, source=Source("small", "other weights"))
    assert labels(compare(one, twin)) == ["one model", "the other"]


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "options", "message"),
    [
        ((), {}, "needs two readings"),
        ((), {"reader": READER, "question": "Who?"}, "with question=… and context=…"),
        ((PAIRS["an edit"][0],), {}, "another reading to compare with"),
        (("Who?", "Ada"), {}, "needs a Reading"),
        ((FailedReading(("Who?", ""), InputError("The context is empty.")),), {"reader": READER}, "is empty"),
        (PAIRS["an edit"], {"question": "Who?"}, "not both"),
        (PAIRS["an edit"], {"other": OTHER}, "beside other="),
        (PAIRS["an edit"], {"colour": "red"}, "no option 'colour'; it knows editable, layout, selected"),
        (PAIRS["an edit"], {"selected": (0, 10_000)}, "no stretch 0–10000"),
        (PAIRS["an edit"], {"selected": ("Ada",)}, "start, end"),
        ((), {"reader": READER, "question": "Who?", "context": ""}, "empty"),
    ],
)
def test_what_cannot_be_shown_is_refused(given, options, message):
    with pytest.raises(InputError, match=message):
        CompareExplorer(*given, **options)


def test_without_a_reader_the_text_stays():
    explorer = CompareExplorer(*PAIRS["an edit"])
    with pytest.raises(InputError, match="pass a reader as reader="):
        explorer.context = "Ada kept it."
    assert explorer.context == EDITED


# --- reading along ----------------------------------------------------------------------------------------------------


def test_an_edit_is_read_and_held_against_the_text_before():
    explorer = CompareExplorer(reader=READER, question=QUESTION, context=STORY)
    heard = []
    explorer.observe(lambda change: heard.append(change["new"]), "diff")
    explorer.context = EDITED
    until(lambda: not explorer.reading)
    assert (explorer.diff.before.context, explorer.diff.after.context) == (STORY, EDITED)
    assert heard == [explorer.diff]
    assert explorer.picture["became"] == compare_view(compare(*PAIRS["an edit"]))["became"]
    assert explorer.status["state"] == "idle"


def test_two_readers_both_read_what_is_typed():
    explorer = CompareExplorer(reader=READER, other=OTHER, question=QUESTION, context=STORY)
    explorer.context = EDITED
    until(lambda: not explorer.reading)
    diff = explorer.diff
    assert diff.before.context == diff.after.context == EDITED
    assert diff.before.margin == pytest.approx(READER.read(QUESTION, EDITED).margin)
    assert diff.after.margin == pytest.approx(OTHER.read(QUESTION, EDITED).margin)


def test_the_last_edit_wins_and_the_old_picture_stays_until_it_is_there():
    slow = Slow()
    slow.let.release()
    explorer = CompareExplorer(reader=slow, question=QUESTION, context=STORY)
    before, picture = explorer.diff, explorer.picture
    explorer.context = "Ada kept it."
    until(lambda: slow.asked[-1] == "Ada kept it.")
    for text in ("Ada kept the room.", EDITED):
        explorer.context = text
    assert (explorer.diff, explorer.picture) == (before, picture)
    assert explorer.status == {"state": "reading", "words": "reading…", "share": None}
    slow.let.release(3)
    until(lambda: not explorer.reading)
    assert explorer.diff.after.context == EDITED
    # What was overtaken before its turn was never read.
    assert slow.asked == [STORY, "Ada kept it.", EDITED]


def test_an_edit_that_is_taken_back_ends_the_reading():
    slow = Slow()
    slow.let.release()
    explorer = CompareExplorer(reader=slow, question=QUESTION, context=STORY)
    before = explorer.diff
    explorer.context = EDITED
    explorer.restore()
    assert not explorer.reading
    assert explorer.status["state"] == "idle"
    slow.let.release()
    time.sleep(0.05)
    assert explorer.diff is before


def test_what_cannot_be_read_is_said_in_words_and_the_picture_stays():
    explorer = CompareExplorer(reader=READER, question=QUESTION, context=STORY)
    before = explorer.diff
    explorer.context = ""
    until(lambda: not explorer.reading)
    assert explorer.status["state"] == "failed"
    assert "empty" in explorer.status["words"]
    assert explorer.diff is before
    explorer.context = EDITED
    until(lambda: not explorer.reading)
    assert (explorer.status["state"], explorer.diff.after.context) == ("idle", EDITED)


def test_what_is_kept_is_the_text_before_from_then_on():
    explorer = CompareExplorer(*PAIRS["an edit"], reader=READER)
    explorer.keep()
    assert explorer.diff.before is explorer.diff.after is PAIRS["an edit"][1]
    explorer.context = STORY
    until(lambda: not explorer.reading)
    assert (explorer.diff.before.context, explorer.diff.after.context) == (EDITED, STORY)


def test_a_closed_explorer_hears_of_nothing():
    slow = Slow()
    slow.let.release()
    explorer = CompareExplorer(reader=slow, question=QUESTION, context=STORY)
    before = explorer.diff
    explorer.context = EDITED
    explorer.close()
    slow.let.release()
    explorer._following.wait(120)
    assert explorer.diff is before


def test_the_last_work_wins_whatever_came_before():
    heard, gate = [], threading.Event()
    following = Following(heard.append)
    for k in range(20):
        following.ask(lambda k=k: (gate.wait(120), k)[1])
    assert following.busy
    gate.set()
    following.wait(120)
    assert (heard, following.busy) == ([19], False)


# --- what is selected -------------------------------------------------------------------------------------------------


def test_a_selected_stretch_knows_what_both_readings_give_it():
    explorer = CompareExplorer(*PAIRS["an edit"])
    explorer.selected = (EDITED.find("Tom"), EDITED.find("Tom") + 3)
    assert explorer.selected_text == "Tom"
    one, other = explorer.selected_answers
    at = STORY.find("Tom")
    assert one == PAIRS["an edit"][0].spans.find(at, at + 3)
    assert other == PAIRS["an edit"][1].spans.find(*explorer.selected)
    explorer.selected = (EDITED.find("old"), EDITED.find("old") + 3)
    assert explorer.selected_answers[0] is None


def test_a_selected_stretch_moves_with_its_words_and_goes_with_them():
    explorer = CompareExplorer(reader=READER, question=QUESTION, context=EDITED)
    explorer.selected = (EDITED.find("Tom"), EDITED.find("Tom") + 3)
    explorer.context = STORY
    until(lambda: not explorer.reading)
    assert explorer.selected_text == "Tom"
    explorer.context = "Ada kept the lamp."
    until(lambda: not explorer.reading)
    assert explorer.selected is None


def test_the_figure_is_the_difference():
    explorer = CompareExplorer(*PAIRS["an edit"])
    assert explorer.to_svg().startswith("<?xml")
    assert explorer.to_png(dpi=30)[:4] == b"\x89PNG"


def test_a_paragraph_sends_less_than_a_tenth_of_a_megabyte():
    explorer = CompareExplorer(*(READER.read(QUESTION, text * 14) for text in (STORY + " ", EDITED + " ")))
    # Without the script and the sheet, which do not grow with the text.
    state = {name: value for name, value in explorer.get_state().items() if name not in ("_esm", "_css")}
    parts = [value if isinstance(value, bytes) else json.dumps(value).encode() for value in state.values()]
    assert sum(map(len, parts)) < 50_000
