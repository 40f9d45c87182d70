"""Every public name explains itself in the sections of NumPy: its parameters by name, what it returns, an example."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("griffe")
import griffe
from public_api import public_members

SELF = {"self", "cls"}


def sections(member: Any) -> dict[str, Any]:
    found = member.docstring.parse("numpy", warnings=False) if member.docstring else []
    return {section.kind.value: section.value for section in found}


def described(found: dict[str, Any], section: str) -> list[str]:
    return [each.name.lstrip("*") for each in found.get(section, [])]


def flaws(member: Any) -> list[str]:
    """What the docstring of a public function, method or class lacks."""
    found = sections(member)
    named = [each.name.lstrip("*") for each in member.parameters if each.name not in SELF]
    if not found:
        return ["no docstring"]
    if member.is_class:
        told = "parameters" in found or "attributes" in found
        lacks = [] if told or not named else ["Parameters or Attributes"]
        return lacks if "examples" in found else [*lacks, "Examples"]
    lacks = [] if described(found, "parameters") == named else [f"Parameters of {', '.join(named)}"]
    gives = member.returns is not None and str(member.returns) != "None"
    return [*lacks, "Returns"] if gives and not {"returns", "yields"} & set(found) else lacks


def overrides(member: Any) -> bool:
    """Whether a method has no parameters and is one of a parent's, which says what it returns."""
    if not member.is_function or not member.parent.is_class:
        return False
    inherited = any(member.name in parent.members for parent in member.parent.mro())
    return inherited and not {each.name for each in member.parameters} - SELF


def test_public_docstrings_have_the_sections_of_numpy():
    told = [
        (path, member) for path, member in public_members() if not (member.is_attribute or overrides(member))
    ]
    found = {path: lacks for path, member in told if (lacks := flaws(member))}
    assert len(told) > 200
    assert found == {}


DOCUMENTED = '''
def all_there(x: int, *rest: int) -> int:
    """Add.

    Parameters
    ----------
    x : int
        One.
    *rest
        Others.

    Returns
    -------
    int
    """

def another_name(x: int) -> int:
    """Add.

    Parameters
    ----------
    y : int
        One.

    Returns
    -------
    int
    """

def nothing_returned(x: int) -> int:
    """Add.

    Parameters
    ----------
    x : int
        One.
    """

def silent(x: int): ...

class NoExample:
    """A number.

    Parameters
    ----------
    x : int
        It.
    """

    def __init__(self, x: int): ...
'''


@pytest.mark.parametrize(
    ("name", "lacks"),
    [
        ("all_there", []),
        ("another_name", ["Parameters of x"]),
        ("nothing_returned", ["Returns"]),
        ("silent", ["no docstring"]),
        ("NoExample", ["Examples"]),
    ],
)
def test_what_is_lacking_is_found(name, lacks):
    module = griffe.visit("planted", filepath=None, code=DOCUMENTED)
    assert flaws(module[name]) == lacks
