"""Pictures of boxes and labels: places across in per cent, places down in pixels, so that a picture fills any width.

The words of a picture are attributes that the style sheet shows: a notebook that is not trusted drops styles, and would
leave a heap of loose words otherwise.
"""

from __future__ import annotations

from typing import Literal

from qalens.display.html.element import Element, Node, element

Anchor = Literal["start", "middle", "end"]


def picture(*shapes: Node, height: float, said: str = "", class_: str = "") -> Element:
    """Shapes on a ground of full width, and the picture in words for those who do not see it.

    >>> str(picture(height=20, said="Nothing."))
    '<div class="ql-pic" style="height:20px" role="img" aria-label="Nothing."></div>'
    """
    named = {"role": "img", "aria_label": said} if said else {"aria_hidden": "true"}
    style = f"height:{height:g}px"
    return element("div", *shapes, class_=f"ql-pic {class_}".rstrip(), style=style, **named)


def box(
    left: float, width: float, top: float, height: float, class_: str, *, tip: str = "", opacity: str = ""
) -> Element:
    """A box, with words for a pointer that rests on it.

    >>> str(box(0, 50, 4, 10, "ql-c-answer", tip="half"))
    '<i class="ql-c-answer" style="left:0%;width:50%;top:4px;height:10px" title="half"></i>'
    """
    style = f"left:{per_cent(left)};width:{per_cent(width)};top:{top:g}px;height:{height:g}px"
    style += f";opacity:{opacity}" if opacity else ""
    return element("i", class_=class_, style=style, title=tip or None)


def label(text: str, x: float, top: float, anchor: Anchor = "start", class_: str = "") -> Element:
    """Words at a place, which is their beginning, their middle or their end.

    >>> str(label("0.5", 50, 12, "middle"))
    '<i class="ql-l ql-middle" style="left:50%;top:12px" data-t="0.5"></i>'
    """
    classes = " ".join(c for c in ("ql-l", "" if anchor == "start" else f"ql-{anchor}", class_) if c)
    return element("i", class_=classes, style=f"left:{per_cent(x)};top:{top:g}px", data_t=text)


def per_cent(x: float) -> str:
    """A place across a picture.

    >>> per_cent(12.5)
    '12.5%'
    """
    return f"{round(x, 2):g}%"


def toward(x: float) -> Anchor:
    """Where a label is held so that it does not leave the picture.

    >>> toward(0), toward(50), toward(100)
    ('start', 'middle', 'end')
    """
    return "start" if x < 5 else "end" if x > 95 else "middle"
