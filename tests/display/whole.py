"""The picture of a record with all its words as text, as a page has it."""

from qalens.display import content_of
from qalens.display.html.element import join
from qalens.display.html.page import figure, styles


def whole(record):
    """The styles and the figure of a record, nothing of it in attributes alone."""
    return join(styles(), figure(content_of(record))).to_html()
