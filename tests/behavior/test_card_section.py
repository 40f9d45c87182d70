"""The section on behaviour that a command writes to the card of the checkpoint and to the docs."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from rule_readers import SABOTEURS, RuleReader

from qalens import behavior

ROOT = Path(__file__).parents[2]
spec = importlib.util.spec_from_file_location("docs_behavior", ROOT / "docs" / "behavior.py")
docs_behavior = importlib.util.module_from_spec(spec)
spec.loader.exec_module(docs_behavior)


def test_a_section_takes_the_place_of_the_one_before() -> None:
    report = behavior.run(RuleReader(SABOTEURS["units"]), tests=["units"])
    first = docs_behavior.with_section("# A card\n", docs_behavior.section(report))
    assert first.startswith("# A card\n\n<!-- behaviour")
    assert "Not to be relied on** (it fails more than half of the cases): units 100 %" in first
    again = docs_behavior.with_section(f"{first}\n## Licence\n", docs_behavior.section(report))
    assert again.count("## Behaviour") == 1
    assert again.endswith("## Licence\n")


@pytest.mark.parametrize("path", [docs_behavior.CARD, docs_behavior.PAGE], ids=["card", "page"])
def test_card_and_page_have_a_section_with_every_test(path: Path) -> None:
    (written,) = docs_behavior.SECTION.findall(path.read_text("utf-8"))
    assert all(f"| {test.name} |" in written for test in behavior.BUILT_IN)
