"""What records have in common: those with arrays stay as they were made, and numbers go to JSON, which has no infinity."""

from __future__ import annotations

import math
from typing import Any, TypeVar

_Record = TypeVar("_Record", bound=type)


def read_only(record: _Record) -> _Record:
    """Let a record be checked and made read-only again when it comes out of a pickle or is copied.

    numpy forgets in a pickle that an array was read-only. What `__post_init__` does to a new record is done to a restored
    one as well, so a pickle of other shapes is refused too. Stands above `dataclass(frozen=True, slots=True)`.

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


def finite(value: float) -> float | None:
    """The number itself, or None for one that JSON cannot write.

    >>> finite(-1.5), finite(float("-inf"))
    (-1.5, None)
    """
    return value if math.isfinite(value) else None
