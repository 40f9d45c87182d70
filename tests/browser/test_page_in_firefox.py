"""The page that reads, in Firefox: the same answers as in Python, and nothing asked for."""

from __future__ import annotations

import os
import shutil

import pytest
from browser.firefox import firefox

import qalens
from qalens import Reader
from qalens.testing import toy_model, toy_tokenizer

pytestmark = pytest.mark.slow
TEXT = "Ada Marlow kept the lamp of the lighthouse for thirty years. Tom slept by the door, and it was day."
PAIRS = [
    ("Who kept the lamp?", TEXT),
    ("Who slept?", " ".join([TEXT] * 6)),
    ("Who kept it?", "<script>a</script> Ada did."),
]


@pytest.fixture
def reader():
    return Reader(toy_model(), toy_tokenizer(), max_length=48, stride=12)


@pytest.fixture
def file(reader, tmp_path):
    return qalens.page(reader, tmp_path / "page.html", examples=PAIRS, weights="float16")


@pytest.fixture
def opened(tmp_path):
    if shutil.which("firefox-esr") is None and not os.environ.get("QALENS_REQUIRE_ALL"):
        pytest.skip("no Firefox here")
    (tmp_path / "profile").mkdir()
    with firefox(tmp_path / "profile") as browser:
        yield browser


def test_the_page_reads_in_firefox_and_asks_for_nothing(reader, file, opened):
    opened.open(file)
    for number, (question, text) in enumerate(PAIRS):
        opened.until("'playground' in window && !document.getElementById('result').hidden")
        opened.value(f"void document.querySelectorAll('#examples button')[{number}].click()")
        opened.until("!document.getElementById('result').classList.contains('old')")
        known = reader.read(question, text)
        assert opened.value("playground.shown.reading.margin") == pytest.approx(known.margin, abs=0.02)
        said = opened.value("document.querySelector('#spans .ql-verdict strong').textContent")
        assert said == ("no answer" if known.answer is None else known.answer.text)
        assert opened.value("document.querySelector('#spans .ql-text').textContent") == text
        assert opened.value("document.documentElement.scrollWidth") <= 390
    assert opened.value("document.querySelectorAll('#result script').length") == 0
    assert [url for url in opened.requests if not url.startswith(("file:", "blob:", "data:"))] == []
    assert opened.problems == []
