"""What every record with arrays has in common: it stays as it was made, on disk and in other processes too."""

from __future__ import annotations

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
