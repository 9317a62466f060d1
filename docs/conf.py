"""Settings of the documentation site: one Sphinx project, read twice, by `docs/build.py`."""

from __future__ import annotations

import os
import sys

from sphinx.search.zh import SearchChinese

sys.path.insert(0, os.path.abspath(".."))

chinese = tags.has("zh")  # type: ignore[name-defined]  # noqa: F821  (Sphinx puts `tags` here)

project = "textsim"
author = "The textsim authors"
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
html_static_path: list[str] = []
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
html_context = {
    "other_language": "en" if chinese else "zh",
    "other_language_name": "English" if chinese else "中文",
}


class SegmentedChinese(SearchChinese):
    """Chinese search whose queries are segmented as the pages are; Sphinx alone looks for the whole query as one word."""

    js_splitter_code = """
var splitQuery = (query) =>
  [...new Intl.Segmenter("zh", { granularity: "word" }).segment(query)]
    .filter((part) => part.isWordLike)
    .map((part) => part.segment);
"""


def setup(app: object) -> None:
    """Puts the search of this site in the place of Sphinx's."""
    from sphinx import search

    search.languages["zh"] = SegmentedChinese
