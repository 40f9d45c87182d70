"""What all explorers are made of: a record in Python, a picture in the browser, and its still twins."""

from __future__ import annotations

import functools
import importlib.resources
import inspect
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anywidget
import numpy as np
import traitlets
from numpy.typing import ArrayLike

from qalens.documents import DocumentsReading
from qalens.errors import InputError
from qalens.reading import FailedReading, Reading
from qalens.views.markup import clip
from qalens.widgets.cells import shown_in_this_cell
from qalens.widgets.in_words import Table, table_html
from qalens.widgets.page import explorer_page, frame_html

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# What all explorers share, in the order in which it is put together.
_GROUND = ("elements.js", "words.js", "prose.js", "drawing.js", "ui.js", "explorer.js")


class Explorer(anywidget.AnyWidget):
    """A live view of a record: the parent of all explorers, with what they have in common.

    - `view`: what is shown, as JSON, made by a pure function; big arrays travel beside it as bytes (`floats`)
    - `to_html`, `to_svg`, `to_png`: the same view without a kernel; `table`: its main numbers as text
    - options are traits of the same name: `observe` and `link` work as with every ipywidget

    A child names its script (`x.js` beside its module, which defines `explore(ui)`), and draws its `figure`. Raises
    `InputError` for a keyword that it does not know.

    >>> from qalens.testing import planted_reading
    >>> from qalens.widgets import SpanExplorer
    >>> explorer = SpanExplorer(planted_reading("Who kept it?", "Ada kept it.", answer="Ada"))
    >>> isinstance(explorer, Explorer), explorer.to_svg().count("<svg")
    (True, 1)
    """

    view = traitlets.Dict().tag(sync=True)

    script = ""
    shared: tuple[str, ...] = ()  # scripts that stand before its own, with their style sheets
    height = 600  # pixels of the frame in an exported notebook

    def __init_subclass__(cls, **kwargs: Any):
        # anywidget makes a child of the class for every widget; only a class that names a script gets a module.
        if "script" in cls.__dict__:
            cls._esm = f"{module_text(*_GROUND, *cls.shared, cls.script)}\nexport default {{ render }};\n"
            cls._css = style_text(*cls.shared, cls.script)
            # Help and documentation would show the signature of `HasTraits.__new__`, which takes anything.
            whole = inspect.signature(cls.__init__)
            cls.__signature__ = whole.replace(parameters=[*whole.parameters.values()][1:])
        super().__init_subclass__(**kwargs)

    def __init__(self, data: Mapping[str, Any], **options: Any):
        """`data` are the traits that the record was turned into, `options` those that a user gave."""
        known = (_own_traits(type(self)) - {"view", *data}) | {"layout"}
        check_known(options, sorted(known), type(self).__name__)
        super().__init__(**data, **options)

    def summary(self) -> str:
        """What is seen, in one line: the title of the page, and what text-only readers get."""
        return type(self).__name__

    def table(self) -> Table | None:
        """What is seen as one small table, for viewers of saved notebooks that drop frames; None where there is none."""
        return None

    def figure(self) -> Figure:
        """The same view as a figure of matplotlib, for print."""
        raise NotImplementedError(f"{type(self).__name__} draws no figure.")

    def to_html(self, path: str | Path | None = None) -> str:
        """The explorer as one HTML page that stays interactive without kernel and network.

        The page is written to `path` where one is given, and returned.
        """
        cls = type(self)
        state = self.get_state(sorted(_own_traits(cls)))
        script = module_text(*_GROUND, *cls.shared, cls.script)
        page = explorer_page(self.summary(), script, style_text(*cls.shared, cls.script), state)
        if path is not None:
            Path(path).write_text(page, encoding="utf-8")
        return page

    def to_svg(self, path: str | Path | None = None) -> str:
        """The figure as SVG; written to `path` where one is given, and returned."""
        from qalens.views.files import svg

        text = svg(self.figure())
        if path is not None:
            Path(path).write_text(text, encoding="utf-8")
        return text

    def to_png(self, path: str | Path | None = None, *, dpi: int = 200) -> bytes:
        """The figure as PNG of `dpi` dots an inch; written to `path` where one is given, and returned."""
        from qalens.views.files import png

        data = png(self.figure(), dpi)
        if path is not None:
            Path(path).write_bytes(data)
        return data

    def close(self) -> None:
        """Take the explorer and its layout off every page and out of the kernel; showing it again opens it anew."""
        super().close()
        self.layout.close()
        # ipywidgets hides the method of what is closed, which would leave nothing to show again.
        vars(self).pop("_repr_mimebundle_", None)

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        if self.comm is None:
            self.layout.open()
            self.open()
        shown_in_this_cell(self)
        data, metadata = super()._repr_mimebundle_(**kwargs) or ({}, {})
        return {**data, "text/html": self.frame(), "text/plain": repr(self)}, metadata

    def frame(self) -> str:
        """The page of `to_html` as an inline frame, with its title and its table below."""
        table = self.table()
        words = None if table is None else table_html(table)
        return frame_html(self.to_html(), clip(self.summary(), 200), self.height, words)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({clip(self.summary(), 200)})"


