"""Examine the bundled checkpoint and write what it can and cannot do to its card and to the docs: `python docs/behavior.py`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import qalens
from qalens.behavior.model_card import behavior_markdown, behaviors_markdown
from qalens.behavior.report import BehaviorReport, BehaviorResult

ROOT = Path(__file__).parents[1]
CARD = ROOT / "qalens" / "checkpoints" / "minilm-squad2" / "README.md"
PAGE = ROOT / "docs" / "concepts" / "behavior.md"
CASES = 100
BEGIN, END = "<!-- behaviour: written by docs/behavior.py -->", "<!-- /behaviour -->"
SECTION = re.compile(f"{re.escape(BEGIN)}.*?{re.escape(END)}\n?", re.DOTALL)


def section(report: BehaviorReport) -> str:
    """What the report shows, as a section of a page: in words, as a grid, and test by test."""
    return "\n".join(
        [
            BEGIN,
            "## Behaviour of the bundled checkpoint",
            "",
            f"Failures in {CASES} cases of each built-in test, in percent with 95 % Wilson intervals. Tests of one capability and "
            "kind are taken together in the first table.",
            "",
            *sentences(report),
            "",
            behavior_markdown(report),
            behaviors_markdown(report),
            "Measured with `python docs/behavior.py`.",
            END,
            "",
        ]
    )


def sentences(report: BehaviorReport) -> list[str]:
    """What the rates mean for a user; the ends of the intervals decide, not the values."""
    mostly = [one for one in report if one.failure_rate.low > 0.5]
    rarely = [one for one in report if one.failure_rate.high < 0.1]
    often = [one for one in report if one not in mostly and one not in rarely]
    said = {
        "**Not to be relied on** (it fails more than half of the cases)": mostly,
        "**To be checked** (it fails some)": often,
        "**Mostly passed** (it fails less than a tenth, of cases as simple as these)": rarely,
    }
    return [f"- {words}: {named(tests)}." for words, tests in said.items() if tests]


def named(tests: Iterable[BehaviorResult]) -> str:
    """Names of tests with their rates, highest first."""
    ranked = sorted(tests, key=lambda one: -one.failure_rate.value)
    return ", ".join(f"{one.name} {100 * one.failure_rate.value:.0f} %" for one in ranked)


def with_section(text: str, written: str) -> str:
    """A page with the section in the place of the one that it has, or at its end."""
    if SECTION.search(text):
        return SECTION.sub(lambda _: written, text)
    return f"{text.rstrip()}\n\n{written}"


def main() -> None:
    report = qalens.behavior.run(qalens.load(), cases=CASES)
    written = section(report)
    for path in (CARD, PAGE):
        path.write_text(with_section(path.read_text("utf-8"), written), "utf-8")


if __name__ == "__main__":
    main()
