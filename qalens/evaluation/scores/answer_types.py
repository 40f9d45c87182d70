"""The type of an answer by its form: a date, a number, a name, or other words."""

from __future__ import annotations

import re
from collections.abc import Iterable

# In the order of tables.
ANSWER_TYPES = ("date", "number", "name", "other words")
_MONTHS = "january february march april may june july august september october november december".split()
_DAYS = "monday tuesday wednesday thursday friday saturday sunday".split()
_NUMBERS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand million billion half "
    "dozen first second third fourth fifth"
).split()
# "May" and "march" are words too, and "Sun" begins names: months count beside a number, or alone.
_DATE = re.compile(
    rf"\b(1\d|20)\d\d(s|\b)|\b({'|'.join(_DAYS)})\b|\bcentur(y|ies)\b|\d\s+({'|'.join(_MONTHS)})\b|\b({'|'.join(_MONTHS)})\s+\d"
    rf"|^({'|'.join(_MONTHS)})$",
    re.IGNORECASE,
)
_NUMBER = re.compile(rf"\d|^(about |around |over |nearly )?({'|'.join(_NUMBERS)})\b", re.IGNORECASE)
_SMALL = frozenset("a an and at by de der for from in la le of on or the to van von with".split())
_WORD = re.compile(r"[^\W\d_][\w'’.-]*")


def answer_type(golds: Iterable[str]) -> str | None:
    """The type of the shortest gold answer by its form alone; the names follow Rajpurkar et al. (2016), Table 2.

    A date has a year, a century, a weekday or a month with a day; a number has another digit or begins with a number
    word; of a name all words but small ones begin with a capital letter.

    Parameters
    ----------
    golds
        The texts of the gold answers.

    Returns
    -------
    str or None
        One of `ANSWER_TYPES`; None without a gold answer.

    Examples
    --------
    >>> [answer_type([text]) for text in ("in 1843", "two ships", "the Bank of Ada", "oak from a wreck")]
    ['date', 'number', 'name', 'other words']
    """
    text = min(golds, key=len, default="").strip()
    if not text:
        return None
    if _DATE.search(text):
        return "date"
    if _NUMBER.search(text):
        return "number"
    words = [word for word in _WORD.findall(text) if word.lower() not in _SMALL]
    return "name" if words and all(word[0].isupper() for word in words) else "other words"
