"""What every still view stands in: the styles, one figure, and a page that needs nothing else."""

from __future__ import annotations

import functools
import importlib.resources

from qalens.views.markup import Html, element, join

READING, EXPLANATIONS = "reading.css", "explanations.css"


@functools.cache
def styles(*sheets: str) -> Html:
    """The style sheets of the package as one `style` element.

    >>> styles("reading.css").startswith("<style>")
    True
    """
    # Ours and without a "<", so that they need no escaping.
    here = importlib.resources.files("qalens.views")
    return element("style", Html("\n".join(here.joinpath(sheet).read_text("utf-8") for sheet in sheets)))


def figure(*sections: str) -> Html:
    """Sections as one figure, within which all our styles hold.

    >>> figure("a < b")
    '<figure class="qalens" dir="ltr" lang="en">a &lt; b</figure>'
    """
    return element("figure", *sections, class_="qalens", dir="ltr", lang="en")


def page(title: str, style: Html, body: Html) -> Html:
    """A whole HTML page around a figure.

    >>> page("Who?", styles("reading.css"), figure("Ada")).splitlines()[0]
    '<!doctype html>'
    """
    head = join(
        Html(
            '<meta charset="utf-8">\n<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        ),
        element("title", f"{title} · qalens"),
        Html("\n"),
        style,
    )
    parts = join(element("head", head), Html("\n"), element("body", body, class_="qalens-page"))
    return Html(f'<!doctype html>\n<html lang="en">\n{parts}\n</html>\n')
