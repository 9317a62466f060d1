from __future__ import annotations

from pathlib import Path

import pytest

from tests.tiny_models import saved_model
from textsim.errors import DataFormatError
from textsim.evaluation.examples import nearest_examples
from textsim.matching.text_matcher import TextMatcher


def test_the_pair_itself_comes_first_whichever_side_is_first(tmp_path: Path) -> None:
    path = tmp_path / "pairs.tsv"
    path.write_text("今天天气\t你好吗\t0\n怎样还花呗\t花呗怎么还款\t1\n我\t我的\t0\n", encoding="utf-8")
    matcher = TextMatcher(saved_model("bilstm-attention"))
    found, report = nearest_examples(matcher, "花呗怎么还款", "怎样还花呗", path, k=2)
    assert report.rows == len(path.read_text(encoding="utf-8").splitlines())
    assert [example.label for example in found[:1]] == [1] and len(found) == 2
    assert found[0].similarity == pytest.approx(1, abs=1e-5) and found[0].similarity > found[1].similarity
    path.write_text("花呗\t还款\t七\n", encoding="utf-8")
    with pytest.raises(DataFormatError, match="line 1"):
        nearest_examples(matcher, "花呗", "还款", path)
