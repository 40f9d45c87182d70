"""The NoAnswerExplorer in a browser: the threshold by mouse and by keys, and what it turns."""

import pytest
from test_no_answer_explorer import TEXT, reading_of

from qalens.evaluation.promises.risk import RiskControl
from qalens.testing import planted_reading
from qalens.widgets import NoAnswerExplorer

HOSTILE = "<img src=x onerror='window.ran=1'> </script><script>window.ran=1</script> {{7*7}} \u202eevil"


def trait(visit, name):
    return visit.page.evaluate(f"window.qalens.model.get({name!r})")


@pytest.fixture
def one(open_page):
    return open_page(NoAnswerExplorer(reading_of("Ada", strength=3.0)))


@pytest.fixture
def many(open_page):
    readings = [
        reading_of("Ada", "Ada", 9.0),
        reading_of("Tom", "Ada", 5.0),
        reading_of("the room", None, 2.0),
        reading_of(None, "Ada", 4.0),
    ]
    return open_page(NoAnswerExplorer(readings)), readings


def test_keys_on_the_slider_turn_the_decision(one):
    slider = one.page.get_by_role("slider")
    slider.focus()
    assert one.page.locator(".ql-verdict strong").inner_text() == "Ada"
    one.page.keyboard.press("Home")
    assert one.page.locator(".ql-verdict strong").inner_text() == "no answer"
    assert trait(one, "threshold") < -6
    assert "no answer" in slider.get_attribute("aria-valuetext")
    one.page.keyboard.press("End")
    assert one.page.locator(".ql-verdict strong").inner_text() == "Ada"
    assert one.is_quiet()


def test_the_promise_is_said_and_a_button_goes_back_to_it(open_page):
    control = RiskControl(-1.5, 0.1, 0.9, answered=50, wrong=1, questions=80, by="question")
    visit = open_page(NoAnswerExplorer(reading_of("Ada", strength=3.0), threshold=2.0, control=control))
    assert "At the threshold −1.50 at most 10%" in visit.page.locator(".ql-na-promise").inner_text()
    visit.page.get_by_role("button", name="promised: −1.50").click()
    assert trait(visit, "threshold") == -1.5
    assert visit.is_quiet()


def test_a_drag_sets_the_threshold_and_stays_in_the_browser(one):
    box = one.page.locator(".ql-slider").bounding_box()
    y = box["y"] + box["height"] / 2
    one.page.mouse.move(box["x"] + box["width"] * 0.9, y)
    one.page.mouse.down()
    one.page.mouse.move(box["x"] + 2, y, steps=5)
    one.page.mouse.up()
    assert one.page.locator(".ql-verdict strong").inner_text() == "no answer"
    assert one.is_quiet()


def test_a_slide_is_sent_to_python_once_when_it_rests(one):
    sent = one.page.evaluate(
        """() => {
            window.sent = 0;
            window.qalens.model.save_changes = () => { window.sent += 1; };
            const thumb = document.querySelector("[role=slider]");
            const key = () => new KeyboardEvent("keydown", { key: "ArrowLeft", bubbles: true });
            for (let k = 0; k < 8; k++) thumb.dispatchEvent(key());
            return window.sent;
        }"""
    )
    assert sent == 0
    one.until("window.sent === 1")


def test_a_move_lists_the_questions_that_it_turned(many):
    visit, readings = many
    visit.page.get_by_role("slider").focus()
    visit.page.keyboard.press("Home")
    answered = sum(reading.margin <= 0 for reading in readings)
    assert f"Turned by the last move: {answered}" in visit.page.locator(".ql-x").inner_text()
    assert visit.page.get_by_role("option").count() == answered
    assert (
        "false no-answer"
        in visit.page.get_by_role("option").filter(has_text="no answer").all_inner_texts()[-1]
    )
    assert visit.is_quiet()


def test_a_question_is_chosen_by_keys_and_shows_its_windows(many):
    visit, readings = many
    first = visit.page.get_by_role("option").first
    first.focus()
    visit.page.keyboard.press("ArrowDown")
    visit.page.keyboard.press("Enter")
    chosen = trait(visit, "selected")
    assert visit.page.locator("[aria-selected=true]").get_attribute("data-reading") == str(chosen)
    null = f"{readings[chosen].spans.null_score:.2f}"
    assert null in visit.page.locator("table").inner_text().replace("\u2212", "-")


def test_the_best_threshold_is_one_press_away(many):
    visit, _ = many
    visit.page.get_by_role("button", name="best F1").click()
    assert trait(visit, "threshold") == visit.page.evaluate(
        "window.qalens.model.get('view').curve.best.threshold"
    )


def test_python_moves_the_view(one):
    one.page.evaluate("window.qalens.model.set('threshold', -50)")
    assert one.page.locator(".ql-verdict strong").inner_text() == "no answer"
    assert one.page.get_by_role("slider").get_attribute("aria-valuenow") == "-50"


def test_every_stop_of_the_keyboard_keeps_the_keys_of_jupyter_quiet(many):
    visit, _ = many
    loud = "[tabindex]:not([data-lm-suppress-shortcuts]), button:not([data-lm-suppress-shortcuts])"
    assert visit.page.locator(f".ql-x :is({loud})").count() == 0


def test_hostile_texts_are_shown_as_texts(open_page):
    reading = planted_reading(HOSTILE, f"{HOSTILE} {TEXT}", answer="evil")
    visit = open_page(NoAnswerExplorer([reading, reading_of("Ada", "Ada")]))
    assert "<img src=x" in visit.page.locator(".ql-x").inner_text()
    assert visit.is_quiet()


def test_it_fits_a_narrow_cell(open_page):
    visit = open_page(NoAnswerExplorer(reading_of("the lamp of the room by day")), width=600)
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= 600
