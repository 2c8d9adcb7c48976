"""Sphinx configuration: Markdown pages, warnings are errors (see `make docs`)."""

from usance import __version__

project = "Usance"
copyright = "The Usance developers"  # noqa: A001 -- the name that Sphinx gives this setting
release = __version__
extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"Usance {release}"
myst_heading_anchors = 3
