"""What people hand in for a question or a text without meaning it: the name of a file, and the two the wrong way round."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

from qalens.errors import InputError

# Longer than any path that a system takes for one.
_LONGEST_NAME = 260
_FILE = re.compile(
    r"[^\r\n]+\.(txt|md|rst|html?|xml|jsonl?|ndjson|csv|tsv|parquet|pdf|docx?|odt|rtf|epub|tex|gz|bz2|xz|zip)",
    re.IGNORECASE,
)
_QUESTION_MARKS = ("?", "？", "؟", ";", "՞", "⁇")
_LEAST_WORDS = 8


def check_not_a_file(context: Any) -> None:
    """Check that a text is not the name of a file.

    A name of one word is recognised by its ending, one with spaces only if there is such a file.

    Parameters
    ----------
    context : object
        The text.

    Raises
    ------
    InputError
        For the name of a file.

    Examples
    --------
    >>> check_not_a_file("notes.txt")
    Traceback (most recent call last):
    qalens.errors.InputError: The context is the name of a file, 'notes.txt', and not a text; read it first: Path('notes.txt').read_text().
    """
    if not isinstance(context, str) or len(context) > _LONGEST_NAME or not _FILE.fullmatch(context.strip()):
        return
    name = context.strip()
    if len(name.split()) == 1 or _is_file(name):
        raise InputError(
            f"The context is the name of a file, {name!r}, and not a text; read it first: Path({name!r}).read_text()."
        )


def warn_if_swapped(question: Any, context: Any) -> None:
    """Warn if question and text look swapped: the text ends like a question, and the question is the longer one.

    Parameters
    ----------
    question : object
        The question.
    context : object
        The text.

    Examples
    --------
    >>> import warnings
    >>> with warnings.catch_warnings(record=True) as told:
    ...     warnings.simplefilter("always")
    ...     warn_if_swapped("Ada Marlow kept the lamp of the lighthouse for years.", "Who kept the lamp?")
    >>> len(told)
    1
    """
    if not isinstance(question, str) or not isinstance(context, str):
        return
    asked, told = question.rstrip(), context.rstrip()
    if (
        told.endswith(_QUESTION_MARKS)
        and not asked.endswith(_QUESTION_MARKS)
        and len(asked) > len(told)
        and len(asked.split()) >= _LEAST_WORDS
    ):
        warnings.warn(
            f"Question and text look swapped: the text asks, {told[-60:]!r}, and the question is a text of {len(asked):,} "
            "characters. The question comes first: reader.read(question, context).",
            stacklevel=2,
        )


def _is_file(name: str) -> bool:
    try:
        return Path(name).is_file()
    except (OSError, ValueError):
        return False
