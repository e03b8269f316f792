"""How the pages are made. Nothing here uses the network."""

from __future__ import annotations

from importlib.metadata import version as installed_version

project = "aiocapdist"
author = "the aiocapdist contributors"
project_copyright = f"{author}, Apache-2.0"
version = release = installed_version("aiocapdist")

extensions = ["myst_parser", "sphinx.ext.autodoc"]
python_maximum_signature_line_length = 88
exclude_patterns = ["_build", "snippets"]

html_theme = "furo"
html_title = f"aiocapdist {release}"
html_static_path: list[str] = []

myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_default_options = {"members": True, "exclude-members": "model_config"}