def _own_traits(cls: type[Explorer]) -> set[str]:
    """The synced traits that are ours, not those of every widget."""
    ours = set(cls.class_trait_names(sync=True)) - set(anywidget.AnyWidget.class_trait_names())
    return {name for name in ours if not name.startswith("_")}


def check_known(given: Iterable[str], known: Sequence[str], name: str) -> None:
    """Raise `InputError` for a keyword that is not among those `known`, which the message names.

    >>> check_known(["colour"], ["layout", "selected"], "SpanExplorer")
    Traceback (most recent call last):
    qalens.errors.InputError: SpanExplorer has no option 'colour'; it knows layout, selected.
    """
    for option in given:
        if option not in known:
            raise InputError(f"{name} has no option {option!r}; it knows {', '.join(known)}.")


def check_reading(reading: Any, name: str) -> Reading:
    """The reading itself, of many documents as that of one text, or `InputError` for what is none.

    `name` is the explorer that got it.

    >>> check_reading("Who?", "SpanExplorer")
    Traceback (most recent call last):
    qalens.errors.InputError: SpanExplorer needs a Reading, as reader.read(question, context) gives it, but got 'Who?'.
    """
    if isinstance(reading, FailedReading):
        raise InputError(f"{name} has nothing to show, since the text could not be read: {reading.error}")
    if isinstance(reading, DocumentsReading):
        return reading.joined()
    if not isinstance(reading, Reading):
        raise InputError(
            f"{name} needs a Reading, as reader.read(question, context) gives it, but got {reading!r:.80}."
        )
    return reading


def floats(array: ArrayLike) -> bytes:
    """Numbers as float32, little-endian, for a trait of bytes; `ui.floats(name)` reads them in the browser.

    >>> floats([1.0, float("-inf")]).hex()
    '0000803f000080ff'
    """
    return np.ascontiguousarray(array, "<f4").tobytes()


def ints(array: ArrayLike) -> bytes:
    """Whole numbers as int32, little-endian, for a trait of bytes; `ui.ints(name)` reads them in the browser.

    >>> ints([1, -1]).hex()
    '01000000ffffffff'
    """
    return np.ascontiguousarray(array, "<i4").tobytes()


@functools.cache
def module_text(*scripts: str) -> str:
    """Scripts of this package one after the other, as the inside of one ES module.

    >>> "function render(" in module_text("explorer.js")
    True
    """
    return "\n".join(_text(script) for script in scripts)


@functools.cache
def style_text(*scripts: str) -> str:
    """The style sheet of all explorers, and that of one where it has its own: `x.css` beside `x.js`.

    >>> ".ql-x" in style_text("span_explorer.js")
    True
    """
    own = [script.removesuffix(".js") + ".css" for script in scripts]
    sheets = ["explorer.css", *(sheet for sheet in own if (_folder() / sheet).is_file())]
    return "\n".join(_text(sheet) for sheet in sheets)


def _folder() -> Any:
    return importlib.resources.files("qalens.widgets")


def _text(name: str) -> str:
    """A file of this package without comments and indents, since it goes along with every explorer.

    Comments of ours stand on lines of their own, and no text of ours runs over several lines.
    """
    lines = (line.strip() for line in (_folder() / name).read_text("utf-8").splitlines())
    return "\n".join(line for line in lines if line and not line.startswith(("// ", "/*", "*")))
