"""Formulas as MathML, which browsers draw by themselves: no script, no font and no other machine is needed."""

from __future__ import annotations

from latex2mathml.converter import convert
from sphinx.util.docutils import SphinxTranslator


def _inline(self: SphinxTranslator, node) -> None:
    self.body.append(convert(node.astext(), display="inline"))
    _skip()


def _block(self: SphinxTranslator, node) -> None:
    # A wide formula scrolls by itself, so that a page on a phone does not; tabindex lets keys scroll it too.
    formula = convert(node.astext(), display="block")
    self.body.append(f'<div class="formula" role="group" aria-label="formula" tabindex="0">{formula}</div>')
    _skip()


def _skip() -> None:
    from docutils.nodes import SkipNode

    raise SkipNode


def setup(app) -> dict[str, bool]:
    app.add_html_math_renderer("mathml", (_inline, None), (_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
