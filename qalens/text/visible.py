"""Texts on a terminal: no character that acts instead of being seen."""

from __future__ import annotations

import os
import shlex
import subprocess
import unicodedata
from collections.abc import Sequence


def visible(text: str) -> str:
    """Escape a text for one line of a terminal or log: nothing in it can move the cursor or reverse the order of words.

    Line ends and tabs become spaces; control characters, direction marks and lone surrogates become U+FFFD.

    Parameters
    ----------
    text : str
        Any text.

    Returns
    -------
    str

    Examples
    --------
    >>> visible("the\\nlamp\\x1b[31m")
    'the lamp\\ufffd[31m'
    """
    return text if text.isprintable() else "".join(map(_visible, text))


def visible_lines(text: str) -> str:
    """Escape a text of several lines, each as `visible` does.

    Parameters
    ----------
    text : str
        Any text.

    Returns
    -------
    str

    Examples
    --------
    >>> visible_lines("the\\nlamp\\x07")
    'the\\nlamp\\ufffd'
    """
    return "\n".join(map(visible, text.split("\n")))


def command_line(words: Sequence[str]) -> str:
    """Quote words for the shell of this system.

    Parameters
    ----------
    words : sequence of str
        The command and its arguments.

    Returns
    -------
    str

    Examples
    --------
    >>> command_line(["qalens", "two words"]) in ("qalens 'two words'", 'qalens "two words"')
    True
    """
    return visible(subprocess.list2cmdline(words) if os.name == "nt" else shlex.join(words))


def _visible(character: str) -> str:
    if character in "\n\r\t\u2028\u2029":
        return " "
    return "\N{REPLACEMENT CHARACTER}" if unicodedata.category(character) in ("Cc", "Cf", "Cs") else character
