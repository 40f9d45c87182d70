"""Explorers among others: each looks and works the same alone as beside any other, in whatever order they were opened."""

import pytest
from fake_host import FORGET, SHOW, blank, parts_of

from qalens import Reader, behavior
from qalens.testing import planted_reading, toy_model, toy_tokenizer
from qalens.widgets import (
    AttributionExplorer,
    BehaviorExplorer,
    ChangeExplorer,
    CompareExplorer,
    DatasetExplorer,
    LayerExplorer,
    NoAnswerExplorer,
    SpanExplorer,
)
from qalens.widgets.question_fields import QuestionFields

QUESTION = "Who kept the lamp?"
STORY = "Ada kept the lamp of the room by day, and Tom kept it by night."


def made():
    reader, other = (Reader(toy_model(seed), toy_tokenizer()) for seed in (0, 1))
    reading = reader.read(QUESTION, STORY)
    long = planted_reading(QUESTION, f"{STORY} " * 12, answer="Tom")
    return {
        "span": SpanExplorer(long),
        "no_answer": NoAnswerExplorer(
            [planted_reading(QUESTION, STORY, answer=a, strength=s) for a, s in (("Ada", 4.0), (None, 1.0))]
        ),
        "attribution": AttributionExplorer(
            reading, reader.attribute(reading, "no_answer", "input_x_gradient")
        ),
        "layer": LayerExplorer(
            reading, reader.logit_lens(reading), reader.ablate_heads(reading, "no_answer")
        ),
        "compare": CompareExplorer(reading, other.read(QUESTION, STORY.replace("room", "house"))),
        "change": ChangeExplorer(
            reading, [reader.sentence_effects(reading), reader.smallest_sentences(reading)]
        ),
        "dataset": DatasetExplorer([planted_reading(QUESTION, STORY, answer="Ada")], selected=0),
        "behavior": BehaviorExplorer(behavior.run(reader, tests=["denied", "typos"], cases=2), selected=0),
        "explore": QuestionFields(QUESTION, STORY, {"spans": "Spans", "why": "Why"}, live=True),
    }


# Everything computed but ids and places on the page; kept in the page, where only what differs leaves it. Of what would stand
# before an element only that it does not, where nothing does: to write the styles out takes the most time.
LOOK = """name => {
  const [said, keys] = [[], [...getComputedStyle(document.body)]];
  const style = (of) => keys.map(key => key + ': ' + of.getPropertyValue(key)).join('; ');
  for (const el of document.querySelectorAll('#' + name + ' .ql-x, #' + name + ' .ql-x *'))
    for (const pseudo of [null, '::before']) {
      const of = getComputedStyle(el, pseudo);
      const there = pseudo === null || !['none', 'normal'].includes(of.content);
      said.push([el.tagName, el.className, pseudo, there ? style(of) : 'none'].join('; '));
    }
  return said;
}"""
KEEP = f"name => ((window.kept ??= {{}})[name] = ({LOOK})(name)).length"
DIFFERING = f"""name => {{
  const [was, is] = [window.kept[name], ({LOOK})(name)];
  return [...Array(Math.max(was.length, is.length)).keys()].filter(k => was[k] !== is[k]).map(k => {{
    const [one, other] = [was[k] ?? '', is[k] ?? ''].map(all => all.split('; '));
    return [one.slice(0, 2).join('.'), one.filter(s => !other.includes(s)), other.filter(s => !one.includes(s))];
  }});
}}"""
REST = "() => new Promise(r => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(r, 60))))"
# What a pointer in the middle of each canvas, row, tab and button would meet.
MEETS = """name => [...document.querySelectorAll('#' + name + ' :is(canvas, [role=option], [role=tab], [role=radio], button, textarea)')]
  .filter(el => el.getClientRects().length).slice(0, 30).map(el => {
    el.scrollIntoView({ block: 'center' });
    const box = el.getBoundingClientRect();
    const met = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2);
    return met === null ? null : met.tagName + '.' + met.className + '.' + getComputedStyle(met).cursor;
  })"""


@pytest.fixture(scope="module")
def parts():
    return {name: parts_of(name, e) for name, e in made().items()}


def at_rest(page):
    page.evaluate(REST)
    page.evaluate("scrollTo(0, 0)")


NAMES = list(made())


@pytest.mark.slow
@pytest.mark.parametrize("first", NAMES)
def test_each_looks_and_is_met_the_same_beside_any_other(first, parts, page):
    blank(page)
    page.evaluate(SHOW, parts[first])
    at_rest(page)
    assert page.evaluate(KEEP, first) > 8
    met = page.evaluate(MEETS, first)
    assert met
    for second in NAMES:
        if second == first:
            continue
        # After it was opened; and with both opened the other way round.
        page.evaluate(SHOW, parts[second])
        for again in (False, True):
            if again:
                page.evaluate(FORGET, first)
                page.evaluate(SHOW, parts[first])
            at_rest(page)
            assert page.evaluate(DIFFERING, first) == [], (second, again)
            assert page.evaluate(MEETS, first) == met, (second, again)
        page.evaluate(FORGET, second)


def test_a_sheet_that_reaches_others_would_be_found(parts, page):
    blank(page)
    page.evaluate(SHOW, parts["layer"])
    at_rest(page)
    page.evaluate(KEEP, "layer")
    page.add_style_tag(content="div { letter-spacing: 1px }")
    differing = page.evaluate(DIFFERING, "layer")
    assert differing
    assert any("letter-spacing: 1px" in is_now for _, _, is_now in differing)


def hovered(page, name):
    """The words below what is pointed at: in the middle of every canvas, and the selection after a click there."""
    said = []
    for canvas in page.locator(f"#{name} canvas:visible").all():
        canvas.scroll_into_view_if_needed()
        box = canvas.bounding_box()
        page.mouse.move(box["x"] + box["width"] / 3, box["y"] + box["height"] / 3)
        page.evaluate(REST)
        said.append(page.locator(f"#{name} .ql-readout").all_inner_texts())
        page.mouse.click(box["x"] + box["width"] / 3, box["y"] + box["height"] / 3)
        page.evaluate(REST)
        traits = ["selected", "layer"]
        said.append(
            [page.evaluate("([n, t]) => shown[n].model.get(t) ?? null", [name, trait]) for trait in traits]
        )
    return said


@pytest.mark.parametrize("name", ["span", "layer", "compare"])
def test_hovers_and_clicks_do_the_same_among_all_others(name, parts, page):
    blank(page)
    page.evaluate(SHOW, parts[name])
    alone = hovered(page, name)
    assert any(any(words for words in said) for said in alone)
    page.evaluate(FORGET, name)
    for other in NAMES:
        page.evaluate(SHOW, parts[other])
    assert hovered(page, name) == alone
