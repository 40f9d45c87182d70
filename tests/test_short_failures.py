"""A failure prints no more than a screen: long texts are told apart by their first difference."""

from __future__ import annotations

import pytest

LINES = "".join(f"line {k}\n" for k in range(5_000))


@pytest.mark.parametrize("kind", [str, str.encode])
@pytest.mark.parametrize(
    ("other", "told"),
    [(LINES.replace("line 4000", "another"), "another"), (LINES[:-5], "4998"), (f"x{LINES}", "xline 0")],
)
def test_long_texts_are_told_apart_by_their_first_difference(request, kind, other, told):
    compare = request.config.hook.pytest_assertrepr_compare
    (lines,) = [
        found
        for found in compare(config=request.config, op="==", left=kind(LINES), right=kind(other))
        if found[0].startswith("texts of 48,890 and")
    ]
    assert len(lines) == 3
    assert all(len(line) < 300 for line in lines)
    assert told in lines[2]


def test_short_texts_are_told_apart_as_ever(request):
    compare = request.config.hook.pytest_assertrepr_compare
    found = compare(config=request.config, op="==", left="Ada", right="Tom")
    assert not any(lines[0].startswith("texts of") for lines in found)
