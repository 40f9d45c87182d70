"""HTML elements as nodes: tag, attributes, children. Written out as HTML for a still view, or sent as JSON to a widget.

Text only ever becomes text: it is escaped where it is written as HTML, and set as text content where a widget builds it.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from typing import Any

_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
# Characters that HTML forbids. Below U+0020 Unicode has a picture for each, the others have none.
_FORBIDDEN: dict[int, int | str] = {c: 0x2400 + c for c in range(32) if chr(c) not in "\t\n"}
_FORBIDDEN |= {0x7F: "\N{SYMBOL FOR DELETE}"}
_FORBIDDEN |= dict.fromkeys(
    [*range(0x80, 0xA0), *range(0xD800, 0xE000), *range(0xFDD0, 0xFDF0)], _REPLACEMENT
)
_FORBIDDEN |= dict.fromkeys(
    [plane * 0x10000 + c for plane in range(17) for c in (0xFFFE, 0xFFFF)], _REPLACEMENT
)
_VOID = frozenset({"meta", "br"})

# What a widget's builder admits. Nothing here loads, runs or links anything.
TAGS = frozenset(
    "b bdi dd del details div dl dt figcaption figure header i ins li line mark p polyline section small span strong "
    "summary svg table tbody td th thead tr u ul".split()
)
ATTRIBUTES = frozenset(
    "aria-hidden aria-label aria-level class colspan data-label data-t dir height lang points preserveAspectRatio role scope style "
    "title viewBox width x1 x2 y1 y2".split()
)


class Html(str):
    """Markup that may stand in a page as it is; every other str is a text and gets escaped.

    >>> str(element("b", "a < b")), str(element("b", Html("<i>a</i>")))
    ('<b>a &lt; b</b>', '<b><i>a</i></b>')
    """

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Element:
    """One element, or with an empty tag a row of children without an element around them."""

    tag: str
    attributes: tuple[tuple[str, str], ...]
    children: tuple[Element | str, ...]

    def __bool__(self) -> bool:
        return bool(self.tag or self.children)

    def __str__(self) -> str:
        return self.to_html()

    def to_html(self) -> Html:
        """The element as HTML, every text and attribute escaped.

        >>> element("p", 'say "hi" & go', class_="a", aria_label='"').to_html()
        '<p class="a" aria-label="&quot;">say "hi" &amp; go</p>'
        """
        parts: list[str] = []
        _write(self, parts)
        return Html("".join(parts))

    def to_json(self) -> Any:
        """The element as JSON: `[tag, {attribute: value}, child, …]`, where a child is a text or an element.

        Raises ValueError for a tag or an attribute that a widget does not admit, and for raw markup.

        >>> element("p", "a < ", element("b", "b"), class_="c").to_json()
        ['p', {'class': 'c'}, 'a < ', ['b', {}, 'b']]
        """
        if (self.tag and self.tag not in TAGS) or not {name for name, _ in self.attributes} <= ATTRIBUTES:
            raise ValueError(
                f"<{self.tag}> with {[name for name, _ in self.attributes]} is nothing for a widget."
            )
        return [self.tag, dict(self.attributes), *map(_child_json, self.children)]


Node = Element | str


def element(tag: str, *children: Node, **attributes: object) -> Element:
    """One HTML or SVG element around its children.

    An attribute that is None is left out, `_` in a name reads as `-`, and a name that Python keeps for itself takes a `_`
    at its end.

    >>> str(element("i", class_="a", title=None, data_label="b"))
    '<i class="a" data-label="b"></i>'
    """
    given = tuple(
        (name.rstrip("_").replace("_", "-"), shown(str(value)))
        for name, value in attributes.items()
        if value is not None
    )
    return Element(tag, given, _flat(children))


def join(*children: Node) -> Element:
    """Several children one after the other, without an element around them.

    >>> str(join("<", element("i", "a")))
    '&lt;<i>a</i>'
    """
    return Element("", (), _flat(children))


def _flat(children: tuple[Node, ...]) -> tuple[Node, ...]:
    flat: list[Node] = []
    for child in children:
        if isinstance(child, Element) and not child.tag:
            flat += child.children
        elif isinstance(child, Element | Html) or child:
            flat.append(child if isinstance(child, Element | Html) else shown(child))
    return tuple(flat)


def _write(node: Node, parts: list[str]) -> None:
    if not isinstance(node, Element):
        parts.append(node if isinstance(node, Html) else html.escape(node, quote=False))
        return
    if node.tag:
        parts.append(f"<{node.tag}")
        parts += (f' {name}="{html.escape(value)}"' for name, value in node.attributes)
        parts.append(">")
    for child in node.children:
        _write(child, parts)
    if node.tag and node.tag not in _VOID:
        parts.append(f"</{node.tag}>")


def _child_json(child: Node) -> Any:
    if isinstance(child, Element):
        return child.to_json()
    if isinstance(child, Html):
        raise ValueError("Raw markup is nothing for a widget.")
    return child


def shown(text: str) -> str:
    """A text as a page can hold it: control characters as their pictures, what HTML forbids as U+FFFD.

    Line ends of all kinds become a line feed, as in every HTML parser.

    >>> shown("a\\0b\\r\\nc\\x85")
    'a␀b\\nc�'
    """
    text = re.sub("\r\n?", "\n", text)
    # Nothing that can be printed is forbidden, and asking for that is much faster than a translation.
    return text if all(map(str.isprintable, text.split("\n"))) else text.translate(_FORBIDDEN)
