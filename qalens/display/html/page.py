"""A content as one figure with its styles, for a notebook, and as a page that needs nothing else."""

from __future__ import annotations

import functools
import importlib.resources
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from qalens.display import style
from qalens.display.content.token_axis import TokenPicture, WholeText
from qalens.display.html.decision_line import decision_line
from qalens.display.html.element import Element, Html, Node, element, join
from qalens.display.html.parts import drawn
from qalens.display.html.span_map import token_picture, whole_text
from qalens.display.parts import (
    Content,
    DecisionLine,
    Heading,
    Intervals,
    Row,
    Sentence,
    ShadedText,
    Table,
)

# No script, no request, no form: all that a still page does is to stand there.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_BY_HAND: dict[type, Callable[[Any], Element]] = {
    TokenPicture: token_picture,
    WholeText: whole_text,
    DecisionLine: decision_line,
}


@functools.cache
def styles() -> Element:
    """The style sheets of the package with the palette, as one `style` element.

    >>> str(styles()).startswith("<style>")
    True
    """
    # Ours and without a "<", so that they need no escaping.
    return element("style", Html(sheet("qalens", "frame", "parts", "pictures")))


def sheet(scope: str, *names: str) -> str:
    """The palette and some style sheets of the package, for what stands under a class.

    >>> sheet("ql-x", "parts").splitlines()[0]
    '.ql-x {'
    """
    here = importlib.resources.files("qalens.display.html")
    tones = [f"  & .ql-c-{name} {{ --c: var(--ql-{name}); }}" for name in style.PALETTE]
    tones += [f"  & .ql-t-{name} {{ color: var(--ql-{name}); }}" for name in style.PALETTE]
    root = f".{scope}.{scope}"
    sheets = (here.joinpath(f"{name}.css").read_text("utf-8") for name in names)
    palette = [f".{scope} {{", style.variables(), "}", f"{root} {{", *tones, "}"]
    return "\n".join((*palette, *(text.replace(".qalens.qalens", root) for text in sheets)))


def figure(content: Content, *, bare: bool = False) -> Element:
    """The parts of a content as one figure, within which all our styles hold.

    `bare` makes it bear a notebook that is not trusted, where styles are stripped: only the heading, the text and the
    first tables stay text there; all other words are shown by the style sheet, from attributes.

    >>> figure(Content("", (Sentence("a < b"),))).to_html()
    '<figure class="qalens" dir="ltr" lang="en"><p class="ql-plain">a &lt; b</p></figure>'
    """
    sections = [_side_by_side(p, bare) if isinstance(p, tuple) else _part(p, bare) for p in content.parts]
    return element("figure", *sections, class_="qalens", dir="ltr", lang="en")


def nodes(*parts: Any) -> list[Any]:
    """Parts, those drawn by hand too, as JSON for a widget (see `Element.to_json`), which builds the same elements of it.

    >>> nodes(Sentence("a < b"))
    [['p', {'class': 'ql-plain'}, 'a < b']]
    """
    return [_part(part, bare=False).to_json() for part in parts]


def _side_by_side(parts: tuple[Any, ...], bare: bool) -> Element:
    return element("div", *(_part(part, bare) for part in parts), class_="ql-columns")


def _part(part: Any, bare: bool) -> Element:
    make = _BY_HAND.get(type(part), drawn)
    if not bare:
        return make(part)
    if isinstance(part, ShadedText):
        section = make(part)
        return Element(section.tag, section.attributes, tuple(_text_alone(c) for c in section.children))
    if isinstance(part, Table) and not (part.aside or part.folded):
        return make(_without_copies(part))
    kept = isinstance(part, Heading) or (isinstance(part, Intervals) and not (part.aside or part.folded))
    kept |= isinstance(part, Sentence) and part.kind in ("warning", "failure")
    return make(part) if kept else wordless(make(part))


def _text_alone(child: Node) -> Node:
    """The text stays as it is, its title and its legend become attributes."""
    if isinstance(child, Element) and dict(child.attributes).get("class") == "ql-text":
        return child
    return wordless(child)


def _without_copies(part: Table) -> Table:
    """Of the first columns and rows only those that matter most; the rest is in `display.page`."""
    rows: tuple[Row, ...] = tuple(row for row in part.rows if row.kind != "copy")
    return replace(part, rows=rows)


def wordless(node: Node) -> Element:
    """A node whose words are attributes that the style sheet shows, and that go where styles are stripped.

    >>> str(wordless(element("p", "Ada ", element("b", "kept"))))
    '<p><i data-t="Ada "></i><b><i data-t="kept"></i></b></p>'
    """
    if isinstance(node, str):
        return Element("i", (("data-t", node),), ())
    # A heading needs a name for those who listen to the page, who hear no words of a style sheet.
    heading = ("role", "heading") in node.attributes
    named = (("aria-label", _words(node)),) if heading else ()
    return Element(node.tag, (*node.attributes, *named), tuple(map(wordless, node.children)))


def _words(node: Node) -> str:
    return node if isinstance(node, str) else "".join(map(_words, node.children))


def fragment(content: Content) -> Html:
    """A content as a piece of HTML that a notebook shows: its own styles, no ids, no scripts, any width, light and dark.

    >>> fragment(Content("", (Sentence("Ada"),))).count("<figure")
    1
    """
    return join(styles(), figure(content, bare=True)).to_html()


def page(content: Content) -> Html:
    """A content as a whole HTML page that needs nothing else, with a policy that forbids every request and script.

    >>> page(Content("Who?", (Sentence("Ada"),))).splitlines()[0]
    '<!doctype html>'
    """
    head = join(
        Html('<meta charset="utf-8">\n'),
        Html(f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'),
        Html('<meta name="viewport" content="width=device-width, initial-scale=1">\n'),
        element("title", f"{content.title} · qalens"),
        Html("\n"),
        styles(),
    )
    body = element("body", figure(content), class_="qalens-page")
    return Html(f'<!doctype html>\n<html lang="en">\n{element("head", head)}\n{body}\n</html>\n')
