"""What would change it: the smallest flip, what sentences do, and the fewest that keep a decision, as records and on the page."""

import threading

import pytest
from waiting import until

import qalens
from qalens import InputError, Reader
from qalens.display.content.sentences import effects_table
from qalens.display.html.page import nodes
from qalens.display.numbers import signed
from qalens.display.parts import words
from qalens.progress import HowFar, tell
from qalens.testing import planted_reading, toy_model, toy_tokenizer
from qalens.widgets import ChangeExplorer

QUESTION = "Who kept the lamp?"
STORY = "Ada kept the lamp. Tom kept the room. It was dark."
READER = Reader(toy_model(), toy_tokenizer())
READING = READER.read(QUESTION, STORY)
CHANGES = [
    READER.smallest_flip(READING, budget=60),
    READER.sentence_effects(READING),
    READER.smallest_sentences(READING),
]


def test_every_part_says_what_its_record_says():
    explorer = ChangeExplorer(READING, CHANGES)
    flip, effects, fewest = explorer.found
    assert flip["spans"] == [[word.start, word.end] for word in CHANGES[0].words]
    assert all(f"“{word.of(STORY)}”" in flip["sentence"] for word in CHANGES[0].words)
    assert ("no smaller set" in flip["note"]) == CHANGES[0].proven
    assert fewest["spans"] == [[span.start, span.end] for span in CHANGES[2].spans]
    adds = dict(zip(map(tuple, effects["picks"]), effects["adds"], strict=True))
    answered = READING.answer is not None
    for k, span in enumerate(CHANGES[1].sentences):
        effect = (CHANGES[1].answer_effect if answered else CHANGES[1].no_answer_effect)[k]
        assert adds[span.start, span.end] == pytest.approx(-effect)
    sizes = [abs(x) for x in effects["adds"]]
    assert sizes == sorted(sizes, reverse=True)
    table = effects_table(CHANGES[1])
    assert effects["table"] == nodes(table)
    said = [(words(row.cells[0].text), row.cells[1].text) for row in table.rows]
    assert said == [(STORY[slice(*span)].strip(), signed(x)) for span, x in adds.items()]
    assert [row.cells[0].text for row in explorer.table().rows] == [one["sentence"] for one in explorer.found]


def test_a_part_that_is_chosen_is_computed_once_and_can_be_stopped():
    asked, gate = [], threading.Event()

    class Slow:
        def sentence_effects(self, reading, *, progress=None):
            asked.append(progress)
            while not gate.wait(0.01):
                tell(HowFar(7, None, "readings"))
            return CHANGES[1]

    explorer = ChangeExplorer(READING, CHANGES[0], reader=Slow())
    explorer.part = "sentences"
    until(lambda: explorer.status.get("done", "").startswith("7 readings"))
    explorer.cancel()
    assert explorer.status["state"] == "cancelled"
    gate.set()
    explorer.compute()
    explorer.part = "flip"
    explorer.part = "sentences"
    assert (explorer.record, len(asked)) == (CHANGES[1], 2)


def test_it_is_a_tab_of_explore_and_begins_at_once():
    door = qalens.explore(READER, QUESTION, STORY)
    door.tab = "change"
    until(lambda: door.explorer.record is not None)
    assert door.explorer.record.words == CHANGES[0].words


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ((), "needs something to show"),
        (["Ada"], "A change has to be one, as reader.smallest_flip"),
        (3, "A change has to be one, as reader.smallest_flip"),
        ([READER.sentence_effects(READER.read("Who?", STORY))], "of another reading"),
    ],
)
def test_what_is_no_change_of_the_reading_is_refused(changes, message):
    with pytest.raises(InputError, match=message):
        ChangeExplorer(READING, changes)


def test_struck_words_and_sentences_on_the_page(open_page):
    visit = open_page(ChangeExplorer(READING, CHANGES))
    page = visit.page
    struck = page.locator(".ql-mark-struck").all_inner_texts()
    assert "".join(struck) == "".join(word.of(STORY) for word in CHANGES[0].words) + (
        "masked" if CHANGES[0].words else ""
    )
    page.get_by_role("radio", name="By sentence").click()
    rows = page.get_by_role("listbox", name="Sentences, by what they do").get_by_role("option")
    assert rows.count() == len(CHANGES[1].sentences)
    rows.first.click()
    assert page.evaluate("qalens.model.get('selected')") == list(
        ChangeExplorer(READING, CHANGES).found[1]["picks"][0]
    )
    page.get_by_role("radio", name="Fewest sentences").click()
    assert page.locator(".ql-text .ql-mark-kept").count() > 0
    assert visit.is_quiet()


def test_a_hostile_text_stays_text(open_page):
    text = "<img src=x onerror='window.ran=1'> Ada 𝔸𝕕𝕒. </script><script>window.ran = 1</script> slept."
    reading = planted_reading("<b>Who?</b>", text, answer="Ada")
    fewest = READER.smallest_sentences(READER.read(QUESTION, text))
    with pytest.raises(InputError):
        ChangeExplorer(reading, fewest)
    visit = open_page(ChangeExplorer(fewest.reading, fewest))
    assert visit.page.locator(".ql-text").evaluate("e => e.textContent") == text
    assert visit.is_quiet()


@pytest.mark.parametrize("part", ["flip", "sentences", "fewest"])
def test_each_part_has_a_figure(part):
    assert "<svg" in ChangeExplorer(READING, CHANGES, part=part).to_svg()
