"""The one source of colours: what each means, for light and for dark ground. Style sheets and matplotlib take them here.

A colour has one meaning everywhere, and none speaks alone: a line, a stripe, a sign or a word says the same.
"""

from __future__ import annotations

from typing import Final

# meaning -> (on a light ground, on a dark ground). Letters in any of them stand out from the ground by 4.5 : 1, except in
# `pale`, `rule`, `field`, and the fillings `for` and `against`, which carry letters in `ink`.
PALETTE: Final[dict[str, tuple[str, str]]] = {
    "ground": ("#ffffff", "#15181d"),
    "ink": ("#1a1d21", "#e9ebee"),
    "soft": ("#59616b", "#a4adb8"),
    "rule": ("#dde1e6", "#343a42"),
    "field": ("#f2f4f6", "#20252b"),
    # the answer, and where it would start and end
    "answer": ("#0a62c4", "#74b3ff"),
    "end": ("#3f74a9", "#9fbfe0"),
    "pale": ("#9cc3ef", "#36608f"),
    # no answer
    "none": ("#b34a00", "#ffa45c"),
    # what contributes positively or is more, and negatively or is less
    "more": ("#17734a", "#5fd3a0"),
    "less": ("#873aa6", "#d79af2"),
    "for": ("#7fcfa8", "#1d6b48"),
    "against": ("#d3a6e4", "#6d2f86"),
    # right and wrong, judged by gold answers
    "right": ("#3b4754", "#c3ccd6"),
    "wrong": ("#c0264b", "#ff8ba5"),
    # lines of a chart that mean nothing else
    "second": ("#0b7a75", "#4fd0c7"),
    "third": ("#7a5c00", "#d6b656"),
}

LIGHT: Final[dict[str, str]] = {name: light for name, (light, _) in PALETTE.items()}


def variables() -> str:
    """The palette as CSS custom properties, `--ql-NAME`, that follow the colour scheme of where they stand.

    >>> "--ql-answer: light-dark(#0a62c4, #74b3ff);" in variables()
    True
    """
    return "\n".join(
        f"  --ql-{name}: light-dark({light}, {dark});" for name, (light, dark) in PALETTE.items()
    )
