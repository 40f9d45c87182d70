"""Still pages forbid every request, so that even markup that got in by a fault could send nothing out."""

from __future__ import annotations

import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from planted_rows import random_rows

from qalens.display import to_html
from qalens.evaluation.report import report_of
from qalens.reader import Reader
from qalens.testing import planted_reading, toy_model, toy_tokenizer

POLICY = (
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
    "base-uri 'none'; form-action 'none'\">"
)
PAGES = {
    "reading": lambda: to_html(planted_reading("Who kept it?", "Ada kept it.", answer="Ada")),
    "documents": lambda: to_html(
        Reader(toy_model(), toy_tokenizer()).read_documents("Who kept it?", ["Ada kept it.", "Tom slept."])
    ),
    "report": lambda: to_html(report_of(random_rows(20))),
}
INJECTED = {
    "an image": '<img src="{}">',
    "a set of images": '<img srcset="{} 2x">',
    "a script": '<script src="{}"></script>',
    "an event": "<img src='data:,x' onerror='fetch(\"{}\")'>",
    "a style sheet": '<link rel="stylesheet" href="{}">',
    "an import": "<style>@import '{}';</style>",
    "a background": "<p style=\"background: url('{}')\">a</p>",
    "a font": "<style>@font-face { font-family: x; src: url('{}') } p { font-family: x }</style><p>a</p>",
    "a frame": '<iframe src="{}"></iframe>',
    "an object": '<object data="{}"></object><embed src="{}">',
    "a video": '<video src="{}" autoplay></video><audio src="{}" autoplay></audio>',
    "a preload": '<link rel="preload" as="image" href="{}"><link rel="prefetch" href="{}">',
    "a picture in SVG": '<svg><image href="{}" width="9" height="9"/><use href="{}#a"/></svg>',
    "a base": '<base href="{}/"><img src="a.png">',
}


@pytest.mark.parametrize("kind", PAGES)
def test_every_still_page_begins_with_its_policy(kind):
    page = PAGES[kind]()
    assert page.count(POLICY) == 1
    # Only what comes behind it is held to it.
    assert page.index(POLICY) < min(page.index("<style"), page.index("<body"))


@pytest.fixture
def server():
    """A server on this machine that notes what it is asked for."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_error(404)

        do_POST = do_HEAD = do_GET

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}", asked
        running.shutdown()
        thread.join()


def opened(page, markup, place):
    """Open a page with all of it injected; each asks for a name of its own."""
    code = "".join(one.replace("{}", f"{place}/{k}") for k, one in enumerate(INJECTED.values()))
    page.set_content(markup.replace("</figure>", f"{code}</figure>"))
    page.wait_for_load_state("networkidle")


def test_injected_markup_sends_nothing_from_a_still_page(own_page, server):
    place, asked = server
    opened(own_page, PAGES["reading"](), place)
    assert asked == []


def test_the_same_markup_would_be_noticed_without_the_policy(own_page, server):
    place, asked = server
    opened(own_page, PAGES["reading"]().replace(POLICY, ""), place)
    named = {int(found[1]) for path in asked if (found := re.match(r"/(\d+)", path))}
    assert named == set(range(len(INJECTED)))
