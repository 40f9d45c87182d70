"""The site, built by `sphinx-build -W docs docs/_build/html`: offline, and nothing in it asks for another machine."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE / "extensions")]
from live import write_explorers  # noqa: E402

import qalens  # noqa: E402

project = "qalens"
author = "The qalens authors"
copyright = "The qalens authors, Apache-2.0"
version = release = qalens.__version__
language = "en"

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "mathml"]
exclude_patterns = ["_build", "extensions", "**/README.md"]
myst_enable_extensions = ["amsmath", "attrs_inline", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
# The notebooks are committed with their outputs, and tests execute them; here they are only shown.
nb_execution_mode = "off"
nb_merge_streams = True
# A live view carries its own static export, a page that works without a kernel; so no widget manager is loaded,
# which would come from another machine.
nb_ipywidgets_js = {}
nb_mime_priority_overrides = [("html", "text/html", 0)]

# Docstrings have NumPy sections, and code in single backticks so that they read well in a terminal.
default_role = "literal"
# Types are written by their short names, of which some belong to two classes, such as `Place`.
suppress_warnings = ["ref.python"]
napoleon_google_docstring = False
# As a list, since each name of an attribute would become a reference to anything with that name.
napoleon_custom_sections = [("Attributes", "params_style")]
napoleon_use_rtype = False

# Straight quotes, as they are typed: options are strings.
smartquotes = False
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
add_module_names = False
python_use_unqualified_type_names = True

html_theme = "pydata_sphinx_theme"
html_title = "qalens"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_js_files = ["site.js"]
html_favicon = "_static/favicon.svg"
html_math_renderer = "mathml"
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "logo": {"text": "qalens"},
    "navbar_align": "left",
    "navbar_end": ["theme-switcher"],
    "navigation_with_keys": False,
    "header_links_before_dropdown": 8,
    "show_toc_level": 2,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}


def lay_in_notebooks(*_: object) -> None:
    """Copy the notebooks beside the pages, since Sphinx reads one folder."""
    folder = HERE / "tutorials"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(
        HERE.parent / "notebooks", folder, ignore=shutil.ignore_patterns(".*", "*.py", "__pycache__")
    )


def write_live_pages(app, exception: Exception | None) -> None:
    """Write the explorers of the first page, and the page of the playground, beside the built pages."""
    if exception is None and app.builder.format == "html":
        write_explorers(Path(app.outdir) / "_static" / "live")


def setup(app) -> None:
    app.connect("config-inited", lay_in_notebooks)
    app.connect("build-finished", write_live_pages)
