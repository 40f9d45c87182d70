"""What can go wrong, as one small tree.

QalensError              anything that qalens refuses, with what was given, what was expected and what to do
├── InputError           a question, text or option that cannot be read (also a ValueError)
├── ModelError           a checkpoint or model that cannot be loaded or gives no usable logits
└── MissingExtraError    a package of an optional extra is not installed (also an ImportError)
"""

from __future__ import annotations

import reprlib
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

_MOST = 80
_SHORT = reprlib.Repr()
_SHORT.maxlist = _SHORT.maxtuple = _SHORT.maxset = _SHORT.maxfrozenset = _SHORT.maxdict = 24
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = 200


def shown(value: Any) -> str:
    """The beginning of a value as it appears in an error: at most 80 characters, whatever the value is.

    Only the part that is shown is evaluated, so a value of any length or depth, or one that cannot be printed, costs
    nothing and never replaces the error by another.

    Parameters
    ----------
    value : object
        Any value.

    Returns
    -------
    str

    Examples
    --------
    >>> shown("Ada"), shown([0] * 10**6)[:12], shown(10**5000)
    ("'Ada'", '[0, 0, 0, 0,', '<int>')
    """
    try:
        text = repr(value[:_MOST]) if isinstance(value, str | bytes) else _SHORT.repr(value)
    except Exception:  # whatever a __repr__ raises
        text = f"<{type(value).__name__}>"
    return text[:_MOST]


def meant(given: object, known: Iterable[str]) -> str:
    """The question "Did you mean …?" about the known name that is nearest to a misspelt one, with a space before it.

    Parameters
    ----------
    given : object
        The misspelt name.
    known : iterable of str
        The known names.

    Returns
    -------
    str
        An empty string if none is near.

    Examples
    --------
    >>> meant("treshhold", ["threshold", "stride"]), meant("colour", ["threshold"])
    (" Did you mean 'threshold'?", '')
    """
    near = get_close_matches(str(given)[:_MOST], list(known), n=1, cutoff=0.65)
    return f" Did you mean {near[0]!r}?" if near else ""


class QalensError(Exception):
    """The base of all errors of the library; catch it to catch every one.

    Examples
    --------
    >>> import qalens
    >>> try:
    ...     qalens.CharSpan(3, 2)
    ... except QalensError as error:
    ...     print(error)
    A span needs 0 <= start <= end, but start is 3 and end is 2.
    """


class InputError(QalensError, ValueError):
    """A question, a text or an option that cannot be read; nothing was computed.

    Examples
    --------
    >>> issubclass(InputError, QalensError), issubclass(InputError, ValueError)
    (True, True)
    """


class ModelError(QalensError):
    """A checkpoint that cannot be loaded, or a model without usable start and end logits.

    Examples
    --------
    >>> import qalens
    >>> try:
    ...     qalens.load("a folder that is not there")
    ... except ModelError as error:
    ...     print("no checkpoint")
    no checkpoint
    """


class MissingExtraError(QalensError, ImportError):
    """A missing package of an optional extra; the message holds the command that installs it.

    Examples
    --------
    >>> issubclass(MissingExtraError, QalensError), issubclass(MissingExtraError, ImportError)
    (True, True)
    """


def is_panic(error: BaseException) -> bool:
    """Whether an error is a panic of Rust code, such as a tokenizer; a panic is not an `Exception`.

    Parameters
    ----------
    error : BaseException
        What was raised.

    Returns
    -------
    bool

    Examples
    --------
    >>> is_panic(KeyboardInterrupt())
    False
    """
    return type(error).__name__ == "PanicException"
