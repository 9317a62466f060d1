from __future__ import annotations

from textsim.evaluation.row_scores import translation
from textsim.text.vocabulary import Vocabulary


def test_translation_reads_tokens_not_places() -> None:
    source, target = Vocabulary(["手机", "好", "鑫"]), Vocabulary(["[", "U", "好", "手"])
    pieces = [ids.tolist() for ids in translation(source, target)]
    assert pieces == [[0], [1], [5, 1], [4], [1]]
