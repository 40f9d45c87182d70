"""What counts as a number where an option asks for one."""

from __future__ import annotations

import math
import numbers
import sys
from typing import Any

from qalens.errors import InputError, shown


def is_whole(value: Any, least: int = -sys.maxsize) -> bool:
    """Whether a value is a whole number of at least `least` that fits an array index.

    Integers of numpy count, truth values do not.

    Parameters
    ----------
    value : object
        Any value.
    least : int, default -sys.maxsize
        The smallest number that is allowed.

    Returns
    -------
    bool

    Examples
    --------
    >>> is_whole(3, least=1), is_whole(True), is_whole(2.0), is_whole(2**70)
    (True, False, False, False)
    """
    return (
        isinstance(value, int | numbers.Integral)  # int first: asking the abstract class takes longer
        and not isinstance(value, bool)
        and least <= int(value) <= sys.maxsize
    )


def is_number(value: Any) -> bool:
    """Whether a value is a real number that a float can hold; infinity is, nan is not.

    Parameters
    ----------
    value : object
        Any value.

    Returns
    -------
    bool

    Examples
    --------
    >>> is_number(0.5), is_number(-math.inf), is_number(math.nan), is_number("1"), is_number(10**400)
    (True, True, False, False, False)
    """
    if isinstance(value, bool) or not isinstance(value, float | int | numbers.Real):
        return False
    try:
        return not math.isnan(float(value))
    except OverflowError:
        return False


def check_seed(seed: Any) -> int:
    """Check the seed of a random generator.

    Parameters
    ----------
    seed : object
        A whole number from 0 on.

    Returns
    -------
    int

    Raises
    ------
    InputError
        For anything else.

    Examples
    --------
    >>> check_seed(7)
    7
    """
    if not is_whole(seed, least=0):
        raise InputError(f"seed has to be a whole number from 0 on, but is {shown(seed)}.")
    return int(seed)
