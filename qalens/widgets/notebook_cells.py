"""Explorers that a notebook cell showed before are closed when the cell shows others: running it again leaves none."""

from __future__ import annotations

import weakref
from typing import Any

# For each cell: the run that showed something last, and what it showed.
_shown: dict[str, tuple[str, weakref.WeakSet[Any]]] = {}
# For each explorer: the cells that showed it.
_cells: weakref.WeakKeyDictionary[Any, set[str]] = weakref.WeakKeyDictionary()


def shown_in_this_cell(explorer: Any) -> None:
    """Note that the running cell shows an explorer, and close those that its earlier run showed.

    What another cell shows as well stays open. Outside of a notebook nothing happens.
    """
    cell, run = _running()
    if cell is None:
        return
    last, before = _shown.get(cell, ("", weakref.WeakSet()))
    if last != run:
        for old in list(before):
            if old is not explorer and _cells.get(old) == {cell}:
                old.close()
        before = weakref.WeakSet()
    before.add(explorer)
    _shown[cell] = (run, before)
    _cells.setdefault(explorer, set()).add(cell)


def _running() -> tuple[str | None, str]:
    """The id of the cell that runs and the id of this run; None where no frontend says so."""
    from IPython import get_ipython

    shell = get_ipython()
    parent = shell.get_parent() if hasattr(shell, "get_parent") else {}
    return parent.get("metadata", {}).get("cellId"), parent.get("header", {}).get("msg_id", "")
