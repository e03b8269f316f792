"""How the pages are made. Nothing here uses the network."""

from __future__ import annotations

import sys

from sphinx.pycode import ModuleAnalyzer

import aiocapdist

project = "aiocapdist"
author = "the aiocapdist contributors"
project_copyright = f"{author}, Apache-2.0"
version = release = aiocapdist.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "cyclopts.ext.sphinx",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinxext.opengraph",
]
python_maximum_signature_line_length = 88
exclude_patterns = ["_build", "_templates", "locale", "snippets"]

html_theme = "furo"
html_title = f"aiocapdist {release}"
html_static_path = ["_static"]
html_css_files = ["pages.css"]
templates_path = ["_templates"]
html_sidebars = {
    "**": [
        "sidebar/brand.html",
        "sidebar/search.html",
        "sidebar/scroll-start.html",
        "sidebar/language.html",
        "sidebar/navigation.html",
        "sidebar/scroll-end.html",
    ]
}

# Pages are translated whole: one catalogue for each.
locale_dirs = ["locale"]
gettext_compact = False
gettext_location = False

# Pages say what they are to search engines and in shared links; no picture is drawn for them.
ogp_site_url = "https://aiocapdist.readthedocs.io/"
ogp_enable_meta_description = True
ogp_social_cards = {"enable": False}

smartquotes = False  # messages are copied and searched as they stand
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_default_options = {"members": True, "exclude-members": "model_config"}


def _read_attribute_docstrings() -> None:
    """Let autodoc find docstrings of attributes: public classes name their package as module."""
    for package in ("aiocapdist", "aiocapdist.simulator"):
        face = ModuleAnalyzer.for_module(package)
        face.analyze()
        for module in [name for name in sys.modules if name.startswith(f"{package}.")]:
            if "_pb." not in module:
                face.attr_docs.update(ModuleAnalyzer.for_module(module).find_attr_docs())


def setup(app: object) -> None:
    for name in aiocapdist.__all__:
        getattr(aiocapdist, name)
    _read_attribute_docstrings()
