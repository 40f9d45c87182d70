"""What is over before a process forks, since its child would wait for ever for a thread that it does not have."""

from __future__ import annotations

import os
import threading


def lock_that_forks_wait_for() -> threading.RLock:
    """Make a lock that is free in every child: whoever forks waits until no other thread holds it.

    Returns
    -------
    threading.RLock

    Examples
    --------
    >>> with lock_that_forks_wait_for() as held:
    ...     held
    True
    """
    lock = threading.RLock()
    if hasattr(os, "register_at_fork"):  # Windows does not fork
        os.register_at_fork(before=lock.acquire, after_in_parent=lock.release, after_in_child=lock.release)
    return lock
