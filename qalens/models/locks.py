"""What threads and forked processes must not do to one module at the same time."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

import torch


@dataclass(slots=True, eq=False)
class _Readers:
    """How many read with a module just now, and its parts that go back to training when the last has finished."""

    count: int = 0
    training: list[torch.nn.Module] = field(default_factory=list)

    def restore(self) -> None:
        for part in self.training:
            part.training = True
        self.training.clear()


# By module, since several `QAModel`s may hold the same; beside it, since a lock cannot be copied or pickled.
_PASSES: WeakKeyDictionary[torch.nn.Module, threading.RLock] = WeakKeyDictionary()
_READERS: WeakKeyDictionary[torch.nn.Module, _Readers] = WeakKeyDictionary()
_GUARD = threading.Lock()
_held_for_fork: list[threading.RLock] = []


@contextmanager
def alone(module: torch.nn.Module) -> Iterator[None]:
    """Make passes of other threads wait while the context is open: hooks of one pass must not affect another.

    Parameters
    ----------
    module : torch.nn.Module
        The module.
    """
    with _PASSES.setdefault(module, threading.RLock()):
        yield


@contextmanager
def evaluating(module: torch.nn.Module) -> Iterator[None]:
    """Turn dropout off while the context is open; a module in training returns to it after the last reader.

    Parameters
    ----------
    module : torch.nn.Module
        The module.
    """
    with _GUARD:
        readers = _READERS.setdefault(module, _Readers())
        readers.count += 1
        if training := [part for part in module.modules() if part.training]:
            readers.training += training
            module.eval()
    try:
        yield
    finally:
        with _GUARD:
            readers.count -= 1
            if readers.count == 0:
                readers.restore()


def _before_fork() -> None:
    # A child holds the hooks of a pass that another thread was in, and would wait for that thread for ever. So passes are
    # over before anything forks. The guard comes last: whoever holds it never waits for a pass.
    _held_for_fork[:] = list(_PASSES.values())
    for lock in _held_for_fork:
        lock.acquire()
    _GUARD.acquire()


def _after_fork() -> None:
    _GUARD.release()
    for lock in _held_for_fork:
        lock.release()
    _held_for_fork.clear()


def _after_fork_in_child() -> None:
    # The threads that were reading are not in the child, so nobody else would bring the training back.
    for readers in list(_READERS.values()):
        readers.restore()
    _READERS.clear()
    _after_fork()


if hasattr(os, "register_at_fork"):  # Windows does not fork
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork_in_child)
