"""No public signature changes unnoticed: `public_api.txt` beside this file says what they are."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

pytest.importorskip("griffe")
from public_api import public_api

FILE = Path(__file__).with_name("public_api.txt")


def test_public_signatures_are_those_of_the_list():
    found = public_api()
    if os.environ.get("QALENS_WRITE_PUBLIC_API"):
        FILE.write_text("\n".join(found) + "\n", encoding="utf-8")
    known = FILE.read_text(encoding="utf-8").splitlines()
    gone, new = sorted(set(known) - set(found)), sorted(set(found) - set(known))
    assert (gone, new) == ([], []), (
        "Public signatures changed. If that is meant, and docs/deprecation.md allows it, say so in CHANGELOG.md and write the "
        "list again: QALENS_WRITE_PUBLIC_API=1 python -m pytest tests/test_public_api.py"
    )


def test_the_list_has_what_people_type():
    names = {line.removeprefix("class ").split("(")[0].split(":")[0] for line in public_api()}
    assert {
        "qalens.load",
        "qalens.Reader.read",
        "qalens.explore",
        "qalens.widgets.SpanExplorer",
        "qalens.evaluate",
    } <= names
