"""Whatever a text holds, an explorer can be sent to a kernel's browser and written as a page."""

from __future__ import annotations

import threading
from dataclasses import replace
from xml.etree import ElementTree

import pytest
from ipywidgets.widgets.widget import _remove_buffers
from jupyter_client.session import json_packer

from qalens.display.plots import savefig
from qalens.errors import QalensError
from qalens.evaluation.report import report_of
from qalens.evaluation.rows import example_row
from qalens.readings.reading import Source
from qalens.testing import planted_reading
from qalens.text.examples import CharSpan, Example
from qalens.widgets import CompareExplorer, DatasetExplorer, NoAnswerExplorer, SpanExplorer
from qalens.widgets.kernel_thread import Work
from qalens.widgets.page import fit_for_utf8

SURROGATES = ["\udcff", "\ud800", "\udfff\ud800", "a\udc80b 灯台"]


def readings(odd: str):
    known = Example("Who kept it?", "Ada kept it.", id=odd, gold=(CharSpan(0, 3),))
    said = planted_reading("Who kept it?", "Ada kept it.", answer="Ada")
    return replace(said, example=known, source=Source(odd, "f"))


def explorers(odd: str):
    reading = readings(odd)
    row = example_row(reading.example, reading, title=odd, cause=odd)
    row = replace(row, question=odd, id=odd, error=odd)
    return {
        "SpanExplorer": SpanExplorer(reading),
        "NoAnswerExplorer": NoAnswerExplorer(reading),
        "CompareExplorer": CompareExplorer(reading, reading),
        "DatasetExplorer": DatasetExplorer(report_of([row], source=Source(odd, "f")), query=odd),
    }


@pytest.mark.parametrize("odd", SURROGATES, ids=ascii)
def test_texts_that_utf8_does_not_know_reach_the_kernel_and_the_page(tmp_path, odd):
    for name, explorer in explorers(odd).items():
        state, _, _ = _remove_buffers(explorer.get_state())
        assert json_packer(state).decode("utf-8"), name
        page = explorer.to_html(tmp_path / "page.html")
        assert (tmp_path / "page.html").read_bytes().decode("utf-8") == page
        assert "<\N{REPLACEMENT CHARACTER}" not in page
        explorer.frame().encode("utf-8")
        explorer.close()


@pytest.mark.parametrize("text", ["a\ud800b", "\udcff", "😀\udc00", "plain", "灯台", ""])
def test_places_in_a_text_stay_where_they_are(text):
    sent = fit_for_utf8({"view": [text, {"text": text}], "n": 3, text: None})
    assert len(sent["view"][0]) == len(text)
    sent["view"][1]["text"].encode()


def test_a_page_that_cannot_be_written_leaves_the_old_one(tmp_path, monkeypatch):
    explorer = SpanExplorer(planted_reading("Who kept it?", "Ada kept it.", answer="Ada"))
    for write in (explorer.to_html, explorer.to_svg, explorer.to_png):
        path = tmp_path / "old"
        path.write_text("the old one")
        path.chmod(0o444)
        with monkeypatch.context() as patch:
            patch.setattr("qalens.files._to_disk", _full)
            with pytest.raises(
                QalensError,
                match=r"old cannot be written: No space left on device\. An existing file is untouched",
            ):
                write(path)
        assert path.read_text() == "the old one"
        assert [entry.name for entry in tmp_path.iterdir()] == ["old"]


def _full(_):
    raise OSError(28, "No space left on device")


@pytest.mark.slow
def test_pictures_of_many_threads_are_the_same_and_settings_stay():
    import matplotlib as mpl

    explorer = SpanExplorer(planted_reading("Who kept it?", "Ada kept it.", answer="Ada"))
    before, expected = mpl.rcParams["svg.hashsalt"], explorer.to_svg()
    # Many: the solver of the layout rounds differently only now and then.
    found, figures = [], [explorer.figure() for _ in range(40)]
    threads = [threading.Thread(target=lambda one=one: found.append(savefig.svg(one))) for one in figures]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [one == expected for one in found] == [True] * len(figures)
    assert mpl.rcParams["svg.hashsalt"] == before
    ElementTree.fromstring(expected)


def test_work_that_was_never_started_holds_nothing_up():
    done = []
    slow = threading.Event()
    first = Work(lambda watch: slow.wait(30), report=print, finish=done.append)
    first.start()
    # Another thread made it and did not come to start it yet.
    second = Work(lambda watch: 2, report=print, finish=done.append, after=first)
    third = Work(lambda watch: 3, report=print, finish=done.append, after=second)
    third.start()
    third.wait(0.2)
    assert done == []  # it waits for the first, which the second would have waited for
    slow.set()
    third.wait(30)
    second.start()
    second.wait(30)
    assert done == [3]


def test_work_started_by_many_threads_ends_with_the_last():
    for _ in range(30):
        done, last = [], [None]
        lock = threading.Barrier(6)

        def go(k, done=done, last=last, lock=lock):
            lock.wait()
            work = Work(lambda watch: k, report=print, finish=done.append, after=last[0])
            last[0] = work
            work.start()
            work.wait(30)

        threads = [threading.Thread(target=go, args=(k,)) for k in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert done
