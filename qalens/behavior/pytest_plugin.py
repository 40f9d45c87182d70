"""A plugin of pytest: an assertion about a rate of a behaviour test quotes failing cases where it fails.

pytest finds it by itself where qalens is installed; nothing of it is loaded before an assertion fails.
"""

from __future__ import annotations


def pytest_assertrepr_compare(op: str, left: object, right: object) -> list[str] | None:
    """Lines that explain a failed comparison, where one side is a number of a behaviour test."""
    quoted = next((found for side in (left, right) if (found := getattr(side, "quoted", None))), None)
    if not isinstance(quoted, str):
        return None
    # pytest cuts an explanation after 8 lines of 80 characters.
    return [f"{left!r} {op} {right!r}", "Some that failed:", *quoted.splitlines()]
