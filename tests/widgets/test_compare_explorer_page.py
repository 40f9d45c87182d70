"""The CompareExplorer as an exported page: what is seen and said, by pointer and by keys."""

from dataclasses import replace

import pytest

from qalens.reader import Reader
from qalens.readings.reading import Source
from qalens.testing import planted_reading, toy_model, toy_tokenizer
from qalens.widgets import CompareExplorer

STORY = "Ada kept the lamp of the room by day, and Tom kept it by night."
EDITED = "Ada kept the old lamp by day, and Tom kept it by night."
BEFORE = planted_reading("Who kept the lamp?", STORY, answer="Ada", strength=8.0)
AFTER = planted_reading("Who kept the lamp?", EDITED, answer="Tom", strength=8.0)
SELECTED = "qalens.model.get('selected')"


def texts(page, selector):
    return [text.strip() for text in page.locator(selector).all_text_contents() if text.strip()]


def test_both_decisions_both_texts_and_both_distributions(open_page):
    visit = open_page(CompareExplorer(BEFORE, AFTER))
    page = visit.page
    assert texts(page, ".ql-said strong") == ["Ada", "Tom"]
    assert texts(page, ".ql-became") == ["another answer"]
    assert (
        "".join(texts(page, ".ql-text"))
        == "Ada kept the old lamp of the room by day, and Tom kept it by night."
    )
    assert texts(page, ".ql-text .ql-mark-new") == ["old"]
    assert " ".join(texts(page, ".ql-text .ql-mark-gone")) == "of the room"
    assert texts(page, ".ql-text .ql-mark-was") == ["Ada"]
    assert texts(page, ".ql-text .ql-mark-best") == ["Tom"]
    rows = {row.split("\n")[0]: row for row in page.locator(".ql-row[role=option]").all_inner_texts()}
    for name, answer in (("Ada", BEFORE.answer), ("Tom", AFTER.answer)):
        assert f"{answer.probability:.3f}" in rows[name]
    assert page.locator("textarea").count() == 0
    assert page.locator("button").count() == 0
    assert visit.is_quiet()


def test_a_click_and_keys_select_and_escape_lets_go(open_page):
    page = open_page(CompareExplorer(BEFORE, AFTER)).page
    page.locator(".ql-text .ql-tok", has_text="Tom").click()
    at = EDITED.find("Tom")
    assert page.evaluate(SELECTED) == [at, at + 3]
    assert texts(page, ".ql-text .ql-mark-selected") == ["Tom"]
    assert page.locator(".ql-row[aria-selected=true]").all_inner_texts()[0].startswith("Tom")
    page.locator(".ql-text").press("Escape")
    assert page.evaluate(SELECTED) is None
    # Shift and the arrows choose word by word, over what is gone.
    page.locator(".ql-text").focus()
    page.keyboard.press("Home")
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    for _ in range(5):
        page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Enter")
    chosen = page.evaluate(SELECTED)
    assert EDITED[slice(*chosen)] == "lamp by day"
    page.locator(".ql-row[role=option]").first.focus()
    page.keyboard.press("Enter")
    assert page.evaluate(SELECTED) in ([0, 3], [at, at + 3])


def test_what_is_pointed_at_is_said_with_both_numbers(open_page):
    page = open_page(CompareExplorer(BEFORE, AFTER)).page
    page.locator(".ql-text .ql-tok", has_text="Tom").hover()
    said = page.locator(".ql-readout").inner_text()
    inside = [r.spans.inclusion()[r.context.find("Tom")] for r in (BEFORE, AFTER)]
    assert said.startswith("“Tom”")
    assert f"in the answer {inside[0]:.3f} → >0.999" in said
    assert f"+{inside[1] - inside[0]:.3f}" in said
    page.locator(".ql-text .ql-tok", has_text="old").hover()
    assert "new; in the answer" in page.locator(".ql-readout").inner_text()
    page.locator(".ql-text .ql-tok", has_text="room").hover()
    assert "gone; was in the answer" in page.locator(".ql-readout").inner_text()
    # The strip says the same of the same characters.
    box = page.locator(".ql-over").bounding_box()
    page.mouse.move(box["x"] + 40 + (box["width"] - 42) * 4.5 / 67, box["y"] + 60)
    assert page.locator(".ql-readout").inner_text().startswith("“kept”")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_wider_than_a_narrow_cell(open_page, scheme):
    long = planted_reading("Why?", f"{STORY} " * 40, answer="Ada")
    visit = open_page(CompareExplorer(BEFORE, long), width=600, dark=scheme == "dark")
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= 600
    assert visit.page.get_by_role("slider", name="Part of the text that is drawn").count() == 1
    assert visit.is_quiet()


def test_hostile_texts_are_shown_as_they_are(open_page):
    evil = "<script>window.ran=1</script><img src=x onerror=window.ran=2> </textarea> {{7*7}} \u202etxt Ada"
    one, other = (planted_reading(f"{evil}?", text, answer="Ada") for text in (evil, f"{evil} <b>kept</b>"))
    visit = open_page(CompareExplorer(one, other))
    assert "<script>window.ran=1</script>" in visit.page.locator(".ql-text").inner_text()
    assert visit.is_quiet()


def test_hostile_names_of_models_are_shown_as_they_are(open_page):
    names = ("<img src=x onerror=window.ran=1>", "${alert(1)} </script><b>")
    one, other = (replace(BEFORE, source=Source(name, name)) for name in names)
    explorer = CompareExplorer(one, other)
    visit = open_page(explorer)
    assert texts(visit.page, ".ql-side-name")[:2] == [*names]
    assert visit.is_quiet()
    assert all(name.replace("<", "&lt;").replace(">", "&gt;") in explorer.frame() for name in names)
    assert "<script" not in explorer.to_svg()


def test_fields_come_and_go_as_python_wants(open_page):
    page = open_page(CompareExplorer(BEFORE, reader=Reader(toy_model(), toy_tokenizer()))).page
    # As with a kernel behind it.
    page.evaluate("qalens.model.still = false; qalens.model.set('view', { ...qalens.model.get('view') })")
    keep = page.get_by_role("button", name="Compare with this from now on")
    assert (page.locator("textarea:visible").count(), keep.count()) == (2, 1)
    page.evaluate("qalens.model.set('editable', false)")
    assert (page.locator("textarea:visible").count(), keep.count()) == (0, 1)
    page.evaluate("qalens.model.set('editable', true)")
    assert page.locator("textarea:visible").count() == 2


def test_letters_outside_of_the_first_plane_count_as_one(open_page):
    one, other = (
        planted_reading("Who?", text, answer="Ada")
        for text in ("\U0001f3ee Ada kept it.", "\U0001f3ee\U0001f3ee Ada kept it.")
    )
    page = open_page(CompareExplorer(one, other)).page
    page.locator(".ql-text .ql-tok", has_text="Ada").click()
    assert page.evaluate(SELECTED) == [3, 6]
    assert texts(page, ".ql-text .ql-mark-selected") == ["Ada"]
