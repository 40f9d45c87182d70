"""A first lesson of fifteen minutes, in JupyterLab and in Notebook 7, by mouse and by keyboard: no step may be stuck.

The steps are those of a lecturer who opens the first notebook and plays with `qalens.explore`, in this order; they share one
server, and in each host one kernel and one page of 1280 × 720 at 125 %. To get a picture of each step in light and dark:

    QALENS_LESSON_PICTURES=FOLDER python -m pytest tests/widgets/test_lesson.py
"""

import os
import re
import shutil
import signal
import time
from pathlib import Path

import nbformat
import pytest
from live_jupyter import HOSTS, IDLE, KERNEL, leave, open_in, visit_of

QUESTION = "Who was in the room?"
ASKED = "Who kept the lamp?"
FACT = " Ada kept the lamp in the room."
WITHOUT = "The old lamp of the room was lit by day and by night. Tom was on the road."
TEXT = WITHOUT + FACT
ARTICLE = "The lamp of the room was lit by day, and Tom was in the room to answer. " * 200 + FACT
MAKE = f"""
import os, sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from lesson_model import keeper_reader
import qalens
reader = keeper_reader()
"""
EXPLORE = "by_{0} = qalens.explore(reader, {1!r}, {2!r})\nby_{0}"
STATE = "print([(one.reading.answer and one.reading.answer.text, one.selected, one.tab) for one in (by_mouse, by_keys)])"
SLOW = "reader.model.module.pause = 1.0"
QUICK = "reader.model.module.pause = 0.0"
PROCESS = "print(os.getpid())"
CELLS = (
    MAKE,
    EXPLORE.format("mouse", QUESTION, TEXT),
    EXPLORE.format("keys", QUESTION, TEXT),
    STATE,
    SLOW,
    QUICK,
    PROCESS,
)
FIRST_NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "1-read-an-answer.ipynb"
PICTURES = os.environ.get("QALENS_LESSON_PICTURES")
THEME = "name => window.jupyterapp.commands.execute('apputils:change-theme', { theme: name })"
# Whether an element is focused, and whether Tab leads towards it: 1 there, 0 onwards, -1 backwards.
FOCUS = """el => el === document.activeElement ? 1
  : document.activeElement.compareDocumentPosition(el) & Node.DOCUMENT_POSITION_FOLLOWING ? 0 : -1"""


# As a notebook that was made in an environment that nobody here has.
OF_ANOTHER = """() => window.jupyterapp.shell.currentWidget.context.model.setMetadata(
  'kernelspec', { name: 'of-the-lecturer', display_name: 'Of the lecturer', language: 'python' })"""


def save(page):
    page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
    page.wait_for_function("window.jupyterapp.shell.currentWidget.context.model.dirty === false")


def file_of(lesson):
    """The file of the notebook that is open."""
    return lesson.jupyter[1] / lesson.page.evaluate("window.jupyterapp.shell.currentWidget.context.path")


class Hand:
    """One explorer of the lesson, used with the mouse alone or with the keyboard alone."""

    def __init__(self, lesson, name, cell):
        self.lesson, self.name, self.page = lesson, name, lesson.page
        self.by_keys = name == "keys"
        self.output = lesson.page.locator(".jp-Cell").nth(cell)
        self.fields = self.output.locator(".ql-fields")
        # What is shown below the fields, and not what another tab left behind.
        self.shown = self.output.locator(".ql-x:not(.ql-fields)")
        self.stuck, self.abstained = None, 0.0

    def reach(self, place):
        """Go to an element with the tab key."""
        for _ in range(200):
            where = place.evaluate(FOCUS)
            if where == 1:
                return
            self.page.keyboard.press("Shift+Tab" if where < 0 else "Tab")
        raise AssertionError(f"the tab key does not lead to {place}")

    def press(self, button):
        """Press a button."""
        if not self.by_keys:
            button.click()
            return
        button.wait_for()
        self.reach(button)
        self.page.keyboard.press("Enter")

    def choose(self, group, label):
        """Choose one of several: with the mouse by a click, with the keyboard by arrows from the one that is chosen."""
        items = group.locator("[role=tab], [role=radio]")
        if not self.by_keys:
            items.filter(has_text=re.compile(f"^{label}$")).click()
            return
        items.first.wait_for()
        self.reach(group.locator("[tabindex='0']"))
        self.page.keyboard.press("Home")
        names = items.all_inner_texts()
        for _ in range(names.index(label)):
            self.page.keyboard.press("ArrowRight")
        self.page.keyboard.press("Enter")

    def open_tab(self, title):
        """Open a tab, and wait until it shows its own explorer."""
        self.choose(self.fields.get_by_role("tablist"), title)
        self.fields.locator("[role=tab][aria-selected=true]", has_text=title).wait_for()
        self.page.wait_for_function("() => document.querySelector('.ql-turning') === null")

    def write(self, name, text, *, after=False):
        """Write into a field: instead of what it holds, or after it."""
        field = self.fields.locator(f".ql-field-{name}")
        if self.by_keys:
            self.reach(field)
        else:
            field.click()
        self.page.keyboard.press("ControlOrMeta+End" if after else "ControlOrMeta+a")
        self.page.keyboard.type(text)

    def says(self, words):
        """Wait until the head of the picture says this."""
        self.shown.locator(".ql-head", has_text=words).first.wait_for()


