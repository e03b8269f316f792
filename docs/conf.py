"""How the pages are made. Nothing here uses the network."""

from __future__ import annotations

import re
import sys

from sphinx.application import Sphinx
from sphinx.pycode import ModuleAnalyzer
from sphinx.search.en import SearchEnglish

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


class SearchChinese(SearchEnglish):
    """Finds Chinese text by pairs of characters, and everything else by words, as in English.

    Sphinx's own class finds no Chinese without jieba, and names a stemmer that no script has.
    """

    lang = "zh"
    js_splitter_code = r"""
function splitQuery(query) {
  const runs = query.match(/\p{Script=Han}+|(?:(?!\p{Script=Han})[\p{L}\p{N}_])+/gu) || [];
  return runs.flatMap(function (run) {
    if (!/^\p{Script=Han}{2,}$/u.test(run)) return [run];
    return Array.from({ length: run.length - 1 }, function (_, n) { return run.slice(n, n + 2); });
  });
}
"""

    def split(self, input: str) -> list[str]:  # noqa: A002 - the name of the base
        """Return the words of a text, and the pairs of neighbouring Chinese characters."""
        words = []
        for run in re.findall(r"[\u3400-\u9fff]+|[^\W\u3400-\u9fff]+", input):
            pairs = [run[n : n + 2] for n in range(len(run) - 1)] if run[0] >= "\u3400" else []
            words += pairs or [run]
        return words


def setup(app: Sphinx) -> None:
    app.add_search_language(SearchChinese)
    for name in aiocapdist.__all__:
        getattr(aiocapdist, name)
    _read_attribute_docstrings()
