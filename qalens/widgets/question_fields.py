"""The upper part of `explore`: fields for a question and a text, how the reading is, and tabs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import traitlets

from qalens.display.labels import clip
from qalens.widgets.explorer import Explorer
from qalens.widgets.following import IDLE


class QuestionFields(Explorer):
    """The fields, how the reading is, and the tabs; what is below them is not theirs.

    - `question`, `context`: what stands in the fields
    - `status`: how the reading is
    - `tab`, `shown_tab`: the tab that is open, and the one whose explorer is there
    - `pressed`: what a button asks for by name ("stop", "read")

    >>> QuestionFields("Who?", "Ada kept it.", {"spans": "Spans"}, live=True).tab
    'spans'
    """

    script = "reading_explorer"

    question = traitlets.Unicode().tag(sync=True)
    context = traitlets.Unicode().tag(sync=True)
    status = traitlets.Dict().tag(sync=True)
    tab = traitlets.Unicode().tag(sync=True)
    shown_tab = traitlets.Unicode().tag(sync=True)

    def __init__(
        self,
        question: str,
        context: str,
        tabs: Mapping[str, str],
        *,
        live: bool,
        folded: bool = False,
        pressed: Mapping[str, Callable[[], None]] | None = None,
    ):
        first = next(iter(tabs))
        data = {"view": {"tabs": [[*one] for one in tabs.items()], "live": live, "folded": folded}}
        fields = {"question": question, "context": context, "status": IDLE, "tab": first, "shown_tab": first}
        super().__init__({**data, **fields})
        self._pressed = dict(pressed or {})
        self.on_msg(self._told)

    def summary(self) -> str:
        """The question."""
        return clip(self.question, 120)

    def _told(self, _: object, content: Any, __: object) -> None:
        asked = content.get("do") if isinstance(content, dict) else None
        if asked in self._pressed:
            self._pressed[asked]()