class Lesson:
    """The notebook of the lesson in one host."""

    def __init__(self, host, page, jupyter):
        self.host, self.page, self.jupyter = host, page, jupyter
        self.visit = visit_of(page, jupyter[0])
        self.notebook, self.hands = None, {}

    def open(self):
        """Open the notebook of the lesson and run all its cells."""
        self.notebook = open_in(self.host, self.jupyter, self.visit, *CELLS)
        self.hands = {name: Hand(self, name, k + 1) for k, name in enumerate(("mouse", "keys"))}

    def picture(self, name, output):
        """Pictures in light and dark of what is in sight when an output is, where they are asked for."""
        if PICTURES is None:
            return
        Path(PICTURES).mkdir(parents=True, exist_ok=True)
        for theme in ("Dark", "Light"):
            self.page.evaluate(THEME, f"JupyterLab {theme}")
            output.evaluate("el => el.scrollIntoView({ block: 'start' })")
            self.page.wait_for_timeout(700)
            self.page.screenshot(path=Path(PICTURES) / f"{name}-{self.host}-{theme.lower()}.png")


@pytest.fixture(scope="module", params=list(HOSTS))
def lesson(request, jupyter, chromium):
    """The lesson in one host, with a page for all of its steps."""
    page = chromium.new_page(viewport={"width": 1024, "height": 576}, device_scale_factor=1.25)
    lesson = Lesson(request.param, page, jupyter)
    yield lesson
    leave(lesson.visit)
    page.close()


@pytest.fixture(params=["mouse", "keys"])
def hand(request, lesson):
    """Each step with either hand; one that was stuck fails all steps after it at once."""
    if lesson.notebook is None:
        lesson.open()
    hand = lesson.hands[request.param]
    if hand.stuck:
        pytest.fail(f"An earlier step was stuck: {hand.stuck}")
    failed = request.session.testsfailed
    yield hand
    step = request.node.originalname.removeprefix("test_")
    if request.session.testsfailed > failed:
        hand.stuck = step
    lesson.picture(f"{step}-{request.param}", hand.output)


def test_00_the_first_notebook_is_opened_and_shows_no_debris(lesson):
    base, root = lesson.jupyter
    shutil.copy(FIRST_NOTEBOOK, root / f"first-{lesson.host}.ipynb")
    page = lesson.page
    page.goto(base + HOSTS[lesson.host].format(f"first-{lesson.host}.ipynb"))
    page.wait_for_function(IDLE)
    outputs = page.locator(".jp-OutputArea-output")
    outputs.first.wait_for()
    # Nothing of it was run here, so it is not trusted: no style, no picture of ours, and no frame.
    assert page.locator(".jp-OutputArea-output :is(style, svg, iframe)").count() == 0
    texts = [" ".join(text.split()) for text in outputs.all_text_contents()]
    assert "no answer" in texts[0]
    assert max(map(len, texts)) <= 1_500
    lesson.picture("00-first-notebook", outputs.first)
    page.evaluate("() => window.jupyterapp.serviceManager.sessions.shutdownAll()")


