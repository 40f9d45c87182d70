"""The size of type, headings, what is copied, and what is on paper."""

from qalens.testing import planted_reading
from qalens.widgets import SpanExplorer

STORY = "Ada kept the lamp of the room by day, and Tom kept it by night. "
SIZE = "one => parseFloat(getComputedStyle(document.querySelector(one)).fontSize)"


def explorer(times=1):
    return SpanExplorer(planted_reading("Who kept the lamp?", STORY * times, answer="Ada"))


def test_type_follows_the_content_font_of_jupyter(open_page):
    page = open_page(explorer()).page
    for part in (".ql-question", ".ql-text", ".ql-readout", ".ql-x"):
        before = page.evaluate(SIZE, part)
        page.evaluate("document.documentElement.style.setProperty('--jp-content-font-size1', '21px')")
        assert abs(page.evaluate(SIZE, part) / before - 1.5) < 0.01, part
        page.evaluate("document.documentElement.style.removeProperty('--jp-content-font-size1')")
    assert page.evaluate(SIZE, ".ql-x") == 14


def test_parts_have_headings_and_the_whole_a_name(open_page):
    page = open_page(explorer()).page
    assert page.get_by_role("heading", level=3).all_inner_texts() == ["Who kept the lamp?"]
    assert "Uncertainty" in page.get_by_role("heading", level=4).all_inner_texts()
    assert page.get_by_role("region", name="span explorer").count() == 1


def test_what_is_selected_or_the_whole_text_is_copied(open_page):
    page = open_page(explorer()).page
    copied = """() => {
      const data = new DataTransfer();
      document.querySelector('.ql-text').dispatchEvent(new ClipboardEvent('copy', { clipboardData: data, bubbles: true }));
      return data.getData('text/plain');
    }"""
    assert page.evaluate(copied) == STORY
    page.evaluate("qalens.model.set('selected', [9, 17])")
    assert page.evaluate(copied) == "the lamp"


def test_on_paper_the_whole_text_and_its_marks_are_seen(open_page):
    page = open_page(explorer(100)).page
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    box = page.locator(".ql-text")
    assert box.evaluate("e => e.scrollHeight <= e.clientHeight + 1")
    assert box.evaluate("e => getComputedStyle(e).maskImage") == "none"
    assert (
        page.locator(".ql-mark-best").first.evaluate("e => getComputedStyle(e).printColorAdjust") == "exact"
    )
    assert page.locator(".ql-button:visible").count() == 0


def test_a_figure_can_be_a_pdf_with_text(tmp_path):
    data = explorer().to_pdf(tmp_path / "spans.pdf")
    assert data.startswith(b"%PDF-")
    assert (tmp_path / "spans.pdf").read_bytes() == data
