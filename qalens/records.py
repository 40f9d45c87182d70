"""What records have in common: those with arrays stay as they were made, print on a few lines, and go to JSON."""

from __future__ import annotations

import importlib
import math
import numbers
from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any, TypeVar

import numpy as np

from qalens.errors import shown

_Record = TypeVar("_Record", bound=type)


class Shown:
    """A record that displays itself in a notebook. Its view is looked up by its class only when a notebook requests it.

    Examples
    --------
    >>> from qalens.testing import planted_reading
    >>> planted_reading("Who kept it?", "Ada kept the lamp.", answer="Ada")._repr_html_().count("<figure")
    1
    """

    __slots__ = ()

    def _repr_html_(self) -> str:
        # By its name: a record imports nothing that draws it.
        return importlib.import_module("qalens.display").notebook_html(self)


def read_only(record: _Record) -> _Record:
    """Make a record check itself and set its arrays read-only also after unpickling and copying.

    numpy does not keep in a pickle that an array was read-only. `__post_init__` runs for a restored record as for a
    new one, so a pickle with other shapes is refused too. Use it above `dataclass(frozen=True, slots=True)`.

    Parameters
    ----------
    record : _Record
        The class.

    Returns
    -------
    _Record
        The same class.

    Examples
    --------
    >>> import pickle
    >>> from qalens.testing import planted_logits
    >>> logits = planted_logits("Ada kept the lamp.", answer="Ada")
    >>> pickle.loads(pickle.dumps(logits)).start.flags.writeable
    False
    """
    restore = record.__setstate__

    def set_state(self: Any, state: Any) -> None:
        restore(self, state)
        self.__post_init__()

    record.__setstate__ = set_state
    return record


# Stands for the value of a field that is made when it is first asked for.
LATER: Any = None


def made_later(name: str, make: Callable[[Any], Any]) -> Callable[[_Record], _Record]:
    """Make a field of a record be computed from the others when it is first asked for, if it was given as `LATER`.

    A pickle holds what was given. Use it above `dataclass(frozen=True, slots=True)`.

    Parameters
    ----------
    name : str
        The field.
    make : callable
        From the record to the value of the field.

    Returns
    -------
    callable
        From the class to the same class.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> @made_later("area", lambda square: square.side**2)
    ... @dataclass(frozen=True, slots=True)
    ... class Square:
    ...     side: int
    ...     area: int = LATER
    >>> Square(3).area
    9
    """

    def decorate(record: _Record) -> _Record:
        field = _MadeLater(vars(record)[name], make)
        names = [one.name for one in fields(record)]

        def state(self: Any) -> list[Any]:
            return [field.given(self) if one == name else getattr(self, one) for one in names]

        setattr(record, name, field)
        record.__getstate__ = state  # pyright: ignore[reportAttributeAccessIssue]
        return record

    return decorate


def comes_later(record: Any, name: str) -> bool:
    """Whether a field that is made when it is first asked for has not been made yet.

    Parameters
    ----------
    record : object
        A record with such a field.
    name : str
        The field.

    Returns
    -------
    bool

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> @made_later("area", lambda square: square.side**2)
    ... @dataclass(frozen=True, slots=True)
    ... class Square:
    ...     side: int
    ...     area: int = LATER
    >>> one = Square(3)
    >>> comes_later(one, "area"), one.area, comes_later(one, "area")
    (True, 9, False)
    """
    return getattr(type(record), name).given(record) is LATER


class _MadeLater:
    """What takes the place of a slot: it fills the slot when it is first read."""

    def __init__(self, slot: Any, make: Callable[[Any], Any]):
        self._slot, self._make = slot, make

    def given(self, record: Any) -> Any:
        return self._slot.__get__(record)

    def __get__(self, record: Any, owner: type | None = None) -> Any:
        if record is None:
            return self
        value = self._slot.__get__(record)
        if value is LATER:
            value = self._make(record)
            self._slot.__set__(record, value)
        return value

    def __set__(self, record: Any, value: Any) -> None:
        self._slot.__set__(record, value)


# A line of a record holds so many characters of one field; of a tuple it holds so many items.
_FIELD, _ITEMS = 100, 4


def brief(record: _Record) -> _Record:
    """Make a record print on a few lines: numbers rounded to four digits, and only the beginning of everything else.

    Nothing is rounded in the record itself. Use it above `dataclass`.

    Parameters
    ----------
    record : _Record
        The class.

    Returns
    -------
    _Record
        The same class.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> @brief
    ... @dataclass
    ... class Found:
    ...     share: float
    ...     rows: tuple[int, ...]
    >>> Found(0.960260842719351, tuple(range(300)))
    Found(share=0.9603, rows=(0, 1, 2, 3, … 300 in all))
    """
    record.__repr__ = _brief  # pyright: ignore[reportAttributeAccessIssue]
    return record


def _brief(self: Any) -> str:
    values = ", ".join(
        f"{field.name}={_clipped(_short(getattr(self, field.name)))}" for field in fields(self) if field.repr
    )
    return f"{type(self).__name__}({values})"


def _short(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"<{' × '.join(map(str, value.shape))} {value.dtype}>"
    if isinstance(value, numbers.Real) and not isinstance(value, numbers.Integral | bool):
        return f"{float(value):.4g}"
    if isinstance(value, str):
        return repr(value if len(value) <= _FIELD else value[: _FIELD - 20] + "…")
    if isinstance(value, tuple | list):
        items = [_clipped(_short(item)) for item in value[:_ITEMS]]
        if len(value) > _ITEMS:
            items.append(f"… {len(value):,} in all")
        inside = ", ".join(items) + ("," if isinstance(value, tuple) and len(value) == 1 else "")
        return f"({inside})" if isinstance(value, tuple) else f"[{inside}]"
    if isinstance(value, Mapping):
        return f"{{{', '.join(map(shown, list(value)[:_ITEMS]))}{', …' if len(value) > _ITEMS else ''}}}"
    if type(value).__repr__ is object.__repr__ or not hasattr(type(value), "__dataclass_fields__"):
        return shown(value)
    return repr(value)


def _clipped(text: str) -> str:
    return text if len(text) <= _FIELD else f"{text[: _FIELD - 1]}…"


def finite(value: float) -> float | None:
    """The number itself, or None for infinity and nan, which JSON cannot write.

    Parameters
    ----------
    value : float
        Any float.

    Returns
    -------
    float or None

    Examples
    --------
    >>> finite(-1.5), finite(float("-inf"))
    (-1.5, None)
    """
    return value if math.isfinite(value) else None