def test_01_all_cells_are_run_and_the_fields_are_there(hand):
    hand.fields.locator(".ql-field-question").wait_for()
    hand.says("Ada")
    assert hand.shown.locator(".ql-text .ql-mark-best").first.text_content() == "Ada"
    if hand.by_keys:
        # Into the output as Jupyter lets one in; from there on by keys alone.
        hand.fields.locator(".ql-field-question").focus()


def test_02_a_question_is_typed_and_the_picture_follows(hand):
    hand.write("question", ASKED)
    hand.shown.locator(".ql-question", has_text=ASKED).wait_for()
    hand.says("probability that the answer is here")


def test_03_the_fact_is_taken_away_and_the_model_abstains_in_one_plain_sentence(hand):
    hand.write("context", WITHOUT)
    hand.says("no answer")
    hand.shown.get_by_text("The model gives no answer: its best span, ").wait_for()
    hand.abstained = time.monotonic()


def test_04_why_explains_what_was_decided_at_once(hand):
    hand.open_tab("Why")
    because = hand.shown.locator(".ql-because")
    because.wait_for()
    assert because.inner_text() == "What contributes most to no answer: “lamp”."
    assert hand.shown.get_by_role("radiogroup", name="Method").is_hidden()


def test_05_another_target_is_chosen_under_how(hand):
    hand.press(hand.shown.locator(".ql-howfold > summary"))
    hand.choose(hand.shown.get_by_role("radiogroup", name="What is explained"), "answer")
    hand.shown.locator(".ql-howfold > summary", has_text="score of").wait_for()
    assert "no answer" not in hand.shown.locator(".ql-because").inner_text()


def test_06_a_sentence_with_the_fact_is_typed_and_the_answer_flips(hand):
    # Long enough that what was said before was looked at.
    hand.page.wait_for_timeout(max(0.0, 4.5 - (time.monotonic() - hand.abstained)) * 1000)
    hand.open_tab("Spans")
    hand.write("context", FACT, after=True)
    hand.says("Ada")
    assert hand.shown.locator(".ql-text .ql-mark-best").first.text_content() == "Ada"
    assert hand.fields.locator(".ql-unanswered:visible").count() == 0


def test_07_before_and_after_compares_with_what_was_there_before(hand):
    hand.open_tab("Before and after")
    sides = hand.shown.locator(".ql-side")
    sides.nth(1).wait_for()
    before, after = (" ".join(text.split()) for text in sides.all_inner_texts())
    assert before.startswith("before no answer >99.9% probability of no answer")
    assert after.startswith("after Ada >99.9% >99.9% for exactly these words")
    assert "Ada kept the lamp" in "".join(hand.shown.locator(".ql-flow .ql-mark-new").all_text_contents())


def test_08_the_map_of_spans_is_alive(hand):
    hand.open_tab("Spans")
    readout = hand.shown.locator(".ql-readout")
    if hand.by_keys:
        hand.reach(hand.shown.locator(".ql-text"))
        for key in ("Home", "ArrowRight", "ArrowRight"):
            hand.page.keyboard.press(key)
    else:
        over = hand.shown.locator("canvas.ql-over")
        over.scroll_into_view_if_needed()
        box = over.bounding_box()
        over.hover(position={"x": box["width"] / 3, "y": 40})
    hand.page.wait_for_function("el => /in the answer/.test(el.textContent)", arg=readout.element_handle())
    if hand.by_keys:
        hand.page.keyboard.press("Enter")
    else:
        over.click(position={"x": box["width"] / 3, "y": 40})
    hand.shown.locator(".ql-text .ql-mark-selected").first.wait_for()


def test_09_the_smallest_change_has_a_place_of_its_own(hand):
    hand.open_tab("What would change it")
    said = hand.shown.locator(".ql-change")
    said.filter(has_text="Without “kept” the model says no answer instead of “Ada”.").wait_for()
    assert hand.shown.locator(".ql-text .ql-mark-struck").all_text_contents() == ["kept"]
    parts = hand.shown.get_by_role("radiogroup", name="What would change it")
    hand.choose(parts, "By sentence")
    said.filter(has_text="adds most to “Ada”").wait_for()
    hand.choose(parts, "Fewest sentences")
    said.filter(has_text="This sentence alone keeps “Ada”.").wait_for()


