"""What can go wrong, as one small tree.

QalensError              anything that qalens refuses, with what was given, what was expected and what to do
├── InputError           a question, text or option that cannot be read (also a ValueError)
├── ModelError           a checkpoint or model that cannot be loaded or gives no usable logits
└── MissingExtraError    a package of an optional extra is not installed (also an ImportError)
"""

from __future__ import annotations


class QalensError(Exception):
    """Anything that qalens refuses; catch this to catch every error of the library.

    >>> import qalens
    >>> try:
    ...     qalens.CharSpan(3, 2)
    ... except QalensError as error:
    ...     print(error)
    A span needs 0 <= start <= end, but start is 3 and end is 2.
    """


class InputError(QalensError, ValueError):
    """A question, a text or an option that cannot be read; nothing was computed.

    >>> issubclass(InputError, QalensError), issubclass(InputError, ValueError)
    (True, True)
    """


class ModelError(QalensError):
    """A checkpoint that cannot be loaded, or a model that gives no usable start and end logits.

    >>> import qalens
    >>> try:
    ...     qalens.load("a folder that is not there")
    ... except ModelError as error:
    ...     print("no checkpoint")
    no checkpoint
    """


class MissingExtraError(QalensError, ImportError):
    """A package that an optional part of qalens needs is not installed; the message holds the command.

    >>> issubclass(MissingExtraError, QalensError), issubclass(MissingExtraError, ImportError)
    (True, True)
    """
