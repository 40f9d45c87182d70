"""An explorer as one HTML page that stays interactive without a kernel and without a network."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from qalens.views.markup import Html, clip, element, join

# What could end a script element or a line of code in an older parser never stands in the page as itself.
_ESCAPES = {c: f"\\u{ord(c):04x}" for c in "<>&\u2028\u2029"}
_START = """
const traits = JSON.parse(document.getElementById("qalens-traits").textContent, (key, value) => {
  if (value === null || typeof value !== "object" || typeof value.base64 !== "string") return value;
  return new DataView(Uint8Array.from(atob(value.base64), c => c.charCodeAt(0)).buffer);
});
const model = stillModel(traits);
const close = render({ model, el: document.getElementById("qalens") });
window.qalens = { model, close };
"""


def explorer_page(title: str, script: str, style: str, traits: Mapping[str, Any]) -> Html:
    """A whole page around an explorer: its script, its styles and its traits, and nothing from anywhere else.

    `script` defines `render` and `stillModel`; `traits` are JSON values and bytes. A content security policy lets run
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
        raise TypeError(f"{type(value).__name__} cannot stand in a page: {value!r:.80}")

    text = json.dumps(
        dict(traits), default=packed, allow_nan=False, ensure_ascii=False, separators=(",", ":")
    )
    # One pass for each is many times faster than one translation.
    for character, escape in _ESCAPES.items():
        text = text.replace(character, escape)
    return text


def frame_html(page: str, title: str, height: int, words: Html | None = None) -> Html:
    """A page as an inline frame that runs apart from its notebook, with its title below.

    - `words`: what it shows, without frame, script and style, for viewers that drop these; it is folded away

    >>> frame_html("<p>a</p>", "Who?", 300)[:45]
    '<figure style="margin: 0"><iframe title="Who?'
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
    folded = Html("")
    if words is not None:
        summary = element("summary", "The same in words", style=small)
        folded = element("details", summary, words)
    return element("figure", frame, caption, folded, style="margin: 0")


def _digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
