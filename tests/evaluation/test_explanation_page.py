from __future__ import annotations

import re
from html.parser import HTMLParser

from tests.tiny_models import saved_model
from textsim.evaluation.explanation_page import explanation_page
from textsim.matching.explain import explain
from textsim.matching.text_matcher import TextMatcher


def test_a_page_of_its_own_with_every_number() -> None:
    found = explain(TextMatcher(saved_model("bilstm-attention")), "花<b>呗&", '"还款')
    page = explanation_page(found)
    HTMLParser().feed(page)
    assert "<b>" not in page and not re.search(r"(src|href|url)\s*[=(]", page)
    for token in (*found.tokens_a, *found.tokens_b):
        assert f"{token.contribution:+.3f}" in page
    assert page.count("<td style=") == found.matrix.size
