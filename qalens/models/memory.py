"""How much memory there is for a text: of the machine, of the container that it runs in, and of the process."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath


def free_memory() -> int | None:
    """Bytes that this process can still get.

    The minimum of what the machine has left, what the control groups above the process have left (containers,
    JupyterHub, batch systems; versions 1 and 2), and what the address space of the process may still grow by (`ulimit
    -v`).

    Returns
    -------
    int or None
        None if no system reports it.

    Examples
    --------
    >>> free = free_memory()
    >>> free is None or free >= 0
    True
    """
    limits = [_of_machine(), *_of_groups(), _of_address_space()]
    return min((max(0, n) for n in limits if n is not None), default=None)


def _of_machine() -> int | None:
    import psutil  # loads a library of its own

    try:
        # What a file cache would give back counts as free.
        return int(psutil.virtual_memory().available)
    except (OSError, RuntimeError, NotImplementedError):
        return None


def _of_groups(root: str = "/") -> Iterator[int]:
    """What each control group with a limit has left, from that of the process up to the outermost."""
    try:
        lines = Path(root, "proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return
    for line in lines:
        number, controllers, path = line.split(":", 2) if line.count(":") > 1 else ("", "", "")
        if "memory" in controllers.split(","):
            mount, names = "sys/fs/cgroup/memory", ("limit_in_bytes", "usage_in_bytes", "total_inactive_file")
        elif number == "0":
            mount, names = "sys/fs/cgroup", ("max", "current", "inactive_file")
        else:
            continue
        # Inside a container the path may be that of the host, of which only the top is seen.
        for group in (PurePosixPath(path), *PurePosixPath(path).parents):
            left = _left(Path(root, mount, str(group).lstrip("/")), *names)
            if left is not None:
                yield left


def _left(folder: Path, limit: str, used: str, cache: str) -> int | None:
    """Limit minus use of one group, where the file cache that can be dropped is not counted as used."""
    try:
        most, now = (int(Path(folder, f"memory.{name}").read_text()) for name in (limit, used))
    except (OSError, ValueError):  # no such group, or "max": no limit
        return None
    try:
        found = re.search(rf"^{cache} (\d+)$", Path(folder, "memory.stat").read_text(), re.MULTILINE)
    except OSError:
        found = None
    return most - now + (int(found[1]) if found else 0)


def _of_address_space() -> int | None:
    """How much the address space may still grow."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return None
    most, _ = resource.getrlimit(resource.RLIMIT_AS)
    if most == resource.RLIM_INFINITY:
        return None
    import psutil

    return most - psutil.Process(os.getpid()).memory_info().vms
