"""What all explorers are made of: a record in Python, a picture in the browser, and its static exports."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import anywidget
import numpy as np
import traitlets
from numpy.typing import ArrayLike

from qalens.display.html.element import join
from qalens.display.html.parts import table as table_html
from qalens.display.labels import clip, clip_middle
from qalens.display.parts import Row, Table
from qalens.errors import InputError, meant, shown
from qalens.files import write_file
from qalens.readings.documents import DocumentsReading
from qalens.readings.reading import FailedReading, Reading
from qalens.text.visible import visible
from qalens.widgets.bundle import script_text, style_text
from qalens.widgets.notebook_cells import shown_in_this_cell
from qalens.widgets.page import explorer_page, fit_for_utf8, frame_html, passage_html

if TYPE_CHECKING:
    from matplotlib.figure import Figure


_Data = TypeVar("_Data", str, bytes)
_MOST_ROWS = 12  # of a table for viewers that drop frames


class Explorer(anywidget.AnyWidget):
    """A live view of a record: the parent of all explorers, with what they have in common.

    A child names its script (`js/explorers/x.js`, which exports `explore(ui)`), and draws its `figure`. Options are traits of the same
    name: `observe` and `link` work as with every ipywidget.

    Parameters
    ----------
    data : mapping of str to object
        The traits that the record was turned into.
    **options
        Traits that a user gave.

    Attributes
    ----------
    view : dict
        What is shown, as JSON, made by a pure function; big arrays travel beside it as bytes (`floats`).

    Raises
    ------
    InputError
        For a keyword that it does not know.

    Examples
    --------
    >>> from qalens.testing import planted_reading
    >>> from qalens.widgets import SpanExplorer
    >>> explorer = SpanExplorer(planted_reading("Who kept it?", "Ada kept it.", answer="Ada"))
    >>> isinstance(explorer, Explorer), explorer.to_svg().count("<svg")
    (True, 1)
    """

    view = traitlets.Dict().tag(sync=True)

    script = ""  # the name of its module in js/
    height = 600  # pixels of the frame in an exported notebook

    def __init_subclass__(cls, **kwargs: Any):
        # anywidget makes a child of the class for every widget; only a class that names a script gets a module.
        if "script" in cls.__dict__:
            cls._esm = f"{script_text(cls.script)}\nexport default {{ render: draw }};\n"
            cls._css = style_text(cls.script)
            # Help and documentation would show the signature of `HasTraits.__new__`, which takes anything.
            whole = inspect.signature(cls.__init__)
            cls.__signature__ = whole.replace(parameters=[*whole.parameters.values()][1:])
        super().__init_subclass__(**kwargs)

    def __init__(self, data: Mapping[str, Any], **options: Any):
        """`data` are the traits that the record was turned into, `options` those that a user gave."""
        known = (_own_traits(type(self)) - {"view", *data}) | {"layout"}
        check_known(options, sorted(known), type(self).__name__)
        try:
            super().__init__(**data, **options)
        except traitlets.TraitError as error:
            raise InputError(f"{type(self).__name__} cannot be made so: {error}") from error
        self.on_msg(_answer)

    def summary(self) -> str:
        """What is seen, in one line.

        Returns
        -------
        str
            The title of the page, and what text-only readers get.
        """
        return type(self).__name__

    def table(self) -> Table | None:
        """What is seen as one small table, for viewers of saved notebooks that drop frames.

        Returns
        -------
        Table or None
            None where there is none.
        """
        return None

    def figure(self) -> Figure:
        """The same view as a figure of matplotlib, for print.

        Returns
        -------
        matplotlib.figure.Figure
        """
        raise NotImplementedError(f"{type(self).__name__} draws no figure.")

    def to_html(self, path: str | Path | None = None) -> str:
        """The explorer as one HTML page that stays interactive without kernel and network.

        Parameters
        ----------
        path : str or Path, optional
            Where to write it too, whole or not at all.

        Returns
        -------
        str

        Raises
        ------
        QalensError
            Where it cannot be written.
        """
        cls = type(self)
        state = self.get_state(sorted(_own_traits(cls)))
        return _written(
            path, explorer_page(self.summary(), script_text(cls.script), style_text(cls.script), state)
        )

    def to_svg(self, path: str | Path | None = None) -> str:
        """The figure as SVG.

        Parameters
        ----------
        path : str or Path, optional
            Where to write it too.

        Returns
        -------
        str
        """
        from qalens.display.plots.savefig import svg

        return _written(path, svg(self.figure()))

    def to_png(self, path: str | Path | None = None, *, dpi: int = 200) -> bytes:
        """The figure as PNG.

        Parameters
        ----------
        path : str or Path, optional
            Where to write it too.
        dpi : int, default 200
            Dots an inch.

        Returns
        -------
        bytes
        """
        from qalens.display.plots.savefig import png

        return _written(path, png(self.figure(), dpi))

    def get_state(self, key: Any = None, drop_defaults: bool = False) -> dict[str, Any]:
        """The traits as they go to the browser, or into a page: texts without what UTF-8 does not know.

        Parameters
        ----------
        key : str or iterable of str, optional
            Which traits; None takes all that are synchronised.
        drop_defaults : bool, default False
            Leave out what is as it was at first.

        Returns
        -------
        dict
        """
        return fit_for_utf8(super().get_state(key, drop_defaults))

    def to_pdf(self, path: str | Path | None = None) -> bytes:
        """The figure as PDF, with its letters as text.

        Parameters
        ----------
        path : str or Path, optional
            Where to write it too.

        Returns
        -------
        bytes
        """
        from qalens.display.plots.savefig import pdf

        return _written(path, pdf(self.figure()))

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
        """The page of `to_html` as an inline frame, with its title, and with its text and table for who sees no frames.

        Returns
        -------
        str
            HTML.
        """
        reading, table = self._reading_in_words(), self.table()
        text = [] if reading is None else [passage_html(reading)]
        words = join(*text, *([] if table is None else [table_html(table)]))
        return frame_html(self.to_html(), clip(self.summary(), 200), self.height, words)

    def _reading_in_words(self) -> Reading | None:
        """The reading whose text is shown, where it is one."""
        reading = getattr(self, "reading", None)
        return reading if isinstance(reading, Reading) else None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({clip_middle(visible(self.summary()), 200)})"


def _written(path: str | Path | None, data: _Data) -> _Data:
    """The data, after it was written to a path where one is given, whole or not at all."""
    if path is not None:
        write_file(path, data)
    return data


def _answer(explorer: Explorer, content: Any, _: object) -> None:
    """A picture asks whether the kernel still answers."""
    if isinstance(content, dict) and content.get("do") == "ping":
        explorer.send({"do": "pong"})


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
            raise InputError(
                f"{name} has no option {shown(option)}; it knows {', '.join(known)}.{meant(option, known)}"
            )


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
            f"{name} needs a Reading, as reader.read(question, context) gives it, but got {shown(reading)}."
        )
    return reading


def first_rows(columns: tuple[str, ...], rows: tuple[Row, ...]) -> Table:
    """The first rows of many as a table, and how many more there would be.

    >>> from qalens.display.parts import Cell
    >>> first_rows(("question",), (Row((Cell("Who?"),)),) * 15).note
    'and 3 more'
    """
    more = len(rows) - _MOST_ROWS
    return Table("", "", columns, rows[:_MOST_ROWS], note=f"and {more:,} more" if more > 0 else "")


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
