"""An explorer as one HTML page that stays interactive without a kernel and without a network."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from qalens.display.html.element import Element, Html, element, join
from qalens.display.labels import clip, whole_edges
from qalens.errors import shown
from qalens.readings.reading import Reading

# What could end a script element or a line of code in an older parser never stands in the page as itself.
_ESCAPES = {c: f"\\u{ord(c):04x}" for c in "<>&\u2028\u2029"}
_AROUND = 400  # characters of a text on either side of what is marked in it
_SURROGATES = re.compile("[\ud800-\udfff]")
_START = """
const traits = JSON.parse(document.getElementById("qalens-traits").textContent, (key, value) => {
  if (value === null || typeof value !== "object" || typeof value.base64 !== "string") return value;
  return new DataView(Uint8Array.from(atob(value.base64), c => c.charCodeAt(0)).buffer);
});
const model = stillModel(traits);
const close = draw({ model, el: document.getElementById("qalens") });
window.qalens = { model, close };
fitFrame(document.querySelector("#qalens > *"));
"""


def explorer_page(title: str, script: str, style: str, traits: Mapping[str, Any]) -> Html:
    """A whole page around an explorer: its script, its styles and its traits, and nothing from anywhere else.

    `script` defines `draw` and `stillModel`; `traits` are JSON values and bytes. A content security policy lets run
    this one script, apply this one style sheet, and forbids every request.

    >>> page = explorer_page("Who?", "", "", {"text": "</script>"})
    >>> page.splitlines()[0], page.count("</script>")
    ('<!doctype html>', 2)
    """
    code, sheet = f"{script}{_START}", f"html {{ margin: 0 }} body {{ margin: 0 }}\n{style}"
    policy = "; ".join(
        [
            "default-src 'none'",
            f"script-src '{_digest(code)}'",
            f"style-src '{_digest(sheet)}'",
            "base-uri 'none'",
            "form-action 'none'",
        ]
    )
    head = join(
        Html('<meta charset="utf-8">\n'),
        Html(f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'),
        Html('<meta name="viewport" content="width=device-width, initial-scale=1">\n'),
        element("title", f"{clip(title, 120)} · qalens"),
        Html(f"\n<style>{sheet}</style>\n"),
    )
    body = (
        '<main id="qalens" class="ql-page"></main>\n'
        f'<script type="application/json" id="qalens-traits">{traits_json(traits)}</script>\n'
        f'<script type="module">{code}</script>'
    )
    parts = join(element("head", head), Html("\n"), element("body", Html(body)))
    return Html(f'<!doctype html>\n<html lang="en">\n{parts}\n</html>\n')


def traits_json(traits: Mapping[str, Any]) -> str:
    """Traits as JSON that may stand in a script element; bytes as {"base64": …}.

    >>> traits_json({"text": "</script>", "logits": b"ab"})
    '{"text":"\\\\u003c/script\\\\u003e","logits":{"base64":"YWI="}}'
    """

    def packed(value: Any) -> Any:
        if isinstance(value, bytes | bytearray | memoryview):
            return {"base64": base64.b64encode(value).decode("ascii")}
        raise TypeError(f"{type(value).__name__} cannot stand in a page: {shown(value)}")

    text = json.dumps(
        fit_for_utf8(dict(traits)), default=packed, allow_nan=False, ensure_ascii=False, separators=(",", ":")
    )
    # One pass for each is many times faster than one translation.
    for character, escape in _ESCAPES.items():
        text = text.replace(character, escape)
    return text


def fit_for_utf8(value: Any) -> Any:
    r"""A JSON value with U+FFFD for every lone surrogate: no page and no kernel can send one.

    Texts keep their lengths, so that places in them stay right.

    >>> fit_for_utf8({"text": ["a\ud800"], "n": 1})
    {'text': ['a\ufffd'], 'n': 1}
    """
    if isinstance(value, str):
        return value if value.isascii() else _SURROGATES.sub("\N{REPLACEMENT CHARACTER}", value)
    if isinstance(value, dict):
        return {fit_for_utf8(key): fit_for_utf8(one) for key, one in value.items()}
    return [fit_for_utf8(one) for one in value] if isinstance(value, list | tuple) else value


def frame_html(page: str, title: str, height: int, words: Element) -> Html:
    """A page as an inline frame that runs apart from its notebook, with its title below.

    - `words`: what it shows, without frame, script and style; seen by viewers that drop frames or styles, and no others

    >>> frame_html("<p>a</p>", "Who?", 300, element("p", "Ada"))[-63:]
    '</figcaption><div class="ql-in-words"><p>Ada</p></div></figure>'
    """
    frame = element(
        "iframe",
        title=title,
        # The frame can run its script and nothing else: no access to the notebook, no windows, no forms.
        sandbox="allow-scripts",
        srcdoc=page,
        loading="lazy",
        style=f"width: 100%; height: {height}px; border: 0; resize: vertical",
    )
    # Themes of documentation sites set captions in thin, centred letters.
    small = "font-size: 0.8em; font-weight: 400; text-align: start"
    caption = element("figcaption", title, style=small)
    style = Html("<style>iframe ~ .ql-in-words { display: none }</style>")
    instead = element("div", words, class_="ql-in-words")
    return element("figure", style, frame, caption, instead, style="margin: 0").to_html()


def _digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def passage_html(reading: Reading) -> Element:
    """The text around the best span, which is marked where it is the answer.

    >>> from qalens.testing import planted_reading
    >>> str(passage_html(planted_reading("Who kept it?", "Ada kept it.", answer="Ada")))
    '<p dir="auto"><mark>Ada</mark> kept it.</p>'
    """
    text, best = reading.context, reading.decision.best
    start, end = (0, 0) if best is None else (best.span.start, best.span.end)
    low, high = max(0, start - _AROUND), min(len(text), end + _AROUND)
    widen = whole_edges(text, low, high)
    (low, high), (start, end) = widen(low, high), widen(start, end)
    marked = element("span" if reading.answer is None else "mark", text[start:end])
    before, after = text[low:start], text[end:high]
    return element("p", "…" * (low > 0), before, marked, after, "…" * (high < len(text)), dir="auto")
