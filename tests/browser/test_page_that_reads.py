"""The page reads as Python does, asks for nothing, and takes text as text."""

from __future__ import annotations

import re
import time

import pytest

import qalens
from qalens import Example, InputError, Reader
from qalens.browser.page import MOST_PARAMETERS, page, page_script, worker_script
from qalens.testing import toy_model, toy_tokenizer

pytestmark = pytest.mark.slow
TEXT = "Ada Marlow kept the lamp of the lighthouse for thirty years. Tom slept by the door, and it was day."
LONG = " ".join([TEXT] * 6)
ANSWER = "#spans .ql-verdict strong"
HOSTILE = "<img src=x onerror='window.ran=1'> </script><script>window.ran = 1</script> Ada kept the lamp."


@pytest.fixture(scope="module")
def reader():
    return Reader(toy_model(), toy_tokenizer(), max_length=48, stride=12)


@pytest.fixture(scope="module")
def file(reader, tmp_path_factory):
    examples = [Example("Who kept the lamp?", TEXT), ("Who slept?", LONG), ("Who kept it?", HOSTILE)]
    return page(reader, tmp_path_factory.mktemp("page") / "page.html", examples=examples, weights="float16")


@pytest.fixture
def opened(file, page_of_browser):
    return page_of_browser(file)


@pytest.fixture
def page_of_browser(chromium):
    pages = []

    def go(file):
        one = chromium.new_page(viewport={"width": 390, "height": 800})
        one.set_default_timeout(300_000)
        pages.append(one)
        requests, problems = [], []
        one.on("request", lambda request: requests.append(request.url))
        one.on("pageerror", lambda error: problems.append(str(error)))
        one.on("dialog", lambda dialog: (problems.append(dialog.message), dialog.dismiss()))
        one.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
        one.goto(file.as_uri())
        one.wait_for_selector(ANSWER)
        one.watched = (requests, problems)
        return one

    yield go
    for one in pages:
        one.close()


def until(opened, expression, seconds=300):
    """Wait until an expression holds; the page's own policy would stop one that waits inside it."""
    end = time.monotonic() + seconds
    while not opened.evaluate(expression):
        assert time.monotonic() < end, f"after {seconds} s still not: {expression}"
        time.sleep(0.05)


def margin_in(opened):
    said = opened.inner_text("#spans").replace("−", "-")
    return float(re.search(r"= (-?\d+\.\d+) logits", said)[1])


def press(opened, number):
    opened.locator("#examples button").nth(number).click()
    until(opened, "!document.getElementById('result').classList.contains('old')")


@pytest.mark.parametrize("number", range(3))
def test_each_example_is_read_as_in_python(opened, reader, number):
    press(opened, number)
    question, context = opened.input_value("#question"), opened.input_value("#context")
    known = reader.read(question, context)
    assert margin_in(opened) == pytest.approx(known.margin, abs=0.02)
    said = opened.inner_text(ANSWER)
    assert said == ("no answer" if known.answer is None else known.answer.text)
    assert opened.inner_text("#spans .ql-text") == context
    assert opened.locator("#decision tbody tr").count() == len(known.windows)
    assert opened.evaluate("document.documentElement.scrollWidth") <= 390


def test_nothing_is_asked_for_and_no_text_becomes_a_script(opened):
    press(opened, 2)
    requests, problems = opened.watched
    assert [url for url in requests if not url.startswith(("file:", "blob:"))] == []
    assert problems == []
    assert opened.evaluate("window.ran") is None
    assert opened.locator("#result img, #result script, #examples img").count() == 0


def test_typing_reads_again_and_shows_what_is_old(opened, reader):
    opened.fill("#question", "Who slept?")
    assert "old" in opened.get_attribute("#result", "class")
    until(opened, "!document.getElementById('result').classList.contains('old')")
    assert margin_in(opened) == pytest.approx(reader.read("Who slept?", TEXT).margin, abs=0.02)
    opened.fill("#context", "")
    until(opened, "document.getElementById('status').textContent.includes('text to read')")


def test_the_threshold_turns_the_decision_in_both_explorers(opened):
    thumb = opened.locator("#decision [role=slider]")
    for key, answered in (("Home", False), ("End", True)):
        thumb.press(key)
        for place in ("#decision", "#spans"):
            said = opened.locator(f"{place} .ql-verdict strong")
            until(
                opened,
                f"(document.querySelector('{place} .ql-verdict strong').textContent !== 'no answer') === {str(answered).lower()}",
            )
            assert (said.inner_text() != "no answer") == answered


def test_a_word_shows_its_best_partner_and_a_click_selects_its_span(opened):
    press(opened, 0)
    opened.locator("#spans [role=option]").first.click()
    assert "score" in opened.inner_text("#spans .ql-readout")
    opened.locator("#spans").get_by_role("radio", name="logits").click()
    opened.get_by_text("Start and end logits").wait_for()


def test_a_reading_is_kept_and_gone_back_to(opened):
    opened.get_by_role("button", name="Keep this to compare with").click()
    press(opened, 1)
    assert "Before:" in opened.inner_text("#result")
    opened.get_by_role("button", name="Go back to it").click()
    until(opened, "!document.getElementById('result').classList.contains('old')")
    assert opened.input_value("#context") == TEXT


def test_each_sentence_is_left_out(opened, reader):
    opened.get_by_role("button", name="Leave out one sentence after the other").click()
    until(opened, "document.querySelectorAll('#sentences li').length === 2")
    first = TEXT.index("Tom")
    change = (
        reader.read("Who kept the lamp?", TEXT[first:]).margin
        - reader.read("Who kept the lamp?", TEXT).margin
    )
    said = opened.locator("#sentences li").first.inner_text().replace("−", "-")
    assert float(re.search(r"null margin \+?(-?\d+\.\d+)", said)[1]) == pytest.approx(change, abs=0.03)


def test_the_file_says_what_it_carries(file):
    text = file.read_text(encoding="utf-8")
    assert "licence: not known" in text
    assert "rounded to half precision" in text
    assert "default-src 'none'" in text
    assert "Copyright (c) Microsoft Corporation" in text
    assert "protocolbuffers/protobuf" in text


FAULTS = {
    "no example": ("Who kept it?", "pair of question and text"),
    "an empty text": (("Who?", ""), "context is empty"),
}


@pytest.mark.parametrize(("given", "said"), FAULTS.values(), ids=list(FAULTS))
def test_an_example_is_a_question_and_a_text(reader, tmp_path, given, said):
    with pytest.raises(InputError, match=said):
        page(reader, tmp_path / "x.html", examples=[given])
    assert not (tmp_path / "x.html").exists()


def test_a_model_that_is_too_large_is_refused_with_its_size(tmp_path, monkeypatch):
    monkeypatch.setattr("qalens.browser.page.MOST_PARAMETERS", 10)
    with pytest.raises(InputError, match="million parameters; a page would be some"):
        qalens.page(Reader(toy_model(), toy_tokenizer()), tmp_path / "x.html")
    assert MOST_PARAMETERS > 22_000_000


@pytest.mark.parametrize("script", [worker_script, page_script])
def test_what_runs_is_one_script_without_imports(script):
    assert "import.meta" not in script()
    assert not re.search(r"^(import|export) ", script(), re.M)


def test_a_threshold_without_end_is_refused(reader, tmp_path):
    with pytest.raises(InputError, match=r"finite threshold, but that of the reader is inf"):
        page(reader.with_threshold(float("inf")), tmp_path / "x.html")
