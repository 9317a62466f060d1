"""Settings of the documentation site: one Sphinx project, read twice, by `docs/build.py`."""

from __future__ import annotations

import gettext
import os
import re
import sys

from docutils import nodes
from sphinx import locale, search
from sphinx.application import Sphinx
from sphinx.search.zh import SearchChinese

sys.path.insert(0, os.path.abspath(".."))

chinese = tags.has("zh")  # type: ignore[name-defined]  # noqa: F821  (Sphinx puts `tags` here)

project = "textsim"
author = "The textsim authors"
html_show_copyright = False
language = "zh_CN" if chinese else "en"
html_title = "textsim 文档" if chinese else "textsim documentation"

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
templates_path = ["_templates"]

# The API reference comes from docstrings. It is built without the libraries that training needs.
autodoc_mock_imports = ["tensorflow", "keras", "gensim", "sklearn", "matplotlib", "zhplot", "scipy"]
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
python_display_short_literal_types = True
python_use_unqualified_type_names = True
napoleon_use_rtype = False
# Docstrings quote code in single backticks.
default_role = "code"

html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
html_sidebars = {
    "**": [
        "sidebar/brand.html",
        "sidebar/language.html",
        "sidebar/search.html",
        "sidebar/scroll-start.html",
        "sidebar/navigation.html",
        "sidebar/scroll-end.html",
    ]
}
html_theme_options = {
    "light_css_variables": {
        "font-stack": "system-ui, -apple-system, 'Segoe UI', 'PingFang SC', 'Microsoft YaHei', "
        "'Noto Sans CJK SC', 'Noto Sans SC', sans-serif",
    },
}
# No dictionary of words, see SearchPairs.
html_search_options = {"dict": ""}
html_context = {
    "other_language": "en" if chinese else "zh",
    "other_language_name": "English" if chinese else "中文",
}


class SearchPairs(SearchChinese):
    """Chinese search by pairs of neighbouring characters.

    Sphinx splits pages into words and takes a query for one word, so that few queries find anything. Here both are
    split into pairs, and those of a query that no page has are left out.
    """

    # Of the stemmer in the page's script. Sphinx names one that is not there.
    language_name = "English"
    js_splitter_code = """
var splitQuery = (query) =>
  (query.match(/[\\u4e00-\\u9fff]+|[a-zA-Z0-9_]+/g) ?? [])
    .flatMap((part) =>
      /[\\u4e00-\\u9fff]/.test(part)
        ? [...part].slice(1).map((character, place) => part[place] + character)
            .filter((pair) => pair in Search._index.terms || pair in Search._index.titleterms)
        : [part]
    );
"""

    def split(self, input: str) -> list[str]:
        runs = re.findall("[\u4e00-\u9fff]+", input)
        latin = self.latin1_letters.findall(input)
        self.latin_terms.update(latin)
        return [run[place : place + 2] for run in runs for place in range(len(run) - 1)] + latin


def join_lines(app: Sphinx, doctree: nodes.document) -> None:
    """Joins the lines of Chinese text without the space that HTML would show between them."""
    wide = re.compile("[\u3000-\u303f\u4e00-\u9fff\uff00-\uffef]")
    for line_end in [text for text in doctree.findall(nodes.Text) if text == "\n"]:
        siblings = line_end.parent.children
        place = next(k for k, sibling in enumerate(siblings) if sibling is line_end)
        if all(map(wide.match, (siblings[place - 1].astext()[-1:], siblings[place + 1].astext()[:1]))):
            del siblings[place]


THEME_WORDS = {
    "Previous": "上一页",
    "Next": "下一页",
    "Home": "首页",
    "On this page": "本页目录",
    "Back to top": "回到顶部",
    "Skip to content": "跳到正文",
    "Made with ": "主题：",
}


class ThemeWords(gettext.NullTranslations):
    """Chinese for the words of the theme, which has none."""

    def gettext(self, message: str) -> str:
        return THEME_WORDS.get(message, message)


def add_theme_words(app: Sphinx) -> None:
    locale.translators["general", "sphinx"].add_fallback(ThemeWords())


def setup(app: Sphinx) -> None:
    """Puts the search of this site in the place of Sphinx's, and joins lines."""
    if chinese:
        app.connect("builder-inited", add_theme_words)
    search.languages["zh"] = SearchPairs
    app.connect("doctree-read", join_lines)