def test_10_an_article_is_pasted_and_long_reading_is_counted_and_stopped(hand):
    hand.open_tab("Spans")
    hand.lesson.notebook.run(4)
    field = hand.fields.locator(".ql-field-context")
    if hand.by_keys:
        field.focus()  # running a cell took it away
    else:
        field.click()
    hand.page.keyboard.press("ControlOrMeta+a")
    hand.page.keyboard.insert_text(ARTICLE)
    line = hand.fields.locator(".ql-editor .ql-reading")
    hand.page.wait_for_function(
        "el => /reading window \\d+ of \\d+/.test(el.textContent)", arg=line.element_handle()
    )
    assert hand.output.locator(".ql-exploring.ql-waiting").count() == 1
    hand.press(line.get_by_role("button", name="Stop"))
    line.filter(has_text="Stopped.").wait_for()
    hand.lesson.notebook.run(5)
    if hand.by_keys:
        field.focus()
    hand.press(line.get_by_role("button", name="Read it"))
    hand.page.wait_for_function(
        "el => el.querySelector('.ql-waiting') === null", arg=hand.output.element_handle()
    )
    assert hand.shown.locator(".ql-verdict strong").inner_text() == "Ada"


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="no process can be held here")
def test_11_a_kernel_that_does_not_answer_is_said(hand):
    kernel = int(hand.lesson.notebook.text(6))
    # Held, not busy: while a cell runs, Jupyter lets a kernel answer widgets beside it.
    os.kill(kernel, signal.SIGSTOP)
    try:
        hand.write("question", "When?")
        hand.fields.locator(".ql-unanswered", has_text="The kernel does not answer.").wait_for()
        assert hand.output.locator(".ql-exploring.ql-waiting").count() == 1
        hand.lesson.picture(f"11-silent-{hand.name}", hand.output)
    finally:
        os.kill(kernel, signal.SIGCONT)
    hand.shown.locator(".ql-question", has_text="When?").wait_for()
    hand.fields.locator(".ql-unanswered").wait_for(state="hidden")


def test_12_it_is_opened_again_where_its_kernel_is_missing(lesson):
    page = lesson.page
    page.evaluate(OF_ANOTHER)
    save(page)
    place, file = page.url, file_of(lesson)
    page.evaluate("() => window.jupyterapp.serviceManager.sessions.shutdownAll()")
    page.goto("about:blank")
    page.goto(place)
    page.locator(".ql-of-span-explorer .ql-text").nth(1).wait_for()
    assert "model not found" not in page.locator(".jp-Notebook").text_content()
    field = page.locator(".ql-field-question").first
    field.click()
    page.keyboard.type("x")
    page.locator(".ql-of-reading-explorer .ql-unanswered:visible").wait_for()
    lesson.picture("12-opened-again", page.locator(".jp-Cell").nth(1))
    shutil.copy(file, file.with_name(f"sent-{lesson.host}.ipynb"))


def test_13_students_who_do_not_trust_it_see_the_answer_in_its_text(lesson):
    # A file that came by mail: nobody here has signed it.
    file = lesson.jupyter[1] / f"sent-{lesson.host}.ipynb"
    sent = nbformat.read(file, 4)
    sent.metadata["kernelspec"] = KERNEL
    sent.cells[0].source += "# as it was sent"
    nbformat.write(sent, file)
    page = lesson.page
    page.goto(lesson.jupyter[0] + HOSTS[lesson.host].format(file.name))
    output = page.locator(".jp-Cell").nth(1).locator(".jp-OutputArea-output").first
    output.wait_for()
    assert output.locator(":is(style, svg, iframe, .ql-x)").count() == 0
    assert output.locator("mark").all_text_contents() == ["Ada"]
    assert QUESTION in output.text_content()
    assert output.locator("table").is_visible()
    lesson.picture("13-not-trusted", page.locator(".jp-Cell").nth(1))
