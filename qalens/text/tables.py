"""The rows of a table, whatever holds it: a data frame, an Arrow table, a dictionary of columns."""

from __future__ import annotations

import numbers
from collections.abc import Iterator, Mapping
from typing import Any


def rows_of_table(source: Any) -> Iterator[dict[str, Any]] | None:
    """Iterate over the rows of a table as dictionaries.

    Tables are data frames of pandas and polars, Arrow tables, numpy arrays with named fields, and a dictionary of
    lists of one length, as a slice of a `datasets.Dataset` is. Plain iteration over one of these would give its
    columns.

    Parameters
    ----------
    source : object
        A possible table.

    Returns
    -------
    iterator of dict of str to object or None
        None if `source` is not a table.

    Examples
    --------
    >>> list(rows_of_table({"id": [1, 2], "text": ["Ada kept it.", "Tobias slept."]}))
    [{'id': 1, 'text': 'Ada kept it.'}, {'id': 2, 'text': 'Tobias slept.'}]
    >>> rows_of_table(["Ada kept it."]) is None
    True
    """
    if isinstance(source, Mapping):
        return _rows_of_columns(source)
    if hasattr(source, "columns"):
        if hasattr(source, "itertuples"):  # pandas
            names = [str(name) for name in source.columns]
            rows = source.itertuples(index=False, name=None)
            return (dict(zip(names, row, strict=True)) for row in rows)
        if hasattr(source, "iter_rows"):  # polars
            return source.iter_rows(named=True)
    if hasattr(source, "to_pylist") and hasattr(source, "schema"):  # Arrow
        return iter(source.to_pylist())
    names = getattr(getattr(source, "dtype", None), "names", None)
    if names:  # an array of numpy with named fields
        return (dict(zip(names, row, strict=True)) for row in source.tolist())
    return None


def _rows_of_columns(columns: Mapping[Any, Any]) -> Iterator[dict[str, Any]] | None:
    lists = [is_listed(column) for column in columns.values()]
    if not columns or not all(lists) or len({len(column) for column in columns.values()}) != 1:
        return None
    return (dict(zip(map(str, columns), row, strict=True)) for row in zip(*columns.values(), strict=True))


def is_listed(given: Any) -> bool:
    """Whether a value is a row of values: a list, a tuple, an array or a column of a data set, but not a text or a
    dictionary.

    Parameters
    ----------
    given : object
        Any value.

    Returns
    -------
    bool

    Examples
    --------
    >>> is_listed(["Ada"]), is_listed("Ada"), is_listed({"id": 1})
    (True, False, False)
    """
    if isinstance(given, str | bytes | Mapping):
        return False
    return hasattr(given, "__len__") and hasattr(given, "__getitem__") and getattr(given, "ndim", 1) > 0


def is_missing(value: Any) -> bool:
    """Whether a cell is empty: None, or a missing value of a data frame (NaN, NA, NaT).

    Parameters
    ----------
    value : object
        The value of a cell.

    Returns
    -------
    bool

    Examples
    --------
    >>> is_missing(None), is_missing(float("nan")), is_missing(""), is_missing(0)
    (True, True, False, False)
    """
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, numbers.Number) and not isinstance(value, complex) and bool(value != value)
